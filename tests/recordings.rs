//! Real recordings through the public way from a file to books, in every packing.

use std::fs;
use std::io::{Read, Write};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use bea::market::{Books, MarketDelta, MarketStatus, Price, RunnerStatus};
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
struct Found {
    name: String,
    updates: u64,
    last_line: u64,
    /// All deltas in words: two recordings with the same text sent the same changes.
    text: String,
    problems: usize,
    error: Option<SourceError>,
    bytes: u64,
}

/// Reads everything in a file; `each` sees every delta in order.
fn read(path: &Path, mut each: impl FnMut(&MarketDelta)) -> (Vec<Found>, Result<(), SourceError>) {
    let mut all = Vec::new();
    let result = visit(path, &mut |recording| {
        let mut found = Found {
            name: recording.name().to_owned(),
            ..Found::default()
        };
        loop {
            match recording.next() {
                Ok(Some(update)) => {
                    assert!(update.line > found.last_line);
                    found.updates += 1;
                    found.last_line = update.line;
                    for delta in update.deltas {
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

fn only(path: &Path) -> Found {
    let (mut all, result) = read(path, |_| {});
    assert!(result.is_ok(), "{result:?}");
    assert_eq!(all.len(), 1);
    all.remove(0)
}

/// Books after a recording, and on how many occasions both sides of a runner were offered, and crossed.
struct Played {
    books: Books,
    checked: u64,
    crossed: u64,
}

/// Plays a file into books, looking after each change at every active runner of the market while it is open.
fn play(path: &Path) -> Played {
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
    Played {
        books,
        checked,
        crossed,
    }
}

#[test]
fn every_recording_is_read_to_its_last_line() {
    // Counted and added up with another JSON parser and exact decimals: runners changed, levels and definitions;
    // pence at all levels, and hundredths of all prices.
    for (file, lines, counts, sums) in [
        (
            "recordings/1.166564490.bz2",
            1608,
            [2014, 2694, 1],
            [53_351_646, 3_302_270],
        ),
        (
            "recordings/1.180305278.bz2",
            7685,
            [11_774, 13_954, 6],
            [585_132_989, 23_232_273],
        ),
        (
            "recordings/1.181223995.bz2",
            21_922,
            [40_078, 59_116, 91],
            [612_950_415, 151_506_914],
        ),
        (
            "recordings/1.197931750",
            166,
            [989, 24_217, 3],
            [1_148_849_240, 91_075_822],
        ),
        (
            "recordings/1.197931751",
            166,
            [973, 17_502, 3],
            [330_163_797, 30_580_057],
        ),
        (
            "recordings/BASIC-1.132153978.gz",
            480,
            [1208, 0, 13],
            [0, 3_428_956],
        ),
        (
            "historical/BASIC-1.132153978",
            480,
            [1208, 0, 13],
            [0, 3_428_956],
        ),
    ] {
        let Some(path) = shared(file) else { continue };
        let (mut changed, mut levels, mut defined) = (0, 0, 0);
        let (mut pence, mut nanos) = (0, 0);
        let (all, result) = read(&path, |delta| {
            changed += delta.runners.len();
            levels += delta.levels.len();
            defined += usize::from(delta.definition.is_some());
            pence += delta
                .levels
                .iter()
                .map(|level| level.size.minor())
                .sum::<i64>();
            nanos += delta
                .levels
                .iter()
                .map(|level| level.price.nanos())
                .sum::<u64>();
            let traded = delta.runners.iter().filter_map(|runner| runner.last_traded);
            nanos += traded.map(Price::nanos).sum::<u64>();
        });
        assert!(result.is_ok() && all.len() == 1, "{file}: {result:?}");
        let found = &all[0];
        assert!(found.error.is_none(), "{file}: {:?}", found.error);
        assert_eq!(
            (found.last_line, found.updates, found.problems),
            (lines, lines, 0),
            "{file}"
        );
        assert_eq!([changed, levels, defined], counts, "{file}");
        assert_eq!([pence.unsigned_abs(), nanos / 10_000_000], sums, "{file}");
        assert_eq!(found.bytes, fs::metadata(&path).unwrap().len(), "{file}");
        assert_eq!(found.name, path.file_name().unwrap().to_str().unwrap());
    }
}

#[test]
fn books_end_settled_and_were_never_crossed_while_open() {
    let (open, closed) = (MarketStatus::Open, MarketStatus::Closed);
    for (file, status, winners, losers, removed, checked) in [
        ("recordings/1.166564490.bz2", open, 0, 0, 0, 3216),
        ("recordings/1.180305278.bz2", closed, 1, 1, 0, 14_784),
        ("recordings/1.181223995.bz2", closed, 3, 7, 0, 216_876),
        ("recordings/1.197931750", closed, 1, 5, 0, 984),
        ("recordings/1.197931751", closed, 2, 4, 0, 984),
        // Last traded prices only: nothing to cross.
        ("recordings/BASIC-1.132153978.gz", closed, 1, 11, 2, 0),
    ] {
        let Some(path) = shared(file) else { continue };
        let played = play(&path);
        let markets: Vec<_> = played.books.iter().collect();
        assert_eq!(markets.len(), 1, "{file}");
        let count = |status| {
            let runners = &markets[0].runners;
            runners
                .iter()
                .filter(|runner| runner.status == status)
                .count()
        };
        let settled = (
            markets[0].status(),
            count(RunnerStatus::Winner),
            count(RunnerStatus::Loser),
            count(RunnerStatus::Removed),
        );
        assert_eq!(settled, (status, winners, losers, removed), "{file}");
        assert_eq!((played.checked, played.crossed), (checked, 0), "{file}");
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
    ] {
        let Some(path) = shared(file) else { continue };
        says(&path, expected);
    }
    // Comma-separated values that are no season of football.
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("prices.csv");
    std::fs::write(&path, "time,price,size\n1,2.5,10\n2,2.52,4\n").unwrap();
    says(&path, "comma-separated values");
}

/// The only error of a file says what the file is, and what a recording looks like.
fn says(path: &Path, expected: &str) {
    let error = only(path).error.expect("an error").to_string();
    assert!(
        error.contains(expected) && error.contains("\"op\":\"mcm\""),
        "{error}"
    );
    assert!(
        !error.chars().any(char::is_control) && error.len() < 500,
        "{error}"
    );
}

fn bz2(bytes: &[u8]) -> Vec<u8> {
    let mut packed = Vec::new();
    let level = bzip2::Compression::fast();
    bzip2::read::BzEncoder::new(bytes, level)
        .read_to_end(&mut packed)
        .unwrap();
    packed
}

fn gz(bytes: &[u8]) -> Vec<u8> {
    let mut packed = Vec::new();
    let level = flate2::Compression::fast();
    flate2::read::GzEncoder::new(bytes, level)
        .read_to_end(&mut packed)
        .unwrap();
    packed
}

fn zst(bytes: &[u8]) -> Vec<u8> {
    zstd::encode_all(bytes, 1).unwrap()
}

fn tar(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut archive = tar::Builder::new(Vec::new());
    for (name, bytes) in members {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        archive.append_data(&mut header, name, *bytes).unwrap();
    }
    archive.into_inner().unwrap()
}

fn zip(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut archive = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, bytes) in members {
        archive
            .start_file(*name, zip::write::SimpleFileOptions::default())
            .unwrap();
        archive.write_all(bytes).unwrap();
    }
    archive.finish().unwrap().into_inner()
}

/// Writes bytes to a file of that name.
fn put(folder: &Path, name: &str, bytes: &[u8]) -> PathBuf {
    let path = folder.join(name);
    fs::write(&path, bytes).unwrap();
    path
}

#[test]
fn every_packing_gives_the_same_changes() {
    let Some(path) = shared("recordings/1.197931750") else {
        return;
    };
    let plain = fs::read(&path).unwrap();
    let expected = only(&path).text;
    let lines: Vec<_> = plain.split_inclusive(|&byte| byte == b'\n').collect();
    let (first, second) = (lines[..80].concat(), lines[80..].concat());
    let two = |pack: fn(&[u8]) -> Vec<u8>| [pack(&first), pack(&second)].concat();
    let crlf = String::from_utf8(plain.clone())
        .unwrap()
        .replace('\n', "\r\n");
    let hidden = (".DS_Store", &b"x"[..]);
    let archive = tar(&[
        ("2022/1.1.bz2", &bz2(&plain)),
        hidden,
        ("__MACOSX/y", b"x"),
        ("1.2", &plain),
    ]);
    let zipped = zip(&[("x/1.1.bz2", &bz2(&plain)), hidden, ("a.tar", &archive)]);

    // Names say nothing about the packing, or the wrong thing.
    let folder = tempfile::tempdir().unwrap();
    for (name, bytes, members) in [
        ("plain.bz2", plain.clone(), &["plain.bz2"][..]),
        ("crlf", crlf.into_bytes(), &["crlf"]),
        ("one", bz2(&plain), &["one"]),
        ("two", two(bz2), &["two"]),
        ("one.txt", gz(&plain), &["one.txt"]),
        ("two.txt", two(gz), &["two.txt"]),
        ("one.zst", zst(&plain), &["one.zst"]),
        ("two.zst", two(zst), &["two.zst"]),
        ("twice", bz2(&gz(&plain)), &["twice"]),
        ("a", archive.clone(), &["a/2022/1.1.bz2", "a/1.2"]),
        ("b", gz(&archive), &["b/2022/1.1.bz2", "b/1.2"]),
        ("c", bz2(&archive), &["c/2022/1.1.bz2", "c/1.2"]),
        ("d", zst(&archive), &["d/2022/1.1.bz2", "d/1.2"]),
        (
            "e",
            zipped,
            &["e/x/1.1.bz2", "e/a.tar/2022/1.1.bz2", "e/a.tar/1.2"],
        ),
    ] {
        let (all, result) = read(&put(folder.path(), name, &bytes), |_| {});
        assert!(result.is_ok(), "{name}: {result:?}");
        let names: Vec<_> = all.iter().map(|found| found.name.as_str()).collect();
        assert_eq!(names, members);
        for found in &all {
            assert!(found.error.is_none(), "{name}: {:?}", found.error);
            assert!(
                found.text == expected,
                "{name}: other changes in {}",
                found.name
            );
        }
    }
    assert_eq!(expand(&[folder.path()]).unwrap().len(), 14);
}

#[test]
fn a_truncated_file_delivers_what_it_has_and_says_where_it_ends() {
    let Some(path) = shared("recordings/1.181223995.bz2") else {
        return;
    };
    let whole = only(&path);
    let packed = fs::read(&path).unwrap();
    let mut plain = Vec::new();
    bzip2::read::BzDecoder::new(&packed[..])
        .read_to_end(&mut plain)
        .unwrap();

    let folder = tempfile::tempdir().unwrap();
    for (name, packed) in [
        ("a.bz2", packed),
        ("a.gz", gz(&plain)),
        ("a.zst", zst(&plain)),
    ] {
        let cut = put(folder.path(), name, &packed[..packed.len() * 3 / 4]);
        let found = only(&cut);
        assert!(
            found.updates > 1000 && found.updates < whole.updates,
            "{name}"
        );
        assert!(whole.text.starts_with(&found.text), "{name}: other changes");
        assert_eq!(
            found.problems, 0,
            "{name}: the line cut in two is no problem of its own"
        );
        let error = found.error.unwrap();
        assert!(matches!(error.cause, Cause::Truncated), "{name}: {error}");
        assert_eq!(error.line, Some(found.last_line + 1), "{name}");
        let expected = format!(
            "line {}: the data ends early: the file is truncated.",
            found.last_line + 1
        );
        assert!(error.to_string().contains(&expected), "{error}");
    }
}

#[test]
fn a_truncated_archive_delivers_the_members_before_its_end() {
    let Some(path) = shared("recordings/1.197931750") else {
        return;
    };
    let plain = fs::read(&path).unwrap();
    let archive = tar(&[("1.1", &plain), ("1.2", &plain)]);
    let folder = tempfile::tempdir().unwrap();
    for (name, bytes) in [
        ("a.tar", archive[..archive.len() * 3 / 4].to_vec()),
        ("a.tar.gz", gz(&archive[..archive.len() * 3 / 4])),
    ] {
        let (all, result) = read(&put(folder.path(), name, &bytes), |_| {});
        assert!(all[0].error.is_none() && all[0].updates == 166, "{name}");
        let inside = all[1].error.as_ref().unwrap();
        assert!(matches!(inside.cause, Cause::Truncated), "{inside}");
        assert!(
            inside.path.ends_with(&format!("{name}/1.2")) && inside.line > Some(1),
            "{inside}"
        );
        let outside = result.unwrap_err();
        assert!(matches!(outside.cause, Cause::Truncated), "{outside}");
    }
    let zipped = zip(&[("1.1", &plain)]);
    let cut = put(folder.path(), "a.zip", &zipped[..zipped.len() / 2]);
    assert!(matches!(
        read(&cut, |_| {}).1.unwrap_err().cause,
        Cause::Damaged(_) | Cause::Truncated
    ));
}

#[test]
fn damaged_and_endless_packings_are_errors() {
    let folder = tempfile::tempdir().unwrap();
    if let Some(path) = shared("recordings/1.181223995.bz2") {
        let mut damaged = fs::read(path).unwrap();
        let middle = damaged.len() / 2;
        damaged[middle] ^= 0xff;
        let found = only(&put(folder.path(), "damaged", &damaged));
        let error = found.error.unwrap();
        assert!(matches!(error.cause, Cause::Damaged(_)), "{error}");
        assert!(
            found.updates > 1000 && error.line == Some(found.last_line + 1),
            "{error}"
        );
    }

    let mut onion = b"{}".to_vec();
    for _ in 0..10 {
        onion = gz(&onion);
    }
    let error = read(&put(folder.path(), "onion", &onion), |_| {})
        .1
        .unwrap_err();
    assert!(matches!(error.cause, Cause::Packing(_)), "{error}");
    let empty = read(&put(folder.path(), "empty", &tar(&[(".x", b"")])), |_| {})
        .1
        .unwrap_err();
    assert!(matches!(empty.cause, Cause::NoFiles), "{empty}");
    let missing = read(&folder.path().join("missing"), |_| {}).1.unwrap_err();
    assert!(matches!(missing.cause, Cause::NotFound), "{missing}");
}

#[test]
fn a_visitor_may_stop_early() {
    let folder = tempfile::tempdir().unwrap();
    let path = put(
        folder.path(),
        "a",
        &tar(&[("1", b"x"), ("2", b"x"), ("3", b"x")]),
    );
    let mut seen = Vec::new();
    visit(&path, &mut |recording| {
        seen.push(recording.name().to_owned());
        if seen.len() < 2 {
            ControlFlow::Continue(())
        } else {
            ControlFlow::Break(())
        }
    })
    .unwrap();
    assert_eq!(seen, ["a/1", "a/2"]);
}

#[test]
fn no_damage_to_a_real_line_makes_the_decoder_panic() {
    let Some(path) = shared("recordings/1.197931751") else {
        return;
    };
    let bytes = fs::read(path).unwrap();
    let lines: Vec<_> = bytes
        .split(|&byte| byte == b'\n')
        .filter(|line| !line.is_empty())
        .collect();
    let change = (any::<proptest::sample::Index>(), any::<u8>());
    let changes = proptest::collection::vec(change, 1..8);
    // Nothing is written beside the data.
    let config = ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    proptest!(config, |(which in any::<proptest::sample::Index>(), changes in changes)| {
        let mut line = lines[which.index(lines.len())].to_vec();
        let mut decoder = Decoder::new();
        prop_assert!(decoder.decode(&line).is_ok());
        for (at, byte) in changes {
            let at = at.index(line.len());
            line[at] = byte;
        }
        let _ = decoder.decode(&line);
    });
}
