//! Every part of a figure counts, by its sign, and a figure that equals its limit passes.

use super::*;
use crate::engine::testing::house_in;

const fn pounds(pounds: i64) -> Money {
    Money::from_major(pounds)
}

/// Bets on runner 1 that were matched at 3.
fn matched(side: Side, pence: i64) -> Order {
    let mut order = order(1, 1, side, 300, pence);
    order.state = OrderState::Complete;
    order.matched = Money::from_minor(pence);
    order.matched_value = i128::from(Price::from_hundredths(300).nanos()) * i128::from(pence);
    order
}

#[test]
fn what_others_have_at_stake_is_added_to_the_order() {
    let table = [
        (
            "EXPOSURE_MARKET_ALL (value 15.00, limit 14.99)",
            refused(|c| {
                c.house = house_in("1.1", pounds(5));
                c.limits.together.max_market_exposure = Money::from_minor(1_499);
            }),
        ),
        (
            "STAKE_OPEN (value 15.00, limit 14.00)",
            refused(|c| {
                c.house.burden.open_stake = pounds(5);
                c.limits.together.max_open_stake = pounds(14);
            }),
        ),
        (
            "ORDERS_IN_FLIGHT (value 4, limit 3)",
            refused(|c| {
                c.house.burden.unheard = 3;
                c.limits.together.max_orders_in_flight = 3;
            }),
        ),
        (
            "LOSS_DAILY_ALL (value 117.00, limit 116.00)",
            refused(|c| {
                c.house = house(pounds(100));
                c.house.realised_today = pounds(-7);
                c.limits.together.daily_loss_limit = pounds(116);
            }),
        ),
        (
            "FUNDS_SHORT (value 30.00, limit 29.00)",
            refused(|c| {
                c.house = house(pounds(30));
                c.house.funds = Some(Funds {
                    at_risk: pounds(10),
                    ..funds(0, 29)
                });
            }),
        ),
        (
            "FUNDS_SHORT (value 10.00, limit 9.00)",
            refused(|c| {
                // What was settled since is not counted on.
                c.house.funds = Some(Funds {
                    at_risk: pounds(50),
                    ..funds(0, 9)
                });
            }),
        ),
    ];
    for (expected, got) in &table {
        assert_eq!(got, expected);
    }
}

#[test]
fn what_the_strategy_won_lost_and_holds_counts() {
    let table = [
        (
            "STAKE_OVER_BANKROLL_SHARE (value 40.01, limit 40.00)",
            refused(|c| {
                c.account.realised = pounds(-200);
                c.place = limit(1, Side::Back, 300, 4_001);
            }),
        ),
        (
            "BANKROLL_EXHAUSTED (value 151.00, limit 150.00)",
            refused(|c| {
                c.account.start = pounds(250);
                c.account.realised = pounds(-100);
                c.account.burden.at_risk = pounds(141);
                c.limits.max_stake_bankroll_ratio = Ratio::percent(20);
            }),
        ),
        (
            "LOSS_DRAWDOWN (value 225.00, limit 220.00)",
            refused(|c| {
                c.account.peak = pounds(1_100);
                c.account.burden.at_risk = pounds(115);
            }),
        ),
        (
            "EXPOSURE_GROSS (value 30.00, limit 29.00)",
            refused(|c| {
                // The lay could cost 20.00; that the back may pay for it makes neither less.
                c.place = limit(2, Side::Back, 300, 1_000);
                c.holding = Holding::from_orders(vec![matched(Side::Lay, 1_000)]);
                c.limits.max_gross_market_exposure = pounds(29);
            }),
        ),
    ];
    for (expected, got) in &table {
        assert_eq!(got, expected);
    }
}

