//! A change of one market as a feed sends it: filled by a codec, applied to a book, then used again.

use std::ops::Range;
use std::sync::Arc;

use super::{MarketDefinition, MarketId, Money, Price, QuoteChange, RunnerId};

/// Which ladder of a runner a level belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LadderKind {
    /// Full depth a backer can take, keyed by price.
    Back,
    /// Full depth a layer can take, keyed by price.
    Lay,
    /// Traded volume, keyed by price; counts both sides, so twice the backers' stake.
    Traded,
    /// Best offers a backer can take, keyed by position.
    BestBack,
    /// Best offers a layer can take, keyed by position.
    BestLay,
    /// As `BestBack`, with virtual bets.
    DisplayBack,
    /// As `BestLay`, with virtual bets.
    DisplayLay,
    /// Starting-price bets to back, keyed by price.
    StartingBack,
    /// Starting-price bets to lay, keyed by price.
    StartingLay,
}

/// One level of one ladder: the new total at its key, zero to remove it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LevelChange {
    /// The ladder.
    pub ladder: LadderKind,
    /// Position for ladders keyed by position, 0 elsewhere.
    pub position: u8,
    /// The price.
    pub price: Price,
    /// The total size there now.
    pub size: Money,
}

/// Changes of one runner; its levels are a range of [`MarketDelta::levels`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunnerDelta {
    /// Which runner.
    pub id: RunnerId,
    /// Last traded price, if changed.
    pub last_traded: Option<Price>,
    /// Traded volume, if changed.
    pub traded_volume: Option<Money>,
    /// Projected starting price from bets matched so far, if changed.
    pub sp_near: Option<Price>,
    /// Projected starting price from starting-price bets alone, if changed.
    pub sp_far: Option<Price>,
    /// Where its levels are.
    pub levels: Range<usize>,
}

/// Changes of one market in one message. Buffers are kept between messages, so a steady feed allocates nothing.
#[derive(Clone, Debug)]
pub struct MarketDelta {
    /// Which market.
    pub market: MarketId,
    /// Replaces the whole market instead of changing it.
    pub image: bool,
    /// The venue merged several changes into this one.
    pub conflated: bool,
    /// The new definition, if it changed.
    pub definition: Option<Arc<MarketDefinition>>,
    /// The market's traded volume, if changed.
    pub traded_volume: Option<Money>,
    /// Changed runners; one may appear more than once, later entries apply later.
    pub runners: Vec<RunnerDelta>,
    /// Levels of all changed runners.
    pub levels: Vec<LevelChange>,
    /// What bookmakers changed, by runner.
    pub quotes: Vec<(RunnerId, QuoteChange)>,
}

impl MarketDelta {
    /// An empty change of a market.
    #[must_use]
    pub fn new(market: MarketId) -> Self {
        Self {
            market,
            image: false,
            conflated: false,
            definition: None,
            traded_volume: None,
            runners: Vec::new(),
            levels: Vec::new(),
            quotes: Vec::new(),
        }
    }

    /// Makes it an empty change of `market`, keeping its memory.
    pub fn reset(&mut self, market: MarketId) {
        self.market = market;
        self.image = false;
        self.conflated = false;
        self.definition = None;
        self.traded_volume = None;
        self.runners.clear();
        self.levels.clear();
        self.quotes.clear();
    }

    /// Starts the changes of a runner; levels pushed with [`Self::push_level`] go to the last runner started.
    pub fn push_runner(&mut self, id: RunnerId) -> &mut RunnerDelta {
        let at = self.levels.len();
        self.runners.push(RunnerDelta {
            id,
            last_traded: None,
            traded_volume: None,
            sp_near: None,
            sp_far: None,
            levels: at..at,
        });
        self.runners.last_mut().expect("a runner was just pushed")
    }

    /// Adds a level to the runner started last.
    ///
    /// # Panics
    /// If no runner was started.
    pub fn push_level(&mut self, change: LevelChange) {
        self.levels.push(change);
        self.runners
            .last_mut()
            .expect("a level belongs to a runner")
            .levels
            .end = self.levels.len();
    }

    /// The levels of one runner's change.
    #[must_use]
    pub fn levels_of(&self, runner: &RunnerDelta) -> &[LevelChange] {
        &self.levels[runner.levels.clone()]
    }
}
