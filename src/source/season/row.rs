//! From a row of a season file to a match: what can be read is, what cannot is said.

use std::sync::Arc;

use jiff::civil::{Date, Time};

use super::calendar::{self, London};
use super::columns::{Column, Header, NOT_FOR_BETS, Outcome, PriceColumn};
use crate::market::{Money, Price, Score, TimeMs};
use crate::source::event::{Event, Family, Offer, Pick};
use crate::venue::excerpt;

/// A match with its odds.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Match {
    /// The line it stands on, from 1.
    pub(super) line: u64,
    pub(super) event: Arc<Event>,
    pub(super) day: Date,
    /// When its opening odds were collected.
    pub(super) opens_at: TimeMs,
    /// When betting ends.
    pub(super) ends_at: TimeMs,
    /// When its closing odds are told.
    pub(super) closing_at: TimeMs,
    /// When its result is told.
    pub(super) over_at: TimeMs,
    pub(super) opening: Vec<Quoted>,
    pub(super) closing: Vec<Quoted>,
    pub(super) score: Option<Score>,
}

/// A price of a book in a market.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Quoted {
    pub(super) family: Family,
    pub(super) pick: Pick,
    pub(super) book: &'static str,
    pub(super) price: Price,
}

impl Quoted {
    /// As an offer made at this time.
    pub(super) fn offer(&self, at: TimeMs) -> Offer {
        Offer {
            pick: self.pick,
            book: crate::market::BookName::new(self.book),
            price: Some(self.price),
            limit: NOT_FOR_BETS.contains(&self.book).then_some(Money::ZERO),
            updated_at: at,
        }
    }
}

/// From the kick-off to the result: two halves, the break, and some more.
const MATCH_MS: i64 = 2 * 3_600_000;
/// What follows the line of 2.5 goals.
pub(super) const GOALS: Family = Family::OverUnder { line: 250 };
pub(super) const ODDS: Family = Family::MatchOdds { draw: true };
const FOOTBALL: &str = "1";
/// 1/price summed over a book's outcomes; beyond these a price must be wrong.
const SOUND_BOOK: std::ops::RangeInclusive<f64> = 0.95..=1.30;
const MOST_GOALS: u32 = 99;
/// Handicaps in hundredths of a goal.
const MOST_HANDICAP: i32 = 1_000;

/// The cells of a row, by what they mean.
#[derive(Default)]
struct Cells<'c> {
    division: &'c str,
    country: &'c str,
    league: &'c str,
    date: &'c str,
    time: &'c str,
    home: &'c str,
    away: &'c str,
    home_goals: &'c str,
    away_goals: &'c str,
    result: &'c str,
    prices: Vec<(PriceColumn, &'c str)>,
    lines: Vec<(Option<&'static str>, bool, &'c str)>,
}

impl<'c> Cells<'c> {
    fn of(header: &Header, cells: impl Iterator<Item = &'c str>) -> Self {
        let mut row = Self::default();
        for (column, cell) in header.known(cells) {
            if cell.is_empty() {
                continue;
            }
            match column {
                Column::Division => row.division = cell,
                Column::Country => row.country = cell,
                Column::League => row.league = cell,
                Column::Date => row.date = cell,
                Column::Time => row.time = cell,
                Column::Home => row.home = cell,
                Column::Away => row.away = cell,
                Column::HomeGoals => row.home_goals = cell,
                Column::AwayGoals => row.away_goals = cell,
                Column::Result => row.result = cell,
                Column::Price(price) => {
                    let closing = price.closing || header.is_extra;
                    row.prices.push((PriceColumn { closing, ..price }, cell));
                }
                Column::Line { book, closing } => {
                    row.lines.push((book, closing || header.is_extra, cell));
                }
            }
        }
        row
    }
}

