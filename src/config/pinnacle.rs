//! How Pinnacle is asked and bet with: where, about which sports, how often, and on which terms.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::betfair::{is_local_address, is_safe_address};
use crate::market::{Bound, Mode};

/// What the venue permits: each kind of odds of a sport once in so many seconds.
const FAIR_SECONDS: u32 = 120;

/// How Pinnacle is asked and bet with. An empty path names no file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Pinnacle {
    /// Where it is.
    pub url: String,
    /// File of the user's name.
    pub username_file: PathBuf,
    /// File of the password.
    pub password_file: PathBuf,
    /// Its numbers of the sports; 29 is football.
    pub sports: Vec<u32>,
    /// Its numbers of the leagues; all of the sports with none named.
    pub leagues: Vec<u32>,
    /// How far apart odds of a sport are asked for.
    pub odds_seconds: u32,
    /// How far apart fixtures are.
    pub fixtures_seconds: u32,
    /// How far apart results are.
    pub settled_seconds: u32,
    /// How far apart leagues are.
    pub leagues_seconds: u32,
    /// How far apart lines of a sport may be checked; a bet that would need one sooner is not sent.
    pub line_seconds: u32,
    /// In which form odds of bets are told.
    pub odds_format: OddsFormat,
    /// What the stake of a bet names.
    pub win_risk_stake: WinRisk,
    /// Whether a bet may be taken at a better line than the one checked.
    pub accept_better_line: bool,
    /// What becomes of a stake that is over the maximum.
    pub fill_type: FillType,
    /// How long an answer may take.
    pub timeout_seconds: u32,
    /// How long the answer to a bet may take.
    pub order_timeout_seconds: u32,
    /// How long after a bet that waits, or is in doubt, it is looked for, and how far apart from then on.
    pub recheck_seconds: u32,
    /// How long after it was sent a bet may still turn up.
    pub window_seconds: u32,
    /// A bet that nobody is sure of for so long is a person's to look for: the venue forgets its name soon.
    pub escalate_minutes: u32,
    /// How far apart it is asked for the funds.
    pub funds_every_seconds: u32,
    /// How far apart it is asked for all bets while some are open; ten times as far while none is.
    pub listing_every_seconds: u32,
    /// How many times as fast its clock runs: 1, but for a look-alike on this machine.
    pub clock_times: u32,
}

/// In which form odds are told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum OddsFormat {
    /// 1.91.
    #[default]
    Decimal,
    /// −110.
    American,
    /// 0.91.
    HongKong,
    /// −1.1.
    Indonesian,
    /// 0.91, and −0.91 for over two.
    Malay,
}

/// What a stake names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum WinRisk {
    /// What may be lost.
    #[default]
    Risk,
    /// What may be won.
    Win,
}

/// What becomes of a stake that is over the maximum. That the venue may take its maximum whatever the stake is
/// (`FILLMAXLIMIT`) is not among these: such a bet could be over every limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum FillType {
    /// It is refused.
    #[default]
    Normal,
    /// It is cut to the maximum.
    FillAndKill,
}

impl OddsFormat {
    /// The name as the venue writes it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Decimal => "DECIMAL",
            Self::American => "AMERICAN",
            Self::HongKong => "HONGKONG",
            Self::Indonesian => "INDONESIAN",
            Self::Malay => "MALAY",
        }
    }
}

impl WinRisk {
    /// The name as the venue writes it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Risk => "RISK",
            Self::Win => "WIN",
        }
    }
}

impl FillType {
    /// The name as the venue writes it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Normal => "NORMAL",
            Self::FillAndKill => "FILLANDKILL",
        }
    }
}

impl Default for Pinnacle {
    fn default() -> Self {
        Self {
            url: "https://api.pinnacle.com".to_owned(),
            username_file: PathBuf::new(),
            password_file: PathBuf::new(),
            sports: vec![29],
            leagues: Vec::new(),
            odds_seconds: FAIR_SECONDS,
            fixtures_seconds: FAIR_SECONDS,
            settled_seconds: 300,
            leagues_seconds: 86_400,
            line_seconds: FAIR_SECONDS,
            odds_format: OddsFormat::Decimal,
            win_risk_stake: WinRisk::Risk,
            accept_better_line: true,
            fill_type: FillType::Normal,
            timeout_seconds: 15,
            order_timeout_seconds: 20,
            recheck_seconds: 6,
            window_seconds: 60,
            escalate_minutes: 25,
            funds_every_seconds: 60,
            listing_every_seconds: 60,
            clock_times: 1,
        }
    }
}

