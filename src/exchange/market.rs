//! One market on the exchange: requests on their way, orders standing, changes of the market.

use std::sync::Arc;

use super::order::SimOrder;
use super::settlement::Settled;
use super::{ExchangeSettings, Pending, Report, Task, matching, starting_price};
use crate::market::{
    Market, MarketDefinition, MarketDelta, MarketStatus, Money, OrderChange, OrderId, OrderKind,
    Persistence, Price, RunnerId, RunnerStatus, Side, TimeMs, VenueReason,
};

/// One market on the exchange.
#[derive(Debug, Default)]
pub(super) struct SimMarket {
    pub(super) pending: Vec<Pending>,
    pub(super) orders: Vec<SimOrder>,
    /// Removals already dealt with.
    removed: Vec<RunnerId>,
    /// Whether starting prices were dealt with.
    reconciled: bool,
    pub(super) settled: Settled,
}

impl SimMarket {
    pub(super) fn is_empty(&self) -> bool {
        self.pending.is_empty() && self.orders.is_empty()
    }

    /// Carries out requests that are due, in the order made, upon the book as it stood before the update.
    pub(super) fn take_due(
        &mut self,
        now: TimeMs,
        book: &Market,
        settings: &ExchangeSettings,
        report: &mut Report<'_>,
    ) {
        if self.pending.is_empty() {
            return;
        }
        let pending = std::mem::take(&mut self.pending);
        for request in pending {
            if now - request.made_at > request.latency_ms {
                self.carry_out(request.task, book, settings, report);
            } else {
                self.pending.push(request);
            }
        }
    }

    fn carry_out(
        &mut self,
        task: Task,
        book: &Market,
        settings: &ExchangeSettings,
        report: &mut Report<'_>,
    ) {
        match task {
            Task::Place(instruction) => {
                let order = SimOrder::new(instruction, book.definition.version);
                self.place(order, book, settings, report);
            }
            Task::Cancel { order, size } => {
                if let Err(reason) = self.cancel(order, size, book, report) {
                    report.say(order, OrderChange::CancelFailed { reason });
                }
            }
            Task::Replace { order, price, with } => {
                let mut new = SimOrder::new(with, book.definition.version);
                match self.cancel(order, None, book, report) {
                    Ok(freed) => {
                        debug_assert_eq!(new.limit_price(), Some(price));
                        let excess = new.remaining - new.remaining.min(freed);
                        self.place_part(&mut new, excess, book, settings, report);
                        self.orders.push(new);
                    }
                    Err(reason) => {
                        report.reject(new.instruction.id, reason);
                        report.say(order, OrderChange::CancelFailed { reason });
                    }
                }
            }
        }
    }

    fn place(
        &mut self,
        mut order: SimOrder,
        book: &Market,
        settings: &ExchangeSettings,
        report: &mut Report<'_>,
    ) {
        self.place_part(&mut order, Money::ZERO, book, settings, report);
        self.orders.push(order);
    }

    /// Places an order less an `excess` that is cancelled at once: a replaced order may have been matched meanwhile.
    fn place_part(
        &mut self,
        order: &mut SimOrder,
        excess: Money,
        book: &Market,
        settings: &ExchangeSettings,
        report: &mut Report<'_>,
    ) {
        let id = order.instruction.id;
        if let Err(reason) = acceptable(order, book, settings) {
            order.remaining = Money::ZERO;
            report.reject(id, reason);
            return;
        }
        report.say(id, OrderChange::Accepted);
        if excess.is_positive() {
            order.remaining -= excess;
            report.say(id, OrderChange::Cancelled { size: excess });
        }
        if let (Some(runner), Some(_)) = (book.runner(order.runner()), order.limit_price()) {
            matching::take(order, runner, report);
        }
    }

