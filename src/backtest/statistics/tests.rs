//! Statistics of made-up bets with known answers.

use std::sync::Arc;

use super::super::closing::Value;
use super::*;
use crate::market::{Side, TimeMs};

fn bet(event: usize, price: f64, won: bool) -> Bet {
    Bet {
        event: format!("e{event}").into(),
        market_type: "MATCH_ODDS".into(),
        competition: None,
        book: "B365".into(),
        side: Side::Back,
        asked_at: TimeMs(0),
        settled_at: TimeMs(event as i64 * 86_400_000),
        asked: Some(1.0),
        stake: 1.0,
        price,
        profit: Some(if won { price - 1.0 } else { -1.0 }),
        happened: Some(won),
        probability: None,
        close: None,
    }
}

/// What a strategy did with a bank of 100: each bet is a market of its own.
fn facts(bets: Vec<Bet>) -> Facts {
    let settled = bets.iter().filter_map(|bet| {
        Some(Settled {
            event: Arc::clone(&bet.event),
            at: bet.settled_at,
            net: bet.profit?,
            turnover: bet.stake,
            expected: bet.close.as_ref().and_then(|close| close.chosen),
        })
    });
    Facts {
        settled: settled.collect(),
        bets,
        bank: 100.0,
    }
}

fn close(raw: f64, chance: f64, price: f64) -> Option<Value> {
    let worth = price * chance - 1.0;
    Some(Value {
        source: "PS".to_owned(),
        raw,
        fair: [Some(worth); 5],
        chosen: Some(worth),
        chance: Some(chance),
    })
}

fn of(bets: Vec<Bet>) -> Statistics {
    Statistics::of(&facts(bets), &Closing::default())
}

#[track_caller]
fn near(found: f64, expected: f64) {
    assert!((found - expected).abs() < 1e-6, "{found} is not {expected}");
}

#[test]
fn five_percent_on_a_thousand_even_bets_are_no_proof() {
    let found = of((0..1_000).map(|n| bet(n, 2.0, n % 40 < 21)).collect());
    near(found.yield_net.unwrap().value, 0.05);
    let luck = found.significance.unwrap();
    near(luck.t, 1.583_119);
    assert!((luck.p - 0.0567).abs() < 1e-4);
    assert_eq!(luck.bets_needed, Some(1_080.0));
    assert!((luck.p_by_draws.unwrap() - luck.p).abs() < 0.02);
    let (low, high) = (
        found.yield_net.unwrap().low.unwrap(),
        found.yield_net.unwrap().high.unwrap(),
    );
    assert!(low < 0.0 && (high - 0.112).abs() < 0.01, "{low} {high}");
    let strike = found.strike.unwrap();
    near(strike.rate, 0.525);
    near(strike.to_break_even, 0.5);
    assert_eq!(strike.by_the_close, None);
    assert_eq!(found.losing_run.unwrap().longest, 19);
    near(found.roi.unwrap(), 0.5);
    assert!(found.clv.is_none() && found.calibration.is_none());
}

#[test]
fn bets_on_one_event_count_as_one_when_it_comes_to_how_sure_it_is() {
    let alone: Vec<Bet> = (0..100).map(|n| bet(n, 2.0, n % 2 == 0)).collect();
    let together: Vec<Bet> = (0..100)
        .map(|n| bet(n / 10, 2.0, (n / 10) % 2 == 0))
        .collect();
    let width = |bets| {
        let found: Statistics = of(bets);
        assert!(found.yield_net.unwrap().value.abs() < 1e-12);
        found.yield_net.unwrap().high.unwrap() - found.yield_net.unwrap().low.unwrap()
    };
    let (narrow, wide) = (width(alone), width(together));
    assert!(wide > narrow * 2.5, "{wide} {narrow}");
}

#[test]
fn closing_line_value_counts_each_bet_once_and_says_what_it_does_not_know() {
    let mut bets: Vec<Bet> = (0..20)
        .map(|n| Bet {
            close: close(if n < 15 { 0.05 } else { -0.05 }, 0.5, 2.1),
            stake: n as f64 + 1.0,
            ..bet(n, 2.1, n % 2 == 0)
        })
        .collect();
    bets.push(bet(20, 2.1, true));
    let clv = of(bets).clv.unwrap();
    assert_eq!((clv.raw.n, clv.unknown), (20, 1));
    near(clv.raw.value, 0.025);
    near(clv.beat_close.value, 0.75);
    near(clv.fair["power"].value, 0.05);
    assert_eq!(clv.sources["PS"], 20);
}

