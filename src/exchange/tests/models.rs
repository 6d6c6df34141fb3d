//! Where the models differ, and the rules of each that a recording is needed to notice.

use super::*;

fn sizes(world: &mut World, id: u128) -> Vec<i64> {
    let of = |change: &OrderChange| match change {
        OrderChange::Matched { size, .. } => Some(size.minor()),
        _ => None,
    };
    world.changes(id).iter().filter_map(of).collect()
}

fn matched_in_all(world: &mut World, id: u128) -> i64 {
    sizes(world, id).iter().sum()
}

/// Three runners with this book of runner 1.
fn show(world: &mut World, at: i64, book: &[(L, u64, i64)]) {
    world.update(at, &levels(1, book));
}

fn with_persistence(mut place: Place, wanted: Persistence) -> Place {
    if let OrderKind::Limit { persistence, .. } = &mut place.kind {
        *persistence = wanted;
    }
    place
}

fn fill_or_kill(price: u64, pence: i64, min_fill: Option<i64>) -> Place {
    let mut place = limit(1, Side::Back, price, pence);
    if let OrderKind::Limit { fill_or_kill, .. } = &mut place.kind {
        let min_fill = min_fill.map(Money::from_minor);
        *fill_or_kill = Some(FillOrKill { min_fill });
    }
    place
}

#[test]
fn what_was_taken_is_taken_but_in_the_reference() {
    for (mut world, second) in [(World::new(), 0), (World::reference(), 1_000)] {
        world.place(1, &limit(1, Side::Back, 300, 1_000));
        world.place(2, &limit(1, Side::Back, 300, 1_000));
        assert_eq!(matched_in_all(&mut world, 1), 1_000);
        assert_eq!(matched_in_all(&mut world, 2), second);
    }
}

#[test]
fn another_strategy_feels_nothing_of_what_one_took() {
    let mut world = World::new();
    world.place(1, &limit(1, Side::Back, 300, 1_000));
    let mut order = instruction(2, &limit(1, Side::Back, 300, 1_000));
    order.strategy = "another".into();
    let request = Request::Place(Pass(order));
    world.exchange.submit(world.now, &world.books, request);
    world.pass_time(1_000);
    assert_eq!(matched_in_all(&mut world, 2), 1_000);
}

#[test]
fn what_was_taken_comes_back_as_far_as_the_level_grows() {
    for (outlook, shown, back) in [
        (Outlook::Neutral, 10, 0),
        (Outlook::Neutral, 7, 0),
        (Outlook::Neutral, 13, 300),
        (Outlook::Optimistic, 10, 0),
        (Outlook::Optimistic, 7, 700),
    ] {
        let mut world = World::strict(outlook);
        world.place(1, &limit(1, Side::Back, 300, 1_000));
        show(&mut world, 5_000, &[(L::Back, 300, shown)]);
        world.place(2, &limit(1, Side::Back, 300, 2_000));
        assert_eq!(matched_in_all(&mut world, 2), back, "{outlook:?} {shown}");
    }
}

#[test]
fn a_level_that_was_gone_comes_back_whole() {
    let mut world = World::new();
    world.place(1, &limit(1, Side::Back, 300, 1_000));
    show(&mut world, 5_000, &[(L::Back, 300, 0)]);
    show(&mut world, 5_100, &[(L::Back, 300, 10)]);
    world.place(2, &limit(1, Side::Back, 300, 1_000));
    assert_eq!(matched_in_all(&mut world, 2), 1_000);
}

/// 10.00 stand ahead; then the level grows to 30.00 behind, and shrinks to 12.00 without a trade.
#[test]
fn a_queue_shortens_by_cancellations_as_the_outlook_says() {
    for (outlook, ahead) in [
        (Outlook::Pessimistic, 10),
        (Outlook::Neutral, 4),
        (Outlook::Optimistic, 0),
    ] {
        let mut world = World::strict(outlook);
        world.place(1, &limit(1, Side::Back, 310, 5_000));
        show(&mut world, 5_000, &[(L::Lay, 310, 30)]);
        show(&mut world, 6_000, &[(L::Lay, 310, 12)]);
        show(&mut world, 7_000, &[(L::Lay, 310, 0), (L::Traded, 310, 24)]);
        assert_eq!(
            matched_in_all(&mut world, 1),
            1_200 - ahead * 100,
            "{outlook:?}"
        );
    }
}

#[test]
fn no_more_can_be_ahead_than_shows() {
    let mut world = World::strict(Outlook::Pessimistic);
    world.place(1, &limit(1, Side::Back, 310, 5_000));
    show(&mut world, 5_000, &[(L::Lay, 310, 3)]);
    show(&mut world, 6_000, &[(L::Traded, 310, 10)]);
    assert_eq!(matched_in_all(&mut world, 1), 200);
}

#[test]
fn a_traded_bet_is_not_also_taken_for_a_cancelled_one() {
    let mut world = World::strict(Outlook::Optimistic);
    world.place(1, &limit(1, Side::Back, 310, 5_000));
    show(&mut world, 5_000, &[(L::Lay, 310, 30)]);
    // 5.00 ahead are matched and leave the level: 5.00 stay ahead.
    show(
        &mut world,
        6_000,
        &[(L::Lay, 310, 25), (L::Traded, 310, 10)],
    );
    show(&mut world, 7_000, &[(L::Traded, 310, 30)]);
    assert_eq!(matched_in_all(&mut world, 1), 500);
}

