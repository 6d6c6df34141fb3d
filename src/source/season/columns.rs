//! What the columns of a season file mean, by their full names.
//!
//! Names cannot be taken apart: `BFD` is Betfair's draw and `BFDH` is Betfred's home win. So every name that is known is
//! made once, whole, and looked up whole; a name that is not known is ignored.

use std::collections::BTreeMap;

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Column {
    /// The division, as in `E0`.
    Division,
    /// The country, of an extra league.
    Country,
    /// The league, of an extra league.
    League,
    /// The day.
    Date,
    /// The time of the day, in London.
    Time,
    /// The home side.
    Home,
    /// The other side.
    Away,
    /// Goals of the home side.
    HomeGoals,
    /// Goals of the other side.
    AwayGoals,
    /// `H`, `D` or `A`.
    Result,
    /// A price.
    Price(PriceColumn),
    /// The handicap of the home side, of one book or of all that have none of their own.
    Line {
        /// Whose.
        book: Option<&'static str>,
        /// Whether it is that of the closing prices.
        closing: bool,
    },
}

/// Which price a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct PriceColumn {
    /// Whose price it is.
    pub(super) book: &'static str,
    /// What is backed.
    pub(super) outcome: Outcome,
    /// Whether it is the last before the kick-off.
    pub(super) closing: bool,
}

/// What is backed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Outcome {
    Home,
    Draw,
    Away,
    Over,
    Under,
    HandicapHome,
    HandicapAway,
}

impl Outcome {
    /// All of them.
    pub(super) const ALL: [Self; 7] = [
        Self::Home,
        Self::Draw,
        Self::Away,
        Self::Over,
        Self::Under,
        Self::HandicapHome,
        Self::HandicapAway,
    ];
    /// What belongs to one another: one market each.
    pub(super) const GROUPS: [&'static [Self]; 3] = [
        &[Self::Home, Self::Draw, Self::Away],
        &[Self::Over, Self::Under],
        &[Self::HandicapHome, Self::HandicapAway],
    ];

    /// The end of its columns' names.
    const fn suffix(self) -> &'static str {
        match self {
            Self::Home => "H",
            Self::Draw => "D",
            Self::Away => "A",
            Self::Over => ">2.5",
            Self::Under => "<2.5",
            Self::HandicapHome => "AHH",
            Self::HandicapAway => "AHA",
        }
    }
}

/// Whose prices a file may have: what each is called here, and how its columns begin in the files, for match odds and
/// for the rest.
const BOOKS: [(&str, &str, &str); 28] = [
    ("B365", "B365", "B365"),
    ("BW", "BW", "BW"),
    ("IW", "IW", "IW"),
    ("PS", "PS", "P"),
    ("WH", "WH", "WH"),
    ("VC", "VC", "VC"),
    ("BV", "BV", "BV"),
    ("1XB", "1XB", "1XB"),
    ("BF", "BF", "BF"),
    ("BFE", "BFE", "BFE"),
    ("BFD", "BFD", "BFD"),
    ("BMGM", "BMGM", "BMGM"),
    ("CL", "CL", "CL"),
    ("LB", "LB", "LB"),
    ("SKB", "SKB", "SKB"),
    ("PP", "PP", "PP"),
    ("GB", "GB", "GB"),
    ("BS", "BS", "BS"),
    ("SO", "SO", "SO"),
    ("SB", "SB", "SB"),
    ("SJ", "SJ", "SJ"),
    ("SY", "SY", "SY"),
    ("Max", "Max", "Max"),
    ("Avg", "Avg", "Avg"),
    // As the files called the highest and the average price up to 2018/19.
    ("Max", "BbMx", "BbMx"),
    ("Avg", "BbAv", "BbAv"),
    // Some files have Pinnacle's match odds, and some its other odds, under the other name.
    ("PS", "P", "PS"),
    ("BS", "BSA", "BSA"),
];

/// Prices to look at, not to bet at: the highest and the average of books not named, and an exchange's before commission
/// and of a size that is not told.
pub(super) const NOT_FOR_BETS: [&str; 3] = ["Max", "Avg", "BFE"];

/// Handicap lines: the column, and the book it is of.
const LINES: [(&str, Option<&str>, bool); 6] = [
    ("AHh", None, false),
    ("AHCh", None, true),
    ("BbAHh", None, false),
    ("B365AH", Some("B365"), false),
    ("GBAH", Some("GB"), false),
    ("LBAH", Some("LB"), false),
];

const PLAIN: [(&str, Column); 17] = [
    ("Div", Column::Division),
    ("Country", Column::Country),
    ("League", Column::League),
    ("Date", Column::Date),
    ("Time", Column::Time),
    ("HomeTeam", Column::Home),
    ("HT", Column::Home),
    ("Home", Column::Home),
    ("AwayTeam", Column::Away),
    ("AT", Column::Away),
    ("Away", Column::Away),
    ("FTHG", Column::HomeGoals),
    ("HG", Column::HomeGoals),
    ("FTAG", Column::AwayGoals),
    ("AG", Column::AwayGoals),
    ("FTR", Column::Result),
    ("Res", Column::Result),
];

