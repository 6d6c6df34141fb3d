//! From records to rows: what of a record goes into which column.

use std::fmt;

use rusqlite::{Connection, params};

use super::columns::whole;
use super::order_rows::{Whose, write_order_change};
use super::settlement_rows::write_settlement;
use crate::engine::{Action, IntentRecord, Record, StrategyChange, Unready, Verdict, Weighed};
use crate::market::{
    BookName, FillOrKill, Level, Money, OrderId, OrderKind, OrderState, Persistence, Price,
    RunnerId, Side, TimeMs,
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
        Record::Settled { .. } => write_settlement(connection, spot, record),
        Record::Trading { .. }
        | Record::Fence { .. }
        | Record::Ready { .. }
        | Record::Swept { .. }
        | Record::External { .. } => Ok(write_house(connection, spot, record)?),
    }
}

/// What concerns all strategies together.
fn write_house(connection: &Connection, spot: Spot, record: &Record) -> rusqlite::Result<()> {
    let (at, what, name, detail, at_risk) = match record {
        Record::Trading { at, state, reason } => (
            at,
            "TRADING",
            Some(state.as_str()),
            Some(reason.clone()),
            None,
        ),
        Record::Fence { at, fence, detail } => {
            (at, "FENCE", Some(fence.as_str()), detail.clone(), None)
        }
        Record::Ready { at, unready } => (at, "READY", unready.map(Unready::as_str), None, None),
        Record::Swept { at, orders } => {
            let orders: Vec<String> = orders.iter().map(|(_, order)| order.to_string()).collect();
            (at, "SWEPT", None, Some(orders.join(" ")), None)
        }
        Record::External {
            at,
            market,
            venue_id,
            at_risk,
        } => (
            at,
            "EXTERNAL",
            Some(&**venue_id),
            Some(market.to_string()),
            Some(at_risk.minor()),
        ),
        Record::Strategy { .. }
        | Record::Intent(_)
        | Record::Order { .. }
        | Record::Settled { .. } => unreachable!("it has a table of its own"),
    };
    connection
        .prepare_cached("INSERT INTO house_events VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)")?
        .execute(params![
            spot.run,
            spot.record,
            spot.recording,
            at.0,
            what,
            name,
            detail,
            at_risk
        ])?;
    Ok(())
}

pub(super) fn contradiction<T>(what: String) -> Result<T, RowError> {
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
    persistence: Option<Persistence>,
    book: Option<&'a str>,
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
                persistence: place.kind.persistence(),
                book: place.book.as_ref().map(BookName::as_str),
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
            Action::Update { order, persistence } => Self {
                action: "UPDATE",
                target: Some(*order),
                persistence: Some(*persistence),
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

    fn fill_or_kill(&self) -> Option<FillOrKill> {
        match self.kind {
            Some(OrderKind::Limit { fill_or_kill, .. }) => fill_or_kill,
            _ => None,
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
    let because = &intent.because;
    let fill_or_kill = asked.fill_or_kill();
    let refusal = match &intent.verdict {
        Verdict::Approved => None,
        Verdict::Refused(refusal) => Some(refusal),
    };
    let price = |level: Option<Level>| level.map(|level| level.price.to_string());
    let size = |level: Option<Level>| level.map(|level| level.size.minor());
    connection
        .prepare_cached(
            // By number: names are looked up anew for every row.
            "INSERT INTO intents VALUES (
                 ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14,
                 ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22, ?23, ?24, ?25, ?26, ?27, ?28,
                 ?29, ?30, ?31, ?32, ?33, ?34, ?35, ?36, ?37, ?38, ?39, ?40, ?41, ?42)",
        )?
        .execute(params![
            spot.run,
            intent.id.to_string(),
            spot.record,
            spot.recording,
            whole("sequence", intent.sequence)?,
            intent.at.0,
            intent.strategy,
            intent.hash,
            intent.market.as_str(),
            asked.action,
            asked.target.map(|id| id.to_string()),
            asked
                .runner
                .map(|r| whole("selection", r.selection))
                .transpose()?,
            asked.runner.map(|runner| runner.handicap),
            asked.side.map(Side::as_str),
            asked.kind.as_ref().map(OrderKind::as_str),
            asked.price.map(|price| price.to_string()),
            asked.size.map(Money::minor),
            asked.kind.map(|_| intent.liability.minor()),
            asked.persistence.map(Persistence::as_str),
            fill_or_kill.is_some(),
            fill_or_kill
                .and_then(|terms| terms.min_fill)
                .map(Money::minor),
            asked.book,
            asked.reason,
            asked.probability,
            asked.tag,
            asked.problem,
            asked.problem_value,
            price(intent.seen.best_back),
            size(intent.seen.best_back),
            price(intent.seen.best_lay),
            size(intent.seen.best_lay),
            intent.seen.last_traded.map(|price| price.to_string()),
            if refusal.is_none() {
                "APPROVED"
            } else {
                "REFUSED"
            },
            refusal.map(|refusal| refusal.code.as_str()),
            refusal.map(|refusal| refusal.value.to_string()),
            refusal.map(|refusal| refusal.limit.to_string()),
            because.line,
            because.status.as_str(),
            because.in_play,
            because.starts_at.0,
            controls_text(&because.controls),
            because.remedy.map(|remedy| remedy.to_string()),
        ])?;
    match (&intent.action, refusal) {
        (Action::Place { place, .. }, None) => {
            Ok(write_order(connection, spot, intent, place.kind.amount())?)
        }
        _ => Ok(()),
    }
}

/// What each control weighed, as a JSON array of `[code, value, limit, passed]`.
fn controls_text(controls: &[Weighed]) -> Option<String> {
    let rows: Vec<_> = controls
        .iter()
        .map(|weighed| (weighed.code, &weighed.value, &weighed.limit, weighed.passed))
        .collect();
    match rows.is_empty() {
        true => None,
        false => serde_json::to_string(&rows).ok(),
    }
}

/// An approved placing becomes an order on its way.
fn write_order(
    connection: &Connection,
    spot: Spot,
    intent: &IntentRecord,
    amount: Money,
) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO orders (run_id, id, record, recording, strategy, market, selection,
                 handicap_hundredths, side, type, price, size_minor, liability_minor,
                 persistence, book, requested_at_ms, changed_at_ms, state, event, sport, venue, amount_minor)
             SELECT run_id, id, record, recording, strategy, market, selection,
                 handicap_hundredths, side, type, price, size_minor, ?3, persistence, book, at_ms, at_ms, ?4,
                 ?5, ?6, ?7, ?8
               FROM intents WHERE run_id = ?1 AND id = ?2",
        )?
        .execute(params![
            spot.run,
            intent.id.to_string(),
            intent.liability.minor(),
            OrderState::Sending.as_str(),
            intent.scopes.event,
            intent.scopes.sport,
            intent.scopes.venue,
            amount.minor(),
        ])?;
    Ok(())
}
