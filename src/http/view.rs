//! What the HTTP side shows of a host at one moment: a copy that the host publishes, never the engine's own.
//!
//! Amounts and prices are decimal texts, amounts in the document's currency; times are RFC 3339 in UTC.

use std::sync::Arc;
use std::time::Instant;

use schemars::JsonSchema;
use serde::Serialize;

use crate::alert;
use crate::config::Severity;

/// Everything at one moment. Its lists are shared, so a copy of it costs nothing to speak of.
#[derive(Clone, Debug)]
pub struct View {
    /// Counts the publications that changed anything.
    pub generation: u64,
    /// When this was published, by the wall clock.
    pub published_at: String,
    /// The run's number in the ledger.
    pub run: i64,
    /// Currency of all amounts.
    pub currency: String,
    /// Where bets go: DRY_RUN or LIVE.
    pub mode: &'static str,
    /// How LIVE stands, where it is the mode.
    pub live: Option<Arc<Live>>,
    /// Whether betting is on.
    pub trading: Trading,
    /// What is played or heard.
    pub feed: Feed,
    /// Every strategy.
    pub strategies: Arc<[Strategy]>,
    /// Every market of the session.
    pub markets: Arc<[Arc<Market>]>,
    /// Orders that can still change.
    pub orders: Arc<[Order]>,
    /// What is held in each market, by strategy.
    pub positions: Arc<[Position]>,
    /// Limits, and how much of each is used.
    pub risk: Arc<Risk>,
    /// The latest intents, newest first.
    pub intents: Arc<[Arc<Intent>]>,
    /// Intents of the run so far.
    pub intents_seen: u64,
    /// Refused intents of the run, by strategy and code.
    pub refusals: Arc<[Refusals]>,
    /// Net result of the run after each settled market.
    pub equity: Arc<[EquityPoint]>,
}

/// Whether betting is on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Trading {
    /// ACTIVE, REDUCE, PAUSED or HALTED.
    pub state: &'static str,
    /// Why, where it is not ACTIVE.
    pub reason: String,
}

/// How LIVE stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Live {
    /// When the arming token runs out; none if it has.
    pub armed_until: Option<String>,
    /// The part of the configured limits that holds, as a decimal text; 1 is all of them.
    pub limits_ratio: String,
    /// Strategies that may place no orders.
    pub barred: Vec<String>,
}

/// What is played or heard.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Feed {
    /// Which recording or feed; none before the first.
    pub recording: Option<String>,
    /// Market changes handled in the run.
    pub updates: u64,
    /// The feed's own time of the last message.
    pub position: Option<String>,
    /// When the last message was handled.
    pub last_message: Option<Instant>,
    /// Whether it is over.
    pub finished: bool,
    /// Of a live feed: live, stale, down and so on.
    pub state: Option<&'static str>,
    /// Of a live feed: how often it had to be connected again.
    pub reconnects: u64,
    /// Of a live feed: lines that could not be read.
    pub unreadable: u64,
    /// Of a live feed: how often it could not be relied on after it was live.
    pub gaps: u64,
    /// How long the recorder's next line has waited, where there is a recorder.
    pub recorder_lag_seconds: Option<f64>,
    /// When the venue ends the session if it is not kept alive, in seconds since 1970.
    pub session_ends_at_seconds: Option<f64>,
    /// Requests, or credits for them, that are left, where the venue counts them.
    pub quota_remaining: Option<u64>,
    /// What the venue was asked so far.
    pub requests: Arc<[Asked]>,
}

/// How often a venue was asked something, by the answer's code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// What.
    pub op: &'static str,
    /// The status of the answer, or a word for why there was none.
    pub code: String,
    /// How often.
    pub count: u64,
}

/// What is played or heard, as it is told.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct FeedDocument {
    /// Which recording or feed; none before the first.
    pub recording: Option<String>,
    /// Market changes handled in the run.
    pub updates: u64,
    /// The feed's own time of the last message.
    pub position: Option<String>,
    /// Seconds since the last message was handled.
    pub age_seconds: Option<f64>,
    /// Whether it is over.
    pub finished: bool,
    /// Of a live feed: live, stale, down and so on.
    pub state: Option<&'static str>,
    /// Of a live feed: how often it had to be connected again.
    pub reconnects: u64,
}

