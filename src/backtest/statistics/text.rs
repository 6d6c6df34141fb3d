//! Statistics in a few lines for a terminal.

use std::fmt::{self, Write as _};

use super::{ClosingValue, Estimate, Statistics};

impl Statistics {
    /// Writes what the bets of a strategy say; nothing if there are none. With the number of variants tried the chance of
    /// luck is told as the best of so many.
    pub(in crate::backtest) fn write(
        &self,
        name: &str,
        variants: Option<u64>,
        f: &mut fmt::Formatter<'_>,
    ) -> fmt::Result {
        let (Some(estimate), Some(odds)) = (self.yield_net, self.average_odds) else {
            return Ok(());
        };
        writeln!(
            f,
            "\n{name}: {} in {}",
            plural(self.bets, "settled bet"),
            plural(self.events, "event")
        )?;
        writeln!(f, "  yield      {}", estimate.percent("net"))?;
        if let Some(strike) = self.strike {
            let by_the_close = strike.by_the_close.map_or(String::new(), |rate| {
                format!(", {} by the close", percent(rate))
            });
            writeln!(
                f,
                "  strike     {} won, {} needed at prices of {odds:.2}{by_the_close}",
                percent(strike.rate),
                percent(strike.to_break_even),
            )?;
        }
        match &self.clv {
            Some(clv) => write_clv(clv, f)?,
            None => writeln!(f, "  CLV        the close is not known")?,
        }
        if let Some(luck) = self.significance {
            let needed = luck.bets_needed.map_or(String::new(), |bets| {
                format!("; a yield like this shows after {bets:.0} bets")
            });
            let tried = match variants {
                Some(tried) if tried > 1 => {
                    let best = 1.0 - (1.0 - luck.p).powf(tried as f64);
                    format!(", {} as the best of {tried} variants", percent(best))
                }
                _ => String::new(),
            };
            writeln!(
                f,
                "  luck       {} without an edge (t {:.2}){tried}{needed}",
                percent(luck.p),
                luck.t
            )?;
        }
        if let Some(run) = self.losing_run {
            writeln!(
                f,
                "  worst run  {} lost in a row, {:.0} expected",
                run.longest, run.expected
            )?;
        }
        if let Some(calibration) = &self.calibration {
            let skill = calibration
                .skill_to_the_close
                .map_or(String::new(), |skill| {
                    let (knew, by) = if skill > 0.0 {
                        ("more", skill)
                    } else {
                        ("less", -skill)
                    };
                    format!(", {} {knew} than the close", percent(by))
                });
            writeln!(
                f,
                "  thought    Brier {:.4}, log loss {:.4} nats{skill} ({})",
                calibration.brier,
                calibration.log_loss,
                plural(calibration.n, "bet"),
            )?;
        }
        Ok(())
    }
}

fn write_clv(clv: &ClosingValue, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let mut line = String::new();
    match clv.fair.get(clv.method) {
        Some(fair) => {
            let after = format!("margin off by the {} method", clv.method);
            write!(line, "{}", fair.percent(&after))?;
        }
        None => write!(line, "{}", clv.raw.percent("margin and all"))?,
    }
    let sources: Vec<&str> = clv.sources.keys().map(String::as_str).collect();
    writeln!(f, "  CLV        {line}")?;
    let unknown = match clv.unknown {
        0 => String::new(),
        unknown => format!("; of {unknown} more the close is not known"),
    };
    writeln!(
        f,
        "             {} of {} beat the close of {}{unknown}",
        percent(clv.beat_close.value),
        plural(clv.raw.n, "bet"),
        sources.join(", ")
    )
}

impl Estimate {
    /// In per cent, what it is of, and how sure: `1.20 % of stakes (95 %: -0.40 % to 2.80 %)`.
    #[must_use]
    pub fn percent(&self, what: &str) -> String {
        let range = match (self.low, self.high) {
            (Some(low), Some(high)) => format!("95 %: {} to {}", percent(low), percent(high)),
            _ => "too few events for an interval".to_owned(),
        };
        format!("{} {what} ({range})", percent(self.value))
    }
}

fn percent(ratio: f64) -> String {
    format!("{:.2} %", ratio * 100.0)
}

fn plural(count: u64, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}
