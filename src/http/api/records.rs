//! Answers from the ledger, by readers that can change nothing.

use axum::extract::State;
use axum::http::Uri;
use axum::response::{IntoResponse, Response};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::params;
use crate::engine::ReasonCode;
use crate::http::app::App;
use crate::http::problem::Problem;
use crate::http::reply::Reply;
use crate::http::view::Intent;
use crate::ledger::{About, BetRow, Filter, IntentRow, Page, PnlRow};

/// Rows of a page, unless the client says otherwise.
const PAGE: u32 = 100;

/// What may stand in the query of a list.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Wanted {
    run: Option<i64>,
    strategy: Option<String>,
    market: Option<String>,
    verdict: Option<String>,
    code: Option<String>,
    limit: Option<i64>,
    cursor: Option<String>,
    about: Option<String>,
}

impl Wanted {
    /// Reads it; what is not among `known` is refused.
    fn read(app: &App, uri: &Uri, known: &[&str]) -> Result<Self, Problem> {
        let Self {
            run,
            strategy,
            market,
            verdict,
            code,
            limit,
            cursor,
            about,
        } = params::read(uri)?;
        let given = [
            ("run", run.is_some()),
            ("strategy", strategy.is_some()),
            ("market", market.is_some()),
            ("verdict", verdict.is_some()),
            ("code", code.is_some()),
            ("limit", limit.is_some()),
            ("cursor", cursor.is_some()),
            ("about", about.is_some()),
        ];
        for (name, is_given) in given {
            if is_given && !known.contains(&name) {
                return Err(Problem::bad(format!("this path knows no `{name}`")));
            }
        }
        let run = params::number("run", run, 1..=i64::MAX)?;
        Ok(Self {
            // Where a client need not say, it is about this run.
            run: run.or_else(|| (!known.contains(&"about")).then(|| app.view().run)),
            strategy: params::text("strategy", strategy, 64)?,
            market: params::text("market", market, 64)?,
            verdict: params::text("verdict", verdict, 64)?,
            code: params::text("code", code, 64)?,
            limit: params::number("limit", limit, 1..=500)?,
            cursor: params::text("cursor", cursor, 64)?,
            about: params::text("about", about, 64)?,
        })
    }

    fn rows(&self) -> u32 {
        self.limit
            .and_then(|limit| u32::try_from(limit).ok())
            .unwrap_or(PAGE)
    }

    /// One row more than the page, to know whether there is a next one.
    fn page(&self) -> Page {
        Page {
            filter: Filter {
                run: self.run,
                strategy: self.strategy.clone(),
                market: self.market.clone(),
                limit: self.rows() + 1,
            },
            verdict: self.verdict.clone(),
            code: self.code.clone(),
            before: self.cursor.clone(),
        }
    }
}

/// The rows of the page, newest first, and where the next begins: at the id of its last row.
fn cut<T>(mut rows: Vec<T>, most: u32, id: impl Fn(&T) -> &str) -> (Vec<T>, Option<String>) {
    let most = most as usize;
    let more = rows.len() > most;
    rows.truncate(most);
    let next = rows.last().filter(|_| more).map(|row| id(row).to_owned());
    (rows, next)
}

/// What a strategy made in a run.
#[derive(Debug, Serialize, JsonSchema)]
pub(in crate::http) struct Pnl {
    run: i64,
    strategy: String,
    /// Orders placed.
    bets: u64,
    /// Orders of which something is matched.
    matched: u64,
    /// Backers' stakes matched.
    turnover: String,
    /// Settled profit before commission.
    gross: String,
    commission: String,
    /// Settled profit after commission.
    net: String,
    /// Refused intents.
    refused: u64,
}

impl From<PnlRow> for Pnl {
    fn from(row: PnlRow) -> Self {
        Self {
            run: row.run,
            strategy: row.strategy,
            bets: row.bets,
            matched: row.matched,
            turnover: row.turnover.to_string(),
            gross: row.gross.to_string(),
            commission: row.commission.to_string(),
            net: row.net.to_string(),
            refused: row.rejections,
        }
    }
}

pub(in crate::http) async fn pnl(State(app): State<App>, uri: Uri) -> Result<Response, Problem> {
    let wanted = Wanted::read(&app, &uri, &["run", "strategy", "market"])?;
    let filter = wanted.page().filter;
    let rows = app.ask(move |reader| reader.pnl(&filter)).await?;
    let rows: Vec<Pnl> = rows.into_iter().map(Pnl::from).collect();
    Ok(Reply::new("bea.pnl/1", &app.view(), rows).into_response())
}

impl From<IntentRow> for Intent {
    fn from(row: IntentRow) -> Self {
        Self {
            intent: row.intent,
            at: row.at.to_string(),
            strategy: row.strategy,
            script_hash: row.script_hash,
            market: row.market,
            action: row.action,
            runner: row.runner,
            side: row.side,
            price: row.price,
            size: row.amount.map(|amount| amount.to_string()),
            verdict: row.verdict,
            code: row.code,
            value: row.value,
            limit: row.limit,
            reason: row.reason,
        }
    }
}

