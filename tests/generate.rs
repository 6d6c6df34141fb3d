//! Generated recordings: the same everywhere, in the venue's form, fair, and true to how a market lives.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use bea::market::{Price, PriceLadder, TimeMs};
use bea::source::generate::{Kind, Spec, Summary, generate};
use proptest::prelude::*;
use serde_json::Value;

fn recording(spec: &Spec) -> (String, Summary) {
    let mut bytes = Vec::new();
    let summary = generate(spec, &mut bytes).unwrap();
    (String::from_utf8(bytes).unwrap(), summary)
}

/// A race with a withdrawal, its PLACE market and a match, small enough to look at closely.
fn samples() -> Vec<Spec> {
    let small = |kind, seed| Spec {
        updates: 150,
        in_play_updates: 60,
        ..Spec::new(kind, seed)
    };
    let mut specs = Vec::new();
    for seed in 0..6 {
        specs.push(Spec {
            withdrawal: Some(true),
            ..small(Kind::Win, seed)
        });
        specs.push(Spec {
            withdrawal: Some(true),
            ..small(Kind::Place, seed)
        });
        specs.push(Spec {
            runners: 16,
            withdrawal: Some(false),
            ..small(Kind::Win, seed)
        });
        specs.push(small(Kind::MatchOdds, seed));
    }
    specs
}

/// A number as whole hundredths; fails on anything finer, which no size and no ladder price is.
fn hundredths(value: &Value) -> u64 {
    let scaled = value.as_f64().unwrap() * 100.0;
    assert!(
        (scaled - scaled.round()).abs() < 1e-6,
        "{value} has more than two decimals"
    );
    scaled.round() as u64
}

type Ladder = BTreeMap<u64, u64>;

#[derive(Default)]
struct Runner {
    atb: Ladder,
    atl: Ladder,
    trd: Ladder,
    ltp: Option<u64>,
    tv: u64,
}

impl Runner {
    fn apply(&mut self, change: &Value) {
        for (field, ladder) in [
            ("atb", &mut self.atb),
            ("atl", &mut self.atl),
            ("trd", &mut self.trd),
        ] {
            for level in change[field].as_array().into_iter().flatten() {
                let (price, size) = (hundredths(&level[0]), hundredths(&level[1]));
                assert!(PriceLadder::Classic.contains(Price::from_hundredths(price)));
                let before = ladder.get(&price).copied();
                assert_ne!(
                    before.unwrap_or(0),
                    size,
                    "{field} {price} was sent without a change"
                );
                assert!(
                    field != "trd" || size > before.unwrap_or(0),
                    "traded volume fell"
                );
                if size == 0 {
                    ladder.remove(&price);
                } else {
                    ladder.insert(price, size);
                }
            }
        }
        if let Some(tv) = change.get("tv") {
            self.tv = hundredths(tv);
        }
        if let Some(ltp) = change.get("ltp") {
            self.ltp = Some(hundredths(ltp));
        }
        assert_eq!(
            self.tv,
            self.trd.values().sum::<u64>(),
            "tv is the sum of trd"
        );
        assert!(
            self.ltp.is_none_or(|ltp| self.trd.contains_key(&ltp)),
            "ltp without a trade"
        );
    }

    fn best(&self) -> (Option<u64>, Option<u64>) {
        (
            self.atb.keys().next_back().copied(),
            self.atl.keys().next().copied(),
        )
    }
}

/// A market as a reader rebuilds it line by line.
#[derive(Default)]
struct Reader {
    definition: Value,
    runners: BTreeMap<u64, Runner>,
    last_pt: i64,
    statuses: Vec<String>,
}

impl Reader {
    fn read(&mut self, line: &str) {
        let message: Value = serde_json::from_str(line).unwrap();
        assert_eq!(message["op"], "mcm");
        let pt = message["pt"].as_i64().unwrap();
        assert!(pt > self.last_pt, "publish times rise");
        self.last_pt = pt;
        for market in message["mc"].as_array().unwrap() {
            if let Some(definition) = market.get("marketDefinition") {
                self.definition = definition.clone();
                let state = format!(
                    "{}{}",
                    definition["status"].as_str().unwrap(),
                    if definition["inPlay"] == true {
                        " in play"
                    } else {
                        ""
                    }
                );
                if self.statuses.last() != Some(&state) {
                    self.statuses.push(state);
                }
            }
            for change in market["rc"].as_array().into_iter().flatten() {
                self.runners
                    .entry(change["id"].as_u64().unwrap())
                    .or_default()
                    .apply(change);
            }
            if let Some(tv) = market.get("tv") {
                let total: u64 = self.runners.values().map(|runner| runner.tv).sum();
                assert_eq!(
                    hundredths(tv),
                    total,
                    "the market's volume is that of its runners"
                );
            }
        }
    }

