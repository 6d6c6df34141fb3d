//! Bets with bookmakers: taken whole at the quote, or refused with a reason.

use super::*;
use crate::market::{BookName, Quote, QuoteChange};

fn quote(book: &str, hundredths: u64, limit: Option<i64>) -> MarketDelta {
    let mut delta = MarketDelta::new(MarketId::new(MARKET));
    delta.quotes.push((
        RunnerId::new(1),
        QuoteChange::Offers(Quote {
            book: BookName::new(book),
            price: p(hundredths),
            limit: limit.map(Money::from_major),
            updated_at: TimeMs(0),
        }),
    ));
    delta
}

fn withdrawn(book: &str) -> MarketDelta {
    let mut delta = MarketDelta::new(MarketId::new(MARKET));
    let change = QuoteChange::Withdrawn(BookName::new(book));
    delta.quotes.push((RunnerId::new(1), change));
    delta
}

fn with(book: &str, side: Side, hundredths: u64, pounds: i64) -> Place {
    Place {
        book: Some(BookName::new(book)),
        ..limit(1, side, hundredths, pounds * 100)
    }
}

fn world(change: impl FnOnce(&mut ExchangeSettings)) -> World {
    let mut world = World::with(change);
    world.update(2, &quote("pinnacle", 195, None));
    world
}

/// What becomes of a bet if the market changes so before it arrives.
fn fate(world: &mut World, place: &Place, meanwhile: &[MarketDelta]) -> Vec<OrderChange> {
    world.ask(1, place);
    for (at, delta) in (10..).zip(meanwhile) {
        world.update(at, delta);
    }
    world.pass_time(10_000);
    world.changes(1)
}

fn refused(reason: VenueReason) -> Vec<OrderChange> {
    vec![OrderChange::Rejected { reason }]
}

fn taken(hundredths: u64, pounds: i64) -> Vec<OrderChange> {
    vec![OrderChange::Accepted, matched(hundredths, pounds * 100)]
}

#[test]
fn a_bet_is_taken_whole_at_the_quote_and_off_every_ladder() {
    let mut world = world(|_| {});
    let bet = with("pinnacle", Side::Back, 195, 20);
    assert_eq!(fate(&mut world, &bet, &[]), taken(195, 20));
    assert_eq!(world.exchange.bookmaker_markets(), 1);
    assert_eq!(world.exchange.basic_markets(), 0);
}

#[test]
fn a_bookmaker_takes_its_own_time() {
    let mut world = world(|settings| settings.bookmaker_latency_ms = 5_000);
    world.ask(1, &with("pinnacle", Side::Back, 195, 20));
    world.pass_time(5_000);
    assert_eq!(world.changes(1), []);
    world.pass_time(1);
    assert_eq!(world.changes(1), taken(195, 20));
}

#[test]
fn a_price_that_moved_meanwhile_refuses_the_bet_or_betters_it() {
    let bet = with("pinnacle", Side::Back, 195, 20);
    let longer = [quote("pinnacle", 200, None)];
    let shorter = [quote("pinnacle", 190, None)];
    assert_eq!(fate(&mut world(|_| {}), &bet, &longer), taken(200, 20));
    assert_eq!(
        fate(&mut world(|_| {}), &bet, &shorter),
        refused(VenueReason::PriceMoved)
    );
    let mut exact = world(|settings| settings.best_price_execution = false);
    assert_eq!(
        fate(&mut exact, &bet, &longer),
        refused(VenueReason::PriceImprovementTooLarge)
    );
}

#[test]
fn a_quote_that_is_gone_or_was_never_there_refuses_the_bet() {
    let bet = with("pinnacle", Side::Back, 195, 20);
    assert_eq!(
        fate(&mut world(|_| {}), &bet, &[withdrawn("pinnacle")]),
        refused(VenueReason::NoQuote)
    );
    let stranger = with("stranger", Side::Back, 195, 20);
    assert_eq!(
        fate(&mut world(|_| {}), &stranger, &[]),
        refused(VenueReason::NoQuote)
    );
}

