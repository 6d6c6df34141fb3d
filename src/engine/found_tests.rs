//! What the simulator (`tests/simulator`) found wrong, each as a small example.

use super::testing::{MARKET, defined, definition};
use super::tests::{DOUBT, FILL, World, bet, once, statement};
use super::*;
use crate::market::{
    Commission, Intent, Listing, MarketId, Money, Order, OrderChange, OrderId, OrderState,
    OrderStatement, Price, Ratio, Reversal, RunnerStatus, Settlement, Side, TimeMs, VenueEvent,
};
use std::sync::Arc;

/// A world in which the first order is matched whole: 10.00 backed at 3.
fn matched() -> (World, Order) {
    let mut world = World::new();
    world.load("a", once);
    world.tick();
    let id = world.orders()[0].id;
    world.say(id, OrderChange::Accepted);
    world.say(id, FILL);
    world.tick();
    let order = world.orders()[0].clone();
    assert_eq!(order.state, OrderState::Complete);
    (world, order)
}

fn state(world: &mut World, statement: &OrderStatement) {
    let event = VenueEvent::Statement(TimeMs(world.now), statement.clone());
    world.desk.venue.to_say.push(event);
    world.tick();
}

fn recovered(order: Order) -> Recovered {
    Recovered {
        strategy: "native".into(),
        market: MarketId::new(MARKET),
        scopes: Scopes::unknown(&MarketId::new(MARKET)),
        liability: Money::from_major(10),
        order,
    }
}

fn sending(id: u128) -> Order {
    Order::new(OrderId::from_bits(id), &bet(), TimeMs(0))
}

#[test]
fn a_statement_tells_that_a_matched_bet_was_reduced_and_an_old_one_does_not_take_it_back() {
    let (mut world, order) = matched();
    let reduced = OrderStatement {
        matched_value: i128::from(Price::from_hundredths(250).nanos()) * 1_000,
        ..statement(&order)
    };
    state(&mut world, &reduced);
    assert_eq!(world.orders()[0].matched_value, reduced.matched_value);
    state(&mut world, &statement(&order));
    assert_eq!(world.orders()[0].matched_value, reduced.matched_value);
}

#[test]
fn a_statement_tells_that_a_matched_bet_is_void() {
    let (mut world, order) = matched();
    let void = OrderStatement {
        matched: Money::ZERO,
        matched_value: 0,
        voided: order.matched,
        ..statement(&order)
    };
    state(&mut world, &void);
    assert_eq!(world.orders()[0].matched, Money::ZERO);
    assert_eq!(world.slot().account.burden.at_risk, Money::ZERO);
    let house = world.desk.engine.house();
    assert_eq!(house.burden.at_risk, Money::ZERO, "it is no bet of others");
}

#[test]
fn a_bet_on_a_withdrawn_runner_offsets_nothing_before_the_venue_says_that_it_is_void() {
    let (mut world, _) = matched();
    assert_eq!(world.slot().account.burden.at_risk, Money::from_major(10));
    let mut without = definition(3, 1);
    without.runners[0].status = RunnerStatus::Removed;
    world.step(&defined(without));
    assert_eq!(world.slot().account.burden.at_risk, Money::ZERO);
}

#[test]
fn recovered_orders_count_for_their_strategy_before_their_market_is_seen() {
    let mut world = World::after(Recovery {
        orders: vec![recovered(sending(5))],
        ..Recovery::default()
    });
    world.load("a", |_, _| Ok(vec![]));
    let burden = &world.slot().account.burden;
    assert_eq!(
        (burden.at_risk, burden.open_orders),
        (Money::from_major(10), 1)
    );
    world.tick();
    let burden = &world.slot().account.burden;
    assert_eq!(
        (burden.at_risk, burden.open_orders),
        (Money::from_major(10), 1)
    );
}

#[test]
fn what_the_day_has_lost_is_known_to_the_house_after_a_restart() {
    let mut account = Account::new(Money::from_major(1_000));
    account.roll_day(TimeMs(0));
    account.settle(TimeMs(0), Money::from_major(-7));
    let world = World::after(Recovery {
        accounts: [("native".into(), account)].into(),
        ..Recovery::default()
    });
    let house = world.desk.engine.house();
    assert_eq!(house.realised_today, Money::from_major(-7));
}

#[test]
fn an_order_that_was_over_before_a_restart_is_no_bet_of_others() {
    let order = sending(5);
    let mut world = World::after(Recovery {
        finished: [(order.id, Finished::of(&order, TimeMs(0)))].into(),
        ..Recovery::default()
    });
    state(&mut world, &statement(&order));
    assert_eq!(world.desk.notices().count(), 0);
}

