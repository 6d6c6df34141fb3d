//! Settlement: what each order won or lost when the market closed.

use std::sync::Arc;

use super::market::SimMarket;
use super::order::SimOrder;
use super::{ExchangeSettings, Report, Task};
use crate::market::{
    BettingType, MarketDefinition, Money, Price, Ratio, RunnerStatus, Settlement, Side, TimeMs,
    VenueReason,
};

impl SimMarket {
    /// Settles every order; what still waits or rests goes unmatched.
    pub(super) fn settle(
        &mut self,
        now: TimeMs,
        definition: &Arc<MarketDefinition>,
        settings: &ExchangeSettings,
        report: &mut Report<'_>,
    ) -> Settlement {
        for request in std::mem::take(&mut self.pending) {
            match request.task {
                Task::Place(order) => report.reject(order.id, VenueReason::MarketClosed),
                Task::Replace { with, .. } => report.reject(with.id, VenueReason::MarketClosed),
                Task::Cancel { .. } => {}
            }
        }
        for order in &mut self.orders {
            let removed = definition
                .runner(order.runner())
                .is_none_or(|r| r.status == RunnerStatus::Removed);
            if removed && !order.void && (order.is_live() || !order.fills.is_empty()) {
                order.annul(VenueReason::RunnerRemoved, report);
            }
            order.lapse(VenueReason::MarketClosed, report);
        }
        let profits = self
            .orders
            .iter()
            .filter(|order| order.matched().is_positive())
            .map(|order| (order.instruction.id, profit(order, definition)))
            .collect();
        let kept =
            u64::from(Ratio::ONE.millionths() - settings.commission_discount_ratio.millionths());
        let base_rate = u64::from(definition.base_rate) * kept / u64::from(Ratio::ONE.millionths());
        let base_rate = u32::try_from(base_rate).unwrap_or(definition.base_rate);
        Settlement {
            market: report.market.clone(),
            at: now,
            base_rate,
            profits,
        }
    }
}

/// Profit of one order before commission.
fn profit(order: &SimOrder, definition: &MarketDefinition) -> Money {
    order
        .fills
        .iter()
        .map(|&(price, size)| fill_profit(order, price, size, definition))
        .sum()
}

fn fill_profit(
    order: &SimOrder,
    price: Price,
    size: Money,
    definition: &MarketDefinition,
) -> Money {
    let Some(runner) = definition.runner(order.runner()) else {
        return Money::ZERO;
    };
    let placed = matches!(runner.status, RunnerStatus::Winner | RunnerStatus::Placed);
    let won = runner.status == RunnerStatus::Winner;
    if let Some(divisor) = definition.each_way_divisor {
        let place_price =
            Price::from_nanos(Price::SCALE + price.minus_one() * 100 / u64::from(divisor.max(1)));
        return part(order.side(), price, size, won)
            + part(order.side(), place_price, size, placed);
    }
    // Bets on a line are struck at evens, whatever the line.
    let price = if definition.betting_type == BettingType::Line {
        Price::from_hundredths(200)
    } else {
        price
    };
    let winners = definition
        .runners
        .iter()
        .filter(|r| r.status == RunnerStatus::Winner)
        .count();
    let places = definition.number_of_winners as usize;
    if won && places == 1 && winners > 1 {
        // A dead heat: the stake is divided, one part wins at full odds, the others lose.
        let winners = i64::try_from(winners).unwrap_or(1);
        let share = size.scaled(1, winners);
        return part(order.side(), price, share, true)
            + part(order.side(), price, size - share, false);
    }
    part(order.side(), price, size, won)
}

fn part(side: Side, price: Price, size: Money, won: bool) -> Money {
    match (side, won) {
        (Side::Back, true) => size.profit_at(price),
        (Side::Back, false) => -size,
        (Side::Lay, true) => -size.liability_at(price),
        (Side::Lay, false) => size,
    }
}
