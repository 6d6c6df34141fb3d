//! The exchange by example: one market, one order or two, and what becomes of them.

use super::*;
use crate::engine::testing::{MARKET, Pass, defined, definition, instruction, levels, limit};
use crate::market::{
    FillOrKill, LadderKind as L, MarketDefinition, OrderKind, Persistence, Place, RunnerId,
    RunnerStatus, Settlement, Side,
};
use proptest::prelude::*;

mod books;
mod models;
mod outlooks;
mod updates;

/// A market on the exchange, moved by hand.
struct World {
    exchange: Exchange,
    books: Books,
    heard: Vec<VenueEvent>,
    now: TimeMs,
}

impl World {
    /// Runner 1: 3.0 × 10 and 2.9 × 20 to back; 3.1 × 10 and 3.2 × 20 to lay.
    fn new() -> Self {
        Self::with(|_| {})
    }

    /// In the reference model.
    fn reference() -> Self {
        Self::with(|settings| settings.fill = Fill::Reference)
    }

    /// In the strict model with this outlook.
    fn strict(outlook: Outlook) -> Self {
        Self::with(|settings| settings.outlook = outlook)
    }

    fn with(change: impl FnOnce(&mut ExchangeSettings)) -> Self {
        let mut settings = ExchangeSettings::default();
        change(&mut settings);
        let mut world = Self {
            exchange: Exchange::new(settings),
            books: Books::default(),
            heard: vec![],
            now: TimeMs(0),
        };
        world.update(0, &defined(definition(3, 1)));
        let book = [
            (L::Back, 300, 10),
            (L::Back, 290, 20),
            (L::Lay, 310, 10),
            (L::Lay, 320, 20),
        ];
        world.update(1, &levels(1, &book));
        world
    }

    fn update(&mut self, at: i64, delta: &MarketDelta) {
        self.now = TimeMs(at);
        Venue::<Pass>::observe(
            &mut self.exchange,
            self.now,
            &self.books,
            delta,
            &mut self.heard,
        );
        self.books.apply(self.now, delta);
    }

    fn redefine(&mut self, at: i64, change: impl FnOnce(&mut MarketDefinition)) {
        let mut new = MarketDefinition::clone(
            &self
                .books
                .market(&MarketId::new(MARKET))
                .unwrap()
                .definition,
        );
        change(&mut new);
        self.update(at, &defined(new));
    }

    fn ask(&mut self, id: u128, place: &Place) {
        let request = Request::Place(Pass(instruction(id, place)));
        self.exchange.submit(self.now, &self.books, request);
    }

    /// Places an order and lets it take effect.
    fn place(&mut self, id: u128, place: &Place) {
        self.ask(id, place);
        self.pass_time(1_000);
    }

    fn pass_time(&mut self, ms: i64) {
        self.update(self.now.0 + ms, &levels(3, &[]));
    }

    fn changes(&mut self, id: u128) -> Vec<OrderChange> {
        let of_order = |event: &VenueEvent| match event {
            VenueEvent::Order(event) if event.order == OrderId::from_bits(id) => Some(event.change),
            _ => None,
        };
        self.heard.iter().filter_map(of_order).collect()
    }

    fn settle(&mut self, winner: u64) -> Settlement {
        let at = self.now.0 + 1;
        self.redefine(at, |market| {
            market.status = MarketStatus::Closed;
            for runner in market
                .runners
                .iter_mut()
                .filter(|r| r.status == RunnerStatus::Active)
            {
                let won = runner.id == RunnerId::new(winner);
                runner.status = if won {
                    RunnerStatus::Winner
                } else {
                    RunnerStatus::Loser
                };
            }
        });
        match self.heard.pop() {
            Some(VenueEvent::Settled(settlement)) => settlement,
            other => panic!("expected a settlement, got {other:?}"),
        }
    }

    fn profit(&mut self, winner: u64) -> Money {
        self.settle(winner)
            .profits
            .iter()
            .map(|&(_, profit)| profit)
            .sum()
    }
}

fn p(hundredths: u64) -> Price {
    Price::from_hundredths(hundredths)
}

fn matched(hundredths: u64, pence: i64) -> OrderChange {
    OrderChange::Matched {
        price: p(hundredths),
        size: Money::from_minor(pence),
    }
}

fn on_close(side: Side, price: Option<u64>, pounds: i64) -> Place {
    let liability = Money::from_major(pounds);
    let kind = match price {
        Some(hundredths) => OrderKind::LimitOnClose {
            price: p(hundredths),
            liability,
        },
        None => OrderKind::MarketOnClose { liability },
    };
    Place {
        kind,
        ..limit(1, side, 300, 0)
    }
}

