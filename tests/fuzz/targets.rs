//! What is read from outside, with good samples of it: those that are there to be had, and some of our own.

use std::fs;
use std::io::Write;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bea::alert::commands::understand;
use bea::config::{Config, Sources};
use bea::engine::{Account, Answer, Holding, Moment, Strategy, TradingState};
use bea::http::token;
use bea::ledger::{About, Filter, Ledger, LedgerSettings, Reader};
use bea::live::door::Armed;
use bea::live::switch::Switch;
use bea::market::{Books, Money, TimeMs};
use bea::source::generate::{Kind, Spec, generate};
use bea::source::matching::Decisions;
use bea::source::{Lines, Recording, visit};
use bea::strategy::{Cut, Overrides, RhaiStrategy, Script};
use bea::venue::betfair::{
    AccountDetails, AccountFunds, BetStatus, ChangeMessage, ClearedOrders, CurrentOrders,
    HeartbeatReport, MarketBook, MarketCatalogue, Message, Names, OrderMarketChange, Placed, Reply,
    read_answer, read_cancel, read_identity, read_update, runner_id,
};
use bea::venue::{odds_api, pinnacle};
use serde_json::{Value, json};

/// Something that reads.
pub(crate) struct Target {
    pub(crate) name: &'static str,
    make: fn() -> Made,
}

/// Reads an input; false if it was refused.
pub(crate) type Take = Box<dyn FnMut(&[u8]) -> bool>;

/// The same, ready.
pub(crate) struct Made {
    pub(crate) samples: Vec<Vec<u8>>,
    pub(crate) is_text: bool,
    /// The longest input.
    pub(crate) most: usize,
    /// How much longer than others one takes.
    pub(crate) weight: u64,
    pub(crate) take: Take,
}

impl Target {
    pub(crate) fn made(&self) -> Made {
        (self.make)()
    }
}

pub(crate) fn all() -> Vec<Target> {
    let target = |name, make| Target { name, make };
    vec![
        target("betfair-stream", stream as fn() -> Made),
        target("betfair-answers", betfair_answers),
        target("pinnacle-odds", pinnacle_odds),
        target("pinnacle-bets", pinnacle_bets),
        target("odds-api", odds_api),
        target("config", config),
        target("script", script),
        target("intents", intents),
        target("fixture", fixture),
        target("season", season),
        target("recording", recording),
        target("ledger", ledger),
        target("kill-file", kill_file),
        target("arming-token", arming_token),
        target("access-tokens", access_tokens),
        target("decisions", decisions),
        target("telegram", telegram),
        target("http", http),
    ]
}

fn text(samples: Vec<Vec<u8>>, take: impl FnMut(&[u8]) -> bool + 'static) -> Made {
    assert!(!samples.is_empty(), "there are no samples");
    Made {
        samples,
        is_text: true,
        most: 1 << 18,
        weight: 1,
        take: Box::new(take),
    }
}

fn bytes(texts: &[&str]) -> Vec<Vec<u8>> {
    texts.iter().map(|text| text.as_bytes().to_vec()).collect()
}

/// A place in memory, where there is such a place.
fn folder() -> tempfile::TempDir {
    let memory = Path::new("/dev/shm");
    let folder = match memory.is_dir() {
        true => tempfile::tempdir_in(memory),
        false => tempfile::tempdir(),
    };
    folder.expect("a folder for the test")
}

/// What files of a folder begin with, if the real recordings and answers are there.
fn shared(inside: &str, most: usize) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../shared/data")
        .join(inside);
    let Ok(entries) = fs::read_dir(&folder) else {
        eprintln!(
            "SKIPPED: no real samples, {} is not there",
            folder.display()
        );
        return Vec::new();
    };
    let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    paths.sort();
    let read = |path: &PathBuf| {
        let mut content = fs::read(path).ok()?;
        if content.len() > most {
            content.truncate(most);
            // Whole lines.
            let end = content
                .iter()
                .rposition(|&byte| byte == b'\n')
                .map_or(content.len(), |at| at + 1);
            content.truncate(end);
        }
        Some(content)
    };
    paths
        .iter()
        .filter_map(read)
        .filter(|content| !content.is_empty())
        .collect()
}