#[test]
fn a_bet_that_was_given_up_before_a_restart_and_stands_after_it_counts() {
    let mut order = sending(5);
    order.state = OrderState::NotPlaced;
    let mut world = World::after(Recovery {
        finished: [(order.id, Finished::of(&order, TimeMs(0)))].into(),
        ..Recovery::default()
    });
    let standing = OrderStatement {
        is_complete: false,
        ..statement(&order)
    };
    state(&mut world, &standing);
    let house = world.desk.engine.house();
    assert_eq!(house.burden.at_risk, Money::from_major(10));
    let alarms: Vec<_> = world.desk.notices().collect();
    assert!(
        matches!(
            &alarms[..],
            [Notice::Alarm {
                code: "BET_EXTERNAL",
                ..
            }]
        ),
        "{alarms:?}"
    );
}

#[test]
fn more_of_a_finished_bet_than_is_known_counts_unless_it_is_settled() {
    for (profit, at_risk) in [(None, 10), (Some(Money::from_major(20)), 0)] {
        let mut order = sending(5);
        advance(&mut order, TimeMs(0), OrderChange::Accepted);
        let size = Money::from_major(10);
        let reason = crate::market::VenueReason::NotSaid;
        advance(&mut order, TimeMs(0), OrderChange::Lapsed { size, reason });
        order.profit = profit;
        let mut world = World::after(Recovery {
            finished: [(order.id, Finished::of(&order, TimeMs(0)))].into(),
            ..Recovery::default()
        });
        let more = OrderStatement {
            matched: size,
            matched_value: i128::from(Price::from_hundredths(300).nanos()) * 1_000,
            lapsed: Money::ZERO,
            ..statement(&order)
        };
        state(&mut world, &more);
        let house = world.desk.engine.house();
        assert_eq!(house.burden.at_risk, Money::from_major(at_risk));
    }
}

#[test]
fn a_bet_of_others_in_a_market_of_which_nothing_is_known_counts_by_the_worst_rules() {
    let mut world = World::new();
    let lay = |side, hundredths| OrderStatement {
        market: MarketId::new("1.9"),
        order: None,
        side,
        kind: super::testing::limit(1, side, hundredths, 1_000).kind,
        is_complete: false,
        venue_id: format!("{side:?} {hundredths}").as_str().into(),
        ..statement(&sending(9))
    };
    // Each-way a back is two stakes; a lay at 3 could cost 20.00 twice, and one at 1.2 is 10.00 on a line.
    for (side, hundredths, at_risk) in [
        (Side::Back, 300, 20),
        (Side::Lay, 300, 40),
        (Side::Lay, 120, 10),
    ] {
        let before = world.desk.engine.house().burden.at_risk;
        state(&mut world, &lay(side, hundredths));
        let after = world.desk.engine.house().burden.at_risk;
        assert_eq!(
            after - before,
            Money::from_major(at_risk),
            "{side:?} at {hundredths}"
        );
    }
}

#[test]
fn an_order_asked_for_while_the_funds_were_told_is_taken_from_them() {
    let (mut world, order) = matched();
    let mut said = |ms_after: i64| {
        let at = order.requested_at + ms_after;
        let funds = VenueEvent::Funds(at, Money::from_major(100));
        world.desk.venue.to_say.push(funds);
        world.tick();
        let funds = world.desk.engine.house().funds.unwrap();
        (funds.said_at - order.requested_at, funds.at_risk)
    };
    assert_eq!(said(0), (0, Money::ZERO), "the venue may not have had it");
    assert_eq!(said(1), (1, Money::from_major(10)));
}

#[test]
fn a_day_that_came_by_mistake_does_not_take_away_what_was_lost_before_it() {
    const DAY: i64 = 86_400_000;
    let mut world = World::new();
    world.load("a", |_, _| Ok(vec![Intent::Place(bet())]));
    world.tick();
    let id = world.orders()[0].id;
    world.say(id, OrderChange::Accepted);
    world.say(id, FILL);
    let settled = Settlement {
        market: MarketId::new(MARKET),
        at: TimeMs(world.now),
        version: 1,
        commission: Commission::Rate(Ratio::ZERO),
        profits: vec![(id, Money::from_major(-10))],
    };
    world.desk.venue.to_say.push(VenueEvent::Settled(settled));
    world.tick();
    let lost = |world: &World| {
        let house = world.desk.engine.house().realised_today;
        assert_eq!(world.slot().account.realised_today, house);
        house
    };
    assert_eq!(lost(&world), Money::from_major(-10));
    world.now += 400 * DAY;
    world.tick();
    assert_eq!(lost(&world), Money::ZERO);
    world.now -= 400 * DAY;
    world.tick();
    assert_eq!(lost(&world), Money::from_major(-10));
}

