//! All strategies together: whether betting is on, and what could be lost by market, event, sport, venue and in all.
//!
//! What strategies could lose is added up, never offset: their bets may be settled apart.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt;
use std::sync::Arc;

use serde::Serialize;

use super::days::Days;
use crate::market::{MarketDefinition, MarketId, Money, TimeMs};
use crate::planted::{self, Bug};

/// Whether betting is on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum TradingState {
    /// Orders may be placed.
    #[default]
    Active,
    /// Only orders that lower the worst case may be placed.
    Reduce,
    /// No order may be placed; cancels still go.
    Paused,
    /// No order may be placed, and what rests is cancelled. Only a person ends it.
    Halted,
}

impl TradingState {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Active, Self::Reduce, Self::Paused, Self::Halted];

    /// The name in records and settings.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "ACTIVE",
            Self::Reduce => "REDUCE",
            Self::Paused => "PAUSED",
            Self::Halted => "HALTED",
        }
    }
}

impl fmt::Display for TradingState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Something about the host's health that forbids new orders while it lasts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Fence {
    /// The clock differs too much from the venue's.
    ClockSkew,
    /// The feed says of itself that it cannot be trusted, or is silent.
    FeedUnreliable,
    /// The disk is nearly full.
    DiskLow,
    /// The ledger and the venue disagree about money.
    LedgerDrift,
    /// Updates wait too long before they are handled.
    LoopLag,
}

impl Fence {
    /// The name in records.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ClockSkew => "CLOCK_SKEW",
            Self::FeedUnreliable => "FEED_UNRELIABLE",
            Self::DiskLow => "DISK_LOW",
            Self::LedgerDrift => "LEDGER_DRIFT",
            Self::LoopLag => "LOOP_LAG",
        }
    }
}

impl fmt::Display for Fence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Why the venue takes no new orders from us yet, or not any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Unready {
    /// It has not yet listed what it has of us.
    Starting,
    /// Its reports stopped; it must list everything anew.
    Deaf,
    /// Too many orders came into doubt in a short time.
    Doubts,
}

impl Unready {
    /// The name in records.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Starting => "STARTING",
            Self::Deaf => "DEAF",
            Self::Doubts => "DOUBTS",
        }
    }
}

impl fmt::Display for Unready {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// What bets weigh. Amounts are zero or more.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Burden {
    /// What they could lose at worst.
    pub at_risk: Money,
    /// What they could lose if nothing offset anything.
    pub gross: Money,
    /// Orders that can still change.
    pub open_orders: usize,
    /// Of these, the ones that the venue has not been heard of.
    pub unheard: usize,
    /// Backers' stakes that are neither matched nor gone.
    pub open_stake: Money,
}

impl Burden {
    /// Puts a part of it down and takes another up.
    pub(super) fn exchange(&mut self, old: &Self, new: &Self) {
        self.at_risk += new.at_risk - old.at_risk;
        self.gross += new.gross - old.gross;
        self.open_orders = self.open_orders + new.open_orders - old.open_orders;
        self.unheard = self.unheard + new.unheard - old.unheard;
        self.open_stake += new.open_stake - old.open_stake;
    }
}

/// To what a market belongs. What is not known is empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scopes {
    /// The market itself.
    pub market: MarketId,
    /// Its event.
    pub event: Arc<str>,
    /// Its sport.
    pub sport: Arc<str>,
    /// Its venue.
    pub venue: Arc<str>,
}

impl Scopes {
    pub(super) fn of(market: &MarketId, definition: &MarketDefinition) -> Self {
        Self {
            market: market.clone(),
            event: definition.event_id.as_str().into(),
            sport: definition.sport_id.as_str().into(),
            venue: definition.venue.into(),
        }
    }

    /// Those of a market of which nothing but its name is known.
    #[must_use]
    pub fn unknown(market: &MarketId) -> Self {
        Self {
            market: market.clone(),
            event: "".into(),
            sport: "".into(),
            venue: "".into(),
        }
    }

    pub(super) fn fits(&self, definition: &MarketDefinition) -> bool {
        *self.event == *definition.event_id
            && *self.sport == *definition.sport_id
            && *self.venue == *definition.venue
    }
}

/// What could be lost at worst, by scope.
#[derive(Clone, Debug, Default)]
pub struct AtRisk {
    markets: BTreeMap<MarketId, Money>,
    events: BTreeMap<Arc<str>, Money>,
    sports: BTreeMap<Arc<str>, Money>,
    venues: BTreeMap<Arc<str>, Money>,
}

impl AtRisk {
    /// In a market, by all strategies.
    #[must_use]
    pub fn market(&self, market: &MarketId) -> Money {
        self.markets.get(market).copied().unwrap_or_default()
    }

    /// In an event, and in markets whose event is not known: they may be of this one.
    #[must_use]
    pub fn event(&self, event: &str) -> Money {
        with_unknown(&self.events, event)
    }

    /// In a sport, and in markets whose sport is not known.
    #[must_use]
    pub fn sport(&self, sport: &str) -> Money {
        with_unknown(&self.sports, sport)
    }

    /// At a venue, and in markets whose venue is not known.
    #[must_use]
    pub fn venue(&self, venue: &str) -> Money {
        with_unknown(&self.venues, venue)
    }

