//! What a venue says of an order, and its settlement, as rows; and the order's own row kept up to date.

use rusqlite::{Connection, OptionalExtension, params};

use super::columns::{parsed, state_from};
use super::rows::{RowError, Spot, contradiction};
use crate::market::{MarketId, Money, OrderChange, OrderId, OrderState, Price, TimeMs};

/// Runs from which a run takes orders over: where bets are real they outlive it, and there ids never repeat.
const EARLIER: &str = "IN (SELECT r.id FROM runs r JOIN runs present ON present.id = ?1
                           WHERE r.mode = 'LIVE' AND present.mode = 'LIVE')";

/// Which order, and who the record says it belongs to.
pub(super) struct Whose<'a> {
    pub(super) strategy: &'a str,
    pub(super) market: &'a MarketId,
    pub(super) order: OrderId,
}

/// Where an order stands in the ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Standing {
    /// In which run it was placed.
    run: i64,
    size: Option<Money>,
    placed_at: Option<i64>,
    state: OrderState,
    matched: Money,
    matched_value: i128,
    cancelled: Money,
    lapsed: Money,
    voided: Money,
    persistence: Option<String>,
    venue_reason: Option<String>,
    /// Its profit, once it is settled.
    settled: Option<Money>,
}

impl Standing {
    fn read(connection: &Connection, spot: Spot, whose: &Whose<'_>) -> Result<Self, RowError> {
        let Whose {
            strategy,
            market,
            order,
        } = whose;
        let find = |runs: &str| -> rusqlite::Result<Option<Self>> {
            let sql = format!(
                "SELECT size_minor, placed_at_ms, state, matched_minor, matched_value,
                        cancelled_minor, lapsed_minor, voided_minor, venue_reason,
                        profit_minor, persistence, run_id
                   FROM orders WHERE run_id {runs} AND id = ?2 AND strategy = ?3 AND market = ?4"
            );
            let mut statement = connection.prepare_cached(&sql)?;
            let parameters = params![spot.run, order.to_string(), strategy, market.as_str()];
            statement
                .query_row(parameters, |row| {
                    Ok(Self {
                        run: row.get(11)?,
                        size: row.get::<_, Option<i64>>(0)?.map(Money::from_minor),
                        placed_at: row.get(1)?,
                        state: parsed(row, 2, state_from)?,
                        matched: Money::from_minor(row.get(3)?),
                        matched_value: parsed(row, 4, |text| text.parse().ok())?,
                        cancelled: Money::from_minor(row.get(5)?),
                        lapsed: Money::from_minor(row.get(6)?),
                        voided: Money::from_minor(row.get(7)?),
                        venue_reason: row.get(8)?,
                        settled: row.get::<_, Option<i64>>(9)?.map(Money::from_minor),
                        persistence: row.get(10)?,
                    })
                })
                .optional()
        };
        let found = match find("= ?1")? {
            Some(standing) => Some(standing),
            None => find(EARLIER)?,
        };
        match found {
            Some(standing) => Ok(standing),
            None => contradiction(format!(
                "order {order} of {strategy} in {market} is not in run {}",
                spot.run
            )),
        }
    }

    fn remaining(&self) -> Money {
        match self.size {
            Some(size) if self.state.is_live() => {
                size - self.matched - self.cancelled - self.lapsed - self.voided
            }
            _ => Money::ZERO,
        }
    }

    /// Whether the order could still change that way; if not, it is a late word, which is kept but moves nothing.
    fn allows(&self, change: &OrderChange) -> bool {
        match change {
            OrderChange::Accepted | OrderChange::Rejected { .. } | OrderChange::NotPlaced => {
                self.state.is_unheard()
            }
            OrderChange::NotSent | OrderChange::Doubted { .. } => self.state == OrderState::Sending,
            OrderChange::Stuck => self.state == OrderState::Unknown,
            OrderChange::Matched { .. }
            | OrderChange::Cancelled { .. }
            | OrderChange::Lapsed { .. }
            | OrderChange::Updated { .. } => self.state.is_live(),
            OrderChange::Voided { .. } => {
                self.state != OrderState::Rejected && self.settled.is_none()
            }
            OrderChange::Repriced { .. } => self.matched.is_positive(),
            OrderChange::CancelFailed { .. } | OrderChange::UpdateFailed { .. } => true,
        }
    }

