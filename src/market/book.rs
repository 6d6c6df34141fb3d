//! Books: the present state of every market, kept by applying changes in order.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;

use super::depth::Positions;
use super::{
    Depth, LadderKind, Level, LevelChange, MarketDefinition, MarketDelta, MarketId, MarketStatus,
    Money, Price, Quotes, RunnerDelta, RunnerId, RunnerStatus, TimeMs,
};

/// One runner's present state.
#[derive(Clone, Debug, Default)]
pub struct Runner {
    id: Option<RunnerId>,
    /// State from the definition.
    pub status: RunnerStatus,
    /// Name, where the feed has it.
    pub name: Option<Arc<str>>,
    /// Last traded price.
    pub last_traded: Option<Price>,
    /// Traded volume, both sides.
    pub traded_volume: Money,
    /// What a backer can take; the best price is the highest.
    pub to_back: Depth,
    /// What a layer can take; the best price is the lowest.
    pub to_lay: Depth,
    /// Traded volume by price, both sides.
    pub traded: Depth,
    /// Starting-price bets to back, by price.
    pub sp_back: Depth,
    /// Starting-price bets to lay, by price.
    pub sp_lay: Depth,
    /// Projected starting price from all bets so far.
    pub sp_near: Option<Price>,
    /// Projected starting price from starting-price bets alone.
    pub sp_far: Option<Price>,
    /// What bookmakers offer.
    pub quotes: Quotes,
    /// Starting price after reconciliation.
    pub bsp: Option<Price>,
    /// Reduction factor in hundredths of a percent.
    pub adjustment_factor: Option<u32>,
    has_full_depth: bool,
    best_back: Positions,
    best_lay: Positions,
    display_back: Positions,
    display_lay: Positions,
}

impl Runner {
    fn new(id: RunnerId) -> Self {
        Self {
            id: Some(id),
            // Until a definition lists it, nothing can be bet on it.
            status: RunnerStatus::Hidden,
            ..Self::default()
        }
    }

    /// Which runner.
    #[must_use]
    pub fn id(&self) -> RunnerId {
        self.id.expect("a runner in a book has an id")
    }

    /// The best level a backer can take.
    #[must_use]
    pub fn best_back(&self) -> Option<Level> {
        self.to_back.highest()
    }

    /// The best level a layer can take.
    #[must_use]
    pub fn best_lay(&self) -> Option<Level> {
        self.to_lay.lowest()
    }

    /// Whether bets can be placed on it.
    #[must_use]
    pub fn is_active(&self) -> bool {
        self.status == RunnerStatus::Active
    }

    fn forget_prices(&mut self) {
        *self = Self {
            id: self.id,
            status: self.status,
            name: self.name.take(),
            bsp: self.bsp,
            adjustment_factor: self.adjustment_factor,
            ..Self::default()
        };
    }

    fn apply(&mut self, change: &RunnerDelta, levels: &[LevelChange]) {
        self.last_traded = change.last_traded.or(self.last_traded);
        self.traded_volume = change.traded_volume.unwrap_or(self.traded_volume);
        self.sp_near = change.sp_near.or(self.sp_near);
        self.sp_far = change.sp_far.or(self.sp_far);
        let mut positions_changed = false;
        for level in levels {
            let (position, price, size) = (level.position, level.price, level.size);
            match level.ladder {
                LadderKind::Back => {
                    self.take_full_depth();
                    self.to_back.set(price, size);
                }
                LadderKind::Lay => {
                    self.take_full_depth();
                    self.to_lay.set(price, size);
                }
                LadderKind::Traded => self.traded.set(price, size),
                LadderKind::StartingBack => self.sp_back.set(price, size),
                LadderKind::StartingLay => self.sp_lay.set(price, size),
                LadderKind::BestBack => self.best_back.set(position, price, size),
                LadderKind::BestLay => self.best_lay.set(position, price, size),
                LadderKind::DisplayBack => self.display_back.set(position, price, size),
                LadderKind::DisplayLay => self.display_lay.set(position, price, size),
            }
            positions_changed |= !matches!(
                level.ladder,
                LadderKind::Back
                    | LadderKind::Lay
                    | LadderKind::Traded
                    | LadderKind::StartingBack
                    | LadderKind::StartingLay
            );
        }
        if positions_changed && !self.has_full_depth {
            self.show_best_offers();
        }
    }

