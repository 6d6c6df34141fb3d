//! What a season file tells, and when; and what is said of half-broken ones.

use std::fmt::Write as _;

use super::*;
use crate::market::{Books, Market, MarketId, MarketStatus, TimeMs};
use crate::source::Recording;

const HEADER: &str = "Div,Date,Time,HomeTeam,AwayTeam,FTHG,FTAG,FTR,B365H,B365D,B365A,PSH,PSD,PSA,MaxH,MaxD,MaxA,\
     B365>2.5,B365<2.5,AHh,PAHH,PAHA,PSCH,PSCD,PSCA,AHCh,PCAHH,PCAHA";
const ROW: &str = "E0,06/08/2022,12:30,Fulham,Liverpool,2,2,D,11,6,1.25,11.2,6.22,1.28,13,6.4,1.31,\
                   1.5,2.62,1.75,1.91,2,10.5,6.5,1.29,1.5,1.95,1.96";

fn read(text: &[u8]) -> Season {
    Season::read("s.csv", text).unwrap_or_else(|error| panic!("{error}"))
}

fn with_rows(rows: &[&str]) -> Season {
    read(format!("{HEADER}\n{}\n", rows.join("\n")).as_bytes())
}

fn warnings(season: &Season) -> Vec<String> {
    season.warnings().iter().map(ToString::to_string).collect()
}

/// Everything that is told, as `time market status in-play: quotes`.
fn story(season: &mut Season) -> String {
    let mut books = Books::default();
    let mut story = String::new();
    while let Some(update) = season.next() {
        for delta in update.deltas {
            books.apply(update.published_at, delta).unwrap();
            let market = books.market(&delta.market).unwrap();
            let _infallible = writeln!(
                story,
                "{} {} {}{}: {}",
                &update.published_at.to_string()[..16],
                market.definition.market_type,
                market.status().as_str(),
                if market.definition.in_play {
                    " in play"
                } else {
                    ""
                },
                shown(market)
            );
        }
    }
    story
}

fn shown(market: &Market) -> String {
    let runners = market
        .runners
        .iter()
        .filter(|runner| !runner.quotes.is_empty());
    let runners: Vec<String> = runners
        .map(|runner| {
            let quotes: Vec<String> = runner
                .quotes
                .iter()
                .map(|quote| format!("{} {}", quote.book, quote.price))
                .collect();
            format!("{} {}", runner.id(), quotes.join(" "))
        })
        .collect();
    let winners = market.definition.runners.iter();
    let winners: Vec<String> = winners
        .filter(|runner| runner.status == crate::market::RunnerStatus::Winner)
        .map(|runner| runner.id.to_string())
        .collect();
    match winners.is_empty() {
        true => runners.join(", "),
        false => format!("{}; won by {}", runners.join(", "), winners.join(", ")),
    }
}

#[test]
fn odds_and_result_are_told_when_they_were_known() {
    insta::assert_snapshot!(story(&mut with_rows(&[ROW])));
}

#[test]
fn a_kick_off_that_is_not_known_tells_the_closing_odds_at_the_end_of_the_day() {
    let mut season = with_rows(&[&ROW.replace("12:30", "")]);
    let times: Vec<String> = story(&mut season)
        .lines()
        .filter(|line| line.contains("MATCH_ODDS"))
        .map(|line| line.split(": ").next().unwrap().to_owned())
        .collect();
    assert_eq!(
        times,
        [
            "2022-08-05T14:00 MATCH_ODDS OPEN",
            "2022-08-05T14:01 MATCH_ODDS OPEN",
            "2022-08-05T23:00 MATCH_ODDS SUSPENDED",
            "2022-08-06T22:59 MATCH_ODDS SUSPENDED",
            "2022-08-06T22:59 MATCH_ODDS SUSPENDED in play",
            "2022-08-06T22:59 MATCH_ODDS CLOSED in play",
        ]
    );
}

#[test]
fn nothing_of_the_end_is_known_before_it() {
    let mut season = with_rows(&[ROW]);
    let kick_off = TimeMs::parse("2022-08-06T11:30:00Z").unwrap();
    let mut books = Books::default();
    let mut seen = 0;
    while let Some(update) = season.next() {
        for delta in update.deltas {
            let at = books.apply(update.published_at, delta).unwrap();
            let market = books.get(at);
            if update.published_at < kick_off {
                seen += 1;
                assert_eq!(market.status(), MarketStatus::Open);
                assert_eq!(market.definition.score, None);
                let closing = ["10.5", "6.5", "1.29", "1.95", "1.96"];
                let shown = shown(market);
                assert!(
                    !shown.split([' ', ',']).any(|word| closing.contains(&word)),
                    "{shown}"
                );
            } else {
                assert_ne!(market.status(), MarketStatus::Open);
            }
        }
    }
    assert_eq!(seen, 6);
}