    fn apply(&mut self, at: TimeMs, change: &OrderChange, state: OrderState) {
        let standing = self.remaining() + self.matched;
        let unheard = self.state.is_unheard();
        self.state = state;
        match *change {
            OrderChange::Accepted => self.placed_at = Some(at.0),
            OrderChange::Rejected { reason } => {
                self.placed_at = Some(at.0);
                self.venue_reason = Some(reason.to_string());
            }
            OrderChange::Matched { price, size } => {
                self.placed_at = if unheard { Some(at.0) } else { self.placed_at };
                self.matched += size;
                self.matched_value += i128::from(price.nanos()) * i128::from(size.minor());
            }
            OrderChange::Cancelled { size } => {
                self.placed_at = if unheard { Some(at.0) } else { self.placed_at };
                self.cancelled += size;
            }
            OrderChange::Lapsed { size, reason } => {
                self.placed_at = if unheard { Some(at.0) } else { self.placed_at };
                self.lapsed += size;
                self.venue_reason = Some(reason.to_string());
            }
            OrderChange::Voided { reason } => {
                self.voided += standing;
                self.matched = Money::ZERO;
                self.matched_value = 0;
                self.venue_reason = Some(reason.to_string());
            }
            OrderChange::Repriced { matched_value } => self.matched_value = matched_value,
            OrderChange::CancelFailed { reason } | OrderChange::UpdateFailed { reason } => {
                self.venue_reason = Some(reason.to_string());
            }
            OrderChange::Updated { persistence } => {
                self.persistence = Some(persistence.as_str().to_owned());
            }
            OrderChange::Doubted { doubt } => self.venue_reason = Some(doubt.to_string()),
            OrderChange::NotSent | OrderChange::NotPlaced | OrderChange::Stuck => {}
        }
    }

    fn store(&self, connection: &Connection, order: OrderId, at: TimeMs) -> rusqlite::Result<()> {
        let average = Price::average(self.matched_value, self.matched.minor());
        connection
            .prepare_cached(
                "UPDATE orders
                    SET placed_at_ms = ?3, state = ?4, matched_minor = ?5, matched_value = ?6,
                        average_price = ?7, cancelled_minor = ?8, lapsed_minor = ?9,
                        voided_minor = ?10, venue_reason = ?11, changed_at_ms = ?12,
                        persistence = ?13
                  WHERE run_id = ?1 AND id = ?2",
            )?
            .execute(params![
                self.run,
                order.to_string(),
                self.placed_at,
                self.state.as_str(),
                self.matched.minor(),
                self.matched_value.to_string(),
                average.map(|price| price.to_string()),
                self.cancelled.minor(),
                self.lapsed.minor(),
                self.voided.minor(),
                self.venue_reason,
                at.0,
                self.persistence,
            ])?;
        Ok(())
    }
}

/// Keeps what the venue said, and moves the order by it unless it is past that.
pub(super) fn write_order_change(
    connection: &Connection,
    spot: Spot,
    at: TimeMs,
    whose: &Whose<'_>,
    change: &OrderChange,
    state: OrderState,
    matched: Money,
) -> Result<(), RowError> {
    let mut standing = Standing::read(connection, spot, whose)?;
    let applied = standing.allows(change);
    let before = (standing.state, standing.matched);
    if applied {
        standing.apply(at, change, state);
    }
    if (standing.state, standing.matched) != (state, matched) {
        return contradiction(format!(
            "order {} was {} with {} matched; after {} the record says {} with {matched} matched",
            whose.order,
            before.0.as_str(),
            before.1,
            change_columns(change).name,
            state.as_str(),
        ));
    }
    write_order_event(
        connection,
        spot,
        at,
        whose.order,
        change,
        applied,
        &standing,
    )?;
    if applied {
        standing.store(connection, whose.order, at)?;
    }
    Ok(())
}

