//! Snapshots as scripts see them: host values over a shared market, read through getters, never copied into maps.

use std::cell::RefCell;
use std::fmt;
use std::sync::Arc;

use rhai::{Array, Dynamic, EvalAltResult, ImmutableString};

use super::books;
use super::error::fail;
use super::names::{Api, optional, shown};
use super::propose::{MOST_SHOWN, number};
use super::show::{Told, kind_of};
use crate::market::{Depth, Level, Market, Money, Price, Quote, Runner, RunnerId, TimeMs};

/// Most levels a script may ask of a ladder at once.
const MOST_LEVELS: i64 = 100;

type Outcome<T> = Result<T, Box<EvalAltResult>>;

/// A market at one moment.
#[derive(Clone, Debug)]
pub(super) struct MarketView(pub(super) Arc<Market>);

/// Texts of a small closed set, each made once: what a script reads is a share of it.
#[derive(Debug, Default)]
pub(super) struct Words(RefCell<Vec<ImmutableString>>);

impl Words {
    /// A text of the set.
    pub(super) fn text(&self, word: &str) -> ImmutableString {
        let mut known = self.0.borrow_mut();
        if let Some(made) = known.iter().find(|made| made.as_str() == word) {
            return made.clone();
        }
        let made = ImmutableString::from(word);
        known.push(made.clone());
        made
    }
}

/// The runners of a market, all or the active ones.
#[derive(Clone, Debug)]
pub(super) struct RunnersView {
    market: Arc<Market>,
    active_only: bool,
}

/// One runner of a market.
#[derive(Clone, Debug)]
pub(super) struct RunnerView {
    market: Arc<Market>,
    at: usize,
}

/// A price that can be taken, the size there if known, and who offers it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum QuoteView {
    /// A level of the exchange that runs the market.
    Exchange(Level, &'static str),
    /// A bookmaker's quote.
    Bookmaker(Quote),
}

impl QuoteView {
    fn price(&self) -> Price {
        match self {
            Self::Exchange(level, _) => level.price,
            Self::Bookmaker(quote) => quote.price,
        }
    }

    fn size(&self) -> Option<Money> {
        match self {
            Self::Exchange(level, _) => Some(level.size),
            Self::Bookmaker(quote) => quote.limit,
        }
    }

    fn book(&self) -> &str {
        match self {
            Self::Exchange(_, venue) => venue,
            Self::Bookmaker(quote) => quote.book.as_str(),
        }
    }

    fn updated_at(&self) -> Option<TimeMs> {
        match self {
            Self::Exchange(..) => None,
            Self::Bookmaker(quote) => Some(quote.updated_at),
        }
    }
}

impl fmt::Display for QuoteView {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} at {}", self.price().to_f64(), self.book())
    }
}

impl RunnerView {
    /// The runner itself.
    pub(super) fn get(&self) -> &Runner {
        &self.market.runners[self.at]
    }

    /// Which runner.
    pub(super) fn id(&self) -> RunnerId {
        self.get().id()
    }

    fn quote(&self, level: Option<Level>) -> Option<QuoteView> {
        let venue = self.market.definition.venue;
        level.map(|level| QuoteView::Exchange(level, venue))
    }

    /// The best that anybody offers to back; at the same price the exchange, which tells the size.
    fn best_back(&self) -> Option<QuoteView> {
        let runner = self.get();
        let on_exchange = runner.best_back();
        let quote = runner.quotes.best();
        let better =
            quote.filter(|quote| on_exchange.is_none_or(|level| quote.price > level.price));
        match better {
            Some(quote) => Some(QuoteView::Bookmaker(quote.clone())),
            None => self.quote(on_exchange),
        }
    }

    fn quotes<'l>(&self, levels: impl Iterator<Item = &'l Level>, most: i64) -> Outcome<Array> {
        if !(0..=MOST_LEVELS).contains(&most) {
            return Err(fail(format!(
                "a depth is 0 to {MOST_LEVELS} levels: {most} is not"
            )));
        }
        let most = usize::try_from(most).unwrap_or(0);
        Ok(levels
            .take(most)
            .filter_map(|level| self.quote(Some(*level)))
            .map(Dynamic::from)
            .collect())
    }
}

