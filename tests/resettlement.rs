//! A market that closes twice, from the recording to the ledger: the first result is reversed and the second booked.

use std::num::NonZeroUsize;
use std::ops::ControlFlow;

use bea::backtest::{self, Report, Setup, Sinks, Way};
use bea::engine::Strategy;
use bea::exchange::ExchangeSettings;
use bea::ledger::{Durability, Filter, Ledger, LedgerSettings, Outcome, RunInfo, RunKind};
use bea::market::{Currency, Money, TimeMs};
use bea::risk::RiskLimits;
use bea::strategy::{Overrides, Script};

const SCRIPT: &str = r#"
fn on_odds(market, ctx) {
    if !("bet" in this) {
        this.bet = true;
        return [back(market.runners[0], 3.0, 10.0)];
    }
    []
}
fn on_settled(market, ctx) { ctx.log("bank " + ctx.bankroll); }
"#;

/// One line of a recording: the market with runner 1 and 2 in these states, and 3.0 to back.
fn line(second: i64, status: &str, runners: [&str; 2]) -> String {
    let at = 1_700_000_000_000 + 1_000 * second;
    let [one, two] = runners;
    format!(
        r#"{{"op":"mcm","clk":"a","pt":{at},"mc":[{{"id":"1.5","marketDefinition":{{"status":"{status}",
        "marketTime":"2023-11-14T22:30:00.000Z","eventTypeId":"7","marketType":"WIN","bettingType":"ODDS",
        "numberOfWinners":1,"marketBaseRate":5,"betDelay":0,"inPlay":false,"bspMarket":false,"version":{second},
        "runners":[{{"id":1,"status":"{one}","sortPriority":1}},{{"id":2,"status":"{two}","sortPriority":2}}]}},
        "rc":[{{"id":1,"atb":[[3.0,100]]}}]}}]}}"#
    )
    .replace('\n', "")
}

const RUNNING: [&str; 2] = ["ACTIVE", "ACTIVE"];
const FIRST: [&str; 2] = ["WINNER", "LOSER"];
const SECOND: [&str; 2] = ["LOSER", "WINNER"];

/// A settlement in the ledger: version, gross, commission, reversal.
type Settled = (u32, i64, i64, bool);

/// Plays the lines into a new ledger; gives what was reported, what was logged, and each settlement.
fn play(lines: &[String]) -> (Report, Vec<String>, Vec<Settled>) {
    let folder = tempfile::tempdir().unwrap();
    let recording = folder.path().join("1.5");
    std::fs::write(&recording, lines.join("\n")).unwrap();
    let path = folder.path().join("ledger.db");
    let settings = LedgerSettings {
        durability: Durability::Full,
        ..LedgerSettings::default()
    };
    let ledger = Ledger::open(&path, settings).unwrap();
    let info = RunInfo {
        kind: RunKind::Backtest,
        mode: bea::market::Mode::DryRun,
        started_at: TimeMs(0),
        currency: Currency::GBP,
        config: serde_json::json!({}),
    };
    let mut run = ledger.begin_run(info).unwrap();
    let script = Script::from_text("once", SCRIPT, &Overrides::default()).unwrap();
    run.script(script.hash(), "once", SCRIPT).unwrap();
    let setup = Setup {
        limits: RiskLimits::default(),
        exchange: ExchangeSettings::default(),
        bank: Money::from_major(1_000),
        currency: Currency::GBP,
        own: Default::default(),
        memory: None,
        closing: bea::backtest::Closing::default(),
    };
    let mut notices = Vec::new();
    let mut sinks = Sinks {
        ledger: Some(&mut run),
        orders: None,
        progress: &mut |_| ControlFlow::Continue(()),
        notice: &mut |notice| notices.push(format!("{notice:?}")),
    };
    let makers = || Ok(vec![Box::new(script.compile()?) as Box<dyn Strategy>]);
    let one = Way {
        threads: NonZeroUsize::MIN,
        band: false,
    };
    let report = backtest::run(&setup, &makers, &[recording], one, &mut sinks).unwrap();
    run.finish(TimeMs(1), Outcome::Completed, None).unwrap();
    let reader = ledger.reader().unwrap();
    assert_eq!(reader.audit().unwrap(), [], "the books balance");
    let ours = &reader.pnl(&Filter::default()).unwrap()[0];
    assert!((ours.net.to_f64() - report.strategies[0].profit_net).abs() < 1e-9);
    let connection = rusqlite::Connection::open(&path).unwrap();
    let mut statement = connection
        .prepare(
            "SELECT version, gross_minor, commission_minor, reverses IS NOT NULL
               FROM settlements ORDER BY record",
        )
        .unwrap();
    let rows = statement
        .query_map([], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
        })
        .unwrap();
    (report, notices, rows.map(Result::unwrap).collect())
}

#[test]
fn a_corrected_result_reverses_the_first_and_books_the_second() {
    let (report, notices, settlements) = play(&[
        line(0, "OPEN", RUNNING),
        line(1, "OPEN", RUNNING),
        line(2, "CLOSED", FIRST),
        line(3, "SUSPENDED", RUNNING),
        line(4, "CLOSED", SECOND),
    ]);
    assert_eq!(
        settlements,
        [
            (1, 2_000, 100, false),
            (1, -2_000, -100, true),
            (2, -1_000, 0, false)
        ]
    );
    let strategy = &report.strategies[0];
    assert_eq!((strategy.profit_gross, strategy.profit_net), (-10.0, -10.0));
    let banks: Vec<_> = notices.iter().filter(|n| n.contains("bank")).collect();
    assert!(
        banks.len() == 2 && banks[0].contains("1019") && banks[1].contains("990"),
        "{banks:?}"
    );
}

#[test]
fn a_market_opened_again_and_never_closed_is_unsettled() {
    let (report, _, settlements) = play(&[
        line(0, "OPEN", RUNNING),
        line(1, "OPEN", RUNNING),
        line(2, "CLOSED", FIRST),
        line(3, "SUSPENDED", RUNNING),
    ]);
    assert_eq!(
        settlements,
        [(1, 2_000, 100, false), (1, -2_000, -100, true)]
    );
    let strategy = &report.strategies[0];
    assert_eq!((strategy.profit_gross, strategy.unsettled), (0.0, 10.0));
}

#[test]
fn closing_twice_with_the_same_result_settles_once() {
    let (_, _, settlements) = play(&[
        line(0, "OPEN", RUNNING),
        line(1, "OPEN", RUNNING),
        line(2, "CLOSED", FIRST),
        line(3, "CLOSED", FIRST),
    ]);
    assert_eq!(settlements, [(1, 2_000, 100, false)]);
}
