//! Settlement: what each order won or lost when the market closed, and again when it closes with other results.
//!
//! Pure functions do the sums: [`outcome`] reads from the definition what became of a runner, [`profit`] turns that into
//! money. `docs/settlement.md` tells the rules in words, with an example of each.

mod handicap;
mod outcome;
mod profit;

use super::market::SimMarket;
use super::{ExchangeSettings, Fill, Report, Task, reference};
use crate::market::{
    Commission, MarketDefinition, Money, OrderId, Price, Ratio, Reversal, RunnerId, RunnerStatus,
    Settlement, Side, VenueEvent, VenueReason,
};
use outcome::outcome;
use profit::profit;

/// How far the settlement of a market has come.
#[derive(Debug, Default)]
pub(super) struct Settled {
    version: u32,
    standing: Option<Settlement>,
}

impl SimMarket {
    /// The market closed: what still waits or rests goes unmatched, and every bet is settled if the results are known.
    /// Closing again with the same results changes nothing; with others, it takes the last settlement back first.
    pub(super) fn settle(
        &mut self,
        definition: &MarketDefinition,
        settings: &ExchangeSettings,
        report: &mut Report<'_>,
    ) {
        self.end_orders(definition, report);
        let profits = self.profits(definition, settings.fill);
        let commission = Commission::Rate(commission_rate(definition, settings));
        let stands = self.settled.standing.as_ref().is_some_and(|standing| {
            standing.commission == commission && Some(&standing.profits) == profits.as_ref()
        });
        if stands {
            return;
        }
        self.take_back(report);
        let Some(profits) = profits else { return };
        self.settled.version += 1;
        let settlement = Settlement {
            market: report.market.clone(),
            at: report.at,
            version: self.settled.version,
            commission,
            profits,
        };
        self.settled.standing = Some(settlement.clone());
        report.out.push(VenueEvent::Settled(settlement));
    }

    /// The settlement that stands, if one does, does not hold any more: the market was opened again.
    pub(super) fn take_back(&mut self, report: &mut Report<'_>) {
        if let Some(settlement) = self.settled.standing.take() {
            report.out.push(VenueEvent::Reversed(Reversal {
                market: settlement.market,
                at: report.at,
                version: settlement.version,
            }));
        }
    }

    fn end_orders(&mut self, definition: &MarketDefinition, report: &mut Report<'_>) {
        self.recall();
        for request in std::mem::take(&mut self.pending) {
            match request.task {
                Task::Place(order) => report.reject(order.id, VenueReason::MarketClosed),
                Task::Replace { with, .. } => report.reject(with.id, VenueReason::MarketClosed),
                Task::Cancel { .. } | Task::Update { .. } => {}
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
        self.orders.retain(|order| order.matched().is_positive());
    }

    /// Profit of each order before commission; `None` if what is known of the market does not tell.
    fn profits(&self, definition: &MarketDefinition, fill: Fill) -> Option<Vec<(OrderId, Money)>> {
        if fill == Fill::Reference
            && let Some(profits) = reference::profits(&self.orders, definition)
        {
            return Some(profits);
        }
        self.orders
            .iter()
            .map(|order| {
                let outcome = outcome(definition, order.runner())?;
                let profit = profit(order.side(), &order.fills, outcome);
                Some((order.instruction.id, profit))
            })
            .collect()
    }
}

/// What a bet wins or loses in a closed market, before commission; `None` if the definition does not tell. For whoever
/// compares a venue's settlement with our own.
#[must_use]
pub fn profit_by_definition(
    definition: &MarketDefinition,
    runner: RunnerId,
    side: Side,
    average_price: Price,
    matched: Money,
) -> Option<Money> {
    let outcome = outcome(definition, runner)?;
    Some(profit(side, &[(average_price, matched)], outcome))
}

/// The market's base rate less the account's discount, to the nearest millionth.
///
/// Commission = net winnings × market base rate × (1 − discount rate): Betfair, "Market Base Rate and Discount Rate"
/// (published). It is taken from the net winnings of one strategy in one market, to the nearest minor unit, where the
/// result is booked: each strategy is accounted for as if it had an account of its own.
fn commission_rate(definition: &MarketDefinition, settings: &ExchangeSettings) -> Ratio {
    let whole = u64::from(Ratio::ONE.millionths());
    let kept = whole - u64::from(settings.commission_discount_ratio.millionths());
    let base = u64::from(definition.base_rate) * (whole / 10_000);
    let rate = (base * kept + whole / 2) / whole;
    u32::try_from(rate)
        .ok()
        .and_then(Ratio::from_millionths)
        .unwrap_or(Ratio::ONE)
}

#[cfg(test)]
mod tests;
