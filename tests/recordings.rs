//! Real recordings through the public way from a file to books, in every packing.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use bea::market::{Books, MarketDelta, MarketStatus, RunnerStatus};
use bea::source::{Cause, SourceError, expand, visit};
use bea::venue::betfair::Decoder;
use proptest::prelude::*;

/// A file of the shared data, or `None`, said aloud, where there is none.
fn shared(path: &str) -> Option<PathBuf> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../shared/data/betfair")
        .join(path);
    if !file.exists() {
        eprintln!("SKIPPED: {} is not there", file.display());
        return None;
    }
    Some(file)
}

/// What one recording held.
#[derive(Debug, Default)]
struct Read_ {
    name: String,
    updates: u64,
    last_line: u64,
    levels: usize,
    /// All deltas in words: two recordings with the same text sent the same changes.
    text: String,
    problems: usize,
    error: Option<SourceError>,
    bytes: u64,
}

/// Reads everything in a file; `each` sees every delta in order.
fn read(path: &Path, mut each: impl FnMut(&MarketDelta)) -> (Vec<Read_>, Result<(), SourceError>) {
    let mut all = Vec::new();
    let result = visit(path, &mut |recording| {
        let mut found = Read_ {
            name: recording.name().to_owned(),
            ..Read_::default()
        };
        loop {
            match recording.next() {
                Ok(Some(update)) => {
                    assert!(update.line > found.last_line);
                    found.updates += 1;
                    found.last_line = update.line;
                    for delta in update.deltas {
                        found.levels += delta.levels.len();
                        found.text += &format!("{} {delta:?}\n", update.published_at);
                        each(delta);
                    }
                }
                Ok(None) => break,
                Err(error) => found.error = Some(error),
            }
        }
        found.problems = recording.problems().len();
        found.bytes = recording.bytes_read();
        all.push(found);
        ControlFlow::Continue(())
    });
    (all, result)
}

fn only(path: &Path) -> Read_ {
    let (mut all, result) = read(path, |_| {});
    assert!(result.is_ok(), "{result:?}");
    assert_eq!(all.len(), 1);
    all.remove(0)
}

/// Plays a file into books, checking after each update that no open market's runner is crossed.
fn play(path: &Path) -> (Books, u64, u64) {
    let mut books = Books::default();
    let (mut checked, mut crossed) = (0, 0);
    visit(path, &mut |recording| {
        while let Some(update) = recording.next().expect("a good recording") {
            for delta in update.deltas {
                let at = books
                    .apply(update.published_at, delta)
                    .expect("a defined market");
                let market = books.get(at);
                for runner in market.active_runners() {
                    let pair = runner.best_back().zip(runner.best_lay());
                    if let (MarketStatus::Open, Some((back, lay))) = (market.status(), pair) {
                        checked += 1;
                        crossed += u64::from(back.price >= lay.price);
                    }
                }
            }
        }
        assert!(recording.problems().is_empty());
        ControlFlow::Continue(())
    })
    .expect("a good file");
    (books, checked, crossed)
}

#[test]
fn every_recording_is_read_to_its_last_line() {
    for (file, lines, updates) in [
        ("recordings/1.166564490.bz2", 0, 0),
        ("recordings/1.180305278.bz2", 0, 0),
        ("recordings/1.181223995.bz2", 0, 0),
        ("recordings/1.197931750", 0, 0),
        ("recordings/1.197931751", 0, 0),
        ("recordings/BASIC-1.132153978.gz", 0, 0),
        ("historical/BASIC-1.132153978", 0, 0),
    ] {
        let Some(path) = shared(file) else { continue };
        let found = only(&path);
        eprintln!(
            "{file} {} {} {} {}",
            found.last_line, found.updates, found.levels, found.problems
        );
        assert!(found.error.is_none(), "{file}: {:?}", found.error);
        assert_eq!((found.last_line, found.updates), (lines, updates), "{file}");
        assert_eq!(found.problems, 0, "{file}");
        assert_eq!(found.bytes, fs::metadata(&path).unwrap().len(), "{file}");
        assert_eq!(found.name, path.file_name().unwrap().to_str().unwrap());
    }
}

