//! Writes seeded, believable recordings in the venue's format, so that everything can be tried without any.
//!
//! The same specification gives the same bytes on every platform and build. A recording tells a true story
//! (`story`): at every moment the chances behind the prices are those of the outcome given what has shown so
//! far, so a rule that wins on many generated markets has found a fault in the program, not an edge.

mod book;
mod chances;
mod names;
mod random;
mod stage;
mod story;
mod wire;

use std::io::{self, Write};

pub use random::Random;

use crate::market::{MarketId, TimeMs};

/// Which market of which event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// The winner of a horse race.
    Win,
    /// The placed of a horse race. A specification that is otherwise the same gives the companion of its WIN market.
    Place,
    /// The result of a football match.
    MatchOdds,
}

impl Kind {
    const fn market_type(self) -> &'static str {
        match self {
            Self::Win => "WIN",
            Self::Place => "PLACE",
            Self::MatchOdds => "MATCH_ODDS",
        }
    }

    fn market_name(self, winners: usize) -> String {
        match self {
            Self::Win => "Win".to_owned(),
            Self::Place => format!("{winners} to be placed"),
            Self::MatchOdds => "Match Odds".to_owned(),
        }
    }

    const fn bet_delay_seconds(self) -> u32 {
        match self {
            Self::Win | Self::Place => 1,
            Self::MatchOdds => 5,
        }
    }
}

/// What to generate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spec {
    /// Everything random follows from this. Markets of seeds below ten million have different ids.
    pub seed: u64,
    /// Which market.
    pub kind: Kind,
    /// Runners in a race, 3 to 20 (a PLACE market needs 5); a match always has 3.
    pub runners: usize,
    /// Minutes recorded before the scheduled start, 1 to 1440.
    pub minutes_before: u32,
    /// Price updates before the start, at most a million; they come denser the nearer it is.
    pub updates: usize,
    /// Price updates in play, at most a million.
    pub in_play_updates: usize,
    /// The scheduled start.
    pub off: TimeMs,
    /// Whether a runner is withdrawn from a race with enough runners; one race in five if left to the seed.
    pub withdrawal: Option<bool>,
}

/// What was generated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary {
    /// The market.
    pub market: MarketId,
    /// Lines written.
    pub lines: u64,
    /// Bytes written.
    pub bytes: u64,
    /// Publish time of the first line.
    pub begins: TimeMs,
    /// Publish time of the last line.
    pub ends: TimeMs,
    /// Selection ids of the winners.
    pub winners: Vec<u64>,
}

/// 2026-01-01T12:00:00Z, the start of the event of seed 0.
const FIRST_OFF: TimeMs = TimeMs(1_767_268_800_000);
const EVENTS_A_DAY: u64 = 48;

impl Spec {
    /// A market of ordinary size. Starts follow the seeds: one every ten minutes, from noon to eight.
    #[must_use]
    pub fn new(kind: Kind, seed: u64) -> Self {
        let nth = seed % 1_000_000;
        let minutes = nth / EVENTS_A_DAY * 24 * 60 + nth % EVENTS_A_DAY * 10;
        Self {
            seed,
            kind,
            runners: if kind == Kind::MatchOdds { 3 } else { 8 },
            minutes_before: 30,
            updates: 600,
            in_play_updates: 180,
            off: FIRST_OFF + i64::try_from(minutes).unwrap_or(0) * 60_000,
            withdrawal: None,
        }
    }

    /// The market's id: in the venue's form, in a range that is far from its real ones.
    #[must_use]
    pub fn market_id(&self) -> MarketId {
        let seed = self.seed % 10_000_000;
        MarketId::new(&format!("1.9{seed:07}{}", self.kind as u8))
    }

    /// The name of the recording's file: the market's id, as recordings are usually named.
    #[must_use]
    pub fn file_name(&self) -> String {
        self.market_id().to_string()
    }

    fn begins(&self) -> TimeMs {
        self.off + -i64::from(self.minutes_before) * 60_000
    }

    /// How many of a race's runners are placed.
    fn places(&self) -> usize {
        match self.runners {
            0..5 => 1,
            5..8 => 2,
            _ => chances::PLACES_MOST,
        }
    }

    fn winners(&self) -> usize {
        if self.kind == Kind::Place {
            self.places()
        } else {
            1
        }
    }

    fn validate(&self) -> io::Result<()> {
        let fewest = if self.kind == Kind::Place { 5 } else { 3 };
        let most = if self.kind == Kind::MatchOdds { 3 } else { 20 };
        let complaint = if !(fewest..=most).contains(&self.runners) {
            format!(
                "{} runners: a {} market has {fewest} to {most}",
                self.runners,
                self.kind.market_type()
            )
        } else if !(1..=1_440).contains(&self.minutes_before) {
            format!(
                "{} minutes before the start: use 1 to 1440",
                self.minutes_before
            )
        } else if self.updates.max(self.in_play_updates) > 1_000_000 {
            "more than a million updates".to_owned()
        } else {
            return Ok(());
        };
        Err(io::Error::new(io::ErrorKind::InvalidInput, complaint))
    }
}

/// Writes the recording that a specification describes.
///
/// # Errors
/// `InvalidInput` if the specification is out of its ranges; else those of the writer.
pub fn generate(spec: &Spec, out: &mut impl Write) -> io::Result<Summary> {
    spec.validate()?;
    stage::perform(spec, out)
}
