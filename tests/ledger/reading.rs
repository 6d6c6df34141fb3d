//! What was written is read back, by the program and by hand.

use bea::engine::{Action, Verdict};
use bea::ledger::{Durability, Filter, Reader};
use bea::market::{
    BookName, FillOrKill, Money, OrderChange, OrderKind, OrderState, Persistence, Side, VenueReason,
};
use rusqlite::Connection;

use crate::story::*;

#[test]
fn what_was_written_is_read_back_after_reopening() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.db");
    ledger_with_story(&path);
    let reader = Reader::open(&path).unwrap();

    let runs = reader.runs(10).unwrap();
    assert_eq!(runs.len(), 1);
    assert_eq!(
        (runs[0].kind.as_str(), runs[0].mode.as_str()),
        ("backtest", "DRY_RUN")
    );
    assert_eq!((runs[0].bets, runs[0].recordings), (3, 1));
    assert_eq!(runs[0].outcome.as_deref(), Some("completed"));
    assert_eq!(runs[0].trace_hash.as_deref(), Some("bb22"));

    let bets = reader.bets(&Filter::default()).unwrap();
    let ids: Vec<_> = bets.iter().map(|bet| bet.bet.clone()).collect();
    assert_eq!(ids, [1, 3, 7].map(|number| id(number).to_string()));
    let back = &bets[0];
    assert_eq!(
        (back.matched, back.state.as_str()),
        (pounds(5.0), "EXECUTION_COMPLETE")
    );
    assert_eq!(back.average_price, Some(odds(2.028)));
    assert_eq!(back.profit, Some(pounds(5.14)));
    assert_eq!(
        back.reason.as_deref(),
        Some("edge 4.1 % over the fair price")
    );
    assert_eq!(back.seen_back.unwrap().price, odds(2.02));
    assert_eq!(back.seen_lay.unwrap().size, pounds(7.5));
    assert_eq!((back.runner.handicap, back.sequence), (-25, 41));
    let lay = &bets[1];
    assert_eq!((lay.matched, lay.liability), (pounds(1.0), pounds(8.0)));
    assert_eq!(
        lay.average_price,
        Some(odds(2.7)),
        "a reduction factor reprices it"
    );
    assert_eq!(lay.venue_reason.as_deref(), Some("TURNED_IN_PLAY"));
    let void = &bets[2];
    assert_eq!((void.matched, void.average_price), (Money::ZERO, None));
    assert_eq!(
        (void.price, void.size, void.liability),
        (None, None, pounds(10.0))
    );

    let pnl = reader.pnl(&Filter::default()).unwrap();
    assert_eq!(pnl.len(), 1);
    assert_eq!((pnl[0].bets, pnl[0].matched, pnl[0].rejections), (3, 2, 3));
    assert_eq!((pnl[0].turnover, pnl[0].gross), (pounds(6.0), pounds(6.14)));
    assert_eq!(
        (pnl[0].commission, pnl[0].net),
        (pounds(0.31), pounds(5.83))
    );

    let rejections = reader.rejections(&Filter::default()).unwrap();
    let codes: Vec<_> = rejections.iter().map(|row| row.code.as_str()).collect();
    assert_eq!(
        codes,
        ["STAKE_TOO_LARGE", "INTENT_MALFORMED", "ORDER_UNKNOWN"]
    );
    assert_eq!(rejections[0].limit.as_deref(), Some("50.00"));
    assert_eq!(rejections[1].reason.as_deref(), Some("a stake is missing"));

    assert_eq!(reader.audit().unwrap(), []);
}

#[test]
fn filters_choose_run_strategy_market_and_the_latest_rows() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.db");
    ledger_with_story(&path);
    let (ledger, run) = begin(&path, Durability::Full);
    drop(run);
    let reader = ledger.reader().unwrap();
    let of_first = Filter {
        run: Some(1),
        ..Filter::default()
    };
    assert_eq!(
        reader.bets(&Filter::default()).unwrap(),
        [],
        "the latest run has no bets"
    );
    assert_eq!(reader.bets(&of_first).unwrap().len(), 3);
    let latest = Filter {
        limit: 1,
        ..of_first.clone()
    };
    assert_eq!(reader.bets(&latest).unwrap()[0].bet, id(7).to_string());
    for (strategy, market, expected) in [
        (Some("value_back"), None, 3),
        (None, Some("1.181223995"), 3),
        (None, Some("1.1"), 0),
    ] {
        let filter = Filter {
            strategy: strategy.map(str::to_owned),
            market: market.map(str::to_owned),
            ..of_first.clone()
        };
        assert_eq!(reader.bets(&filter).unwrap().len(), expected);
        let bets: u64 = reader
            .pnl(&filter)
            .unwrap()
            .iter()
            .map(|row| row.bets)
            .sum();
        assert_eq!(bets, expected as u64);
    }
    let slip = Filter {
        strategy: Some("value_bakc".to_owned()),
        ..of_first.clone()
    };
    for error in [
        reader.bets(&slip).unwrap_err(),
        reader.pnl(&slip).unwrap_err(),
    ] {
        let said = error.to_string();
        assert!(said.contains("has no strategy \"value_bakc\""), "{said}");
    }
    let missing = Filter {
        run: Some(77),
        ..Filter::default()
    };
    let error = reader.pnl(&missing).unwrap_err().to_string();
    assert!(
        error.ends_with("there is no run 77; the latest is 2"),
        "{error}"
    );
    assert_eq!(
        reader.runs(10).unwrap()[1].outcome,
        None,
        "a run that did not finish says so"
    );
}

