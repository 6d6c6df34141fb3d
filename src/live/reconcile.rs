//! The venue's books against ours, bet by bet, to the penny.

use std::collections::BTreeMap;

use serde::Serialize;
use tokio::runtime::Handle;

use crate::config::Config;
use crate::ledger::{LiveBet, Reader};
use crate::market::{Money, TimeMs};
use crate::venue::betfair::client::{self, ReadError, Secrets};
use crate::venue::betfair::{
    BetStatus, ClearedOrder, CurrentOrder, GroupBy, Instant, ListClearedOrders, ListCurrentOrders,
    TimeRange,
};

use super::HostError;

/// What the venue calls a bet of ours: this, and the bet's own name.
const PREFIX: &str = "b1";

/// What the comparison came to.
#[derive(Clone, Debug, Serialize)]
pub struct Reconciled {
    /// `bea.reconcile/1`.
    pub schema: &'static str,
    /// From when on.
    pub since: String,
    /// Bets of the ledger that were compared.
    pub ledger_bets: u64,
    /// Bets that the venue has of us, settled ones included.
    pub venue_bets: u64,
    /// What does not agree.
    pub mismatches: Vec<Mismatch>,
}

/// One thing in which they differ.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Mismatch {
    /// Which bet: our name for it, or the venue's.
    pub bet: String,
    /// In what: `matched`, `profit`, `external` or `missing`.
    pub what: &'static str,
    /// The ledger's figure.
    pub ledger: Option<Money>,
    /// The venue's.
    pub venue: Option<Money>,
}

/// Compares what the venue has of us since a time with the ledger.
///
/// # Errors
/// If the venue or the ledger cannot be asked.
pub fn reconcile(
    config: &Config,
    reader: &Reader,
    since: TimeMs,
    runtime: &Handle,
    clock: fn() -> TimeMs,
) -> Result<Reconciled, HostError> {
    let secrets = Secrets::find(&config.betfair).map_err(HostError::Credentials)?;
    let plan = client::Plan {
        settings: config.betfair.clone(),
        breaker: config.breaker,
        secrets,
        folder: config
            .ledger
            .path
            .parent()
            .map(ToOwned::to_owned)
            .unwrap_or_default(),
        clock,
    };
    let (out, _heard) = std::sync::mpsc::channel();
    let connection = client::connect(plan, runtime, out)?;
    let lives = reader.lives()?;
    let (current, cleared) = runtime.block_on(venue(&connection, lives, since))?;
    let bets = reader.live_bets(since)?;
    Ok(compare(since, &bets, &current, &cleared))
}

async fn venue(
    connection: &client::Connection,
    lives: Vec<String>,
    since: TimeMs,
) -> Result<(Vec<CurrentOrder>, Vec<ClearedOrder>), ReadError> {
    let reads = connection.reads();
    let current = reads.current_orders(&ListCurrentOrders::default()).await?;
    let cleared = ListClearedOrders {
        bet_status: BetStatus::Settled,
        event_type_ids: None,
        event_ids: None,
        market_ids: None,
        bet_ids: None,
        customer_order_refs: None,
        customer_strategy_refs: Some(lives),
        side: None,
        settled_date_range: Some(TimeRange {
            from: Some(Instant::in_seconds(since)),
            to: None,
        }),
        group_by: Some(GroupBy::Bet),
        from_record: None,
        record_count: None,
    };
    Ok((current, reads.cleared_orders(&cleared).await?))
}

/// The ledger's bet that a bet at the venue is.
fn ours(name: Option<&String>) -> Option<&str> {
    name.and_then(|name| name.strip_prefix(PREFIX))
}

fn compare(
    since: TimeMs,
    bets: &[LiveBet],
    current: &[CurrentOrder],
    cleared: &[ClearedOrder],
) -> Reconciled {
    let mut left: BTreeMap<&str, &LiveBet> =
        bets.iter().map(|bet| (bet.id.as_str(), bet)).collect();
    let mut mismatches = Vec::new();
    let mut differ = |bet: &str, what, ledger: Option<Money>, venue: Option<Money>| {
        if ledger != venue {
            mismatches.push(Mismatch {
                bet: bet.to_owned(),
                what,
                ledger,
                venue,
            });
        }
    };
    let mut seen = 0;
    for order in cleared {
        seen += 1;
        let venue = order.profit.and_then(Money::nearest);
        let named = order.bet_id.clone().unwrap_or_default();
        match ours(order.customer_order_ref.as_ref()).and_then(|id| left.remove(id)) {
            Some(bet) => differ(&bet.id, "profit", bet.profit, venue),
            None => differ(&named, "external", None, venue),
        }
    }
    for order in current {
        seen += 1;
        let venue = Money::nearest(order.size_matched);
        match ours(order.customer_order_ref.as_ref()).and_then(|id| left.remove(id)) {
            Some(bet) => differ(&bet.id, "matched", Some(bet.matched), venue),
            None => differ(&order.bet_id, "external", None, venue),
        }
    }
    // What neither list has is over and unmatched, or something is wrong.
    for bet in left.into_values() {
        if bet.matched.is_positive() {
            let known = bet.profit.unwrap_or(bet.matched);
            differ(&bet.id, "missing", Some(known), None);
        }
    }
    Reconciled {
        schema: "bea.reconcile/1",
        since: since.to_string(),
        ledger_bets: bets.len() as u64,
        venue_bets: seen,
        mismatches,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bet(id: &str, matched: i64, profit: Option<i64>) -> LiveBet {
        LiveBet {
            id: id.to_owned(),
            matched: Money::from_minor(matched),
            profit: profit.map(Money::from_minor),
        }
    }

    fn cleared(id: &str, profit: f64) -> ClearedOrder {
        serde_json::from_value(serde_json::json!({
            "betId": format!("v{id}"), "customerOrderRef": format!("b1{id}"), "profit": profit,
        }))
        .unwrap()
    }

    #[test]
    fn they_agree_to_the_penny_or_it_is_said_where_not() {
        let bets = [
            bet("A", 200, Some(310)),
            bet("B", 200, Some(-200)),
            bet("C", 0, None),
            bet("D", 100, Some(5)),
        ];
        let venue = [cleared("A", 3.1), cleared("B", -2.0), cleared("D", 0.05)];
        let same = compare(TimeMs(0), &bets, &[], &venue);
        assert_eq!(same.mismatches, []);
        assert_eq!((same.ledger_bets, same.venue_bets), (4, 3));

        let off = [cleared("A", 3.11), cleared("E", 1.0), cleared("D", 0.05)];
        let found = compare(TimeMs(0), &bets, &[], &off).mismatches;
        let said: Vec<_> = found.iter().map(|m| (m.bet.as_str(), m.what)).collect();
        assert_eq!(
            said,
            [("A", "profit"), ("vE", "external"), ("B", "missing")]
        );
    }
}
