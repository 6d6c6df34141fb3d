//! Market changes for one subscription: what differs between the books it was told of and the books as they are.
//!
//! Nothing is queued: a reader that is slow, or asked for it, is told of several changes as one.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::{Value, json};

use super::world::World;
use crate::market::{Depth, Level, Market, MarketId, MarketStatus, Price, Runner};
use crate::venue::betfair::{DataFilter, Field, MarketSubscription, StreamFilter};

/// Levels of the best offers if a client does not say, and at most.
const LEVELS: u8 = 3;
const MOST_LEVELS: u8 = 10;
/// Most markets in a subscription.
pub(super) const MOST_MARKETS: usize = 200;
/// How many messages back a client may resume from.
const KEPT: usize = 64;
/// How many images are remembered for clients that come back.
const IMAGES: usize = 64;

/// A market as a subscription was told of it.
#[derive(Clone, Debug)]
struct Told {
    book: Arc<Market>,
    definition: Arc<Value>,
}

type AllTold = BTreeMap<MarketId, Told>;

/// What a subscription was told with its last messages, by clock.
#[derive(Debug)]
pub(super) struct Memory {
    initial_clk: String,
    criteria: (StreamFilter, DataFilter),
    told: VecDeque<(u64, Arc<AllTold>)>,
}

/// What is remembered for clients that come back.
#[derive(Debug, Default)]
pub(super) struct Memories(Mutex<VecDeque<Arc<Mutex<Memory>>>>);

/// How a subscription begins.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Beginning {
    /// With everything.
    Image,
    /// With what changed since the client's clock.
    Delta,
}

/// One subscription to markets.
#[derive(Debug)]
pub(super) struct MarketFeed {
    filter: StreamFilter,
    data: DataFilter,
    told: Arc<AllTold>,
    memory: Arc<Mutex<Memory>>,
    pub(super) initial_clk: String,
    clk: u64,
}

impl Memories {
    /// Begins a subscription, or goes on with one. `None` if the client's clock is not known.
    pub(super) fn begin(
        &self,
        asked: MarketSubscription,
        name: String,
    ) -> Option<(MarketFeed, Beginning)> {
        let filter = asked.market_filter.unwrap_or_default();
        let data = asked.market_data_filter.unwrap_or_default();
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let (Some(initial), Some(clk)) = (asked.delivery.initial_clk, asked.delivery.clk) {
            let known = all
                .iter()
                .find(|memory| locked(memory).initial_clk == initial)?;
            let memory = locked(known);
            let clk: u64 = clk.parse().ok()?;
            let same = memory.criteria == (filter.clone(), data.clone());
            let told = memory.told.iter().find(|(at, _)| *at == clk && same);
            if let Some((_, told)) = told {
                let feed = MarketFeed {
                    told: Arc::clone(told),
                    memory: Arc::clone(known),
                    initial_clk: initial,
                    clk: memory.told.back().map_or(clk, |(last, _)| *last),
                    filter,
                    data,
                };
                return Some((feed, Beginning::Delta));
            }
        }
        let memory = Arc::new(Mutex::new(Memory {
            initial_clk: name.clone(),
            criteria: (filter.clone(), data.clone()),
            told: VecDeque::new(),
        }));
        all.push_back(Arc::clone(&memory));
        if all.len() > IMAGES {
            all.pop_front();
        }
        let feed = MarketFeed {
            filter,
            data,
            told: Arc::default(),
            memory,
            initial_clk: name,
            clk: 0,
        };
        Some((feed, Beginning::Image))
    }
}

fn locked(memory: &Mutex<Memory>) -> std::sync::MutexGuard<'_, Memory> {
    memory.lock().unwrap_or_else(PoisonError::into_inner)
}

impl MarketFeed {
    /// How many markets it would be told of.
    pub(super) fn count(&self, world: &World) -> usize {
        world
            .books
            .iter()
            .filter(|market| self.wants(market))
            .count()
    }

    fn wants(&self, market: &Market) -> bool {
        // What it was told of, it is told the end of.
        let is_known = self.told.contains_key(&market.id);
        (is_known || market.status() != MarketStatus::Closed) && wants(&self.filter, market)
    }

    pub(super) fn clk(&self) -> String {
        self.clk.to_string()
    }