#[test]
fn no_more_than_the_limit_is_taken_and_never_a_part() {
    let bet = |pounds| with("pinnacle", Side::Back, 195, pounds);
    let mut assumed = world(|settings| settings.bookmaker_max_stake = Money::from_major(30));
    assert_eq!(
        fate(&mut assumed, &bet(31), &[]),
        refused(VenueReason::StakeAboveLimit)
    );
    let named = [quote("pinnacle", 195, Some(100))];
    assert_eq!(fate(&mut world(|_| {}), &bet(100), &named), taken(195, 100));
    assert_eq!(
        fate(&mut world(|_| {}), &bet(101), &named),
        refused(VenueReason::StakeAboveLimit)
    );
}

#[test]
fn what_a_bookmaker_has_taken_counts_towards_its_limit() {
    let mut world = world(|_| {});
    world.ask(1, &with("pinnacle", Side::Back, 195, 40));
    world.pass_time(5_000);
    world.ask(2, &with("pinnacle", Side::Back, 195, 20));
    world.ask(3, &with("pinnacle", Side::Back, 195, 10));
    world.pass_time(5_000);
    assert_eq!(world.changes(2), refused(VenueReason::StakeAboveLimit));
    assert_eq!(world.changes(3), taken(195, 10));
}

#[test]
fn a_bookmaker_takes_backs_at_a_price_and_nothing_else() {
    let lay = with("pinnacle", Side::Lay, 195, 20);
    let starting = Place {
        book: Some(BookName::new("pinnacle")),
        ..on_close(Side::Back, None, 20)
    };
    for bet in [lay, starting] {
        assert_eq!(
            fate(&mut world(|_| {}), &bet, &[]),
            refused(VenueReason::NotOffered)
        );
    }
}

#[test]
fn the_pessimist_wants_the_quote_to_outlive_the_bet() {
    for (outlook, change, fate) in [
        (Outlook::Neutral, withdrawn("pinnacle"), taken(195, 20)),
        (
            Outlook::Pessimistic,
            withdrawn("pinnacle"),
            refused(VenueReason::NoQuote),
        ),
        (
            Outlook::Pessimistic,
            quote("pinnacle", 190, None),
            refused(VenueReason::PriceMoved),
        ),
        (
            Outlook::Pessimistic,
            quote("pinnacle", 200, None),
            taken(195, 20),
        ),
    ] {
        let mut world = world(|settings| settings.outlook = outlook);
        world.ask(1, &with("pinnacle", Side::Back, 195, 20));
        world.update(10_000, &change);
        assert_eq!(world.changes(1), fate, "{outlook:?}");
    }
}

#[test]
fn a_winner_is_paid_at_the_quote_and_a_withdrawn_runner_returns_the_stake() {
    let bet = with("pinnacle", Side::Back, 195, 20);
    let mut won = world(|_| {});
    fate(&mut won, &bet, &[]);
    assert_eq!(won.profit(1), Money::from_major(19));
    let mut void = world(|_| {});
    fate(&mut void, &bet, &[]);
    void.redefine(20_000, |market| {
        market.runners[0].status = RunnerStatus::Removed;
    });
    assert_eq!(void.profit(2), Money::ZERO);
}

#[test]
fn when_another_runner_is_withdrawn_a_bookmaker_deducts_from_the_winnings() {
    let mut world = world(|_| {});
    fate(&mut world, &with("pinnacle", Side::Back, 195, 20), &[]);
    world.redefine(20_000, |market| {
        market.runners[1].status = RunnerStatus::Removed;
        market.runners[1].adjustment_factor = Some(2_000);
    });
    // 0.95 less a fifth is 0.76.
    assert_eq!(world.profit(1), Money::from_minor(1_520));
}
