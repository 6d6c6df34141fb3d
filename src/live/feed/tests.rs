//! A session on a feed, recorded, and the same session from the recording alone.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use super::Tape;
use super::note::{Beginning, FORM};
use super::replay::replay;
use crate::backtest::{Attended, Memory, Playing, RunError, Setup, attend};
use crate::config::Config;
use crate::engine::{Command, Fence, Strategy, TradingState};
use crate::exchange::Exchange;
use crate::market::TimeMs;
use crate::source::generate::{Kind, Spec, generate};
use crate::source::{Recorder, Room};
use crate::strategy::Script;

const EAGER: &str = r#"
fn on_odds(market, ctx) {
    this.seen = (this.get("seen") ?? 0) + 1;
    if this.seen % 5 != 0 { return []; }
    let runner = market.active[this.seen % 3];
    if runner.best_back == () { return []; }
    back(runner, runner.best_back.price, 2.0).reason(`seen ${this.seen}`)
}
"#;

fn script(text: &str) -> Script {
    Script::from_text("eager", text, &Default::default()).unwrap()
}

fn strategies(script: &Script) -> Vec<Box<dyn Strategy>> {
    vec![Box::new(script.compile().unwrap())]
}

fn setup(config: &Config, memory: Option<Memory>) -> Setup {
    Setup {
        limits: config.risk.clone(),
        exchange: config.exchange.clone(),
        bank: config.account.bankroll,
        currency: config.account.currency,
        own: Default::default(),
        memory,
        closing: crate::backtest::Closing::default(),
    }
}

thread_local!(static TIME: Cell<i64> = const { Cell::new(1_700_000_000_000) });

/// A clock that is asked for each input: it goes on by some milliseconds each time, and now and then it is set back.
fn clock() -> TimeMs {
    let time = TIME.get();
    TIME.set(match time % 97 {
        13 => time - 40,
        _ => time + 7,
    });
    TimeMs(TIME.get())
}

/// The clock comes to the time at which a line was published, if it says one.
fn wait_for(line: &[u8]) {
    let line: serde_json::Value = serde_json::from_slice(line).unwrap_or_default();
    if let Some(published_at) = line["pt"].as_i64() {
        TIME.set(TIME.get().max(published_at));
    }
}

/// Feeds a race, with everything that an operator and a bad day do to it.
fn feed(session: &mut Playing<'_>, tape: &mut Tape, next: &Script) -> Result<(), RunError> {
    let mut race = Vec::new();
    generate(&Spec::new(Kind::Win, 5), &mut race).unwrap();
    tape.tick(session, &mut Vec::new())?;
    let fence =
        |detail: Option<&str>| Command::Fence(Fence::FeedUnreliable, detail.map(str::to_owned));
    tape.operate(session, fence(Some("on its way")))?;
    for (number, line) in race
        .trim_ascii_end()
        .split(|byte| *byte == b'\n')
        .enumerate()
    {
        wait_for(line);
        match number {
            3 => tape.operate(session, fence(None))?,
            60 => tape.load(session, next, None, Box::new(next.compile().unwrap()))?,
            120 => tape.operate(
                session,
                Command::Trade(TradingState::Halted, "drill".into()),
            )?,
            160 => tape.operate(session, Command::Trade(TradingState::Active, String::new()))?,
            200 => assert!(
                tape.line(session, TimeMs(0), b"{\"op\":\"mcm\",\"pt\":")?
                    .is_some()
            ),
            201 => drop(tape.line(session, TimeMs(0), b"{\"op\":\"status\",\"id\":1}")?),
            _ if number % 50 == 0 => drop(tape.tick(session, &mut Vec::new())?),
            _ => {}
        }
        let at = tape.now();
        tape.line(session, at, line)?;
    }
    // What its bets were worth is known from the close of the exchange.
    let (place, at, ..) = session.slots()[0].settlements().next().unwrap();
    let market = session.books().get(place).id.clone();
    let closings = session.closings("eager", &market, (1, at));
    assert!(!closings.is_empty());
    for row in &closings {
        let close = row.close.as_ref().unwrap();
        assert!(["BSP", "last traded"].contains(&close.source.as_str()) && close.clv.is_some());
        assert!(row.happened.is_some(), "{row:?}");
    }
    assert!(closings.iter().any(|row| row.happened == Some(false)));
    // The race is forgotten when nothing of it can be taken back any more.
    assert!(tape.tick(session, &mut Vec::new())?.is_empty());
    TIME.set(TIME.get() + 3 * 24 * 3_600_000);
    let forgotten = tape.tick(session, &mut Vec::new())?;
    assert_eq!(forgotten.len(), 1, "{forgotten:?}");
    assert!(forgotten[0].calls > 50, "{forgotten:?}");
    session.finish()?;
    Ok(())
}

