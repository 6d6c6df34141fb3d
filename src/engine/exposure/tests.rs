//! The worst case by example, and against brute force over every result, fill and removal.

use super::*;
use crate::engine::testing::{market_with, order};
use crate::market::{Order, OrderState};
use proptest::prelude::*;

fn holding_of(orders: &[Order]) -> Holding {
    let mut holding = Holding::default();
    orders.iter().for_each(|order| holding.add(order.clone()));
    holding
}

fn matched(mut order: Order) -> Order {
    let (price, size) = (order.kind.price().unwrap(), order.kind.size().unwrap());
    order.matched = size;
    order.matched_value = i128::from(price.nanos()) * i128::from(size.minor());
    order.state = OrderState::Complete;
    order
}

#[test]
fn orders_in_flight_count_at_their_worst() {
    let market = market_with(3, 1);
    let holding = holding_of(&[
        order(1, 1, Side::Back, 300, 5_000),
        order(2, 1, Side::Back, 300, 5_000),
    ]);
    assert_eq!(
        worst_case(&market, &holding, None).market,
        Money::from_major(100)
    );
}

#[test]
fn an_open_back_does_not_net_off_a_matched_lay() {
    let market = market_with(3, 1);
    let lay = matched(order(1, 1, Side::Lay, 300, 1_000));
    let back = order(2, 1, Side::Back, 300, 1_000);
    assert_eq!(
        worst_case(&market, &holding_of(&[lay.clone(), back.clone()]), None).market,
        Money::from_major(20)
    );
    assert_eq!(
        worst_case(&market, &holding_of(&[lay, matched(back)]), None).market,
        Money::ZERO
    );
}

#[test]
fn an_unknown_number_of_winners_makes_no_lay_look_like_a_win() {
    let market = market_with(2, 0);
    let lay = matched(order(1, 1, Side::Lay, 500, 10_000));
    assert_eq!(
        worst_case(&market, &holding_of(&[lay]), None).market,
        Money::from_major(400)
    );
}

#[test]
fn backing_every_runner_of_a_win_market_loses_only_what_the_winner_does_not_return() {
    let market = market_with(2, 1);
    let both = [
        matched(order(1, 1, Side::Back, 200, 1_000)),
        matched(order(2, 2, Side::Back, 150, 1_000)),
    ];
    assert_eq!(
        worst_case(&market, &holding_of(&both), None).market,
        Money::from_major(5)
    );
}

#[test]
fn where_not_all_runners_are_listed_one_that_is_not_may_win() {
    let mut market = market_with(2, 1);
    std::sync::Arc::make_mut(&mut market.definition).complete = false;
    let both = [
        matched(order(1, 1, Side::Back, 200, 1_000)),
        matched(order(2, 2, Side::Back, 150, 1_000)),
    ];
    assert_eq!(
        worst_case(&market, &holding_of(&both), None).market,
        Money::from_major(20)
    );
}

#[test]
fn a_proposed_order_is_counted_on_its_runner_and_in_the_market() {
    let market = market_with(3, 1);
    let proposed = Proposed {
        runner: RunnerId::new(2),
        side: Side::Lay,
        kind: OrderKind::MarketOnClose {
            liability: Money::from_major(30),
        },
    };
    let holding = holding_of(&[order(1, 1, Side::Back, 300, 1_000)]);
    let exposure = worst_case(&market, &holding, Some(proposed));
    assert_eq!(
        exposure,
        Exposure {
            runner: Money::from_major(30),
            market: Money::from_major(40),
            as_listed: Money::from_major(40),
            gross: Money::from_major(40),
        }
    );
}

