//! A standing order that is told to live on, or not to, when the market turns in play.

use super::*;

fn resting(id: u128, world: &mut World, side: Side, persistence: Persistence) {
    let mut place = limit(1, side, if side == Side::Back { 400 } else { 200 }, 2_000);
    place.kind = place.kind.with_persistence(persistence);
    world.place(id, &place);
}

fn ask_update(world: &mut World, id: u128, persistence: Persistence) {
    let request = Request::<Pass>::Update {
        market: MarketId::new(MARKET),
        order: OrderId::from_bits(id),
        persistence,
    };
    world.exchange.submit(world.now, &world.books, request);
}

fn update(world: &mut World, id: u128, persistence: Persistence) -> OrderChange {
    ask_update(world, id, persistence);
    world.pass_time(1_000);
    *world.changes(id).last().unwrap()
}

fn turn_in_play(world: &mut World) {
    world.redefine(world.now.0 + 1_000, |market| market.in_play = true);
}

fn failed(reason: VenueReason) -> OrderChange {
    OrderChange::UpdateFailed { reason }
}

#[test]
fn a_change_of_persistence_takes_effect_after_its_own_latency() {
    let mut world = World::with(|settings| settings.update_latency_ms = 400);
    resting(1, &mut world, Side::Back, Persistence::Lapse);
    ask_update(&mut world, 1, Persistence::Persist);
    world.pass_time(400);
    assert_eq!(world.changes(1), [OrderChange::Accepted]);
    world.pass_time(1);
    let persistence = Persistence::Persist;
    assert_eq!(
        world.changes(1),
        [OrderChange::Accepted, OrderChange::Updated { persistence }]
    );
}

#[test]
fn what_an_order_was_told_last_decides_at_the_turn_in_play_in_both_models() {
    for fill in [Fill::Strict, Fill::Reference] {
        let mut world = World::with(|settings| settings.fill = fill);
        resting(1, &mut world, Side::Back, Persistence::Lapse);
        resting(2, &mut world, Side::Back, Persistence::Persist);
        update(&mut world, 1, Persistence::Persist);
        update(&mut world, 2, Persistence::Lapse);
        world.redefine(world.now.0 + 1_000, |market| {
            market.in_play = true;
            market.status = MarketStatus::Suspended;
            market.version += 1;
        });
        let lapsed = |world: &mut World, id| {
            matches!(world.changes(id).last(), Some(OrderChange::Lapsed { .. }))
        };
        assert!(!lapsed(&mut world, 1), "{fill:?}");
        assert!(lapsed(&mut world, 2), "{fill:?}");
    }
}

#[test]
fn an_order_told_to_go_to_the_starting_price_goes_there() {
    let mut world = World::new();
    resting(1, &mut world, Side::Back, Persistence::Lapse);
    update(&mut world, 1, Persistence::MarketOnClose);
    reconcile(&mut world, 3.5);
    assert_eq!(world.changes(1).last(), Some(&matched(350, 2_000)));
}

#[test]
fn a_change_that_cannot_be_made_says_why() {
    let persist = Persistence::Persist;
    let mut world = World::new();
    resting(1, &mut world, Side::Back, Persistence::Lapse);
    assert_eq!(
        update(&mut world, 1, Persistence::Lapse),
        failed(VenueReason::PersistenceUnchanged)
    );
    world.place(2, &limit(1, Side::Back, 300, 200));
    assert_eq!(
        update(&mut world, 2, persist),
        failed(VenueReason::NothingRemains)
    );
    world.place(3, &on_close(Side::Back, None, 10));
    assert_eq!(
        update(&mut world, 3, persist),
        failed(VenueReason::NotUpdatable)
    );
    world.redefine(world.now.0 + 1, |market| {
        market.status = MarketStatus::Suspended;
    });
    assert_eq!(
        update(&mut world, 1, persist),
        failed(VenueReason::MarketNotOpen)
    );
}

#[test]
fn nothing_goes_to_a_starting_price_that_will_not_come() {
    let on_close = Persistence::MarketOnClose;
    for change in [
        (|market: &mut MarketDefinition| market.bsp_market = false) as fn(&mut MarketDefinition),
        |market| market.bsp_reconciled = true,
    ] {
        let mut world = World::new();
        resting(1, &mut world, Side::Back, Persistence::Lapse);
        world.redefine(world.now.0 + 1, change);
        assert_eq!(
            update(&mut world, 1, on_close),
            failed(VenueReason::NoStartingPrice)
        );
    }
    let mut world = World::new();
    resting(1, &mut world, Side::Back, Persistence::Persist);
    turn_in_play(&mut world);
    assert_eq!(
        update(&mut world, 1, on_close),
        failed(VenueReason::NoStartingPrice)
    );
}