#[test]
fn a_recorded_session_is_decided_again_alike() {
    let place = tempfile::tempdir().unwrap();
    let room = Room {
        folder: place.path().to_owned(),
        compress: true,
        part_bytes: 2_000,
        total_bytes: u64::MAX,
        free_bytes: 0,
    };
    let mut config = Config::default();
    config.risk.max_open_orders_per_runner = 10;
    let states: std::collections::BTreeMap<_, _> =
        [("eager".to_owned(), serde_json::json!({ "seen": 2 }))].into();
    let setup_then = setup(&config, Some(Memory::new(states.clone())));
    let (first, next) = (script(EAGER), script(&EAGER.replace("2.0", "3.0")));
    let recorder = Recorder::begin(&room, "a").unwrap();
    let folder = recorder.folder().to_owned();
    // The last word stops one order in four, as a kill switch does that comes at the last moment.
    let asked = std::sync::atomic::AtomicU32::new(0);
    let last_word =
        Box::new(move |_: &_| asked.fetch_add(1, std::sync::atomic::Ordering::Relaxed) % 4 != 2);
    let tape = Rc::new(RefCell::new(Tape::new(clock, last_word, Some(recorder))));
    let report = attend(
        &setup_then,
        ("betfair", "here"),
        (1, Exchange::new(config.exchange.clone())),
        (strategies(&first), strategies(&first)),
        None,
        &mut |session| {
            let mut tape = tape.borrow_mut();
            let beginning = Beginning {
                form: FORM,
                version: "0".to_owned(),
                mode: "DRY_RUN".to_owned(),
                run: 7,
                feed: "betfair".to_owned(),
                config: serde_json::to_value(&config).unwrap(),
                states: Some(states.clone()),
            };
            tape.begin(beginning, std::slice::from_ref(&first));
            feed(session, &mut tape, &next)?;
            tape.end(session.trace_hash(), session.updates());
            Ok(Attended::default())
        },
    )
    .unwrap();
    drop(tape);
    let figures = &report.strategies[0];
    assert!(figures.bets > 10, "{report}");

    let again = replay(&folder).unwrap();
    let config = again.config().unwrap();
    let again = again.run(&setup(&config, None), None).unwrap();
    assert_eq!(again.run, 7);
    assert_eq!(again.same, Some(true), "{}", again.report);
    assert_eq!(again.report.trace_hash, report.trace_hash);
    assert_eq!(again.lost_lines, 0);
    assert_eq!(again.report.problems.len(), 1);

    // Without one of its inputs it is another session, and that is seen.
    let parts = crate::source::parts_of(&folder).unwrap();
    let last = zstd::decode_all(&std::fs::read(parts.last().unwrap()).unwrap()[..]).unwrap();
    assert!(parts.len() > 1, "{parts:?}");
    let mut withheld = 0;
    for part in &parts {
        let whole = zstd::decode_all(&std::fs::read(part).unwrap()[..]).unwrap();
        let lines = whole.split_inclusive(|byte| *byte == b'\n');
        let (stopped, others): (Vec<_>, Vec<_>) =
            lines.partition(|line| line.windows(8).any(|word| word == b"withheld"));
        withheld += stopped.len();
        std::fs::write(part, zstd::encode_all(&others.concat()[..], 1).unwrap()).unwrap();
    }
    assert!(withheld > 0, "nothing was withheld");
    let other = replay(&folder)
        .unwrap()
        .run(&setup(&config, None), None)
        .unwrap();
    assert_eq!(other.same, Some(false));

    // One that is cut short is played as far as it goes.
    let half = &last[..last.len() / 2];
    std::fs::write(parts.last().unwrap(), zstd::encode_all(half, 1).unwrap()).unwrap();
    let short = replay(&folder)
        .unwrap()
        .run(&setup(&config, None), None)
        .unwrap();
    assert_eq!((short.same, short.recorded_trace_hash), (None, None));
    // Without its beginning it is nothing.
    std::fs::remove_file(&parts[0]).unwrap();
    let error = replay(&folder).err().unwrap().to_string();
    assert!(error.contains("no recorded session"), "{error}");
}
