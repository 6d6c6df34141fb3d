//! The gates that Pinnacle itself has a say in.

use super::preflight::{Checks, Row};
use super::rows::{clock, currency, funds_of};
use crate::venue::pinnacle::client::{self, Reads, Secrets};

/// Whether Pinnacle knows us, agrees on the time and the money, has some, and takes bets.
pub(super) fn venue(checks: &Checks<'_>) -> Vec<Row> {
    let config = &checks.loaded.config;
    let secrets = match Secrets::find(&config.pinnacle) {
        Ok(secrets) => secrets,
        Err(error) => {
            let remedy = "docs/bookmakers.md says where they go";
            return vec![Row::shut("credentials", error.to_string(), remedy)];
        }
    };
    let mut rows = vec![Row::open("credentials", "they are there, and for us alone")];
    let setup = client::Setup {
        settings: config.pinnacle.clone(),
        breaker: config.breaker,
        secrets,
        clock: checks.clock,
    };
    let (out, _heard) = std::sync::mpsc::channel();
    match client::connect(setup, checks.runtime, out) {
        Err(error) => rows.push(Row::shut("login", error.to_string(), "docs/bookmakers.md")),
        Ok(connection) => {
            let reads = connection.reads();
            rows.extend(checks.runtime.block_on(asked(checks, &reads)));
        }
    }
    rows
}

async fn asked(checks: &Checks<'_>, reads: &Reads) -> Vec<Row> {
    let url = &checks.loaded.config.pinnacle.url;
    let (balance, said_at) = match reads.balance().await {
        Ok(told) => told,
        Err(error) => {
            let remedy = "name, password and pinnacle.url must be right: docs/bookmakers.md";
            return vec![Row::shut("login", error.to_string(), remedy)];
        }
    };
    let mut rows = vec![
        Row::open("login", format!("{url} takes us")),
        currency(checks, &balance.currency),
        match said_at {
            Some(at) => clock(checks, at),
            None => Row::shut(
                "clock",
                "its answers have no date",
                "the venue must say what time it is",
            ),
        },
        funds_of(checks, balance.available_balance, &balance.currency),
    ];
    let remedy = "wait until the venue takes bets again";
    rows.push(match reads.betting_status().await {
        Ok(status) => Row::of(
            "betting",
            status == "ALL_BETTING_ENABLED",
            format!("the venue says {status}"),
            remedy,
        ),
        Err(error) => Row::shut("betting", error.to_string(), remedy),
    });
    rows
}
