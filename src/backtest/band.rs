//! A band: the strict model under three outlooks, side by side, in one pass over the data.
//!
//! What a recording does not tell (who left a queue, whose bet met an order first) is taken against the strategy, as
//! is most likely, and for it. A profit that lives only in the last is no profit to count on.

use std::fmt;
use std::ops::ControlFlow;
use std::path::PathBuf;

use serde::Serialize;

use super::session::by_name;
use super::{
    Backtest, Driver, Makers, Playing, Report, RunError, Session, Setup, Sinks, StrategyReport,
    play,
};
use crate::engine::{NoJournal, Notice, Strategy};
use crate::exchange::{ExchangeSettings, Fill, Outlook};
use crate::market::Instruction;
use crate::source::Update;
use crate::strategy::ScriptError;

/// One strategy's results under the three outlooks.
#[derive(Clone, Debug, Serialize)]
pub struct BandLine {
    /// Its name.
    pub strategy: String,
    /// What the recording does not tell goes against it.
    pub pessimistic: BandResult,
    /// It goes as is most likely; the rest of the report is of this.
    pub neutral: BandResult,
    /// It goes its way.
    pub optimistic: BandResult,
    /// What the three together mean, in words.
    pub verdict: String,
}

/// What a strategy did under one outlook. Amounts are in major units of the report's currency.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct BandResult {
    /// Orders placed.
    pub bets: u64,
    /// Orders of which something was matched.
    pub matched: u64,
    /// Σ backers' stakes matched.
    pub turnover: f64,
    /// Settled profit before commission.
    pub profit_gross: f64,
    /// Settled profit after commission.
    pub profit_net: f64,
}

impl From<&StrategyReport> for BandResult {
    fn from(report: &StrategyReport) -> Self {
        Self {
            bets: report.bets,
            matched: report.matched,
            turnover: report.turnover,
            profit_gross: report.profit_gross,
            profit_net: report.profit_net,
        }
    }
}

impl BandLine {
    fn new(
        pessimistic: &StrategyReport,
        neutral: &StrategyReport,
        optimistic: &StrategyReport,
    ) -> Self {
        let nets = [pessimistic, neutral, optimistic].map(|report| report.profit_net);
        Self {
            strategy: neutral.name.clone(),
            pessimistic: pessimistic.into(),
            neutral: neutral.into(),
            optimistic: optimistic.into(),
            verdict: verdict(nets).to_owned(),
        }
    }
}

/// What net profits under the three outlooks, the darkest first, mean.
fn verdict(nets: [f64; 3]) -> &'static str {
    let [pessimistic, neutral, optimistic] = nets.map(|net| net > 0.0);
    match (pessimistic, neutral, optimistic) {
        (true, true, true) => "a profit whatever the recording does not tell",
        (false, false, true) => "a profit only in the optimistic outlook: do not count on it",
        (false, true, _) => {
            "a profit that is gone in the pessimistic outlook: it hangs on getting matched"
        }
        (false, false, false) => "no profit in any outlook",
        (true, _, _) => "a profit that better matching takes away: what it waits for loses",
    }
}

/// Plays every recording once, each to three sessions side by side: one for each outlook. The report, and what goes to
/// the sinks, is that of the neutral one, with the band in the report.
///
/// # Errors
/// As those of [`super::run`].
pub fn run_band(
    setup: &Setup,
    makers: Makers<'_>,
    files: &[PathBuf],
    sinks: &mut Sinks<'_>,
) -> Result<Report, RunError> {
    let beside = |outlook| Beside::new(with_outlook(setup, outlook));
    let (neutral, ledger) = Backtest::new(makers, sinks);
    let mut band = Band {
        neutral,
        beside: [beside(Outlook::Pessimistic), beside(Outlook::Optimistic)],
        ordinal: 0,
    };
    let setup = with_outlook(setup, Outlook::Neutral);
    let mut report = play(&setup, files, ledger, &mut band)?;
    let [pessimistic, optimistic] = band.beside.map(|mut beside| {
        beside.report.sum_up();
        beside.report
    });
    report.band = pessimistic
        .strategies
        .iter()
        .zip(&report.strategies)
        .zip(&optimistic.strategies)
        .map(|((pessimistic, neutral), optimistic)| BandLine::new(pessimistic, neutral, optimistic))
        .collect();
    Ok(report)
}