/// A recording of our own.
fn race(updates: usize) -> Vec<u8> {
    let mut spec = Spec::new(Kind::Win, 7);
    (spec.runners, spec.updates, spec.in_play_updates) = (6, updates, 4);
    let mut bytes = Vec::new();
    generate(&spec, &mut bytes).expect("a recording");
    bytes
}

/// Looks at all of a market that scripts can see.
const LOOKS: &str = "
fn on_odds(market, ctx) {
    let seen = [market.overround, market.total_matched, market.seconds_to_start];
    for runner in market.runners {
        seen.push(`${runner.name} ${runner.best_back} ${runner.best_lay} ${runner.last_traded}`);
        if runner.best_back != () { back(runner, runner.best_back.price, 2.0); }
    }
    []
}
";

fn compiled(source: &str) -> Option<RhaiStrategy> {
    Script::from_text("fuzzed", source, &Overrides::new())
        .ok()?
        .compile()
        .ok()
}

/// Asks a strategy for each market; false if it fails.
fn ask(strategy: &mut RhaiStrategy, books: &Books) -> bool {
    let holding = Arc::new(Holding::default());
    let account = Account::new(Money::from_major(500));
    let mut is_well = true;
    for market in books.iter() {
        let moment = Moment {
            now: market.published_at,
            market,
            holding: &holding,
            account: &account,
        };
        is_well &= strategy.on_odds(&moment, &mut Answer::default()).is_ok();
    }
    is_well
}

/// Reads lines of a feed into books, and looks at them.
fn read_lines(strategy: &mut RhaiStrategy, input: &[u8]) -> bool {
    let (mut lines, mut books) = (Lines::default(), Books::default());
    let mut is_taken = false;
    for line in input.split(|&byte| byte == b'\n') {
        match lines.read(line) {
            Ok(Message::Markets {
                published_at,
                deltas,
            }) => {
                is_taken |= !deltas.is_empty();
                for delta in deltas {
                    books.apply(published_at, delta);
                }
            }
            Ok(Message::Other(_)) => {}
            Err(error) => assert!(error.to_string().len() < 2_000, "a long message"),
        }
    }
    ask(strategy, &books);
    is_taken
}

fn stream() -> Made {
    // Kept for people to read; on the wire each is one line.
    let one_line = |sample: Vec<u8>| match serde_json::from_slice::<Value>(&sample) {
        Ok(value) => value.to_string().into_bytes(),
        Err(_) => sample,
    };
    let mut samples: Vec<_> = shared("betfair/stream", 1 << 16)
        .into_iter()
        .map(one_line)
        .collect();
    samples.extend(shared("betfair/historical", 1 << 15));
    // As many that change markets as others.
    samples.extend(vec![race(10); samples.len() + 1]);
    let mut strategy = compiled(LOOKS).expect("it compiles");
    let names = names();
    text(samples, move |input| {
        for line in input.split(|&byte| byte == b'\n') {
            let Ok(message) = serde_json::from_slice::<ChangeMessage<Value>>(line) else {
                continue;
            };
            for market in message.oc.unwrap_or_default() {
                told(&names, &market);
            }
        }
        read_lines(&mut strategy, input)
    })
}

fn names() -> Names {
    Names {
        epochs: vec!["1".to_owned(), "b1".to_owned()],
    }
}

fn told(names: &Names, market: &OrderMarketChange) {
    for runner in &market.orc {
        for bet in &runner.uo {
            let _ = names.streamed(&market.id, runner_id(runner.id, runner.hc), bet);
        }
    }
}

