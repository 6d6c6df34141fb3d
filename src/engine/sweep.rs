//! When betting is halted or a strategy is stopped: what still rests is cancelled, and asked after until it is gone.

use std::sync::Arc;

use super::{Effects, Engine, Gate, Record, Request, Standing, TradingState};
use crate::market::{Books, MarketIndex, MarketStatus, Order, OrderKind, OrderState, TimeMs};
use crate::planted::{self, Bug};

/// How far apart sweeps of one market are.
const AGAIN_AFTER_MS: i64 = 1_000;

/// How long the answer to a cancel is waited for. It may have been lost, and to ask twice does no harm.
const ANSWER_LOST_AFTER_MS: i64 = 10_000;

impl<G: Gate> Engine<G> {
    /// Cancels what rests of strategies that may not bet: in one market, or in all.
    pub(super) fn sweep(
        &mut self,
        now: TimeMs,
        only: Option<MarketIndex>,
        books: &Books,
        effects: &mut Effects<G::Pass>,
    ) {
        let halted = self.house.state == TradingState::Halted;
        let mut swept = Vec::new();
        for slot in &mut self.slots {
            if !halted && slot.standing != Standing::Quarantined {
                continue;
            }
            let range = only.map_or(0..slot.desks.len(), |at| {
                at.0..(at.0 + 1).min(slot.desks.len())
            });
            for at in range {
                let Some(desk) = slot.desks[at].as_mut() else {
                    continue;
                };
                let market = books.get(MarketIndex(at));
                let due = is_due(desk.swept_at, now);
                if desk.burden.open_orders == 0 || !due || market.status() != MarketStatus::Open {
                    continue;
                }
                if planted::is(Bug::SweepCancelsNothing) {
                    continue;
                }
                let waited = has_waited(desk.asked_again_at, now);
                let live = desk.holding.live();
                let resting: Vec<_> = live
                    .filter(|order| rests(order, waited))
                    .map(|order| order.id)
                    .collect();
                if resting.is_empty() {
                    continue;
                }
                desk.swept_at = Some(now);
                if waited {
                    desk.asked_again_at = Some(now);
                }
                let holding = Arc::make_mut(&mut desk.holding);
                for order in resting {
                    holding.amend(order, |order| order.cancel_pending = true);
                    swept.push((market.id.clone(), order));
                    effects.send(Request::Cancel {
                        market: market.id.clone(),
                        order,
                        size: None,
                    });
                }
            }
        }
        self.sweep_strays(now, books, &mut swept, effects);
        if !swept.is_empty() {
            effects.records.push(Record::Swept {
                at: now,
                orders: swept,
            });
        }
    }

    /// Whether anything may have to be swept.
    pub(super) fn sweeps(&self) -> bool {
        self.house.state == TradingState::Halted
            || self
                .slots
                .iter()
                .any(|slot| slot.standing == Standing::Quarantined)
    }
}

/// Whether the last sweep is long enough ago.
pub(super) fn is_due(swept_at: Option<TimeMs>, now: TimeMs) -> bool {
    swept_at.is_none_or(|last| now - last >= AGAIN_AFTER_MS)
}

/// Whether answers to cancels have been waited for long enough to ask again.
pub(super) fn has_waited(asked_again_at: Option<TimeMs>, now: TimeMs) -> bool {
    asked_again_at.is_none_or(|last| now - last >= ANSWER_LOST_AFTER_MS)
}

/// Whether an order rests at the venue and is to be cancelled, unless that was asked for and may still be answered.
pub(super) fn rests(order: &Order, waited: bool) -> bool {
    order.state == OrderState::Working
        && matches!(order.kind, OrderKind::Limit { .. })
        && (waited || !order.cancel_pending)
}
