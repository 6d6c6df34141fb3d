//! The worked examples of `docs/settlement.md`, and what holds for every bet.

use super::*;
use crate::engine::testing::{MARKET, Pass, defined, definition, instruction, levels, limit};
use crate::engine::{Request, Venue};
use crate::exchange::Exchange;
use crate::market::{
    BettingType, Books, LadderKind, MarketId, MarketStatus, Price, RunnerDefinition, RunnerId,
    Side, TimeMs,
};
use RunnerStatus::{Active, Hidden, Loser, Placed, Removed, Winner};
use outcome::{Outcome, Share};
use proptest::prelude::*;

fn p(hundredths: u64) -> Price {
    Price::from_hundredths(hundredths)
}

fn pounds(decimal: f64) -> Money {
    Money::nearest(decimal).unwrap()
}

/// A market with these runners, numbered from 1, of which so many are expected to win.
fn market(winners: u32, statuses: &[RunnerStatus]) -> MarketDefinition {
    let mut market = definition(statuses.len() as u64, winners);
    for (runner, status) in market.runners.iter_mut().zip(statuses) {
        runner.status = *status;
    }
    market
}

fn each_way(places: u32, divisor: u32, statuses: &[RunnerStatus]) -> MarketDefinition {
    MarketDefinition {
        market_type: "EACH_WAY".into(),
        each_way_divisor: Some(divisor),
        ..market(places, statuses)
    }
}

/// A handicap market with these lines: (selection, hundredths of a goal, status).
fn handicap(lines: &[(u64, i32, RunnerStatus)]) -> MarketDefinition {
    let line = |&(selection, handicap, status): &(u64, i32, RunnerStatus)| RunnerDefinition {
        id: RunnerId {
            selection,
            handicap,
        },
        status,
        ..definition(1, 0).runners[0].clone()
    };
    MarketDefinition {
        betting_type: BettingType::AsianHandicapDoubleLine,
        runners: lines.iter().map(line).collect(),
        ..definition(0, 0)
    }
}

fn line_market(result: Option<u64>) -> MarketDefinition {
    MarketDefinition {
        betting_type: BettingType::Line,
        line_result: result.map(p),
        competition: None,
        score: None,
        ..market(0, &[Winner])
    }
}

fn bet(market: &MarketDefinition, id: RunnerId, side: Side, price: u64, size: f64) -> Money {
    let outcome = outcome(market, id).expect("the market tells");
    profit(side, &[(p(price), pounds(size))], outcome)
}

/// What 10.00 to back at this price on each runner brings.
fn backed(market: &MarketDefinition, price: u64) -> Vec<f64> {
    let runners = market.runners.iter();
    runners
        .map(|runner| bet(market, runner.id, Side::Back, price, 10.0).to_f64())
        .collect()
}

#[test]
fn a_place_market_with_no_more_runners_than_places_is_settled_as_the_stream_calls_it() {
    assert_eq!(backed(&market(3, &[Winner; 3]), 110), [1.0; 3]);
    assert_eq!(
        backed(&market(3, &[Winner, Winner, Removed]), 110),
        [1.0, 1.0, 0.0]
    );
    assert_eq!(backed(&market(3, &[Removed; 3]), 110), [0.0; 3]);
}

#[test]
fn win_pays_the_winner_the_price_less_one() {
    let race = market(1, &[Winner, Loser, Loser]);
    assert_eq!(backed(&race, 550), [45.0, -10.0, -10.0]);
    assert_eq!(
        bet(&race, RunnerId::new(1), Side::Lay, 550, 10.0),
        pounds(-45.0)
    );
    assert_eq!(
        bet(&race, RunnerId::new(2), Side::Lay, 550, 10.0),
        pounds(10.0)
    );
}

#[test]
fn place_pays_every_winner_in_full() {
    let race = market(3, &[Winner, Winner, Winner, Loser]);
    assert_eq!(backed(&race, 210), [11.0, 11.0, 11.0, -10.0]);
}

