//! Between the feed's side and the engine's: what is heard goes on at once, and does not pile up without end.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender};

use crate::live::conductor::Told;
use crate::venue::{FeedState, Heard};

/// Counts the lines that wait for the engine. Its clones are one.
#[derive(Clone, Debug, Default)]
pub(in crate::live) struct Inbox(Arc<AtomicUsize>);

impl Inbox {
    /// The engine has taken a line.
    pub(in crate::live) fn taken(&self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }

    /// Hands on what is heard until nobody says or wants anything any more. With more than `most` lines waiting, lines are
    /// thrown away until the feed begins anew, and that is told once.
    pub(in crate::live) fn pass_on(&self, most: usize, heard: &Receiver<Heard>, to: &Sender<Told>) {
        let mut drowning = false;
        for heard in heard {
            let told = match &heard {
                Heard::Feed(FeedState::Connecting) => {
                    drowning = false;
                    Told::Heard(heard)
                }
                Heard::Line { .. } if drowning => continue,
                Heard::Line { .. } if self.0.load(Ordering::Relaxed) >= most => {
                    drowning = true;
                    Told::Overrun
                }
                Heard::Line { .. } => {
                    self.0.fetch_add(1, Ordering::Relaxed);
                    Told::Heard(heard)
                }
                _ => Told::Heard(heard),
            };
            if to.send(told).is_err() {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use super::*;
    use crate::market::TimeMs;

    #[test]
    fn a_flood_is_thrown_away_until_the_feed_begins_anew() {
        let (say, heard) = channel();
        let (tell, told) = channel();
        let line = || Heard::Line {
            at: TimeMs(0),
            bytes: Vec::new(),
        };
        for _ in 0..10 {
            say.send(line()).unwrap();
        }
        say.send(Heard::Feed(FeedState::Live)).unwrap();
        say.send(line()).unwrap();
        say.send(Heard::Feed(FeedState::Connecting)).unwrap();
        drop(say);
        let inbox = Inbox::default();
        inbox.pass_on(3, &heard, &tell);
        let kinds: Vec<&str> = told
            .try_iter()
            .map(|told| match told {
                Told::Heard(Heard::Line { .. }) => "line",
                Told::Heard(Heard::Feed(_)) => "feed",
                Told::Overrun => "overrun",
                _ => "other",
            })
            .collect();
        assert_eq!(kinds, ["line", "line", "line", "overrun", "feed", "feed"]);
        (0..3).for_each(|_| inbox.taken());
        let (say, heard) = channel();
        say.send(line()).unwrap();
        drop(say);
        inbox.pass_on(3, &heard, &tell);
        assert!(matches!(told.try_recv(), Ok(Told::Heard(_))));
    }
}