#[test]
fn an_order_takes_effect_only_after_its_latency() {
    let mut world = World::new();
    world.ask(1, &limit(1, Side::Back, 300, 200));
    world.pass_time(120);
    assert_eq!(world.changes(1), [], "exactly the latency is too early");
    world.pass_time(1);
    assert_eq!(world.changes(1), [OrderChange::Accepted, matched(300, 200)]);
}

#[test]
fn in_play_the_bet_delay_comes_on_top() {
    let mut world = World::new();
    world.redefine(2, |market| {
        market.in_play = true;
        market.bet_delay_seconds = 5;
    });
    world.ask(1, &limit(1, Side::Back, 300, 200));
    world.pass_time(5_120);
    assert_eq!(world.changes(1), []);
    world.pass_time(1);
    assert_eq!(world.changes(1).len(), 2);
}

#[test]
fn a_back_takes_level_by_level_at_each_levels_price_and_rests_with_what_is_left() {
    let mut world = World::new();
    world.place(1, &limit(1, Side::Back, 290, 4_000));
    assert_eq!(
        world.changes(1),
        [
            OrderChange::Accepted,
            matched(300, 1_000),
            matched(290, 2_000)
        ]
    );
    let traded = levels(1, &[(L::Traded, 290, 48)]);
    world.update(2_000, &traded);
    assert_eq!(
        world.changes(1).last(),
        Some(&matched(290, 400)),
        "half of what is reported meets it, less the 20.00 it took itself"
    );
}

#[test]
fn a_lay_takes_from_the_other_side() {
    let mut world = World::new();
    world.place(1, &limit(1, Side::Lay, 320, 1_500));
    assert_eq!(
        world.changes(1),
        [
            OrderChange::Accepted,
            matched(310, 1_000),
            matched(320, 500)
        ]
    );
}

#[test]
fn a_resting_order_waits_for_the_queue_ahead_of_it() {
    let mut world = World::new();
    world.place(1, &limit(1, Side::Back, 310, 200));
    world.update(2_000, &levels(1, &[(L::Traded, 310, 20)]));
    assert_eq!(
        world.changes(1),
        [OrderChange::Accepted],
        "10.00 stood ahead of it"
    );
    world.update(3_000, &levels(1, &[(L::Traded, 310, 22)]));
    assert_eq!(world.changes(1).last(), Some(&matched(310, 100)));
    world.update(4_000, &levels(1, &[(L::Traded, 330, 50)]));
    assert_eq!(
        world.changes(1).last(),
        Some(&matched(310, 100)),
        "a trade beyond fills at the order's price"
    );
}

#[test]
fn trades_at_a_worse_price_meet_nobody() {
    let mut world = World::new();
    world.place(1, &limit(1, Side::Back, 310, 200));
    world.update(2_000, &levels(1, &[(L::Traded, 300, 500)]));
    assert_eq!(world.changes(1), [OrderChange::Accepted]);
}

#[test]
fn a_suspended_market_refuses() {
    let mut world = World::new();
    world.redefine(2, |market| market.status = MarketStatus::Suspended);
    world.place(1, &limit(1, Side::Back, 300, 200));
    assert_eq!(
        world.changes(1),
        [OrderChange::Rejected {
            reason: VenueReason::MarketNotOpen
        }]
    );
}

#[test]
fn a_suspension_with_a_new_version_lapses_what_does_not_persist() {
    let mut world = World::new();
    world.place(1, &limit(1, Side::Back, 400, 200));
    let mut persist = limit(1, Side::Back, 400, 200);
    if let OrderKind::Limit { persistence, .. } = &mut persist.kind {
        *persistence = Persistence::Persist;
    }
    world.place(2, &persist);
    world.redefine(5_000, |market| {
        market.status = MarketStatus::Suspended;
        market.version = 2;
    });
    let lapsed = OrderChange::Lapsed {
        size: Money::from_major(2),
        reason: VenueReason::Suspended,
    };
    assert_eq!(world.changes(1).last(), Some(&lapsed));
    assert_eq!(world.changes(2), [OrderChange::Accepted]);
}