#[test]
fn a_market_of_unknown_winners_has_no_dead_heat() {
    assert_eq!(
        backed(&market(0, &[Winner, Winner, Loser]), 210),
        [11.0, 11.0, -10.0]
    );
}

#[test]
fn a_dead_heat_of_three_for_first_wins_with_a_third_of_the_stake() {
    let race = market(1, &[Winner, Winner, Winner, Loser]);
    // Betfair's own example: 300 at 4.0 wins 100.
    assert_eq!(
        bet(&race, RunnerId::new(1), Side::Back, 400, 300.0),
        pounds(100.0)
    );
    assert_eq!(
        bet(&race, RunnerId::new(1), Side::Lay, 400, 300.0),
        pounds(-100.0)
    );
    assert_eq!(
        bet(&race, RunnerId::new(4), Side::Back, 400, 300.0),
        pounds(-300.0)
    );
}

#[test]
fn a_dead_heat_for_a_place_is_shared_by_all_placed_for_who_tied_is_not_told() {
    // Four runners for three places: three quarters of 10.00 win at 3.0, a quarter loses.
    let race = market(3, &[Winner, Winner, Winner, Winner, Loser]);
    assert_eq!(backed(&race, 300), [12.5, 12.5, 12.5, 12.5, -10.0]);
}

#[test]
fn each_way_is_two_bets_of_the_size() {
    // 10.00 at 11.0, a fifth of the odds, 3 places: 100.00 to win, 20.00 to be placed, 20.00 at risk.
    let race = each_way(3, 500, &[Winner, Placed, Placed, Loser, Loser]);
    assert_eq!(backed(&race, 1_100), [120.0, 10.0, 10.0, -20.0, -20.0]);
    assert_eq!(
        bet(&race, RunnerId::new(1), Side::Lay, 1_100, 10.0),
        pounds(-120.0)
    );
    assert_eq!(
        bet(&race, RunnerId::new(5), Side::Lay, 1_100, 10.0),
        pounds(20.0)
    );
}

#[test]
fn each_way_dead_heats_divide_each_part_by_itself() {
    // Two tie for first: half the win part wins, the place part is whole.
    let first = each_way(3, 500, &[Winner, Winner, Placed, Loser, Loser]);
    assert_eq!(
        backed(&first, 1_100),
        [50.0 - 5.0 + 20.0, 65.0, 10.0, -20.0, -20.0]
    );
    // Two tie for third: one place left for two, so half the place part wins.
    let third = each_way(3, 500, &[Winner, Placed, Placed, Placed, Loser]);
    // One first, three for two places: each wins two thirds, 6.67 x 2 less 3.33, and loses the win part.
    assert_eq!(backed(&third, 1_100), [120.0, 0.0, 0.0, 0.0, -20.0]);
    let second_and_third = each_way(2, 500, &[Winner, Placed, Placed, Loser]);
    assert_eq!(backed(&second_and_third, 1_100), [120.0, -5.0, -5.0, -20.0]);
}

#[test]
fn each_way_with_no_more_runners_than_places_voids_the_place_part() {
    let race = each_way(3, 500, &[Winner, Placed, Placed, Removed]);
    assert_eq!(backed(&race, 1_100), [100.0, -10.0, -10.0, 0.0]);
}

#[test]
fn quarter_lines_win_and_lose_by_half() {
    // A draw: the home side wins with half a goal and loses without.
    let lines = [
        (1, -50, Loser),
        (1, -25, Loser),
        (1, 0, Loser),
        (1, 25, Winner),
        (1, 50, Winner),
        (2, -50, Loser),
        (2, 25, Winner),
        (2, 50, Winner),
    ];
    assert_eq!(
        backed(&handicap(&lines), 190),
        [-10.0, -5.0, 0.0, 4.5, 9.0, -10.0, 4.5, 9.0]
    );
    let draw = handicap(&lines);
    let quarter = draw.runners[1].id;
    assert_eq!(bet(&draw, quarter, Side::Lay, 190, 10.0), pounds(5.0));
}

