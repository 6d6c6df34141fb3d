//! Matching on real fixtures under the names that other sources use, and what must hold of any lists.

use proptest::prelude::*;

use super::*;
use crate::market::MarketStatus;

/// A club as three sources call it: season files, an odds feed, an exchange.
const CLUBS: [[&str; 3]; 23] = [
    ["Arsenal", "Arsenal", "Arsenal"],
    ["Aston Villa", "Aston Villa", "Aston Villa"],
    ["Bournemouth", "Bournemouth", "Bournemouth"],
    ["Brentford", "Brentford", "Brentford"],
    ["Brighton", "Brighton and Hove Albion", "Brighton"],
    ["Burnley", "Burnley", "Burnley"],
    ["Chelsea", "Chelsea", "Chelsea"],
    ["Crystal Palace", "Crystal Palace", "C Palace"],
    ["Everton", "Everton", "Everton"],
    ["Fulham", "Fulham", "Fulham"],
    ["Leeds", "Leeds United", "Leeds"],
    ["Leicester", "Leicester City", "Leicester"],
    ["Liverpool", "Liverpool", "Liverpool"],
    ["Man City", "Manchester City", "Man City"],
    ["Man United", "Manchester United", "Man Utd"],
    ["Newcastle", "Newcastle United", "Newcastle"],
    ["Norwich", "Norwich City", "Norwich"],
    ["Nott'm Forest", "Nottingham Forest", "Nottm Forest"],
    ["Southampton", "Southampton", "Southampton"],
    ["Tottenham", "Tottenham Hotspur", "Tottenham"],
    ["Watford", "Watford", "Watford"],
    ["West Ham", "West Ham United", "West Ham"],
    ["Wolves", "Wolverhampton Wanderers", "Wolves"],
];

fn event(id: usize, home: &str, away: &str, minute: i64) -> Listed {
    Listed {
        id: format!("{id:04}"),
        sport: "football".to_owned(),
        home: home.to_owned(),
        away: away.to_owned(),
        starts_at: TimeMs(1_700_000_000_000 + minute * 60_000),
        chances: None,
    }
}

fn matched(left: &[Listed], right: &[Listed]) -> Vec<Pair> {
    pairs(left, right, &Decisions::default(), &Thresholds::default())
}

#[test]
fn a_day_of_fixtures_is_matched_to_other_sources_and_none_wrongly() {
    for source in [1, 2] {
        let fixture = |n: usize, source: usize| {
            let (home, away) = (CLUBS[n % 23], CLUBS[(n * 7 + 3) % 23]);
            event(n, home[source], away[source], 0)
        };
        // All at three o'clock on one Saturday: the names alone must do it.
        let plays = |n: &usize| n % 23 != (n * 7 + 3) % 23;
        let left: Vec<Listed> = (0..23).filter(plays).map(|n| fixture(n, 0)).collect();
        let right: Vec<Listed> = (0..23).filter(plays).map(|n| fixture(n, source)).collect();
        let found = matched(&left, &right);
        assert_eq!(found.len(), left.len());
        let wrong = found.iter().filter(|pair| pair.left != pair.right).count();
        assert_eq!(wrong, 0, "{found:?}");
        let sure = found.iter().filter(|pair| pair.joined().is_some()).count();
        assert!(
            sure * 10 >= left.len() * 8,
            "{sure} of {} are sure",
            left.len()
        );
    }
}

#[test]
fn a_pair_that_is_not_sure_is_never_joined() {
    let found = matched(
        &[event(1, "Crystal Palace", "Leeds", 0)],
        &[event(1, "C Palace", "Leeds Utd", 0)],
    );
    assert_eq!(found[0].verdict, Verdict::Review);
    assert_eq!(found[0].joined(), None);
    assert!(!found[0].doubts.is_empty());
}

#[test]
fn a_decision_is_remembered() {
    let left = [event(1, "Crystal Palace", "Leeds", 0)];
    let right = [event(1, "C Palace", "Leeds United", 0)];
    let mut decisions = Decisions::default();
    let thresholds = Thresholds::default();
    let found = pairs(&left, &right, &decisions, &thresholds);
    decisions.put(waiting(&found, &left, &right));
    assert_eq!(decisions.waiting().len(), 1);
    assert_eq!(decisions.accept(2), None);
    decisions.accept(1).unwrap();
    assert!(
        pairs(&left, &right, &decisions, &thresholds)[0]
            .joined()
            .is_some()
    );
    // The next match of the same club too, and rejected names are told apart for good.
    let later = [event(2, "C Palace", "Everton", 0)];
    let other = [event(2, "Crystal Palace", "Everton", 0)];
    assert!(
        pairs(&later, &other, &decisions, &thresholds)[0]
            .joined()
            .is_some()
    );
    decisions.put(waiting(&found, &left, &right));
    decisions.reject(1).unwrap();
    assert_eq!(pairs(&later, &other, &decisions, &thresholds), []);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("deep/events.json");
    decisions.write(&file).unwrap();
    assert_eq!(Decisions::read(&file).unwrap(), decisions);
}