    fn is_open(&self) -> bool {
        self.definition["status"] == "OPEN"
    }

    fn is_before_the_off(&self) -> bool {
        self.is_open() && self.definition["inPlay"] == false
    }

    fn active(&self) -> impl Iterator<Item = &Runner> {
        let definitions = self.definition["runners"].as_array().unwrap().iter();
        definitions
            .filter(|runner| runner["status"] == "ACTIVE")
            .map(|runner| &self.runners[&runner["id"].as_u64().unwrap()])
    }
}

#[test]
fn the_same_seed_gives_the_same_bytes_and_another_seed_does_not() {
    for kind in [Kind::Win, Kind::Place, Kind::MatchOdds] {
        let (first, summary) = recording(&Spec::new(kind, 5));
        assert_eq!(recording(&Spec::new(kind, 5)).0, first);
        assert_ne!(recording(&Spec::new(kind, 6)).0, first);
        assert_eq!(summary.bytes, first.len() as u64);
        assert_eq!(summary.lines, first.lines().count() as u64);
        assert!(first.ends_with('\n') && !first.contains('\r'));
    }
}

#[test]
fn every_line_can_be_applied_and_no_book_is_crossed_while_open() {
    for spec in samples() {
        let mut reader = Reader::default();
        for (number, line) in recording(&spec).0.lines().enumerate() {
            reader.read(line);
            for runner in reader.active().filter(|_| reader.is_open()) {
                if let (Some(back), Some(lay)) = runner.best() {
                    assert!(
                        back < lay,
                        "{spec:?} line {}: {back} crosses {lay}",
                        number + 1
                    );
                }
            }
        }
    }
}

#[test]
fn backing_every_runner_costs_a_little_and_so_does_laying_them_all() {
    for spec in samples() {
        let mut reader = Reader::default();
        let winners = match spec.kind {
            Kind::Place => 3.0,
            Kind::Win | Kind::MatchOdds => 1.0,
        };
        for line in recording(&spec).0.lines() {
            reader.read(line);
            if !reader.is_before_the_off() {
                continue;
            }
            let sum = |best: fn(&Runner) -> Option<u64>| -> f64 {
                reader
                    .active()
                    .filter_map(best)
                    .map(|price| 100.0 / price as f64)
                    .sum()
            };
            let (backs, lays) = (sum(|r| r.best().0) / winners, sum(|r| r.best().1) / winners);
            assert!((1.0..1.12).contains(&backs), "{spec:?}: back book {backs}");
            assert!((0.85..1.0).contains(&lays), "{spec:?}: lay book {lays}");
        }
    }
}

#[test]
fn a_market_lives_as_the_venues_markets_do() {
    for spec in samples() {
        let mut reader = Reader::default();
        recording(&spec)
            .0
            .lines()
            .for_each(|line| reader.read(line));
        let states: Vec<&str> = reader.statuses.iter().map(String::as_str).collect();
        let race = spec.kind != Kind::MatchOdds;
        if race {
            let mut expected = vec!["OPEN"];
            if spec.withdrawal == Some(true) {
                expected.extend(["SUSPENDED", "OPEN"]);
            }
            expected.extend([
                "SUSPENDED",
                "OPEN in play",
                "SUSPENDED in play",
                "CLOSED in play",
            ]);
            assert_eq!(states, expected, "{spec:?}");
        } else {
            assert_eq!(states[..3], ["OPEN", "SUSPENDED", "OPEN in play"]);
            assert_eq!(
                states[states.len() - 2..],
                ["SUSPENDED in play", "CLOSED in play"]
            );
        }
        let end = &reader.definition;
        assert_eq!(end["betDelay"], if race { 1 } else { 5 });
        assert!(TimeMs::parse(end["settledTime"].as_str().unwrap()).is_ok());
        let count = |status: &str| {
            let runners = end["runners"].as_array().unwrap();
            runners
                .iter()
                .filter(|runner| runner["status"] == status)
                .count() as u64
        };
        assert_eq!(count("WINNER"), end["numberOfWinners"].as_u64().unwrap());
        assert_eq!(count("REMOVED"), u64::from(spec.withdrawal == Some(true)));
        assert_eq!(count("ACTIVE"), 0);
        assert!(
            reader
                .runners
                .values()
                .all(|runner| runner.atb.is_empty() && runner.atl.is_empty())
        );
    }
}