#[test]
fn trades_of_the_update_an_order_came_with_count_only_in_the_reference() {
    for (mut world, matched) in [(World::new(), 0), (World::reference(), 200)] {
        world.ask(1, &limit(1, Side::Back, 400, 200));
        show(&mut world, 1_000, &[(L::Traded, 400, 50)]);
        assert_eq!(matched_in_all(&mut world, 1), matched);
    }
}

#[test]
fn an_offer_that_comes_to_a_resting_order_fills_it_at_its_own_price() {
    for (outlook, offered, filled) in [
        (Outlook::Neutral, 310, 200),
        (Outlook::Pessimistic, 310, 0),
        (Outlook::Pessimistic, 320, 200),
        (Outlook::Optimistic, 305, 0),
    ] {
        let mut world = World::strict(outlook);
        world.place(1, &limit(1, Side::Back, 310, 500));
        show(
            &mut world,
            5_000,
            &[(L::Lay, 310, 0), (L::Lay, 320, 0), (L::Back, offered, 2)],
        );
        world.pass_time(50);
        world.pass_time(50);
        assert_eq!(
            matched_in_all(&mut world, 1),
            filled,
            "{outlook:?} {offered}"
        );
        if filled > 0 {
            assert_eq!(world.changes(1).last(), Some(&matched(310, filled)));
        }
    }
}

#[test]
fn turning_in_play_lapses_what_does_not_persist_even_without_a_suspension() {
    let mut world = World::new();
    let kinds = [
        Persistence::Lapse,
        Persistence::Persist,
        Persistence::MarketOnClose,
    ];
    for (id, wanted) in (1..).zip(kinds) {
        let place = with_persistence(limit(1, Side::Back, 400, 200), wanted);
        world.place(id, &place);
    }
    world.redefine(9_000, |market| market.in_play = true);
    let lapsed = OrderChange::Lapsed {
        size: Money::from_major(2),
        reason: VenueReason::TurnedInPlay,
    };
    assert_eq!(world.changes(1).last(), Some(&lapsed));
    assert_eq!(world.changes(2).last(), Some(&OrderChange::Accepted));
    assert_eq!(
        world.changes(3).last(),
        Some(&lapsed),
        "no starting price came"
    );
}

#[test]
fn a_version_that_changed_while_the_market_was_open_lapses_nothing_later() {
    let mut world = World::reference();
    world.place(1, &limit(1, Side::Back, 400, 200));
    world.redefine(5_000, |market| market.version = 2);
    world.redefine(6_000, |market| market.status = MarketStatus::Suspended);
    assert_eq!(world.changes(1), [OrderChange::Accepted]);
}

#[test]
fn the_reference_tells_averages_with_two_decimals() {
    let mut world = World::reference();
    show(&mut world, 2, &[(L::Back, 300, 1), (L::Back, 298, 2)]);
    world.place(1, &limit(1, Side::Back, 290, 300));
    // (3.00 + 2 × 2.98) / 3 = 2.9867
    let matched_value = i128::from(p(299).nanos()) * 300;
    let told = OrderChange::Repriced { matched_value };
    assert_eq!(world.changes(1).last(), Some(&told));
    assert_eq!(world.profit(1), Money::from_minor(597));
}

#[test]
fn in_the_reference_what_a_queue_ate_is_gone_for_the_next_order() {
    for (mut world, second) in [(World::reference(), 0), (World::new(), 200)] {
        world.place(1, &limit(1, Side::Back, 310, 200));
        world.place(2, &limit(1, Side::Back, 310, 200));
        // 14.00 met: 10.00 were ahead of both, 2.00 fill the first, 2.00 are left for the second.
        show(&mut world, 9_000, &[(L::Traded, 310, 28)]);
        assert_eq!(matched_in_all(&mut world, 1), 200);
        assert_eq!(matched_in_all(&mut world, 2), second);
    }
}

#[test]
fn fill_or_kill_takes_past_its_price_while_the_average_holds() {
    // 10.00 at 3.00 and 20.00 at 2.90 are there.
    for (price, pence, min_fill, expected) in [
        (310, 500, None, vec![]),
        (300, 1_000, None, vec![1_000]),
        (300, 1_500, None, vec![]),
        (300, 1_500, Some(800), vec![1_000]),
        (296, 1_100, None, vec![1_000, 100]),
        (296, 2_000, None, vec![]),
        (296, 2_000, Some(500), vec![1_000]),
        (290, 3_000, None, vec![1_000, 2_000]),
    ] {
        for mut world in [World::new(), World::reference()] {
            world.place(1, &fill_or_kill(price, pence, min_fill));
            assert_eq!(
                sizes(&mut world, 1),
                expected,
                "{price} {pence} {min_fill:?}"
            );
            let rest = Money::from_minor(pence - expected.iter().sum::<i64>());
            if rest.is_positive() {
                let killed = OrderChange::Cancelled { size: rest };
                assert_eq!(world.changes(1)[1 + expected.len()], killed);
            }
        }
    }
}

