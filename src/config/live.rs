//! What lies between a feed and a bet: how old the feed may be, how it is recorded, and what LIVE asks for.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::market::{Bound, Ratio};

/// Where the host has its odds from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FeedKind {
    /// Recordings, played as if live.
    #[default]
    Recordings,
    /// The stream of the Betfair exchange.
    Betfair,
    /// The odds of many bookmakers, from The Odds API.
    OddsApi,
    /// The odds of Pinnacle.
    Pinnacle,
}

/// How a live feed is judged, and which markets are followed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Feed {
    /// Markets by id. With any named here, the filters of strategies choose among these alone.
    pub markets: Vec<String>,
    /// After so many seconds without a word the feed is old: no orders, and health warns.
    pub warn_seconds: u32,
    /// After so many seconds with open orders health fails.
    pub fail_seconds: u32,
    /// Changes that waited longer than this many milliseconds are late: no orders until the host has caught up.
    pub max_lag_ms: u32,
    /// So many lines may wait; more are thrown away together, and the feed is asked for anew.
    pub max_waiting: u32,
}

impl Default for Feed {
    fn default() -> Self {
        Self {
            markets: Vec::new(),
            warn_seconds: 12,
            fail_seconds: 30,
            max_lag_ms: 1_000,
            max_waiting: 20_000,
        }
    }
}

impl Feed {
    /// Every setting with its range.
    #[must_use]
    pub fn bounds(&self) -> Vec<Bound> {
        vec![
            Bound::new("warn_seconds", &self.warn_seconds, &(2..=600)),
            Bound::new("fail_seconds", &self.fail_seconds, &(2..=3_600)),
            Bound::new("max_lag_ms", &self.max_lag_ms, &(50..=60_000)),
            Bound::new("max_waiting", &self.max_waiting, &(100..=1_000_000)),
        ]
    }
}

/// How a live feed is recorded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Recorder {
    /// Whether it is.
    pub enabled: bool,
    /// Where to.
    pub folder: PathBuf,
    /// Whether it is packed with zstd.
    pub compress: bool,
    /// Mebibytes after which a part is ended.
    pub part_mib: u32,
    /// Mebibytes that all recordings may take; the oldest parts go first.
    pub total_mib: u32,
    /// Mebibytes that must stay free on the disk.
    pub min_free_mib: u32,
}

impl Default for Recorder {
    fn default() -> Self {
        Self {
            enabled: true,
            folder: "data/feed".into(),
            compress: true,
            part_mib: 64,
            total_mib: 10_240,
            min_free_mib: 1_024,
        }
    }
}

impl Recorder {
    /// Every setting with its range.
    #[must_use]
    pub fn bounds(&self) -> Vec<Bound> {
        vec![
            Bound::new("part_mib", &self.part_mib, &(1..=4_096)),
            Bound::new("total_mib", &self.total_mib, &(1..=10_000_000)),
            Bound::new("min_free_mib", &self.min_free_mib, &(0..=10_000_000)),
        ]
    }
}

/// What LIVE asks for besides `mode`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Live {
    /// The arming token. `bea arm` writes it.
    pub arm_file: PathBuf,
    /// What `bea approve` leaves for a running host to take into the ledger.
    pub approvals_file: PathBuf,
    /// The longest time that LIVE may be armed for, in hours.
    pub max_arm_hours: u32,
    /// Days on which DRY_RUN must have run on a live feed.
    pub min_paper_days: u32,
    /// Bets that must have been settled in DRY_RUN on a live feed.
    pub min_paper_bets: u32,
    /// Least mean closing line value of these bets, for each unit of stake; -1 asks for none.
    pub min_paper_clv: f64,
    /// How much more than the close's the Brier score of the strategies' probabilities may be on them; 1 asks for none.
    pub max_paper_brier_excess: f64,
    /// How far this machine's clock may be from the venue's, in milliseconds.
    pub max_clock_skew_ms: u32,
    /// How the limits rise.
    pub ramp: Ramp,
}

impl Default for Live {
    fn default() -> Self {
        Self {
            arm_file: "data/ARMED".into(),
            approvals_file: "data/approvals.jsonl".into(),
            max_arm_hours: 24,
            min_paper_days: 30,
            min_paper_bets: 100,
            min_paper_clv: -1.0,
            max_paper_brier_excess: 1.0,
            max_clock_skew_ms: 1_000,
            ramp: Ramp::default(),
        }
    }
}

impl Live {
    /// Every setting with its range.
    #[must_use]
    pub fn bounds(&self) -> Vec<Bound> {
        let mut bounds = vec![
            Bound::new("max_arm_hours", &self.max_arm_hours, &(1..=168)),
            Bound::new("min_paper_days", &self.min_paper_days, &(0..=365)),
            Bound::new("min_paper_bets", &self.min_paper_bets, &(0..=100_000)),
            Bound::new("min_paper_clv", &self.min_paper_clv, &(-1.0..=1.0)),
            Bound::new(
                "max_paper_brier_excess",
                &self.max_paper_brier_excess,
                &(-1.0..=1.0),
            ),
            Bound::new(
                "max_clock_skew_ms",
                &self.max_clock_skew_ms,
                &(100..=10_000),
            ),
        ];
        bounds.extend(self.ramp.bounds());
        bounds
    }
}

/// How the limits rise in LIVE: from a small part of what is configured, by what has been settled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Ramp {
    /// Whether they do. If not, the limits are those of the configuration from the first bet on.
    pub enabled: bool,
    /// The part at the start.
    pub first_ratio: Ratio,
    /// The part after so many LIVE bets were settled.
    pub second_ratio: Ratio,
    /// How many.
    pub second_after_bets: u32,
    /// After how many the whole.
    pub full_after_bets: u32,
}

impl Default for Ramp {
    fn default() -> Self {
        Self {
            enabled: true,
            first_ratio: Ratio::percent(1),
            second_ratio: Ratio::percent(10),
            second_after_bets: 100,
            full_after_bets: 500,
        }
    }
}

impl Ramp {
    fn bounds(&self) -> Vec<Bound> {
        let parts = Ratio::from_millionths(1).unwrap_or(Ratio::ONE)..=Ratio::ONE;
        let bets = 0..=1_000_000;
        vec![
            Bound::new("ramp.first_ratio", &self.first_ratio, &parts),
            Bound::new("ramp.second_ratio", &self.second_ratio, &parts),
            Bound::new("ramp.second_after_bets", &self.second_after_bets, &bets),
            Bound::new("ramp.full_after_bets", &self.full_after_bets, &bets),
        ]
    }

    /// The part of the limits that holds after so many LIVE bets were settled, and after how many the next one begins.
    #[must_use]
    pub fn at(&self, settled: u64) -> (Ratio, Option<u32>) {
        match settled {
            _ if !self.enabled => (Ratio::ONE, None),
            n if n >= u64::from(self.full_after_bets) => (Ratio::ONE, None),
            n if n >= u64::from(self.second_after_bets) => {
                (self.second_ratio, Some(self.full_after_bets))
            }
            _ => (self.first_ratio, Some(self.second_after_bets)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_rise_with_what_was_settled() {
        let ramp = Ramp::default();
        assert_eq!(ramp.at(0), (Ratio::percent(1), Some(100)));
        assert_eq!(ramp.at(99).0, Ratio::percent(1));
        assert_eq!(ramp.at(100), (Ratio::percent(10), Some(500)));
        assert_eq!(ramp.at(500), (Ratio::ONE, None));
        let none = Ramp {
            enabled: false,
            ..ramp
        };
        assert_eq!(none.at(0), (Ratio::ONE, None));
    }
}
