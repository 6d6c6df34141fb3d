//! The report of a run: what each strategy did, won and lost, and what was wrong with the data.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;

use super::band::{BandLine, write_band};
use super::closing::Closing;
use super::drawdown::{Drawdown, deepest};
use super::statistics::{Facts, Statistics};
use super::{Session, Setup};
use crate::engine::{Journal, Notice, Slot, Totals, Venue};
use crate::exchange::{ExchangeSettings, Fill, Outlook};
use crate::market::{Currency, Money, TimeMs};
use crate::risk::{Approved, RiskLimits};
use crate::source::{Problem, SourceError, Warning};

/// The report of a run. Amounts are in major units of `currency`. Fields are only ever added.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// `bea.backtest/1`.
    pub schema: &'static str,
    /// Each strategy, by name.
    pub strategies: Vec<StrategyReport>,
    /// Recordings played.
    pub recordings: u64,
    /// Markets seen.
    pub markets: u64,
    /// Market changes delivered.
    pub updates: u64,
    /// How long the run took.
    pub elapsed_seconds: f64,
    /// Market changes per second.
    pub updates_per_second: f64,
    /// Hash over everything that was decided and done; equal for equal runs.
    pub trace_hash: String,
    /// Currency of every amount.
    pub currency: Currency,
    /// What each strategy without a bank of its own starts each recording with.
    pub bank: f64,
    /// How orders were matched: the models used.
    pub fill: String,
    /// Which risk limits held: `configuration`, or `reference` for those of the published orders.
    pub limits: &'static str,
    /// Results under three outlooks side by side, if that was asked for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub band: Vec<BandLine>,
    /// Whether the run was stopped before its end.
    pub interrupted: bool,
    /// What was wrong with the data; the rest was still done.
    pub problems: Vec<Trouble>,
    /// What of the data could not be used, though the rest of the same row was.
    pub warnings: Vec<Trouble>,
    /// Hash over the names and lengths of the recordings: runs over the same data have the same.
    pub data_set: String,
    /// What to bear in mind before believing any of it.
    pub honesty: Honesty,
    /// How often strategies failed, by strategy and message.
    pub faults: Vec<Fault>,
    /// Banks of strategies that have their own.
    #[serde(skip)]
    banks: BTreeMap<String, Money>,
    #[serde(skip)]
    start: Money,
    /// Markets of which only last traded prices were known.
    #[serde(skip)]
    basic_markets: u64,
    #[serde(skip)]
    bookmaker_markets: u64,
    #[serde(skip)]
    accounts: Vec<Account>,
    #[serde(skip)]
    closing: Closing,
}

/// What a strategy did in all sessions added so far.
#[derive(Clone, Debug, Default)]
struct Account {
    totals: Totals,
    results: Vec<(TimeMs, Money)>,
    facts: Facts,
}

/// What to bear in mind before believing a result.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Honesty {
    /// Versions of strategies and parameters tried on this data, this run's among them, as the ledger knows; null if no
    /// ledger is kept, for then nobody knows.
    pub variants: Option<u64>,
    /// What a backtest over data that was at hand while a strategy was written is: `in sample`. A walk-forward's is
    /// `out of sample`.
    pub sample: &'static str,
}

/// What one strategy did.
#[derive(Clone, Debug, Serialize)]
pub struct StrategyReport {
    /// Its name.
    pub name: String,
    /// Hash of its source and parameters; of the latest version, if it changed during the run.
    pub hash: String,
    /// What it starts each recording with.
    pub bank: f64,
    /// Orders placed.
    pub bets: u64,
    /// Orders of which something was matched.
    pub matched: u64,
    /// Σ backers' stakes matched.
    pub turnover: f64,
    /// Σ stakes of backs and liabilities of lays matched.
    pub risked: f64,
    /// Settled profit before commission.
    pub profit_gross: f64,
    /// Commission.
    pub commission: f64,
    /// Settled profit after commission.
    pub profit_net: f64,
    /// Net profit / turnover; null without turnover.
    #[serde(rename = "yield")]
    pub yield_ratio: Option<f64>,
    /// The deepest fall of the bank, results taken in order.
    pub max_drawdown: Drawdown,
    /// Refused intents by reason code.
    pub rejections: BTreeMap<&'static str, u64>,
    /// Orders that the venue refused.
    pub refused_by_venue: u64,
    /// Calls that failed.
    pub faults: u64,
    /// Stakes matched in markets whose recording ends before they are settled: in no profit above.
    pub unsettled: f64,
    /// What its bets say, and how sure that is.
    pub statistics: Option<Statistics>,
}