/// All results of "k of n runners win" with every subset of open orders filled.
fn brute_force(winners: usize, runners: u64, orders: &[(Order, bool)]) -> Money {
    let mut worst: Option<Money> = None;
    let least = if winners == 1 { 1 } else { 0 };
    for result in 0_u32..(1 << runners) {
        let count = result.count_ones() as usize;
        if count < least || count > winners {
            continue;
        }
        for fills in 0_u32..(1 << orders.len()) {
            let total: Money = orders
                .iter()
                .enumerate()
                .filter(|(at, (_, is_matched))| *is_matched || fills & (1 << at) != 0)
                .map(|(_, (order, _))| {
                    let wins = result & (1 << (order.runner.selection - 1)) != 0;
                    let (price, size) = (order.kind.price().unwrap(), order.kind.size().unwrap());
                    match (order.side, wins) {
                        (Side::Back, true) => size.profit_at(price),
                        (Side::Back, false) => -size,
                        (Side::Lay, true) => -size.liability_at(price),
                        (Side::Lay, false) => size,
                    }
                })
                .sum();
            worst = Some(worst.map_or(total, |so_far| so_far.min(total)));
        }
    }
    (-worst.unwrap()).max(Money::ZERO)
}

proptest! {
    #[test]
    fn it_equals_brute_force_over_all_results_and_fills(
        winners in 1_u32..3,
        bets in proptest::collection::vec((1_u64..=4, any::<bool>(), 0_u64..40, 1_i64..50, any::<bool>()), 0..7),
    ) {
        let market = market_with(4, winners);
        let orders: Vec<(Order, bool)> = bets
            .into_iter()
            .enumerate()
            .map(|(at, (runner, back, ticks, pounds, is_matched))| {
                let side = if back { Side::Back } else { Side::Lay };
                let open = order(at as u128 + 1, runner, side, 110 + 10 * ticks, pounds * 100);
                (if is_matched { matched(open) } else { open }, is_matched)
            })
            .collect();
        let holding = holding_of(&orders.iter().map(|(order, _)| order.clone()).collect::<Vec<_>>());
        prop_assert_eq!(
            worst_case(&market, &holding, None).market,
            brute_force(winners as usize, 4, &orders)
        );
    }
}

mod every_kind {
    use super::*;
    use crate::market::{BettingType, Price, PriceLadder, RunnerStatus};
    use std::sync::Arc;

    fn redefined(mut market: Market, change: impl FnOnce(&mut MarketDefinition)) -> Market {
        change(Arc::make_mut(&mut market.definition));
        market
    }

    fn with_factors(mut market: Market, factors: &[Option<u32>]) -> Market {
        for (runner, factor) in market.runners.iter_mut().zip(factors) {
            runner.adjustment_factor = *factor;
        }
        market
    }

    /// An order drawn at random: (runner, back, tenths over 1.1, pounds, matched).
    type Draw = (u64, bool, u64, i64, bool);

    fn draws(most: usize) -> impl proptest::strategy::Strategy<Value = Vec<Draw>> {
        let draw = (
            1_u64..=4,
            any::<bool>(),
            0_u64..60,
            1_i64..50,
            any::<bool>(),
        );
        proptest::collection::vec(draw, 0..most)
    }

    fn orders(draws: &[Draw]) -> Vec<(Order, bool)> {
        let orders = draws.iter().enumerate();
        orders
            .map(|(at, &(runner, back, ticks, pounds, is_matched))| {
                let side = if back { Side::Back } else { Side::Lay };
                let open = order(at as u128 + 1, runner, side, 110 + 10 * ticks, pounds * 100);
                (if is_matched { matched(open) } else { open }, is_matched)
            })
            .collect()
    }

    fn holding(orders: &[(Order, bool)]) -> Holding {
        holding_of(
            &orders
                .iter()
                .map(|(order, _)| order.clone())
                .collect::<Vec<_>>(),
        )
    }

    fn terms(order: &Order) -> (Price, Money) {
        (order.kind.price().unwrap(), order.kind.size().unwrap())
    }

    /// The loss when the adversary chooses the fills of what is open: it takes those that lose.
    fn loss_of(orders: &[(Order, bool)], result: impl Fn(&Order) -> Money) -> Money {
        let results = orders.iter().map(|(order, is_matched)| {
            let result = result(order);
            if *is_matched {
                result
            } else {
                result.min(Money::ZERO)
            }
        });
        (-results.sum::<Money>()).max(Money::ZERO)
    }

