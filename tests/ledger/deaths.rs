//! A run that never ended is found by the next one that opens the ledger for writing.

use bea::ledger::{Filter, Ledger, LedgerSettings, Outcome, Reader, RunInfo, RunKind};
use bea::market::{Currency, TimeMs};

fn info() -> RunInfo {
    RunInfo {
        kind: RunKind::Run,
        mode: bea::market::Mode::DryRun,
        started_at: TimeMs(0),
        currency: Currency::GBP,
        config: serde_json::Value::Null,
    }
}

#[test]
fn a_run_that_died_is_told_of_once_and_stays_marked() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.db");
    let ledger = Ledger::open(&path, LedgerSettings::default()).unwrap();
    assert_eq!(ledger.deaths(), []);
    let ended = ledger.begin_run(info()).unwrap();
    ended.finish(TimeMs(1), Outcome::Completed, None).unwrap();
    drop(ledger.begin_run(info()).unwrap());
    drop(ledger);
    let outcomes = || -> Vec<Option<String>> {
        let runs = Reader::open(&path).unwrap().runs(10).unwrap();
        runs.into_iter().map(|run| run.outcome).collect()
    };
    let completed = Some("completed".to_owned());
    assert_eq!(outcomes(), [completed.clone(), None]);

    let ledger = Ledger::open(&path, LedgerSettings::default()).unwrap();
    let found: Vec<_> = ledger.deaths().iter().map(|death| death.run).collect();
    assert_eq!(found, [2]);
    assert!(
        ledger.deaths()[0]
            .to_string()
            .starts_with("run 2 never ended")
    );
    drop(ledger);
    assert_eq!(outcomes(), [completed, Some("died".to_owned())]);

    let ledger = Ledger::open(&path, LedgerSettings::default()).unwrap();
    assert_eq!(ledger.deaths(), []);
    let reader = ledger.reader().unwrap();
    assert_eq!(reader.standing().unwrap(), None);
    assert_eq!(reader.bets(&Filter::default()).unwrap(), []);
    assert_eq!(reader.audit().unwrap(), []);
}