#[test]
fn a_lay_carried_to_a_lower_starting_price_is_matched_for_more_than_its_size_at_the_same_risk() {
    let mut world = World::new();
    resting(1, &mut world, Side::Lay, Persistence::MarketOnClose);
    reconcile(&mut world, 1.5);
    // 20.00 at 2.0 risks 20.00; so do 40.00 at 1.5.
    assert_eq!(
        world.changes(1),
        [OrderChange::Accepted, matched(150, 4_000)]
    );
    assert_eq!(world.profit(1), Money::from_major(-20));
}

#[test]
fn a_withdrawal_and_a_starting_price_first_told_at_the_close_count_but_in_the_reference() {
    for (fill, backed, on_close_matched) in
        [(Fill::Strict, 1_400, true), (Fill::Reference, 2_000, false)]
    {
        let mut world = World::with(|settings| settings.fill = fill);
        world.place(1, &limit(1, Side::Back, 300, 1_000));
        world.place(2, &on_close(Side::Back, None, 10));
        world.redefine(9_000, |market| {
            market.status = MarketStatus::Closed;
            market.bsp_reconciled = true;
            market.runners[0].bsp = Price::nearest(5.0);
            market.runners[0].status = RunnerStatus::Winner;
            market.runners[1].status = RunnerStatus::Removed;
            market.runners[1].adjustment_factor = Some(2_000);
            market.runners[2].status = RunnerStatus::Loser;
        });
        let Some(VenueEvent::Settled(settlement)) = world.heard.pop() else {
            panic!("not settled");
        };
        let profit = |id| {
            let of = |&&(order, _): &&(OrderId, Money)| order == OrderId::from_bits(id);
            settlement
                .profits
                .iter()
                .find(of)
                .map(|&(_, profit)| profit)
        };
        assert_eq!(profit(1), Some(Money::from_minor(backed)), "{fill:?}");
        assert_eq!(profit(2).is_some(), on_close_matched, "{fill:?}");
    }
}

#[test]
fn a_withdrawal_takes_waiting_lays_with_it_and_lowers_those_to_be_kept() {
    let removed = |world: &mut World, factor| {
        world.redefine(9_000, |market| {
            market.runners[1].status = RunnerStatus::Removed;
            market.runners[1].adjustment_factor = Some(factor);
        });
    };
    let lapsed = OrderChange::Lapsed {
        size: Money::from_major(20),
        reason: VenueReason::RunnerRemoved,
    };
    let mut world = World::new();
    resting(1, &mut world, Side::Lay, Persistence::Lapse);
    resting(2, &mut world, Side::Lay, Persistence::Persist);
    resting(3, &mut world, Side::Back, Persistence::Lapse);
    removed(&mut world, 2_000);
    assert_eq!(world.changes(1).last(), Some(&lapsed));
    assert_eq!(world.changes(3), [OrderChange::Accepted], "backs stay");
    world.update(10_000, &levels(1, &[(L::Traded, 200, 500)]));
    assert_eq!(
        world.changes(2),
        [OrderChange::Accepted],
        "no longer at 2.0"
    );
    world.update(11_000, &levels(1, &[(L::Traded, 160, 500)]));
    assert_eq!(world.changes(2).last(), Some(&matched(160, 2_000)));

    let mut world = World::new();
    resting(1, &mut world, Side::Lay, Persistence::Lapse);
    removed(&mut world, 249);
    assert_eq!(world.changes(1), [OrderChange::Accepted], "under 2.5 %");
}

proptest! {
    /// Exposure counts what an order risks at its own price; no starting price may take more.
    #[test]
    fn an_order_carried_to_the_starting_price_never_risks_more_than_it_did(
        back: bool, pence in 1_000_i64..20_000, bsp in 101_u64..90_000, winner in 1_u64..3
    ) {
        let side = if back { Side::Back } else { Side::Lay };
        let mut place = limit(1, side, if back { 400 } else { 200 }, pence);
        place.kind = place.kind.with_persistence(Persistence::MarketOnClose);
        let at_risk = place.kind.at_risk(side);
        let mut world = World::new();
        world.place(1, &place);
        world.redefine(600_000, |market| {
            market.bsp_reconciled = true;
            market.runners[0].bsp = Some(p(bsp));
        });
        prop_assert!(-world.profit(winner) <= at_risk);
    }
}
