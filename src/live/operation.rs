//! What the host does about its settings, its fences and its alerts between messages.

use std::time::{Duration, Instant};

use super::conductor::Conductor;
use super::health::words_on;
use super::published::doubted;
use super::settings::News;
use super::status::{SettingsStatus, VenueStatus};
use crate::backtest::{Playing, RunError};
use crate::config::{Change, Severity, When};
use crate::engine::{Command, Unready, Venue};
use crate::ledger::Configuration;
use crate::logging;
use crate::market::Mode;
use crate::risk::Approved;

/// How long a host that is not LIVE any more waits for what rests at the venue to be cancelled. What is left is followed by the
/// next LIVE start.
const LONGEST_LEAVING: Duration = Duration::from_secs(60);

/// The alert that a venue takes no orders of us.
const VENUE_UNREADY: &str = "VENUE_UNREADY";

impl Conductor<'_> {
    /// Raises an alert.
    pub(super) fn alert(&self, severity: Severity, code: &str, text: impl std::fmt::Display) {
        self.alerting.alerts.raise(severity, code, text);
    }

    /// How we stand with the venue; that it takes no orders, or does again, is told.
    pub(super) fn look_at_venue<V: Venue<Approved>>(&mut self, session: &Playing<'_, V>) {
        let unready = session.house().unready;
        let before = self.status.venue.unready;
        if unready != before {
            match unready {
                // So every start begins.
                Some(Unready::Starting) => {}
                Some(unready) => {
                    let why = words_on(unready);
                    self.voice.warn(format_args!("no orders are placed: {why}"));
                    self.alert(Severity::Warning, VENUE_UNREADY, why);
                }
                None if before == Some(Unready::Starting) => {}
                None => {
                    let words = "what the venue has of us is known again: orders are placed";
                    self.voice.say(words);
                    self.alert(Severity::Info, VENUE_UNREADY, words);
                }
            }
        }
        self.status.venue = VenueStatus {
            unready,
            doubted: doubted(session),
            unexplained: session.unexplained_bets(),
        };
    }

    /// A fence goes up or down.
    pub(super) fn fence<V: Venue<Approved>>(
        &mut self,
        session: &mut Playing<'_, V>,
        command: Command,
    ) -> Result<(), RunError> {
        if let Command::Fence(fence, figures) = &command {
            match figures {
                Some(why) => {
                    self.voice
                        .warn(format_args!("{fence}: no orders are placed: {why}"));
                    self.alert(Severity::Critical, fence.as_str(), why);
                    self.status.fences.insert(*fence, why.clone());
                }
                None => {
                    self.voice
                        .warn(format_args!("{fence} is over: orders are placed again"));
                    self.alert(
                        Severity::Info,
                        fence.as_str(),
                        "over: orders are placed again",
                    );
                    self.status.fences.remove(fence);
                }
            }
        }
        self.operate(session, command)
    }

    /// The settings are different, or cannot be read: takes over what can be taken over, and says which is which.
    pub(super) fn reconfigure<V: Venue<Approved>>(
        &mut self,
        session: &mut Playing<'_, V>,
        news: &News,
    ) -> Result<(), RunError> {
        let mut kept = serde_json::Value::Array(Vec::new());
        match news {
            News::Refused(error) => {
                self.voice.warn(format_args!(
                    "the changed settings are refused, and what was in force stays: {error}"
                ));
                self.alert(Severity::Warning, "SETTINGS_REFUSED", error);
            }
            News::Mended => self
                .voice
                .say("the settings are as they were, and right again"),
            News::Confirmed => {
                self.voice
                    .warn("the looser limits were confirmed, and hold");
                self.alert(
                    Severity::Warning,
                    "LIMITS_LOOSENED",
                    "confirmed by bea config apply",
                );
            }
            News::Changed(changes) => {
                for change in changes {
                    self.tell_change(change);
                }
                kept = serde_json::to_value(changes).unwrap_or_default();
            }
        }
        let config = self.settings.config();
        self.shadow_updates = config.run.shadow_updates;
        logging::set_level(config.log.level);
        self.status.settings = SettingsStatus {
            hash: config.hash(),
            trouble: self.settings.trouble().map(str::to_owned),
            is_waiting: self.settings.is_waiting(),
            restart: self.settings.awaiting_restart(),
        };
        if matches!(news, News::Changed(_)) {
            // What cannot be opened was refused before.
            let _ = self.alerting.reconfigure(self.settings.loaded());
        }
        if !matches!(news, News::Changed(_) | News::Confirmed) {
            return Ok(());
        }
        // On record before anything is judged by it.
        let configuration = Configuration {
            at: (self.wall_clock)(),
            config: self.settings.in_force(),
            changes: kept,
        };
        self.ledger.configured(self.status.run, configuration)?;
        self.hold(session)?;
        self.judge_mode();
        Ok(())
    }

    /// Holds orders to the limits in force: in LIVE to the part of them that the ramp allows.
    pub(super) fn hold<V: Venue<Approved>>(
        &mut self,
        session: &mut Playing<'_, V>,
    ) -> Result<(), RunError> {
        let limits = match &self.gate {
            Some(gate) => &self.settings.limits().clone().scaled(gate.limits_ratio),
            None => self.settings.limits(),
        };
        self.publisher.hold_to(limits);
        match &mut self.tape {
            Some(tape) => tape.hold_to(session, limits),
            None => {
                session.hold_to(limits);
                Ok(())
            }
        }
    }

    /// The mode may have been edited: out of LIVE at once, into it only through the door at the next start.
    fn judge_mode(&mut self) {
        match (self.settings.config().mode, &self.gate) {
            (Mode::DryRun, Some(gate)) => {
                gate.door.shut();
                self.shut_at.get_or_insert_with(Instant::now);
                self.voice.warn(
                    "the mode is DRY_RUN now: nothing new is bet with money, what rests is cancelled, and then the host goes on in DRY_RUN",
                );
                self.looked_at = None;
            }
            (Mode::Live, None) => self.voice.warn(
                "the mode is LIVE now, and this host stays in DRY_RUN: LIVE begins at the next start, through the door (bea preflight)",
            ),
            (Mode::DryRun, None) | (Mode::Live, Some(_)) => {}
        }
    }

    /// Whether the mode is not LIVE any more and nothing rests at the venue, or it had its time to go: the session is over
    /// then, and the host goes on in DRY_RUN.
    pub(super) fn leaves_live<V: Venue<Approved>>(&self, session: &Playing<'_, V>) -> bool {
        let (Some(since), Some(gate)) = (self.shut_at, &self.gate) else {
            return false;
        };
        let burden = &session.house().burden;
        let is_quiet = burden.open_orders == 0 && burden.unheard == 0;
        let leaves = is_quiet || since.elapsed() >= LONGEST_LEAVING;
        if leaves {
            gate.door.leave();
        }
        leaves
    }

    fn tell_change(&mut self, change: &Change) {
        let held_back = change.loosens && self.settings.is_waiting();
        match change.takes_effect {
            When::Restart => {
                let then = match self.settings.awaiting_restart().contains(&change.key) {
                    true => "it takes effect at the next start",
                    false => "it is again what this host began with",
                };
                self.voice
                    .warn(format_args!("setting changed: {change}; {then}"));
            }
            When::Live if held_back => {
                self.voice.warn(format_args!(
                    "setting changed: {change}; it loosens a limit, and holds after `bea config apply`"
                ));
                self.alert(Severity::Warning, "LIMITS_WAIT", change);
            }
            When::Live => {
                self.voice.warn(format_args!("setting changed: {change}"));
                self.alert(Severity::Info, "SETTING_CHANGED", change);
            }
        }
    }
}