impl RunnersView {
    fn places(&self) -> impl Iterator<Item = usize> + '_ {
        let runners = self.market.runners.iter().enumerate();
        runners
            .filter(|(_, runner)| !self.active_only || runner.is_active())
            .map(|(at, _)| at)
    }

    fn len(&self) -> i64 {
        self.places().count() as i64
    }

    fn nth(&self, index: i64) -> Outcome<RunnerView> {
        usize::try_from(index)
            .ok()
            .and_then(|index| self.places().nth(index))
            .map(|at| RunnerView {
                market: Arc::clone(&self.market),
                at,
            })
            .ok_or_else(|| {
                fail(format!(
                    "there is no runner {index}: there are {}, counted from 0",
                    self.len()
                ))
            })
    }
}

/// Walks the runners of a market.
pub(super) struct RunnerIter {
    runners: RunnersView,
    next: usize,
}

impl Iterator for RunnerIter {
    type Item = RunnerView;
    fn next(&mut self) -> Option<RunnerView> {
        loop {
            let at = self.next;
            let runner = self.runners.market.runners.get(at)?;
            self.next += 1;
            if !self.runners.active_only || runner.is_active() {
                return Some(RunnerView {
                    market: Arc::clone(&self.runners.market),
                    at,
                });
            }
        }
    }
}

impl IntoIterator for RunnersView {
    type Item = RunnerView;
    type IntoIter = RunnerIter;
    fn into_iter(self) -> RunnerIter {
        RunnerIter {
            runners: self,
            next: 0,
        }
    }
}

/// Registers markets, runners and quotes.
pub(super) fn register(api: &mut Api) {
    api.kind::<MarketView>("Market", "market");
    api.kind::<RunnersView>("Runners", "market.runners");
    api.kind::<RunnerView>("Runner", "runner");
    api.kind::<QuoteView>("Quote", "quote");
    register_market(api);
    books::register(api);
    register_ladder(api);
    register_runners(api);
    register_runner(api);
    register_quote(api);
}

