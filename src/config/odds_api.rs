//! How The Odds API is asked: where, about what, and how fast its credits may go.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::betfair::{is_local_address, is_safe_address};
use crate::market::Bound;

/// How The Odds API is asked. An empty path names no file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct OddsApi {
    /// Where it is.
    pub url: String,
    /// File of the key.
    pub key_file: PathBuf,
    /// Keys of the sports.
    pub sports: Vec<String>,
    /// Keys of the regions; each is paid for.
    pub regions: Vec<String>,
    /// Keys of bookmakers, in place of regions; each ten are paid for as a region.
    pub bookmakers: Vec<String>,
    /// Keys of the markets, of which strategies choose.
    pub markets: Vec<String>,
    /// So many credits are never spent.
    pub credit_floor: u64,
    /// On which day of the month credits begin anew, at midnight UTC.
    pub reset_day: u8,
    /// Odds of a sport are asked for at most this often.
    pub fastest_seconds: u32,
    /// And, while the next start is far off, this often.
    pub slowest_seconds: u32,
    /// How far apart fixtures are asked for.
    pub events_seconds: u32,
    /// How far apart results are asked for.
    pub scores_seconds: u32,
    /// How long after its start an event may be over.
    pub over_after_minutes: u32,
    /// A quote that its bookmaker has not confirmed for so long is only to look at.
    pub stale_seconds: u32,
    /// How long an answer may take.
    pub timeout_seconds: u32,
    /// How many times as fast the clock of the API runs: 1, but for a look-alike on this machine.
    pub clock_times: u32,
}

impl Default for OddsApi {
    fn default() -> Self {
        let own = |list: &[&str]| list.iter().map(|key| (*key).to_owned()).collect();
        Self {
            url: "https://api.the-odds-api.com".to_owned(),
            key_file: PathBuf::new(),
            sports: own(&[
                "soccer_epl",
                "soccer_efl_champ",
                "soccer_spain_la_liga",
                "soccer_germany_bundesliga",
                "soccer_italy_serie_a",
                "soccer_france_ligue_one",
            ]),
            regions: own(&["uk"]),
            bookmakers: Vec::new(),
            markets: own(&["h2h", "totals", "btts"]),
            credit_floor: 20,
            reset_day: 1,
            fastest_seconds: 60,
            slowest_seconds: 21_600,
            events_seconds: 3_600,
            scores_seconds: 600,
            over_after_minutes: 105,
            stale_seconds: 300,
            timeout_seconds: 15,
            clock_times: 1,
        }
    }
}

impl OddsApi {
    /// Every setting with its range.
    #[must_use]
    pub fn bounds(&self) -> Vec<Bound> {
        vec![
            Bound::new("credit_floor", &self.credit_floor, &(0..=100_000_000)),
            Bound::new("reset_day", &self.reset_day, &(1..=28)),
            Bound::new("fastest_seconds", &self.fastest_seconds, &(5..=86_400)),
            Bound::new("slowest_seconds", &self.slowest_seconds, &(5..=604_800)),
            Bound::new("events_seconds", &self.events_seconds, &(60..=86_400)),
            Bound::new("scores_seconds", &self.scores_seconds, &(30..=86_400)),
            Bound::new("over_after_minutes", &self.over_after_minutes, &(1..=1_440)),
            Bound::new("stale_seconds", &self.stale_seconds, &(5..=86_400)),
            Bound::new("timeout_seconds", &self.timeout_seconds, &(1..=60)),
            Bound::new("clock_times", &self.clock_times, &(1..=3_600)),
        ]
    }

    /// For how many regions each market is paid.
    #[must_use]
    pub fn paid_regions(&self) -> u64 {
        match self.bookmakers.len() {
            0 => self.regions.len() as u64,
            count => count.div_ceil(10) as u64,
        }
    }

    /// What is wrong beside ranges: the key, the value, and what is permitted.
    pub(super) fn problems(&self) -> Vec<(String, String, String)> {
        let mut found = Vec::new();
        let mut object = |key: &str, value: &str, problem: &str| {
            let key = format!("odds_api.{key}");
            found.push((key, value.to_owned(), problem.to_owned()));
        };
        if !is_safe_address(&self.url) {
            let safe = "it must begin with https://, or with http:// and name this machine: 127.0.0.1 or [::1]";
            object("url", &self.url, safe);
        }
        if self.clock_times != 1 && !is_local_address(&self.url) {
            let times = self.clock_times.to_string();
            object(
                "clock_times",
                &times,
                "time runs faster only at a look-alike on this machine: use 1",
            );
        }
        if self.fastest_seconds > self.slowest_seconds {
            let fastest = self.fastest_seconds.to_string();
            object(
                "fastest_seconds",
                &fastest,
                "it must not be over odds_api.slowest_seconds",
            );
        }
        if self.regions.is_empty() && self.bookmakers.is_empty() {
            object(
                "regions",
                "[]",
                "name a region, such as \"uk\", or bookmakers",
            );
        }
        for (key, list) in [
            ("sports", &self.sports),
            ("regions", &self.regions),
            ("bookmakers", &self.bookmakers),
        ] {
            for name in list {
                if !is_key(name) {
                    object(key, name, "a key is of small letters, digits and _");
                }
            }
        }
        for market in &self.markets {
            if !["h2h", "spreads", "totals", "btts"].contains(&market.as_str()) {
                object("markets", market, "there are h2h, spreads, totals, btts");
            }
        }
        found
    }
}

fn is_key(name: &str) -> bool {
    !name.is_empty()
        && name
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_look_alike_here_may_run_faster() {
        let keys = |settings: OddsApi| {
            let problems = settings.problems().into_iter();
            problems.map(|(key, ..)| key).collect::<Vec<_>>()
        };
        assert_eq!(keys(OddsApi::default()), [""; 0]);
        let fast = OddsApi {
            clock_times: 60,
            ..OddsApi::default()
        };
        assert_eq!(keys(fast.clone()), ["odds_api.clock_times"]);
        let here = OddsApi {
            url: "http://127.0.0.1:8092".to_owned(),
            ..fast
        };
        assert_eq!(keys(here), [""; 0]);
    }

    #[test]
    fn what_the_api_would_refuse_is_refused_before() {
        let wrong = OddsApi {
            sports: vec!["soccer_epl&apiKey=1".to_owned()],
            regions: Vec::new(),
            markets: vec!["outrights".to_owned()],
            fastest_seconds: 30_000,
            ..OddsApi::default()
        };
        let keys: Vec<String> = wrong.problems().into_iter().map(|(key, ..)| key).collect();
        let expected = ["fastest_seconds", "regions", "sports", "markets"];
        assert_eq!(keys, expected.map(|key| format!("odds_api.{key}")));
    }

    #[test]
    fn each_ten_bookmakers_are_paid_for_as_a_region() {
        let of = |count: usize| OddsApi {
            bookmakers: vec!["b".to_owned(); count],
            ..OddsApi::default()
        };
        assert_eq!(
            [0, 1, 10, 11].map(|count| of(count).paid_regions()),
            [1, 1, 1, 2]
        );
    }
}
