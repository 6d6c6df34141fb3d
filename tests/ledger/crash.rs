//! A process that is killed loses nothing it was told is kept.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use bea::engine::Verdict;
use bea::ledger::{Durability, Ledger, Reader};
use bea::market::{OrderChange, OrderState, Side};

use crate::story::*;

const CHILD: &str = "BEA_TEST_LEDGER_OF_CHILD";

/// Not a test: the process that `nothing_acknowledged_is_lost_to_a_kill` kills.
#[test]
#[ignore = "run as a child process by another test"]
fn child_that_writes_until_it_is_killed() {
    let Ok(path) = std::env::var(CHILD) else {
        return;
    };
    let (ledger, mut run) = begin(Path::new(&path), Durability::Full);
    for number in 0.. {
        let action = place(Side::Back, limit(2.0, 2.0));
        let records = [
            intent(number, action, Verdict::Approved),
            order(number, OrderChange::Accepted, OrderState::Working, 0.0),
            order(number, matched(2.0, 2.0), OrderState::Complete, 2.0),
        ];
        commit(&mut run, &records).unwrap();
        println!("acknowledged {} {number}", run.run());
        assert!(ledger.health().error().is_none());
    }
}

#[test]
fn nothing_acknowledged_is_lost_to_a_kill() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.db");
    let mut acknowledged = BTreeMap::new();
    for kill in 0..10 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args([
                "crash::child_that_writes_until_it_is_killed",
                "--exact",
                "--ignored",
                "--nocapture",
            ])
            .env(CHILD, &path)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        // Killed at a different point each time: during the first commits, or long after a checkpoint.
        let wanted = 1 + kill * kill * 9;
        let mut heard = 0;
        while let Some(Ok(line)) = lines.next() {
            let Some(rest) = line.strip_prefix("acknowledged ") else {
                continue;
            };
            let (run, number) = rest.split_once(' ').unwrap();
            acknowledged.insert(
                run.parse::<i64>().unwrap(),
                number.parse::<u64>().unwrap() + 1,
            );
            heard += 1;
            if heard == wanted {
                child.kill().unwrap();
            }
        }
        assert!(
            heard >= wanted,
            "the child ended by itself after {heard} commits"
        );
        child.wait().unwrap();
    }
    // What a person looks at after a crash, before anything is started again.
    let reader = Reader::open(&path).unwrap();
    assert_eq!(reader.audit().unwrap(), []);
    let runs = reader.runs(100).unwrap();
    assert_eq!((runs.len(), acknowledged.len()), (10, 10));
    for run in runs {
        let least = acknowledged[&run.run];
        assert!(
            run.bets >= least,
            "run {}: {} of {least} bets",
            run.run,
            run.bets
        );
        assert!(
            run.bets <= least + 1,
            "more was kept than was ever asked for"
        );
    }
    let again = Ledger::open(&path, settings(Durability::Full)).unwrap();
    assert_eq!(again.begin_run(info()).unwrap().run(), 11);
}