fn betfair_answers() -> Made {
    let mut samples = shared("betfair/rest", 1 << 16);
    let envelope =
        |result: &str| format!("{{\"jsonrpc\":\"2.0\",\"result\":{result},\"id\":1}}").into_bytes();
    let bare: Vec<_> = samples
        .iter()
        .filter_map(|sample| std::str::from_utf8(sample).ok())
        .filter(|sample| !sample.contains("jsonrpc"))
        .map(envelope)
        .collect();
    samples.extend(bare);
    samples.push(envelope(
        r#"{"customerRef":"x","status":"SUCCESS","marketId":"1.1","instructionReports":[{"status":"SUCCESS","betId":"7","placedDate":"2026-01-01T00:00:00.000Z","averagePriceMatched":3.05,"sizeMatched":2.0,"orderStatus":"EXECUTION_COMPLETE","instruction":{"selectionId":7,"handicap":0.0,"orderType":"LIMIT","side":"BACK","customerOrderRef":"x","limitOrder":{"size":2.0,"price":3.0,"persistenceType":"LAPSE"}}}]}"#,
    ));
    let names = names();
    text(samples, move |body| {
        let reply = || Reply {
            status: 200,
            body,
            id: 1,
        };
        let placed = Placed::read(reply(), "x", "1.1");
        let _ = (read_cancel(reply(), "7"), read_update(reply(), "7"));
        let is_read = read_answer::<Vec<MarketBook>>(body, 1).is_ok()
            | read_answer::<Vec<MarketCatalogue>>(body, 1).is_ok()
            | read_answer::<AccountFunds>(body, 1).is_ok()
            | read_answer::<AccountDetails>(body, 1).is_ok()
            | read_answer::<HeartbeatReport>(body, 1).is_ok()
            | read_identity(body).is_ok();
        let current = read_answer::<CurrentOrders>(body, 1);
        for bet in current.iter().flat_map(|list| &list.current_orders) {
            let _ = names.current(bet);
        }
        let cleared = read_answer::<ClearedOrders>(body, 1);
        for bet in cleared.iter().flat_map(|list| &list.cleared_orders) {
            for end in [BetStatus::Settled, BetStatus::Voided, BetStatus::Lapsed] {
                let _ = names.cleared(end, bet);
            }
        }
        is_read || !matches!(placed, Placed::Doubted { .. }) || current.is_ok() || cleared.is_ok()
    })
}

fn pinnacle_odds() -> Made {
    let line = |path: &str, query: &str, body: &str| {
        let answer = pinnacle::Answer {
            at: TimeMs(1_787_302_000_000),
            path: path.to_owned(),
            query: query.to_owned(),
            status: 200,
            body: body.replace('\n', "").into_bytes(),
        };
        answer.line()
    };
    let leagues = line(
        "/v2/leagues",
        "sportId=29",
        r#"{"leagues":[{"id":1980,"name":"EPL","homeTeamType":"Team1","hasOfferings":true}]}"#,
    );
    let fixtures = line(
        "/v1/fixtures",
        "sportId=29",
        r#"{"sportId":29,"last":41,"league":[{"id":1980,"name":"EPL","events":[{"id":1001,"starts":"2026-08-22T14:00:00Z","home":"Ham","away":"Egg","liveStatus":2,"status":"O","resultingUnit":"Regular"},{"id":1002,"parentId":1001,"starts":"2026-08-22T14:00:00Z","home":"Ham","away":"Egg","liveStatus":1}]}]}"#,
    );
    let odds = line(
        "/v2/odds",
        "sportId=29",
        r#"{"sportId":29,"last":77,"leagues":[{"id":1980,"events":[{"id":1001,"periods":[{"lineId":9,"number":0,"cutoff":"2026-08-22T14:00:00Z","status":1,"maxSpread":2500,"maxTotal":900,"maxMoneyline":1000,"moneyline":{"home":2.1,"away":3.6,"draw":3.4},"spreads":[{"hdp":-0.25,"home":1.9,"away":2.0},{"altLineId":5,"hdp":0,"home":1.5,"away":2.6,"max":300}],"totals":[{"points":2.5,"over":1.95,"under":1.93}]}]}]}]}"#,
    );
    let settled = line(
        "/v1/fixtures/settled",
        "sportId=29",
        r#"{"sportId":29,"last":5,"leagues":[{"id":1980,"events":[{"id":1001,"periods":[{"number":0,"status":1,"settlementId":7,"team1Score":2,"team2Score":1},{"number":0,"status":2,"settlementId":8,"team1Score":2,"team2Score":2}]}]}]}"#,
    );
    let all = [
        &leagues[..],
        b"\n",
        &fixtures,
        b"\n",
        &odds,
        b"\n",
        &settled,
        b"\n",
    ]
    .concat();
    let mut strategy = compiled(LOOKS).expect("it compiles");
    text(vec![all, odds, fixtures], move |input| {
        read_lines(&mut strategy, input)
    })
}

