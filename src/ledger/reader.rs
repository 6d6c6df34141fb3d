//! Questions a ledger answers, each with one read-only statement, also while a run writes.

use std::path::{Path, PathBuf};

use rusqlite::{Connection, Row, ToSql, named_params};
use serde::Serialize;

use super::columns::{parsed, price_from};
use super::{LedgerError, schema};
use crate::market::{Level, Money, Price, RunnerId, TimeMs};

/// Which rows are wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filter {
    /// Of which run; of the latest if `None`.
    pub run: Option<i64>,
    /// Of which strategy; of all if `None`.
    pub strategy: Option<String>,
    /// Of which market; of all if `None`.
    pub market: Option<String>,
    /// At most how many rows: the latest, oldest first.
    pub limit: u32,
}

impl Default for Filter {
    fn default() -> Self {
        Self {
            run: None,
            strategy: None,
            market: None,
            limit: 1_000,
        }
    }
}

/// A run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RunRow {
    /// Its number.
    pub run: i64,
    /// backtest, run or demo.
    pub kind: String,
    /// DRY_RUN or LIVE.
    pub mode: String,
    /// Version of bea.
    pub version: String,
    /// Currency of all its amounts.
    pub currency: String,
    /// When it started.
    #[serde(rename = "started_at_ms")]
    pub started_at: TimeMs,
    /// When it ended.
    #[serde(rename = "ended_at_ms")]
    pub ended_at: Option<TimeMs>,
    /// How it ended: completed, failed, interrupted or died; `None` while it runs, or if it died and the ledger was not
    /// opened for writing since.
    pub outcome: Option<String>,
    /// Recordings it went through.
    pub recordings: u64,
    /// Orders it placed.
    pub bets: u64,
    /// Hash of its configuration.
    pub config_hash: String,
    /// Hash of what it did.
    pub trace_hash: Option<String>,
}

/// A bet: an approved order, what led to it and what became of it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct BetRow {
    /// Of which run.
    pub run: i64,
    /// Its id, that of its intent.
    pub bet: String,
    /// When the strategy asked for it.
    #[serde(rename = "asked_at_ms")]
    pub asked_at: TimeMs,
    /// In which recording or feed.
    pub recording: String,
    /// By which strategy.
    pub strategy: String,
    /// Which version of it.
    pub script_hash: String,
    /// In which market.
    pub market: String,
    /// Number of the market change it answered.
    pub sequence: u64,
    /// On which runner.
    #[serde(flatten)]
    pub runner: RunnerId,
    /// BACK or LAY.
    pub side: String,
    /// LIMIT, LIMIT_ON_CLOSE or MARKET_ON_CLOSE.
    #[serde(rename = "type")]
    pub kind: String,
    /// The price named.
    pub price: Option<Price>,
    /// Backer's stake of a limit order.
    #[serde(rename = "size_minor")]
    pub size: Option<Money>,
    /// What it could lose at most at its own price.
    #[serde(rename = "liability_minor")]
    pub liability: Money,
    /// What becomes of the rest of a limit order in play: LAPSE, PERSIST or MARKET_ON_CLOSE, as it stands now.
    pub persistence: Option<String>,
    /// The bookmaker it went to; none if it went to the market's exchange.
    pub book: Option<String>,
    /// Size matched.
    #[serde(rename = "matched_minor")]
    pub matched: Money,
    /// Average price matched.
    pub average_price: Option<Price>,
    /// Where it stands.
    pub state: String,
    /// Whether it was not done when its run died: it is gone with the simulated exchange it was on.
    pub lost: bool,
    /// The venue's last word on why not.
    pub venue_reason: Option<String>,
    /// Profit at settlement, before commission.
    #[serde(rename = "profit_minor")]
    pub profit: Option<Money>,
    /// Why, in the strategy's words.
    pub reason: Option<String>,
    /// The strategy's own probability.
    pub probability: Option<f64>,
    /// The strategy's own label.
    pub tag: Option<String>,
    /// Best level a backer could take when it was asked for.
    pub seen_back: Option<Level>,
    /// Best level a layer could take then.
    pub seen_lay: Option<Level>,
    /// Last traded price then.
    pub seen_last: Option<Price>,
}

