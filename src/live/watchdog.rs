//! Tells systemd that the host is ready, alive, and stopping; without systemd it tells nobody.

use std::time::Duration;

use sd_notify::NotifyState;

use super::status::{Board, STUCK};

/// Says that the host is ready, and from then on that it is alive, as long as the engine shows signs of life.
pub(super) async fn watch(board: Board) {
    tell(&[NotifyState::Ready]);
    let Some(limit) = sd_notify::watchdog_enabled() else {
        return;
    };
    let mut look = tokio::time::interval((limit / 3).max(Duration::from_millis(10)));
    loop {
        look.tick().await;
        if board.read().alive_at.elapsed() < STUCK {
            tell(&[NotifyState::Watchdog]);
        }
    }
}

/// Says that the host is stopping.
pub(super) fn stopping() {
    tell(&[NotifyState::Stopping]);
}

fn tell(state: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(state) {
        tracing::debug!(event = "systemd", "not told: {error}");
    }
}
