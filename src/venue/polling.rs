//! How a feed that is asked for its odds tells how it is, and how long it waits after a failure.

use std::sync::mpsc::Sender;
use std::time::Duration;

use tokio::time::Instant;

use super::{FeedState, Heard};

/// How often it is said that all is well, while there is nothing to ask.
pub(super) const HEARTBEAT: Duration = Duration::from_secs(3);
/// After a failure it waits so long, and twice as long after each further one.
pub(super) const FIRST_PAUSE: Duration = Duration::from_secs(2);
/// The longest wait.
pub(super) const LONGEST_PAUSE: Duration = Duration::from_secs(120);

/// Nobody listens any more.
pub(super) struct Deaf;

/// How a feed stands that is asked for its odds.
pub(super) struct Polling {
    out: Sender<Heard>,
    failures: u32,
    /// Nothing is asked before this.
    pub(super) not_before: Instant,
    state: Option<FeedState>,
}

impl Polling {
    pub(super) fn new(out: Sender<Heard>) -> Self {
        Self {
            out,
            failures: 0,
            not_before: Instant::now(),
            state: None,
        }
    }

    pub(super) fn say(&self, heard: Heard) -> Result<(), Deaf> {
        self.out.send(heard).map_err(|_| Deaf)
    }

    /// Says again how the feed is, once that was said.
    pub(super) fn beat(&self) -> Result<(), Deaf> {
        match self.state.clone() {
            Some(state) => self.say(Heard::Feed(state)),
            None => Ok(()),
        }
    }

    /// Says how the feed is, where that is news.
    pub(super) fn stand(&mut self, state: FeedState) -> Result<(), Deaf> {
        if self.state.as_ref() != Some(&state) {
            self.state = Some(state.clone());
            self.say(Heard::Feed(state))?;
        }
        Ok(())
    }

    /// An answer came, and is one.
    pub(super) fn succeed(&mut self) -> Result<(), Deaf> {
        self.failures = 0;
        self.stand(FeedState::Live)
    }

    pub(super) fn alarm(&self, code: &'static str, detail: &str) -> Result<(), Deaf> {
        let detail = detail.to_owned();
        self.say(Heard::Alarm { code, detail })
    }

    /// Waits before it asks again, each time longer.
    pub(super) fn fail(&mut self, why: String) -> Result<(), Deaf> {
        let pause = FIRST_PAUSE * 2_u32.saturating_pow(self.failures.min(10));
        self.failures += 1;
        self.rest(pause.min(LONGEST_PAUSE), why)
    }

    /// Asks nothing for so long.
    pub(super) fn rest(&mut self, pause: Duration, why: String) -> Result<(), Deaf> {
        self.not_before = Instant::now() + pause;
        self.stand(FeedState::Down { why })
    }
}
