//! The host's alerts: channels opened from the settings, commands by Telegram, and what a command does.

use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::task::AbortHandle;

use super::status::Board;
use super::switch::Switch;
use crate::alert::commands::{Listener, Obey, Wish};
use crate::alert::{Alerts, Bot, Channels, Patience};
use crate::config::{AlertSettings, ConfigError, Loaded, Origin};
use crate::engine::TradingState;
use crate::http::Ask;
use crate::market::{Money, TimeMs};

/// How long the end of a host waits for its last alerts.
const FAREWELL: Duration = Duration::from_secs(5);

/// The alerts of a host, and who listens for it.
#[derive(Clone)]
pub(super) struct Alerting {
    pub(super) alerts: Alerts,
    runtime: Handle,
    listener: Option<AbortHandle>,
    obey: Obey,
    wall_clock: fn() -> TimeMs,
}

impl Alerting {
    /// Opens the channels and begins to listen.
    ///
    /// # Errors
    /// If a channel that is switched on cannot be opened.
    pub(super) fn start(
        settings: &Loaded,
        runtime: &Handle,
        obey: Obey,
        wall_clock: fn() -> TimeMs,
    ) -> Result<Self, ConfigError> {
        let (channels, bot) = open(settings)?;
        let alert = &settings.config.alert;
        let (alerts, courier) = Alerts::new(channels, repeat_after(alert), wall_clock);
        runtime.spawn(courier.run());
        let mut alerting = Self {
            alerts,
            runtime: runtime.clone(),
            listener: None,
            obey,
            wall_clock,
        };
        alerting.listen(bot, alert);
        Ok(alerting)
    }

    /// Goes over to other settings; the old ones stay if these cannot be used.
    ///
    /// # Errors
    /// If a channel that is switched on cannot be opened.
    pub(super) fn reconfigure(&mut self, settings: &Loaded) -> Result<(), ConfigError> {
        let (channels, bot) = open(settings)?;
        let alert = &settings.config.alert;
        self.alerts.send_to(channels, repeat_after(alert));
        self.listen(bot, alert);
        Ok(())
    }

    fn listen(&mut self, bot: Option<Bot>, alert: &AlertSettings) {
        if let Some(listener) = self.listener.take() {
            listener.abort();
        }
        let Some(bot) = bot.filter(|_| !alert.telegram.users.is_empty()) else {
            return;
        };
        let listener = Listener::new(
            bot,
            alert.telegram.users.clone(),
            alert.telegram.state_file.clone(),
            self.wall_clock,
            Arc::clone(&self.obey),
        );
        self.listener = Some(self.runtime.spawn(listener.run()).abort_handle());
    }

    /// Waits a moment for the last alerts to be delivered.
    pub(super) fn close(&self) {
        self.runtime.block_on(self.alerts.flush(FAREWELL));
    }
}

fn repeat_after(alert: &AlertSettings) -> Duration {
    Duration::from_secs(60 * u64::from(alert.repeat_minutes))
}

/// What the settings switch on, or why that cannot be.
fn open(settings: &Loaded) -> Result<(Channels, Option<Bot>), ConfigError> {
    let patience = Patience::default();
    let alert = &settings.config.alert;
    let opened = || {
        Ok((
            Channels::open(alert, patience)?,
            Bot::open(alert, patience.timeout)?,
        ))
    };
    opened().map_err(|closed: crate::alert::Closed| {
        let key = closed.key().to_owned();
        ConfigError::Value {
            origin: settings
                .origins
                .get(&key)
                .cloned()
                .unwrap_or(Origin::Default),
            key,
            value: "true".to_owned(),
            problem: closed.to_string(),
        }
    })
}

/// Whether the channels of these settings can be opened.
///
/// # Errors
/// If one that is switched on cannot.
pub(super) fn check(settings: &Loaded) -> Result<(), ConfigError> {
    open(settings).map(drop)
}

/// What commands do: they may look, and they may make things safer.
pub(super) fn obey(board: &Board, switch: &Switch, ask: &Ask, wall_clock: fn() -> TimeMs) -> Obey {
    let (board, switch, ask) = (board.clone(), switch.clone(), Arc::clone(ask));
    let restrain = move |state: TradingState, by: &str| {
        let reason = "asked for by Telegram";
        let done = switch.restrain(state, reason, by, wall_clock());
        let held = format!(
            "betting is {}. Only a person at the machine resumes it: bea resume",
            state.as_str()
        );
        match done {
            Ok(()) => held,
            Err(error) => format!(
                "{held}. But the kill file cannot be written ({error}): it holds until this host ends"
            ),
        }
    };
    Arc::new(move |wish, by| match wish {
        Wish::Status => {
            let health = ask();
            let status = board.read();
            let trading = &status.trading;
            let mut lines = vec![
                format!("{} {}", health.mode, trading.state.as_str()),
                format!("health: {}", health.status.as_str()),
            ];
            lines.extend(health.notes);
            lines.join("\n")
        }
        Wish::Pnl => {
            let status = board.read();
            let line = |name: &str, net: Money, bets: u64| {
                format!("{name}: {net} {} net, {bets} bets", status.currency)
            };
            let mut lines: Vec<String> = status
                .strategies
                .iter()
                .map(|s| line(&s.name, s.net, s.bets))
                .collect();
            let net = status
                .strategies
                .iter()
                .fold(Money::ZERO, |sum, s| sum + s.net);
            let bets = status.strategies.iter().map(|s| s.bets).sum();
            lines.push(line("all", net, bets));
            format!("run {}\n{}", status.run, lines.join("\n"))
        }
        Wish::Pause => restrain(TradingState::Paused, by),
        Wish::Kill => restrain(TradingState::Halted, by),
        Wish::Help => "/status, /pnl, /pause, /kill".to_owned(),
    })
}
