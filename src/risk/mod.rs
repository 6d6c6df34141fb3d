//! The risk gate: every order passes it, in every mode, or is refused with a code, the value and the limit.
//!
//! One control a function, in [`controls`]; the order is cheap and global first. A script cannot reach any of it.

mod controls;
mod limits;

use std::collections::BTreeMap;
use std::collections::VecDeque;
use std::sync::Arc;

pub use limits::RiskLimits;

use crate::engine::{Ask, Gate, Proposed, Refusal, worst_case};
use crate::market::{Instruction, TimeMs};
use crate::planted::{self, Bug};

/// An order that the gate let through. Nobody else can make one, and a venue takes nothing else.
#[derive(Debug)]
pub struct Approved(Instruction);

impl AsRef<Instruction> for Approved {
    fn as_ref(&self) -> &Instruction {
        &self.0
    }
}

/// Holds orders to an operator's limits.
#[derive(Debug)]
pub struct RiskGate {
    limits: RiskLimits,
    /// When each strategy placed its orders of the last minute.
    placed: BTreeMap<Arc<str>, VecDeque<TimeMs>>,
}

impl RiskGate {
    /// A gate with these limits.
    #[must_use]
    pub fn new(limits: RiskLimits) -> Self {
        Self {
            limits,
            placed: BTreeMap::new(),
        }
    }
}

impl Gate for RiskGate {
    type Pass = Approved;

    fn max_intents(&self) -> usize {
        self.limits.max_intents_per_call as usize
    }

    fn check(&mut self, ask: &Ask<'_>) -> Result<Approved, Refusal> {
        let limits = &self.limits;
        for control in controls::SIMPLE {
            control(ask, limits)?;
        }
        let recent = self.placed.entry(Arc::clone(ask.strategy)).or_default();
        controls::rate(ask, limits, recent)?;
        let proposed = Proposed {
            runner: ask.place.runner,
            side: ask.place.side,
            kind: ask.place.kind,
        };
        let counted = (!planted::is(Bug::ProposedNotCounted)).then_some(proposed);
        let exposure = worst_case(ask.market, ask.holding, counted);
        for control in controls::EXPOSURE {
            control(ask, limits, exposure)?;
        }
        recent.push_back(ask.now);
        Ok(Approved(Instruction {
            id: ask.id,
            strategy: Arc::clone(ask.strategy),
            market: ask.market.id.clone(),
            runner: ask.place.runner,
            side: ask.place.side,
            kind: ask.place.kind,
        }))
    }
}

#[cfg(test)]
mod tests;