#[test]
fn fill_or_kill_fills_or_leaves_no_trace() {
    let terms = |min_fill| {
        let mut place = limit(1, Side::Back, 290, 4_000);
        if let OrderKind::Limit { fill_or_kill, .. } = &mut place.kind {
            *fill_or_kill = Some(FillOrKill { min_fill });
        }
        place
    };
    let mut world = World::new();
    world.place(1, &terms(None));
    let all = OrderChange::Cancelled {
        size: Money::from_major(40),
    };
    assert_eq!(world.changes(1), [OrderChange::Accepted, all]);
    world.place(2, &terms(Some(Money::from_major(25))));
    let rest = OrderChange::Cancelled {
        size: Money::from_major(10),
    };
    assert_eq!(
        world.changes(2),
        [
            OrderChange::Accepted,
            matched(300, 1_000),
            matched(290, 2_000),
            rest
        ]
    );
}

#[test]
fn a_replace_moves_what_remains_and_no_more() {
    let mut world = World::new();
    world.place(1, &limit(1, Side::Back, 400, 1_000));
    let with = Pass(instruction(2, &limit(1, Side::Back, 300, 1_000)));
    let market = MarketId::new(MARKET);
    let order = OrderId::from_bits(1);
    world.exchange.submit(
        world.now,
        &world.books,
        Request::Replace {
            market,
            order,
            price: p(300),
            with,
        },
    );
    world.update(world.now.0 + 100, &levels(1, &[(L::Traded, 400, 8)]));
    world.pass_time(1_000);
    assert_eq!(
        world.changes(1).last(),
        Some(&OrderChange::Cancelled {
            size: Money::from_major(6)
        })
    );
    let less = OrderChange::Cancelled {
        size: Money::from_major(4),
    };
    assert_eq!(
        world.changes(2),
        [OrderChange::Accepted, less, matched(300, 600)]
    );
}

#[test]
fn a_cancel_of_a_finished_order_fails_with_a_reason() {
    let mut world = World::new();
    world.place(1, &limit(1, Side::Back, 300, 200));
    let request = Request::<Pass>::Cancel {
        market: MarketId::new(MARKET),
        order: OrderId::from_bits(1),
        size: None,
    };
    world.exchange.submit(world.now, &world.books, request);
    world.pass_time(1_000);
    let failed = OrderChange::CancelFailed {
        reason: VenueReason::NothingRemains,
    };
    assert_eq!(world.changes(1).last(), Some(&failed));
}

fn reconcile(world: &mut World, bsp: f64) {
    world.redefine(600_000, |market| {
        market.bsp_reconciled = true;
        market.runners[0].bsp = Price::nearest(bsp);
    });
}

#[test]
fn on_close_orders_are_matched_at_the_starting_price() {
    let mut world = World::new();
    world.place(1, &on_close(Side::Back, None, 10));
    world.place(2, &on_close(Side::Lay, None, 100));
    world.place(3, &on_close(Side::Back, Some(300), 10));
    world.place(4, &on_close(Side::Lay, Some(200), 10));
    reconcile(&mut world, 2.514);
    let at_bsp = |pence| OrderChange::Matched {
        price: Price::nearest(2.514).unwrap(),
        size: Money::from_minor(pence),
    };
    assert_eq!(world.changes(1).last(), Some(&at_bsp(1_000)));
    assert_eq!(world.changes(2).last(), Some(&at_bsp(6_605)));
    for beyond in [3, 4] {
        let reason = VenueReason::StartingPriceBeyondLimit;
        assert_eq!(
            world.changes(beyond).last(),
            Some(&OrderChange::Lapsed {
                size: Money::from_major(10),
                reason
            })
        );
    }
}

#[test]
fn on_close_orders_are_refused_once_the_starting_price_is_set() {
    let mut world = World::new();
    reconcile(&mut world, 2.5);
    world.place(1, &on_close(Side::Back, None, 10));
    assert_eq!(
        world.changes(1),
        [OrderChange::Rejected {
            reason: VenueReason::NoStartingPrice
        }]
    );
}

#[test]
fn a_limit_order_may_go_to_the_starting_price() {
    let mut world = World::new();
    for (id, pence) in [(1, 1_000), (2, 400)] {
        let mut place = limit(1, Side::Lay, 250, pence);
        if let OrderKind::Limit { persistence, .. } = &mut place.kind {
            *persistence = Persistence::MarketOnClose;
        }
        world.place(id, &place);
    }
    reconcile(&mut world, 4.0);
    assert_eq!(
        world.changes(1).last(),
        Some(&matched(400, 500)),
        "15.00 at risk is 5.00 at 4.0"
    );
    let reason = VenueReason::StartingPriceBeyondLimit;
    assert_eq!(
        world.changes(2).last(),
        Some(&OrderChange::Lapsed {
            size: Money::from_major(4),
            reason
        })
    );
}