fn pinnacle_bets() -> Made {
    let name = "00000000-0000-0000-0000-00000000002a";
    let samples = [
        json!({ "status": "ACCEPTED", "betId": 759_629_245, "uniqueRequestId": name, "risk": 2.0, "win": 1.8, "price": 1.9 }),
        json!({ "status": "ACCEPTED", "uniqueRequestId": name, "straightBet": { "betId": 7, "uniqueRequestId": name, "betStatus": "ACCEPTED", "price": 1.9, "risk": 2.0, "win": 1.8 } }),
        json!({ "status": "PROCESSED_WITH_ERROR", "errorCode": "LINE_CHANGED", "uniqueRequestId": name }),
        json!({ "status": "SUCCESS", "price": 1.909, "lineId": 9, "altLineId": 5, "minRiskStake": 1.0, "maxRiskStake": 500.0, "minWinStake": 1.0, "maxWinStake": 500.0, "effectiveAsOf": "2026-08-22T09:00:00Z" }),
        json!({ "moreAvailable": true, "fromRecord": 1, "toRecord": 9, "straightBets": [{
            "betId": 7, "uniqueRequestId": name, "betStatus": "SETTLED", "betStatus2": "WON", "betType": "TOTAL_POINTS", "win": 1.9, "risk": 2.0,
            "winLoss": 1.9, "oddsFormat": "AMERICAN", "price": -105, "handicap": 2.5, "eventId": 1001, "periodNumber": 0, "placedAt": "2026-08-22T09:00:00Z",
            "updateSequence": 3, "isLive": "TRUE", "cancellationReason": { "code": "X" } }], "parlayBets": [{}] }),
        json!({ "availableBalance": 100.5, "outstandingTransactions": 3.0, "givenCredit": 0.0, "currency": "GBP" }),
        json!({ "code": "INVALID_REQUEST_DATA", "message": "no", "ref": "x" }),
    ];
    let samples = samples
        .iter()
        .map(|sample| sample.to_string().into_bytes())
        .collect();
    text(samples, move |body| {
        let mut is_taken = false;
        for status in [200, 400] {
            let placed = pinnacle::Placed::read(status, body, name, "DECIMAL");
            is_taken |= !matches!(placed, pinnacle::Placed::Doubted { .. });
            is_taken |= pinnacle::Line::read(status, body).is_ok();
            is_taken |=
                pinnacle::BetList::read(status, body).is_ok_and(|list| !list.bets.is_empty());
            is_taken |= pinnacle::Balance::read(status, body).is_ok();
            let _ = pinnacle::ApiError::of(body);
        }
        is_taken
    })
}

fn odds_api() -> Made {
    let line = |path: &str, body: &str| {
        let answer = odds_api::Answer {
            at: TimeMs(1_787_302_000_000),
            path: path.to_owned(),
            query: "regions=uk&markets=h2h,totals".to_owned(),
            status: 200,
            stale_ms: 60_000,
            usage: odds_api::Usage::default(),
            body: body.as_bytes().to_vec(),
        };
        answer.line()
    };
    let odds = line(
        "/v4/sports/soccer_epl/odds",
        r#"[{"id":"0a1b","sport_key":"soccer_epl","sport_title":"EPL","commence_time":"2026-08-22T14:00:00Z","home_team":"Ham","away_team":"Egg","bookmakers":[{"key":"pinnacle","title":"P","last_update":"2026-08-22T09:00:05Z","markets":[{"key":"h2h","outcomes":[{"name":"Egg","price":3.6},{"name":"Ham","price":2.1},{"name":"Draw","price":3.4}]},{"key":"totals","last_update":1787302000,"outcomes":[{"name":"Over","price":1.9,"point":2.5},{"name":"Under","price":2,"point":2.5}]}]}]}]"#,
    );
    let scores = line(
        "/v4/sports/soccer_epl/scores/",
        r#"[{"id":"0a1b","sport_key":"soccer_epl","commence_time":"2026-08-22T14:00:00Z","home_team":"Ham","away_team":"Egg","completed":true,"scores":[{"name":"Egg","score":"1"},{"name":"Ham","score":"3"}]}]"#,
    );
    let both = [&odds[..], b"\n", &scores].concat();
    let mut strategy = compiled(LOOKS).expect("it compiles");
    text(vec![both, odds, scores], move |input| {
        read_lines(&mut strategy, input)
    })
}

