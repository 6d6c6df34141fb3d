//! Watches the engine from a thread of its own, which nothing else can hold up, and tells systemd that the host is ready,
//! alive, stuck or stopping; without systemd it tells the log alone.

use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use sd_notify::NotifyState;

use super::log::Voice;
use super::pulse::Pulse;
use super::status::{Board, STUCK};
use crate::alert::Alerts;
use crate::config::Severity;

/// How often it looks.
const LOOK: Duration = Duration::from_millis(100);

/// It watches until this is dropped.
pub(super) struct Watchdog {
    end: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Watchdog {
    /// Says that the host is ready, and from then on that it is alive, as long as the engine shows signs of life.
    ///
    /// # Errors
    /// If there can be no thread for it.
    pub(super) fn start(
        board: Board,
        pulse: Pulse,
        voice: Voice,
        alerts: Alerts,
    ) -> std::io::Result<Self> {
        tell(&[NotifyState::Ready]);
        let (end, ended) = channel();
        let alive_every = sd_notify::watchdog_enabled().map(|limit| limit / 3);
        let look = alive_every.map_or(LOOK, |every| every.min(LOOK));
        let thread = thread::Builder::new()
            .name("watchdog".to_owned())
            .spawn(move || {
                let mut told_at: Option<Instant> = None;
                let mut is_stuck = false;
                while ended.recv_timeout(look) == Err(RecvTimeoutError::Timeout) {
                    let stuck_for = pulse.stuck_for();
                    if stuck_for.is_some() != is_stuck {
                        is_stuck = stuck_for.is_some();
                        say(stuck_for, voice, &alerts);
                    }
                    let is_due = alive_every
                        .is_some_and(|every| told_at.is_none_or(|at| at.elapsed() >= every));
                    if is_due && board.read().alive_at.elapsed() < STUCK {
                        told_at = Some(Instant::now());
                        tell(&[NotifyState::Watchdog]);
                    }
                }
            })?;
        Ok(Self {
            end: Some(end),
            thread: Some(thread),
        })
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        self.end = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
        tell(&[NotifyState::Stopping]);
    }
}

fn say(stuck_for: Option<Duration>, voice: Voice, alerts: &Alerts) {
    let Some(stuck_for) = stuck_for else {
        voice.warn("the engine goes on");
        return tell(&[NotifyState::Status("running")]);
    };
    let words = format!(
        "the engine has been busy with one thing for {} ms (feed.max_lag_ms): no order leaves until it goes on",
        stuck_for.as_millis()
    );
    voice.warn(&words);
    alerts.raise(Severity::Critical, "ENGINE_STUCK", &words);
    tell(&[NotifyState::Status(&words)]);
}

fn tell(state: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(state) {
        tracing::debug!(event = "systemd", "not told: {error}");
    }
}
