//! Orders whose terms change, and orders that go to a bookmaker.

use super::*;
use crate::market::{BookName, OrderKind, Persistence, Quote, QuoteChange, RunnerId};

/// A bet at first; then, on each call, a change of the first order.
fn updating(
    wanted: Persistence,
) -> impl FnMut(u64, &Moment<'_>) -> Result<Vec<Intent>, Fault> + 'static {
    move |call, moment| {
        let order = moment.holding.orders().first().map(|order| order.id);
        Ok(match (call, order) {
            (1, _) => vec![Intent::Place(bet())],
            (_, Some(order)) => vec![Intent::Update {
                order,
                persistence: wanted,
            }],
            _ => vec![],
        })
    }
}

fn rejections(world: &World, code: ReasonCode) -> u64 {
    let rejections = &world.slot().totals().rejections;
    rejections.get(&code).copied().unwrap_or(0)
}

#[test]
fn a_change_of_persistence_is_asked_once_and_stands_when_the_venue_says_so() {
    let mut world = World::new();
    world.load("a", updating(Persistence::Persist));
    world.tick();
    let id = world.desk.venue.asked[0];
    world.say(id, OrderChange::Accepted);
    world.tick();
    assert_eq!(world.orders()[0].update_pending, Some(Persistence::Persist));
    assert_eq!(
        world.orders()[0].kind.persistence(),
        Some(Persistence::Lapse)
    );
    world.tick();
    assert_eq!(rejections(&world, ReasonCode::OrderBusy), 1);
    let persistence = Persistence::Persist;
    world.say(id, OrderChange::Updated { persistence });
    world.tick();
    assert_eq!(world.orders()[0].kind.persistence(), Some(persistence));
    assert_eq!(world.orders()[0].update_pending, None);
    assert_eq!(rejections(&world, ReasonCode::PersistenceUnchanged), 1);
    assert_eq!(world.desk.venue.asked.len(), 2, "one place, one update");
}

#[test]
fn a_change_that_failed_leaves_the_order_as_it_was_and_may_be_asked_again() {
    let mut world = World::new();
    world.load("a", updating(Persistence::Persist));
    world.tick();
    let id = world.desk.venue.asked[0];
    world.say(id, OrderChange::Accepted);
    world.tick();
    let reason = VenueReason::MarketNotOpen;
    world.say(id, OrderChange::UpdateFailed { reason });
    world.tick();
    assert_eq!(
        world.orders()[0].kind.persistence(),
        Some(Persistence::Lapse)
    );
    assert_eq!(world.desk.venue.asked.len(), 3, "it asked again");
}

#[test]
fn an_order_being_changed_can_be_cancelled_but_not_moved() {
    let mut world = World::new();
    world.load("a", |call, moment| {
        let order = moment.holding.orders().first().map(|order| order.id);
        let price = Price::from_hundredths(290);
        Ok(match (call, order) {
            (1, _) => vec![Intent::Place(bet())],
            (2, Some(order)) => vec![
                Intent::Update {
                    order,
                    persistence: Persistence::Persist,
                },
                Intent::Replace {
                    order,
                    price,
                    reason: None,
                },
                Intent::Cancel { order, size: None },
            ],
            _ => vec![],
        })
    });
    world.tick();
    world.tick();
    assert_eq!(rejections(&world, ReasonCode::OrderBusy), 1);
    assert_eq!(
        world.story(),
        ["commit", "place", "commit", "update", "cancel"]
    );
}

#[test]
fn only_limit_orders_have_a_persistence() {
    let mut world = World::new();
    let mut update = updating(Persistence::Persist);
    world.load("a", move |call, moment| {
        if call > 1 {
            return update(call, moment);
        }
        let liability = Money::from_major(10);
        Ok(vec![Intent::Place(Place {
            kind: OrderKind::MarketOnClose { liability },
            ..bet()
        })])
    });
    world.tick();
    world.tick();
    assert_eq!(rejections(&world, ReasonCode::OrderNotLimit), 1);
}

fn quoted(world: &mut World, quotes: &[(&str, u64)]) {
    let mut delta = levels(1, &[]);
    for &(book, hundredths) in quotes {
        let quote = Quote {
            book: BookName::new(book),
            price: Price::from_hundredths(hundredths),
            limit: None,
            updated_at: TimeMs(0),
        };
        let change = QuoteChange::Offers(quote);
        delta.quotes.push((RunnerId::new(1), change));
    }
    world.step(&delta);
}

fn book_of_first_order(world: &World) -> Option<String> {
    let book = world.orders()[0].book.clone();
    book.map(|book| book.to_string())
}

#[test]
fn where_only_bookmakers_offer_an_order_that_names_none_goes_to_the_best() {
    let mut world = World::new();
    world.load("a", once);
    quoted(&mut world, &[("a", 300), ("b", 310), ("c", 305)]);
    assert_eq!(book_of_first_order(&world).as_deref(), Some("b"));
}

#[test]
fn beside_an_exchange_an_order_goes_to_a_bookmaker_only_if_it_names_it() {
    for (named, book) in [
        (None, None),
        (Some("betfair"), None),
        (Some("b"), Some("b")),
    ] {
        let mut world = World::new();
        world.tick();
        world.load("a", move |call, _| {
            let place = Place {
                book: named.map(BookName::new),
                ..bet()
            };
            Ok(if call == 1 {
                vec![Intent::Place(place)]
            } else {
                vec![]
            })
        });
        quoted(&mut world, &[("b", 310)]);
        assert_eq!(book_of_first_order(&world).as_deref(), book);
    }
}

#[test]
fn bookmakers_take_no_commission_and_the_exchange_takes_it_from_what_was_won_there() {
    let mut world = World::new();
    world.tick();
    world.load("a", |call, _| {
        let with_book = Place {
            book: Some(BookName::new("b")),
            ..bet()
        };
        Ok(match call {
            1 => vec![Intent::Place(bet()), Intent::Place(with_book)],
            _ => vec![],
        })
    });
    quoted(&mut world, &[("b", 310)]);
    let asked = world.desk.venue.asked.clone();
    for &id in &asked {
        world.say(id, OrderChange::Accepted);
        world.say(id, FILL);
    }
    world.tick();
    world
        .desk
        .venue
        .to_say
        .push(VenueEvent::Settled(Settlement {
            market: MarketId::new(MARKET),
            at: TimeMs(world.now),
            version: 1,
            commission: crate::market::Commission::Rate(
                crate::market::Ratio::from_millionths(50_000).unwrap(),
            ),
            profits: asked
                .iter()
                .map(|&id| (id, Money::from_major(20)))
                .collect(),
        }));
    world.tick();
    let totals = world.slot().totals();
    assert_eq!(totals.gross, Money::from_major(40));
    assert_eq!(totals.commission, Money::from_major(1));
}