#[test]
fn a_price_to_look_at_is_marked_so() {
    let mut season = with_rows(&[ROW]);
    let mut books = Books::default();
    let update = season.next().unwrap();
    for delta in update.deltas {
        books.apply(update.published_at, delta);
    }
    let id = MarketId::new("e0-20220806-fulham-liverpool:MATCH_ODDS");
    let home = &books.market(&id).unwrap().runners[0];
    assert_eq!(home.name.as_deref(), Some("Fulham"));
    assert_eq!(home.quotes.iter().count(), 3);
    assert_eq!(home.quotes.best().unwrap().book.as_str(), "PS");
}

#[test]
fn files_come_as_people_have_them() {
    let plain = with_rows(&[ROW]).timeline;
    let plain = plain.matches()[0].clone();
    let text = format!("{HEADER}\n{ROW}\n");
    for (what, bytes) in [
        ("byte order mark", format!("\u{feff}{text}").into_bytes()),
        ("CRLF", text.replace('\n', "\r\n").into_bytes()),
        (
            "blank rows",
            format!("{text},,,,,\n\n  ,,\r\n").into_bytes(),
        ),
        (
            "long row",
            text.replace("1.96\n", "1.96,,,7\n").into_bytes(),
        ),
        ("spaces", text.replace("Fulham", "  Fulham ").into_bytes()),
        ("quotes", text.replace("Fulham", "\"Fulham\"").into_bytes()),
        (
            "unknown columns",
            text.replace(",B365H", ",,B365H")
                .replace(",11,6", ",x,11,6")
                .into_bytes(),
        ),
        (
            "two digits",
            text.replace("06/08/2022", "06/08/22").into_bytes(),
        ),
        ("no end of line", text.trim_end().as_bytes().to_vec()),
        ("header twice", format!("{text}{HEADER}\n").into_bytes()),
    ] {
        let season = read(&bytes);
        assert_eq!(
            season.timeline.matches(),
            std::slice::from_ref(&plain),
            "{what}"
        );
        assert_eq!(warnings(&season), [""; 0], "{what}");
    }
}

#[test]
fn old_alphabets_are_read() {
    let text = format!("{HEADER}\n{}\n", ROW.replace("Fulham", "N\u{fc}rnberg"));
    let windows = encoding_rs::WINDOWS_1252.encode(&text).0.into_owned();
    assert!(std::str::from_utf8(&windows).is_err());
    let season = read(&windows);
    assert_eq!(season.timeline.matches()[0].event.home, "N\u{fc}rnberg");
}

#[test]
fn a_short_row_has_what_it_has() {
    let short: Vec<&str> = ROW.split(',').take(11).collect();
    let season = with_rows(&[&short.join(",")]);
    let found = &season.timeline.matches()[0];
    assert_eq!((found.opening.len(), found.closing.len()), (3, 0));
    assert_eq!(warnings(&season), [""; 0]);
}

#[test]
fn prices_of_old_files_stand_on_their_own_lines() {
    let text = "Div,Date,HomeTeam,AwayTeam,FTHG,FTAG,FTR,BbMxH,BbMxD,BbMxA,BbMx>2.5,BbMx<2.5,BbAHh,BbMxAHH,BbMxAHA,B365AHH,B365AHA,B365AH,BFD\n\
                E0,14/08/10,Ham,Egg,1,0,H,2.1,3.4,3.9,2,1.8,-0.25,1.9,2,1.95,1.95,-0.5,3.5\n";
    let season = read(text.as_bytes());
    let found = &season.timeline.matches()[0];
    let quotes: Vec<String> = found
        .opening
        .iter()
        .map(|q| format!("{} {} {}", q.pick.runner(), q.book, q.price))
        .collect();
    assert_eq!(
        quotes,
        [
            "1 Max 2.1",
            "58805 Max 3.4",
            "2 Max 3.9",
            "58805 BF 3.5",
            "47973 Max 2",
            "47972 Max 1.8",
            "1@-0.25 Max 1.9",
            "2@0.25 Max 2",
            "1@-0.5 B365 1.95",
            "2@0.5 B365 1.95",
        ]
    );
}