impl Pinnacle {
    /// Every setting with its range.
    #[must_use]
    pub fn bounds(&self) -> Vec<Bound> {
        let interval = 1..=604_800;
        let timeout = 1..=60;
        vec![
            Bound::new("odds_seconds", &self.odds_seconds, &interval),
            Bound::new("fixtures_seconds", &self.fixtures_seconds, &interval),
            Bound::new("settled_seconds", &self.settled_seconds, &interval),
            Bound::new("leagues_seconds", &self.leagues_seconds, &interval),
            Bound::new("line_seconds", &self.line_seconds, &(0..=3_600)),
            Bound::new("timeout_seconds", &self.timeout_seconds, &timeout),
            Bound::new(
                "order_timeout_seconds",
                &self.order_timeout_seconds,
                &(6..=60),
            ),
            Bound::new("recheck_seconds", &self.recheck_seconds, &(1..=60)),
            Bound::new("window_seconds", &self.window_seconds, &(10..=600)),
            // The venue forgets the name of a bet after thirty minutes.
            Bound::new("escalate_minutes", &self.escalate_minutes, &(1..=29)),
            Bound::new(
                "funds_every_seconds",
                &self.funds_every_seconds,
                &(5..=3_600),
            ),
            Bound::new(
                "listing_every_seconds",
                &self.listing_every_seconds,
                &(5..=3_600),
            ),
            Bound::new("clock_times", &self.clock_times, &(1..=3_600)),
        ]
    }

    /// What is wrong beside ranges: the key, the value, and what is permitted.
    pub(super) fn problems(&self, mode: Mode) -> Vec<(String, String, String)> {
        let mut found = Vec::new();
        let mut object = |key: &str, value: &dyn ToString, problem: &str| {
            let key = format!("pinnacle.{key}");
            found.push((key, value.to_string(), problem.to_owned()));
        };
        if !is_safe_address(&self.url) {
            let safe = "it must begin with https://, or with http:// and name this machine: 127.0.0.1 or [::1]";
            object("url", &self.url, safe);
        }
        if self.sports.is_empty() {
            object(
                "sports",
                &"[]",
                "name a sport by its number: 29 is football",
            );
        }
        if self.clock_times != 1 && mode == Mode::Live {
            object(
                "clock_times",
                &self.clock_times,
                "LIVE keeps real time: use 1",
            );
        }
        if is_local_address(&self.url) {
            return found;
        }
        if self.clock_times != 1 {
            object(
                "clock_times",
                &self.clock_times,
                "time runs faster only at a look-alike on this machine: use 1",
            );
        }
        let fair =
            format!("fair use is {FAIR_SECONDS} or more, but for a look-alike on this machine");
        for (key, seconds) in [
            ("odds_seconds", self.odds_seconds),
            ("fixtures_seconds", self.fixtures_seconds),
            ("settled_seconds", self.settled_seconds),
            ("line_seconds", self.line_seconds),
        ] {
            if seconds < FAIR_SECONDS {
                object(key, &seconds, &fair);
            }
        }
        if self.leagues_seconds < 3_600 {
            let hourly = "fair use is 3600 or more, but for a look-alike on this machine";
            object("leagues_seconds", &self.leagues_seconds, hourly);
        }
        if self.window_seconds < 60 {
            let known = "a bet may turn up for 60 seconds, but for a look-alike on this machine";
            object("window_seconds", &self.window_seconds, known);
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(settings: &Pinnacle, mode: Mode) -> Vec<String> {
        let problems = settings.problems(mode).into_iter();
        problems.map(|(key, ..)| key).collect()
    }

    #[test]
    fn fair_use_is_kept_but_for_a_look_alike_here() {
        assert_eq!(keys(&Pinnacle::default(), Mode::Live), [""; 0]);
        let greedy = Pinnacle {
            odds_seconds: 5,
            line_seconds: 0,
            window_seconds: 10,
            clock_times: 60,
            ..Pinnacle::default()
        };
        let expected = [
            "clock_times",
            "odds_seconds",
            "line_seconds",
            "window_seconds",
        ];
        assert_eq!(
            keys(&greedy, Mode::DryRun),
            expected.map(|key| format!("pinnacle.{key}"))
        );
        let here = Pinnacle {
            url: "http://127.0.0.1:8093".to_owned(),
            ..greedy
        };
        assert_eq!(keys(&here, Mode::DryRun), [""; 0]);
        assert_eq!(keys(&here, Mode::Live), ["pinnacle.clock_times"]);
    }

    #[test]
    fn a_bet_for_whatever_is_taken_cannot_be_asked_for() {
        assert!(serde_json::from_str::<FillType>("\"FILLANDKILL\"").is_ok());
        assert!(serde_json::from_str::<FillType>("\"FILLMAXLIMIT\"").is_err());
    }
}
