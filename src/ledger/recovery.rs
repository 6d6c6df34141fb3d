//! What earlier LIVE runs left, read for the session that begins. Of DRY_RUN nothing is taken over: its exchange is gone
//! with its process, and neither mode is ever counted with the other.

use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension, Row, named_params};

use super::columns::{named, parsed, price_from, state_from};
use super::{Ledger, LedgerError, Reader, RunWriter};
use crate::engine::{
    Account, Earlier, LISTED_FOR_MS, Pace, Recovered, Recovery, Scopes, TradingState,
};
use crate::market::{
    BookName, FillOrKill, MarketId, Money, Order, OrderId, OrderKind, Persistence, RunnerId, Side,
    TimeMs,
};

impl Ledger {
    /// What a session of a LIVE run takes over: all that earlier LIVE runs left, and an epoch from which no other session
    /// of this ledger, or of a copy of it, derives its ids. `bank` is what strategies started with.
    ///
    /// # Errors
    /// If the ledger cannot be read.
    pub fn recovery(
        &self,
        run: &RunWriter,
        session: u32,
        now: TimeMs,
        bank: Money,
    ) -> Result<Recovery, LedgerError> {
        Ok(Recovery {
            epoch: Some(self.instance().seed(run.run(), session)),
            ..self.reader()?.recovery(now, bank)?
        })
    }
}

impl Reader {
    /// What LIVE runs have left by now: [`Recovery::from_records`] over all their records, without what is past.
    ///
    /// # Errors
    /// If the ledger cannot be read.
    pub fn recovery(&self, now: TimeMs, bank: Money) -> Result<Recovery, LedgerError> {
        let read = || -> rusqlite::Result<Recovery> {
            let connection = &self.connection;
            let mut recovery = Recovery {
                pace: pace(connection, now)?,
                ..Recovery::default()
            };
            settled(connection, now, &mut recovery)?;
            orders(connection, now, &mut recovery)?;
            accounts(connection, bank, &mut recovery)?;
            trading(connection, &mut recovery)?;
            Ok(recovery)
        };
        read().map_err(LedgerError::database(
            &self.path,
            "read what earlier runs left",
        ))
    }
}

/// What markets came to lately: of each market and strategy the last word.
fn settled(connection: &Connection, now: TimeMs, recovery: &mut Recovery) -> rusqlite::Result<()> {
    let mut statement = connection.prepare(
        "SELECT strategy, market, at_ms, version, gross_minor, commission_minor, stands FROM (
             SELECT s.*, s.reverses IS NULL AS stands,
                    row_number() OVER (PARTITION BY s.market, s.strategy
                                       ORDER BY s.run_id DESC, s.record DESC) AS back
               FROM settlements s JOIN runs r ON r.id = s.run_id AND r.mode = 'LIVE'
              WHERE s.at_ms > :since)
          WHERE back = 1 ORDER BY market, strategy",
    )?;
    let since = now.0.saturating_sub(LISTED_FOR_MS);
    let mut rows = statement.query(named_params! { ":since": since })?;
    while let Some(row) = rows.next()? {
        recovery.settled.push(Earlier {
            strategy: row.get(0)?,
            market: MarketId::new(row.get_ref(1)?.as_str()?),
            at: TimeMs(row.get(2)?),
            version: row.get(3)?,
            gross: Money::from_minor(row.get(4)?),
            commission: Money::from_minor(row.get(5)?),
            orders: Vec::new(),
            stands: row.get(6)?,
        });
    }
    Ok(())
}