#[test]
fn an_extra_league_has_closing_prices_only() {
    let text = "Country,League,Season,Date,Time,Home,Away,HG,AG,Res,PH,PD,PA,MaxCH\n\
                Norway,Eliteserien,2023,10/04/2023,16:00,Brann,Molde,2,1,H,2.5,3.6,2.8,2.7\n";
    let season = read(text.as_bytes());
    let found = &season.timeline.matches()[0];
    assert_eq!((found.opening.len(), found.closing.len()), (0, 4));
    assert_eq!(found.event.country.as_deref(), Some("NO"));
    assert_eq!(
        found.event.competition.as_deref(),
        Some("Norway Eliteserien")
    );
    assert_eq!(found.event.id, "norway-eliteserien-20230410-brann-molde");
}

#[test]
fn what_is_half_broken_is_said_and_the_rest_goes_on() {
    let change = |from: &str, to: &str| ROW.replace(from, to);
    let season = with_rows(&[
        &change("2,2,D", "2,2,H").replace("Fulham", "A"),
        &change("11,6,1.25", "0,six,1.25").replace("Fulham", "B"),
        &change("11,6,1.25", "1.1,6,1.25").replace("Fulham", "C"),
        &change("06/08/2022", "6th of August"),
        &change("Liverpool", ""),
        &change("Liverpool", "Fulham"),
        &change("12:30", "noon").replace("Fulham", "D"),
        &change("2,2,D", "x,2,D").replace("Fulham", "E"),
        &change("2,2,D", ",,D").replace("Fulham", "F"),
        &change(",1.75,", ",1.8,").replace("Fulham", "G"),
        ROW,
        ROW,
        &change("11.2", "11.3"),
        &change("11,6,1.25", "1e9,6,1.25").replace("Fulham", "H"),
    ]);
    insta::assert_snapshot!(warnings(&season).join("\n"));
    let left: Vec<&str> = season
        .timeline
        .matches()
        .iter()
        .map(|m| m.event.home.as_str())
        .collect();
    assert_eq!(left, ["A", "B", "C", "D", "E", "F", "G", "Fulham", "H"]);
    let fulham = &season.timeline.matches()[7];
    assert!(
        fulham
            .opening
            .iter()
            .any(|quote| quote.price.to_string() == "11.3"),
        "the later row counts"
    );
}

#[test]
fn a_postponed_match_is_played_once() {
    let season = with_rows(&[
        &ROW.replace("2,2,D", ",,"),
        &ROW.replace("06/08/2022", "14/09/2022"),
    ]);
    let days: Vec<String> = season
        .timeline
        .matches()
        .iter()
        .map(|m| m.day.to_string())
        .collect();
    assert_eq!(days, ["2022-09-14"]);
    assert_eq!(warnings(&season).len(), 1);
}

#[test]
fn a_match_still_to_come_has_no_end() {
    let mut season = with_rows(&[&ROW.replace("2,2,D", ",,")]);
    let story = story(&mut season);
    assert!(
        story.contains("SUSPENDED in play") && !story.contains("CLOSED"),
        "{story}"
    );
}

#[test]
fn a_file_without_a_match_says_so() {
    let Err(error) = Season::read("s.csv", format!("{HEADER}\n,,,\n").as_bytes()) else {
        panic!("there is none");
    };
    assert!(error.to_string().contains("without a match"), "{error}");
}

#[test]
fn a_season_is_known_by_its_content() {
    assert!(is_season(format!("\u{feff}{HEADER}").as_bytes()));
    assert!(is_season(b"Country,League,Season,Date,Time,Home,Away"));
    for other in [
        "",
        "{\"op\":\"mcm\"}",
        "Div",
        "Country,Capital\nNorway,Oslo",
        "Divers,Date",
    ] {
        assert!(!is_season(other.as_bytes()), "{other}");
    }
}

#[test]
fn real_seasons_are_read_whole_and_without_a_complaint() {
    let folder =
        std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data/football-data");
    if !folder.exists() {
        eprintln!("skipped: there is no {}", folder.display());
        return;
    }
    for name in ["E0-2122.csv", "E0-2223.csv"] {
        let mut counts = (0, 0);
        crate::source::visit(&folder.join(name), &mut |recording: &mut Recording<'_>| {
            let mut before = TimeMs(0);
            let mut books = Books::default();
            while let Some(update) = recording.next().unwrap() {
                assert!(update.published_at >= before);
                before = update.published_at;
                for delta in update.deltas {
                    let at = books.apply(update.published_at, delta).unwrap();
                    counts.0 += usize::from(books.get(at).status() == MarketStatus::Closed);
                }
            }
            counts.1 = books.iter().count();
            assert_eq!(recording.warnings(), []);
            std::ops::ControlFlow::Continue(())
        })
        .unwrap();
        assert_eq!(counts, (1_140, 1_140), "{name}");
    }
}
