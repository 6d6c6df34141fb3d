//! Keeps the log from saying the same over and over: what is held back is counted, and the count is told.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::line::Line;

/// So often the same line is shown within [`WINDOW`].
const SHOWN: u32 = 5;
const WINDOW: Duration = Duration::from_secs(60);
/// How many different lines are remembered.
const KNOWN: usize = 512;

/// What was said lately.
#[derive(Debug, Default)]
pub(super) struct Repeats(BTreeMap<u64, Said>);

#[derive(Debug)]
struct Said {
    since: Instant,
    shown: u32,
    suppressed: u64,
    last: Line,
}

impl Repeats {
    /// What is to be shown now that this line has come: counts of earlier ones whose time is over, and the line itself.
    pub(super) fn pass(&mut self, line: Line, now: Instant) -> Vec<Line> {
        let mut shown = self.settle(now);
        let said = self.0.entry(key(&line)).or_insert_with(|| Said {
            since: now,
            shown: 0,
            suppressed: 0,
            last: line.clone(),
        });
        if said.shown < SHOWN {
            said.shown += 1;
            shown.push(line);
        } else {
            said.suppressed += 1;
            said.last.at = line.at;
        }
        shown
    }

    /// Forgets what was said long ago, and too much of it at once; gives the lines that were held back, with their count.
    fn settle(&mut self, now: Instant) -> Vec<Line> {
        if self.0.len() >= KNOWN {
            let oldest = self.0.iter().min_by_key(|(_, said)| said.since);
            if let Some(key) = oldest.map(|(key, _)| *key) {
                return self.0.remove(&key).and_then(told).into_iter().collect();
            }
        }
        let is_over =
            |_: &u64, said: &mut Said| now.saturating_duration_since(said.since) >= WINDOW;
        self.0
            .extract_if(.., is_over)
            .filter_map(|(_, said)| told(said))
            .collect()
    }
}

/// The line with how often it was held back, if it was.
fn told(said: Said) -> Option<Line> {
    let Said {
        suppressed,
        mut last,
        ..
    } = said;
    (suppressed > 0).then(|| {
        last.fields
            .push(("suppressed".to_owned(), Value::from(suppressed)));
        last
    })
}

/// The same for lines that differ only in their time.
fn key(line: &Line) -> u64 {
    let mut hasher = DefaultHasher::new();
    line.level.as_str().hash(&mut hasher);
    line.message.hash(&mut hasher);
    for (name, value) in &line.fields {
        name.hash(&mut hasher);
        value.to_string().hash(&mut hasher);
    }
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use tracing::Level;

    fn line(message: &str) -> Line {
        Line {
            at: String::new(),
            level: Level::WARN,
            message: message.to_owned(),
            fields: Vec::new(),
        }
    }

    #[test]
    fn the_same_line_is_shown_a_few_times_and_then_counted() {
        let mut repeats = Repeats::default();
        let start = Instant::now();
        let shown = |repeats: &mut Repeats, at| repeats.pass(line("denied"), at).len();
        let first: usize = (0..219).map(|_| shown(&mut repeats, start)).sum();
        assert_eq!(first, SHOWN as usize);
        assert_eq!(repeats.pass(line("other"), start).len(), 1);
        let later = repeats.pass(line("denied"), start + WINDOW);
        let counts: Vec<_> = later.iter().map(|line| line.fields.first()).collect();
        let suppressed = ("suppressed".to_owned(), Value::from(214));
        assert_eq!(counts, [Some(&suppressed), None]);
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let mut repeats = Repeats::default();
        let start = Instant::now();
        for i in 0..2 * KNOWN {
            assert_eq!(repeats.pass(line(&i.to_string()), start).len(), 1);
        }
        assert!(repeats.0.len() <= KNOWN);
    }
}