fn register_market(api: &mut Api) {
    api.group("The market");
    // Made straight from the text: a `String` between would be one more allocation.
    let text = |value: &str| ImmutableString::from(value);
    let statuses = Words::default();
    api.get("id", "the venue's name for it", move |m: &MarketView| {
        text(m.0.id.as_str())
    });
    api.get("venue", "which venue", move |m: &MarketView| {
        text(m.0.definition.venue)
    });
    api.get(
        "status",
        "OPEN, SUSPENDED, INACTIVE or CLOSED",
        move |m: &MarketView| statuses.text(m.0.status().as_str()),
    );
    api.get(
        "type",
        "WIN, PLACE, MATCH_ODDS, …",
        move |m: &MarketView| text(&m.0.definition.market_type),
    );
    api.get(
        "sport",
        "horse_racing, football, … or the venue's id",
        move |m: &MarketView| text(m.0.definition.sport()),
    );
    api.get_option("country", "country, or `()`", |m: &MarketView| {
        m.0.definition.country.clone()
    });
    api.get_option("course", "course, or `()`", |m: &MarketView| {
        m.0.definition.course.clone()
    });
    api.get_option("name", "name, or `()`", |m: &MarketView| {
        m.0.definition.name.clone()
    });
    api.get_option("event", "name of the event, or `()`", |m: &MarketView| {
        m.0.definition.event_name.clone()
    });
    api.get(
        "event_id",
        "the source's name of the event: markets of one event have the same",
        move |m: &MarketView| text(&m.0.definition.event_id),
    );
    api.get_option(
        "competition",
        "league or tournament, or `()`",
        |m: &MarketView| m.0.definition.competition.clone(),
    );
    api.get_option(
        "score",
        "how the event ended, as in [2, 1]; `()` before, and where it is not told",
        |m: &MarketView| {
            let score = m.0.definition.score?;
            let goals = [score.home, score.away].map(|goals| Dynamic::from(i64::from(goals)));
            Some(Dynamic::from(goals.to_vec()))
        },
    );
    api.get(
        "in_play",
        "whether the event is under way",
        |m: &MarketView| m.0.definition.in_play,
    );
    api.get(
        "bsp",
        "whether there is a starting price",
        |m: &MarketView| m.0.definition.bsp_market,
    );
    api.get(
        "bsp_reconciled",
        "whether the starting price is set",
        |m: &MarketView| m.0.definition.bsp_reconciled,
    );
    api.get(
        "seconds_to_start",
        "seconds to the scheduled start, below 0 after it",
        |m: &MarketView| m.0.ms_to_start() as f64 / 1000.0,
    );
    api.get(
        "number_of_winners",
        "1 in a WIN market",
        |m: &MarketView| i64::from(m.0.definition.number_of_winners),
    );
    api.get(
        "bet_delay",
        "seconds an in-play order waits",
        |m: &MarketView| i64::from(m.0.definition.bet_delay_seconds),
    );
    api.get(
        "commission",
        "commission as a ratio: 0.05 is 5 %",
        |m: &MarketView| f64::from(m.0.definition.base_rate) / 10_000.0,
    );
    api.get(
        "total_matched",
        "money matched, both sides",
        |m: &MarketView| m.0.traded_volume.to_f64(),
    );
    api.get_option("overround", "Σ 1/best price to back over active runners: 1.02 is 2 % against you; `()` if one has no price", |m: &MarketView| {
        book_sum(&m.0, best_price_to_back)
    });
    api.get_option(
        "underround",
        "the same with the best prices to lay",
        |m: &MarketView| book_sum(&m.0, |runner| runner.best_lay().map(|level| level.price)),
    );
    api.get("runners", "all runners", |m: &MarketView| RunnersView {
        market: Arc::clone(&m.0),
        active_only: false,
    });
    api.get("active", "those not withdrawn", |m: &MarketView| {
        RunnersView {
            market: Arc::clone(&m.0),
            active_only: true,
        }
    });
    api.function(
        "market.best_backs()",
        "best price to back of each active runner, in the order of market.active; `()` where there is none",
        |m: &mut MarketView| best_prices(&m.0, best_price_to_back),
    );
    api.function(
        "market.best_lays()",
        "the same to lay",
        |m: &mut MarketView| best_prices(&m.0, |runner| runner.best_lay().map(|level| level.price)),
    );
    api.function(
        "market.runner(id)",
        "one runner by id or key, or `()`",
        |m: &mut MarketView, id: Dynamic| -> Outcome<Dynamic> {
            let id = runner_id(&id).map_err(fail)?;
            let at = m.0.runners.iter().position(|runner| runner.id() == id);
            Ok(optional(at.map(|at| {
                Dynamic::from(RunnerView {
                    market: Arc::clone(&m.0),
                    at,
                })
            })))
        },
    );
}

fn best_prices(market: &Market, best: impl Fn(&Runner) -> Option<Price>) -> Array {
    let runners = market.active_runners();
    let prices = runners.map(|runner| best(runner).map(Price::to_f64));
    prices.map(optional).collect()
}

/// Σ 1/price over active runners; `None` where a runner has no price, as the sum would mislead.
fn book_sum(market: &Market, best: impl Fn(&Runner) -> Option<Price>) -> Option<f64> {
    market
        .active_runners()
        .map(|runner| best(runner).map(|price| 1.0 / price.to_f64()))
        .sum()
}

/// Whoever offers it.
pub(super) fn best_price_to_back(runner: &Runner) -> Option<Price> {
    let on_exchange = runner.best_back().map(|level| level.price);
    on_exchange.max(runner.quotes.best().map(|quote| quote.price))
}

fn register_ladder(api: &mut Api) {
    api.function(
        "market.ticks(price, n)",
        "the price n ticks longer (shorter if below 0), or `()` off the ladder",
        |m: &mut MarketView, price: Dynamic, ticks: i64| -> Outcome<Dynamic> {
            let price = ladder_price(&price)?;
            let there = m.0.definition.ladder.step(price, ticks);
            Ok(optional(there.map(Price::to_f64)))
        },
    );
    api.function(
        "market.ticks_between(from, to)",
        "ticks from one ladder price up to another",
        |m: &mut MarketView, from: Dynamic, to: Dynamic| -> Outcome<Dynamic> {
            let (from, to) = (ladder_price(&from)?, ladder_price(&to)?);
            Ok(optional(m.0.definition.ladder.ticks_between(from, to)))
        },
    );
    api.function(
        "market.nearest_price(odds)",
        "the nearest price an order may name",
        |m: &mut MarketView, odds: Dynamic| -> Outcome<f64> {
            let price = ladder_price(&odds)?;
            Ok(m.0.definition.ladder.nearest(price).to_f64())
        },
    );
}

