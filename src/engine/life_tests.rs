//! The life of an order when the world is unkind: doubts, restarts, bets of others, halts.

use super::testing::{MARKET, defined, definition};
use super::tests::{DOUBT, World, bet, once};
use super::*;
use crate::market::{
    Intent, MarketId, Money, Order, OrderChange, OrderId, OrderState, OrderStatement, Price,
    TimeMs, VenueEvent,
};

/// A world in which the first order came into doubt, and the venue does not answer questions for now.
fn in_doubt() -> (World, OrderId) {
    let mut world = World::new();
    world.desk.venue.listed = None;
    world.load("a", once);
    world.tick();
    let order = world.orders()[0].id;
    world.say(order, DOUBT);
    world.tick();
    (world, order)
}

/// What the venue says of an order that it has, of which so much is matched.
fn statement(order: &Order, matched_pounds: i64) -> OrderStatement {
    let matched = Money::from_major(matched_pounds);
    OrderStatement {
        matched,
        matched_value: i128::from(Price::from_hundredths(300).nanos())
            * i128::from(matched.minor()),
        is_complete: Some(matched) == order.kind.size(),
        ..super::tests::statement(order)
    }
}

/// Lets so many seconds pass.
fn wait(world: &mut World, seconds: i64) {
    for _ in 0..seconds {
        world.tick();
    }
}

#[test]
fn an_order_in_doubt_counts_at_its_worst_and_blocks_its_like() {
    let (mut world, _) = in_doubt();
    assert_eq!(world.orders()[0].state, OrderState::Unknown);
    assert_eq!(
        world.slot().account.burden.at_risk,
        Money::from_major(10),
        "it may have been matched"
    );
    wait(&mut world, 30);
    assert_eq!(world.orders()[0].state, OrderState::Unknown);
    assert_eq!(world.desk.venue.asked.len(), 1, "it is never sent again");
}

#[test]
fn an_order_in_doubt_that_the_venue_lists_is_found() {
    let (mut world, _) = in_doubt();
    let order = world.orders()[0].clone();
    world.desk.venue.listed = Some(vec![statement(&order, 4)]);
    wait(&mut world, 6);
    let found = world.orders()[0].clone();
    assert_eq!(found.state, OrderState::Working);
    assert_eq!(found.matched, Money::from_major(4));
    wait(&mut world, 60);
    assert_eq!(world.orders()[0], found, "told again it is no news");
}

#[test]
fn only_two_listings_after_all_delays_show_that_an_order_was_never_placed() {
    let (mut world, _) = in_doubt();
    world.desk.venue.listed = Some(vec![]);
    let rules = DoubtRules::default();
    while world.orders()[0].state == OrderState::Unknown {
        world.tick();
        assert!(world.now < 120_000, "it is never resolved");
    }
    assert_eq!(world.orders()[0].state, OrderState::NotPlaced);
    assert!(world.now >= rules.window_ms + rules.between_listings_ms);
    assert_eq!(world.slot().account.burden.at_risk, Money::ZERO);
}

#[test]
fn a_venue_that_cannot_be_asked_leaves_the_order_in_doubt_and_calls_a_person() {
    let (mut world, order) = in_doubt();
    wait(&mut world, 605);
    assert_eq!(world.orders()[0].state, OrderState::Stuck);
    assert_eq!(
        world.slot().account.burden.at_risk,
        Money::from_major(10),
        "stuck or not, it counts"
    );
    let alarms: Vec<Notice> = world.desk.notices().collect();
    assert!(
        matches!(&alarms[..], [Notice::Alarm { code: "ORDER_STUCK", detail }] if detail.contains(&order.to_string())),
        "{alarms:?}"
    );
    world.desk.venue.listed = Some(vec![statement(&world.orders()[0], 10)]);
    wait(&mut world, 6);
    assert_eq!(world.orders()[0].state, OrderState::Complete);
}

#[test]
fn nothing_is_bet_while_the_venue_is_deaf() {
    let mut world = World::new();
    world.desk.venue.listed = None;
    world.load("a", |_, _| Ok(vec![Intent::Place(bet())]));
    world
        .desk
        .venue
        .to_say
        .push(VenueEvent::Deaf(TimeMs(world.now)));
    wait(&mut world, 3);
    assert_eq!(world.desk.venue.asked, []);
    world.desk.venue.listed = Some(vec![]);
    wait(&mut world, 6);
    assert!(!world.desk.venue.asked.is_empty(), "it hears again");
}

