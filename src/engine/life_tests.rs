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
fn three_doubts_within_a_minute_and_the_venue_gets_no_more_orders() {
    for (apart_ms, unready) in [(60_000, Some(Unready::Doubts)), (60_001, None)] {
        let mut world = World::new();
        world.desk.venue.listed = None;
        world.load("a", |call, _| {
            let three = (1..4)
                .map(|runner| super::testing::limit(runner, crate::market::Side::Back, 300, 1_000));
            Ok(match call {
                1 => three.map(Intent::Place).collect(),
                _ => vec![],
            })
        });
        world.tick();
        let orders: Vec<OrderId> = world.orders().iter().map(|order| order.id).collect();
        let first = world.now;
        for (order, at) in orders.iter().zip([first, first, first + apart_ms]) {
            world.now = at;
            world.say(*order, DOUBT);
            world.tick();
        }
        assert_eq!(
            world.desk.engine.house().unready,
            unready,
            "the last one {apart_ms} ms after the others"
        );
    }
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

/// The name of a market that is not in the books.
const ELSEWHERE: &str = "1.9";

/// An order of an earlier session, resting in a market that is not in the books.
fn stray(order: Order) -> Recovered {
    let market = MarketId::new(ELSEWHERE);
    Recovered {
        strategy: "native".into(),
        scopes: Scopes::unknown(&market),
        market,
        liability: Money::from_major(10),
        order,
    }
}

fn working(id: u128) -> Order {
    let mut order = Order::new(OrderId::from_bits(id), &bet(), TimeMs(0));
    advance(&mut order, TimeMs(0), OrderChange::Accepted);
    order
}

fn after(orders: Vec<Recovered>) -> World {
    let world = World::after(Recovery {
        orders,
        ..Recovery::default()
    });
    world.story();
    world
}

fn elsewhere() -> crate::market::MarketDelta {
    let mut delta = defined(definition(3, 1));
    delta.market = MarketId::new(ELSEWHERE);
    delta
}

#[test]
fn a_halt_cancels_what_rests_where_neither_market_nor_strategy_is_there() {
    let mut world = after(vec![stray(working(5))]);
    let halt = Command::Trade(TradingState::Halted, "drill".into());
    world.desk.operate(TimeMs(world.now), halt).unwrap();
    assert_eq!(world.story(), ["commit", "cancel"]);
    wait(&mut world, 11);
    let asked = world.story();
    assert!(
        asked.contains(&"cancel".to_owned()),
        "its answer was lost: {asked:?}"
    );
    world
        .desk
        .venue
        .to_say
        .push(VenueEvent::Order(crate::market::OrderEvent {
            market: MarketId::new(ELSEWHERE),
            order: OrderId::from_bits(5),
            at: TimeMs(world.now),
            change: OrderChange::Cancelled {
                size: Money::from_major(10),
            },
        }));
    world.tick();
    assert!(world.desk.engine.orphans().is_empty(), "it is over");
    let house = world.desk.engine.house();
    assert_eq!(house.burden, Burden::default());
    assert_eq!(house.at_risk.event("1"), Money::ZERO);
}

/// The venue tells of a bet elsewhere that is none of ours.
fn a_bet_of_others_is_heard_of(world: &mut World) {
    let of_others = OrderStatement {
        order: None,
        market: MarketId::new(ELSEWHERE),
        ..statement(&working(9), 4)
    };
    let event = VenueEvent::Statement(TimeMs(world.now), of_others);
    world.desk.venue.to_say.push(event);
    world.tick();
}

#[test]
fn what_is_not_known_counts_everywhere_and_where_it_belongs_once_its_market_is_defined() {
    let mut world = after(vec![stray(working(5))]);
    a_bet_of_others_is_heard_of(&mut world);
    let at_risk = |world: &World| {
        let at_risk = &world.desk.engine.house().at_risk;
        (
            at_risk.event("1"),
            at_risk.event("2"),
            at_risk.venue("betfair"),
        )
    };
    // Each-way the bet of others would be two; what ours could lose is known.
    let worst = Money::from_major(30);
    assert_eq!(at_risk(&world), (worst, worst, worst));
    let both = Money::from_major(20);
    world.step(&elsewhere());
    assert_eq!(at_risk(&world), (both, Money::ZERO, both));
    assert_eq!(
        world.desk.engine.orphans().len(),
        1,
        "its strategy is not there"
    );
    world.load("a", |_, _| Ok(vec![]));
    assert!(
        world.desk.engine.orphans().is_empty(),
        "its strategy has it"
    );
    assert_eq!(at_risk(&world), (both, Money::ZERO, both));
}

#[test]
fn a_market_that_is_not_in_the_books_is_settled_like_others() {
    let mut order = working(5);
    advance(&mut order, TimeMs(0), super::tests::FILL);
    let mut world = after(vec![stray(order), stray(working(6))]);
    a_bet_of_others_is_heard_of(&mut world);
    let settled = crate::market::Settlement {
        market: MarketId::new(ELSEWHERE),
        at: TimeMs(world.now),
        version: 1,
        commission: crate::market::Commission::Rate(crate::market::Ratio::percent(5)),
        profits: vec![(OrderId::from_bits(5), Money::from_major(20))],
    };
    world.desk.venue.to_say.push(VenueEvent::Settled(settled));
    world.tick();
    assert_eq!(world.desk.engine.house().burden, Burden::default());
    assert_eq!(
        world.desk.engine.house().realised_today,
        Money::from_major(19)
    );
    assert!(world.desk.engine.orphans().is_empty());
    world.load("a", |_, _| Ok(vec![]));
    assert_eq!(world.slot().account.bankroll(), Money::from_major(1_019));
    let records = &world.desk.journal.records;
    let after = Recovery::from_records(records, Money::from_major(1_000));
    assert_eq!(after.accounts["native"].realised, Money::from_major(19));
}

#[test]
fn a_settlement_taken_back_that_nobody_booked_calls_a_person() {
    let mut world = World::new();
    let reversal = crate::market::Reversal {
        market: MarketId::new(MARKET),
        at: TimeMs(world.now),
        version: 1,
    };
    world.desk.venue.to_say.push(VenueEvent::Reversed(reversal));
    world.tick();
    let alarms: Vec<Notice> = world.desk.notices().collect();
    assert!(
        matches!(
            &alarms[..],
            [Notice::Alarm {
                code: "SETTLEMENT_UNKNOWN",
                ..
            }]
        ),
        "{alarms:?}"
    );
}

#[test]
fn the_kill_switch_stops_an_order_from_living_longer_and_no_cancel() {
    for (wanted, leaves) in [
        (
            Intent::Update {
                order: OrderId::from_bits(0),
                persistence: crate::market::Persistence::Persist,
            },
            false,
        ),
        (
            Intent::Update {
                order: OrderId::from_bits(0),
                persistence: crate::market::Persistence::Lapse,
            },
            true,
        ),
        (
            Intent::Cancel {
                order: OrderId::from_bits(0),
                size: None,
            },
            true,
        ),
    ] {
        let mut world = World::new();
        world.load("a", move |call, moment| {
            let order = moment.holding.orders().first().map(|order| order.id);
            Ok(match (call, order, wanted.clone()) {
                (1, ..) => {
                    let mut place = bet();
                    place.kind = place
                        .kind
                        .with_persistence(crate::market::Persistence::MarketOnClose);
                    vec![Intent::Place(place)]
                }
                (3, Some(order), Intent::Update { persistence, .. }) => {
                    vec![Intent::Update { order, persistence }]
                }
                (3, Some(order), _) => vec![Intent::Cancel { order, size: None }],
                _ => vec![],
            })
        });
        world.tick();
        let order = world.orders()[0].id;
        world.say(order, OrderChange::Accepted);
        world.tick();
        world.story();
        let now = TimeMs(world.now + 1_000);
        let delta = super::testing::levels(1, &[(crate::market::LadderKind::Back, 300, 10)]);
        let stop = |_: &crate::market::Instruction| Sending::Stopped;
        world.desk.step_guarded(now, now, &delta, stop).unwrap();
        world.now += 1_000;
        let left = world
            .story()
            .iter()
            .any(|what| what == "update" || what == "cancel");
        assert_eq!(left, leaves, "{:?}", world.orders());
        world.tick();
        let pending = world.orders()[0].update_pending;
        assert!(leaves || pending.is_none(), "it is told that nothing left");
    }
}

#[test]
fn a_session_without_end_does_not_grow() {
    let mut world = World::new();
    world.load("a", |_, moment| {
        let new = moment.holding.orders().is_empty();
        Ok(if new {
            vec![Intent::Place(bet())]
        } else {
            vec![]
        })
    });
    let mut sizes = Vec::new();
    let mut told = 0;
    // A market an hour for three weeks; each is bet in, filled, closed and settled.
    for hour in 0..24 * 21_i64 {
        let id = MarketId::new(&format!("2.{hour}"));
        let mut delta = defined(definition(3, 1));
        delta.market = id.clone();
        world.step(&delta);
        let orders = world.orders().into_iter();
        let order = orders.max_by_key(|order| order.requested_at).unwrap().id;
        for change in [OrderChange::Accepted, super::tests::FILL] {
            world
                .desk
                .venue
                .to_say
                .push(VenueEvent::Order(crate::market::OrderEvent {
                    market: id.clone(),
                    order,
                    at: TimeMs(world.now),
                    change,
                }));
        }
        let profit = Money::from_major(if hour % 2 == 0 { 20 } else { -10 });
        let settled = crate::market::Settlement {
            market: id.clone(),
            at: TimeMs(world.now),
            version: 1,
            commission: crate::market::Commission::Rate(crate::market::Ratio::ZERO),
            profits: vec![(order, profit)],
        };
        world.desk.venue.to_say.push(VenueEvent::Settled(settled));
        let mut closed = definition(3, 1);
        closed.status = crate::market::MarketStatus::Closed;
        let mut delta = defined(closed);
        delta.market = id;
        world.step(&delta);
        world.now += 3_600_000 - 2_000;
        told += world.desk.forget_past(TimeMs(world.now)).len();
        let engine = &world.desk.engine;
        sizes.push([
            world.desk.books.iter().count(),
            engine.slots[0].desks.len(),
            engine.owners.len(),
            engine.finished.len(),
            engine.settled.len(),
            engine.slots[0].totals.settled.len(),
        ]);
    }
    let (middle, mut end) = (sizes[24 * 14 - 1], sizes[24 * 21 - 1]);
    let results = end.last_mut().expect("there are sizes");
    assert_eq!(*results, middle[5] + 7, "one result for each past day");
    *results = middle[5];
    assert_eq!(middle, end, "no size grows in the third week");
    assert!(end[0] <= 51, "two days of markets: {end:?}");
    assert_eq!(told, 24 * 21 - 48);
    let totals = world.slot().totals();
    let markets = 24 * 21;
    assert_eq!(totals.matched, markets);
    assert_eq!(
        totals.turnover,
        Money::from_major(10).scaled(i64::try_from(markets).unwrap(), 1)
    );
    assert_eq!(
        totals.gross,
        Money::from_major(5).scaled(i64::try_from(markets).unwrap(), 1)
    );
}
