//! Limits on losses that were met: one alert for each strategy and limit a day, however many orders are refused.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::alert::Alerts;
use crate::config::Severity;
use crate::engine::{ReasonCode, Refusal};
use crate::market::TimeMs;

/// What was told on the present day, by the feed's time.
#[derive(Debug, Default)]
pub(super) struct Losses {
    day: i64,
    told: BTreeSet<(Arc<str>, &'static str)>,
}

impl Losses {
    /// Takes note of a refusal, and tells of it if a limit on losses is behind it.
    pub(super) fn refused(
        &mut self,
        strategy: &Arc<str>,
        at: TimeMs,
        refusal: &Refusal,
        alerts: &Alerts,
    ) {
        let what = match refusal.code {
            ReasonCode::LossDaily => "its limit for a day's loss",
            ReasonCode::LossDailyAll => "the limit for a day's loss of all strategies",
            ReasonCode::LossDrawdown => "its limit for a fall of the bank",
            _ => return,
        };
        let day = at.day();
        if day != self.day {
            self.day = day;
            self.told.clear();
        }
        let code = refusal.code.as_str();
        if self.told.insert((Arc::clone(strategy), code)) {
            let (value, limit) = (&refusal.value, &refusal.limit);
            let text = format_args!(
                "{strategy} has reached {what}: with the order that was refused {value} could be lost, and {limit} may be"
            );
            alerts.raise(Severity::Warning, code, text);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::alert::Channels;
    use crate::engine::Figure;
    use crate::market::Money;

    const DAY_MS: i64 = 86_400_000;

    #[test]
    fn a_limit_that_was_met_is_told_once_a_day_for_each_strategy() {
        let (alerts, _courier) = Alerts::new(Channels::default(), Duration::ZERO, || TimeMs(0));
        let mut losses = Losses::default();
        let money = |pounds| Figure::Money(Money::from_major(pounds));
        let refusal = |code| Refusal::of(code, money(104), money(100));
        let daily = refusal(ReasonCode::LossDaily);
        let mut refused = |strategy: &str, at, refusal: &Refusal| {
            losses.refused(&strategy.into(), TimeMs(at), refusal, &alerts);
        };
        for at in [1, 2, 3] {
            refused("fav", at, &daily);
        }
        let [alert] = &alerts.latest()[..] else {
            panic!("{:?}", alerts.latest());
        };
        assert_eq!(
            (&*alert.code, alert.severity),
            ("LOSS_DAILY", Severity::Warning)
        );
        assert!(
            alert
                .text
                .contains("104.00 could be lost, and 100.00 may be"),
            "{}",
            alert.text
        );
        refused("fav", 4, &refusal(ReasonCode::LossDrawdown));
        refused("other", 4, &daily);
        refused("fav", 5, &refusal(ReasonCode::StakeTooLarge));
        assert_eq!(alerts.raised(), 3);
        refused("fav", DAY_MS, &daily);
        assert_eq!(alerts.raised(), 4, "another day, another alert");
    }
}