#[test]
fn without_best_price_execution_a_bettered_order_lapses() {
    let mut world = World::with(|settings| settings.best_price_execution = false);
    world.place(1, &limit(1, Side::Back, 290, 200));
    world.place(2, &limit(1, Side::Back, 300, 200));
    let lapsed = OrderChange::Lapsed {
        size: Money::from_major(2),
        reason: VenueReason::PriceImprovementTooLarge,
    };
    assert_eq!(world.changes(1).last(), Some(&lapsed));
    assert_eq!(matched_in_all(&mut world, 2), 200);
}

#[test]
fn small_stakes_need_a_payout_or_a_bet_beside_them() {
    let mut world = World::new();
    let refused = OrderChange::Rejected {
        reason: VenueReason::BelowMinimum,
    };
    let small = limit(1, Side::Back, 400, 50);
    world.place(1, &small);
    assert_eq!(world.changes(1), [refused]);
    world.place(2, &limit(1, Side::Back, 2_000, 50));
    assert_eq!(world.changes(2), [OrderChange::Accepted], "it pays 10.00");
    world.place(3, &limit(1, Side::Back, 400, 200));
    world.place(4, &small);
    assert_eq!(world.changes(4), [OrderChange::Accepted], "beside order 3");
    world.place(5, &on_close(Side::Lay, None, 9));
    assert_eq!(world.changes(5), [refused]);
    world.place(6, &on_close(Side::Back, None, 9));
    assert_eq!(world.changes(6), [OrderChange::Accepted]);
}

#[test]
fn a_starting_price_order_cannot_be_cancelled() {
    let mut world = World::new();
    world.place(1, &on_close(Side::Back, None, 10));
    let request = Request::<Pass>::Cancel {
        market: MarketId::new(MARKET),
        order: OrderId::from_bits(1),
        size: None,
    };
    world.exchange.submit(world.now, &world.books, request);
    world.pass_time(1_000);
    let failed = OrderChange::CancelFailed {
        reason: VenueReason::NotCancellable,
    };
    assert_eq!(world.changes(1).last(), Some(&failed));
}

#[test]
fn an_order_at_the_starting_price_waits_for_the_price_of_its_runner() {
    let mut world = World::new();
    world.place(1, &on_close(Side::Back, None, 10));
    world.redefine(5_000, |market| market.bsp_reconciled = true);
    assert_eq!(world.changes(1), [OrderChange::Accepted]);
    reconcile(&mut world, 2.5);
    assert_eq!(world.changes(1).last(), Some(&matched(250, 1_000)));
}

#[test]
fn a_starting_price_that_is_past_is_for_later_orders_only_in_the_reference() {
    for (mut world, matched) in [(World::new(), 0), (World::reference(), 200)] {
        reconcile(&mut world, 2.5);
        let place = limit(1, Side::Back, 400, 200);
        world.place(1, &with_persistence(place, Persistence::MarketOnClose));
        world.pass_time(50);
        assert_eq!(matched_in_all(&mut world, 1), matched);
    }
}

#[test]
fn latency_jitter_is_drawn_from_the_seed() {
    let delays = |seed| {
        let mut world = World::with(|settings| {
            settings.latency_jitter_ms = 500;
            settings.latency_seed = seed;
        });
        (0..20_u128)
            .map(|id| {
                world.ask(id, &limit(1, Side::Back, 400, 200));
                let asked = world.now;
                while world.changes(id).is_empty() {
                    world.pass_time(10);
                }
                world.now - asked
            })
            .collect::<Vec<_>>()
    };
    let drawn = delays(1);
    assert_eq!(drawn, delays(1));
    assert_ne!(drawn, delays(2));
    assert!(drawn.iter().all(|ms| (130..=630).contains(ms)), "{drawn:?}");
    assert!(drawn.iter().max().unwrap() - drawn.iter().min().unwrap() > 200);
}

#[test]
fn with_last_traded_prices_alone_only_a_better_one_matches() {
    let traded_at = |hundredths| {
        let mut delta = levels(1, &[]);
        delta.runners[0].last_traded = Some(p(hundredths));
        delta
    };
    let mut world = World::new();
    world.exchange = Exchange::new(ExchangeSettings::default());
    world.books = Books::default();
    world.update(0, &defined(definition(3, 1)));
    world.update(1, &traded_at(350));
    world.ask(1, &limit(1, Side::Back, 300, 200));
    // It takes effect with this update: the price may be from before.
    world.update(1_000, &traded_at(350));
    world.update(2_000, &traded_at(300));
    world.update(3_000, &traded_at(290));
    assert_eq!(world.changes(1), [OrderChange::Accepted]);
    world.update(4_000, &traded_at(305));
    assert_eq!(world.changes(1).last(), Some(&matched(300, 200)));
    assert_eq!(world.exchange.basic_markets(), 1);
    world.settle(1);
    assert_eq!(world.exchange.basic_markets(), 1);
}