/// Something wrong with the data.
#[derive(Clone, Debug, Serialize)]
pub struct Trouble {
    /// The file (and the member inside it).
    pub path: String,
    /// The line, from 1.
    pub line: Option<u64>,
    /// What is wrong and what to do.
    pub message: String,
}

/// A failure of a strategy.
#[derive(Clone, Debug, Serialize)]
pub struct Fault {
    /// Which strategy.
    pub strategy: String,
    /// The whole message, with source line and caret.
    pub message: String,
    /// How often.
    pub count: u64,
}

/// What a session did, for the report.
pub struct Summary {
    markets: u64,
    /// Market changes delivered.
    pub(super) updates: u64,
    basic_markets: u64,
    bookmaker_markets: u64,
    /// Each strategy with its version.
    strategies: Vec<Did>,
}

/// What a strategy did in a session.
struct Did {
    name: Arc<str>,
    hash: Arc<str>,
    totals: Totals,
    facts: Facts,
}

impl Summary {
    pub(super) fn of<J: Journal>(session: &Session<J>) -> Self {
        Self {
            basic_markets: session.basic_markets(),
            bookmaker_markets: session.bookmaker_markets(),
            ..Self::at_any_venue(session)
        }
    }

    /// As [`Self::of`], without what only the simulated exchange counts.
    pub(super) fn at_any_venue<J: Journal, V: Venue<Approved>>(session: &Session<J, V>) -> Self {
        let strategy = |(slot, facts): (&Slot, Facts)| Did {
            name: slot.name.clone(),
            hash: slot.hash.clone(),
            totals: slot.totals(),
            facts,
        };
        Self {
            markets: session.books().iter().count() as u64,
            updates: session.updates(),
            basic_markets: 0,
            bookmaker_markets: 0,
            strategies: session
                .slots()
                .iter()
                .zip(session.facts())
                .map(strategy)
                .collect(),
        }
    }
}

impl From<&Warning> for Trouble {
    fn from(warning: &Warning) -> Self {
        Self {
            path: warning.path.clone(),
            line: Some(warning.line),
            message: warning.to_string(),
        }
    }
}

impl From<&Problem> for Trouble {
    fn from(problem: &Problem) -> Self {
        Self {
            path: problem.path.clone(),
            line: Some(problem.line),
            message: problem.to_string(),
        }
    }
}

/// What stopped a file.
impl From<&SourceError> for Trouble {
    fn from(error: &SourceError) -> Self {
        Self {
            path: error.path.clone(),
            line: error.line,
            message: error.to_string(),
        }
    }
}

impl Fault {
    /// Counts what a notice tells of, if it is a failure.
    pub fn count(faults: &mut Vec<Self>, notice: &Notice) {
        if let Notice::Fault {
            strategy, detail, ..
        } = notice
        {
            Self::add(faults, strategy, detail, 1);
        }
    }

    /// Counts failures, each message of a strategy once.
    pub(super) fn add(faults: &mut Vec<Self>, strategy: &str, message: &str, count: u64) {
        let full = faults.len() >= MOST_FAULTS;
        let known = |f: &&mut Self| f.strategy == strategy && f.message == message;
        match faults.iter_mut().find(known) {
            Some(known) => known.count += count,
            None if !full => faults.push(Self {
                strategy: strategy.into(),
                message: message.into(),
                count,
            }),
            None => {}
        }
    }
}

impl Report {
    pub(super) fn new(setup: &Setup) -> Self {
        Self {
            schema: "bea.backtest/1",
            strategies: Vec::new(),
            recordings: 0,
            markets: 0,
            updates: 0,
            elapsed_seconds: 0.0,
            updates_per_second: 0.0,
            trace_hash: String::new(),
            currency: setup.currency,
            bank: setup.bank.to_f64(),
            fill: model_name(&setup.exchange),
            limits: if setup.limits == RiskLimits::reference() {
                "reference"
            } else {
                "configuration"
            },
            band: Vec::new(),
            interrupted: false,
            problems: Vec::new(),
            warnings: Vec::new(),
            data_set: String::new(),
            honesty: Honesty {
                variants: None,
                sample: "in sample",
            },
            faults: Vec::new(),
            closing: setup.closing.clone(),
            banks: setup
                .own
                .iter()
                .map(|(strategy, own)| (strategy.clone(), own.bank))
                .collect(),
            start: setup.bank,
            basic_markets: 0,
            bookmaker_markets: 0,
            accounts: Vec::new(),
        }
    }