impl Feed {
    /// The name of the venue it comes from.
    #[must_use]
    pub fn venue(&self) -> &str {
        self.recording.as_deref().unwrap_or_default()
    }

    /// As it is told at this moment.
    #[must_use]
    pub fn document(&self, now: Instant) -> FeedDocument {
        let age = |at: Instant| now.saturating_duration_since(at).as_millis();
        FeedDocument {
            recording: self.recording.clone(),
            updates: self.updates,
            position: self.position.clone(),
            age_seconds: self.last_message.map(|at| age(at) as f64 / 1_000.0),
            finished: self.finished,
            state: self.state,
            reconnects: self.reconnects,
        }
    }
}

/// One strategy. Figures are of the whole run.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Strategy {
    /// Its name.
    pub name: String,
    /// Hash of the version that runs; none if none ever did.
    pub hash: Option<String>,
    /// running, quarantined or not_loaded.
    pub standing: &'static str,
    /// Why what is in the folder is not what runs.
    pub trouble: Option<String>,
    /// The last failed call.
    pub last_error: Option<String>,
    /// Orders placed.
    pub bets: u64,
    /// Refused intents.
    pub refused: u64,
    /// Orders that can still change.
    pub open_orders: usize,
    /// What its open bets could lose at worst.
    pub at_risk: String,
    /// Settled profit after commission.
    pub profit_net: String,
    /// Settled profit after commission on the session's present day.
    pub profit_today: String,
    /// Its bank with settled results, in the present session.
    pub bankroll: String,
}

/// One market.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Market {
    /// The venue's name for it.
    pub id: String,
    /// Which venue.
    pub venue: String,
    /// Its name, where the feed has it.
    pub name: Option<String>,
    /// The event's id.
    pub event_id: String,
    /// The event's name, where the feed has it.
    pub event: Option<String>,
    /// Which sport.
    pub sport: String,
    /// As in WIN or MATCH_ODDS.
    pub market_type: String,
    /// OPEN, SUSPENDED, CLOSED or INACTIVE.
    pub status: String,
    /// Whether it is in play.
    pub in_play: bool,
    /// When it is due to start.
    pub starts_at: String,
    /// When the venue published the last change.
    pub changed_at: String,
    /// Number of changes, from 1.
    pub sequence: u64,
    /// Its runners.
    pub runners: Vec<Runner>,
}

/// A runner of a market.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Runner {
    /// The venue's selection, and the handicap after an @ where there is one.
    pub runner: String,
    /// Its name, where the feed has it.
    pub name: Option<String>,
    /// Whether bets can be placed on it.
    pub active: bool,
    /// Best price to back.
    pub back: Option<String>,
    /// Best price to lay.
    pub lay: Option<String>,
    /// Last traded price.
    pub last: Option<String>,
}

/// An order that can still change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Order {
    /// Its id, that of its intent.
    pub order: String,
    /// Whose.
    pub strategy: String,
    /// In which market.
    pub market: String,
    /// On which runner.
    pub runner: String,
    /// BACK or LAY.
    pub side: &'static str,
    /// LIMIT, LIMIT_ON_CLOSE or MARKET_ON_CLOSE.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// The price named.
    pub price: Option<String>,
    /// The backer's stake, or the liability of an order at the starting price.
    pub size: String,
    /// Size matched.
    pub matched: String,
    /// Average price matched.
    pub average_price: Option<String>,
    /// Where it stands.
    pub state: &'static str,
    /// When the strategy asked for it, by the feed's time.
    pub asked_at: String,
}

/// What a strategy holds in a market.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Position {
    /// Whose.
    pub strategy: String,
    /// In which market.
    pub market: String,
    /// What could be lost at worst, open orders included.
    pub at_risk: String,
    /// Orders that can still change.
    pub open_orders: usize,
    /// By runner, matched bets alone.
    pub runners: Vec<RunnerPosition>,
}

/// Matched bets on a runner.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct RunnerPosition {
    /// Which runner.
    pub runner: String,
    /// Result if it wins.
    pub if_win: String,
    /// Result if it does not.
    pub if_lose: String,
    /// Backers' stakes backed.
    pub backed: String,
    /// Backers' stakes laid.
    pub laid: String,
}

