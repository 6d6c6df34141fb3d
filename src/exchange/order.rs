//! An order as the exchange keeps it.

use super::Report;
use crate::market::{
    Instruction, MarketId, Money, OrderChange, OrderKind, OrderStatement, Persistence, Price,
    RunnerId, Side, TimeMs, VenueReason,
};

/// Half minor units: queues are met by half of what is reported as traded, and half a penny must not get lost.
pub(super) type HalfMinor = i64;

/// An order that the exchange accepted.
#[derive(Clone, Debug)]
pub(super) struct SimOrder {
    pub(super) instruction: Instruction,
    /// How many orders came before it.
    pub(super) age: u64,
    /// Size still to be matched; of an order at the starting price, its liability.
    pub(super) remaining: Money,
    /// What was matched, at which prices.
    pub(super) fills: Vec<(Price, Money)>,
    /// Size ahead of it in the queue at its price (strict model).
    pub(super) queue: HalfMinor,
    /// The same as the reference model counts it, in major units.
    pub(super) reference_queue: f64,
    /// The market's version when the order last looked.
    pub(super) version: u64,
    /// It took effect with the present update.
    pub(super) fresh: bool,
    /// The starting price came and the order was dealt with.
    pub(super) reconciled: bool,
    /// Something was matched or repriced in the present update.
    pub(super) touched: bool,
    /// Matched or not, nothing of it counts any more.
    pub(super) void: bool,
    /// Σ price × size as it was last told.
    told_value: i128,
}

impl SimOrder {
    pub(super) fn new(instruction: Instruction, version: u64) -> Self {
        let remaining = instruction.kind.amount();
        Self {
            instruction,
            age: 0,
            remaining,
            fills: Vec::new(),
            queue: 0,
            reference_queue: 0.0,
            version,
            fresh: true,
            reconciled: false,
            touched: false,
            void: false,
            told_value: 0,
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

    /// Whether it waits in the book for somebody to meet its price.
    pub(super) fn is_resting(&self) -> bool {
        self.is_live() && self.limit_price().is_some()
    }

    pub(super) fn persistence(&self) -> Option<Persistence> {
        self.instruction.kind.persistence()
    }

    /// Gives a resting order another price.
    pub(super) fn move_to(&mut self, to: Price) {
        if let OrderKind::Limit { price, .. } = &mut self.instruction.kind {
            *price = to;
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

    /// Where it stands, in full. What is neither matched nor standing is said to have lapsed.
    pub(super) fn statement(&self, market: &MarketId, now: TimeMs) -> OrderStatement {
        let Instruction {
            id,
            runner,
            side,
            kind,
            ..
        } = &self.instruction;
        let matched = self.matched();
        let size = kind.size().unwrap_or_default();
        let gone = (size - matched - self.remaining).max(Money::ZERO);
        let (lapsed, voided) = match self.void {
            true => (Money::ZERO, gone),
            false => (gone, Money::ZERO),
        };
        OrderStatement {
            market: market.clone(),
            order: Some(*id),
            venue_id: id.to_string().into(),
            runner: *runner,
            side: *side,
            kind: *kind,
            placed_at: now,
            matched,
            matched_value: self.told_value,
            cancelled: Money::ZERO,
            lapsed,
            lapse_reason: VenueReason::NotSaid,
            voided,
            is_complete: !self.is_live(),
        }
    }

    /// Matches some of it.
    pub(super) fn fill(&mut self, price: Price, size: Money, report: &mut Report<'_>) {
        self.remaining -= size;
        self.fills.push((price, size));
        self.touched = true;
        self.told_value += value(price, size);
        report.say(self.instruction.id, OrderChange::Matched { price, size });
    }

    /// Cancels some of what remains.
    pub(super) fn cancel(&mut self, size: Money, report: &mut Report<'_>) {
        if size.is_positive() {
            self.remaining -= size;
            report.say(self.instruction.id, OrderChange::Cancelled { size });
        }
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
        self.told_value = 0;
        report.say(self.instruction.id, OrderChange::Voided { reason });
    }

    /// Gives matched bets new prices, after a reduction.
    pub(super) fn reprice(&mut self, reduced: impl Fn(Price) -> Price, report: &mut Report<'_>) {
        for (price, _) in &mut self.fills {
            *price = reduced(*price);
        }
        self.touched = true;
        let total = self.fills.iter().map(|&(p, size)| value(p, size)).sum();
        self.restate(total, report);
    }

    /// Says what the matched bets are worth now, if that is not known yet.
    pub(super) fn restate(&mut self, matched_value: i128, report: &mut Report<'_>) {
        if matched_value != self.told_value {
            self.told_value = matched_value;
            report.say(self.instruction.id, OrderChange::Repriced { matched_value });
        }
    }
}

/// Price × size in billionths × minor units.
pub(super) fn value(price: Price, size: Money) -> i128 {
    i128::from(price.nanos()) * i128::from(size.minor())
}