/// Every name that is known.
#[derive(Debug)]
pub(super) struct Names(BTreeMap<String, Column>);

impl Names {
    pub(super) fn new() -> Self {
        let mut names: BTreeMap<String, Column> = BTreeMap::new();
        for (name, column) in PLAIN {
            names.insert(name.to_owned(), column);
        }
        for (name, book, closing) in LINES {
            names.insert(name.to_owned(), Column::Line { book, closing });
        }
        for (book, match_odds, others) in BOOKS {
            for (outcome, closing) in Outcome::ALL
                .into_iter()
                .flat_map(|o| [(o, false), (o, true)])
            {
                let prefix = match outcome {
                    Outcome::Home | Outcome::Draw | Outcome::Away => match_odds,
                    _ => others,
                };
                let name = format!(
                    "{prefix}{}{}",
                    if closing { "C" } else { "" },
                    outcome.suffix()
                );
                let column = Column::Price(PriceColumn {
                    book,
                    outcome,
                    closing,
                });
                names.entry(name).or_insert(column);
            }
        }
        Self(names)
    }

    /// What a column of this name holds, if that is known.
    pub(super) fn column(&self, name: &str) -> Option<Column> {
        self.0.get(name).copied()
    }
}

/// The columns of one file.
#[derive(Clone, Debug, Default)]
pub(super) struct Header {
    columns: Vec<Option<Column>>,
    /// An extra league's: its prices are the closing ones, whatever they are called.
    pub(super) is_extra: bool,
}

impl Header {
    /// Reads a header; `None` if these are not the columns of a season file.
    pub(super) fn read<'n>(names: &Names, cells: impl Iterator<Item = &'n str>) -> Option<Self> {
        let columns: Vec<_> = cells.map(|cell| names.column(cell.trim())).collect();
        let has = |column: Column| columns.contains(&Some(column));
        let is_extra = has(Column::Country) && has(Column::League);
        let is_season = has(Column::Date) && has(Column::Home) && has(Column::Away);
        ((is_extra || has(Column::Division)) && is_season).then_some(Self { columns, is_extra })
    }

    /// The cells that mean something, with what they mean.
    pub(super) fn known<'c>(
        &self,
        cells: impl Iterator<Item = &'c str>,
    ) -> impl Iterator<Item = (Column, &'c str)> {
        let columns = self.columns.iter().zip(cells);
        columns.filter_map(|(column, cell)| Some(((*column)?, cell.trim())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn price(book: &'static str, outcome: Outcome, closing: bool) -> Option<Column> {
        Some(Column::Price(PriceColumn {
            book,
            outcome,
            closing,
        }))
    }

    #[test]
    fn names_that_look_alike_are_told_apart() {
        let names = Names::new();
        for (name, expected) in [
            ("BFD", price("BF", Outcome::Draw, false)),
            ("BFDH", price("BFD", Outcome::Home, false)),
            ("BFDD", price("BFD", Outcome::Draw, false)),
            ("BFCD", price("BF", Outcome::Draw, true)),
            ("BFEH", price("BFE", Outcome::Home, false)),
            ("BFECAHH", price("BFE", Outcome::HandicapHome, true)),
            ("BSA", price("BS", Outcome::Away, false)),
            ("PSCA", price("PS", Outcome::Away, true)),
            ("PA", price("PS", Outcome::Away, false)),
            ("PC<2.5", price("PS", Outcome::Under, true)),
            ("PCAHA", price("PS", Outcome::HandicapAway, true)),
            ("1XBCH", price("1XB", Outcome::Home, true)),
            ("BbMx>2.5", price("Max", Outcome::Over, false)),
            ("LBAHH", price("LB", Outcome::HandicapHome, false)),
            (
                "LBAH",
                Some(Column::Line {
                    book: Some("LB"),
                    closing: false,
                }),
            ),
            ("HC", None),
            ("AHH", None),
            ("", None),
        ] {
            assert_eq!(names.column(name), expected, "{name}");
        }
    }

    #[test]
    fn no_name_means_two_things() {
        let mut seen = BTreeMap::new();
        for (book, match_odds, others) in BOOKS {
            for outcome in Outcome::ALL {
                for closing in ["", "C"] {
                    let prefix = match outcome {
                        Outcome::Home | Outcome::Draw | Outcome::Away => match_odds,
                        _ => others,
                    };
                    let name = format!("{prefix}{closing}{}", outcome.suffix());
                    let meaning = (book, outcome, closing);
                    let before = seen.insert(name.clone(), meaning);
                    assert!(
                        before.is_none_or(|before| before == meaning),
                        "{name}: {before:?} and {meaning:?}"
                    );
                }
            }
        }
    }

    #[test]
    fn a_header_is_known_by_its_columns() {
        let names = Names::new();
        let read = |text: &str| Header::read(&names, text.split(','));
        assert!(!read("Div,Date,HT,AT,FTHG").unwrap().is_extra);
        assert!(
            read("Country,League,Season,Date,Time,Home,Away,HG,AG,Res,PSCH")
                .unwrap()
                .is_extra
        );
        assert!(read("Date,Home,Away").is_none());
        assert!(read("Div,Date,HomeTeam").is_none());
    }
}
