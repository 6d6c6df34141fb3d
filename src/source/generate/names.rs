//! Invented names, so that nobody takes a generated market for a real one, and numbers in the venue's form.

use super::random::Random;
use super::{Kind, Spec};

const COURSES: [&str; 8] = [
    "Alderfold",
    "Brackwater",
    "Candlemoor",
    "Dunmarsh",
    "Eskerby",
    "Fallowmere",
    "Greywick",
    "Hartsea",
];
const FIRST: [&str; 24] = [
    "Amber", "Brazen", "Copper", "Distant", "Early", "Faithful", "Gentle", "Hidden", "Idle",
    "Jolly", "Keen", "Lucky", "Merry", "Northern", "Open", "Patient", "Quiet", "Restless",
    "Silver", "Tidal", "Velvet", "Winter", "Young", "Zealous",
];
const SECOND: [&str; 20] = [
    "Anvil", "Bramble", "Compass", "Drummer", "Ember", "Falcon", "Garnet", "Harbour", "Inkwell",
    "Juniper", "Lantern", "Meadow", "Nettle", "Orchard", "Pilgrim", "Quarry", "River", "Sparrow",
    "Thistle", "Voyager",
];
const TOWNS: [&str; 12] = [
    "Ashcombe",
    "Birchley",
    "Coldbrook",
    "Eastmoor",
    "Fenwick Vale",
    "Highbridge",
    "Kingsmere",
    "Longford Park",
    "Millbrook",
    "Oakhaven",
    "Stonebury",
    "Westerfield",
];

/// Purpose of the stream of numbers that names are drawn from: the markets of an event share it.
const NAMES: u64 = 2;
/// The venue's selection for a drawn match, the same in every match.
const THE_DRAW: u64 = 58_805;

/// How an event and its runners are called.
pub(super) struct Names {
    pub(super) event_id: String,
    pub(super) event: String,
    pub(super) course: Option<String>,
    /// Selection ids and names.
    pub(super) runners: Vec<(u64, String)>,
}

/// Names for the event of a specification.
pub(super) fn name(spec: &Spec) -> Names {
    let mut random = Random::new(spec.seed, NAMES);
    let event_id = (90_000_000 + spec.seed % 10_000_000).to_string();
    let first_id = 70_000_000 + random.below(9_000_000) as u64;
    let mut pick = |list: &mut Vec<&'static str>| list.swap_remove(random.below(list.len()));
    if spec.kind == Kind::MatchOdds {
        let mut towns = TOWNS.to_vec();
        let (home, away) = (pick(&mut towns), pick(&mut towns));
        return Names {
            event_id,
            event: format!("{home} v {away}"),
            course: None,
            runners: vec![
                (first_id, home.to_owned()),
                (first_id + 1, away.to_owned()),
                (THE_DRAW, "The Draw".to_owned()),
            ],
        };
    }
    let course = pick(&mut COURSES.to_vec()).to_owned();
    let (mut first, mut second) = (FIRST.to_vec(), SECOND.to_vec());
    let runners = (0..spec.runners as u64)
        .map(|number| {
            let horse = format!("{} {}", pick(&mut first), pick(&mut second));
            (first_id + 37 * number, horse)
        })
        .collect();
    Names {
        event_id,
        event: format!("{course} (generated)"),
        course: Some(course),
        runners,
    }
}
