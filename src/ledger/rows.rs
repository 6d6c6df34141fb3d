//! From records to rows: what of a record goes into which column.

use std::fmt;

use rusqlite::{Connection, OptionalExtension, named_params, params};

use crate::engine::{Action, IntentRecord, Record, StrategyChange, Verdict};
use crate::market::{
    FillOrKill, Level, MarketId, Money, OrderChange, OrderId, OrderKind, OrderState, Persistence,
    Place, Price, RunnerId, Side, TimeMs, VenueReason,
};

/// Where in the ledger a record goes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Spot {
    /// Which run.
    pub(super) run: i64,
    /// Which of its recordings.
    pub(super) recording: u32,
    /// Number of the record in the run, from 1.
    pub(super) record: i64,
}

/// Why a record is not in the ledger.
#[derive(Debug)]
pub(super) enum RowError {
    /// The database refused it.
    Database(rusqlite::Error),
    /// It contradicts what is there.
    Contradiction(String),
}

impl From<rusqlite::Error> for RowError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Database(error)
    }
}

impl fmt::Display for RowError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Database(error) => error.fmt(f),
            Self::Contradiction(what) => f.write_str(what),
        }
    }
}

/// Writes one record.
pub(super) fn write(connection: &Connection, spot: Spot, record: &Record) -> Result<(), RowError> {
    match record {
        Record::Strategy {
            at,
            strategy,
            hash,
            change,
        } => write_strategy(connection, spot, *at, strategy, hash, change),
        Record::Intent(intent) => write_intent(connection, spot, intent),
        Record::Order {
            at,
            strategy,
            market,
            order,
            change,
            state,
            matched,
        } => {
            let whose = Whose {
                strategy,
                market,
                order: *order,
            };
            write_order_change(connection, spot, *at, &whose, change, *state, *matched)
        }
        Record::Settled {
            at,
            strategy,
            market,
            gross,
            commission,
            orders,
        } => {
            let sum: Money = orders.iter().map(|(_, profit)| *profit).sum();
            if sum != *gross {
                return contradiction(format!(
                    "the settlement of {market} for {strategy} says {gross} gross, its orders sum to {sum}"
                ));
            }
            connection
                .prepare_cached(
                    "INSERT INTO settlements VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
                )?
                .execute(params![
                    spot.run,
                    spot.record,
                    spot.recording,
                    at.0,
                    strategy,
                    market.as_str(),
                    gross.minor(),
                    commission.minor(),
                    (*gross - *commission).minor(),
                ])?;
            orders.iter().try_for_each(|&(order, profit)| {
                let whose = Whose {
                    strategy,
                    market,
                    order,
                };
                settle_order(connection, spot, &whose, profit)
            })
        }
        Record::Halted { at, halted, reason } => {
            connection
                .prepare_cached("INSERT INTO halts VALUES (?1, ?2, ?3, ?4, ?5, ?6)")?
                .execute(params![
                    spot.run,
                    spot.record,
                    spot.recording,
                    at.0,
                    halted,
                    reason
                ])?;
            Ok(())
        }
    }
}

fn contradiction<T>(what: String) -> Result<T, RowError> {
    Err(RowError::Contradiction(what))
}

fn write_strategy(
    connection: &Connection,
    spot: Spot,
    at: TimeMs,
    strategy: &str,
    hash: &str,
    change: &StrategyChange,
) -> Result<(), RowError> {
    note_version(connection, spot, strategy, hash)?;
    let (what, detail) = match change {
        StrategyChange::Loaded => ("LOADED", None),
        StrategyChange::Reloaded { from } => ("RELOADED", Some(&**from)),
        StrategyChange::Failed { summary } => ("FAILED", Some(summary.as_str())),
        StrategyChange::Quarantined => ("QUARANTINED", None),
    };
    connection
        .prepare_cached("INSERT INTO strategy_events VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)")?
        .execute(params![
            spot.run,
            spot.record,
            spot.recording,
            at.0,
            strategy,
            hash,
            what,
            detail
        ])?;
    Ok(())
}

fn note_version(
    connection: &Connection,
    spot: Spot,
    strategy: &str,
    hash: &str,
) -> rusqlite::Result<()> {
    connection
        .prepare_cached("INSERT OR IGNORE INTO run_scripts VALUES (?1, ?2, ?3, ?4)")?
        .execute(params![spot.run, strategy, hash, spot.record])?;
    Ok(())
}

/// What was asked, as columns: those that do not apply stay empty.
#[derive(Default)]
struct Asked<'a> {
    action: &'static str,
    target: Option<OrderId>,
    runner: Option<RunnerId>,
    side: Option<Side>,
    kind: Option<OrderKind>,
    price: Option<Price>,
    size: Option<Money>,
    reason: Option<&'a str>,
    probability: Option<f64>,
    tag: Option<&'a str>,
    problem: Option<&'a str>,
    problem_value: Option<&'a str>,
}