    /// What has changed since it was told last. It is taken as told.
    pub(super) fn changes(&mut self, world: &World) -> Vec<Value> {
        let mut fresh: Vec<(MarketId, Told)> = Vec::new();
        for market in world.books.iter().filter(|market| self.wants(market)) {
            let known = self.told.get(&market.id);
            if known.is_some_and(|told| Arc::ptr_eq(&told.book, market)) {
                continue;
            }
            if let Some(definition) = world.definitions.get(&market.id) {
                let told = Told {
                    book: Arc::clone(market),
                    definition: Arc::clone(definition),
                };
                fresh.push((market.id.clone(), told));
            }
        }
        let mut changes = Vec::new();
        let told = Arc::make_mut(&mut self.told);
        for (id, new) in fresh {
            let change = difference(&self.data, told.get(&id), &new);
            told.insert(id, new);
            changes.extend(change);
        }
        changes
    }

    /// A message leaves: from here on the client may come back to it.
    pub(super) fn tick(&mut self) -> String {
        self.clk += 1;
        let mut memory = locked(&self.memory);
        memory.told.push_back((self.clk, Arc::clone(&self.told)));
        if memory.told.len() > KEPT {
            memory.told.pop_front();
        }
        self.clk()
    }
}

/// Whether a filter of the stream wants a market.
fn wants(filter: &StreamFilter, market: &Market) -> bool {
    let definition = &market.definition;
    let one_of = |list: &Option<Vec<String>>, found: &str| {
        let list = list.as_deref().unwrap_or_default();
        list.is_empty() || list.iter().any(|wanted| wanted.eq_ignore_ascii_case(found))
    };
    let betting_type = serde_json::to_value(definition.betting_type).unwrap_or_default();
    one_of(&filter.market_ids, market.id.as_str())
        && one_of(&filter.event_type_ids, &definition.sport_id)
        && one_of(&filter.event_ids, &definition.event_id)
        && one_of(&filter.market_types, &definition.market_type)
        && one_of(
            &filter.venues,
            definition.course.as_deref().unwrap_or_default(),
        )
        && one_of(
            &filter.country_codes,
            definition.country.as_deref().unwrap_or_default(),
        )
        && one_of(
            &filter.betting_types,
            betting_type.as_str().unwrap_or_default(),
        )
        && filter
            .bsp_market
            .is_none_or(|bsp| bsp == definition.bsp_market)
        && filter
            .turn_in_play_enabled
            .is_none_or(|turns| turns == definition.turn_in_play)
}

/// One market's change; `None` if nothing that is wanted has changed.
fn difference(data: &DataFilter, old: Option<&Told>, new: &Told) -> Option<Value> {
    let fields = data.fields.as_deref().unwrap_or_default();
    let wants = |field| fields.is_empty() || fields.contains(&field);
    let mut change = json!({ "id": new.book.id });
    let is_new = old.is_none();
    if is_new {
        change["img"] = json!(true);
    }
    let redefined = old.is_none_or(|old| !Arc::ptr_eq(&old.definition, &new.definition));
    if redefined && wants(Field::ExMarketDef) {
        change["marketDefinition"] = Value::clone(&new.definition);
    }
    let volume = new.book.traded_volume;
    let traded = old.map_or(volume.is_positive(), |old| old.book.traded_volume != volume);
    if traded && wants(Field::ExTradedVol) {
        change["tv"] = json!(volume.to_f64());
    }
    let levels = data.ladder_levels.unwrap_or(LEVELS).clamp(1, MOST_LEVELS);
    let empty = Runner::default();
    let runners: Vec<Value> = new
        .book
        .runners
        .iter()
        .filter_map(|runner| {
            let before = old.and_then(|old| old.book.runner(runner.id()));
            runner_difference(
                &wants,
                usize::from(levels),
                before.unwrap_or(&empty),
                runner,
            )
        })
        .collect();
    if !runners.is_empty() {
        change["rc"] = Value::Array(runners);
    }
    let says_something = change.as_object().is_some_and(|members| members.len() > 1);
    says_something.then_some(change)
}