#[test]
fn a_withdrawal_is_told_while_suspended_and_the_other_factors_add_up_anew() {
    let spec = Spec {
        withdrawal: Some(true),
        ..Spec::new(Kind::Win, 3)
    };
    let mut reader = Reader::default();
    let mut told = false;
    for line in recording(&spec).0.lines() {
        reader.read(line);
        let runners = reader.definition["runners"].as_array().unwrap();
        let factors = runners.iter().filter(|runner| runner["status"] == "ACTIVE");
        let sum: f64 = factors
            .map(|runner| runner["adjustmentFactor"].as_f64().unwrap())
            .sum();
        if reader.is_before_the_off() {
            assert!((sum - 100.0).abs() < 0.01, "factors add up to {sum}");
        }
        let Some(removed) = runners.iter().find(|runner| runner["status"] == "REMOVED") else {
            continue;
        };
        if !told {
            told = true;
            assert_eq!(reader.definition["status"], "SUSPENDED");
            assert!(removed["removalDate"].is_string() && removed["adjustmentFactor"].is_number());
            assert_eq!(reader.definition["numberOfActiveRunners"], 7);
        }
        let book = &reader.runners[&removed["id"].as_u64().unwrap()];
        assert!(
            book.atb.is_empty() && book.atl.is_empty(),
            "no offers on a withdrawn runner"
        );
    }
    assert!(told);
}

#[test]
fn starting_prices_are_near_the_last_prices_before_the_off() {
    let mut reader = Reader::default();
    let mut last = BTreeMap::new();
    for line in recording(&Spec::new(Kind::Win, 8)).0.lines() {
        reader.read(line);
        if reader.is_before_the_off() {
            assert_eq!(reader.definition["bspReconciled"], false);
            last = reader
                .runners
                .iter()
                .map(|(&id, runner)| (id, runner.best()))
                .collect();
        }
    }
    assert_eq!(reader.definition["bspReconciled"], true);
    let mut book = 0.0;
    for runner in reader.definition["runners"].as_array().unwrap() {
        let Some(bsp) = runner["bsp"].as_f64() else {
            assert_eq!(runner["status"], "REMOVED");
            continue;
        };
        book += 1.0 / bsp;
        let (Some(back), Some(lay)) = last[&runner["id"].as_u64().unwrap()] else {
            panic!("a runner without prices at the off");
        };
        let (back, lay) = (back as f64 / 100.0, lay as f64 / 100.0);
        assert!(
            (back * 0.9..lay * 1.1).contains(&bsp),
            "bsp {bsp} away from {back}/{lay}"
        );
    }
    assert!(
        (0.99..1.01).contains(&book),
        "starting prices add up to {book}"
    );
}

#[test]
fn the_win_and_place_markets_of_a_seed_tell_of_one_race() {
    for seed in 0..20 {
        let (_, win) = recording(&Spec {
            updates: 5,
            ..Spec::new(Kind::Win, seed)
        });
        let (_, place) = recording(&Spec {
            updates: 5,
            ..Spec::new(Kind::Place, seed)
        });
        assert_ne!(win.market, place.market);
        assert_eq!(win.winners.len(), 1);
        assert_eq!(place.winners.len(), 3);
        assert_eq!(
            place.winners[0], win.winners[0],
            "the winner is placed first"
        );
        assert_eq!((win.begins, win.ends), (place.begins, place.ends));
    }
}

/// Over many markets, what the prices say is what happens: early, at the off, and in play.
#[test]
fn prices_are_calibrated() {
    for kind in [Kind::Win, Kind::MatchOdds] {
        // (expected, happened) for the favourite at the first line, the last before the off, and in play.
        let mut tally = [(0.0, 0.0); 3];
        let markets: u32 = 400;
        for seed in 0..markets {
            let spec = Spec {
                updates: 12,
                in_play_updates: 12,
                withdrawal: Some(false),
                ..Spec::new(kind, seed.into())
            };
            let (text, summary) = recording(&spec);
            let mut favourites = [(0, 0.0); 3];
            let mut reader = Reader::default();
            for (number, line) in text.lines().enumerate() {
                reader.read(line);
                if !reader.is_open() {
                    continue;
                }
                let stage = match (number, reader.definition["inPlay"] == true) {
                    (0, _) => 0,
                    (_, false) => 1,
                    (_, true) => 2,
                };
                // The third in-play line, when something has shown but nothing is decided.
                if stage == 2 && reader.last_pt > spec.off.0 + 240_000 && favourites[2].0 != 0 {
                    continue;
                }
                favourites[stage] = favourite(&reader);
            }
            for ((expected, happened), (id, chance)) in tally.iter_mut().zip(favourites) {
                *expected += chance;
                *happened += f64::from(summary.winners.contains(&id));
            }
        }
        for (stage, (expected, happened)) in tally.into_iter().enumerate() {
            // Three standard deviations of a sum of at most 400 fair coins.
            assert!(
                f64::abs(expected - happened) < 30.0,
                "{kind:?} stage {stage}: favourites should win {expected:.0}, won {happened}"
            );
            assert!(
                expected > 80.0,
                "{kind:?} stage {stage}: the check saw prices"
            );
        }
    }
}

