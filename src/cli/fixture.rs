//! `bea fixture`: cuts one moment of a market out of a recording, for tests of strategies.

use std::ops::ControlFlow;
use std::path::PathBuf;
use std::process::ExitCode;
use std::str::FromStr;
use std::sync::Arc;

use clap::Args;
use serde_json::json;

use super::{Failure, Shared, exit, output};
use crate::market::{Books, Market, MarketId, MarketStatus, TimeMs};
use crate::source::{self, Recording, SourceError};
use crate::strategy::{Cut, fixture};

/// Cut a moment of a market out of a recording, for the tests of a strategy
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  bea fixture examples/recordings/1.900000010 --at \"10s before off\" --out strategies/fixtures/late.json
  bea fixture race.bz2 --market 1.23 --at 2021-03-30T16:19:30Z --out strategies/fixtures/race.json
  bea fixture race.bz2 --at \"5m after off\"              prints it

A test loads it with t.fixture(\"late\"). The moment is that of the last update published until then.")]
pub(super) struct Fixture {
    /// The recording, compressed or not
    recording: PathBuf,
    /// Which market; needed if the recording has several
    #[arg(short, long, value_name = "ID")]
    market: Option<String>,
    /// The moment: "10s before off", "2m after off", "off", "in play", "end", or a time such as
    /// 2021-03-30T16:19:30Z
    #[arg(long, value_name = "MOMENT", default_value = "10s before off")]
    at: Moment,
    /// The file to write; printed if there is none
    #[arg(short, long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// Which moment of a market.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Moment {
    /// Milliseconds after the scheduled start; negative before.
    AfterOff(i64),
    /// This time.
    Time(TimeMs),
    /// The first update in play.
    InPlay,
    /// The last update.
    End,
}

impl FromStr for Moment {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || {
            format!(
                "\"{text}\" is no moment: use \"10s before off\", \"2m after off\", \"off\", \"in play\", \"end\" or a time such as 2021-03-30T16:19:30Z"
            )
        };
        match text.trim() {
            "off" => return Ok(Self::AfterOff(0)),
            "in play" | "in-play" => return Ok(Self::InPlay),
            "end" => return Ok(Self::End),
            _ => {}
        }
        if let Ok(time) = TimeMs::parse(text.trim()) {
            return Ok(Self::Time(time));
        }
        let words: Vec<&str> = text.split_whitespace().collect();
        let (amount, sign) = match words.as_slice() {
            [amount @ .., "before", "off"] => (amount.concat(), -1.0),
            [amount @ .., "after", "off"] => (amount.concat(), 1.0),
            _ => return Err(wrong()),
        };
        let digits = amount.trim_end_matches(char::is_alphabetic);
        let unit = match &amount[digits.len()..] {
            "s" | "sec" | "seconds" | "second" => 1_000.0,
            "ms" => 1.0,
            "m" | "min" | "minutes" | "minute" => 60_000.0,
            "h" | "hours" | "hour" => 3_600_000.0,
            _ => return Err(wrong()),
        };
        let number: f64 = digits.parse().map_err(|_| wrong())?;
        let ms = number * unit * sign;
        if !ms.is_finite() || ms.abs() > 1e12 {
            return Err(wrong());
        }
        #[allow(clippy::cast_possible_truncation)]
        Ok(Self::AfterOff(ms.round() as i64))
    }
}

/// A market as it was, and the line that made it so.
struct Found {
    market: Arc<Market>,
    line: u64,
}

/// What was seen on the way.
#[derive(Default)]
struct Search {
    found: Option<Found>,
    /// Markets of the recording, in the order first seen.
    markets: Vec<MarketId>,
    /// Times of the first and last update of the market.
    span: Option<(TimeMs, TimeMs)>,
    /// When the market is due to start, as last told.
    off: Option<TimeMs>,
    /// The recording ends before the moment: what was found is the market's last state.
    is_past_end: bool,
}