    /// Cancels what remains of an order, or part of it; gives back how much.
    fn cancel(
        &mut self,
        id: OrderId,
        size: Option<Money>,
        book: &Market,
        report: &mut Report<'_>,
    ) -> Result<Money, VenueReason> {
        if book.status() != MarketStatus::Open {
            return Err(VenueReason::MarketNotOpen);
        }
        let order = self
            .orders
            .iter_mut()
            .find(|order| order.instruction.id == id && order.is_live());
        let order = order.ok_or(VenueReason::NothingRemains)?;
        let freed = size.map_or(order.remaining, |size| size.min(order.remaining));
        order.remaining -= freed;
        report.say(id, OrderChange::Cancelled { size: freed });
        Ok(freed)
    }

    /// A market change: removals, starting prices, suspension, then trades meet resting orders.
    pub(super) fn change(&mut self, book: &Market, delta: &MarketDelta, report: &mut Report<'_>) {
        if let Some(definition) = &delta.definition {
            self.remove_runners(definition, report);
            if definition.bsp_reconciled && !self.reconciled {
                self.reconciled = true;
                starting_price::reconcile(&mut self.orders, definition, report);
            }
        }
        let definition: &Arc<MarketDefinition> =
            delta.definition.as_ref().unwrap_or(&book.definition);
        if definition.status == MarketStatus::Suspended {
            for order in self.orders.iter_mut().filter(|order| order.is_live()) {
                let lapses = order.persistence() == Some(Persistence::Lapse);
                if lapses && order.version != definition.version {
                    order.lapse(VenueReason::Suspended, report);
                }
            }
        }
        matching::meet_trades(&mut self.orders, book, delta, report);
    }

    fn remove_runners(&mut self, definition: &MarketDefinition, report: &mut Report<'_>) {
        for runner in &definition.runners {
            if runner.status != RunnerStatus::Removed || self.removed.contains(&runner.id) {
                continue;
            }
            self.removed.push(runner.id);
            let factor = runner.adjustment_factor.unwrap_or(0);
            for order in &mut self.orders {
                if order.void {
                    continue;
                }
                if order.runner() == runner.id {
                    order.annul(VenueReason::RunnerRemoved, report);
                } else {
                    reduce(order, factor, definition, report);
                }
            }
        }
    }
}

/// What a removal does to a bet on another runner: matched prices fall by the market's rule, and lay liabilities at the
/// starting price are scaled.
fn reduce(
    order: &mut SimOrder,
    factor: u32,
    definition: &MarketDefinition,
    report: &mut Report<'_>,
) {
    order.reprice(|price| definition.reduced(price, factor), report);
    let win = definition.market_type == "WIN";
    let lay_on_close = order.side() == Side::Lay
        && matches!(order.instruction.kind, OrderKind::MarketOnClose { .. });
    if !lay_on_close || !order.is_live() {
        return;
    }
    let own = definition
        .runner(order.runner())
        .and_then(|own| own.adjustment_factor)
        .unwrap_or(0);
    let (keep, of) = if win {
        let of = 10_000_i64 - i64::from(own);
        (of - i64::from(factor), of)
    } else {
        (10_000 - i64::from(factor), 10_000)
    };
    if of > 0 {
        order.remaining = order.remaining.scaled(keep.max(0), of);
    }
}

/// Whether the venue takes the order at all.
fn acceptable(
    order: &SimOrder,
    book: &Market,
    settings: &ExchangeSettings,
) -> Result<(), VenueReason> {
    let definition = &book.definition;
    if book.status() != MarketStatus::Open {
        return Err(VenueReason::MarketNotOpen);
    }
    match book.runner(order.runner()) {
        None => return Err(VenueReason::RunnerRemoved),
        Some(runner) if runner.status != RunnerStatus::Active => {
            return Err(VenueReason::RunnerRemoved);
        }
        Some(_) => {}
    }
    if !order.remaining.is_positive() || order.remaining < settings.min_stake {
        return Err(VenueReason::BelowMinimum);
    }
    let on_close = order.limit_price().is_none();
    if on_close && (!definition.bsp_market || definition.bsp_reconciled || definition.in_play) {
        return Err(VenueReason::NoStartingPrice);
    }
    let named: Option<Price> = order.instruction.kind.price();
    if named.is_some_and(|price| !definition.ladder.contains(price)) {
        return Err(VenueReason::InvalidPrice);
    }
    Ok(())
}