#[test]
fn a_bet_of_others_weighs_no_more_once_its_market_is_settled_though_it_is_listed_again() {
    let mut world = World::new();
    let theirs = OrderStatement {
        order: None,
        is_complete: false,
        ..statement(&sending(9))
    };
    state(&mut world, &theirs);
    assert!(world.desk.engine.house().burden.at_risk.is_positive());
    let settled = Settlement {
        market: MarketId::new(MARKET),
        at: TimeMs(world.now),
        version: 1,
        commission: crate::market::Commission::Rate(Ratio::ZERO),
        profits: vec![],
    };
    world.desk.venue.to_say.push(VenueEvent::Settled(settled));
    world.tick();
    state(&mut world, &theirs);
    assert_eq!(world.desk.engine.house().burden.at_risk, Money::ZERO);
}

#[test]
fn what_rests_in_a_settled_market_is_over_though_nobody_said_so() {
    let mut world = World::new();
    world.load("a", once);
    world.tick();
    let order = world.orders()[0].id;
    world.say(order, OrderChange::Accepted);
    world.tick();
    let settled = Settlement {
        market: MarketId::new(MARKET),
        at: TimeMs(world.now),
        version: 1,
        commission: crate::market::Commission::Rate(Ratio::ZERO),
        profits: vec![],
    };
    world.desk.venue.to_say.push(VenueEvent::Settled(settled));
    world.tick();
    assert_eq!(world.orders()[0].state, OrderState::Complete);
    assert_eq!(world.slot().account.burden.at_risk, Money::ZERO);
}

#[test]
fn a_halt_asks_again_for_a_cancel_that_was_lost() {
    let mut world = World::new();
    world.load("a", once);
    world.tick();
    let order = world.orders()[0].id;
    world.say(order, OrderChange::Accepted);
    world.tick();
    let halt = Command::Trade(TradingState::Halted, "drill".into());
    world.desk.operate(TimeMs(world.now), halt).unwrap();
    world.story();
    for _ in 0..11 {
        world.tick();
    }
    assert_eq!(world.story(), ["commit", "cancel"], "nobody answered");
}

#[test]
fn doubts_that_come_and_go_do_not_open_a_venue_that_is_deaf() {
    let mut world = World::new();
    world.desk.venue.listed = None;
    world.load("a", once);
    world.desk.engine = std::mem::replace(
        &mut world.desk.engine,
        Engine::new(super::tests::OpenGate, 9, Money::ZERO),
    )
    .with_doubt_rules(DoubtRules {
        at_most: 1,
        ..DoubtRules::default()
    });
    world.tick();
    let order = world.orders()[0].id;
    let deaf = VenueEvent::Deaf(TimeMs(world.now));
    world.desk.venue.to_say.push(deaf);
    world.say(order, DOUBT);
    world.tick();
    assert_eq!(world.desk.engine.house().unready, Some(Unready::Deaf));
    world.say(order, OrderChange::Accepted);
    world.tick();
    assert_eq!(world.desk.engine.house().unready, Some(Unready::Deaf));
    let listing = Listing {
        asked_at: TimeMs(world.now),
        orders: vec![],
    };
    let event = VenueEvent::Listing(TimeMs(world.now), listing);
    world.desk.venue.to_say.push(event);
    world.tick();
    assert_eq!(world.desk.engine.house().unready, None);
}

#[test]
fn records_amount_to_what_was_when_they_were_written() {
    let (mut world, order) = matched();
    let bank = Money::from_major(1_000);
    let before = Recovery::from_records(&world.desk.journal.records, bank);
    assert_eq!(before.orders.len(), 1);
    assert_eq!(before.orders[0].order, order);
    let settled = Settlement {
        market: MarketId::new(MARKET),
        at: TimeMs(world.now),
        version: 1,
        commission: crate::market::Commission::Rate(Ratio::percent(5)),
        profits: vec![(order.id, Money::from_major(20))],
    };
    world.desk.venue.to_say.push(VenueEvent::Settled(settled));
    world.tick();
    let halt = Command::Trade(TradingState::Halted, "drill".into());
    world.desk.operate(TimeMs(world.now), halt).unwrap();
    let after = Recovery::from_records(&world.desk.journal.records, bank);
    assert!(after.orders.is_empty());
    assert!(after.finished.contains_key(&order.id));
    assert_eq!(after.state, TradingState::Halted);
    let account = &after.accounts["native"];
    assert_eq!(account.bankroll(), world.slot().account.bankroll());
    assert_eq!(account.peak, world.slot().account.peak);
}