#[test]
fn totals_win_below_the_line_drawn() {
    // Three goals: over 2.5 wins, over 3.5 loses; over 2.75 wins by half, over 3.25 loses by half.
    let over = handicap(&[
        (1, 250, Winner),
        (1, 275, Winner),
        (1, 300, Loser),
        (1, 325, Loser),
        (1, 350, Loser),
    ]);
    assert_eq!(backed(&over, 200), [10.0, 5.0, 0.0, -5.0, -10.0]);
}

#[test]
fn a_quarter_line_with_no_half_lines_around_the_score_is_won_in_full() {
    let lonely = handicap(&[(1, -25, Winner), (2, 25, Loser), (3, 25, Removed)]);
    assert_eq!(backed(&lonely, 190), [9.0, -10.0, 0.0]);
    let far = handicap(&[(1, 25, Winner), (1, 50, Winner), (1, -150, Loser)]);
    assert_eq!(backed(&far, 190), [9.0, 9.0, -10.0]);
}

#[test]
fn over_and_under_at_odds_is_a_market_with_one_winner() {
    let under = market(1, &[Winner, Loser]);
    assert_eq!(backed(&under, 185), [8.5, -10.0]);
}

#[test]
fn a_line_is_sold_by_back_and_bought_by_lay_at_evens() {
    let id = RunnerId::new(1);
    for (line, result, sold) in [
        (25_050, 23_100, 10.0),
        (25_050, 25_100, -10.0),
        (25_000, 25_000, 0.0),
    ] {
        let runs = line_market(Some(result));
        assert_eq!(bet(&runs, id, Side::Back, line, 10.0), pounds(sold));
        assert_eq!(bet(&runs, id, Side::Lay, line, 10.0), pounds(-sold));
    }
}

#[test]
fn a_line_market_without_its_result_and_bets_of_unknown_rules_are_not_settled() {
    let unknown = |market: &MarketDefinition| outcome(market, RunnerId::new(1)).is_none();
    assert!(unknown(&line_market(None)));
    let mut range = market(1, &[Winner]);
    range.betting_type = BettingType::Range;
    assert!(unknown(&range));
    let mut each_way_without_divisor = market(3, &[Winner, Placed]);
    each_way_without_divisor.market_type = "EACH_WAY".into();
    assert!(unknown(&each_way_without_divisor));
}

#[test]
fn bets_on_removed_and_unknown_runners_and_in_markets_without_results_are_void() {
    assert_eq!(
        backed(&market(1, &[Winner, Loser, Removed, Hidden]), 550)[2..],
        [0.0, 0.0]
    );
    assert_eq!(backed(&market(1, &[Removed, Removed]), 550), [0.0, 0.0]);
    assert_eq!(backed(&market(1, &[Active, Active]), 550), [0.0, 0.0]);
    let race = market(1, &[Winner]);
    assert_eq!(
        bet(&race, RunnerId::new(9), Side::Back, 550, 10.0),
        Money::ZERO
    );
}

#[test]
fn a_removal_reduces_prices_by_the_kind_of_market() {
    let win = definition(2, 1);
    // Betfair's own example: 8.0 less 25 % is 6.0, and in the place market 6.25.
    assert_eq!(win.reduced(p(800), 2_500), p(600));
    assert_eq!(
        win.reduced(p(800), 249),
        p(800),
        "under 2.5 % nothing changes"
    );
    assert_eq!(win.reduced(p(800), 250), p(780));
    let mut place = definition(2, 3);
    place.market_type = "PLACE".into();
    assert_eq!(place.reduced(p(800), 2_500), p(625));
    assert_eq!(place.reduced(p(800), 100), p(793), "every factor counts");
    // 11.0 less 50 % is 5.5, and a fifth of that to be placed is 1.9.
    let race = each_way(3, 500, &[Winner, Placed, Placed, Loser]);
    assert_eq!(race.reduced(p(1_100), 5_000), p(550));
    assert_eq!(backed(&race, 550)[1..2], [-1.0]);
    let mut match_odds = definition(2, 1);
    match_odds.market_type = "MATCH_ODDS".into();
    assert_eq!(match_odds.reduced(p(800), 2_500), p(800));
}

