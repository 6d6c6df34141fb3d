//! `bea backtest --threads`: whatever their number, the results are those of one.

use std::path::Path;

use rusqlite::Connection;
use rusqlite::types::Value as Cell;
use serde_json::Value;

use crate::bea::{Bench, EAGER, project};

/// Bets, logs, and fails now and then, so that there is something of everything to be told in order.
const BUSY: &str = "
fn on_odds(market, ctx) {
    if !(\"calls\" in this) { this.calls = 0; }
    this.calls += 1;
    if this.calls % 40 == 0 { print(`call ${this.calls} of ${market.id}`); }
    if market.total_matched.to_int() % 17 == 0 { throw `no good at ${market.id}`; }
    if market.in_play || this.calls % 5 != 0 { return; }
    let intents = [];
    for runner in market.active {
        let best = runner.best_lay;
        if best != () { intents.push(lay(runner, best.price, 2.0)); }
    }
    intents
}";

/// Recordings in every shape: plain, archives plain, packed and nested, damaged, empty, and none at all.
fn shapes(bench: &Bench) {
    bench.write("strategies/busy.rhai", BUSY);
    bench.write("strategies/eager.rhai", EAGER);
    let made =
        "generate --count 9 --seed 3 --runners 5 --updates 150 --in-play-updates 40 --out made";
    bench.run(made).succeeded();
    let mut made: Vec<_> = std::fs::read_dir(bench.path("made"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    made.sort();
    let bytes: Vec<Vec<u8>> = made
        .iter()
        .map(|path| std::fs::read(path).unwrap())
        .collect();
    let data = |name: &str, bytes: &[u8]| bench.write(&format!("data/{name}"), bytes);
    data("a", &bytes[0]);
    let archive = tar(&[("x/1", &bytes[1]), ("2", &bytes[2]), (".hidden", b"x")]);
    data("b.tar", &archive);
    data("c.tar.gz", &gz(&tar(&[("1", &bytes[3]), ("2", &bytes[4])])));
    data(
        "d",
        &[&bytes[5][..bytes[5].len() / 2], b"{\"op\":\"mcm\",\"pt\"\n"].concat(),
    );
    data("e.txt", b"no recording at all\n");
    data("f.tar", &tar(&[("in.tar", &archive), ("3", &bytes[6])]));
    data("g.tar", &archive[..archive.len() * 2 / 3]);
    data("h", &bytes[7]);
    data("i.gz", &gz(&bytes[8])[..400]);
    data("j.tar", &tar(&[(".hidden", b"x")]));
    data("k", &bytes[8]);
}

fn tar(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut archive = tar::Builder::new(Vec::new());
    for (name, bytes) in members {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_cksum();
        archive.append_data(&mut header, name, *bytes).unwrap();
    }
    archive.into_inner().unwrap()
}

fn gz(bytes: &[u8]) -> Vec<u8> {
    use std::io::Write;
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(bytes).unwrap();
    packed.finish().unwrap()
}

/// All that a run leaves, but for what is of its own time.
#[derive(Debug, PartialEq)]
struct Left {
    report: Value,
    said: String,
    orders: String,
    tables: Vec<(String, Vec<Vec<Cell>>)>,
}

fn left_by(bench: &Bench, threads: u32, more: &str) -> Left {
    let (orders, ledger) = (format!("{threads}.jsonl"), format!("{threads}.db"));
    let outcome = bench
        .run(&format!(
            "backtest busy eager --data data --json --threads {threads} --orders {orders} --ledger {ledger} {more}"
        ))
        .ended_with(5);
    let mut report = outcome.document();
    for own in ["elapsed_seconds", "updates_per_second"] {
        report.as_object_mut().unwrap().remove(own);
    }
    Left {
        report,
        said: outcome.err,
        orders: bench.read(&orders),
        tables: tables(&bench.path(&ledger)),
    }
}

/// What a ledger holds of a run, table by table. When it was written is no part of it, nor how it was grouped.
fn tables(ledger: &Path) -> Vec<(String, Vec<Vec<Cell>>)> {
    let ledger = Connection::open(ledger).unwrap();
    let names = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'
         AND name NOT IN ('runs', 'chain', 'instances', 'schema_migrations', 'strategy_versions') ORDER BY name";
    let mut names = ledger.prepare(names).unwrap();
    let names = names.query_map([], |row| row.get::<_, String>(0)).unwrap();
    names
        .map(|name| {
            let name = name.unwrap();
            let mut rows = ledger
                .prepare(&format!("SELECT rowid, * FROM {name}"))
                .unwrap_or_else(|_no_rowid| {
                    ledger.prepare(&format!("SELECT * FROM {name}")).unwrap()
                });
            let columns = rows.column_count();
            let rows = rows
                .query_map([], |row| (0..columns).map(|at| row.get(at)).collect())
                .unwrap();
            (name, rows.map(Result::unwrap).collect())
        })
        .collect()
}

#[test]
fn any_number_of_threads_leaves_what_one_leaves() {
    let bench = Bench::new();
    shapes(&bench);
    let one = left_by(&bench, 1, "");
    // Something of everything was there to be compared.
    assert_eq!(one.report["recordings"], 15);
    assert!(
        one.report["problems"].as_array().unwrap().len() >= 5,
        "{:#}",
        one.report
    );
    assert!(
        one.report["faults"].as_array().unwrap().len() > 3,
        "{:#}",
        one.report
    );
    assert!(one.said.contains("busy: call 40 of"), "{}", one.said);
    assert!(one.orders.lines().count() > 50);
    let rows = |table: &str| {
        one.tables
            .iter()
            .find(|(name, _)| name == table)
            .unwrap()
            .1
            .len()
    };
    for table in [
        "recordings",
        "intents",
        "orders",
        "order_events",
        "visits",
        "settlements",
    ] {
        assert!(rows(table) > 10, "{table}: {}", rows(table));
    }
    for threads in [2, 3, 7] {
        let several = left_by(&bench, threads, "");
        for (mine, theirs) in one.tables.iter().zip(&several.tables) {
            assert_eq!(mine, theirs, "{threads} threads");
        }
        assert_eq!(several, one, "{threads} threads");
    }
}

#[test]
fn the_band_too_is_that_of_one_thread() {
    let bench = Bench::new();
    shapes(&bench);
    let one = left_by(&bench, 1, "--fill band");
    assert_eq!(one.report["band"].as_array().unwrap().len(), 2);
    assert_eq!(left_by(&bench, 3, "--fill band"), one);
}

#[test]
fn what_strategies_remember_goes_from_one_recording_to_the_next_however_many_threads() {
    let bench = Bench::new();
    bench.write(
        "strategies/counts.rhai",
        "fn on_odds(market, ctx) {
             if !(\"n\" in this) { this.n = 0; }
             this.n += 1;
             if this.n % 500 == 0 { print(`${this.n}`); }
         }",
    );
    let run = format!(
        "backtest counts --carry-state --threads 3 --data {}",
        project("examples/recordings")
    );
    bench.run(&run).succeeded().saying(&["counts: 1000"]);
}

#[test]
fn a_number_of_threads_is_one_or_more() {
    let bench = Bench::new();
    let outcome = bench.run("backtest x --data y --threads 0").ended_with(2);
    assert!(outcome.err.contains("--threads"), "{}", outcome.err);
}