#[test]
fn what_an_earlier_session_booked_is_taken_back_and_settled_anew() {
    let market = MarketId::new("1.9");
    let mut order = sending(5);
    advance(&mut order, TimeMs(0), OrderChange::Accepted);
    advance(&mut order, TimeMs(0), FILL);
    order.profit = Some(Money::from_major(20));
    let booked = Recovered {
        market: market.clone(),
        ..recovered(order)
    };
    let strategy = Arc::clone(&booked.strategy);
    let mut account = Account::new(Money::from_major(1_000));
    account.book(TimeMs(0), Money::from_major(19), false);
    let mut world = World::after(Recovery {
        accounts: [(Arc::clone(&strategy), account)].into(),
        settled: vec![Earlier {
            strategy,
            market: market.clone(),
            at: TimeMs(0),
            version: 1,
            gross: Money::from_major(20),
            commission: Money::from_major(1),
            orders: vec![booked],
            stands: true,
        }],
        ..Recovery::default()
    });
    let reversal = Reversal {
        market: market.clone(),
        at: TimeMs(world.now),
        version: 1,
    };
    world
        .desk
        .venue
        .to_say
        .push(VenueEvent::Reversed(reversal.clone()));
    world.tick();
    let house = world.desk.engine.house();
    assert_eq!(house.realised_today, Money::ZERO);
    assert!(house.burden.at_risk.is_positive(), "it is open again");
    let settled = Settlement {
        market,
        at: TimeMs(world.now),
        version: 2,
        commission: Commission::Charged {
            amount: Money::ZERO,
            others: Money::ZERO,
        },
        profits: vec![(OrderId::from_bits(5), Money::from_major(-10))],
    };
    world.desk.venue.to_say.push(VenueEvent::Settled(settled));
    world.tick();
    let house = world.desk.engine.house();
    assert_eq!(house.realised_today, Money::from_major(-10));
    assert_eq!(house.burden.at_risk, Money::ZERO);
    // And that is taken back as well.
    world.desk.venue.to_say.push(VenueEvent::Reversed(reversal));
    world.tick();
    assert_eq!(world.desk.engine.house().realised_today, Money::ZERO);
    let versions: Vec<(u32, bool)> = world
        .desk
        .journal
        .records
        .iter()
        .filter_map(|record| match record {
            Record::Settled {
                version, reversal, ..
            } => Some((*version, *reversal)),
            _ => None,
        })
        .collect();
    assert_eq!(versions, [(1, true), (2, false), (2, true)]);
}

#[test]
fn a_match_that_was_never_heard_of_is_booked_where_the_market_is_not_in_the_books() {
    let market = MarketId::new("1.9");
    let mut order = sending(5);
    advance(&mut order, TimeMs(0), OrderChange::Accepted);
    let stray = Recovered {
        market: market.clone(),
        ..recovered(order)
    };
    let mut world = World::after(Recovery {
        orders: vec![stray],
        ..Recovery::default()
    });
    let settled = Settlement {
        market: market.clone(),
        at: TimeMs(world.now),
        version: 1,
        commission: crate::market::Commission::Rate(Ratio::ZERO),
        profits: vec![(OrderId::from_bits(5), Money::from_major(20))],
    };
    world
        .desk
        .venue
        .to_say
        .push(VenueEvent::Settled(settled.clone()));
    world.tick();
    let house = world.desk.engine.house();
    assert_eq!(house.realised_today, Money::from_major(20));
    assert!(world.desk.engine.orphans().is_empty());
    // Taken back, it waits to be settled anew, though as far as we heard nothing of it was matched.
    let reversal = Reversal {
        market,
        at: TimeMs(world.now),
        version: 1,
    };
    world.desk.venue.to_say.push(VenueEvent::Reversed(reversal));
    world.tick();
    world.tick();
    assert_eq!(world.desk.engine.house().realised_today, Money::ZERO);
    let anew = Settlement {
        version: 2,
        profits: vec![(OrderId::from_bits(5), Money::from_major(-10))],
        ..settled
    };
    world.desk.venue.to_say.push(VenueEvent::Settled(anew));
    world.tick();
    let house = world.desk.engine.house();
    assert_eq!(house.realised_today, Money::from_major(-10));
}