fn ladder_price(value: &Dynamic) -> Outcome<Price> {
    let price = number(value).and_then(Price::nearest);
    price.ok_or_else(|| {
        let value = shown(&Told(value), MOST_SHOWN);
        fail(format!("a price is decimal odds: {value} is not"))
    })
}

fn register_runners(api: &mut Api) {
    api.group("Runners of a market");
    api.engine.register_iterator::<RunnersView>();
    api.get("len", "how many", RunnersView::len);
    api.function("market.runners.len()", "how many", |r: &mut RunnersView| {
        r.len()
    });
    api.function(
        "market.runners.to_array()",
        "as an array",
        |r: &mut RunnersView| r.clone().into_iter().map(Dynamic::from).collect::<Array>(),
    );
    api.engine
        .register_indexer_get(|r: &mut RunnersView, index: i64| r.nth(index));
}

fn register_runner(api: &mut Api) {
    api.group("A runner");
    let price = |price: Option<Price>| price.map(Price::to_f64);
    api.get("id", "the selection's number", |r: &RunnerView| {
        i64::try_from(r.id().selection).unwrap_or(i64::MAX)
    });
    api.get(
        "key",
        "a text that is unique also on handicap markets: use it as a map key",
        |r: &RunnerView| r.id().to_string(),
    );
    api.get(
        "handicap",
        "its line on handicap markets, else 0",
        |r: &RunnerView| f64::from(r.id().handicap) / 100.0,
    );
    api.get_option("name", "name, or `()`", |r: &RunnerView| {
        r.get().name.as_deref().map(ImmutableString::from)
    });
    api.get(
        "status",
        "ACTIVE, WINNER, LOSER, PLACED or REMOVED",
        |r: &RunnerView| ImmutableString::from(r.get().status.as_str()),
    );
    api.get(
        "is_active",
        "whether bets can be placed on it",
        |r: &RunnerView| r.get().is_active(),
    );
    api.get_option(
        "best_back",
        "the best quote a backer can take, of the exchange or a bookmaker, or `()`",
        |r: &RunnerView| r.best_back().map(Dynamic::from),
    );
    api.get_option(
        "best_lay",
        "the best quote a layer can take, or `()`",
        |r: &RunnerView| r.quote(r.get().best_lay()).map(Dynamic::from),
    );
    api.get_option(
        "last_traded",
        "last price matched, or `()`",
        move |r: &RunnerView| price(r.get().last_traded),
    );
    api.get(
        "total_matched",
        "money matched, both sides",
        |r: &RunnerView| r.get().traded_volume.to_f64(),
    );
    api.get_option(
        "bsp",
        "starting price once set, or `()`",
        move |r: &RunnerView| price(r.get().bsp),
    );
    api.get_option(
        "sp_near",
        "starting price as all bets so far project it, or `()`",
        move |r: &RunnerView| price(r.get().sp_near),
    );
    api.get_option(
        "sp_far",
        "the same from starting-price bets alone, or `()`",
        move |r: &RunnerView| price(r.get().sp_far),
    );
    api.get(
        "quotes",
        "what bookmakers offer, one quote of each",
        |r: &RunnerView| -> Array {
            let quotes = r.get().quotes.iter().cloned();
            quotes
                .map(|q| Dynamic::from(QuoteView::Bookmaker(q)))
                .collect()
        },
    );
    api.function(
        "runner.quote(book)",
        "what a bookmaker offers, as in runner.quote(\"B365\"), or `()`",
        |r: &mut RunnerView, book: &str| -> Dynamic {
            let mut quotes = r.get().quotes.iter();
            let quote = quotes.find(|quote| quote.book.as_str() == book).cloned();
            optional(quote.map(|quote| Dynamic::from(QuoteView::Bookmaker(quote))))
        },
    );
    api.function(
        "runner.back_depth(levels)",
        "the best quotes to back, at most 100",
        |r: &mut RunnerView, most: i64| r.quotes(r.get().to_back.levels().iter().rev(), most),
    );
    api.function(
        "runner.lay_depth(levels)",
        "the best quotes to lay, at most 100",
        |r: &mut RunnerView, most: i64| r.quotes(r.get().to_lay.levels().iter(), most),
    );
    api.function(
        "runner.size_at(side, price)",
        "money on offer at exactly this price; side is \"BACK\" or \"LAY\"",
        |r: &mut RunnerView, side: &str, price: Dynamic| {
            let depth = side_of(r.get(), side)?;
            Ok::<_, Box<EvalAltResult>>(depth.at(ladder_price(&price)?).to_f64())
        },
    );
    api.function(
        "runner.traded_at(price)",
        "money matched at exactly this price",
        |r: &mut RunnerView, price: Dynamic| {
            let volume: Money = r.get().traded.at(ladder_price(&price)?);
            Ok::<_, Box<EvalAltResult>>(volume.to_f64())
        },
    );
}