#[test]
fn what_was_on_its_way_when_the_program_ended_is_in_doubt_and_not_sent_again() {
    let order = Order::new(OrderId::from_bits(5), &bet(), TimeMs(0));
    let recovered = Recovered {
        strategy: "native".into(),
        market: MarketId::new(MARKET),
        scopes: Scopes::unknown(&MarketId::new(MARKET)),
        liability: Money::from_major(10),
        order: order.clone(),
    };
    let mut world = World::after(Recovery {
        orders: vec![recovered],
        ..Recovery::default()
    });
    assert_eq!(
        world.desk.engine.house().burden.at_risk,
        Money::from_major(10),
        "it counts before its strategy is there"
    );
    world.load("a", |_, _| Ok(vec![]));
    world.step(&defined(definition(3, 1)));
    assert_eq!(world.orders()[0].state, OrderState::Unknown);
    assert_eq!(world.slot().account.burden.at_risk, Money::from_major(10));
    assert_eq!(
        world.desk.engine.house().burden.at_risk,
        Money::from_major(10)
    );
    world.desk.venue.listed = Some(vec![statement(&order, 10)]);
    wait(&mut world, 6);
    assert_eq!(world.orders()[0].state, OrderState::Complete);
    assert_eq!(world.desk.venue.asked, []);
}

#[test]
fn a_bet_of_others_counts_and_is_left_alone() {
    let mut world = World::new();
    world.load("a", |_, _| Ok(vec![]));
    let theirs = OrderStatement {
        order: None,
        ..statement(&Order::new(OrderId::from_bits(9), &bet(), TimeMs(0)), 4)
    };
    let say = |world: &mut World, statement: &OrderStatement| {
        let event = VenueEvent::Statement(TimeMs(world.now), statement.clone());
        world.desk.venue.to_say.push(event);
        world.tick();
    };
    say(&mut world, &theirs);
    say(&mut world, &theirs);
    let house = world.desk.engine.house();
    assert_eq!(house.burden.at_risk, Money::from_major(10));
    assert_eq!(
        house.at_risk.market(&MarketId::new(MARKET)),
        Money::from_major(10)
    );
    let alarms = world.desk.notices().count();
    assert_eq!(alarms, 1, "it is said once");
    say(
        &mut world,
        &OrderStatement {
            is_complete: true,
            ..theirs
        },
    );
    assert_eq!(
        world.desk.engine.house().burden.at_risk,
        Money::from_major(4),
        "only what was matched stands"
    );
    assert_eq!(world.desk.venue.asked, []);
}

#[test]
fn a_halt_cancels_what_rests_and_asks_again_until_it_is_gone() {
    let mut world = World::new();
    world.load("a", once);
    world.tick();
    let order = world.orders()[0].id;
    world.say(order, OrderChange::Accepted);
    world.tick();
    world.story();
    let halt = Command::Trade(TradingState::Halted, "drill".into());
    world.desk.operate(TimeMs(world.now), halt).unwrap();
    assert_eq!(world.story(), ["commit", "cancel"]);
    wait(&mut world, 3);
    assert_eq!(world.story(), [""; 0], "its answer is waited for");
    world.say(
        order,
        OrderChange::CancelFailed {
            reason: crate::market::VenueReason::MarketNotOpen,
        },
    );
    world.tick();
    assert!(world.story().contains(&"cancel".to_owned()), "asked again");
    world.say(
        order,
        OrderChange::Cancelled {
            size: Money::from_major(10),
        },
    );
    wait(&mut world, 3);
    assert_eq!(world.orders()[0].state, OrderState::Complete);
}

#[test]
fn an_order_that_arrives_while_betting_is_halted_is_cancelled_as_well() {
    let mut world = World::new();
    world.load("a", once);
    world.tick();
    let order = world.orders()[0].id;
    let halt = Command::Trade(TradingState::Halted, "drill".into());
    world.desk.operate(TimeMs(world.now), halt).unwrap();
    world.story();
    world.say(order, OrderChange::Accepted);
    world.tick();
    assert!(world.story().contains(&"cancel".to_owned()));
}

#[test]
fn a_late_word_changes_nothing_and_is_recorded() {
    let mut world = World::new();
    world.load("a", once);
    world.tick();
    let order = world.orders()[0].id;
    world.say(
        order,
        OrderChange::Rejected {
            reason: crate::market::VenueReason::InvalidPrice,
        },
    );
    world.tick();
    let before = world.orders();
    world.say(order, super::tests::FILL);
    world.tick();
    assert_eq!(world.orders(), before);
    assert!(matches!(
        world.desk.journal.records.last(),
        Some(Record::Order {
            state: OrderState::Rejected,
            change: OrderChange::Matched { .. },
            ..
        })
    ));
    let alarms: Vec<Notice> = world.desk.notices().collect();
    assert!(matches!(
        alarms[..],
        [Notice::Alarm {
            code: "FILL_UNEXPLAINED",
            ..
        }]
    ));
}