fn write_order_event(
    connection: &Connection,
    spot: Spot,
    at: TimeMs,
    order: OrderId,
    change: &OrderChange,
    applied: bool,
    after: &Standing,
) -> rusqlite::Result<()> {
    let columns = change_columns(change);
    let id = order.to_string();
    connection
        .prepare_cached(
            "INSERT INTO order_events
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)",
        )?
        .execute(params![
            spot.run,
            spot.record,
            after.run,
            id,
            at.0,
            columns.name,
            columns.price.map(|price| price.to_string()),
            columns.size.map(Money::minor),
            columns.reason,
            columns.matched_value.map(|value| value.to_string()),
            columns.persistence,
            applied,
            after.state.as_str(),
            after.matched.minor(),
        ])?;
    if let (true, OrderChange::Matched { price, size }) = (applied, change) {
        connection
            .prepare_cached("INSERT INTO fills VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)")?
            .execute(params![
                spot.run,
                spot.record,
                after.run,
                id,
                at.0,
                price.to_string(),
                size.minor()
            ])?;
    }
    Ok(())
}

struct ChangeColumns {
    name: &'static str,
    price: Option<Price>,
    size: Option<Money>,
    reason: Option<&'static str>,
    matched_value: Option<i128>,
    persistence: Option<&'static str>,
}

fn change_columns(change: &OrderChange) -> ChangeColumns {
    let (name, price, size, reason, matched_value) = match *change {
        OrderChange::Accepted => ("ACCEPTED", None, None, None, None),
        OrderChange::Rejected { reason } => ("REJECTED", None, None, Some(reason.as_str()), None),
        OrderChange::Doubted { doubt } => ("DOUBTED", None, None, Some(doubt.as_str()), None),
        OrderChange::NotPlaced => ("NOT_PLACED", None, None, None, None),
        OrderChange::Stuck => ("STUCK", None, None, None, None),
        OrderChange::NotSent => ("NOT_SENT", None, None, None, None),
        OrderChange::Matched { price, size } => ("MATCHED", Some(price), Some(size), None, None),
        OrderChange::Cancelled { size } => ("CANCELLED", None, Some(size), None, None),
        OrderChange::Lapsed { size, reason } => {
            ("LAPSED", None, Some(size), Some(reason.as_str()), None)
        }
        OrderChange::Voided { reason } => ("VOIDED", None, None, Some(reason.as_str()), None),
        OrderChange::Repriced { matched_value } => {
            ("REPRICED", None, None, None, Some(matched_value))
        }
        OrderChange::CancelFailed { reason } => {
            ("CANCEL_FAILED", None, None, Some(reason.as_str()), None)
        }
        OrderChange::Updated { .. } => ("UPDATED", None, None, None, None),
        OrderChange::UpdateFailed { reason } => {
            ("UPDATE_FAILED", None, None, Some(reason.as_str()), None)
        }
    };
    let persistence = match change {
        OrderChange::Updated { persistence } => Some(persistence.as_str()),
        _ => None,
    };
    ChangeColumns {
        name,
        price,
        size,
        reason,
        matched_value,
        persistence,
    }
}

/// Keeps what an order brought, or that it is taken back, and the order's own row in step.
pub(super) fn settle_order(
    connection: &Connection,
    spot: Spot,
    whose: &Whose<'_>,
    profit: Money,
    reversal: bool,
) -> Result<(), RowError> {
    let Whose {
        strategy,
        market,
        order,
    } = whose;
    let Standing { run, settled, .. } = Standing::read(connection, spot, whose)?;
    let expected = reversal.then_some(-profit);
    if settled != expected {
        let stands = |profit: Option<Money>| match profit {
            Some(profit) => format!("settled with {profit}"),
            None => "not settled".to_owned(),
        };
        return contradiction(format!(
            "order {order} of {strategy} in {market} is {}; the record needs it {}",
            stands(settled),
            stands(expected)
        ));
    }
    let id = order.to_string();
    connection
        .prepare_cached("INSERT INTO settlement_orders VALUES (?1, ?2, ?3, ?4, ?5)")?
        .execute(params![spot.run, spot.record, run, id, profit.minor()])?;
    let stands = (!reversal).then_some(profit.minor());
    connection
        .prepare_cached("UPDATE orders SET profit_minor = ?3 WHERE run_id = ?1 AND id = ?2")?
        .execute(params![run, id, stands])?;
    Ok(())
}