/// Reads a row. `warn` is told what cannot be used; `None` if nothing of the row can.
pub(super) fn read<'c>(
    header: &Header,
    cells: impl Iterator<Item = &'c str>,
    line: u64,
    london: &London,
    warn: &mut dyn FnMut(String),
) -> Option<Match> {
    let cells = Cells::of(header, cells);
    let said = |text: &str| excerpt(text.as_bytes(), 0, 40);
    if cells.home.is_empty() || cells.away.is_empty() {
        warn("a side has no name; the row is left out".to_owned());
        return None;
    }
    if cells.home == cells.away {
        warn(format!(
            "{} plays against itself; the row is left out",
            said(cells.home)
        ));
        return None;
    }
    let Some(day) = calendar::date(cells.date) else {
        warn(format!(
            "Date is a day such as 13/08/2021: \"{}\" is not; the row is left out",
            said(cells.date)
        ));
        return None;
    };
    let clock = match cells.time {
        "" => None,
        text => {
            let clock = calendar::time(text);
            if clock.is_none() {
                warn(format!(
                    "Time is a time such as 20:00: \"{}\" is not; the kick-off counts as not known",
                    said(text)
                ));
            }
            clock
        }
    };
    let Some(times) = Times::of(day, clock, london) else {
        warn(format!(
            "the day {day} cannot be counted; the row is left out"
        ));
        return None;
    };
    let mut quotes = |closing: bool| quotes(&cells, closing, warn);
    let (opening, closing) = (quotes(false), quotes(true));
    let (division, country) = competition(&cells);
    let slug = [cells.home, cells.away].map(slug);
    let event = Event {
        id: format!(
            "{}-{}-{}-{}",
            self::slug(&division),
            day.strftime("%Y%m%d"),
            slug[0],
            slug[1]
        ),
        sport_id: FOOTBALL.to_owned(),
        competition: Some(division),
        country,
        home: cells.home.to_owned(),
        away: cells.away.to_owned(),
        starts_at: times.ends_at,
    };
    Some(Match {
        line,
        event: Arc::new(event),
        day,
        opens_at: times.opens_at,
        ends_at: times.ends_at,
        closing_at: times.closing_at,
        over_at: times.over_at,
        opening,
        closing,
        score: score(&cells, warn),
    })
}

/// When what is known of a match is told.
struct Times {
    opens_at: TimeMs,
    ends_at: TimeMs,
    closing_at: TimeMs,
    over_at: TimeMs,
}

impl Times {
    /// Without a time of the day, betting ends as the day begins, and what is known at the end is told as the day ends.
    fn of(day: Date, clock: Option<Time>, london: &London) -> Option<Self> {
        let ends_at = london.moment(day, clock.unwrap_or(Time::midnight()))?;
        let (closing_at, over_at) = match clock {
            Some(_) => (ends_at, ends_at + MATCH_MS),
            None => {
                let last = london.moment(day, Time::constant(23, 59, 0, 0))?;
                (last, last)
            }
        };
        Some(Self {
            opens_at: london.collected_before(day, ends_at)?,
            ends_at,
            closing_at,
            over_at,
        })
    }
}

fn quotes(cells: &Cells<'_>, closing: bool, warn: &mut dyn FnMut(String)) -> Vec<Quoted> {
    let which = if closing { "closing" } else { "opening" };
    let line_of = |book: &str| {
        let own = |of: Option<&str>| {
            let mut lines = cells.lines.iter();
            lines.find(|(whose, at_close, _)| *whose == of && *at_close == closing)
        };
        own(Some(book))
            .or_else(|| own(None))
            .map(|(_, _, cell)| *cell)
    };
    let mut all = Vec::new();
    for group in Outcome::GROUPS {
        let mut found: Vec<(PriceColumn, Price)> = Vec::new();
        for (column, cell) in &cells.prices {
            if column.closing == closing && group.contains(&column.outcome) {
                let known = |(other, _): &(PriceColumn, Price)| other == column;
                match price(cell) {
                    Ok(Some(price)) if !found.iter().any(known) => found.push((*column, price)),
                    Ok(_) => {}
                    Err(()) => warn(format!(
                        "the {which} price of {} is decimal odds: \"{}\" is not; it is left out",
                        column.book,
                        excerpt(cell.as_bytes(), 0, 40)
                    )),
                }
            }
        }
        let mut books: Vec<&'static str> = Vec::new();
        for (column, _) in &found {
            if !books.contains(&column.book) {
                books.push(column.book);
            }
        }
        for book in books {
            let own = || found.iter().filter(move |(column, _)| column.book == book);
            let sum: f64 = own().map(|(_, price)| price.to_f64().recip()).sum();
            // The best prices of all books may well add up to less than one.
            if own().count() == group.len() && !SOUND_BOOK.contains(&sum) && book != "Max" {
                warn(format!(
                    "the {which} prices of {book} add up to {:.0} %, which no book would offer; they are left out",
                    sum * 100.0
                ));
                continue;
            }
            let line = match group[0] {
                Outcome::HandicapHome => match line_of(book).map(|cell| (cell, handicap(cell))) {
                    Some((_, Some(line))) => line,
                    Some((cell, None)) => {
                        warn(format!(
                            "a handicap is quarters of a goal: \"{}\" is not; the {which} prices of {book} on it are left out",
                            excerpt(cell.as_bytes(), 0, 40)
                        ));
                        continue;
                    }
                    None => continue,
                },
                _ => 0,
            };
            all.extend(own().map(|(column, price)| quoted(*column, *price, line)));
        }
    }
    all
}

