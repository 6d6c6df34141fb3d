//! What each outlook makes of the same market, and who shares what with whom.

use super::*;

/// Matched in all, under each outlook, of an order with what happens in the update with which it takes effect and after.
fn by_outlook(place: &Place, story: &[MarketDelta]) -> [i64; 3] {
    Outlook::ALL.map(|outlook| {
        let mut world = World::strict(outlook);
        world.ask(1, place);
        for (at, delta) in (1..).zip(story) {
            world.update(at * 1_000, delta);
        }
        world.pass_time(1_000);
        matched_in_all(&mut world, 1)
    })
}

fn matched_in_all(world: &mut World, id: u128) -> i64 {
    let size = |change: OrderChange| match change {
        OrderChange::Matched { size, .. } => size.minor(),
        _ => 0,
    };
    world.changes(id).into_iter().map(size).sum()
}

#[test]
fn an_offer_that_goes_with_the_update_an_order_comes_with_was_gone_before_it_only_to_the_pessimist()
{
    let back = limit(1, Side::Back, 300, 1_000);
    let gone = [levels(1, &[(L::Back, 300, 0)])];
    assert_eq!(by_outlook(&back, &gone), [0, 1_000, 1_000]);
    let smaller = [levels(1, &[(L::Back, 300, 4)])];
    assert_eq!(by_outlook(&back, &smaller), [400, 1_000, 1_000]);
}

#[test]
fn trades_of_the_update_an_order_comes_with_meet_it_only_to_the_optimist() {
    let resting = limit(1, Side::Back, 310, 200);
    let traded = [levels(1, &[(L::Traded, 310, 24)])];
    assert_eq!(by_outlook(&resting, &traded), [0, 0, 200]);
}

#[test]
fn the_pessimist_queues_behind_what_shows_after_the_update() {
    let resting = limit(1, Side::Back, 310, 200);
    let story = [
        levels(1, &[(L::Lay, 310, 30)]),
        levels(1, &[(L::Traded, 310, 24)]),
    ];
    assert_eq!(by_outlook(&resting, &story), [0, 200, 200]);
}

#[test]
fn a_market_that_suspends_with_the_update_refuses_the_pessimist() {
    for (outlook, refused) in [(Outlook::Pessimistic, true), (Outlook::Neutral, false)] {
        let mut world = World::strict(outlook);
        world.ask(1, &limit(1, Side::Back, 300, 200));
        world.redefine(1_000, |market| market.status = MarketStatus::Suspended);
        let rejected = OrderChange::Rejected {
            reason: VenueReason::MarketNotOpen,
        };
        assert_eq!(world.changes(1).contains(&rejected), refused);
    }
}

#[test]
fn what_was_taken_is_deducted_from_trades_only_once() {
    // It takes the 10.00 at 3.0, and 5.00 of it rest there.
    let back = limit(1, Side::Back, 300, 1_500);
    for outlook in [Outlook::Pessimistic, Outlook::Neutral] {
        let mut world = World::strict(outlook);
        world.place(1, &back);
        assert_eq!(matched_in_all(&mut world, 1), 1_000);
        let all_traded = levels(1, &[(L::Traded, 300, 22), (L::Back, 300, 10)]);
        world.update(2_000, &all_traded);
        assert_eq!(
            matched_in_all(&mut world, 1),
            1_100,
            "11.00 met 10.00 that were taken; {outlook:?}"
        );
        world.update(3_000, &levels(1, &[(L::Traded, 300, 24)]));
        let all = matched_in_all(&mut world, 1);
        assert_eq!(
            all,
            if outlook == Outlook::Neutral {
                1_500
            } else {
                1_200
            }
        );
    }
}

#[test]
fn of_a_level_that_was_traded_through_nothing_is_still_taken() {
    for outlook in Outlook::ALL {
        let mut world = World::strict(outlook);
        world.place(1, &limit(1, Side::Back, 300, 1_000));
        // All 10.00 that showed were matched, and 10.00 came since.
        world.update(2_000, &levels(1, &[(L::Traded, 300, 20)]));
        world.place(2, &limit(1, Side::Back, 300, 1_000));
        assert_eq!(matched_in_all(&mut world, 2), 1_000, "{outlook:?}");
    }
}

#[test]
fn trades_that_others_behind_could_meet_leave_what_was_taken_taken() {
    let mut world = World::new();
    world.place(1, &limit(1, Side::Back, 300, 400));
    // 3.00 of the 6.00 behind were matched: 7.00 show, 4.00 of which were taken.
    world.update(2_000, &levels(1, &[(L::Traded, 300, 6), (L::Back, 300, 7)]));
    world.place(2, &limit(1, Side::Back, 300, 1_000));
    assert_eq!(matched_in_all(&mut world, 2), 300);
}

#[test]
fn with_shared_liquidity_one_strategy_takes_from_another() {
    for (shared, second) in [(false, 1_000), (true, 0)] {
        let mut world = World::with(|settings| settings.shared_liquidity = shared);
        world.place(1, &limit(1, Side::Back, 300, 1_000));
        let mut order = instruction(2, &limit(1, Side::Back, 300, 1_000));
        order.strategy = "another".into();
        let request = Request::Place(Pass(order));
        world.exchange.submit(world.now, &world.books, request);
        world.pass_time(1_000);
        assert_eq!(matched_in_all(&mut world, 2), second);
    }
}

proptest! {
    /// Whatever trades and sizes follow, a darker outlook never matches more of a resting order.
    #[test]
    fn a_darker_outlook_never_fills_a_resting_order_more(
        story in prop::collection::vec((0_i64..40, 0_i64..60), 1..12)
    ) {
        let mut traded = 0;
        let deltas: Vec<MarketDelta> = story
            .into_iter()
            .map(|(size, trade)| {
                traded += trade;
                levels(1, &[(L::Lay, 310, size), (L::Traded, 310, traded)])
            })
            .collect();
        let [dark, middle, bright] = by_outlook(&limit(1, Side::Back, 310, 3_000), &deltas);
        prop_assert!(dark <= middle && middle <= bright, "{dark} {middle} {bright}");
    }
}
