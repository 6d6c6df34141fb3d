//! Orders as JSON lines, one for each order that the gate let through.

use std::io::{self, Write};

use serde::Serialize;

use super::Session;
use crate::engine::Journal;
use crate::market::{BookName, Money, Order, OrderKind, OrderState, Persistence, Price};

/// One order. Amounts are in major units of the account's currency; prices are decimal odds.
#[derive(Debug, Serialize)]
struct OrderLine<'a> {
    strategy: &'a str,
    market_id: &'a str,
    selection_id: u64,
    handicap: f64,
    side: &'static str,
    #[serde(rename = "type")]
    kind: &'static str,
    /// Null for a market-on-close order.
    price: Option<Price>,
    /// Backer's stake; null for orders at the starting price.
    size: Option<f64>,
    /// What an order at the starting price may lose; null for limit orders.
    liability: Option<f64>,
    /// When the strategy asked.
    requested_at_ms: i64,
    /// When it took effect at the venue; null if it never did.
    placed_at_ms: Option<i64>,
    size_matched: f64,
    /// Zero if nothing was matched.
    average_price: f64,
    status: &'static str,
    /// Before commission; null while a matched order is not settled.
    profit: Option<f64>,
    order_id: String,
    /// What becomes of the rest in play, as it stands now; null for orders at the starting price.
    persistence: Option<&'static str>,
    /// The bookmaker it went to; null if it went to the market's exchange.
    book: Option<&'a str>,
    recording: &'a str,
}

/// Writes the orders of a session, by strategy, market and age.
///
/// # Errors
/// If they cannot be written.
pub fn write_orders<J: Journal>(
    session: &Session<J>,
    recording: &str,
    out: &mut dyn Write,
) -> io::Result<()> {
    for slot in session.slots() {
        for (market, holding) in slot.holdings() {
            let market = session.books().get(market);
            for order in holding.orders() {
                let line = line_of(order, &slot.name, market.id.as_str(), recording);
                serde_json::to_writer(&mut *out, &line)?;
                out.write_all(b"\n")?;
            }
        }
    }
    Ok(())
}

fn line_of<'a>(
    order: &'a Order,
    strategy: &'a str,
    market_id: &'a str,
    recording: &'a str,
) -> OrderLine<'a> {
    let liability = match order.kind {
        OrderKind::Limit { .. } => None,
        OrderKind::LimitOnClose { liability, .. } | OrderKind::MarketOnClose { liability } => {
            Some(liability)
        }
    };
    let unsettled = order.profit.is_none() && order.matched.is_positive();
    OrderLine {
        strategy,
        market_id,
        selection_id: order.runner.selection,
        handicap: f64::from(order.runner.handicap) / 100.0,
        side: order.side.as_str(),
        kind: order.kind.as_str(),
        price: order.kind.price(),
        size: order.kind.size().map(Money::to_f64),
        liability: liability.map(Money::to_f64),
        requested_at_ms: order.requested_at.0,
        placed_at_ms: order.placed_at.map(|at| at.0),
        size_matched: order.matched.to_f64(),
        average_price: order.average_price().map_or(0.0, Price::to_f64),
        status: status(order),
        profit: (!unsettled).then(|| order.profit.unwrap_or_default().to_f64()),
        order_id: order.id.to_string(),
        persistence: order.kind.persistence().map(Persistence::as_str),
        book: order.book.as_ref().map(BookName::as_str),
        recording,
    }
}

fn status(order: &Order) -> &'static str {
    match order.state {
        // A venue that refuses an order has nothing more to do for it.
        OrderState::Rejected => "EXECUTION_COMPLETE",
        state => state.as_str(),
    }
}