/// Orders that may still matter, and those that a venue may still list.
fn orders(connection: &Connection, now: TimeMs, recovery: &mut Recovery) -> rusqlite::Result<()> {
    let mut statement = connection.prepare(
        "WITH settled AS (
             SELECT o.order_run_id AS run_id, o.order_id AS id, max(s.at_ms) AS at_ms
               FROM settlement_orders o JOIN settlements s USING (run_id, record)
              GROUP BY o.order_run_id, o.order_id)
         SELECT o.id, o.strategy, o.market, o.event, o.sport, o.venue, o.liability_minor,
                o.selection, o.handicap_hundredths, o.side, o.type, o.price,
                coalesce(o.amount_minor, o.size_minor, o.liability_minor), o.persistence,
                i.fill_or_kill, i.min_fill_minor, o.book, i.tag, o.state, o.requested_at_ms, o.placed_at_ms,
                o.matched_minor, o.matched_value, o.cancelled_minor, o.lapsed_minor, o.voided_minor,
                o.profit_minor,
                (SELECT at_ms FROM order_events e
                  WHERE e.order_run_id = o.run_id AND e.order_id = o.id AND e.applied = 1
                    AND e.state NOT IN ('SENDING', 'UNKNOWN', 'STUCK', 'EXECUTABLE')
                  ORDER BY e.run_id, e.record LIMIT 1),
                max(o.requested_at_ms, coalesce(settled.at_ms, o.requested_at_ms),
                    coalesce((SELECT max(at_ms) FROM order_events e
                               WHERE e.order_run_id = o.run_id AND e.order_id = o.id AND e.applied = 1),
                             o.requested_at_ms)) AS heard,
                i.probability AS probability
           FROM orders o
           JOIN runs r ON r.id = o.run_id AND r.mode = 'LIVE'
           JOIN intents i ON i.run_id = o.run_id AND i.id = o.id
           LEFT JOIN settled ON settled.run_id = o.run_id AND settled.id = o.id
          WHERE o.state IN ('SENDING', 'UNKNOWN', 'STUCK', 'EXECUTABLE')
             OR (o.matched_minor > 0 AND o.profit_minor IS NULL)
             OR o.changed_at_ms > :since OR settled.at_ms > :since
          ORDER BY o.run_id, o.record",
    )?;
    let since = now.0.saturating_sub(LISTED_FOR_MS);
    let mut rows = statement.query(named_params! { ":since": since })?;
    while let Some(row) = rows.next()? {
        recovery.keep(recovered(row)?, TimeMs(row.get("heard")?));
    }
    recovery.cut(now);
    Ok(())
}

fn recovered(row: &Row<'_>) -> rusqlite::Result<Recovered> {
    let market = MarketId::new(row.get_ref(2)?.as_str()?);
    let word = |column| -> rusqlite::Result<Arc<str>> {
        let known: Option<Arc<str>> = row.get(column)?;
        Ok(known.unwrap_or_else(|| "".into()))
    };
    let at = |column| -> rusqlite::Result<Option<TimeMs>> {
        Ok(row.get::<_, Option<i64>>(column)?.map(TimeMs))
    };
    let money = |column| row.get(column).map(Money::from_minor);
    let order = Order {
        id: parsed(row, 0, OrderId::parse)?,
        runner: RunnerId {
            selection: super::reader::count(row, 7)?,
            handicap: row.get(8)?,
        },
        side: parsed(row, 9, |text| named(&Side::ALL, |side| side.as_str(), text))?,
        kind: kind(row)?,
        book: row
            .get::<_, Option<String>>(16)?
            .map(|book| BookName::new(&book)),
        state: parsed(row, 18, state_from)?,
        cancel_pending: false,
        update_pending: None,
        requested_at: TimeMs(row.get(19)?),
        placed_at: at(20)?,
        ended_at: at(27)?,
        matched: money(21)?,
        matched_value: parsed(row, 22, |text| text.parse().ok())?,
        cancelled: money(23)?,
        lapsed: money(24)?,
        voided: money(25)?,
        profit: row.get::<_, Option<i64>>(26)?.map(Money::from_minor),
        tag: row.get(17)?,
        probability: row.get("probability")?,
    };
    Ok(Recovered {
        strategy: row.get(1)?,
        scopes: Scopes {
            market: market.clone(),
            event: word(3)?,
            sport: word(4)?,
            venue: word(5)?,
        },
        market,
        liability: money(6)?,
        order,
    })
}

