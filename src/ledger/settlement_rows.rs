//! Settlements as rows: a result booked, or a booked result taken back.

use rusqlite::{Connection, OptionalExtension, params};

use super::order_rows::{Whose, settle_order};
use super::rows::{RowError, Spot, contradiction};
use crate::engine::Record;
use crate::market::{MarketId, Money};

/// Writes a settlement or its reversal, with an entry for each order.
pub(super) fn write_settlement(
    connection: &Connection,
    spot: Spot,
    record: &Record,
) -> Result<(), RowError> {
    let Record::Settled {
        at,
        strategy,
        market,
        version,
        reversal,
        gross,
        commission,
        orders,
    } = record
    else {
        return contradiction("a record of another kind is no settlement".to_owned());
    };
    let sum: Money = orders.iter().map(|(_, profit)| *profit).sum();
    if sum != *gross {
        return contradiction(format!(
            "the settlement of {market} for {strategy} says {gross} gross, its orders sum to {sum}"
        ));
    }
    let reverses = match reversal {
        true => Some(reversed(connection, spot, strategy, market, *version)?),
        false => None,
    };
    if let Some(original) = &reverses
        && (
            original.gross,
            original.commission,
            original.orders as usize,
        ) != (-*gross, -*commission, orders.len())
    {
        return contradiction(format!(
            "the reversal of settlement {version} of {market} for {strategy} takes back {gross} gross and {commission} \
             commission of {} orders, but it booked {} and {} of {}",
            orders.len(),
            original.gross,
            original.commission,
            original.orders
        ));
    }
    connection
        .prepare_cached(
            "INSERT INTO settlements VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
        )?
        .execute(params![
            spot.run,
            spot.record,
            spot.recording,
            at.0,
            strategy,
            market.as_str(),
            version,
            reverses.as_ref().map(|original| original.record),
            gross.minor(),
            commission.minor(),
            (*gross - *commission).minor(),
            reverses
                .map(|original| original.run)
                .filter(|run| *run != spot.run),
        ])?;
    book(connection, spot, *gross, *commission)?;
    orders.iter().try_for_each(|&(order, profit)| {
        let whose = Whose {
            strategy,
            market,
            order,
        };
        settle_order(connection, spot, &whose, profit, *reversal)
    })
}

/// Books it in double entry: what leaves the market goes to the strategy and to commission.
fn book(
    connection: &Connection,
    spot: Spot,
    gross: Money,
    commission: Money,
) -> rusqlite::Result<()> {
    for (account, amount) in [
        ("market", -gross),
        ("commission", commission),
        ("strategy", gross - commission),
    ] {
        connection
            .prepare_cached(
                "INSERT INTO postings (run_id, record, account, currency, amount_minor)
                 SELECT id, ?2, ?3, currency, ?4 FROM runs WHERE id = ?1",
            )?
            .execute(params![spot.run, spot.record, account, amount.minor()])?;
    }
    Ok(())
}

/// The settlement that a reversal takes back.
struct Original {
    run: i64,
    record: i64,
    gross: Money,
    commission: Money,
    orders: u32,
}

/// The settlement that stands of this version: of this session or, where it is LIVE, of one before.
fn reversed(
    connection: &Connection,
    spot: Spot,
    strategy: &str,
    market: &MarketId,
    version: u32,
) -> Result<Original, RowError> {
    let found = connection
        .prepare_cached(
            "SELECT s.record, s.gross_minor, s.commission_minor,
                    (SELECT count(*) FROM settlement_orders o
                      WHERE o.run_id = s.run_id AND o.record = s.record),
                    s.run_id
               FROM settlements s JOIN runs r ON r.id = s.run_id
              WHERE s.strategy = ?2 AND s.market = ?3 AND s.version = ?4 AND s.reverses IS NULL
                AND ((s.run_id = ?1 AND s.recording = ?5)
                     OR (r.mode = 'LIVE' AND s.run_id <= ?1
                         AND (SELECT mode FROM runs WHERE id = ?1) = 'LIVE'))
                AND NOT EXISTS (SELECT 1 FROM settlements b
                                 WHERE b.reverses = s.record AND coalesce(b.reverses_run, b.run_id) = s.run_id)
              ORDER BY s.run_id DESC, s.record DESC LIMIT 1",
        )?
        .query_row(
            params![spot.run, strategy, market.as_str(), version, spot.recording],
            |row| {
                Ok(Original {
                    record: row.get(0)?,
                    gross: Money::from_minor(row.get(1)?),
                    commission: Money::from_minor(row.get(2)?),
                    orders: row.get(3)?,
                    run: row.get(4)?,
                })
            },
        )
        .optional()?;
    match found {
        Some(original) => Ok(original),
        None => contradiction(format!(
            "settlement {version} of {market} for {strategy} is taken back, but it is not in run {}",
            spot.run
        )),
    }
}