#[test]
fn a_fill_or_kill_and_a_replacing_order_keep_their_terms() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.db");
    let (ledger, mut run) = begin(&path, Durability::Full);
    let kind = OrderKind::Limit {
        price: odds(2.0),
        size: pounds(5.0),
        persistence: Persistence::MarketOnClose,
        fill_or_kill: Some(FillOrKill {
            min_fill: Some(pounds(2.0)),
        }),
    };
    let Action::Place { place, .. } = place(Side::Back, kind) else {
        unreachable!()
    };
    let replacing = Action::Place {
        place,
        replaces: Some(id(1)),
    };
    commit(&mut run, &[intent(2, replacing, Verdict::Approved)]).unwrap();
    let row: (String, bool, i64, String) = Connection::open(ledger.path())
        .unwrap()
        .query_row(
            "SELECT persistence, fill_or_kill, min_fill_minor, target FROM intents",
            [],
            |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)),
        )
        .unwrap();
    assert_eq!(
        row,
        ("MARKET_ON_CLOSE".to_owned(), true, 200, id(1).to_string())
    );
}

#[test]
fn a_changed_persistence_and_a_bookmaker_are_kept_with_the_bet() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.db");
    let (ledger, mut run) = begin(&path, Durability::Full);
    let Action::Place { mut place, .. } = place(Side::Back, limit(2.0, 5.0)) else {
        unreachable!()
    };
    let on_exchange = place.clone();
    place.book = Some(BookName::new("pinnacle"));
    let placing = |place| Action::Place {
        place,
        replaces: None,
    };
    let persistence = Persistence::Persist;
    let reason = VenueReason::MarketNotOpen;
    commit(
        &mut run,
        &[
            intent(1, placing(on_exchange), Verdict::Approved),
            intent(2, placing(place), Verdict::Approved),
            order(1, OrderChange::Accepted, OrderState::Working, 0.0),
            intent(
                3,
                Action::Update {
                    order: id(1),
                    persistence,
                },
                Verdict::Approved,
            ),
            order(
                1,
                OrderChange::Updated { persistence },
                OrderState::Working,
                0.0,
            ),
            order(
                1,
                OrderChange::UpdateFailed { reason },
                OrderState::Working,
                0.0,
            ),
        ],
    )
    .unwrap();
    let bets = Reader::open(ledger.path())
        .unwrap()
        .bets(&Filter::default())
        .unwrap();
    let terms = |at: usize| (bets[at].persistence.as_deref(), bets[at].book.as_deref());
    assert_eq!(terms(0), (Some("PERSIST"), None));
    assert_eq!(bets[0].venue_reason.as_deref(), Some("MARKET_NOT_OPEN"));
    assert_eq!(terms(1), (Some("LAPSE"), Some("pinnacle")));
    let asked: (String, String, String) = Connection::open(ledger.path())
        .unwrap()
        .query_row(
            "SELECT action, target, persistence FROM intents WHERE action = 'UPDATE'",
            [],
            |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)),
        )
        .unwrap();
    assert_eq!(
        asked,
        ("UPDATE".to_owned(), id(1).to_string(), "PERSIST".to_owned())
    );
}

#[test]
fn the_queries_in_the_manual_answer_on_a_real_ledger() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.db");
    ledger_with_story(&path);
    let connection = Connection::open(&path).unwrap();
    let manual = include_str!("../../docs/ledger.md");
    let queries: Vec<&str> = manual
        .split("```sql\n")
        .skip(1)
        .map(|rest| rest.split("```").next().unwrap())
        .collect();
    assert!(queries.len() >= 10, "the manual shows how to follow a bet");
    for query in queries {
        let mut statement = connection
            .prepare(query)
            .unwrap_or_else(|error| panic!("{error}\n{query}"));
        if let Some(parameter) = statement.parameter_index(":bet").unwrap() {
            statement
                .raw_bind_parameter(parameter, id(1).to_string())
                .unwrap();
        }
        let mut rows = statement.raw_query();
        assert!(rows.next().unwrap().is_some(), "no answer to\n{query}");
    }
}

#[test]
fn the_views_show_decimals_and_leave_unknown_amounts_empty() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.db");
    let (ledger, mut run) = begin(&path, Durability::Full);
    let approved = intent(1, place(Side::Back, limit(2.02, 5.0)), Verdict::Approved);
    commit(&mut run, &[approved]).unwrap();
    let shown: (String, String, String, Option<String>, String) = Connection::open(ledger.path())
        .unwrap()
        .query_row(
            "SELECT asked_at, runner, size, profit, seen_back FROM v_bets",
            [],
            |row| {
                Ok((
                    row.get(0)?,
                    row.get(1)?,
                    row.get(2)?,
                    row.get(3)?,
                    row.get(4)?,
                ))
            },
        )
        .unwrap();
    let expected = (
        "2021-03-30T16:20:00.123Z",
        "7424945@-0.25",
        "5.00",
        None,
        "2.02 x 15.00",
    );
    assert_eq!(
        (
            shown.0.as_str(),
            shown.1.as_str(),
            shown.2.as_str(),
            shown.3.as_deref(),
            shown.4.as_str()
        ),
        expected
    );
}

#[test]
fn the_notebook_in_the_manual_runs() {
    let manual = include_str!("../../docs/ledger.md");
    let code = manual.split("```python\n").nth(1).unwrap();
    let code = code.split("```").next().unwrap();
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("data")).unwrap();
    ledger_with_story(&folder.path().join("data/ledger.sqlite"));
    let run = std::process::Command::new("python3")
        .args(["-c", code])
        .current_dir(folder.path())
        .output();
    let Ok(output) = run else {
        eprintln!("SKIPPED: there is no python3");
        return;
    };
    let (out, err) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    if err.contains("No module named") {
        eprintln!("SKIPPED: this python3 has no sqlite3");
        return;
    }
    assert!(output.status.success(), "{err}");
    assert_eq!(out.trim(), "value_back 3 5.83");
}