/// Limits and how much of each is used.
#[derive(Clone, Debug, Default, PartialEq, Serialize, JsonSchema)]
pub struct Risk {
    /// Why the venue takes no orders now, if so.
    pub unready: Option<&'static str>,
    /// What about the host's health forbids orders, with its figures.
    pub fences: Vec<String>,
    /// Orders of which nobody can say whether the venue has them, or that it has not been heard of.
    pub unresolved: usize,
    /// Bets at the venue that the ledger does not explain.
    pub unexplained: usize,
    /// Every limit with what is used of it, the fullest first.
    pub used: Vec<Used>,
}

/// How much of a limit is used.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Used {
    /// Of what: all, venue, sport, event, market or strategy.
    pub scope: &'static str,
    /// Which of them.
    pub name: String,
    /// The setting.
    pub limit_name: &'static str,
    /// What is used of it.
    pub used: String,
    /// The limit.
    pub limit: String,
    /// Used by limit, from 0; 1 is full.
    pub used_ratio: f64,
}

/// An intent and the gate's word on it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Intent {
    /// Its id.
    pub intent: String,
    /// When, by the feed's time.
    pub at: String,
    /// By which strategy.
    pub strategy: String,
    /// Which version of it.
    pub script_hash: String,
    /// In which market.
    pub market: String,
    /// PLACE, CANCEL, UPDATE, REPLACE or MALFORMED.
    pub action: String,
    /// On which runner, of a placing.
    pub runner: Option<String>,
    /// BACK or LAY, of a placing.
    pub side: Option<String>,
    /// The price named.
    pub price: Option<String>,
    /// The stake or liability named.
    pub size: Option<String>,
    /// APPROVED or REFUSED.
    pub verdict: String,
    /// Why it was refused.
    pub code: Option<String>,
    /// The value at fault.
    pub value: Option<String>,
    /// The limit it met.
    pub limit: Option<String>,
    /// Why, in the strategy's words.
    pub reason: Option<String>,
}

/// Refused intents by strategy and code.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Refusals {
    /// Whose.
    pub strategy: String,
    /// Why.
    pub code: &'static str,
    /// How many.
    pub count: u64,
}

/// Net result after a settled market.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct EquityPoint {
    /// When it was settled, by the feed's time.
    pub at: String,
    /// Whose market it was.
    pub strategy: String,
    /// Net result of all strategies since the run began.
    pub net: String,
}

/// Something that a person should know.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Alert {
    /// Counts alerts, from 1.
    pub number: u64,
    /// When, by the wall clock.
    pub at: String,
    /// critical, warning or info.
    pub severity: Severity,
    /// What, in a word that never changes.
    pub code: String,
    /// The facts.
    pub text: String,
}

impl From<&alert::Alert> for Alert {
    fn from(alert: &alert::Alert) -> Self {
        Self {
            number: alert.id,
            at: alert.at.to_string(),
            severity: alert.severity,
            code: alert.code.clone(),
            text: alert.text.clone(),
        }
    }
}

#[cfg(test)]
pub(super) mod testing {
    //! A host as tests see one.

    use super::*;

    pub(in crate::http) fn view() -> View {
        View {
            generation: 1,
            published_at: "2026-01-01T00:00:00.000Z".to_owned(),
            run: 1,
            currency: "GBP".to_owned(),
            mode: "DRY_RUN",
            live: None,
            trading: Trading {
                state: "ACTIVE",
                reason: String::new(),
            },
            feed: Feed::default(),
            strategies: Arc::new([Strategy {
                name: "fav".to_owned(),
                hash: Some("3f2a".to_owned()),
                standing: "running",
                trouble: None,
                last_error: None,
                bets: 0,
                refused: 0,
                open_orders: 0,
                at_risk: "0.00".to_owned(),
                profit_net: "0.00".to_owned(),
                profit_today: "0.00".to_owned(),
                bankroll: "10000.00".to_owned(),
            }]),
            markets: Arc::new([]),
            orders: Arc::new([]),
            positions: Arc::new([]),
            risk: Arc::default(),
            intents: Arc::new([]),
            intents_seen: 0,
            refusals: Arc::new([]),
            equity: Arc::new([]),
        }
    }
}