#[test]
fn calibration_is_that_of_the_stated_probabilities() {
    let bets = [(0.4, true), (0.3, false), (0.2, false), (0.9, true)];
    let bets = bets.iter().enumerate().map(|(n, (probability, won))| Bet {
        probability: Some(*probability),
        close: close(0.0, 0.5, 2.0),
        ..bet(n, 2.0, *won)
    });
    let found = of(bets.collect()).calibration.unwrap();
    near(found.brier, (0.36 + 0.09 + 0.04 + 0.01) / 4.0);
    near(
        found.log_loss,
        -(0.4_f64.ln() + 0.7_f64.ln() + 0.8_f64.ln() + 0.9_f64.ln()) / 4.0,
    );
    near(found.skill_to_the_close.unwrap(), 1.0 - 0.125 / 0.25);
    let bins: Vec<(f64, u64)> = found.bins.iter().map(|bin| (bin.from, bin.n)).collect();
    assert_eq!(bins, [(0.2, 1), (0.3, 1), (0.4, 1), (0.9, 1)]);
}

#[test]
fn what_is_matched_is_compared_with_what_is_not() {
    let unmatched = |n, won| Bet {
        stake: 0.0,
        price: 0.0,
        profit: None,
        ..bet(n, 2.0, won)
    };
    let partial = Bet {
        asked: Some(2.0),
        ..bet(4, 2.0, false)
    };
    let bets = vec![
        bet(0, 2.0, true),
        unmatched(1, true),
        bet(2, 2.0, false),
        bet(3, 2.0, false),
        partial,
    ];
    let found = of(bets);
    assert_eq!(
        (found.bets, found.execution.orders, found.execution.partial),
        (4, 5, 1)
    );
    assert_eq!(found.execution.fill_rate, Some(0.8));
    assert_eq!(found.execution.fill_rate_winners, Some(0.5));
    assert_eq!(found.execution.fill_rate_losers, Some(1.0));
}

#[test]
fn a_returned_stake_is_neither_won_nor_lost() {
    let returned = Bet {
        profit: Some(0.0),
        happened: None,
        ..bet(1, 2.0, false)
    };
    let found = of(vec![bet(0, 2.0, false), returned, bet(2, 2.0, false)]);
    assert_eq!(found.bets, 3);
    assert_eq!(found.strike.unwrap().n, 2);
    assert_eq!(found.losing_run.unwrap().longest, 2);
}

#[test]
fn breakdowns_add_up_and_few_bets_are_marked() {
    let bets = (0..60).map(|n| Bet {
        book: if n < 40 { "B365" } else { "WH" }.into(),
        ..bet(n, if n % 2 == 0 { 1.4 } else { 12.0 }, n % 3 == 0)
    });
    let found = of(bets.collect());
    let profit: f64 = found.equity.last().unwrap().net;
    for (name, rows) in &found.breakdowns {
        near(rows.iter().map(|row| row.profit_gross).sum(), profit);
        assert_eq!(rows.iter().map(|row| row.n).sum::<u64>(), 60, "{name}");
    }
    let books: Vec<(&str, bool)> = found.breakdowns["book"]
        .iter()
        .map(|row| (row.of.as_str(), row.few))
        .collect();
    assert_eq!(books, [("B365", false), ("WH", true)]);
    let prices: Vec<&str> = found.breakdowns["price"]
        .iter()
        .map(|row| row.of.as_str())
        .collect();
    assert_eq!(prices, ["under 1.5", "10 and more"]);
}

#[test]
fn the_way_of_the_bank_is_thinned_out_but_ends_where_it_ends() {
    let found = of((0..5_000).map(|n| bet(n, 2.0, n % 2 == 0)).collect());
    assert!(found.equity.len() <= 502, "{}", found.equity.len());
    assert!(found.equity.last().unwrap().net.abs() < 1e-9);
}

#[test]
fn nothing_says_nothing() {
    let found = of(Vec::new());
    assert!(found.yield_net.is_none() && found.strike.is_none() && found.significance.is_none());
    assert!(found.equity.is_empty() && found.breakdowns.is_empty());
}