fn favourite(reader: &Reader) -> (u64, f64) {
    let chance = |runner: &Runner| {
        let price = match runner.best() {
            (Some(back), Some(lay)) => (back + lay) as f64 / 200.0,
            (Some(back), None) => back as f64 / 100.0,
            (None, _) => 1.01,
        };
        1.0 / price
    };
    let chances = reader
        .runners
        .iter()
        .map(|(&id, runner)| (id, chance(runner)));
    chances.max_by(|a, b| a.1.total_cmp(&b.1)).unwrap()
}

#[test]
fn ids_differ_and_names_of_files_are_ids() {
    let ids: std::collections::BTreeSet<String> = (0..50)
        .flat_map(|seed| {
            [Kind::Win, Kind::Place, Kind::MatchOdds].map(|kind| Spec::new(kind, seed))
        })
        .map(|spec| spec.file_name())
        .collect();
    assert_eq!(ids.len(), 150);
    assert!(
        ids.iter().all(|id| id.starts_with("1.9") && id.len() == 11),
        "{ids:?}"
    );
}

#[test]
fn a_specification_out_of_range_is_refused() {
    let race = Spec::new(Kind::Win, 1);
    for spec in [
        Spec {
            runners: 2,
            ..race.clone()
        },
        Spec {
            runners: 21,
            ..race.clone()
        },
        Spec {
            kind: Kind::Place,
            runners: 4,
            ..race.clone()
        },
        Spec {
            kind: Kind::MatchOdds,
            runners: 4,
            ..race.clone()
        },
        Spec {
            minutes_before: 0,
            ..race.clone()
        },
        Spec {
            updates: 1_000_001,
            ..race
        },
    ] {
        let error = generate(&spec, &mut Vec::new()).unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::InvalidInput, "{spec:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn every_specification_in_range_gives_a_whole_market(
        seed: u64,
        place: bool,
        runners in 5_usize..=20,
        minutes_before in 1_u32..=1_440,
        updates in 0_usize..40,
        in_play_updates in 0_usize..20,
        withdrawal: Option<bool>,
    ) {
        let kind = if place { Kind::Place } else { Kind::Win };
        let spec = Spec {
            runners, minutes_before, updates, in_play_updates, withdrawal, ..Spec::new(kind, seed)
        };
        let mut reader = Reader::default();
        recording(&spec).0.lines().for_each(|line| reader.read(line));
        prop_assert_eq!(&reader.definition["status"], "CLOSED");
        prop_assert_eq!(reader.definition["runners"].as_array().unwrap().len(), runners);
    }
}

/// The recordings that come with the program.
fn bundled() -> Vec<Spec> {
    let race = |seed, kind| Spec {
        updates: 160,
        in_play_updates: 30,
        minutes_before: 20,
        ..Spec::new(kind, seed)
    };
    vec![
        Spec {
            withdrawal: Some(false),
            ..race(1, Kind::Win)
        },
        Spec {
            withdrawal: Some(false),
            ..race(1, Kind::Place)
        },
        Spec {
            runners: 7,
            withdrawal: Some(true),
            ..race(2, Kind::Win)
        },
        Spec {
            withdrawal: Some(false),
            runners: 6,
            ..race(3, Kind::Win)
        },
        Spec {
            updates: 160,
            in_play_updates: 100,
            ..Spec::new(Kind::MatchOdds, 1)
        },
    ]
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/recordings")
}

#[test]
fn the_bundled_recordings_are_what_the_generator_writes() {
    let mut total = 0;
    let mut names = Vec::new();
    for spec in bundled() {
        let path = folder().join(spec.file_name());
        let stored = fs::read_to_string(&path)
            .unwrap_or_else(|error| panic!("{}: {error}; run regenerate_bundled", path.display()));
        assert!(
            stored == recording(&spec).0,
            "{} is stale: run regenerate_bundled",
            path.display()
        );
        assert!(
            stored.len() < 150 * 1024,
            "{} has {} bytes",
            path.display(),
            stored.len()
        );
        total += stored.len();
        names.push(spec.file_name());
    }
    assert!(total < 600 * 1024, "{total} bytes in all");
    names.sort();
    let mut present: Vec<String> = fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.starts_with("1."))
        .collect();
    present.sort();
    assert_eq!(present, names, "every recording in the folder is checked");
}

/// Writes `examples/recordings` anew after a wanted change of the generator:
/// `cargo test --test generate regenerate_bundled -- --ignored`
#[test]
#[ignore = "writes examples/recordings"]
fn regenerate_bundled() {
    fs::create_dir_all(folder()).unwrap();
    for spec in bundled() {
        fs::write(folder().join(spec.file_name()), recording(&spec).0).unwrap();
    }
}
