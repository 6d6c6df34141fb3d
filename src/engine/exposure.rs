//! Worst case: what a strategy's bets in one market could lose, whatever happens.
//!
//! For each runner, W is the result of its bets if it wins and L if it does not. Matched bets count as they are; what
//! is open, on its way or proposed counts only where it hurts, since the adversary picks fills after the result.
//! With k winners the worst case is Σ L + the sum of the k smallest W − L.

use smallvec::SmallVec;

use super::Holding;
use crate::market::{BettingType, Market, Money, Order, OrderKind, RunnerId, Side};

/// An order that does not stand yet, to be counted at its worst.
#[derive(Clone, Copy, Debug)]
pub struct Proposed {
    /// On which runner.
    pub runner: RunnerId,
    /// For or against.
    pub side: Side,
    /// The terms.
    pub kind: OrderKind,
}

/// What could be lost; zero or more.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Exposure {
    /// By the bets on the proposed order's runner alone.
    pub runner: Money,
    /// By all bets in the market.
    pub market: Money,
}

#[derive(Clone, Copy, Debug)]
struct Outcome {
    runner: RunnerId,
    if_win: Money,
    if_lose: Money,
}

/// The worst case of a holding in a market, with a proposed order if there is one.
#[must_use]
pub fn worst_case(market: &Market, holding: &Holding, proposed: Option<Proposed>) -> Exposure {
    let mut outcomes: SmallVec<[Outcome; 24]> = SmallVec::new();
    for (runner, position) in holding.positions() {
        let outcome = at(&mut outcomes, *runner);
        outcome.if_win += position.if_win;
        outcome.if_lose += position.if_lose;
    }
    for order in holding.live() {
        let (if_win, if_lose) = open_at_worst(order);
        let outcome = at(&mut outcomes, order.runner);
        outcome.if_win += if_win;
        outcome.if_lose += if_lose;
    }
    if let Some(Proposed { runner, side, kind }) = proposed {
        let risk = -kind.at_risk(side);
        let outcome = at(&mut outcomes, runner);
        match side {
            Side::Back => outcome.if_lose += risk,
            Side::Lay => outcome.if_win += risk,
        }
    }
    let runner = proposed.map_or(Money::ZERO, |new| {
        let outcome = at(&mut outcomes, new.runner);
        loss(outcome.if_win.min(outcome.if_lose))
    });
    Exposure {
        runner,
        market: loss(worst_outcome(market, &outcomes)),
    }
}

fn loss(result: Money) -> Money {
    (-result).max(Money::ZERO)
}

fn at(outcomes: &mut SmallVec<[Outcome; 24]>, runner: RunnerId) -> &mut Outcome {
    let place = outcomes
        .iter()
        .position(|outcome| outcome.runner == runner)
        .unwrap_or_else(|| {
            outcomes.push(Outcome {
                runner,
                if_win: Money::ZERO,
                if_lose: Money::ZERO,
            });
            outcomes.len() - 1
        });
    &mut outcomes[place]
}

/// What an open order adds where it hurts: (if the runner wins, if it does not).
fn open_at_worst(order: &Order) -> (Money, Money) {
    let risk = match order.kind {
        OrderKind::Limit { price, .. } => match order.side {
            Side::Back => order.remaining(),
            Side::Lay => order.remaining().liability_at(price),
        },
        on_close => on_close.at_risk(order.side),
    };
    match order.side {
        Side::Back => (Money::ZERO, -risk),
        Side::Lay => (-risk, Money::ZERO),
    }
}

fn worst_outcome(market: &Market, outcomes: &[Outcome]) -> Money {
    let definition = &market.definition;
    let winners = definition.number_of_winners as usize;
    // Where results are not "k of the runners win", each runner may do its worst by itself.
    if winners == 0
        || definition.betting_type != BettingType::Odds
        || definition.each_way_divisor.is_some()
    {
        return outcomes.iter().map(|o| o.if_win.min(o.if_lose)).sum();
    }
    let all_lose: Money = outcomes.iter().map(|o| o.if_lose).sum();
    let mut swings: SmallVec<[Money; 24]> = outcomes.iter().map(|o| o.if_win - o.if_lose).collect();
    // A runner without bets may be the one that wins, at no cost.
    let without_bets = market
        .active_runners()
        .count()
        .saturating_sub(outcomes.len());
    swings.extend(std::iter::repeat_n(Money::ZERO, without_bets.min(winners)));
    swings.sort_unstable();
    // In place markets fewer than k may be placed; a win market has its winner.
    let at_least = if winners == 1 { 1 } else { 0 };
    let mut worst: Option<Money> = (at_least == 0).then_some(all_lose);
    let mut result = all_lose;
    for swing in swings.iter().take(winners) {
        result += *swing;
        worst = Some(worst.map_or(result, |so_far| so_far.min(result)));
    }
    worst.unwrap_or(all_lose)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::testing::{market_with, order};
    use crate::market::OrderState;
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
                market: Money::from_major(40)
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
                        let (price, size) =
                            (order.kind.price().unwrap(), order.kind.size().unwrap());
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
}