fn quoted(column: PriceColumn, price: Price, line: i32) -> Quoted {
    let (family, pick) = match column.outcome {
        Outcome::Home => (ODDS, Pick::Home),
        Outcome::Draw => (ODDS, Pick::Draw),
        Outcome::Away => (ODDS, Pick::Away),
        Outcome::Over => (GOALS, Pick::Over),
        Outcome::Under => (GOALS, Pick::Under),
        Outcome::HandicapHome => (Family::AsianHandicap, Pick::HomeWith(line)),
        Outcome::HandicapAway => (Family::AsianHandicap, Pick::AwayWith(-line)),
    };
    Quoted {
        family,
        pick,
        book: column.book,
        price,
    }
}

/// A price; nothing for 1 or less, which the files write where there is none.
fn price(cell: &str) -> Result<Option<Price>, ()> {
    let number: f64 = cell.parse().map_err(|_| ())?;
    if !number.is_finite() || number > Price::HIGHEST.to_f64() {
        return Err(());
    }
    Ok(Price::nearest(number).filter(|price| price.minus_one() > 0))
}

/// A handicap in hundredths of a goal.
#[allow(clippy::cast_possible_truncation)]
fn handicap(cell: &str) -> Option<i32> {
    let quarters = cell.parse::<f64>().ok()? * 4.0;
    let is_one = quarters.fract() == 0.0 && quarters.abs() * 25.0 <= f64::from(MOST_HANDICAP);
    is_one.then(|| quarters as i32 * 25)
}

/// How it ended. Goals are trusted over the letter.
fn score(cells: &Cells<'_>, warn: &mut dyn FnMut(String)) -> Option<Score> {
    let (home, away) = match (cells.home_goals, cells.away_goals) {
        ("", "") if cells.result.is_empty() => return None,
        ("", "") => {
            warn(format!(
                "a result ({}) without goals; the match counts as not played",
                excerpt(cells.result.as_bytes(), 0, 10)
            ));
            return None;
        }
        both => both,
    };
    let goals = |cell: &str| {
        cell.parse::<u32>()
            .ok()
            .filter(|goals| *goals <= MOST_GOALS)
    };
    let (Some(home), Some(away)) = (goals(home), goals(away)) else {
        warn(format!(
            "goals are whole numbers: \"{}\" and \"{}\" are not; the match counts as not played",
            excerpt(home.as_bytes(), 0, 10),
            excerpt(away.as_bytes(), 0, 10)
        ));
        return None;
    };
    let letter = match home.cmp(&away) {
        std::cmp::Ordering::Greater => "H",
        std::cmp::Ordering::Equal => "D",
        std::cmp::Ordering::Less => "A",
    };
    if !cells.result.is_empty() && cells.result != letter {
        warn(format!(
            "the result is {} but the goals are {home}-{away}; the goals count",
            excerpt(cells.result.as_bytes(), 0, 10)
        ));
    }
    Some(Score { home, away })
}

/// The league, and its country.
fn competition(cells: &Cells<'_>) -> (String, Option<String>) {
    if cells.division.is_empty() {
        let name = format!("{} {}", cells.country, cells.league);
        return (name.trim().to_owned(), country(cells.country));
    }
    let letters = cells
        .division
        .trim_end_matches(|c: char| c.is_ascii_digit());
    // The conference of England is EC.
    let code = if letters == "EC" { "E" } else { letters };
    (cells.division.to_owned(), country(code))
}

/// ISO 3166 codes of the countries whose leagues there are, by the letters of the division or by name.
fn country(name: &str) -> Option<String> {
    const COUNTRIES: [(&str, &str); 27] = [
        ("E", "GB"),
        ("SC", "GB"),
        ("D", "DE"),
        ("I", "IT"),
        ("SP", "ES"),
        ("F", "FR"),
        ("N", "NL"),
        ("B", "BE"),
        ("P", "PT"),
        ("T", "TR"),
        ("G", "GR"),
        ("Argentina", "AR"),
        ("Austria", "AT"),
        ("Brazil", "BR"),
        ("China", "CN"),
        ("Denmark", "DK"),
        ("Finland", "FI"),
        ("Ireland", "IE"),
        ("Japan", "JP"),
        ("Mexico", "MX"),
        ("Norway", "NO"),
        ("Poland", "PL"),
        ("Romania", "RO"),
        ("Russia", "RU"),
        ("Sweden", "SE"),
        ("Switzerland", "CH"),
        ("USA", "US"),
    ];
    let known = COUNTRIES.iter().find(|(known, _)| *known == name);
    known.map(|(_, code)| (*code).to_owned())
}

/// A name as a part of an id: letters and digits, small, with dashes between words.
fn slug(name: &str) -> String {
    let words = name.split(|c: char| !c.is_alphanumeric());
    let words: Vec<String> = words
        .filter(|word| !word.is_empty())
        .map(str::to_lowercase)
        .collect();
    words.join("-")
}