impl<'a> Asked<'a> {
    fn new(action: &'a Action) -> Self {
        match action {
            Action::Place { place, replaces } => Self {
                action: "PLACE",
                target: *replaces,
                runner: Some(place.runner),
                side: Some(place.side),
                kind: Some(place.kind),
                price: place.kind.price(),
                size: place.kind.size(),
                reason: place.reason.as_deref(),
                probability: place.probability,
                tag: place.tag.as_deref(),
                ..Self::default()
            },
            Action::Cancel { order, size } => Self {
                action: "CANCEL",
                target: Some(*order),
                size: *size,
                ..Self::default()
            },
            Action::Replace { order, price } => Self {
                action: "REPLACE",
                target: Some(*order),
                price: Some(*price),
                ..Self::default()
            },
            Action::Malformed { what, value } => Self {
                action: "MALFORMED",
                problem: Some(what),
                problem_value: Some(value),
                ..Self::default()
            },
        }
    }

    fn liability(&self) -> Option<Money> {
        Some(self.kind?.at_risk(self.side?))
    }

    fn limit_terms(&self) -> (Option<Persistence>, Option<FillOrKill>) {
        match self.kind {
            Some(OrderKind::Limit {
                persistence,
                fill_or_kill,
                ..
            }) => (Some(persistence), fill_or_kill),
            _ => (None, None),
        }
    }
}

fn write_intent(
    connection: &Connection,
    spot: Spot,
    intent: &IntentRecord,
) -> Result<(), RowError> {
    note_version(connection, spot, &intent.strategy, &intent.hash)?;
    let asked = Asked::new(&intent.action);
    let (persistence, fill_or_kill) = asked.limit_terms();
    let refusal = match &intent.verdict {
        Verdict::Approved => None,
        Verdict::Refused(refusal) => Some(refusal),
    };
    let price = |level: Option<Level>| level.map(|level| level.price.to_string());
    let size = |level: Option<Level>| level.map(|level| level.size.minor());
    connection
        .prepare_cached(
            "INSERT INTO intents VALUES (
                 :run, :id, :record, :recording, :sequence, :at, :strategy, :hash, :market,
                 :action, :target, :selection, :handicap, :side, :type, :price, :size, :liability,
                 :persistence, :fill_or_kill, :min_fill, :reason, :probability, :tag,
                 :problem, :problem_value, :back_price, :back_size, :lay_price, :lay_size, :last,
                 :verdict, :code, :value, :limit)",
        )?
        .execute(named_params! {
            ":run": spot.run,
            ":id": intent.id.to_string(),
            ":record": spot.record,
            ":recording": spot.recording,
            ":sequence": whole("sequence", intent.sequence)?,
            ":at": intent.at.0,
            ":strategy": intent.strategy,
            ":hash": intent.hash,
            ":market": intent.market.as_str(),
            ":action": asked.action,
            ":target": asked.target.map(|id| id.to_string()),
            ":selection": asked.runner.map(|r| whole("selection", r.selection)).transpose()?,
            ":handicap": asked.runner.map(|runner| runner.handicap),
            ":side": asked.side.map(Side::as_str),
            ":type": asked.kind.as_ref().map(OrderKind::as_str),
            ":price": asked.price.map(|price| price.to_string()),
            ":size": asked.size.map(Money::minor),
            ":liability": asked.liability().map(Money::minor),
            ":persistence": persistence.map(persistence_name),
            ":fill_or_kill": fill_or_kill.is_some(),
            ":min_fill": fill_or_kill.and_then(|terms| terms.min_fill).map(Money::minor),
            ":reason": asked.reason,
            ":probability": asked.probability,
            ":tag": asked.tag,
            ":problem": asked.problem,
            ":problem_value": asked.problem_value,
            ":back_price": price(intent.seen.best_back),
            ":back_size": size(intent.seen.best_back),
            ":lay_price": price(intent.seen.best_lay),
            ":lay_size": size(intent.seen.best_lay),
            ":last": intent.seen.last_traded.map(|price| price.to_string()),
            ":verdict": if refusal.is_none() { "APPROVED" } else { "REFUSED" },
            ":code": refusal.map(|refusal| refusal.code.as_str()),
            ":value": refusal.map(|refusal| refusal.value.to_string()),
            ":limit": refusal.map(|refusal| refusal.limit.to_string()),
        })?;
    match (&intent.action, refusal) {
        (Action::Place { place, .. }, None) => Ok(write_order(connection, spot, intent, place)?),
        _ => Ok(()),
    }
}

