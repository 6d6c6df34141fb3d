//! What was tried without money on the feed that it would be live on, against what LIVE asks for.

use super::preflight::{Checks, Row};
use super::rows::unreadable;
use crate::backtest::statistics::{Brier, Estimate, Paper};
use crate::config::FeedKind;
use crate::ledger::{LedgerError, PaperRecord};

/// The gates of the paper record.
pub(super) fn paper(checks: &Checks<'_>) -> Vec<Row> {
    let (config, live) = (&checks.loaded.config, &checks.loaded.config.live);
    let (feed, address) = match config.run.feed {
        FeedKind::Pinnacle => ("pinnacle", &config.pinnacle.url),
        _ => ("betfair", &config.betfair.stream_address),
    };
    let (record, figures) = match record_on(checks, address) {
        Ok(record) => record,
        Err(error) => return vec![unreadable("paper", &error)],
    };
    let (days, bets) = (live.min_paper_days, live.min_paper_bets);
    let run = format!("go on in DRY_RUN: bea run --feed {feed}");
    vec![
        Row::of(
            "paper days",
            record.days >= u64::from(days),
            format!(
                "{} days of DRY_RUN on {address}, {days} are asked for",
                record.days
            ),
            format!("{run} (live.min_paper_days)"),
        ),
        Row::of(
            "paper bets",
            record.settled_bets >= u64::from(bets),
            format!(
                "{} bets settled in it, {bets} are asked for",
                record.settled_bets
            ),
            format!("{run} (live.min_paper_bets)"),
        ),
        closing_value(figures.clv, record.settled_bets, live.min_paper_clv, &run),
        calibration(figures.brier, live.max_paper_brier_excess, &run),
    ]
}

fn record_on(checks: &Checks<'_>, address: &str) -> Result<(PaperRecord, Paper), LedgerError> {
    let Some(reader) = checks.reader else {
        return Ok((PaperRecord::default(), Paper::of(&[])));
    };
    let record = reader.paper_record(address)?;
    Ok((record, Paper::of(&reader.paper_closings(address)?)))
}

/// Whether the bets were worth enough against the close. -1 asks for nothing.
fn closing_value(clv: Option<Estimate>, settled: u64, least: f64, run: &str) -> Row {
    let is_asked = least > -1.0;
    let asked = match is_asked {
        true => format!("{:.2} % is asked for", least * 100.0),
        false => "nothing is asked for".to_owned(),
    };
    let found = match clv {
        None => format!("no settled bet has a close to be measured by, {asked}"),
        Some(clv) => {
            let mean = clv.percent("against the close on average");
            format!("{mean}, of {} of {settled} bets, {asked}", clv.n)
        }
    };
    Row::of(
        "paper clv",
        !is_asked || clv.is_some_and(|clv| clv.value >= least),
        found,
        format!("{run}, or mend the strategies (live.min_paper_clv)"),
    )
}

/// Whether the strategies' probabilities came near enough. 1 asks for nothing.
fn calibration(brier: Option<Brier>, most: f64, run: &str) -> Row {
    let is_asked = most < 1.0;
    let asked = match is_asked {
        true => format!("at most {most:+.4} is asked for"),
        false => "nothing is asked for".to_owned(),
    };
    let found = match brier {
        None => format!(
            "no settled bet has a probability of its strategy's and one of the close, {asked}"
        ),
        Some(brier) => format!(
            "Brier {:.4}, the close's {:.4} on the same {} bets: {:+.4}, {asked}",
            brier.own,
            brier.close,
            brier.n,
            brier.excess()
        ),
    };
    Row::of(
        "paper calibration",
        !is_asked || brier.is_some_and(|brier| brier.excess() <= most),
        found,
        format!("{run}, with bets that name a .probability(p) (live.max_paper_brier_excess)"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const RUN: &str = "go on";

    #[test]
    fn a_closing_value_opens_the_gate_if_it_is_enough_or_none_is_asked_for() {
        let clv = |value| {
            Some(Estimate {
                value,
                low: Some(-0.004),
                high: Some(0.029),
                n: 57,
            })
        };
        let row = closing_value(clv(0.0123), 60, 0.01, RUN);
        assert!(row.passed);
        assert_eq!(
            row.found,
            "1.23 % against the close on average (95 %: -0.40 % to 2.90 %), of 57 of 60 bets, 1.00 % is asked for"
        );
        assert!(closing_value(clv(0.01), 60, 0.01, RUN).passed);
        let short = closing_value(clv(0.0099), 60, 0.01, RUN);
        assert!(!short.passed && short.remedy.unwrap().contains("live.min_paper_clv"));
        assert!(closing_value(clv(-1.5), 60, -1.0, RUN).passed);
        // Without a figure it is open only if nothing is asked for.
        assert!(closing_value(None, 60, -1.0, RUN).passed);
        let unknown = closing_value(None, 60, -0.5, RUN);
        assert!(!unknown.passed && unknown.found.starts_with("no settled bet"));
    }

    #[test]
    fn a_brier_score_opens_the_gate_if_it_is_near_enough_or_none_is_asked_for() {
        let brier = Some(Brier {
            own: 0.2105,
            close: 0.208,
            n: 57,
        });
        let row = calibration(brier, 0.003, RUN);
        assert!(row.passed);
        assert_eq!(
            row.found,
            "Brier 0.2105, the close's 0.2080 on the same 57 bets: +0.0025, at most +0.0030 is asked for"
        );
        assert!(!calibration(brier, 0.002, RUN).passed);
        assert!(!calibration(brier, -0.001, RUN).passed);
        assert!(calibration(brier, 1.0, RUN).passed && calibration(None, 1.0, RUN).passed);
        let unknown = calibration(None, 0.5, RUN);
        assert!(!unknown.passed && unknown.found.starts_with("no settled bet"));
    }
}
