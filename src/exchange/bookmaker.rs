//! Bets with a bookmaker: one price, of a size that mostly nobody tells; taken or refused, whole, at once.
//!
//! A recording of quotes cannot show what a bookmaker would have accepted. What is assumed stands in
//! `docs/simulated-exchange.md`: the quote still stands when the bet arrives, and the stake is one that the bookmaker
//! names, or one small enough (`exchange.bookmaker_max_stake`). Nothing queues, rests, or can be cancelled.

use super::model::Arrival;
use super::order::SimOrder;
use super::{ExchangeSettings, Fill, Scene};
use crate::market::{
    BookName, MarketDelta, Money, OrderKind, Price, Quote, QuoteChange, Runner, Side, VenueReason,
};

/// At which price a bookmaker takes a bet, whole.
///
/// # Errors
/// Why it does not.
pub(super) fn price_taken(
    order: &SimOrder,
    book: &BookName,
    others: &[SimOrder],
    runner: &Runner,
    scene: Scene<'_>,
) -> Result<Price, VenueReason> {
    let (OrderKind::Limit { price, size, .. }, Side::Back) = (order.instruction.kind, order.side())
    else {
        return Err(VenueReason::NotOffered);
    };
    let before = runner.quotes.of(book).ok_or(VenueReason::NoQuote)?;
    let quote = standing(before, runner, scene).ok_or(VenueReason::NoQuote)?;
    if quote.price < price {
        return Err(VenueReason::PriceMoved);
    }
    if quote.price > price && !scene.settings.best_price_execution {
        return Err(VenueReason::PriceImprovementTooLarge);
    }
    if !size.is_positive() {
        return Err(VenueReason::BelowMinimum);
    }
    if size > room(order, book, quote, others, scene.settings) {
        return Err(VenueReason::StakeAboveLimit);
    }
    Ok(quote.price)
}

/// The quote as the bet finds it; the pessimist takes the worse of before and after the update with which it arrives.
fn standing<'a>(before: &'a Quote, runner: &Runner, scene: Scene<'a>) -> Option<&'a Quote> {
    let settings = scene.settings;
    let arrival = settings.assumptions().arrival;
    if settings.fill == Fill::Reference || arrival != Arrival::Last {
        return Some(before);
    }
    match last_change(scene.delta, runner, &before.book) {
        Some(QuoteChange::Offers(after)) if after.price < before.price => Some(after),
        Some(QuoteChange::Withdrawn(_)) => None,
        Some(QuoteChange::Offers(_)) => Some(before),
        None if scene.delta.image => None,
        None => Some(before),
    }
}

fn last_change<'a>(
    delta: &'a MarketDelta,
    runner: &Runner,
    book: &BookName,
) -> Option<&'a QuoteChange> {
    let of_book = |(id, change): &&(_, QuoteChange)| *id == runner.id() && change.book() == book;
    delta
        .quotes
        .iter()
        .rev()
        .find(of_book)
        .map(|(_, change)| change)
}

/// What a bookmaker still takes on a runner: its limit, or what it is assumed to take, less what it has taken.
fn room(
    order: &SimOrder,
    book: &BookName,
    quote: &Quote,
    others: &[SimOrder],
    settings: &ExchangeSettings,
) -> Money {
    let taken: Money = others
        .iter()
        .filter(|other| {
            let own = other.instruction.strategy == order.instruction.strategy;
            (own || settings.shared_liquidity)
                && other.runner() == order.runner()
                && other.instruction.book.as_ref() == Some(book)
        })
        .map(SimOrder::matched)
        .sum();
    quote.limit.unwrap_or(settings.bookmaker_max_stake) - taken
}