fn kind(row: &Row<'_>) -> rusqlite::Result<OrderKind> {
    let amount = Money::from_minor(row.get(12)?);
    let price = || parsed(row, 11, price_from);
    Ok(match row.get_ref(10)?.as_str()? {
        "MARKET_ON_CLOSE" => OrderKind::MarketOnClose { liability: amount },
        "LIMIT_ON_CLOSE" => OrderKind::LimitOnClose {
            price: price()?,
            liability: amount,
        },
        _ => OrderKind::Limit {
            price: price()?,
            size: amount,
            persistence: parsed(row, 13, |text| {
                named(&Persistence::ALL, |one| one.as_str(), text)
            })?,
            fill_or_kill: match row.get(14)? {
                true => Some(FillOrKill {
                    min_fill: row.get::<_, Option<i64>>(15)?.map(Money::from_minor),
                }),
                false => None,
            },
        },
    })
}

/// The strategies' money, as every settlement and reversal since the beginning left it.
fn accounts(connection: &Connection, bank: Money, recovery: &mut Recovery) -> rusqlite::Result<()> {
    let mut statement = connection.prepare(
        "SELECT s.strategy, s.at_ms, s.net_minor, s.reverses IS NOT NULL
           FROM settlements s JOIN runs r ON r.id = s.run_id AND r.mode = 'LIVE'
          ORDER BY s.run_id, s.record",
    )?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let account = recovery
            .accounts
            .entry(row.get(0)?)
            .or_insert_with(|| Account::new(bank));
        let net = Money::from_minor(row.get(2)?);
        account.book(TimeMs(row.get(1)?), net, row.get(3)?);
    }
    Ok(())
}

/// Whether betting was on.
fn trading(connection: &Connection, recovery: &mut Recovery) -> rusqlite::Result<()> {
    let last = connection
        .query_row(
            "SELECT h.name, coalesce(h.detail, '')
               FROM house_events h JOIN runs r ON r.id = h.run_id AND r.mode = 'LIVE'
              WHERE h.what = 'TRADING' ORDER BY h.run_id DESC, h.record DESC LIMIT 1",
            [],
            |row| {
                let state = parsed(row, 0, |text| {
                    named(&TradingState::ALL, |state| state.as_str(), text)
                })?;
                Ok((state, row.get(1)?))
            },
        )
        .optional()?;
    if let Some((state, reason)) = last {
        (recovery.state, recovery.reason) = (state, reason);
    }
    Ok(())
}

fn pace(connection: &Connection, now: TimeMs) -> rusqlite::Result<Pace> {
    let mut pace = Pace::default();
    let mut placed = connection.prepare(
        "SELECT o.strategy, o.requested_at_ms
           FROM orders o JOIN runs r ON r.id = o.run_id AND r.mode = 'LIVE'
          WHERE o.requested_at_ms > :since ORDER BY o.run_id, o.record",
    )?;
    let since = now.0.saturating_sub(Pace::WINDOW_MS);
    let mut rows = placed.query(named_params! { ":since": since })?;
    while let Some(row) = rows.next()? {
        pace.placed.push_back((row.get(0)?, TimeMs(row.get(1)?)));
    }
    let mut stakes = connection.prepare(
        "SELECT strategy, amount FROM (
             SELECT o.run_id, o.record, o.strategy,
                    coalesce(o.amount_minor, o.size_minor, o.liability_minor) AS amount,
                    row_number() OVER (PARTITION BY o.strategy ORDER BY o.run_id DESC, o.record DESC) AS back
               FROM orders o JOIN runs r ON r.id = o.run_id AND r.mode = 'LIVE')
          WHERE back <= :most ORDER BY run_id, record",
    )?;
    let most = i64::try_from(Pace::STAKES).unwrap_or(i64::MAX);
    let mut rows = stakes.query(named_params! { ":most": most })?;
    while let Some(row) = rows.next()? {
        let of_strategy = pace.stakes.entry(row.get(0)?).or_default();
        of_strategy.push_back(Money::from_minor(row.get(1)?));
    }
    Ok(pace)
}