/// What waits on a side: `BACK` can be taken by backers.
pub(super) fn side_of<'r>(runner: &'r Runner, side: &str) -> Outcome<&'r Depth> {
    match side.to_ascii_uppercase().as_str() {
        "BACK" => Ok(&runner.to_back),
        "LAY" => Ok(&runner.to_lay),
        _ => Err(fail(format!(
            "a side is \"BACK\" or \"LAY\": \"{side}\" is not"
        ))),
    }
}

fn register_quote(api: &mut Api) {
    api.group("A quote");
    api.get("price", "decimal odds", |q: &QuoteView| q.price().to_f64());
    api.get_option(
        "size",
        "money there; `()` where a bookmaker does not say",
        |q: &QuoteView| q.size().map(Money::to_f64),
    );
    api.get("book", "who offers it", |q: &QuoteView| {
        ImmutableString::from(q.book())
    });
    api.get_option(
        "updated_at_ms",
        "when a bookmaker last changed or confirmed it; `()` on an exchange",
        |q: &QuoteView| q.updated_at().map(|at| at.0),
    );
}

/// Reads what names a runner: a runner, its id, or its key.
pub(super) fn runner_id(value: &Dynamic) -> Result<RunnerId, String> {
    if let Some(runner) = value.read_lock::<RunnerView>() {
        return Ok(runner.id());
    }
    let named = match value.as_int() {
        Ok(selection) => u64::try_from(selection).ok().map(RunnerId::new),
        Err(_) => value
            .as_immutable_string_ref()
            .ok()
            .and_then(|text| parse_key(&text)),
    };
    named.ok_or_else(|| {
        format!(
            "a runner is a runner of the market, its id or its key: a {} ({}) is not",
            kind_of(value),
            shown(&Told(value), MOST_SHOWN)
        )
    })
}

/// Reads what `runner.key` gives: `47972`, or `47972@-0.25` on a handicap market.
#[allow(clippy::cast_possible_truncation)]
fn parse_key(text: &str) -> Option<RunnerId> {
    let (selection, handicap) = text.split_once('@').unwrap_or((text, "0"));
    let handicap: f64 = handicap.parse().ok()?;
    let hundredths = (handicap * 100.0).round();
    (hundredths.is_finite() && hundredths.abs() <= 1e8).then_some(())?;
    Some(RunnerId {
        selection: selection.parse().ok()?,
        handicap: hundredths as i32,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_runner_is_found_by_the_key_it_gives(selection: u64, handicap in -100_000_i32..100_000) {
            let id = RunnerId { selection, handicap };
            prop_assert_eq!(runner_id(&id.to_string().into()), Ok(id));
        }
    }

    #[test]
    fn nonsense_names_no_runner() {
        for wrong in [
            Dynamic::UNIT,
            (-1_i64).into(),
            "x".into(),
            "1@inf".into(),
            1.5.into(),
        ] {
            assert!(runner_id(&wrong).is_err(), "{wrong}");
        }
    }
}