    fn signed(side: Side, backed: Money) -> Money {
        match side {
            Side::Back => backed,
            Side::Lay => -backed,
        }
    }

    #[test]
    fn a_hedge_that_may_be_withdrawn_protects_nobody() {
        // Lay B and C at 2.0 with three runners: safe, until C is withdrawn.
        let lays = [
            matched(order(1, 2, Side::Lay, 200, 10_000)),
            matched(order(2, 3, Side::Lay, 200, 10_000)),
        ];
        let calm = market_with(3, 1);
        assert_eq!(
            worst_case(&calm, &holding_of(&lays), None).market,
            Money::ZERO
        );
        let racing = with_factors(calm, &[Some(9_600), Some(200), Some(200)]);
        let exposure = worst_case(&racing, &holding_of(&lays), None);
        assert_eq!(exposure.market, Money::from_major(100));
    }

    #[test]
    fn what_helps_only_if_somebody_is_withdrawn_does_not_reduce() {
        let factors = [Some(9_600), Some(200), Some(200)];
        let market = with_factors(market_with(3, 1), &factors);
        let laid = |id, runner, pence| matched(order(id, runner, Side::Lay, 200, pence));
        let holding = holding_of(&[laid(1, 2, 10_000), laid(2, 3, 9_000)]);
        // Matched, it lowers what is lost if the third runner is withdrawn and the second wins; with nobody withdrawn it
        // raises what is lost if the third wins.
        let back = crate::engine::testing::limit(2, Side::Back, 200, 3_000);
        let proposed = |kind| Proposed {
            runner: back.runner,
            side: back.side,
            kind,
        };
        let now = worst_case(&market, &holding, Some(proposed(back.kind.for_nothing())));
        let open = worst_case(&market, &holding, Some(proposed(back.kind)));
        let done = worst_beside(&market, &holding, Beside::Matched(proposed(back.kind)));
        let amounts = |e: &Exposure| (e.as_listed, e.market);
        let pounds = Money::from_major;
        assert_eq!(amounts(&now), (pounds(10), pounds(100)));
        assert_eq!(amounts(&open), (pounds(20), pounds(100)));
        assert_eq!(done.market, pounds(90));
        assert!(!reduces(&market, &holding, &back, (now, open)));
    }

    #[test]
    fn what_was_backed_is_worth_less_once_another_runner_is_withdrawn() {
        // 10.00 on each of three at 3.1 wins 1.00, whoever wins, while all three run.
        let backs: Vec<_> = (1..=3)
            .map(|runner| matched(order(u128::from(runner), runner, Side::Back, 310, 1_000)))
            .collect();
        let worst = |third| {
            let racing = with_factors(market_with(3, 1), &[Some(1), Some(1), third]);
            worst_case(&racing, &holding_of(&backs), None).market
        };
        // Without runner 3 and 60 % of the price: 3.1 is 1.24, or 1.235 if it is rounded down.
        assert_eq!(worst(Some(6_000)), Money::from_minor(1_000 - 235));
        assert_eq!(
            worst(None),
            Money::from_minor(1_000 - 545),
            "unknown counts as half"
        );
        let calm = worst_case(&market_with(3, 1), &holding_of(&backs), None);
        assert_eq!(calm.market, Money::ZERO, "no factors, no withdrawals");
    }

    #[test]
    fn each_way_risks_twice_the_size_and_a_lay_both_liabilities() {
        let race = redefined(market_with(8, 3), |market| {
            market.each_way_divisor = Some(500)
        });
        let back = holding_of(&[order(1, 1, Side::Back, 1_100, 1_000)]);
        assert_eq!(worst_case(&race, &back, None).market, Money::from_major(20));
        let lay = holding_of(&[order(1, 1, Side::Lay, 1_100, 1_000)]);
        assert_eq!(worst_case(&race, &lay, None).market, Money::from_major(120));
    }