#[test]
fn an_inverted_pair_is_told_by_names_and_prices() {
    let priced = |home: &str, away: &str, chances| Listed {
        chances: Some(chances),
        ..event(1, home, away, 0)
    };
    let left = priced("Arsenal", "Everton", (0.62, 0.15));
    let same = matched(
        std::slice::from_ref(&left),
        &[priced("Arsenal", "Everton", (0.60, 0.17))],
    );
    assert_eq!(same[0].joined().unwrap().pick(Pick::Home), Pick::Home);
    // Another order of the sides, with prices that say so: joined, and turned round.
    let turned = matched(
        std::slice::from_ref(&left),
        &[priced("Everton", "Arsenal", (0.17, 0.60))],
    );
    let joined = turned[0].joined().unwrap();
    assert_eq!(joined.pick(Pick::Home), Pick::Away);
    assert_eq!(joined.pick(Pick::HomeWith(-75)), Pick::AwayWith(-75));
    assert_eq!(joined.pick(Pick::Draw), Pick::Draw);
    // The same order, but the prices are of the other way round: somebody is wrong.
    let wrong = matched(
        std::slice::from_ref(&left),
        &[priced("Arsenal", "Everton", (0.17, 0.60))],
    );
    assert_eq!(wrong[0].joined(), None);
    assert!(wrong[0].doubts[0].contains("swapped"));
    // Turned names without prices: a person must look.
    let blind = matched(&[left], &[event(1, "Everton", "Arsenal", 0)]);
    assert_eq!(
        (blind[0].orientation, blind[0].joined()),
        (Orientation::Inverted, None)
    );
}

#[test]
fn what_fits_two_events_is_not_sure() {
    let left = [event(1, "Manchester", "Arsenal", 0)];
    let right = [
        event(1, "Manchester United", "Arsenal", 0),
        event(2, "Manchester City", "Arsenal", 0),
    ];
    let found = matched(&left, &right);
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].joined(), None);
}

#[test]
fn time_and_sport_keep_events_apart() {
    let left = [event(1, "Arsenal", "Everton", 0)];
    assert_eq!(
        matched(&left, &[event(1, "Arsenal", "Everton", 24 * 60)]),
        []
    );
    let late = matched(&left, &[event(1, "Arsenal", "Everton", 150)]);
    assert_eq!(late[0].joined(), None);
    let mut tennis = event(1, "Arsenal", "Everton", 0);
    tennis.sport = "tennis".to_owned();
    assert_eq!(matched(&left, &[tennis]), []);
}

fn lists() -> impl Strategy<Value = (Vec<Listed>, Vec<Listed>)> {
    let listed = (
        0..23_usize,
        0..23_usize,
        0..3_usize,
        0..4_i64,
        prop::option::of(0.1..0.8_f64),
    );
    let list = prop::collection::vec(listed, 0..14).prop_map(|events| {
        let made = events.into_iter().enumerate();
        made.map(|(id, (home, away, source, hour, chance))| Listed {
            chances: chance.map(|home| (home, 0.9 - home)),
            ..event(id, CLUBS[home][source], CLUBS[away][source], hour * 60)
        })
        .collect::<Vec<_>>()
    });
    (list.clone(), list)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn an_event_is_in_one_pair_at_most_and_the_order_of_lists_does_not_matter((left, right) in lists()) {
        let found = matched(&left, &right);
        let ids = |found: &[Pair], left: &[Listed], right: &[Listed]| {
            let mut all: Vec<_> = found
                .iter()
                .map(|pair| (left[pair.left].id.clone(), right[pair.right].id.clone(), pair.verdict == Verdict::Accepted))
                .collect();
            all.sort();
            all
        };
        let mut lefts: Vec<_> = found.iter().map(|pair| pair.left).collect();
        let mut rights: Vec<_> = found.iter().map(|pair| pair.right).collect();
        lefts.dedup();
        rights.sort_unstable();
        rights.dedup();
        prop_assert_eq!((lefts.len(), rights.len()), (found.len(), found.len()));
        let backwards = |list: &[Listed]| list.iter().rev().cloned().collect::<Vec<_>>();
        let (l, r) = (backwards(&left), backwards(&right));
        prop_assert_eq!(ids(&matched(&l, &r), &l, &r), ids(&found, &left, &right));
        for pair in &found {
            prop_assert_eq!(pair.joined().is_some(), pair.doubts.is_empty() && pair.verdict == Verdict::Accepted);
        }
    }
}

/// The events of a season file, as another source would list them.
fn season(path: &std::path::Path, source: usize) -> Vec<Listed> {
    let mut events: Vec<Listed> = Vec::new();
    let called = |name: &str| {
        let club = CLUBS.iter().find(|club| club[0] == name);
        club.map_or(name, |club| club[source]).to_owned()
    };
    crate::source::visit(path, &mut |recording| {
        while let Some(update) = recording.next().unwrap() {
            for delta in update.deltas {
                let Some(definition) = delta.definition.as_ref().filter(|definition| {
                    definition.market_type == "MATCH_ODDS"
                        && definition.status == MarketStatus::Open
                }) else {
                    continue;
                };
                let name = |at: usize| definition.runners[at].name.clone().unwrap_or_default();
                events.push(Listed {
                    id: definition.event_id.clone(),
                    sport: definition.sport().to_owned(),
                    home: called(&name(0)),
                    away: called(&name(1)),
                    starts_at: definition.market_time,
                    chances: None,
                });
            }
        }
        std::ops::ControlFlow::Continue(())
    })
    .unwrap();
    events
}

#[test]
fn two_real_seasons_are_matched_without_a_mistake() {
    let folder =
        std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data/football-data");
    if !folder.exists() {
        eprintln!("skipped: there is no {}", folder.display());
        return;
    }
    for file in ["E0-2122.csv", "E0-2223.csv"] {
        let path = folder.join(file);
        let left = season(&path, 0);
        for source in [1, 2] {
            let right = season(&path, source);
            let found = matched(&left, &right);
            let wrong = found
                .iter()
                .filter(|pair| left[pair.left].id != right[pair.right].id);
            assert_eq!(wrong.count(), 0, "{file}");
            let sure = found.iter().filter(|pair| pair.joined().is_some()).count();
            assert!(
                sure >= 330,
                "{file} as source {source}: {sure} of 380 are sure"
            );
        }
    }
}