    /// Lists a strategy and gives its place. Its hash is that of its latest version.
    pub(super) fn list(&mut self, name: &str, hash: &str) -> usize {
        if let Some(at) = self.strategies.iter().position(|s| s.name == name) {
            if self.strategies[at].hash != hash {
                hash.clone_into(&mut self.strategies[at].hash);
            }
            return at;
        }
        self.strategies.push(StrategyReport::new(name, hash));
        self.accounts.push(Account::default());
        self.strategies.len() - 1
    }

    /// Adds what a session did.
    pub(super) fn add(&mut self, session: &Summary) {
        self.recordings += 1;
        self.markets += session.markets;
        self.updates += session.updates;
        self.basic_markets += session.basic_markets;
        self.bookmaker_markets += session.bookmaker_markets;
        for did in &session.strategies {
            let place = self.list(&did.name, &did.hash);
            let account = &mut self.accounts[place];
            account.results.extend_from_slice(&did.totals.settled);
            account.facts.add(&did.facts);
            add(&mut account.totals, &did.totals);
        }
    }

    pub(super) fn finish(&mut self, trace_hash: String, interrupted: bool, elapsed: Duration) {
        self.trace_hash = trace_hash;
        self.interrupted = interrupted;
        if self.basic_markets > 0 {
            let markets = plural(self.basic_markets, "market");
            self.fill = format!(
                "{}; basic (last traded prices only) in {markets}",
                self.fill
            );
        }
        if self.bookmaker_markets > 0 {
            let markets = plural(self.bookmaker_markets, "market");
            self.fill = format!("{}; bookmaker (quotes) in {markets}", self.fill);
        }
        self.elapsed_seconds = elapsed.as_secs_f64();
        self.updates_per_second = self.updates as f64 / self.elapsed_seconds.max(1e-9);
        self.sum_up();
        for (report, account) in self.strategies.iter_mut().zip(&self.accounts) {
            report.statistics = Some(Statistics::of(&account.facts, &self.closing));
        }
    }

    /// Fills in what each strategy did, from the sessions added.
    pub(super) fn sum_up(&mut self) {
        for (report, account) in self.strategies.iter_mut().zip(&self.accounts) {
            let start = self.banks.get(&report.name).copied().unwrap_or(self.start);
            report.bank = start.to_f64();
            let fall = deepest(start, account.results.iter().copied());
            report.fill_in(&account.totals, fall);
        }
    }

    /// The same without how long it took, which differs each time.
    #[must_use]
    pub fn without_clock(&self) -> Self {
        Self {
            elapsed_seconds: 0.0,
            updates_per_second: 0.0,
            ..self.clone()
        }
    }

    /// Whether any of the data could not be used.
    #[must_use]
    pub fn has_problems(&self) -> bool {
        !self.problems.is_empty()
    }
}

