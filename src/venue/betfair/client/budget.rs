//! How many requests may still leave: by the second, and by the hour over restarts. Whoever is over is refused; nobody
//! waits, since a late order is another order.

use std::collections::VecDeque;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::config;
use crate::market::TimeMs;

const HOUR_MS: i64 = 3_600_000;
/// How long nothing is sent after the venue complained.
const SCOLDED: Duration = Duration::from_secs(1);
/// The file that keeps the hour.
const FILE: &str = "betfair-transactions.log";
/// So many lines are kept beyond those of the hour before the file is written anew.
const SPARE_LINES: usize = 10_000;

/// Which limit is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Over {
    #[error("betfair.max_requests_per_second is reached")]
    Second,
    #[error("betfair.max_transactions_per_hour is reached")]
    Hour,
    #[error("the venue has just complained of too many requests")]
    Scolded,
}

/// Tokens that come back with time.
#[derive(Debug)]
struct Bucket {
    most: f64,
    tokens: f64,
    at: Instant,
}

impl Bucket {
    fn new(most: u32, now: Instant) -> Self {
        Self {
            most: f64::from(most),
            tokens: f64::from(most),
            at: now,
        }
    }

    fn take(&mut self, now: Instant) -> bool {
        let since = now.saturating_duration_since(self.at).as_secs_f64();
        self.tokens = (self.tokens + since * self.most).min(self.most);
        self.at = now;
        let has = self.tokens >= 1.0;
        if has {
            self.tokens -= 1.0;
        }
        has
    }
}

/// What may still leave.
#[derive(Debug)]
pub(super) struct Budget {
    orders: Bucket,
    /// Cancels have tokens of their own: no limit stands in the way out.
    cancels: Bucket,
    scolded: Option<Instant>,
    most_in_hour: usize,
    hour: VecDeque<TimeMs>,
    log: Log,
}

impl Budget {
    /// Takes up the hour where the last start left it.
    pub(super) fn open(
        settings: &config::Betfair,
        folder: &Path,
        now: TimeMs,
        at: Instant,
    ) -> io::Result<Self> {
        let path = folder.join(FILE);
        let hour = read(&path, now)?;
        let log = Log::begin(path, &hour)?;
        Ok(Self {
            orders: Bucket::new(settings.max_requests_per_second, at),
            cancels: Bucket::new(settings.max_requests_per_second, at),
            scolded: None,
            most_in_hour: settings.max_transactions_per_hour as usize,
            hour,
            log,
        })
    }

    /// Takes one new order off the budget.
    pub(super) fn order(&mut self, now: TimeMs, at: Instant) -> Result<(), Over> {
        if self
            .scolded
            .is_some_and(|since| at.saturating_duration_since(since) < SCOLDED)
        {
            return Err(Over::Scolded);
        }
        self.forget(now);
        if self.hour.len() >= self.most_in_hour {
            return Err(Over::Hour);
        }
        if !self.orders.take(at) {
            return Err(Over::Second);
        }
        self.hour.push_back(now);
        self.log.add(now, &self.hour);
        Ok(())
    }

    /// Takes one cancel or change off the budget.
    pub(super) fn cancel(&mut self, at: Instant) -> Result<(), Over> {
        match self.cancels.take(at) {
            true => Ok(()),
            false => Err(Over::Second),
        }
    }

    /// The venue complained.
    pub(super) fn scold(&mut self, at: Instant) {
        self.scolded = Some(at);
    }

    /// New orders of the last hour.
    pub(super) fn in_hour(&mut self, now: TimeMs) -> usize {
        self.forget(now);
        self.hour.len()
    }

    fn forget(&mut self, now: TimeMs) {
        while self.hour.front().is_some_and(|at| now - *at >= HOUR_MS) {
            self.hour.pop_front();
        }
    }
}

/// The times of orders, one a line. A line that a crash cut short is passed over; it costs at most that one.
#[derive(Debug)]
struct Log {
    path: PathBuf,
    file: fs::File,
    lines: usize,
}