/// A target that reads a file of this name in a folder of its own.
fn of_file(
    name: &'static str,
    samples: Vec<Vec<u8>>,
    read: impl Fn(&Path) -> bool + 'static,
) -> Made {
    let folder = folder();
    text(samples, move |input| {
        let path = folder.path().join(name);
        fs::write(&path, input).expect("it can be written");
        #[cfg(unix)]
        fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600))
            .expect("it is ours");
        read(&path)
    })
}

fn config() -> Made {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let whole = fs::read(root.join("config/bea.toml")).expect("the default configuration");
    let small = "mode = \"DRY_RUN\"\n[risk]\nmax_stake = 20.00\nmax_drawdown_ratio = 0.2\n[[strategy]]\nname = \"a\"\nscript = \"fav\"\n[strategy.params]\nstake = 2\n[run]\nspeed = \"max\"\n";
    of_file("bea.toml", vec![whole, small.as_bytes().to_vec()], |path| {
        let sources = Sources {
            files: vec![path.to_owned()],
            ..Sources::default()
        };
        match Config::load_with(&sources, []) {
            Ok(loaded) => {
                let _ = (loaded.config.hash(), loaded.config.values());
                true
            }
            Err(error) => {
                assert!(error.to_string().len() < 1 << 20, "a message without end");
                false
            }
        }
    })
}

fn market() -> Books {
    let (mut lines, mut books) = (Lines::default(), Books::default());
    for line in race(40).split(|&byte| byte == b'\n').take(20) {
        if let Ok(Message::Markets {
            published_at,
            deltas,
        }) = lines.read(line)
        {
            for delta in deltas {
                books.apply(published_at, delta);
            }
        }
    }
    books
}

/// Sources in all folders of strategies.
fn script() -> Made {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut samples = bytes(&[LOOKS]);
    for folder in ["strategies", "tests/hostile/scripts"] {
        let mut paths: Vec<_> = fs::read_dir(root.join(folder))
            .expect("strategies")
            .flatten()
            .map(|entry| entry.path())
            .filter(|path| {
                path.extension()
                    .is_some_and(|extension| extension == "rhai")
            })
            .collect();
        paths.sort();
        samples.extend(paths.iter().filter_map(|path| fs::read(path).ok()));
    }
    let books = market();
    let made = text(samples, move |input| {
        let source = String::from_utf8_lossy(input);
        let Ok(script) = Script::from_text("fuzzed", &source, &Overrides::new()) else {
            return false;
        };
        let _ = script.check();
        match script.compile() {
            Ok(mut strategy) => ask(&mut strategy, &books),
            Err(error) => {
                assert!(error.to_string().len() < 1 << 16, "a message without end");
                false
            }
        }
    });
    Made {
        most: 1 << 15,
        weight: 2,
        ..made
    }
}

/// What a strategy may return, in place of intents.
fn intents() -> Made {
    let samples = bytes(&[
        "back(r, 3.0, 2.0)",
        "lay(r, r.best_lay.price, 2.0).reason(\"why\").tag(\"t\").probability(0.5)",
        "[back(r, 3.05, 2.0).persist(), lay(r, 2.0, 1.5).fill_or_kill()]",
        "back(r, 3.0, 2.0).at_close().reason(`${market.overround}`)",
        "[1, \"x\", #{ price: 2.0, stake: 1.0 }, (), [[]], 0.0 / 0.0, -1.0 / 0.0]",
        "kelly(0.5, 2.1, 0.25) + devig([2.0, 2.1], \"power\")[0]",
    ]);
    let books = market();
    text(samples, move |input| {
        let words = String::from_utf8_lossy(input);
        let source = format!("fn on_odds(market, ctx) {{ let r = market.active[0]; {words} }}");
        compiled(&source).is_some_and(|mut strategy| ask(&mut strategy, &books))
    })
}

/// A script's test that loads a fixture.
fn fixture() -> Made {
    let cut = Cut {
        recording: "race",
        line: 20,
    };
    let mut samples: Vec<Vec<u8>> = market()
        .iter()
        .map(|market| bea::strategy::fixture(market, &cut).into_bytes())
        .collect();
    let kept = Path::new(env!("CARGO_MANIFEST_DIR")).join("strategies/fixtures");
    let entries = fs::read_dir(kept).into_iter().flatten().flatten();
    samples.extend(entries.filter_map(|entry| fs::read(entry.path()).ok()));
    let place = folder();
    fs::create_dir(place.path().join("fixtures")).expect("a folder");
    let script = place.path().join("s.rhai");
    let source = format!("{LOOKS}\nfn test_it(t) {{ t.eq(t.odds(t.fixture(\"race\")), []); }}\n");
    fs::write(&script, source).expect("a script");
    text(samples, move |input| {
        fs::write(place.path().join("fixtures/race.json"), input).expect("it can be written");
        let script = Script::read(&script, &Overrides::new()).expect("the script is good");
        script
            .test()
            .is_ok_and(|report| report.failures().next().is_none())
    })
}