fn runner_difference(
    wants: &impl Fn(Field) -> bool,
    levels: usize,
    old: &Runner,
    new: &Runner,
) -> Option<Value> {
    let mut change = json!({});
    let mut price = |name: &str, wanted: bool, old: Option<Price>, new: Option<Price>| {
        if let Some(new) = new.filter(|new| wanted && old != Some(*new)) {
            change[name] = json!(new.to_f64());
        }
    };
    price("ltp", wants(Field::ExLtp), old.last_traded, new.last_traded);
    let projected = wants(Field::SpProjected);
    price("spn", projected, old.sp_near, new.sp_near);
    price("spf", projected, old.sp_far, new.sp_far);
    if wants(Field::ExTradedVol) && old.traded_volume != new.traded_volume {
        change["tv"] = json!(new.traded_volume.to_f64());
    }
    for (name, field, old, new) in [
        ("atb", Field::ExAllOffers, &old.to_back, &new.to_back),
        ("atl", Field::ExAllOffers, &old.to_lay, &new.to_lay),
        ("trd", Field::ExTraded, &old.traded, &new.traded),
        ("spb", Field::SpTraded, &old.sp_back, &new.sp_back),
        ("spl", Field::SpTraded, &old.sp_lay, &new.sp_lay),
    ] {
        let changed = if wants(field) {
            by_price(old, new)
        } else {
            Vec::new()
        };
        if !changed.is_empty() {
            change[name] = json!(changed);
        }
    }
    for (names, field) in [
        (["batb", "batl"], Field::ExBestOffers),
        (["bdatb", "bdatl"], Field::ExBestOffersDisp),
    ] {
        if !wants(field) {
            continue;
        }
        let backs = by_position(
            old.to_back.levels().iter().rev(),
            new.to_back.levels().iter().rev(),
            levels,
        );
        let lays = by_position(
            old.to_lay.levels().iter(),
            new.to_lay.levels().iter(),
            levels,
        );
        for (name, changed) in names.into_iter().zip([backs, lays]) {
            if !changed.is_empty() {
                change[name] = json!(changed);
            }
        }
    }
    if change.as_object().is_none_or(serde_json::Map::is_empty) {
        return None;
    }
    let id = new.id();
    change["id"] = json!(id.selection);
    if id.handicap != 0 {
        change["hc"] = json!(f64::from(id.handicap) / 100.0);
    }
    Some(change)
}

/// `[[price, size], …]` of what differs; size 0 where a price is gone.
fn by_price(old: &Depth, new: &Depth) -> Vec<(f64, f64)> {
    if old == new {
        return Vec::new();
    }
    let gone = old
        .levels()
        .iter()
        .filter(|level| !new.at(level.price).is_positive());
    let gone = gone.map(|level| (level.price.to_f64(), 0.0));
    let there = new
        .levels()
        .iter()
        .filter(|level| old.at(level.price) != level.size);
    gone.chain(there.map(|level| (level.price.to_f64(), level.size.to_f64())))
        .collect()
}