fn read(path: &Path, now: TimeMs) -> io::Result<VecDeque<TimeMs>> {
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
        Err(error) => return Err(error),
    };
    let times = text
        .lines()
        .filter_map(|line| line.parse().ok().map(TimeMs));
    // What seems to lie ahead was written by a clock that was set back: it counts as now.
    let times = times.map(|at| at.min(now)).filter(|at| now - *at < HOUR_MS);
    let mut times: Vec<TimeMs> = times.collect();
    times.sort_unstable();
    Ok(times.into())
}

impl Log {
    /// Writes the file anew with these times.
    fn begin(path: PathBuf, times: &VecDeque<TimeMs>) -> io::Result<Self> {
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        let beside = path.with_extension("new");
        let text: String = times.iter().map(|at| format!("{}\n", at.0)).collect();
        let mut file = fs::File::create(&beside)?;
        file.write_all(text.as_bytes())?;
        fs::rename(&beside, &path)?;
        Ok(Self {
            path,
            file,
            lines: times.len(),
        })
    }

    /// A count that cannot be kept still counts for this start.
    fn add(&mut self, at: TimeMs, hour: &VecDeque<TimeMs>) {
        self.lines += 1;
        let kept = match self.lines > hour.len() + SPARE_LINES {
            true => Self::begin(self.path.clone(), hour).map(|log| *self = log),
            false => writeln!(self.file, "{}", at.0),
        };
        if let Err(error) = kept {
            tracing::warn!(
                event = "betfair_transactions_not_kept",
                "{}: the count of the hour is not kept: {error}",
                self.path.display()
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn budget(folder: &Path, per_second: u32, per_hour: u32, now: i64) -> (Budget, Instant) {
        let settings = config::Betfair {
            max_requests_per_second: per_second,
            max_transactions_per_hour: per_hour,
            ..config::Betfair::default()
        };
        let at = Instant::now();
        (
            Budget::open(&settings, folder, TimeMs(now), at).unwrap(),
            at,
        )
    }

    #[test]
    fn one_more_than_the_second_allows_is_refused_and_cancels_are_not_in_the_way() {
        let folder = tempfile::tempdir().unwrap();
        let (mut budget, at) = budget(folder.path(), 2, 100, 0);
        let now = TimeMs(0);
        assert_eq!(budget.order(now, at), Ok(()));
        assert_eq!(budget.order(now, at), Ok(()));
        assert_eq!(budget.order(now, at), Err(Over::Second));
        assert_eq!(budget.cancel(at), Ok(()));
        assert_eq!(budget.order(now, at + Duration::from_millis(500)), Ok(()));
        budget.scold(at + Duration::from_secs(9));
        let soon = at + Duration::from_millis(9_900);
        assert_eq!(budget.order(now, soon), Err(Over::Scolded));
        assert_eq!(budget.order(now, soon + Duration::from_secs(1)), Ok(()));
    }

    #[test]
    fn the_hour_goes_on_where_the_last_start_left_it() {
        let folder = tempfile::tempdir().unwrap();
        let (mut first, at) = budget(folder.path(), 100, 3, 0);
        for now in [0, 1_000, 2_000] {
            assert_eq!(first.order(TimeMs(now), at), Ok(()));
        }
        assert_eq!(first.order(TimeMs(3_000), at), Err(Over::Hour));
        // A crash cut the last line short.
        let file = folder.path().join(FILE);
        let text = fs::read_to_string(&file).unwrap();
        fs::write(&file, format!("{text}3x")).unwrap();
        let (mut second, at) = budget(folder.path(), 100, 3, 4_000);
        assert_eq!(second.order(TimeMs(4_000), at), Err(Over::Hour));
        assert_eq!(second.order(TimeMs(HOUR_MS), at), Ok(()));
        assert_eq!(second.in_hour(TimeMs(HOUR_MS)), 3);
        let (mut third, _) = budget(folder.path(), 100, 3, HOUR_MS + 1);
        assert_eq!(third.in_hour(TimeMs(HOUR_MS + 1)), 3);
    }
}