fn read_all(recording: &mut Recording<'_>) -> bool {
    let mut updates = 0;
    loop {
        match recording.next() {
            Ok(Some(_)) => updates += 1,
            Ok(None) => break,
            Err(error) => {
                assert!(error.to_string().len() < 4_000, "a message without end");
                break;
            }
        }
    }
    let _ = (recording.problems().len(), recording.warnings().len());
    updates > 0
}

fn season() -> Made {
    let own = "Div,Date,Time,HomeTeam,AwayTeam,FTHG,FTAG,FTR,B365H,B365D,B365A,PSH,PSD,PSA,PSCH,PSCD,PSCA,B365>2.5,B365<2.5\nE0,13/08/2021,20:00,Ham,Egg,2,0,H,4,3.4,1.95,4.08,3.4,2.03,4.2,3.5,2.0,2.1,1.72\nE0,14/08/2021,12:30,Egg,Ham,1,1,D,1.5,4.5,6.5,1.53,4.5,6.6,1.55,4.4,6.5,1.57,2.37\n";
    let mut samples = shared("football-data", 4_000);
    samples.extend(bytes(&[own]));
    let made = of_file("E0-2122.csv", samples, visited);
    Made {
        most: 1 << 15,
        ..made
    }
}

/// Reads all recordings in a file; false if none can be read.
fn visited(path: &Path) -> bool {
    let mut is_read = false;
    let walked = visit(path, &mut |recording| {
        is_read |= read_all(recording);
        ControlFlow::Continue(())
    });
    walked.is_ok() && is_read
}

/// Recordings in all packings.
fn recording() -> Made {
    let plain = race(30);
    let packed = |packing: &str, content: &[u8]| -> Vec<u8> {
        match packing {
            "gz" => {
                let mut writer =
                    flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
                writer
                    .write_all(content)
                    .and_then(|()| writer.finish())
                    .expect("packed")
            }
            "bz2" => {
                let mut writer =
                    bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
                writer
                    .write_all(content)
                    .and_then(|()| writer.finish())
                    .expect("packed")
            }
            "zst" => zstd::encode_all(content, 1).expect("packed"),
            "tar" => {
                let mut archive = tar::Builder::new(Vec::new());
                for name in ["2026/1.1", "2026/1.2"] {
                    let mut header = tar::Header::new_gnu();
                    header.set_size(content.len() as u64);
                    header.set_mode(0o644);
                    header.set_cksum();
                    archive
                        .append_data(&mut header, name, content)
                        .expect("packed");
                }
                archive.into_inner().expect("packed")
            }
            _ => {
                let mut archive = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
                archive
                    .start_file("1.1", zip::write::SimpleFileOptions::default())
                    .expect("packed");
                archive.write_all(content).expect("packed");
                archive.finish().expect("packed").into_inner()
            }
        }
    };
    let mut samples: Vec<Vec<u8>> = ["gz", "bz2", "zst", "tar", "zip"]
        .map(|packing| packed(packing, &plain))
        .to_vec();
    samples.push(packed("gz", &packed("tar", &packed("bz2", &plain))));
    // A little that unpacks to a lot.
    samples.push(packed("gz", &vec![b' '; 1 << 20]));
    samples.push(packed("zst", &vec![b'\n'; 1 << 18]));
    samples.push(plain);
    samples.extend(shared("betfair/recordings", 1 << 15));
    let made = of_file("recording", samples, visited);
    Made {
        is_text: false,
        weight: 2,
        ..made
    }
}