fn plural(count: u64, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

/// The model by name; an outlook other than the neutral one is said.
fn model_name(exchange: &ExchangeSettings) -> String {
    match (exchange.fill, exchange.outlook) {
        (Fill::Strict, outlook) if outlook != Outlook::Neutral => {
            format!("{} ({})", exchange.fill.as_str(), outlook.as_str())
        }
        (fill, _) => fill.as_str().to_owned(),
    }
}

/// Different failures kept, so that a report stays readable.
const MOST_FAULTS: usize = 50;

fn add(sum: &mut Totals, more: &Totals) {
    sum.bets += more.bets;
    sum.matched += more.matched;
    sum.turnover += more.turnover;
    sum.risked += more.risked;
    sum.gross += more.gross;
    sum.commission += more.commission;
    sum.refused_by_venue += more.refused_by_venue;
    sum.faults += more.faults;
    sum.unsettled += more.unsettled;
    for (&code, count) in &more.rejections {
        *sum.rejections.entry(code).or_default() += count;
    }
}

impl StrategyReport {
    fn new(name: &str, hash: &str) -> Self {
        Self {
            name: name.to_owned(),
            hash: hash.to_owned(),
            bank: 0.0,
            bets: 0,
            matched: 0,
            turnover: 0.0,
            risked: 0.0,
            profit_gross: 0.0,
            commission: 0.0,
            profit_net: 0.0,
            yield_ratio: None,
            max_drawdown: Drawdown::default(),
            rejections: BTreeMap::new(),
            refused_by_venue: 0,
            faults: 0,
            unsettled: 0.0,
            statistics: None,
        }
    }

    fn fill_in(&mut self, totals: &Totals, max_drawdown: Drawdown) {
        self.bets = totals.bets;
        self.matched = totals.matched;
        self.turnover = totals.turnover.to_f64();
        self.risked = totals.risked.to_f64();
        self.profit_gross = totals.gross.to_f64();
        self.commission = totals.commission.to_f64();
        self.profit_net = totals.net().to_f64();
        self.yield_ratio = totals
            .turnover
            .is_positive()
            .then(|| self.profit_net / self.turnover);
        self.max_drawdown = max_drawdown;
        self.rejections = totals
            .rejections
            .iter()
            .map(|(code, &count)| (code.as_str(), count))
            .collect();
        self.refused_by_venue = totals.refused_by_venue;
        self.faults = totals.faults;
        self.unsettled = totals.unsettled.to_f64();
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} in {}, {}",
            plural(self.markets, "market"),
            plural(self.recordings, "recording"),
            plural(self.updates, "update"),
        )?;
        if self.elapsed_seconds > 0.0 {
            let (seconds, speed) = (self.elapsed_seconds, self.updates_per_second);
            write!(f, " in {seconds:.2} s ({speed:.0} a second)")?;
        }
        writeln!(f, ". Amounts in {}.\n", self.currency)?;
        writeln!(
            f,
            "{:<22} {:>6} {:>7} {:>10} {:>9} {:>10} {:>9} {:>8} {:>10}",
            "strategy",
            "bets",
            "matched",
            "turnover",
            "gross",
            "commission",
            "net",
            "yield",
            "drawdown"
        )?;
        for s in &self.strategies {
            let yield_text = s
                .yield_ratio
                .map_or("-".to_owned(), |y| format!("{:.2} %", y * 100.0));
            writeln!(
                f,
                "{:<22} {:>6} {:>7} {:>10.2} {:>9.2} {:>10.2} {:>9.2} {:>8} {:>10.2}",
                shorten(&s.name),
                s.bets,
                s.matched,
                s.turnover,
                s.profit_gross,
                s.commission,
                s.profit_net,
                yield_text,
                s.max_drawdown.amount
            )?;
        }
        for s in &self.strategies {
            if let Some(statistics) = &s.statistics {
                statistics.write(&s.name, self.honesty.variants, f)?;
            }
        }
        write_band(&self.band, f)?;
        self.write_rejections(f)?;
        self.write_remarks(f)?;
        write!(
            f,
            "\nfills: {}   limits: {}   trace: {}",
            self.fill,
            self.limits,
            &self.trace_hash[..self.trace_hash.len().min(16)]
        )
    }
}

impl Report {
    fn write_rejections(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let refusing: Vec<_> = self
            .strategies
            .iter()
            .filter(|s| !s.rejections.is_empty())
            .collect();
        if refusing.is_empty() {
            return writeln!(f, "\nRefused by the risk gate: nothing");
        }
        writeln!(f, "\nRefused by the risk gate")?;
        for s in refusing {
            for (code, count) in &s.rejections {
                let hint = hint(code).map_or(String::new(), |hint| format!("   {hint}"));
                writeln!(f, "  {:<20} {count:>7} × {code}{hint}", shorten(&s.name))?;
            }
        }
        Ok(())
    }

    fn write_remarks(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for s in &self.strategies {
            if s.unsettled > 0.0 {
                writeln!(
                    f,
                    "\n{}: {:.2} matched in markets whose recording ends before they are settled; counted in no profit.",
                    s.name, s.unsettled
                )?;
            }
            if s.refused_by_venue > 0 {
                writeln!(
                    f,
                    "\n{}: the exchange refused {} of its orders.",
                    s.name, s.refused_by_venue
                )?;
            }
        }
        for fault in &self.faults {
            writeln!(
                f,
                "\n{} failed {} ×:\n{}",
                fault.strategy, fault.count, fault.message
            )?;
        }
        if self.interrupted {
            writeln!(
                f,
                "\nStopped before the end: the figures are of what was played."
            )?;
        }
        Ok(())
    }
}

/// What to do about a refusal that a newcomer is sure to meet.
fn hint(code: &str) -> Option<&'static str> {
    match code {
        "MARKET_IN_PLAY" => Some("in-play betting is off; allow it with risk.allow_in_play = true"),
        "PRICE_OFF_LADDER" => Some("use market.nearest_price(x) to land on the ladder"),
        "ORDERS_TOO_MANY_ON_RUNNER" => {
            Some("raise risk.max_open_orders_per_runner, or wait for the open one")
        }
        _ => None,
    }
}

fn shorten(name: &str) -> String {
    if name.chars().count() <= 22 {
        name.to_owned()
    } else {
        name.chars().take(21).chain(['…']).collect()
    }
}