#[test]
fn a_withdrawal_before_a_bet_was_struck_does_not_touch_it() {
    let mut world = World::new();
    world.redefine(2, |market| {
        market.runners[1].status = RunnerStatus::Removed;
        market.runners[1].adjustment_factor = Some(3_000);
    });
    world.place(1, &limit(1, Side::Back, 300, 1_000));
    world.redefine(9_000, |market| market.version += 1);
    assert_eq!(
        world.changes(1),
        [OrderChange::Accepted, matched(300, 1_000)]
    );
    assert_eq!(world.profit(1), Money::from_major(20));
}

#[test]
fn a_withdrawn_runner_voids_its_bets_and_reduces_the_others() {
    let mut world = World::new();
    world.place(1, &limit(1, Side::Back, 300, 1_000));
    world.place(2, &limit(2, Side::Back, 300, 1_000));
    world.redefine(9_000, |market| {
        market.runners[1].status = RunnerStatus::Removed;
        market.runners[1].adjustment_factor = Some(2_000);
    });
    assert_eq!(
        world.changes(2).last(),
        Some(&OrderChange::Voided {
            reason: VenueReason::RunnerRemoved
        })
    );
    assert!(matches!(
        world.changes(1).last(),
        Some(OrderChange::Repriced { .. })
    ));
    assert_eq!(
        world.profit(1),
        Money::from_major(14),
        "3.0 less 20 % is 2.4"
    );
}

#[test]
fn settlement_pays_winners_and_takes_from_losers() {
    for (winner, expected) in [(1, 2_000 - 2_100 - 4_400), (2, -1_000 + 3_000)] {
        let mut world = World::new();
        world.place(1, &limit(1, Side::Back, 300, 1_000));
        world.place(2, &limit(1, Side::Lay, 310, 1_000));
        world.place(3, &limit(1, Side::Lay, 320, 2_000));
        // Order 2 has taken all that was at 3.1: order 3 takes 20.00 at 3.2.
        assert_eq!(world.profit(winner), Money::from_minor(expected));
    }
}

#[test]
fn a_dead_heat_divides_the_stake() {
    let mut world = World::new();
    world.place(1, &limit(1, Side::Back, 300, 1_000));
    world.redefine(9_000, |market| {
        market.status = MarketStatus::Closed;
        for runner in &mut market.runners[..2] {
            runner.status = RunnerStatus::Winner;
        }
    });
    let Some(VenueEvent::Settled(settlement)) = world.heard.pop() else {
        panic!("not settled")
    };
    assert_eq!(
        settlement.profits,
        [(OrderId::from_bits(1), Money::from_major(5))]
    );
}

#[test]
fn closing_lapses_what_rests_and_rejects_what_is_on_its_way() {
    let mut world = World::new();
    world.place(1, &limit(1, Side::Back, 400, 200));
    world.ask(2, &limit(1, Side::Back, 300, 200));
    assert_eq!(world.settle(1).profits, []);
    let reason = VenueReason::MarketClosed;
    assert_eq!(
        world.changes(1).last(),
        Some(&OrderChange::Lapsed {
            size: Money::from_major(2),
            reason
        })
    );
    assert_eq!(world.changes(2), [OrderChange::Rejected { reason }]);
    assert!(
        world.exchange.markets.is_empty(),
        "nothing is kept of a settled market"
    );
}

proptest! {
    /// Whatever happens, the parts of an order add up to its size, and it is never matched beyond what traded.
    #[test]
    fn an_order_is_never_matched_beyond_its_size_or_what_was_there(
        back: bool,
        ticks in 0_u64..6,
        pence in 100_i64..6_000,
        trades in proptest::collection::vec((0_u64..6, 0_i64..40), 0..12),
    ) {
        let mut world = World::new();
        let side = if back { Side::Back } else { Side::Lay };
        let size = Money::from_minor(pence);
        world.place(1, &limit(1, side, 280 + ticks * 10, pence));
        let mut totals = [0_i64; 6];
        for (at, more) in trades {
            totals[at as usize] += more;
            let total = totals[at as usize];
            world.update(world.now.0 + 10, &levels(1, &[(L::Traded, 280 + at * 10, total)]));
        }
        let total: Money = world.changes(1).iter().map(|change| match change {
            OrderChange::Matched { size, .. } => *size,
            _ => Money::ZERO,
        }).sum();
        let there = Money::from_major(30) + Money::from_minor(totals.iter().sum::<i64>() * 50);
        prop_assert!(total <= size && total <= there);
    }
}
