//! A band: the strict model under three outlooks, side by side, in one pass over the data.
//!
//! What a recording does not tell (who left a queue, whose bet met an order first) is taken against the strategy, as
//! is most likely, and for it. A profit that lives only in the last is no profit to count on.

use std::fmt;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::time::Instant;

use serde::Serialize;

use super::{
    Makers, Progress, Report, RunError, Session, Setup, Sinks, StrategyReport,
    UPDATES_BETWEEN_PROGRESS,
};
use crate::engine::{NoJournal, Trace};
use crate::exchange::{ExchangeSettings, Fill, Outlook};
use crate::source::{self, Recording};

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

/// Plays every recording once, each to three sessions side by side: one for each outlook. The report is that of the
/// neutral one, with the band in it. Ledger and orders of the sinks are left alone: there is no one run to keep.
///
/// # Errors
/// If a strategy does not compile.
pub fn run_band(
    setup: &Setup,
    makers: Makers<'_>,
    files: &[PathBuf],
    sinks: &mut Sinks<'_>,
) -> Result<Report, RunError> {
    let mut band = Band {
        setups: Outlook::ALL.map(|outlook| with_outlook(setup, outlook)),
        makers,
        sinks,
        reports: Outlook::ALL.map(|outlook| Report::new(&with_outlook(setup, outlook))),
        trace: Trace::default(),
        ordinal: 0,
        bytes: 0,
    };
    for strategy in makers()? {
        for report in &mut band.reports {
            report.list(strategy.name(), strategy.hash());
        }
    }
    let started = Instant::now();
    let mut stopped = false;
    for file in files {
        let mut failed = None;
        let walked = source::visit(file, &mut |recording| match band.play(recording) {
            Ok(flow) => {
                stopped = flow.is_break();
                flow
            }
            Err(error) => {
                failed = Some(error);
                ControlFlow::Break(())
            }
        });
        if let Some(error) = failed {
            return Err(error);
        }
        if let Err(error) = walked {
            band.reports[NEUTRAL].trouble(&error);
        }
        band.bytes += std::fs::metadata(file).map_or(0, |meta| meta.len());
        if stopped {
            break;
        }
    }
    let Band { reports, trace, .. } = band;
    let [pessimistic, mut neutral, optimistic] = reports.map(|mut report| {
        report.finish(trace.hash(), stopped, started.elapsed());
        report
    });
    let lines = pessimistic.strategies.iter().zip(&neutral.strategies);
    neutral.band = lines
        .zip(&optimistic.strategies)
        .map(|((pessimistic, neutral), optimistic)| BandLine::new(pessimistic, neutral, optimistic))
        .collect();
    Ok(neutral)
}

/// Where the neutral outlook stands among the three.
const NEUTRAL: usize = 1;

fn with_outlook(setup: &Setup, outlook: Outlook) -> Setup {
    Setup {
        exchange: ExchangeSettings {
            fill: Fill::Strict,
            outlook,
            ..setup.exchange.clone()
        },
        ..setup.clone()
    }
}

/// A run under way.
struct Band<'a, 's> {
    setups: [Setup; 3],
    makers: Makers<'a>,
    sinks: &'a mut Sinks<'s>,
    reports: [Report; 3],
    trace: Trace,
    ordinal: u32,
    /// Bytes of the files done.
    bytes: u64,
}

impl Band<'_, '_> {
    fn play(&mut self, recording: &mut Recording<'_>) -> Result<ControlFlow<()>, RunError> {
        self.ordinal += 1;
        let mut sessions = Vec::with_capacity(self.setups.len());
        for setup in &self.setups {
            let strategies = (self.makers)()?;
            sessions.push(Session::new(setup, self.ordinal, strategies, NoJournal));
        }
        let updates_before = self.reports[NEUTRAL].updates;
        let mut due = UPDATES_BETWEEN_PROGRESS;
        let mut flow = ControlFlow::Continue(());
        let trouble = loop {
            let update = match recording.next() {
                Ok(Some(update)) => update,
                Ok(None) => break None,
                Err(error) => break Some(error),
            };
            for session in &mut sessions {
                session.take(update.published_at, update.deltas, &mut |_| true)?;
            }
            self.hear(&mut sessions);
            let updates = sessions[NEUTRAL].updates();
            if updates >= due {
                due = updates + UPDATES_BETWEEN_PROGRESS;
                let bytes = self.bytes + recording.bytes_read();
                let updates = updates_before + updates;
                flow = (self.sinks.progress)(Progress { bytes, updates });
                if flow.is_break() {
                    break None;
                }
            }
        };
        for session in &mut sessions {
            session.finish()?;
        }
        self.hear(&mut sessions);
        for problem in recording.problems() {
            self.reports[NEUTRAL].problem(problem);
        }
        if let Some(error) = trouble {
            self.reports[NEUTRAL].trouble(&error);
        }
        for (session, report) in sessions.iter().zip(&mut self.reports) {
            report.add_session(session);
            self.trace.add_part(recording.name(), &session.trace_hash());
        }
        Ok(flow)
    }

    /// Passes on what the neutral session's strategies say; the others say the same, or nearly.
    fn hear(&mut self, sessions: &mut [Session<NoJournal>]) {
        for (place, session) in sessions.iter_mut().enumerate() {
            for notice in session.notices() {
                if place == NEUTRAL {
                    (self.sinks.notice)(notice);
                }
            }
        }
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