    /// A full ladder, once seen, is the truth; best offers then only repeat it.
    fn take_full_depth(&mut self) {
        if !self.has_full_depth {
            self.has_full_depth = true;
            self.to_back.clear();
            self.to_lay.clear();
        }
    }

    /// Offers that can really be taken come first; those with virtual bets only where a feed has no others.
    fn show_best_offers(&mut self) {
        let plain = !self.best_back.is_empty() || !self.best_lay.is_empty();
        let (back, lay) = if plain {
            (&self.best_back, &self.best_lay)
        } else {
            (&self.display_back, &self.display_lay)
        };
        back.write_to(&mut self.to_back);
        lay.write_to(&mut self.to_lay);
    }
}

/// What a strategy could see of a runner when it decided: kept with each intent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Seen {
    /// Best level a backer could take; where only bookmakers offer, the best quote, of size 0 if its limit is not known.
    pub best_back: Option<Level>,
    /// Best level a layer could take.
    pub best_lay: Option<Level>,
    /// Last traded price.
    pub last_traded: Option<Price>,
}

/// One market's present state.
#[derive(Clone, Debug)]
pub struct Market {
    /// The venue's name for it.
    pub id: MarketId,
    /// What it is.
    pub definition: Arc<MarketDefinition>,
    /// When the venue published the last change.
    pub published_at: TimeMs,
    /// Number of changes applied, from 1.
    pub sequence: u64,
    /// Traded volume, both sides.
    pub traded_volume: Money,
    /// Runners in the order first seen; a runner keeps its place for the market's life.
    pub runners: Vec<Runner>,
}

impl Market {
    fn new(id: MarketId, definition: Arc<MarketDefinition>) -> Self {
        Self {
            id,
            definition,
            published_at: TimeMs::default(),
            sequence: 0,
            traded_volume: Money::ZERO,
            runners: Vec::new(),
        }
    }

    /// A runner by id.
    #[must_use]
    pub fn runner(&self, id: RunnerId) -> Option<&Runner> {
        self.runners.iter().find(|runner| runner.id == Some(id))
    }

    /// State of the market.
    #[must_use]
    pub fn status(&self) -> MarketStatus {
        self.definition.status
    }

    /// Milliseconds to the scheduled start; negative after it.
    #[must_use]
    pub fn ms_to_start(&self) -> i64 {
        self.definition.market_time - self.published_at
    }

    /// Whether only bookmakers offer anything on a runner here: no exchange has shown a ladder.
    #[must_use]
    pub fn is_bookmakers(&self) -> bool {
        let ladder = |runner: &Runner| {
            !(runner.to_back.is_empty() && runner.to_lay.is_empty() && runner.traded.is_empty())
        };
        self.runners.iter().any(|runner| !runner.quotes.is_empty())
            && !self.runners.iter().any(ladder)
    }

    /// Runners on which bets can be placed.
    pub fn active_runners(&self) -> impl Iterator<Item = &Runner> {
        self.runners.iter().filter(|runner| runner.is_active())
    }

    /// What can be seen of a runner now.
    #[must_use]
    pub fn seen(&self, id: RunnerId) -> Seen {
        self.runner(id).map_or_else(Seen::default, |runner| Seen {
            best_back: runner.best_back().or_else(|| {
                let quote = runner.quotes.best()?;
                let size = quote.limit.unwrap_or_default();
                let price = quote.price;
                Some(Level { price, size })
            }),
            best_lay: runner.best_lay(),
            last_traded: runner.last_traded,
        })
    }

    fn place_of(&mut self, id: RunnerId) -> &mut Runner {
        let at = self
            .runners
            .iter()
            .position(|runner| runner.id == Some(id))
            .unwrap_or_else(|| {
                self.runners.push(Runner::new(id));
                self.runners.len() - 1
            });
        &mut self.runners[at]
    }