#[test]
fn a_bet_is_rounded_once_however_many_fills_it_has() {
    let race = market(1, &[Winner, Loser]);
    let won = outcome(&race, RunnerId::new(1)).unwrap();
    let crumbs = vec![(p(107), Money::from_minor(2)); 100];
    assert_eq!(profit(Side::Back, &crumbs, won), Money::from_minor(14));
    let half = [(p(150), Money::from_minor(1))];
    assert_eq!(
        profit(Side::Back, &half, won),
        Money::from_minor(1),
        "halves away from zero"
    );
    assert_eq!(profit(Side::Lay, &half, won), Money::from_minor(-1));
}

#[test]
fn commission_is_the_base_rate_less_the_discount() {
    let rate = |base: u32, discount: u32| {
        let settings = ExchangeSettings {
            commission_discount_ratio: Ratio::from_millionths(discount).unwrap(),
            ..ExchangeSettings::default()
        };
        let market = MarketDefinition {
            base_rate: base,
            ..definition(1, 1)
        };
        commission_rate(&market, &settings).millionths()
    };
    assert_eq!(rate(500, 0), 50_000);
    assert_eq!(rate(500, 20_000), 49_000);
    assert_eq!(rate(500, 33_330), 48_334, "48333.5 to the nearest");
    assert_eq!(rate(500, 1_000_000), 0);
}

/// An exchange with one market, on whose runner 1 an order is matched.
struct Afternoon {
    exchange: Exchange,
    books: Books,
    now: TimeMs,
}

impl Afternoon {
    fn with_a_bet_at(price: u64) -> Self {
        let mut afternoon = Self {
            exchange: Exchange::new(ExchangeSettings::default()),
            books: Books::default(),
            now: TimeMs(0),
        };
        afternoon.hear(&defined(definition(3, 1)));
        afternoon.hear(&levels(1, &[(LadderKind::Back, price, 100)]));
        let order = instruction(1, &limit(1, Side::Back, price, 1_000));
        let request = Request::Place(Pass(order));
        afternoon
            .exchange
            .submit(afternoon.now, &afternoon.books, request);
        afternoon.hear(&levels(2, &[]));
        afternoon
    }

    fn hear(&mut self, delta: &crate::market::MarketDelta) -> Vec<VenueEvent> {
        let mut heard = Vec::new();
        self.now = TimeMs(self.now.0 + 1_000);
        Venue::<Pass>::observe(&mut self.exchange, self.now, &self.books, delta, &mut heard);
        self.books.apply(self.now, delta);
        heard
    }

    fn define(&mut self, status: MarketStatus, runners: &[RunnerStatus]) -> Vec<String> {
        let market = MarketDefinition {
            status,
            ..market(1, runners)
        };
        let heard = self.hear(&defined(market));
        heard.iter().filter_map(in_short).collect()
    }
}

fn in_short(event: &VenueEvent) -> Option<String> {
    match event {
        VenueEvent::Settled(settlement) => {
            let gross: Money = settlement.profits.iter().map(|(_, profit)| *profit).sum();
            Some(format!("settled {}: {gross}", settlement.version))
        }
        VenueEvent::Reversed(reversal) => Some(format!("reversed {}", reversal.version)),
        VenueEvent::Order(_)
        | VenueEvent::Statement(..)
        | VenueEvent::Listing(..)
        | VenueEvent::Deaf(_)
        | VenueEvent::Funds(..) => None,
    }
}