/// A refused intent: why it did not bet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RejectionRow {
    /// Of which run.
    pub run: i64,
    /// Its id.
    pub intent: String,
    /// When.
    #[serde(rename = "asked_at_ms")]
    pub asked_at: TimeMs,
    /// By which strategy.
    pub strategy: String,
    /// In which market.
    pub market: String,
    /// PLACE, CANCEL, REPLACE or MALFORMED.
    pub action: String,
    /// BACK or LAY, of a placing.
    pub side: Option<String>,
    /// The price named.
    pub price: Option<Price>,
    /// Backer's stake of a limit order.
    #[serde(rename = "size_minor")]
    pub size: Option<Money>,
    /// Code of the refusal.
    pub code: String,
    /// The value at fault.
    pub value: Option<String>,
    /// The limit it met.
    pub limit: Option<String>,
    /// What was wrong with a malformed one, or the strategy's words.
    pub reason: Option<String>,
}

/// What a strategy made in a run. Amounts are in the run's currency.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PnlRow {
    /// Of which run.
    pub run: i64,
    /// Which strategy.
    pub strategy: String,
    /// Orders placed.
    pub bets: u64,
    /// Orders of which something is matched.
    pub matched: u64,
    /// Backers' stakes matched.
    #[serde(rename = "turnover_minor")]
    pub turnover: Money,
    /// Settled profit before commission.
    #[serde(rename = "gross_minor")]
    pub gross: Money,
    /// Commission.
    #[serde(rename = "commission_minor")]
    pub commission: Money,
    /// Settled profit after commission.
    #[serde(rename = "net_minor")]
    pub net: Money,
    /// Refused intents.
    pub rejections: u64,
}

/// Reads a ledger and changes nothing.
#[derive(Debug)]
pub struct Reader {
    pub(super) connection: Connection,
    pub(super) path: PathBuf,
}

impl Reader {
    /// Opens a ledger for reading.
    ///
    /// # Errors
    /// If the file is no ledger of the present schema, or cannot be read.
    pub fn open(path: &Path) -> Result<Self, LedgerError> {
        Ok(Self {
            connection: schema::open_to_read(path)?,
            path: path.to_owned(),
        })
    }

