//! A band: the strict model under three outlooks, side by side, in one pass over the data.
//!
//! What a recording does not tell (who left a queue, whose bet met an order first) is taken against the strategy, as
//! is most likely, and for it. A profit that lives only in the last is no profit to count on.

use std::fmt;

use serde::Serialize;

use super::report::Summary;
use super::{Report, RunError, Session, Setup, StrategyReport};
use crate::engine::{NoJournal, Strategy};
use crate::exchange::{ExchangeSettings, Fill, Outlook};
use crate::source::Update;

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

/// What three reports of the same strategies say side by side.
pub(super) fn lines(pessimistic: &Report, neutral: &Report, optimistic: &Report) -> Vec<BandLine> {
    let sides = pessimistic.strategies.iter().zip(&optimistic.strategies);
    neutral
        .strategies
        .iter()
        .zip(sides)
        .map(|(neutral, (pessimistic, optimistic))| BandLine::new(pessimistic, neutral, optimistic))
        .collect()
}

/// The set-ups of the neutral sessions, and of those beside them.
pub(super) fn setups(setup: &Setup) -> (Setup, Vec<Setup>) {
    let beside = [Outlook::Pessimistic, Outlook::Optimistic];
    (
        with_outlook(setup, Outlook::Neutral),
        beside.map(|outlook| with_outlook(setup, outlook)).into(),
    )
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

/// A session moved along beside the one whose records are kept.
pub(super) struct Beside {
    session: Session<NoJournal>,
}

impl Beside {
    /// One that is about to begin.
    pub(super) fn new(setup: &Setup, strategies: Vec<Box<dyn Strategy>>) -> Self {
        // Ids of its orders are nobody's business, so any ordinal will do.
        let session = Session::new(setup, 0, strategies, NoJournal);
        Self { session }
    }

    pub(super) fn take(&mut self, update: &Update<'_>) -> Result<(), RunError> {
        let (at, deltas) = (update.published_at, update.deltas);
        self.session.take(at, deltas, &mut |_| true)?;
        // The neutral session's strategies say the same, or nearly.
        self.session.notices().for_each(drop);
        Ok(())
    }

    pub(super) fn end(mut self) -> Result<Summary, RunError> {
        self.session.finish()?;
        Ok(Summary::of(&self.session))
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