    fn define(&mut self, definition: &Arc<MarketDefinition>) {
        self.definition = Arc::clone(definition);
        for runner in &mut self.runners {
            runner.status = RunnerStatus::Hidden;
        }
        for described in &definition.runners {
            let runner = self.place_of(described.id);
            runner.status = described.status;
            runner.bsp = described.bsp.or(runner.bsp);
            runner.adjustment_factor = described.adjustment_factor;
            if runner.name.as_deref() != described.name.as_deref() {
                runner.name = described.name.as_deref().map(Arc::from);
            }
        }
    }

    fn apply(&mut self, published_at: TimeMs, delta: &MarketDelta) {
        self.published_at = published_at;
        self.sequence += 1;
        if delta.image {
            self.runners.iter_mut().for_each(Runner::forget_prices);
        }
        if let Some(definition) = &delta.definition {
            self.define(definition);
        }
        self.traded_volume = delta.traded_volume.unwrap_or(self.traded_volume);
        for change in &delta.runners {
            self.place_of(change.id)
                .apply(change, delta.levels_of(change));
        }
        for (runner, change) in &delta.quotes {
            self.place_of(*runner).quotes.apply(change);
        }
    }
}

/// A market's place among the books: cheaper than its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MarketIndex(pub usize);

/// A place is let go of before its market is forgotten.
const KEPT: &str = "a market in use is kept";

/// All markets of a session. A market is shared with scripts as an `Arc`, and copied only if one is still held.
#[derive(Debug, Default)]
pub struct Books {
    /// `None` where a market was forgotten: another takes its place.
    markets: Vec<Option<Arc<Market>>>,
    by_id: BTreeMap<MarketId, MarketIndex>,
    latest: Option<MarketIndex>,
    vacant: Vec<MarketIndex>,
}

impl Books {
    /// Where a market is, if it has been defined.
    #[must_use]
    pub fn find(&self, id: &MarketId) -> Option<MarketIndex> {
        // Most feeds change one market many times in a row.
        self.latest
            .filter(|at| self.get(*at).id == *id)
            .or_else(|| self.by_id.get(id).copied())
    }

    /// A market by its place.
    ///
    /// # Panics
    /// If it was forgotten: whoever forgets it must first have let go of its place.
    #[must_use]
    pub fn get(&self, at: MarketIndex) -> &Arc<Market> {
        self.markets[at.0].as_ref().expect(KEPT)
    }

    /// A market by name.
    #[must_use]
    pub fn market(&self, id: &MarketId) -> Option<&Arc<Market>> {
        self.find(id).map(|at| self.get(at))
    }

    /// All markets in the order first seen, but for those in the place of one that was forgotten.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Market>> {
        self.markets.iter().flatten()
    }

    /// The places of all markets.
    pub fn places(&self) -> impl Iterator<Item = MarketIndex> {
        let places = self.markets.iter().enumerate();
        places.filter_map(|(at, market)| market.as_ref().map(|_| MarketIndex(at)))
    }

    /// Forgets a market; another will take its place.
    pub fn forget(&mut self, at: MarketIndex) {
        if let Some(market) = self.markets[at.0].take() {
            self.by_id.remove(&market.id);
            self.latest = self.latest.filter(|latest| *latest != at);
            self.vacant.push(at);
        }
    }

    /// Applies a change; `None` if it is of a market that was never defined, which cannot be used.
    pub fn apply(&mut self, published_at: TimeMs, delta: &MarketDelta) -> Option<MarketIndex> {
        let at = match (self.find(&delta.market), &delta.definition) {
            (Some(at), _) => at,
            (None, Some(definition)) => self.add(&delta.market, definition),
            (None, None) => return None,
        };
        self.latest = Some(at);
        Arc::make_mut(self.markets[at.0].as_mut().expect(KEPT)).apply(published_at, delta);
        Some(at)
    }

    fn add(&mut self, id: &MarketId, definition: &Arc<MarketDefinition>) -> MarketIndex {
        let at = self.vacant.pop().unwrap_or_else(|| {
            self.markets.push(None);
            MarketIndex(self.markets.len() - 1)
        });
        let market = Market::new(id.clone(), Arc::clone(definition));
        self.markets[at.0] = Some(Arc::new(market));
        self.by_id.insert(id.clone(), at);
        at
    }
}