/// A ledger's file.
fn ledger() -> Made {
    let place = crate::host::Place::new(&[(
        "rests",
        "fn on_odds(market, ctx) { for r in market.active { if r.best_back != () { return back(r, r.best_back.price, 2.0); } } }",
    )]);
    place.write("race.jsonl", &String::from_utf8(race(30)).expect("a text"));
    let (code, said) = place.run(&[
        "run",
        "--data",
        "race.jsonl",
        "--speed",
        "max",
        "--set",
        "http.enabled=false",
    ]);
    assert_eq!(code, Some(0), "{said}");
    let file = fs::read(place.path("data/ledger.sqlite")).expect("a ledger");
    let folder = folder();
    let made = text(vec![file], move |input| {
        let path = folder.path().join("l.sqlite");
        for ending in ["", "-wal", "-shm", "-journal", ".lock"] {
            let _ = fs::remove_file(folder.path().join(format!("l.sqlite{ending}")));
        }
        fs::write(&path, input).expect("it can be written");
        let is_sound = Reader::open(&path).is_ok_and(|reader| asked(&reader));
        // As a start takes it.
        let opened = Ledger::open(&path, LedgerSettings::default());
        is_sound && opened.is_ok()
    });
    Made {
        is_text: false,
        most: 1 << 24,
        weight: 15,
        ..made
    }
}

/// Asks a ledger for everything; says whether it is sound.
fn asked(reader: &Reader) -> bool {
    let filter = Filter::default();
    let _ = (
        reader.runs(10),
        reader.bets(&filter),
        reader.rejections(&filter),
        reader.pnl(&filter),
    );
    let _ = (
        reader.standing(),
        reader.versions(None),
        reader.states(),
        reader.approvals(),
        reader.report(None),
    );
    let _ = reader.why(None, &About::Name("1.1".to_owned()));
    reader.verify(None).is_ok_and(|audit| audit.is_sound())
}

fn kill_file() -> Made {
    let samples = bytes(&[
        "{\n  \"state\": \"PAUSED\",\n  \"reason\": \"lunch\",\n  \"by\": \"ann\",\n  \"at\": \"2026-01-01T00:00:00Z\"\n}",
        "{\"state\":\"HALTED\",\"reason\":\"x\",\"by\":\"y\",\"at\":\"z\"}",
        "",
    ]);
    of_file("KILL", samples, |path| {
        let position = Switch::new(path).read();
        // Whatever it says: it is there.
        assert_ne!(position.state, TradingState::Active);
        assert!(
            position.reason.chars().all(|c| !c.is_control()),
            "{position:?}"
        );
        position.state != TradingState::Halted
    })
}

fn arming_token() -> Made {
    let samples = bytes(&[
        "{\n  \"from\": 0,\n  \"until\": 2000,\n  \"strategies\": [\"fav\"],\n  \"by\": \"ann\",\n  \"reason\": \"drill\"\n}",
    ]);
    of_file("ARMED", samples, |path| {
        match Armed::read(path, TimeMs(1_000)) {
            Armed::Yes(token) => {
                assert!(token.from <= TimeMs(1_000) && TimeMs(1_000) < token.until);
                true
            }
            Armed::RanOut(_) | Armed::No(_) => false,
        }
    })
}

fn access_tokens() -> Made {
    let hash = "0123456789abcdef".repeat(4);
    let samples =
        vec![format!("# tokens\nread grafana {hash}\ncontrol alice {hash}\n").into_bytes()];
    of_file("tokens", samples, |path| token::read(path).is_ok())
}

fn decisions() -> Made {
    let samples = bytes(&[
        "{\"accepted\":[{\"left\":\"a\",\"right\":\"b\"}],\"rejected\":[],\"waiting\":[]}",
        "{}",
    ]);
    of_file("decisions.json", samples, |path| {
        Decisions::read(path).is_ok()
    })
}

fn telegram() -> Made {
    let update = json!({"update_id": 1, "message": {
        "message_id": 1, "date": 1_800_000_000, "text": "/kill@bea_bot now",
        "from": {"id": 7, "is_bot": false}, "chat": {"id": 7, "type": "private"},
    }});
    text(vec![update.to_string().into_bytes()], |input| {
        let Ok(update) = serde_json::from_slice(input) else {
            return false;
        };
        let command = understand(&update, &[7], TimeMs(1_800_000_000_000));
        if let Some(command) = &command {
            assert_eq!(command.user, 7);
        }
        command.is_some()
    })
}

fn http() -> Made {
    let mut asked = crate::http::Asked::start();
    text(crate::http::samples(), move |request| asked.take(request))
}