fn with_outlook(setup: &Setup, outlook: Outlook) -> Setup {
    Setup {
        exchange: ExchangeSettings {
            fill: Fill::Strict,
            outlook,
            ..setup.exchange.clone()
        },
        memory: None,
        ..setup.clone()
    }
}

/// Drives the neutral sessions as a backtest does, and moves the others along beside them.
struct Band<'a> {
    neutral: Backtest<'a>,
    beside: [Beside; 2],
    ordinal: u32,
}

/// An outlook played beside the neutral one.
struct Beside {
    setup: Setup,
    report: Report,
    session: Option<Session<NoJournal>>,
}

impl Beside {
    fn new(setup: Setup) -> Self {
        Self {
            report: Report::new(&setup),
            setup,
            session: None,
        }
    }

    fn take(&mut self, update: &Update<'_>) -> Result<(), RunError> {
        if let Some(session) = &mut self.session {
            session.take(update.published_at, update.deltas, &mut |_| true)?;
            // The neutral session's strategies say the same, or nearly.
            session.notices().for_each(drop);
        }
        Ok(())
    }

    fn end(&mut self) -> Result<(), RunError> {
        if let Some(mut session) = self.session.take() {
            session.finish()?;
            self.report.add_session(&session);
        }
        Ok(())
    }
}

impl Driver for Band<'_> {
    fn strategies(&mut self) -> Result<Vec<Box<dyn Strategy>>, ScriptError> {
        for beside in &mut self.beside {
            let strategies = by_name(self.neutral.strategies()?);
            for strategy in &strategies {
                beside.report.list(strategy.name(), strategy.hash());
            }
            let session = Session::new(&beside.setup, self.ordinal, strategies, NoJournal);
            beside.session = Some(session);
        }
        self.ordinal += 1;
        self.neutral.strategies()
    }

    fn begin(&mut self, recording: &str) {
        self.neutral.begin(recording);
    }

    fn before(
        &mut self,
        session: &mut Playing<'_>,
        update: &Update<'_>,
        bytes: u64,
    ) -> Result<ControlFlow<()>, RunError> {
        let flow = self.neutral.before(session, update, bytes)?;
        if flow.is_continue() {
            for beside in &mut self.beside {
                beside.take(update)?;
            }
        }
        Ok(flow)
    }

    fn may_send(&mut self, order: &Instruction) -> bool {
        self.neutral.may_send(order)
    }

    fn notice(&mut self, notice: Notice) {
        self.neutral.notice(notice);
    }

    fn end(&mut self, session: &Playing<'_>, recording: &str) -> Result<(), RunError> {
        for beside in &mut self.beside {
            beside.end()?;
        }
        self.neutral.end(session, recording)
    }
}

/// Writes the band as a table with a sentence on each strategy.
pub(super) fn write_band(lines: &[BandLine], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    if lines.is_empty() {
        return Ok(());
    }
    writeln!(
        f,
        "\nNet profit, and orders matched, by outlook on what the recordings do not tell"
    )?;
    writeln!(
        f,
        "  {:<20} {:>18} {:>18} {:>18}",
        "strategy", "pessimistic", "neutral", "optimistic"
    )?;
    let cell = |r: BandResult| format!("{:.2} ({})", r.profit_net, r.matched);
    for line in lines {
        writeln!(
            f,
            "  {:<20} {:>18} {:>18} {:>18}   {}",
            line.strategy,
            cell(line.pessimistic),
            cell(line.neutral),
            cell(line.optimistic),
            line.verdict,
        )?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::verdict;

    #[test]
    fn a_profit_that_lives_only_in_the_optimistic_outlook_is_called_so() {
        assert!(verdict([-2.0, -1.0, 3.0]).contains("only in the optimistic"));
        assert!(verdict([-2.0, 0.0, 3.0]).contains("only in the optimistic"));
        assert!(!verdict([-2.0, 1.0, 3.0]).contains("only in the optimistic"));
        assert!(verdict([-2.0, 1.0, 3.0]).contains("gone in the pessimistic"));
        assert!(verdict([1.0, -1.0, 3.0]).contains("better matching takes away"));
        assert!(verdict([1.0, 1.0, 1.0]).contains("whatever"));
        assert!(verdict([-1.0, -1.0, -1.0]).contains("no profit"));
    }
}