impl Fixture {
    pub(super) fn run(&self, shared: &Shared) -> Result<ExitCode, Failure> {
        let (name, search) = self.search()?;
        let Some(found) = search.found else {
            return Err(self.not_found(&search));
        };
        let cut = Cut {
            recording: &name,
            line: found.line,
        };
        let text = fixture(&found.market, &cut);
        let market = &found.market;
        if search.is_past_end {
            output::remark(
                shared,
                format_args!(
                    "{name}: the market was closed before that moment; cut is its end, as of {} ({})",
                    market.published_at,
                    when(market)
                ),
            );
        }
        let Some(out) = &self.out else {
            let document: serde_json::Value = serde_json::from_str(&text).unwrap_or_default();
            output::print(shared, &document, text.trim_end())?;
            return Ok(ExitCode::SUCCESS);
        };
        if let Some(folder) = out.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            std::fs::create_dir_all(folder)
                .map_err(|error| Failure::io("make the folder", folder, &error))?;
        }
        std::fs::write(out, text).map_err(|error| Failure::io("write it", out, &error))?;
        let document = json!({
            "schema": "bea.fixture.written/1",
            "path": out,
            "market": market.id.as_str(),
            "line": found.line,
            "at": market.published_at.to_string(),
            "seconds_to_start": market.ms_to_start() as f64 / 1000.0,
            "is_past_end": search.is_past_end,
        });
        let stem = out.file_stem().unwrap_or_default().to_string_lossy();
        let said = format!(
            "wrote {}: {} as of line {}, {}, {}\nload it in a test:  let market = t.fixture(\"{stem}\");",
            out.display(),
            market.id.as_str(),
            found.line,
            market.published_at,
            when(market),
        );
        output::print(shared, &document, said)?;
        Ok(ExitCode::SUCCESS)
    }

    /// Reads the recording up to the moment.
    fn search(&self) -> Result<(String, Search), Failure> {
        let mut search = Search::default();
        let mut name = String::new();
        let mut failed = None;
        source::visit(&self.recording, &mut |recording| {
            name = recording.name().to_owned();
            match self.read(recording, &mut search) {
                Ok(()) if search.found.is_none() => ControlFlow::Continue(()),
                Ok(()) => ControlFlow::Break(()),
                Err(error) => {
                    failed = Some(error);
                    ControlFlow::Break(())
                }
            }
        })?;
        match failed {
            Some(error) => Err(error.into()),
            None => Ok((name, search)),
        }
    }

    fn read(&self, recording: &mut Recording<'_>, search: &mut Search) -> Result<(), SourceError> {
        let mut books = Books::default();
        let mut latest: Option<Found> = None;
        while let Some(update) = recording.next()? {
            for delta in update.deltas {
                if !search.markets.contains(&delta.market) {
                    search.markets.push(delta.market.clone());
                }
                if self.market.is_none() && search.markets.len() > 1 {
                    return Ok(());
                }
                let is_other = |name: &String| name != delta.market.as_str();
                if self.market.as_ref().is_some_and(is_other) {
                    continue;
                }
                let line = update.line;
                if let (Some(found), Some(market)) = (&latest, books.market(&delta.market))
                    && self.is_past(market, update.published_at)
                {
                    search.found = Some(Found {
                        market: Arc::clone(&found.market),
                        line: found.line,
                    });
                    return Ok(());
                }
                let Some(at) = books.apply(update.published_at, delta) else {
                    continue;
                };
                let market = Arc::clone(books.get(at));
                search.off = Some(market.definition.market_time);
                let (first, _) = search
                    .span
                    .unwrap_or((update.published_at, update.published_at));
                search.span = Some((first, update.published_at));
                let is_first_in_play = self.at == Moment::InPlay && market.definition.in_play;
                let found = Found { market, line };
                if is_first_in_play {
                    search.found = Some(found);
                    return Ok(());
                }
                let is_early = !self.is_past(&found.market, update.published_at);
                latest = is_early.then_some(found).or(latest);
            }
        }
        // Nothing came after the moment. A market's end is its last update; any other moment may not be recorded.
        let covers = |found: &Found| match self.at {
            Moment::End => true,
            Moment::InPlay => false,
            Moment::AfterOff(_) | Moment::Time(_) => found.market.status() == MarketStatus::Closed,
        };
        let is_one = search.markets.len() == 1 || self.market.is_some();
        search.found = latest.filter(|found| is_one && covers(found));
        search.is_past_end = search.found.is_some() && self.at != Moment::End;
        Ok(())
    }

    /// Whether an update published at this time is after the moment.
    fn is_past(&self, market: &Market, at: TimeMs) -> bool {
        match self.at {
            Moment::AfterOff(ms) => at > market.definition.market_time + ms,
            Moment::Time(time) => at > time,
            Moment::InPlay | Moment::End => false,
        }
    }

    fn not_found(&self, search: &Search) -> Failure {
        let path = self.recording.display();
        let ids: Vec<&str> = search
            .markets
            .iter()
            .take(20)
            .map(MarketId::as_str)
            .collect();
        let data = |message: String| Failure::new(exit::DATA, message);
        match (&self.market, search.span) {
            (Some(id), None) => data(format!("{path}: there is no market {id} in it"))
                .hint(format!("it has: {}", ids.join(", "))),
            (None, _) if search.markets.len() > 1 => Failure::new(
                exit::USAGE,
                format!("{path}: it holds {} markets", search.markets.len()),
            )
            .hint(format!("name one by --market: {}", ids.join(", "))),
            (_, Some((first, last))) => {
                let off = search.off.unwrap_or(last);
                let wanted = match self.at {
                    Moment::AfterOff(ms) => format!("that moment, {}, is not in it", off + ms),
                    Moment::Time(time) => format!("{time} is not in it"),
                    Moment::InPlay => "the market is never in play in it".to_owned(),
                    Moment::End => "it holds no end of the market".to_owned(),
                };
                data(format!("{path}: {wanted}")).hint(format!(
                    "the market is recorded from {first} to {last}, its off is {off}"
                ))
            }
            (None, None) => data(format!("{path}: it holds no market")),
        }
    }
}

fn when(market: &Market) -> String {
    let seconds = market.ms_to_start() as f64 / 1000.0;
    let play = if market.definition.in_play {
        ", in play"
    } else {
        ""
    };
    if seconds >= 0.0 {
        format!("{seconds} s before the off{play}")
    } else {
        format!("{} s after the off{play}", -seconds)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_read_as_people_say_them() {
        let read = |text: &str| text.parse::<Moment>();
        assert_eq!(read("10s before off"), Ok(Moment::AfterOff(-10_000)));
        assert_eq!(read("2 minutes after off"), Ok(Moment::AfterOff(120_000)));
        assert_eq!(read("1.5h before off"), Ok(Moment::AfterOff(-5_400_000)));
        assert_eq!(read("off"), Ok(Moment::AfterOff(0)));
        assert_eq!(read("in play"), Ok(Moment::InPlay));
        assert_eq!(
            read("2021-03-30T16:19:30Z"),
            Ok(Moment::Time(TimeMs(1_617_121_170_000)))
        );
        for wrong in [
            "",
            "10",
            "10s",
            "10 before off",
            "xs before off",
            "before off",
            "1e99h after off",
        ] {
            assert!(
                read(wrong).unwrap_err().contains("10s before off"),
                "{wrong}"
            );
        }
    }
}