    /// The latest runs, oldest first.
    ///
    /// # Errors
    /// If the ledger cannot be read.
    pub fn runs(&self, limit: u32) -> Result<Vec<RunRow>, LedgerError> {
        self.rows(
            "SELECT * FROM (
                 SELECT id, kind, mode, version, currency, started_at_ms, ended_at_ms,
                        coalesce(outcome, (SELECT 'died' FROM deaths WHERE run_id = runs.id)),
                        (SELECT count(*) FROM recordings WHERE run_id = runs.id),
                        (SELECT count(*) FROM orders WHERE run_id = runs.id),
                        config_hash, trace_hash
                   FROM runs ORDER BY id DESC LIMIT :limit)
             ORDER BY id",
            named_params! { ":limit": limit },
            |row| {
                Ok(RunRow {
                    run: row.get(0)?,
                    kind: row.get(1)?,
                    mode: row.get(2)?,
                    version: row.get(3)?,
                    currency: row.get(4)?,
                    started_at: TimeMs(row.get(5)?),
                    ended_at: row.get::<_, Option<i64>>(6)?.map(TimeMs),
                    outcome: row.get(7)?,
                    recordings: count(row, 8)?,
                    bets: count(row, 9)?,
                    config_hash: row.get(10)?,
                    trace_hash: row.get(11)?,
                })
            },
        )
    }

    /// Bets.
    ///
    /// # Errors
    /// If there is no such run, or the ledger cannot be read.
    pub fn bets(&self, filter: &Filter) -> Result<Vec<BetRow>, LedgerError> {
        self.bets_before(filter, None)
    }

    /// As [`Reader::bets`], of those that came before the one of this id.
    pub(super) fn bets_before(
        &self,
        filter: &Filter,
        before: Option<&str>,
    ) -> Result<Vec<BetRow>, LedgerError> {
        self.filtered(
            "SELECT * FROM (
                 SELECT o.run_id, o.id, o.requested_at_ms, r.name, o.strategy, i.script_hash,
                        o.market, i.sequence, o.selection, o.handicap_hundredths, o.side, o.type,
                        o.price, o.size_minor, o.liability_minor, o.matched_minor, o.average_price,
                        o.state, o.venue_reason, o.profit_minor, i.reason, i.probability, i.tag,
                        i.seen_back_price, i.seen_back_size_minor,
                        i.seen_lay_price, i.seen_lay_size_minor, i.seen_last_traded,
                        o.persistence, o.book,
                        EXISTS (SELECT 1 FROM lost_orders l WHERE l.run_id = o.run_id AND l.order_id = o.id),
                        o.record
                   FROM orders o
                   JOIN intents i ON i.run_id = o.run_id AND i.id = o.id
                   JOIN recordings r ON r.run_id = o.run_id AND r.ordinal = o.recording
                  WHERE o.run_id = :run
                    AND (:strategy IS NULL OR o.strategy = :strategy)
                    AND (:market IS NULL OR o.market = :market)
                    AND (:before IS NULL OR o.record <
                         (SELECT record FROM orders WHERE run_id = :run AND id = :before))
                  ORDER BY o.record DESC LIMIT :limit)
             ORDER BY record",
            filter,
            &[(":before", &before)],
            |row| {
                Ok(BetRow {
                    run: row.get(0)?,
                    bet: row.get(1)?,
                    asked_at: TimeMs(row.get(2)?),
                    recording: row.get(3)?,
                    strategy: row.get(4)?,
                    script_hash: row.get(5)?,
                    market: row.get(6)?,
                    sequence: count(row, 7)?,
                    runner: RunnerId {
                        selection: count(row, 8)?,
                        handicap: row.get(9)?,
                    },
                    side: row.get(10)?,
                    kind: row.get(11)?,
                    price: price(row, 12)?,
                    size: money(row, 13)?,
                    liability: Money::from_minor(row.get(14)?),
                    matched: Money::from_minor(row.get(15)?),
                    average_price: price(row, 16)?,
                    state: row.get(17)?,
                    venue_reason: row.get(18)?,
                    profit: money(row, 19)?,
                    reason: row.get(20)?,
                    probability: row.get(21)?,
                    tag: row.get(22)?,
                    seen_back: level(row, 23)?,
                    seen_lay: level(row, 25)?,
                    seen_last: price(row, 27)?,
                    persistence: row.get(28)?,
                    book: row.get(29)?,
                    lost: row.get(30)?,
                })
            },
        )
    }

    /// Refused intents.
    ///
    /// # Errors
    /// If there is no such run, or the ledger cannot be read.
    pub fn rejections(&self, filter: &Filter) -> Result<Vec<RejectionRow>, LedgerError> {
        self.filtered(
            "SELECT * FROM (
                 SELECT run_id, id, at_ms, strategy, market, action, side, price, size_minor,
                        code, code_value, code_limit, coalesce(problem, reason), record
                   FROM intents
                  WHERE run_id = :run AND verdict = 'REFUSED'
                    AND (:strategy IS NULL OR strategy = :strategy)
                    AND (:market IS NULL OR market = :market)
                  ORDER BY record DESC LIMIT :limit)
             ORDER BY record",
            filter,
            &[],
            |row| {
                Ok(RejectionRow {
                    run: row.get(0)?,
                    intent: row.get(1)?,
                    asked_at: TimeMs(row.get(2)?),
                    strategy: row.get(3)?,
                    market: row.get(4)?,
                    action: row.get(5)?,
                    side: row.get(6)?,
                    price: price(row, 7)?,
                    size: money(row, 8)?,
                    code: row.get(9)?,
                    value: row.get(10)?,
                    limit: row.get(11)?,
                    reason: row.get(12)?,
                })
            },
        )
    }

    /// What each strategy made.
    ///
    /// # Errors
    /// If there is no such run, or the ledger cannot be read.
    pub fn pnl(&self, filter: &Filter) -> Result<Vec<PnlRow>, LedgerError> {
        let Some(run) = self.run_of(filter.run)? else {
            return Ok(Vec::new());
        };
        self.know(run, filter)?;
        // All strategies: whoever sums them up must not miss one.
        self.rows(
            "WITH strategies AS (
                 SELECT DISTINCT strategy FROM run_scripts
                  WHERE run_id = :run AND (:strategy IS NULL OR strategy = :strategy)
             ), bets AS (
                 SELECT strategy, count(*) AS bets, sum(matched_minor > 0) AS matched,
                        sum(matched_minor) AS turnover
                   FROM orders
                  WHERE run_id = :run AND (:market IS NULL OR market = :market)
                  GROUP BY strategy
             ), results AS (
                 SELECT strategy, sum(gross_minor) AS gross, sum(commission_minor) AS commission
                   FROM settlements
                  WHERE run_id = :run AND (:market IS NULL OR market = :market)
                  GROUP BY strategy
             ), refusals AS (
                 SELECT strategy, count(*) AS rejections
                   FROM intents
                  WHERE run_id = :run AND verdict = 'REFUSED'
                    AND (:market IS NULL OR market = :market)
                  GROUP BY strategy
             )
             SELECT :run, strategy, coalesce(bets, 0), coalesce(matched, 0),
                    coalesce(turnover, 0), coalesce(gross, 0), coalesce(commission, 0),
                    coalesce(rejections, 0)
               FROM strategies
               LEFT JOIN bets USING (strategy)
               LEFT JOIN results USING (strategy)
               LEFT JOIN refusals USING (strategy)
              ORDER BY strategy",
            named_params! { ":run": run, ":strategy": filter.strategy, ":market": filter.market },
            |row| {
                let (gross, commission) = (
                    Money::from_minor(row.get(5)?),
                    Money::from_minor(row.get(6)?),
                );
                Ok(PnlRow {
                    run: row.get(0)?,
                    strategy: row.get(1)?,
                    bets: count(row, 2)?,
                    matched: count(row, 3)?,
                    turnover: Money::from_minor(row.get(4)?),
                    gross,
                    commission,
                    net: gross - commission,
                    rejections: count(row, 7)?,
                })
            },
        )
    }

    /// The run asked for, or the latest; `None` if the ledger has no run yet.
    pub(super) fn run_of(&self, asked: Option<i64>) -> Result<Option<i64>, LedgerError> {
        let newest = |asked: Option<i64>| {
            self.connection
                .query_row(
                    "SELECT max(id) FROM runs WHERE ?1 IS NULL OR id = ?1",
                    [asked],
                    |row| row.get::<_, Option<i64>>(0),
                )
                .map_err(LedgerError::database(&self.path, "read its runs"))
        };
        match (newest(asked)?, asked) {
            (None, Some(run)) => Err(LedgerError::NoRun {
                path: self.path.clone(),
                run,
                latest: match newest(None)? {
                    Some(latest) => format!("the latest is {latest}"),
                    None => "it has none yet".to_owned(),
                },
            }),
            (found, _) => Ok(found),
        }
    }

    /// A strategy that the run never had is a slip, not an empty answer.
    fn know(&self, run: i64, filter: &Filter) -> Result<(), LedgerError> {
        let Some(strategy) = &filter.strategy else {
            return Ok(());
        };
        let known: Vec<String> = self.rows(
            "SELECT DISTINCT strategy FROM run_scripts WHERE run_id = :run ORDER BY strategy",
            named_params! { ":run": run },
            |row| row.get(0),
        )?;
        if known.contains(strategy) {
            return Ok(());
        }
        Err(LedgerError::NoStrategy {
            path: self.path.clone(),
            run,
            strategy: strategy.clone(),
            known,
        })
    }

    pub(super) fn filtered<T>(
        &self,
        sql: &str,
        filter: &Filter,
        more: &[(&str, &dyn ToSql)],
        read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Vec<T>, LedgerError> {
        let Some(run) = self.run_of(filter.run)? else {
            return Ok(Vec::new());
        };
        self.know(run, filter)?;
        let own: [(&str, &dyn ToSql); 4] = [
            (":run", &run),
            (":strategy", &filter.strategy),
            (":market", &filter.market),
            (":limit", &filter.limit),
        ];
        self.rows(sql, &[&own[..], more].concat(), read)
    }

    /// How many runs were found to have died since then.
    ///
    /// # Errors
    /// If the ledger cannot be read.
    pub fn deaths_since(&self, since: TimeMs) -> Result<u64, LedgerError> {
        self.connection
            .query_row(
                "SELECT count(*) FROM deaths WHERE found_at_ms >= ?1",
                [since.0],
                |row| count(row, 0),
            )
            .map_err(LedgerError::database(&self.path, "read its deaths"))
    }

    pub(super) fn rows<T>(
        &self,
        sql: &str,
        parameters: &[(&str, &dyn ToSql)],
        read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Vec<T>, LedgerError> {
        let collect = || -> rusqlite::Result<Vec<T>> {
            let mut statement = self.connection.prepare_cached(sql)?;
            statement.query_map(parameters, read)?.collect()
        };
        collect().map_err(LedgerError::database(&self.path, "read the ledger"))
    }
}

pub(super) fn count(row: &Row<'_>, column: usize) -> rusqlite::Result<u64> {
    let number: i64 = row.get(column)?;
    u64::try_from(number).map_err(|_| rusqlite::Error::IntegralValueOutOfRange(column, number))
}

fn money(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<Money>> {
    Ok(row.get::<_, Option<i64>>(column)?.map(Money::from_minor))
}

fn price(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<Price>> {
    match row.get_ref(column)? {
        rusqlite::types::ValueRef::Null => Ok(None),
        _ => parsed(row, column, price_from).map(Some),
    }
}

/// A price in one column and the size there in the next.
fn level(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<Level>> {
    let pair = price(row, column)?.zip(money(row, column + 1)?);
    Ok(pair.map(|(price, size)| Level { price, size }))
}