/// An approved placing becomes an order on its way.
fn write_order(
    connection: &Connection,
    spot: Spot,
    intent: &IntentRecord,
    place: &Place,
) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO orders (run_id, id, record, recording, strategy, market, selection,
                 handicap_hundredths, side, type, price, size_minor, liability_minor,
                 requested_at_ms, changed_at_ms, state)
             SELECT run_id, id, record, recording, strategy, market, selection,
                 handicap_hundredths, side, type, price, size_minor, ?3, at_ms, at_ms, ?4
               FROM intents WHERE run_id = ?1 AND id = ?2",
        )?
        .execute(params![
            spot.run,
            intent.id.to_string(),
            place.kind.at_risk(place.side).minor(),
            OrderState::Sending.as_str(),
        ])?;
    Ok(())
}

/// Which order, and who the record says it belongs to.
struct Whose<'a> {
    strategy: &'a str,
    market: &'a MarketId,
    order: OrderId,
}

/// Where an order stands in the ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Standing {
    size: Option<Money>,
    placed_at: Option<i64>,
    state: OrderState,
    matched: Money,
    matched_value: i128,
    cancelled: Money,
    lapsed: Money,
    voided: Money,
    venue_reason: Option<String>,
    settled: bool,
}

impl Standing {
    fn read(connection: &Connection, spot: Spot, whose: &Whose<'_>) -> Result<Self, RowError> {
        let Whose {
            strategy,
            market,
            order,
        } = whose;
        let found = connection
            .prepare_cached(
                "SELECT size_minor, placed_at_ms, state, matched_minor, matched_value,
                        cancelled_minor, lapsed_minor, voided_minor, venue_reason,
                        profit_minor IS NOT NULL
                   FROM orders WHERE run_id = ?1 AND id = ?2 AND strategy = ?3 AND market = ?4",
            )?
            .query_row(
                params![spot.run, order.to_string(), strategy, market.as_str()],
                |row| {
                    Ok(Self {
                        size: row.get::<_, Option<i64>>(0)?.map(Money::from_minor),
                        placed_at: row.get(1)?,
                        state: parsed(row, 2, state_from)?,
                        matched: Money::from_minor(row.get(3)?),
                        matched_value: parsed(row, 4, |text| text.parse().ok())?,
                        cancelled: Money::from_minor(row.get(5)?),
                        lapsed: Money::from_minor(row.get(6)?),
                        voided: Money::from_minor(row.get(7)?),
                        venue_reason: row.get(8)?,
                        settled: row.get(9)?,
                    })
                },
            )
            .optional()?;
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
            OrderChange::Accepted | OrderChange::Rejected { .. } | OrderChange::NotSent => {
                self.state == OrderState::Sending
            }
            OrderChange::Matched { .. }
            | OrderChange::Cancelled { .. }
            | OrderChange::Lapsed { .. } => self.state.is_live(),
            OrderChange::Voided { .. } => self.state != OrderState::Rejected && !self.settled,
            OrderChange::Repriced { .. } => self.matched.is_positive(),
            OrderChange::CancelFailed { .. } => true,
        }
    }

    fn apply(&mut self, at: TimeMs, change: &OrderChange, state: OrderState) {
        let standing = self.remaining() + self.matched;
        self.state = state;
        match *change {
            OrderChange::Accepted => self.placed_at = Some(at.0),
            OrderChange::Rejected { reason } => {
                self.placed_at = Some(at.0);
                self.venue_reason = Some(reason.to_string());
            }
            OrderChange::Matched { price, size } => {
                self.matched += size;
                self.matched_value += i128::from(price.nanos()) * i128::from(size.minor());
            }
            OrderChange::Cancelled { size } => self.cancelled += size,
            OrderChange::Lapsed { size, reason } => {
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
            OrderChange::CancelFailed { reason } => self.venue_reason = Some(reason.to_string()),
            OrderChange::NotSent => {}
        }
    }

    fn store(
        &self,
        connection: &Connection,
        spot: Spot,
        order: OrderId,
        at: TimeMs,
    ) -> rusqlite::Result<()> {
        let average = Price::average(self.matched_value, self.matched.minor());
        connection
            .prepare_cached(
                "UPDATE orders
                    SET placed_at_ms = ?3, state = ?4, matched_minor = ?5, matched_value = ?6,
                        average_price = ?7, cancelled_minor = ?8, lapsed_minor = ?9,
                        voided_minor = ?10, venue_reason = ?11, changed_at_ms = ?12
                  WHERE run_id = ?1 AND id = ?2",
            )?
            .execute(params![
                spot.run,
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
            ])?;
        Ok(())
    }
}

