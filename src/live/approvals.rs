//! In LIVE: takes approvals into the ledger, and forbids orders to versions that nobody approved.

use std::collections::BTreeSet;

use super::conductor::Conductor;
use super::door::{Doorkeeper, Ending};
use super::status::LiveStatus;
use crate::backtest::{Playing, RunError};
use crate::engine::{Command, Venue};
use crate::market::Ratio;
use crate::risk::Approved;

/// What a LIVE host knows of who may bet.
#[derive(Debug)]
pub(super) struct LiveGate {
    pub(super) door: Doorkeeper,
    /// What was told of the arming token.
    pub(super) ending: Ending,
    /// Versions that somebody approved, as (strategy, hash).
    pub(super) approved: BTreeSet<(String, String)>,
    /// Strategies that may place no orders now.
    pub(super) barred: BTreeSet<String>,
    /// The part of the configured limits that holds.
    pub(super) limits_ratio: Ratio,
}

impl Conductor<'_> {
    /// Takes approvals that were left, and lets or forbids orders of each strategy by the version that runs.
    pub(super) fn judge_approvals<V: Venue<Approved>>(
        &mut self,
        session: &mut Playing<'_, V>,
    ) -> Result<(), RunError> {
        self.take_approvals()?;
        let Some(gate) = &mut self.gate else {
            return Ok(());
        };
        let mut changes = Vec::new();
        for slot in session.slots() {
            let name = slot.name.to_string();
            let version = (name.clone(), slot.hash.to_string());
            let may = gate.approved.contains(&version) && gate.door.covers(&name);
            if may == gate.barred.contains(&name) {
                match may {
                    true => gate.barred.remove(&name),
                    false => gate.barred.insert(name.clone()),
                };
                changes.push((name, !may));
            }
        }
        let armed_until = gate.door.armed_until();
        let word = gate.ending.look(armed_until, (self.wall_clock)());
        self.status.live = Some(LiveStatus {
            armed_until,
            limits_ratio: gate.limits_ratio,
            barred: gate.barred.iter().cloned().collect(),
        });
        if let Some((severity, code, text)) = word {
            self.voice.warn(&text);
            self.alert(severity, code, text);
        }
        for (name, barred) in changes {
            match barred {
                true => self.voice.warn(format_args!(
                    "{name} places no orders: nobody approved this version for LIVE, or the token does not cover it; bea approve {name} --by NAME --reason \"...\""
                )),
                false => self.voice.warn(format_args!("{name} is LIVE")),
            }
            self.operate(session, Command::Bar(name, barred))?;
        }
        Ok(())
    }

    fn take_approvals(&mut self) -> Result<(), RunError> {
        let Some(gate) = &mut self.gate else {
            return Ok(());
        };
        let found = match gate.door.approvals() {
            Ok(found) => found,
            Err(error) => {
                self.voice
                    .warn(format_args!("approvals cannot be taken: {error}"));
                return Ok(());
            }
        };
        for approval in found {
            match approval {
                Ok(approval) => {
                    let (name, by) = (approval.strategy.clone(), approval.approved_by.clone());
                    let version = (name.clone(), approval.script_hash.clone());
                    self.ledger.approve(approval)?;
                    self.voice
                        .warn(format_args!("{by} approved {name} {:.12}", version.1));
                    gate.approved.insert(version);
                }
                Err(wrong) => self.voice.warn(wrong),
            }
        }
        Ok(())
    }
}
