//! The venue's books against ours, bet by bet, to the penny.

use std::collections::BTreeMap;

use serde::Serialize;
use tokio::runtime::Handle;

use crate::config::Config;
use crate::engine::Recovered;
use crate::ledger::{LiveBet, Reader};
use crate::market::{MarketId, Money, TimeMs};
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
    /// Commission of the markets that were compared, by the ledger.
    pub commission: Money,
    /// What the venue says is free to bet with.
    pub available: Option<Money>,
    /// What the venue says that open bets could lose.
    pub exposure: Option<Money>,
    /// What does not agree.
    pub mismatches: Vec<Mismatch>,
}

/// One thing in which they differ.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Mismatch {
    /// Which bet: our name for it, or the venue's; of a commission which market, of the exposure the account.
    pub bet: String,
    /// In what: `matched`, `profit`, `external`, `missing`, `commission` or `exposure`.
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
    let said = runtime.block_on(venue(&connection, lives, since))?;
    let left = reader.recovery(clock(), Money::ZERO)?;
    let kept = Kept {
        bets: reader.live_bets(since)?,
        commissions: reader.live_commissions(since)?,
        at_risk: left.orders.iter().map(Recovered::at_risk).sum(),
    };
    Ok(compare(since, &kept, &said))
}

/// What the ledger has.
#[derive(Default)]
struct Kept {
    bets: Vec<LiveBet>,
    commissions: BTreeMap<MarketId, Money>,
    /// What open bets could lose, each for itself.
    at_risk: Money,
}

/// What the venue says.
#[derive(Default)]
struct Said {
    current: Vec<CurrentOrder>,
    cleared: Vec<ClearedOrder>,
    /// What settled markets came to, with bets of others on the account.
    markets: Vec<ClearedOrder>,
    available: Option<Money>,
    exposure: Option<Money>,
}

async fn venue(
    connection: &client::Connection,
    lives: Vec<String>,
    since: TimeMs,
) -> Result<Said, ReadError> {
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
    let by_market = ListClearedOrders {
        customer_strategy_refs: None,
        group_by: Some(GroupBy::Market),
        ..cleared.clone()
    };
    let funds = reads.funds().await?;
    Ok(Said {
        current,
        cleared: reads.cleared_orders(&cleared).await?,
        markets: reads.cleared_orders(&by_market).await?,
        available: Money::nearest(funds.available_to_bet_balance),
        exposure: funds.exposure.and_then(Money::nearest).map(Money::abs),
    })
}

/// The ledger's bet that a bet at the venue is.
fn ours(name: Option<&String>) -> Option<&str> {
    name.and_then(|name| name.strip_prefix(PREFIX))
}

fn compare(since: TimeMs, kept: &Kept, said: &Said) -> Reconciled {
    let bets = &kept.bets;
    let mut left: BTreeMap<&str, &LiveBet> =
        bets.iter().map(|bet| (bet.id.as_str(), bet)).collect();
    let mut settled: BTreeMap<&str, u64> = BTreeMap::new();
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
    for order in &said.cleared {
        seen += 1;
        *settled
            .entry(order.market_id.as_deref().unwrap_or_default())
            .or_default() += 1;
        let venue = order.profit.and_then(Money::nearest);
        let named = order.bet_id.clone().unwrap_or_default();
        match ours(order.customer_order_ref.as_ref()).and_then(|id| left.remove(id)) {
            Some(bet) => differ(&bet.id, "profit", bet.profit, venue),
            None => differ(&named, "external", None, venue),
        }
    }
    for order in &said.current {
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
    let mut commission = Money::ZERO;
    for market in &said.markets {
        let Some(id) = market.market_id.as_deref() else {
            continue;
        };
        // With bets of others in it, the commission is theirs as well.
        if market.bet_count.is_none() || market.bet_count != settled.get(id).copied() {
            continue;
        }
        let ours = kept.commissions.get(&MarketId::new(id)).copied();
        commission += ours.unwrap_or_default();
        let venue = market.commission.and_then(Money::nearest);
        differ(id, "commission", Some(ours.unwrap_or_default()), venue);
    }
    // What the venue nets within markets, and we do not, only makes it less.
    if let Some(exposure) = said.exposure.filter(|exposure| *exposure > kept.at_risk) {
        differ("account", "exposure", Some(kept.at_risk), Some(exposure));
    }
    Reconciled {
        schema: "bea.reconcile/1",
        since: since.to_string(),
        ledger_bets: bets.len() as u64,
        venue_bets: seen,
        commission,
        available: said.available,
        exposure: said.exposure,
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
        let kept = Kept {
            bets: bets.to_vec(),
            ..Kept::default()
        };
        let said = |cleared: &[ClearedOrder]| Said {
            cleared: cleared.to_vec(),
            ..Said::default()
        };
        let same = compare(TimeMs(0), &kept, &said(&venue));
        assert_eq!(same.mismatches, []);
        assert_eq!((same.ledger_bets, same.venue_bets), (4, 3));

        let off = [cleared("A", 3.11), cleared("E", 1.0), cleared("D", 0.05)];
        let found = compare(TimeMs(0), &kept, &said(&off)).mismatches;
        let said: Vec<_> = found.iter().map(|m| (m.bet.as_str(), m.what)).collect();
        assert_eq!(
            said,
            [("A", "profit"), ("vE", "external"), ("B", "missing")]
        );
    }

    #[test]
    fn commission_and_exposure_are_compared_where_all_of_it_is_ours() {
        let of_market = |id: &str, count: u64, commission: f64| -> ClearedOrder {
            serde_json::from_value(serde_json::json!({
                "marketId": id, "betCount": count, "commission": commission,
            }))
            .unwrap()
        };
        let mut ours = cleared("A", 3.1);
        ours.market_id = Some("1.1".to_owned());
        let mut shared = cleared("B", 2.0);
        shared.market_id = Some("1.2".to_owned());
        let kept = Kept {
            bets: vec![bet("A", 200, Some(310)), bet("B", 200, Some(200))],
            commissions: [
                (MarketId::new("1.1"), Money::from_minor(16)),
                (MarketId::new("1.2"), Money::from_minor(10)),
            ]
            .into(),
            at_risk: Money::from_major(5),
        };
        let said = |charged: f64, exposure: i64| Said {
            cleared: vec![ours.clone(), shared.clone()],
            markets: vec![of_market("1.1", 1, charged), of_market("1.2", 2, 0.35)],
            exposure: Some(Money::from_major(exposure)),
            ..Said::default()
        };
        let same = compare(TimeMs(0), &kept, &said(0.16, 5));
        assert_eq!(
            (same.mismatches, same.commission),
            (vec![], Money::from_minor(16))
        );
        let found = compare(TimeMs(0), &kept, &said(0.15, 6)).mismatches;
        let said: Vec<_> = found.iter().map(|m| (m.bet.as_str(), m.what)).collect();
        assert_eq!(said, [("1.1", "commission"), ("account", "exposure")]);
    }
}