fn write_order_change(
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
        standing.store(connection, spot, whose.order, at)?;
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
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
        )?
        .execute(params![
            spot.run,
            spot.record,
            id,
            at.0,
            columns.name,
            columns.price.map(|price| price.to_string()),
            columns.size.map(Money::minor),
            columns.reason.map(VenueReason::as_str),
            columns.matched_value.map(|value| value.to_string()),
            applied,
            after.state.as_str(),
            after.matched.minor(),
        ])?;
    if let (true, OrderChange::Matched { price, size }) = (applied, change) {
        connection
            .prepare_cached("INSERT INTO fills VALUES (?1, ?2, ?3, ?4, ?5, ?6)")?
            .execute(params![
                spot.run,
                spot.record,
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
    reason: Option<VenueReason>,
    matched_value: Option<i128>,
}

fn change_columns(change: &OrderChange) -> ChangeColumns {
    let (name, price, size, reason, matched_value) = match *change {
        OrderChange::Accepted => ("ACCEPTED", None, None, None, None),
        OrderChange::Rejected { reason } => ("REJECTED", None, None, Some(reason), None),
        OrderChange::NotSent => ("NOT_SENT", None, None, None, None),
        OrderChange::Matched { price, size } => ("MATCHED", Some(price), Some(size), None, None),
        OrderChange::Cancelled { size } => ("CANCELLED", None, Some(size), None, None),
        OrderChange::Lapsed { size, reason } => ("LAPSED", None, Some(size), Some(reason), None),
        OrderChange::Voided { reason } => ("VOIDED", None, None, Some(reason), None),
        OrderChange::Repriced { matched_value } => {
            ("REPRICED", None, None, None, Some(matched_value))
        }
        OrderChange::CancelFailed { reason } => ("CANCEL_FAILED", None, None, Some(reason), None),
    };
    ChangeColumns {
        name,
        price,
        size,
        reason,
        matched_value,
    }
}

fn settle_order(
    connection: &Connection,
    spot: Spot,
    whose: &Whose<'_>,
    profit: Money,
) -> Result<(), RowError> {
    let Whose {
        strategy,
        market,
        order,
    } = whose;
    if Standing::read(connection, spot, whose)?.settled {
        return contradiction(format!(
            "order {order} of {strategy} in {market} is settled a second time"
        ));
    }
    let id = order.to_string();
    connection
        .prepare_cached("INSERT INTO settlement_orders VALUES (?1, ?2, ?3, ?4)")?
        .execute(params![spot.run, spot.record, id, profit.minor()])?;
    connection
        .prepare_cached("UPDATE orders SET profit_minor = ?3 WHERE run_id = ?1 AND id = ?2")?
        .execute(params![spot.run, id, profit.minor()])?;
    Ok(())
}

pub(super) fn whole(what: &str, number: u64) -> Result<i64, RowError> {
    i64::try_from(number)
        .map_err(|_| RowError::Contradiction(format!("{what} {number} is past {}", i64::MAX)))
}

const fn persistence_name(persistence: Persistence) -> &'static str {
    match persistence {
        Persistence::Lapse => "LAPSE",
        Persistence::Persist => "PERSIST",
        Persistence::MarketOnClose => "MARKET_ON_CLOSE",
    }
}

fn state_from(name: &str) -> Option<OrderState> {
    use OrderState::{Complete, NotSent, Rejected, Sending, Working};
    [Sending, Working, Complete, Rejected, NotSent]
        .into_iter()
        .find(|state| state.as_str() == name)
}

/// Reads a price as it was written.
pub(super) fn price_from(text: &str) -> Option<Price> {
    let (whole, rest) = text.split_once('.').unwrap_or((text, ""));
    let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !digits(whole) || !digits(rest) || rest.len() > 9 {
        return None;
    }
    let nanos = format!("{rest:0<9}").parse::<u64>().ok()?;
    let whole = whole.parse::<u64>().ok()?.checked_mul(Price::SCALE)?;
    Some(Price::from_nanos(whole.checked_add(nanos)?))
}

/// Reads a column whose text has a form of its own.
pub(super) fn parsed<T>(
    row: &rusqlite::Row<'_>,
    column: usize,
    parse: impl Fn(&str) -> Option<T>,
) -> rusqlite::Result<T> {
    let text = row.get_ref(column)?.as_str()?;
    parse(text).ok_or_else(|| {
        rusqlite::Error::FromSqlConversionFailure(
            column,
            rusqlite::types::Type::Text,
            format!("\"{text}\" cannot be read").into(),
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_price_reads_back_as_it_was_written(nanos: u64) {
            let price = Price::from_nanos(nanos);
            prop_assert_eq!(price_from(&price.to_string()), Some(price));
        }

        #[test]
        fn any_other_text_is_no_price_or_the_same_number(text in "[0-9.+-]{0,24}") {
            if let Some(price) = price_from(&text) {
                let number: f64 = text.parse().unwrap();
                prop_assert!((price.to_f64() - number).abs() <= number * 1e-9);
            }
        }
    }
}
