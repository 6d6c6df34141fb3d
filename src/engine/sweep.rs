//! When betting is halted or a strategy is stopped: what still rests is cancelled, and asked after until it is gone.

use std::sync::Arc;

use super::{Effects, Engine, Gate, Record, Request, Standing, TradingState};
use crate::market::{Books, MarketIndex, MarketStatus, OrderKind, OrderState, TimeMs};
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
                let again = desk
                    .swept_at
                    .is_none_or(|last| now - last >= AGAIN_AFTER_MS);
                if desk.burden.open_orders == 0 || !again || market.status() != MarketStatus::Open {
                    continue;
                }
                if planted::is(Bug::SweepCancelsNothing) {
                    continue;
                }
                let waited = desk
                    .asked_again_at
                    .is_none_or(|last| now - last >= ANSWER_LOST_AFTER_MS);
                let resting: Vec<_> = desk
                    .holding
                    .live()
                    .filter(|order| {
                        order.state == OrderState::Working
                            && matches!(order.kind, OrderKind::Limit { .. })
                            && (waited || !order.cancel_pending)
                    })
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