#[test]
fn a_market_that_closes_again_with_another_winner_is_reversed_and_settled_anew() {
    use MarketStatus::{Closed, Suspended};
    let mut afternoon = Afternoon::with_a_bet_at(300);
    assert_eq!(
        afternoon.define(Closed, &[Winner, Loser, Loser]),
        ["settled 1: 20.00"]
    );
    assert!(
        afternoon.define(Closed, &[Winner, Loser, Loser]).is_empty(),
        "nothing new"
    );
    assert_eq!(
        afternoon.define(Suspended, &[Active, Active, Active]),
        ["reversed 1"]
    );
    assert!(
        afternoon
            .define(Suspended, &[Active, Active, Active])
            .is_empty()
    );
    assert_eq!(
        afternoon.define(Closed, &[Loser, Winner, Loser]),
        ["settled 2: -10.00"]
    );
    assert_eq!(
        afternoon.define(Closed, &[Winner, Winner, Loser]),
        ["reversed 2", "settled 3: 5.00"],
        "without being opened in between"
    );
}

#[test]
fn only_so_many_closed_markets_are_remembered() {
    let mut afternoon = Afternoon::with_a_bet_at(300);
    afternoon.define(MarketStatus::Closed, &[Winner, Loser, Loser]);
    assert_eq!(afternoon.exchange.markets.len(), 1);
    for number in 0..crate::exchange::MOST_CLOSED {
        let market = MarketId::new(&format!("2.{number}"));
        let sim = afternoon
            .exchange
            .markets
            .entry(market.clone())
            .or_default();
        sim.orders.push(crate::exchange::order::SimOrder::new(
            instruction(2, &limit(1, Side::Back, 300, 100)),
            1,
        ));
        afternoon.exchange.remember_closed(&market);
    }
    assert_eq!(
        afternoon.exchange.markets.len(),
        crate::exchange::MOST_CLOSED
    );
    assert!(
        !afternoon
            .exchange
            .markets
            .contains_key(&MarketId::new(MARKET))
    );
}

fn statuses() -> impl Strategy<Value = Vec<RunnerStatus>> {
    let status = prop_oneof![
        3 => Just(Winner),
        4 => Just(Loser),
        2 => Just(Placed),
        1 => Just(Removed),
        1 => Just(Active),
    ];
    proptest::collection::vec(status, 1..9)
}

/// Any market that closed: of every kind, with dead heats, removals, and results that make no sense.
fn closed_markets() -> impl Strategy<Value = MarketDefinition> {
    let lines = proptest::collection::vec(-9_i32..9, 9);
    (statuses(), 0_u32..5, 0_usize..6, lines, 0_u64..60_000).prop_map(
        |(statuses, winners, kind, quarters, result)| {
            let mut market = market(winners, &statuses);
            match kind {
                0 => market.market_type = "MATCH_ODDS".into(),
                1 => market.market_type = "PLACE".into(),
                2 => market.each_way_divisor = Some(300 + 100 * (winners % 3)),
                3 => {
                    market.betting_type = BettingType::Line;
                    market.line_result = Some(p(result / 50 * 50));
                }
                4 => {
                    market.betting_type = BettingType::AsianHandicapDoubleLine;
                    for (runner, quarter) in market.runners.iter_mut().zip(quarters) {
                        runner.id.selection %= 2;
                        runner.id.handicap = 25 * quarter;
                    }
                }
                _ => {}
            }
            market
        },
    )
}

fn fills() -> impl Strategy<Value = Vec<(Price, Money)>> {
    let fill = (101_u64..100_000, 1_i64..100_000_000)
        .prop_map(|(price, pence)| (p(price), Money::from_minor(pence)));
    proptest::collection::vec(fill, 1..6)
}