#[test]
fn what_equals_its_limit_passes() {
    let passes = |change: fn(&mut Case)| assert_eq!(refused(change), "passed");
    passes(|c| c.now = TimeMs(5_000));
    passes(|c| c.now = TimeMs(-5_000));
    passes(|c| c.limits.min_seconds_to_start = 600);
    passes(|c| c.limits.min_price = Price::from_hundredths(300));
    passes(|c| c.limits.max_back_price = Price::from_hundredths(300));
    passes(|c| c.limits.max_stake = Money::from_major(10));
    passes(|c| c.limits.min_stake = Money::from_major(10));
    passes(|c| c.limits.max_liability = Money::from_major(10));
    passes(|c| c.limits.max_market_exposure = Money::from_major(10));
    passes(|c| c.limits.together.max_exposure = Money::from_major(10));
    passes(|c| c.account.burden.open_orders = 49);
    passes(|c| c.account.losses_in_a_row = 99);
    passes(|c| c.house.funds = Some(funds(-120_000, 10)));
}

#[test]
fn a_replacement_takes_the_place_of_one_open_order() {
    let mut case = case();
    case.account.burden.open_orders = 50;
    let standing = order(1, 1, Side::Back, 400, 1_000);
    case.holding = Holding::from_orders(vec![standing]);
    let check = |replaces| {
        let refused = RiskGate::new(case.limits.clone()).check(&Ask {
            now: case.now,
            id: OrderId::from_bits(9),
            strategy: &Arc::from("test"),
            place: &case.place,
            market: &case.market,
            holding: &case.holding,
            account: &case.account,
            replaces,
            house: &case.house,
            fills: &case.fills,
        });
        refused.err().map(|refusal| refusal.code)
    };
    assert_eq!(check(None), Some(ReasonCode::OrdersTooMany));
    assert_eq!(check(Some(OrderId::from_bits(1))), None);
}

#[test]
fn a_venue_that_refuses_more_than_half_of_twenty_orders_gets_no_more_for_a_minute() {
    let after = |words: &[(i64, bool)]| {
        refused(|c| {
            for (at, refused) in words {
                c.house.heard(TimeMs(*at), *refused);
            }
        })
    };
    let words = |refused: usize, of: usize| -> Vec<(i64, bool)> {
        (0..of).map(|nth| (-60_000, nth < refused)).collect()
    };
    assert_eq!(after(&words(11, 20)), "VENUE_REFUSES (value 11, limit 10)");
    assert_eq!(after(&words(10, 20)), "passed", "half of them");
    assert_eq!(after(&words(19, 19)), "passed", "too few to say");
    let mut old = words(20, 20);
    old[0].0 = -60_001;
    assert_eq!(after(&old), "passed", "one of them is too old");
}

#[test]
fn nothing_is_unusual_before_twenty_stakes_are_known() {
    let mut case = case();
    case.limits.max_stake_to_median = 2;
    let code = |stakes| {
        let mut gate = RiskGate::new(case.limits.clone());
        gate.recall(Pace {
            placed: VecDeque::new(),
            stakes: [("test".into(), vec![pounds(1); stakes].into())].into(),
        });
        case.check_with(&mut gate).err().map(|refusal| refusal.code)
    };
    assert_eq!(code(19), None);
    assert_eq!(code(20), Some(ReasonCode::StakeUnusual));
}

#[test]
fn what_changes_nothing_or_raises_the_risk_of_its_runner_reduces_nothing() {
    // 10.00 backed on runner 1 at 3. Another winner costs them.
    let backed = |c: &mut Case, place: Place| {
        c.holding = Holding::from_orders(vec![matched(Side::Back, 1_000)]);
        c.account.burden.at_risk = pounds(10);
        c.limits.max_open_orders_per_runner = 10;
        c.house.state = TradingState::Reduce;
        c.place = place;
    };
    let reduce_only = "TRADING_REDUCE_ONLY (value REDUCE, limit ACTIVE)";
    let cases = [
        // Laid back in part: less is lost whoever wins.
        (limit(1, Side::Lay, 300, 500), "passed"),
        // What wins if runner 2 does may lose by itself.
        (limit(2, Side::Back, 300, 500), reduce_only),
        // Laid at 5, runner 1 would cost as much as the others do now.
        (limit(1, Side::Lay, 500, 750), reduce_only),
        (limit(1, Side::Lay, 500, 749), "passed"),
        // More of the same.
        (limit(1, Side::Back, 300, 100), reduce_only),
    ];
    for (place, expected) in cases {
        let shown = format!("{place:?}");
        assert_eq!(refused(|c| backed(c, place)), expected, "{shown}");
    }
}
