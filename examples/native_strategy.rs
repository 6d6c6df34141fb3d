//! Plays a strategy written in Rust over recordings: what a host of its own, or a second kind of script, would do.
//!
//! `cargo run --example native_strategy -- examples/recordings`
//!
//! The core knows strategies only by the trait [`Strategy`], so this one is gated, matched and reported as a script is.

use std::collections::BTreeMap;
use std::env;
use std::error::Error;
use std::num::NonZeroUsize;
use std::ops::ControlFlow;
use std::path::PathBuf;

use bea::backtest::{Report, Setup, Sinks, Way, run};
use bea::config::Config;
use bea::engine::{Answer, Fault, Moment, Strategy};
use bea::market::{Intent, MarketFilter, Money, OrderKind, Persistence, Place, Side};
use bea::source;

/// Backs the favourite once in the last minute before the off.
struct Favourite {
    filter: MarketFilter,
    stake: Money,
}

impl Strategy for Favourite {
    fn name(&self) -> &str {
        "favourite"
    }

    /// Of a script it is the hash of its source; here a version says which code it is.
    fn hash(&self) -> &str {
        env!("CARGO_PKG_VERSION")
    }

    fn filter(&self) -> &MarketFilter {
        &self.filter
    }

    fn on_odds(&mut self, moment: &Moment<'_>, answer: &mut Answer) -> Result<(), Fault> {
        if !moment.holding.orders().is_empty() {
            return Ok(());
        }
        let quoted = moment.market.active_runners();
        let quoted = quoted.filter_map(|runner| Some((runner.best_back()?.price, runner)));
        let Some((price, runner)) = quoted.min_by_key(|(price, _)| *price) else {
            return Ok(());
        };
        let bet = Place {
            runner: runner.id(),
            side: Side::Back,
            kind: OrderKind::Limit {
                price,
                size: self.stake,
                persistence: Persistence::Lapse,
                fill_or_kill: None,
            },
            book: None,
            reason: Some("the favourite".into()),
            probability: None,
            tag: None,
        };
        answer.propose(Intent::Place(bet), None);
        Ok(())
    }
}

/// Plays the strategy over recordings with the settings that the program has if it is told none.
fn play(paths: &[PathBuf]) -> Result<Report, Box<dyn Error>> {
    let config = Config::default();
    let setup = Setup {
        limits: config.risk,
        exchange: config.exchange,
        bank: config.account.bankroll,
        currency: config.account.currency,
        own: BTreeMap::new(),
        memory: None,
        closing: bea::backtest::Closing::default(),
    };
    let makers = || {
        let favourite = Favourite {
            filter: MarketFilter {
                types: vec!["WIN".to_owned()],
                in_play: Some(false),
                seconds_to_start: Some(0..=60),
                ..MarketFilter::default()
            },
            stake: Money::from_major(2),
        };
        Ok(vec![Box::new(favourite) as Box<dyn Strategy>])
    };
    let way = Way {
        threads: NonZeroUsize::MIN,
        band: false,
    };
    let mut sinks = Sinks {
        ledger: None,
        orders: None,
        progress: &mut |_| ControlFlow::Continue(()),
        notice: &mut |notice| eprintln!("{notice:?}"),
    };
    let files = source::expand(paths)?;
    Ok(run(&setup, &makers, &files, way, &mut sinks)?)
}

fn main() -> Result<(), Box<dyn Error>> {
    let paths: Vec<PathBuf> = env::args().skip(1).map(PathBuf::from).collect();
    println!("{}", play(&paths)?);
    Ok(())
}

#[test]
fn it_bets_on_each_race_and_does_the_same_again() {
    let recordings = [PathBuf::from(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/examples/recordings"
    ))];
    let report = play(&recordings).unwrap();
    assert_eq!(report.strategies[0].name, "favourite");
    assert_eq!(report.strategies[0].bets, 3, "{report}");
    assert_eq!(report.trace_hash, play(&recordings).unwrap().trace_hash);
}