    #[test]
    fn an_order_alone_risks_what_its_market_says() {
        let race = redefined(market_with(8, 3), |market| {
            market.each_way_divisor = Some(500)
        });
        let runs = redefined(market_with(8, 0), |market| {
            market.betting_type = BettingType::Line
        });
        for (market, hundredths) in [(&race, 1_100), (&runs, 25_050), (&market_with(8, 1), 1_100)] {
            for side in [Side::Back, Side::Lay] {
                let one = order(1, 1, side, hundredths, 1_003);
                let held = worst_case(market, &holding_of(std::slice::from_ref(&one)), None);
                assert_eq!(market.definition.at_risk(side, one.kind), held.market);
            }
        }
    }

    #[test]
    fn a_line_risks_the_size_whichever_side() {
        let runs = redefined(market_with(1, 0), |market| {
            market.betting_type = BettingType::Line
        });
        for side in [Side::Back, Side::Lay] {
            let one = holding_of(&[order(1, 1, side, 25_050, 1_000)]);
            assert_eq!(worst_case(&runs, &one, None).market, Money::from_major(10));
        }
        let bought_low_sold_high = holding_of(&[
            matched(order(1, 1, Side::Lay, 24_050, 1_000)),
            matched(order(2, 1, Side::Back, 26_050, 1_000)),
        ]);
        assert_eq!(
            worst_case(&runs, &bought_low_sold_high, None).market,
            Money::ZERO
        );
    }

    /// What backing wins each way: (first, placed, else), rounded to the side of the bet.
    fn each_way_result(order: &Order, divisor: i64, first: bool, placed: bool) -> Money {
        let (price, size) = terms(order);
        let odds = match order.side {
            Side::Back => size.profit_at(price),
            Side::Lay => size.liability_at(price),
        };
        let part = |won, odds: Money| signed(order.side, if won { odds } else { -size });
        let fraction = Money::from_minor(match order.side {
            Side::Back => (odds.minor() * 100).div_euclid(divisor),
            Side::Lay => -(-odds.minor() * 100).div_euclid(divisor),
        });
        part(first, odds) + part(placed, fraction)
    }

