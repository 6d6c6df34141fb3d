//! A strategy's next version that is watched beside the one that runs, before it takes over.

use super::conductor::Conductor;
use super::shelf::Finding;
use crate::backtest::{Playing, RunError};
use crate::engine::{Differences, Shadow, Venue};
use crate::risk::Approved;
use crate::strategy::Script;

impl Conductor<'_> {
    /// Ends the watching of a strategy's next version: it is not the newest any more.
    pub(super) fn call_off<V: Venue<Approved>>(
        &mut self,
        session: &mut Playing<'_, V>,
        name: &str,
    ) {
        session.drop_shadow(name);
        if self.watched.iter().any(|script| script.name() == name) {
            self.watched.retain(|script| script.name() != name);
            self.entry(name).shadow = None;
        }
    }

    /// Lets versions that were watched long enough take over, or refuses them.
    pub(super) fn judge_watched<V: Venue<Approved>>(
        &mut self,
        session: &mut Playing<'_, V>,
    ) -> Result<(), RunError> {
        let is_due = |script: &Script| {
            let shadow = shadow_in(session, script.name());
            shadow.is_none_or(|shadow| {
                shadow.fault().is_some() || shadow.found().updates >= self.shadow_updates.into()
            })
        };
        let Some(at) = self.watched.iter().position(is_due) else {
            return Ok(());
        };
        let script = self.watched.remove(at);
        let Some(shadow) = session.drop_shadow(script.name()) else {
            return Ok(());
        };
        self.tell_watched(&script, shadow.found());
        self.looked_at = None;
        if let Some(fault) = shadow.fault() {
            return self.refuse(&Finding::unfit(script, fault));
        }
        match script.compile() {
            Ok(ready) => self.take_over(session, script, Box::new(ready)),
            Err(error) => self.refuse(&Finding::bad(script, error)),
        }
    }

    /// Says what a version that was watched would have done differently.
    pub(super) fn tell_watched(&mut self, script: &Script, found: &Differences) {
        let (name, hash) = (script.name(), script.short_hash());
        let Differences {
            updates,
            same,
            only_old,
            only_new,
            changed,
            examples,
        } = found;
        self.voice.say(format_args!(
            "{name} {hash} beside the version that runs, over {updates} updates: {same} intents alike, \
             {changed} changed, {only_new} more, {only_old} fewer"
        ));
        for example in examples {
            self.voice.say(format_args!("  {example}"));
        }
        if let Some(shadow) = &mut self.entry(name).shadow {
            shadow.is_over = true;
            shadow.found = found.clone();
        }
    }
}

/// The next version of a strategy that is watched beside the present one.
pub(super) fn shadow_in<'s, V: Venue<Approved>>(
    session: &'s Playing<'_, V>,
    name: &str,
) -> Option<&'s Shadow> {
    let slot = session.slots().iter().find(|slot| *slot.name == *name)?;
    slot.shadow()
}