proptest! {
    /// What one side of a bet loses, the other wins, to the penny.
    #[test]
    fn both_sides_of_a_bet_sum_to_nothing(market in closed_markets(), fills in fills(), factor in 0_u32..10_000) {
        let reduced: Vec<_> = fills.iter().map(|&(price, size)| (market.reduced(price, factor), size)).collect();
        for runner in &market.runners {
            let Some(outcome) = outcome(&market, runner.id) else { continue };
            for fills in [&fills, &reduced] {
                prop_assert_eq!(
                    profit(Side::Back, fills, outcome) + profit(Side::Lay, fills, outcome),
                    Money::ZERO
                );
            }
        }
    }

    /// One backer against many layers, a fill each: every bet is rounded by itself, so together they are off by at
    /// most half a penny each; before rounding they sum to nothing exactly.
    #[test]
    fn a_bet_matched_by_many_is_off_by_half_a_penny_each_at_most(market in closed_markets(), fills in fills()) {
        for runner in &market.runners {
            let Some(outcome) = outcome(&market, runner.id) else { continue };
            let layers = || fills.iter().map(std::slice::from_ref);
            let lost: Money = layers().map(|fill| profit(Side::Lay, fill, outcome)).sum();
            let off = (profit(Side::Back, &fills, outcome) + lost).abs();
            prop_assert!(2 * off.minor() <= 1 + fills.len() as i64);
            let (won, unit) = profit::backers_result(&fills, outcome);
            let exact: i128 = layers().map(|fill| profit::backers_result(fill, outcome).0).sum();
            prop_assert!(won == exact && unit > 0);
        }
    }

    /// No bet loses more than its stakes, or wins more than its odds bring.
    #[test]
    fn a_bet_never_loses_more_than_it_staked(market in closed_markets(), fills in fills()) {
        let stakes: Money = fills.iter().map(|&(_, size)| size).sum();
        let parts = if market.each_way_divisor.is_some() { 2 } else { 1 };
        for runner in &market.runners {
            let Some(outcome) = outcome(&market, runner.id) else { continue };
            let won = profit(Side::Back, &fills, outcome);
            prop_assert!(won.minor() >= -parts * stakes.minor());
            if market.runner(runner.id).unwrap().status == Removed {
                prop_assert_eq!(won, Money::ZERO);
            }
        }
    }

    /// The winners of a market together are paid as many whole stakes as there are places, dead heat or not.
    #[test]
    fn a_dead_heat_pays_out_as_many_stakes_as_there_are_places(statuses in statuses(), places in 1_u32..5) {
        let market = market(places, &statuses);
        let paid: f64 = market.runners.iter().map(|runner| match outcome(&market, runner.id) {
            Some(Outcome::Single(Share { wins, of, .. })) => f64::from(wins) / f64::from(of),
            _ => 0.0,
        }).sum();
        let winners = statuses.iter().filter(|status| **status == Winner).count();
        let expected = winners.min(places as usize);
        prop_assert!((paid - expected as f64).abs() < 1e-9);
    }

    /// A quarter line is its two neighbours with half the stake each, whatever the score.
    #[test]
    fn a_quarter_line_is_half_on_each_of_its_neighbours(margin in -4_i32..=4, quarters in -12_i32..=12) {
        let status = |line: i32| if margin * 100 + line > 0 { Winner } else { Loser };
        let mut lines: Vec<_> = (-6..=5).map(|half| (1, 100 * half + 50)).collect();
        lines.extend([-1, 0, 1].map(|side| (1, 25 * (quarters + side))));
        lines.dedup();
        let lines: Vec<_> = lines.iter().map(|&(selection, line)| (selection, line, status(line))).collect();
        let market = handicap(&lines);
        let at = |quarters: i32| {
            bet(&market, RunnerId { selection: 1, handicap: 25 * quarters }, Side::Back, 250, 10.0).minor()
        };
        let by_margin = |quarters: i32| match (4 * margin + quarters).clamp(-2, 2) {
            2 => 1_500,
            1 => 750,
            0 => 0,
            -1 => -500,
            _ => -1_000,
        };
        prop_assert_eq!(at(quarters), by_margin(quarters));
        if quarters % 2 != 0 {
            prop_assert_eq!(2 * at(quarters), at(quarters - 1) + at(quarters + 1));
        }
    }
}