/// `[[position, price, size], …]` of the first positions that differ; price and size 0 where one is empty now.
fn by_position<'d>(
    old: impl Iterator<Item = &'d Level>,
    new: impl Iterator<Item = &'d Level>,
    most: usize,
) -> Vec<(usize, f64, f64)> {
    let old: Vec<&Level> = old.take(most).collect();
    let new: Vec<&Level> = new.take(most).collect();
    (0..old.len().max(new.len()))
        .filter_map(|at| match (old.get(at), new.get(at)) {
            (old, Some(level)) if old != Some(level) => {
                Some((at, level.price.to_f64(), level.size.to_f64()))
            }
            (Some(_), None) => Some((at, 0.0, 0.0)),
            _ => None,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::market::{Books, Money};
    use crate::source::Recording;
    use crate::source::generate::{Kind, Spec, generate};
    use crate::venue::betfair::{Decoder, Delivery};

    fn depth(levels: &[(u64, i64)]) -> Depth {
        let mut depth = Depth::default();
        for &(hundredths, pence) in levels {
            depth.set(Price::from_hundredths(hundredths), Money::from_minor(pence));
        }
        depth
    }

    #[test]
    fn ladders_tell_what_is_gone_and_what_is_new() {
        let (old, new) = (
            depth(&[(300, 200), (305, 100)]),
            depth(&[(300, 250), (310, 50)]),
        );
        assert_eq!(by_price(&old, &new), [(3.05, 0.0), (3.0, 2.5), (3.1, 0.5)]);
        assert_eq!(by_price(&new, &new), []);
        let best = by_position(old.levels().iter(), new.levels().iter(), 1);
        assert_eq!(best, [(0, 3.0, 2.5)]);
        let emptied = by_position(old.levels().iter(), [].iter(), 3);
        assert_eq!(emptied, [(0, 0.0, 0.0), (1, 0.0, 0.0)]);
    }

    /// Books built from what a subscription is told are the books that it is told of, however often it is told.
    #[test]
    fn whoever_applies_the_changes_has_the_books() {
        let mut bytes = Vec::new();
        let spec = Spec::new(Kind::Win, 3);
        generate(&spec, &mut bytes).unwrap();
        let mut recording = Recording::of("generated", &bytes[..]);
        let (mut books, mut copy) = (Books::default(), Books::default());
        let mut decoder = Decoder::new();
        let mut told: Option<Told> = None;
        let mut raw = Arc::new(Value::Null);
        let (mut count, mut seen) = (0, 0);
        while let Some(update) = recording.next().unwrap() {
            for delta in update.deltas {
                books.apply(update.published_at, delta);
                if delta.definition.is_some() {
                    let line: Value = serde_json::from_slice(update.raw).unwrap();
                    raw = Arc::new(line["mc"][0]["marketDefinition"].clone());
                }
            }
            count += 1;
            if count % 7 != 1 {
                continue;
            }
            let book = Arc::clone(books.iter().next().unwrap());
            let new = Told {
                book,
                definition: Arc::clone(&raw),
            };
            if let Some(change) = difference(&all_offers(), told.as_ref(), &new) {
                let line =
                    json!({"op": "mcm", "pt": update.published_at.0, "mc": [change]}).to_string();
                decoder.decode(line.as_bytes()).unwrap();
                for delta in decoder.deltas() {
                    copy.apply(update.published_at, delta);
                }
            }
            let (original, copied) = (&new.book, copy.iter().next().unwrap());
            assert_eq!(original.definition, copied.definition);
            assert_eq!(original.traded_volume, copied.traded_volume);
            for runner in &original.runners {
                let twin = copied.runner(runner.id()).unwrap();
                assert_eq!(runner.to_back, twin.to_back);
                assert_eq!(runner.to_lay, twin.to_lay);
                assert_eq!(runner.traded, twin.traded);
                assert_eq!(runner.last_traded, twin.last_traded);
                assert_eq!(runner.sp_back, twin.sp_back);
            }
            seen += 1;
            told = Some(new);
        }
        assert!(seen > 50, "{seen} moments");
    }

    fn all_offers() -> DataFilter {
        DataFilter {
            ladder_levels: None,
            fields: Some(vec![
                Field::ExAllOffers,
                Field::ExTraded,
                Field::ExTradedVol,
                Field::ExLtp,
                Field::ExMarketDef,
                Field::SpTraded,
                Field::SpProjected,
            ]),
        }
    }

    #[test]
    fn a_clock_that_is_known_goes_on_and_one_that_is_not_is_refused() {
        let memories = Memories::default();
        let asked = |clk: Option<(&str, &str)>| MarketSubscription {
            delivery: Delivery {
                initial_clk: clk.map(|(initial, _)| initial.to_owned()),
                clk: clk.map(|(_, clk)| clk.to_owned()),
                ..Delivery::default()
            },
            ..MarketSubscription::default()
        };
        let (mut feed, beginning) = memories.begin(asked(None), "a".to_owned()).unwrap();
        assert_eq!(beginning, Beginning::Image);
        for _ in 0..KEPT {
            feed.tick();
        }
        let (_, beginning) = memories
            .begin(asked(Some(("a", "3"))), "b".to_owned())
            .unwrap();
        assert_eq!(beginning, Beginning::Delta);
        feed.tick();
        let (_, beginning) = memories
            .begin(asked(Some(("a", "1"))), "c".to_owned())
            .unwrap();
        assert_eq!(beginning, Beginning::Image, "too long ago");
        assert!(
            memories
                .begin(asked(Some(("z", "1"))), "d".to_owned())
                .is_none()
        );
        let mut other = asked(Some(("a", "3")));
        other.market_data_filter = Some(all_offers());
        let (_, beginning) = memories.begin(other, "e".to_owned()).unwrap();
        assert_eq!(beginning, Beginning::Image, "other fields");
    }
}