    proptest! {
        /// Every winner, every set of placed runners, every fill.
        #[test]
        fn each_way_equals_brute_force(draws in draws(7), places in 1_u32..4, divisor in 400_i64..600) {
            let race = redefined(market_with(4, places), |market| {
                market.each_way_divisor = Some(u32::try_from(divisor).unwrap());
            });
            let orders = orders(&draws);
            let mut worst = Money::ZERO;
            for winner in 1..=4_u64 {
                for others in 0_u32..16 {
                    let placed = others | 1 << (winner - 1);
                    if placed.count_ones() > places {
                        continue;
                    }
                    worst = worst.max(loss_of(&orders, |order| {
                        let runner = order.runner.selection;
                        let is_placed = placed & 1 << (runner - 1) != 0;
                        each_way_result(order, divisor, runner == winner, is_placed)
                    }));
                }
            }
            let ours = worst_case(&race, &holding(&orders), None).market;
            // Fractions are rounded once for all backs of a runner, so we may be a penny an order over or under.
            prop_assert!((ours - worst).abs().minor() <= orders.len() as i64, "{ours} for {worst}");
        }

        /// Every withdrawal that can happen, and every result after it, by the rule that settlement itself uses.
        #[test]
        fn a_withdrawal_never_costs_more_than_foreseen(
            draws in draws(7),
            winners in 1_u32..3,
            place: bool,
            factors in proptest::collection::vec(proptest::option::of(0_u32..6_000), 4),
        ) {
            let race = with_factors(market_with(4, winners), &factors);
            let race = redefined(race, |market| {
                market.market_type = if place { "PLACE" } else { "WIN" }.into();
            });
            let orders = orders(&draws);
            let ours = worst_case(&race, &holding(&orders), None).market;
            let mut worst = brute_force(winners as usize, 4, &orders);
            for gone in 1..=4_u64 {
                let Some(factor) = factors[gone as usize - 1] else { continue };
                for result in 0_u32..16 {
                    let count = result.count_ones();
                    if result & 1 << (gone - 1) != 0 || count > winners || count == 0 {
                        continue;
                    }
                    worst = worst.max(loss_of(&orders, |order| {
                        if order.runner.selection == gone {
                            return Money::ZERO;
                        }
                        let (price, size) = terms(order);
                        // Open orders may be matched before the withdrawal or after it.
                        let reduced = race.definition.reduced(price, factor);
                        let won = result & 1 << (order.runner.selection - 1) != 0;
                        match (order.side, won) {
                            (Side::Back, true) => size.profit_at(reduced),
                            (Side::Back, false) => -size,
                            (Side::Lay, true) => -size.liability_at(price),
                            (Side::Lay, false) => size,
                        }
                    }));
                }
            }
            if factors.iter().any(Option::is_some) {
                prop_assert!(ours >= worst, "{ours} for {worst}");
            } else {
                prop_assert_eq!(ours, worst);
            }
        }

        /// The definition of the reference: each withdrawal, each result, with the least that backs may still win.
        #[test]
        fn the_worst_over_withdrawals_is_exact(
            draws in draws(6),
            factors in proptest::collection::vec(0_u32..6_000, 4),
        ) {
            let known: Vec<_> = factors.iter().copied().map(Some).collect();
            let race = with_factors(market_with(4, 1), &known);
            // One matched back a runner, so that rounding for each order is rounding for each runner.
            let mut orders = orders(&draws);
            let mut backed = [false; 5];
            orders.retain(|(order, is_matched)| {
                let seen = &mut backed[order.runner.selection as usize];
                !(*is_matched && order.side == Side::Back && std::mem::replace(seen, true))
            });
            let mut worst = brute_force(1, 4, &orders);
            for gone in 1..=4_u64 {
                for winner in (1..=4_u64).filter(|winner| *winner != gone) {
                    worst = worst.max(loss_of(&orders, |order| {
                        let runner = order.runner.selection;
                        let (price, size) = terms(order);
                        let factor = factors[gone as usize - 1];
                        match (order.side, runner == winner) {
                            _ if runner == gone => Money::ZERO,
                            (Side::Back, true) => Reduction { factor, of_winnings: false }
                                .of(size.profit_at(price), size),
                            (Side::Back, false) => -size,
                            (Side::Lay, true) => -size.liability_at(price),
                            (Side::Lay, false) => size,
                        }
                    }));
                }
            }
            prop_assert_eq!(worst_case(&race, &holding(&orders), None).market, worst);
        }

        #[test]
        fn the_least_that_backs_may_win_is_never_more_than_the_rule_gives(
            bets in proptest::collection::vec((101_u64..5_000, 1_i64..100_000), 1..5),
            factor in 0_u32..10_000,
            place: bool,
        ) {
            let market = redefined(market_with(2, 1), |market| {
                market.market_type = if place { "PLACE" } else { "WIN" }.into();
            });
            let (mut profit, mut stake, mut won) = (Money::ZERO, Money::ZERO, Money::ZERO);
            for &(hundredths, pence) in &bets {
                let (price, size) = (Price::from_hundredths(hundredths), Money::from_minor(pence));
                profit += size.profit_at(price);
                stake += size;
                won += size.profit_at(market.definition.reduced(price, factor));
            }
            let least = Reduction { factor, of_winnings: place }.of(profit, stake);
            // Each bet's own profit is rounded down as well.
            prop_assert!(least <= won + Money::from_minor(bets.len() as i64));
        }

        /// Every margin from far under the lowest line to far over the highest, in a market of mirrored lines.
        #[test]
        fn handicaps_equal_brute_force_over_every_margin(
            bets in proptest::collection::vec((any::<bool>(), -10_i32..=10, draws(2)), 0..5),
        ) {
            let market = redefined(market_with(0, 0), |market| {
                market.betting_type = BettingType::AsianHandicapDoubleLine;
                let line = |selection, quarters: i32| crate::market::RunnerDefinition {
                    id: RunnerId { selection, handicap: 25 * quarters },
                    status: RunnerStatus::Active,
                    ..crate::engine::testing::definition(1, 0).runners[0].clone()
                };
                market.runners = (-10..=10).flat_map(|q| [line(1, q), line(2, -q)]).collect();
            });
            let mut all = Vec::new();
            for (at, (home, quarters, draws)) in bets.iter().enumerate() {
                for (number, (mut order, is_matched)) in orders(draws).into_iter().enumerate() {
                    order.id = crate::market::OrderId::from_bits((10 * at + number) as u128);
                    order.runner = RunnerId {
                        selection: if *home { 1 } else { 2 },
                        handicap: 25 * quarters,
                    };
                    all.push((order, is_matched));
                }
            }
            let mut worst = Money::ZERO;
            for margin in -6..=6 {
                worst = worst.max(loss_of(&all, |order| {
                    let (price, size) = terms(order);
                    let margin = if order.runner.selection == 1 { margin } else { -margin };
                    let ahead = order.runner.handicap / 25 + 4 * margin;
                    let odds = match order.side {
                        Side::Back => size.profit_at(price),
                        Side::Lay => size.liability_at(price),
                    };
                    let full = signed(order.side, if ahead > 0 { odds } else { -size });
                    match ahead.abs() {
                        0 => Money::ZERO,
                        1 => Money::from_minor(full.minor().div_euclid(2)),
                        _ => full,
                    }
                }));
            }
            let ours = worst_case(&market, &holding(&all), None).market;
            // Halves are rounded once a runner here, once an order there.
            prop_assert!((ours - worst).abs().minor() <= all.len() as i64, "{ours} for {worst}");
        }

        /// Every whole result from 0 to past the highest line; lines of wholes and halves mixed.
        #[test]
        fn lines_equal_brute_force_over_every_result(
            bets in proptest::collection::vec((any::<bool>(), 0_u64..20, 1_i64..50, any::<bool>()), 0..8),
        ) {
            let runs = redefined(market_with(1, 0), |market| {
                market.betting_type = BettingType::Line;
                market.ladder = PriceLadder::Line {
                    min: Price::from_hundredths(50),
                    max: Price::from_hundredths(40_050),
                    step: Price::from_hundredths(50),
                };
            });
            let all: Vec<_> = bets.iter().enumerate().map(|(at, &(back, halves, pounds, is_matched))| {
                let side = if back { Side::Back } else { Side::Lay };
                let open = order(at as u128 + 1, 1, side, 50 * (halves + 1), pounds * 100);
                (if is_matched { matched(open) } else { open }, is_matched)
            }).collect();
            let mut worst = Money::ZERO;
            for result in 0_u64..20 {
                worst = worst.max(loss_of(&all, |order| {
                    let (line, size) = terms(order);
                    let sold = match Price::from_hundredths(100 * result).cmp(&line) {
                        std::cmp::Ordering::Less => size,
                        std::cmp::Ordering::Equal => Money::ZERO,
                        std::cmp::Ordering::Greater => -size,
                    };
                    signed(order.side, sold)
                }));
            }
            prop_assert_eq!(worst_case(&runs, &holding(&all), None).market, worst);
        }
    }
}

#[test]
fn a_lay_on_its_way_to_the_starting_price_counts_as_placed_with_next_to_no_stake() {
    // Each-way, a fifth of the odds: 20.00 at 2.0 risks 20.00 to win and 4.00 to be placed. At 2.0 the win part would
    // pay 20.00 for a placed runner; at a long starting price, pennies.
    let kind = MarketKind::EachWay { divisor: 500 };
    let open = |persistence| {
        let lay = order(1, 1, Side::Lay, 200, 2_000);
        let terms = lay.kind.with_persistence(persistence);
        let mut all = AllBets::new();
        at(&mut all, lay.runner).add_open(kind, Side::Lay, terms, Money::from_major(20));
        all[0].open
    };
    assert_eq!(open(Persistence::Lapse).if_placed, Money::ZERO);
    let carried = open(Persistence::MarketOnClose);
    assert_eq!(carried.if_placed, Money::from_major(-4));
    assert_eq!(carried.if_win, Money::from_major(-24));
}