pub(in crate::http) async fn intents(
    State(app): State<App>,
    uri: Uri,
) -> Result<Response, Problem> {
    let known = [
        "run", "strategy", "market", "verdict", "code", "limit", "cursor",
    ];
    let wanted = Wanted::read(&app, &uri, &known)?;
    let verdict = wanted.verdict.as_deref();
    if verdict.is_some_and(|verdict| !["APPROVED", "REFUSED"].contains(&verdict)) {
        return Err(Problem::bad("`verdict` is APPROVED or REFUSED"));
    }
    let is_code = |code: &str| ReasonCode::ALL.iter().any(|known| known.as_str() == code);
    if wanted.code.as_deref().is_some_and(|code| !is_code(code)) {
        return Err(Problem::bad("`code` is none: /api/v1/reasons lists them"));
    }
    let (page, most) = (wanted.page(), wanted.rows());
    let rows = app.ask(move |reader| reader.intents(&page)).await?;
    let rows: Vec<Intent> = rows.into_iter().map(Intent::from).collect();
    let (rows, next) = cut(rows, most, |row| &row.intent);
    let reply = Reply::new("bea.intents/1", &app.view(), rows).page(next);
    Ok(reply.into_response())
}

/// A bet and what became of it.
#[derive(Debug, Serialize, JsonSchema)]
pub(in crate::http) struct Bet {
    run: i64,
    bet: String,
    asked_at: String,
    recording: String,
    strategy: String,
    script_hash: String,
    market: String,
    runner: String,
    /// BACK or LAY.
    side: String,
    #[serde(rename = "type")]
    kind: String,
    price: Option<String>,
    /// Backer's stake of a limit order.
    size: Option<String>,
    /// What it could lose at most at its own price.
    liability: String,
    matched: String,
    average_price: Option<String>,
    state: String,
    venue_reason: Option<String>,
    /// Profit at settlement, before commission.
    profit: Option<String>,
    /// Why, in the strategy's words.
    reason: Option<String>,
    /// Whether it was not done when its run died.
    lost: bool,
}

impl From<BetRow> for Bet {
    fn from(row: BetRow) -> Self {
        Self {
            run: row.run,
            bet: row.bet,
            asked_at: row.asked_at.to_string(),
            recording: row.recording,
            strategy: row.strategy,
            script_hash: row.script_hash,
            market: row.market,
            runner: row.runner.to_string(),
            side: row.side,
            kind: row.kind,
            price: row.price.map(|price| price.to_string()),
            size: row.size.map(|size| size.to_string()),
            liability: row.liability.to_string(),
            matched: row.matched.to_string(),
            average_price: row.average_price.map(|price| price.to_string()),
            state: row.state,
            venue_reason: row.venue_reason,
            profit: row.profit.map(|profit| profit.to_string()),
            reason: row.reason,
            lost: row.lost,
        }
    }
}

pub(in crate::http) async fn bets(State(app): State<App>, uri: Uri) -> Result<Response, Problem> {
    let known = ["run", "strategy", "market", "limit", "cursor"];
    let wanted = Wanted::read(&app, &uri, &known)?;
    let (page, most) = (wanted.page(), wanted.rows());
    let rows = app.ask(move |reader| reader.bet_page(&page)).await?;
    let rows: Vec<Bet> = rows.into_iter().map(Bet::from).collect();
    let (rows, next) = cut(rows, most, |row| &row.bet);
    let reply = Reply::new("bea.bets/1", &app.view(), rows).page(next);
    Ok(reply.into_response())
}

pub(in crate::http) async fn why(State(app): State<App>, uri: Uri) -> Result<Response, Problem> {
    let wanted = Wanted::read(&app, &uri, &["about", "run"])?;
    let about = match wanted.about {
        Some(name) => About::Name(name.trim().to_owned()),
        None => About::Last,
    };
    let run = wanted.run;
    let why = app.ask(move |reader| reader.why(run, &about)).await?;
    let why = why.ok_or_else(|| {
        Problem::not_found(
            "nothing is known of that: it is no intent, order or market of the ledger",
        )
    })?;
    Ok(Reply::new("bea.why/1", &app.view(), why).into_response())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_tells_where_the_next_begins_only_if_there_is_one() {
        let rows = || ["c", "b", "a"].map(str::to_owned).to_vec();
        let (page, next) = cut(rows(), 2, |row| row);
        assert_eq!((page.len(), next.as_deref()), (2, Some("b")));
        let (page, next) = cut(rows(), 3, |row| row);
        assert_eq!((page.len(), next), (3, None));
        assert_eq!(cut(Vec::<String>::new(), 3, |row| row).1, None);
    }
}