    /// Everything in which something could be lost: the kind of scope, its name, and how much.
    pub fn all(&self) -> impl Iterator<Item = (&'static str, &str, Money)> {
        let venues = self
            .venues
            .iter()
            .map(|(name, sum)| ("venue", &**name, *sum));
        let sports = self
            .sports
            .iter()
            .map(|(name, sum)| ("sport", &**name, *sum));
        let events = self
            .events
            .iter()
            .map(|(name, sum)| ("event", &**name, *sum));
        let markets = self.markets.iter();
        let markets = markets.map(|(name, sum)| ("market", name.as_str(), *sum));
        venues.chain(sports).chain(events).chain(markets)
    }

    fn add(&mut self, scopes: &Scopes, more: Money) {
        if more == Money::ZERO {
            return;
        }
        fn at<K: Ord + Clone>(map: &mut BTreeMap<K, Money>, key: &K, more: Money) {
            let sum = map.entry(key.clone()).or_default();
            *sum += more;
            if *sum == Money::ZERO {
                map.remove(key);
            }
        }
        at(&mut self.markets, &scopes.market, more);
        at(&mut self.events, &scopes.event, more);
        at(&mut self.sports, &scopes.sport, more);
        at(&mut self.venues, &scopes.venue, more);
    }
}

/// What is at risk under this name, and under none.
fn with_unknown(by_name: &BTreeMap<Arc<str>, Money>, name: &str) -> Money {
    let under = |name| by_name.get(name).copied().unwrap_or_default();
    match name {
        "" => under(""),
        known => under(known) + under(""),
    }
}

/// How many of a venue's last words on new orders are remembered.
const WORDS: usize = 20;

/// What a venue said of our money.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Funds {
    /// When it said so.
    pub said_at: TimeMs,
    /// Free to bet with.
    pub free: Money,
    /// What all bets could lose at that moment.
    pub at_risk: Money,
}

/// All strategies together.
#[derive(Clone, Debug)]
pub struct House {
    /// Whether betting is on.
    pub state: TradingState,
    /// Why it is in this state.
    pub reason: String,
    /// Why the venue cannot be sent orders now.
    pub unready: Option<Unready>,
    /// What about the host's health forbids orders, with its figures.
    pub fences: BTreeMap<Fence, String>,
    /// Strategies that may place no orders, because nobody has approved the version that runs.
    pub barred: BTreeSet<String>,
    /// What all bets weigh.
    pub burden: Burden,
    /// What they could lose at worst, by scope.
    pub at_risk: AtRisk,
    /// Net result of all strategies' markets settled on the present day.
    pub realised_today: Money,
    /// What the venue has of our money, free to bet with.
    pub funds: Option<Funds>,
    /// The venue's last words on new orders: when, and whether it refused.
    words: VecDeque<(TimeMs, bool)>,
    day: i64,
    days: Days,
}

impl Default for House {
    fn default() -> Self {
        Self {
            state: TradingState::Active,
            reason: String::new(),
            unready: Some(Unready::Starting),
            fences: BTreeMap::new(),
            barred: BTreeSet::new(),
            burden: Burden::default(),
            at_risk: AtRisk::default(),
            realised_today: Money::ZERO,
            funds: None,
            words: VecDeque::with_capacity(WORDS),
            day: i64::MIN,
            days: Days::new(),
        }
    }
}

impl House {
    /// Comes to the day of this time, as [`super::Account::roll_day`] does.
    pub(super) fn roll_day(&mut self, now: TimeMs) {
        if now.day() != self.day {
            self.day = now.day();
            self.realised_today = self.days.result(self.day);
        }
    }

    /// Books a net result today.
    pub(super) fn book(&mut self, net: Money) {
        self.days.book(self.day, net);
        self.realised_today = self.days.result(self.day);
    }

    /// Takes over what an account has booked before anything is bet.
    pub(super) fn take_over(&mut self, days: &Days) {
        self.days.add(days);
        self.realised_today = self.days.result(self.day);
    }

    pub(super) fn shift(&mut self, scopes: &Scopes, old: &Burden, new: &Burden) {
        self.burden.exchange(old, new);
        if !planted::is(Bug::ScopesForgotten) {
            self.at_risk.add(scopes, new.at_risk - old.at_risk);
        }
    }

    /// What moves from one scope to another.
    pub(super) fn move_to(&mut self, from: &Scopes, to: &Scopes, burden: &Burden) {
        self.at_risk.add(from, -burden.at_risk);
        self.at_risk.add(to, burden.at_risk);
    }

    /// Takes note of the venue's word on a new order.
    pub(crate) fn heard(&mut self, at: TimeMs, refused: bool) {
        if self.words.len() == WORDS {
            self.words.pop_front();
        }
        self.words.push_back((at, refused));
    }

    /// How many of the venue's last words on new orders, none older than `within_ms`, were refusals: (refusals, words).
    #[must_use]
    pub fn refusals(&self, now: TimeMs, within_ms: i64) -> (usize, usize) {
        let recent = self.words.iter().filter(|(at, _)| now - *at <= within_ms);
        recent.fold((0, 0), |(refused, words), (_, is_refusal)| {
            (refused + usize::from(*is_refusal), words + 1)
        })
    }
}
