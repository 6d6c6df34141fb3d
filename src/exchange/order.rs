//! An order as the exchange keeps it.

use super::Report;
use crate::market::{
    Instruction, Money, OrderChange, OrderKind, Persistence, Price, RunnerId, Side, VenueReason,
};

/// Half minor units: queues are met by half of what is reported as traded, and half a penny must not get lost.
pub(super) type HalfMinor = i64;

/// An order that the exchange accepted.
#[derive(Clone, Debug)]
pub(super) struct SimOrder {
    pub(super) instruction: Instruction,
    /// Size still to be matched; of an order at the starting price, its liability.
    pub(super) remaining: Money,
    /// What was matched, at which prices.
    pub(super) fills: Vec<(Price, Money)>,
    /// Size ahead of it in the queue at its price.
    pub(super) queue: HalfMinor,
    /// Market version when it was placed.
    pub(super) version: u64,
    /// Matched or not, nothing of it counts any more.
    pub(super) void: bool,
}

impl SimOrder {
    pub(super) fn new(instruction: Instruction, version: u64) -> Self {
        let remaining = match instruction.kind {
            OrderKind::Limit { size, .. } => size,
            OrderKind::LimitOnClose { liability, .. } | OrderKind::MarketOnClose { liability } => {
                liability
            }
        };
        Self {
            instruction,
            remaining,
            fills: Vec::new(),
            queue: 0,
            version,
            void: false,
        }
    }

    pub(super) fn runner(&self) -> RunnerId {
        self.instruction.runner
    }

    pub(super) fn side(&self) -> Side {
        self.instruction.side
    }

    /// The price of a limit order that can rest.
    pub(super) fn limit_price(&self) -> Option<Price> {
        match self.instruction.kind {
            OrderKind::Limit { price, .. } => Some(price),
            _ => None,
        }
    }

    pub(super) fn is_live(&self) -> bool {
        !self.void && self.remaining.is_positive()
    }

    pub(super) fn persistence(&self) -> Option<Persistence> {
        match self.instruction.kind {
            OrderKind::Limit { persistence, .. } => Some(persistence),
            _ => None,
        }
    }

    /// Whether it is for the starting price, at once or in the end.
    pub(super) fn takes_starting_price(&self) -> bool {
        self.persistence()
            .is_none_or(|persistence| persistence == Persistence::MarketOnClose)
    }

    pub(super) fn matched(&self) -> Money {
        self.fills.iter().map(|&(_, size)| size).sum()
    }

    /// Matches some of a limit order.
    pub(super) fn fill(&mut self, price: Price, size: Money, report: &mut Report<'_>) {
        self.remaining -= size;
        self.fills.push((price, size));
        report.say(self.instruction.id, OrderChange::Matched { price, size });
    }

    /// What remains goes unmatched.
    pub(super) fn lapse(&mut self, reason: VenueReason, report: &mut Report<'_>) {
        let size = std::mem::take(&mut self.remaining);
        if size.is_positive() {
            report.say(self.instruction.id, OrderChange::Lapsed { size, reason });
        }
    }

    /// The whole order is void, matched or not.
    pub(super) fn annul(&mut self, reason: VenueReason, report: &mut Report<'_>) {
        self.void = true;
        self.remaining = Money::ZERO;
        self.fills.clear();
        report.say(self.instruction.id, OrderChange::Voided { reason });
    }

    /// Gives matched bets new prices, after a reduction.
    pub(super) fn reprice(&mut self, reduced: impl Fn(Price) -> Price, report: &mut Report<'_>) {
        let before = weighted(&self.fills);
        for (price, _) in &mut self.fills {
            *price = reduced(*price);
        }
        let matched_value = weighted(&self.fills);
        if matched_value != before {
            report.say(self.instruction.id, OrderChange::Repriced { matched_value });
        }
    }
}

/// Σ price × size of fills, in billionths × minor units.
fn weighted(fills: &[(Price, Money)]) -> i128 {
    fills
        .iter()
        .map(|(price, size)| i128::from(price.nanos()) * i128::from(size.minor()))
        .sum()
}