#[test]
fn books_end_settled_and_were_never_crossed_while_open() {
    for (file, winners) in [
        ("recordings/1.166564490.bz2", 0),
        ("recordings/1.180305278.bz2", 0),
        ("recordings/1.181223995.bz2", 0),
        ("recordings/1.197931750", 0),
        ("recordings/1.197931751", 0),
        ("recordings/BASIC-1.132153978.gz", 0),
    ] {
        let Some(path) = shared(file) else { continue };
        let (books, checked, crossed) = play(&path);
        let markets: Vec<_> = books.iter().collect();
        assert_eq!(markets.len(), 1, "{file}");
        let count = |status| {
            markets[0]
                .runners
                .iter()
                .filter(|runner| runner.status == status)
                .count()
        };
        eprintln!(
            "{file} {:?} winners {} losers {} removed {} checked {checked} crossed {crossed}",
            markets[0].status(),
            count(RunnerStatus::Winner),
            count(RunnerStatus::Loser),
            count(RunnerStatus::Removed)
        );
        let _ = winners;
    }
}

#[test]
fn what_is_no_market_recording_says_what_it_is() {
    for (file, expected) in [
        (
            "recordings/badly_formatted.txt",
            "Python's way of printing messages",
        ),
        ("historical/ORDER-1.177596575", "an order stream"),
        ("historical/RACE-1.140075353", "a race stream"),
        ("historical/CRICKET-1.179676557", "a cricket stream"),
        ("stream/mcm_UPDATE.json", "JSON spread over several lines"),
        ("stream/market_updates.json", "one JSON array"),
        ("../football-data/E0-2122.csv", "comma-separated values"),
    ] {
        let Some(path) = shared(file) else { continue };
        let error = only(&path).error.expect("an error").to_string();
        assert!(
            error.contains(expected) && error.contains("\"op\":\"mcm\""),
            "{error}"
        );
        assert!(
            !error.chars().any(char::is_control) && error.len() < 500,
            "{error}"
        );
    }
}

/// Packs a real recording in every way into a folder, and returns the files with the members each must show.
fn packings(folder: &Path, plain: &[u8]) -> Vec<(PathBuf, Vec<&'static str>)> {
    let put = |name: &str, bytes: &[u8]| {
        let path = folder.join(name);
        fs::write(&path, bytes).unwrap();
        path
    };
    let half = plain
        .iter()
        .take(plain.len() / 2)
        .rposition(|&byte| byte == b'\n')
        .unwrap()
        + 1;
    let two = |pack: fn(&[u8]) -> Vec<u8>| [pack(&plain[..half]), pack(&plain[half..])].concat();
    let archive = tar(&[
        ("./2022/1.1.bz2", &bz2(plain)),
        ("__MACOSX/x", b"x"),
        ("1.2", plain),
        (".x", b"x"),
    ]);
    let members = |name: &'static str| -> Vec<&'static str> {
        match name {
            "a" => vec!["a/2022/1.1.bz2", "a/1.2"],
            "a.tar.gz" => vec!["a.tar.gz/2022/1.1.bz2", "a.tar.gz/1.2"],
            "a.tar.bz2" => vec!["a.tar.bz2/2022/1.1.bz2", "a.tar.bz2/1.2"],
            _ => vec![
                "b.zip/x/1.1.bz2",
                "b.zip/x/a.tar/2022/1.1.bz2",
                "b.zip/x/a.tar/1.2",
            ],
        }
    };
    vec![
        (put("plain.bz2", plain), vec!["plain.bz2"]),
        (put("one", &bz2(plain)), vec!["one"]),
        (put("two.bz2", &two(bz2)), vec!["two.bz2"]),
        (put("one.gz", &gz(plain)), vec!["one.gz"]),
        (put("two.gz", &two(gz)), vec!["two.gz"]),
        (put("one.zst", &zst(plain)), vec!["one.zst"]),
        (put("two.zst", &two(zst)), vec!["two.zst"]),
        (
            put("crlf", &plain.to_vec().join_lines(b"\r\n")),
            vec!["crlf"],
        ),
        (put("a", &archive), members("a")),
        (put("a.tar.gz", &gz(&archive)), members("a.tar.gz")),
        (put("a.tar.bz2", &bz2(&archive)), members("a.tar.bz2")),
        (
            put(
                "b.zip",
                &zip(&[
                    ("x/1.1.bz2", &bz2(plain)),
                    ("x/.DS_Store", b"x"),
                    ("x/a.tar", &archive),
                ]),
            ),
            members("b.zip"),
        ),
    ]
}

trait JoinLines {
    fn join_lines(&self, ending: &[u8]) -> Vec<u8>;
}
impl JoinLines for Vec<u8> {
    fn join_lines(&self, ending: &[u8]) -> Vec<u8> {
        self.split(|&byte| byte == b'\n')
            .collect::<Vec<_>>()
            .join(ending)
    }
}
