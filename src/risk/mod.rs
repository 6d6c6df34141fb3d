//! The risk gate: every order passes it, in every mode, or is refused with a code, the value and the limit.
//!
//! One control a function, in [`controls`]; the order is cheap and global first. A script cannot reach any of it.

mod controls;
mod limits;
mod remedy;

use std::collections::BTreeMap;
use std::collections::VecDeque;
use std::sync::Arc;

pub use limits::RiskLimits;

use crate::engine::{Ask, Gate, Proposed, Refusal, Remedy, Weighed, worst_case};
use crate::market::{Instruction, TimeMs};

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
    /// What the last check weighed; the memory is used again.
    scale: Scale,
}

impl RiskGate {
    /// A gate with these limits.
    #[must_use]
    pub fn new(limits: RiskLimits) -> Self {
        Self {
            limits,
            placed: BTreeMap::new(),
            scale: Scale::new(),
        }
    }
}

/// What is weighed goes here, in order.
type Scale = Vec<Weighed>;

/// Has the controls judge an order, the first objection ending it. Changes nothing but the scale and what is past of
/// the last minute's orders.
fn judge(
    ask: &Ask<'_>,
    limits: &RiskLimits,
    recent: &mut VecDeque<TimeMs>,
    scale: &mut Scale,
) -> Result<(), Refusal> {
    for control in controls::SIMPLE {
        scale.extend(control(ask, limits)?);
    }
    scale.extend(controls::rate(ask, limits, recent)?);
    let proposed = Proposed {
        runner: ask.place.runner,
        side: ask.place.side,
        kind: ask.place.kind,
    };
    let exposure = worst_case(ask.market, ask.holding, Some(proposed));
    for control in controls::EXPOSURE {
        scale.extend(control(ask, limits, exposure)?);
    }
    Ok(())
}

impl Gate for RiskGate {
    type Pass = Approved;

    fn max_intents(&self) -> usize {
        self.limits.max_intents_per_call as usize
    }

    fn check(&mut self, ask: &Ask<'_>) -> Result<Approved, Refusal> {
        let recent = self.placed.entry(Arc::clone(ask.strategy)).or_default();
        self.scale.clear();
        if let Err(refusal) = judge(ask, &self.limits, recent, &mut self.scale) {
            self.scale.push(Weighed {
                code: refusal.code,
                value: refusal.value.clone(),
                limit: refusal.limit.clone(),
                passed: false,
            });
            return Err(refusal);
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

    fn weighed(&self) -> &[Weighed] {
        &self.scale
    }

    fn remedy(&mut self, ask: &Ask<'_>, refusal: &Refusal) -> Option<Remedy> {
        let recent = self.placed.entry(Arc::clone(ask.strategy)).or_default();
        remedy::find(ask, refusal, &self.limits, recent)
    }
}

#[cfg(test)]
mod tests;
