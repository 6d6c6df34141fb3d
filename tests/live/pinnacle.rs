//! Pinnacle, as a feed in DRY_RUN and as a venue in LIVE, against its look-alike. What that logs is the truth.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use bea::ledger::{BetRow, Filter};
use bea::market::OrderId;
use bea::venue::pinnacle::order_of;
use serde_json::{Value, json};

use crate::bench::plays_again_alike;
use crate::host::{Host, Place};

const USER: &str = "ann-of-the-tests";
const PASSWORD: &str = "sesame-123";
/// Nothing that is awaited takes longer than this, even on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);

/// Backs the home side whenever its odds have moved, and nothing of it is bet on yet.
const HOME: &str = r#"
fn markets() { #{ venue: "bookmakers", type: "MATCH_ODDS" } }

fn on_odds(market, ctx) {
    let runner = market.active[0];
    if runner.quotes.len() == 0 || ctx.all_orders.len() > 0 { return []; }
    let quote = runner.quotes[0];
    let seen = this.get(market.id);
    this[market.id] = quote.price;
    if seen == () || seen == quote.price { return []; }
    back(runner, quote.price, 2.0).book(quote.book).probability(0.5).reason("home")
}
"#;

/// What LIVE needs, apart from people.
const LIVE: &str = r#"mode = "LIVE"

[live]
min_paper_days = 0
min_paper_bets = 0

[live.ramp]
enabled = false
"#;

/// A running `bea bookmaker --kind pinnacle`; it ends when this is dropped.
struct Shop {
    process: Child,
    address: String,
    folder: tempfile::TempDir,
}

impl Drop for Shop {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Shop {
    fn start(more: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut process = Command::new(env!("CARGO_BIN_EXE_bea"))
            .args(["bookmaker", "--kind", "pinnacle", "--json"])
            .args(["--http", "127.0.0.1:0", "--key"])
            .arg(format!("{USER}:{PASSWORD}"))
            .arg("--truth")
            .arg(folder.path().join("truth.jsonl"))
            .args(more)
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .unwrap();
        let told = crate::server::told(&mut process);
        let address = told["http"].as_str().unwrap().to_owned();
        Self {
            process,
            address,
            folder,
        }
    }

    /// Asks as somebody who is known.
    fn ask(&self, method: &str, path: &str, body: &str) -> (u16, Value) {
        self.ask_as(method, path, body, "YW5uLW9mLXRoZS10ZXN0czpzZXNhbWUtMTIz")
    }

    fn ask_as(&self, method: &str, path: &str, body: &str, login: &str) -> (u16, Value) {
        let address = self.address.strip_prefix("http://").unwrap();
        let mut stream = TcpStream::connect(address).unwrap();
        let length = body.len();
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Basic {login}\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}"
        )
        .unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        let body = match body {
            "" => Value::Null,
            body => serde_json::from_str(body).unwrap_or_else(|_| panic!("no JSON: {text}")),
        };
        (status, body)
    }

    fn control(&self, what: &str, body: &Value) -> Value {
        let (status, told) = self.ask("POST", &format!("/control/{what}"), &body.to_string());
        assert_eq!(status, 200, "{told}");
        told
    }

    fn events(&self) -> Vec<i64> {
        let (_, standing) = self.ask("GET", "/control", "");
        let events = standing["events"].as_array().unwrap().iter();
        events.map(|event| event["id"].as_i64().unwrap()).collect()
    }

    /// What really became of bets, in order.
    fn truth(&self) -> Vec<Value> {
        self.ask("GET", "/control", "");
        let text = fs::read_to_string(self.folder.path().join("truth.jsonl")).unwrap();
        let lines = text.lines().map(|line| serde_json::from_str(line).unwrap());
        lines.collect()
    }

    /// How often a bet of each order was really taken.
    fn accepted(&self) -> BTreeMap<String, usize> {
        let mut accepted = BTreeMap::new();
        for line in self.truth() {
            if line["event"] == "accepted" {
                *accepted.entry(named(&line)).or_default() += 1;
            }
        }
        accepted
    }

    /// What each order brought in the end.
    fn profits(&self) -> BTreeMap<String, f64> {
        let truth = self.truth().into_iter();
        let settled = truth.filter(|line| line["event"] == "settled");
        settled
            .map(|line| (named(&line), line["profit"].as_f64().unwrap()))
            .collect()
    }

    /// A place with a host's settings for it.
    fn place(&self, more: &str, settings: &str, script: &str) -> Place {
        let place = Place::new(&[("home", script)]);
        let settings = format!(
            r#"{more}
[run]
feed = "pinnacle"

[pinnacle]
url = "{}"
username_file = "secrets/user"
password_file = "secrets/password"
line_seconds = 0
{settings}

[risk]
max_snapshot_age_ms = 60000

[recorder]
min_free_mib = 0
"#,
            self.address
        );
        place.write("config/bea.toml", &settings);
        for (name, word) in [("user", USER), ("password", PASSWORD)] {
            let file = format!("secrets/{name}");
            place.write(&file, word);
            let private = fs::Permissions::from_mode(0o600);
            fs::set_permissions(place.path(&file), private).unwrap();
        }
        place
    }
}

/// The order that a line of the truth is about, as the ledger writes it.
fn named(line: &Value) -> String {
    let order: OrderId = order_of(line["name"].as_str().unwrap()).unwrap();
    order.to_string()
}

/// All that makes a host quick, at a look-alike.
const QUICK: &str = "odds_seconds = 1
fixtures_seconds = 2
settled_seconds = 1
window_seconds = 10
recheck_seconds = 1
order_timeout_seconds = 6
listing_every_seconds = 5
funds_every_seconds = 5";

fn bets(place: &Place) -> Vec<BetRow> {
    let reader = place.reader();
    let of = |run: i64| {
        let filter = Filter {
            run: Some(run),
            limit: 10_000,
            ..Filter::default()
        };
        reader.bets(&filter).unwrap()
    };
    let runs = reader.runs(100).unwrap();
    runs.iter().flat_map(|run| of(run.run)).collect()
}

/// Waits until something holds.
fn until(what: &str, mut holds: impl FnMut() -> Result<(), String>) {
    let deadline = Instant::now() + PATIENCE;
    let (_nobody_speaks, ears) = channel::<()>();
    loop {
        match holds() {
            Ok(()) => return,
            Err(why) => assert!(Instant::now() < deadline, "never {what}: {why}"),
        }
        let _ = ears.recv_timeout(Duration::from_millis(200));
    }
}

fn is_unheard(bet: &BetRow) -> bool {
    matches!(bet.state.as_str(), "SENDING" | "UNKNOWN" | "STUCK")
}

fn done(place: &Place, arguments: &[&str]) {
    let (code, said) = place.run(arguments);
    assert_eq!(code, Some(0), "{arguments:?}: {said}");
}

fn arm(place: &Place) {
    done(
        place,
        &["approve", "home", "--by", "ann", "--reason", "read it"],
    );
    done(
        place,
        &[
            "arm", "--for", "1h", "--by", "ann", "--yes", "--reason", "drill",
        ],
    );
}

fn feed(health: &Value) -> &Value {
    &health["checks"]["feed"][0]
}

fn live(host: &mut Host) {
    host.until("live", |health| feed(health)["state"] == "live");
}

/// What the ledger says was taken, and what really was.
fn compare(shop: &Shop, place: &Place) {
    let accepted = shop.accepted();
    let doubled: Vec<_> = accepted.iter().filter(|(_, count)| **count > 1).collect();
    assert!(doubled.is_empty(), "bets were placed twice: {doubled:?}");
    let bets = bets(place);
    let known: Vec<&String> = bets.iter().map(|bet| &bet.bet).collect();
    for name in accepted.keys() {
        assert!(known.contains(&name), "{name} is nowhere in the ledger");
    }
    for bet in &bets {
        let is_matched = bet.matched.is_positive();
        let was_taken = accepted.contains_key(&bet.bet);
        assert_eq!(was_taken, is_matched, "{} is {}", bet.bet, bet.state);
    }
}

/// Faults that befall a bet: the first six are cleared up at once, and the others take their time.
fn faults() -> [Value; 10] {
    let on = |fault: &str| json!({ "fault": fault, "operation": "straight" });
    let answer = |status: u16, code: &str| json!({ "fault": "api_error", "operation": "straight", "status": status, "code": code });
    [
        on("drop_after"),
        answer(200, "LINE_CHANGED"),
        json!({ "fault": "html_after", "operation": "straight", "status": 500 }),
        answer(400, "RESUBMIT_REQUEST"),
        json!({ "fault": "html_before", "operation": "line" }),
        answer(429, "TOO_MANY_REQUESTS"),
        json!({ "fault": "delay_after", "operation": "straight", "ms": 9_000 }),
        on("drop_before"),
        answer(500, "UNEXPECTED_ERROR"),
        answer(200, "DUPLICATED_REQUEST"),
    ]
}

/// Moves the odds of an event until it is bet on.
fn provoke(shop: &Shop, place: &Place, host: &Host, event: i64) {
    let market = format!("{event}:MATCH_ODDS");
    let mut times = [1.02, 0.98].into_iter().cycle();
    let mut moved_at = None;
    until("bet", || {
        if bets(place).iter().any(|bet| bet.market == market) {
            return Ok(());
        }
        let is_due = |at: &Instant| at.elapsed() >= Duration::from_secs(3);
        if moved_at.as_ref().is_none_or(is_due) {
            moved_at = Some(Instant::now());
            let times = times.next();
            shop.control(
                "event",
                &json!({ "do": "move", "event": event, "times": times }),
            );
        }
        Err(format!("{:#}", host.health()))
    });
}

#[test]
fn live_asks_for_everything_and_faults_and_kills_double_no_bet() {
    ordeal(6);
}

/// `cargo test --test live -- --ignored --nocapture every_fault_of_pinnacle`
#[test]
#[ignore = "what is shown never to have arrived is waited for"]
fn every_fault_of_pinnacle_doubles_no_bet_and_leaves_none_unexplained() {
    ordeal(faults().len());
}

/// One fault a round, a bet on another match in each, and now and then the host is killed in the midst of it.
fn ordeal(rounds: usize) {
    let shop = Shop::start(&["--generate", "10", "--fair-use", "0"]);
    let place = shop.place(LIVE, QUICK, HOME);
    arm(&place);
    let mut host = place.start_with(&[]);
    live(&mut host);
    host.stop();
    let output = place.command(&["preflight", "--json"]).output().unwrap();
    let found: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0), "{found:#}");
    let mut host = place.start_with(&[]);
    live(&mut host);
    for (round, (fault, event)) in faults().iter().zip(shop.events()).enumerate().take(rounds) {
        shop.control("faults", fault);
        provoke(&shop, &place, &host, event);
        // Three deaths in ten minutes would halt betting.
        if round % 6 == 0 {
            host.signal("-KILL");
            drop(host);
            host = place.start_with(&[]);
            live(&mut host);
        }
        until("sure of all", || {
            match bets(&place).into_iter().find(is_unheard) {
                None => Ok(()),
                Some(bet) => Err(format!("{bet:?}")),
            }
        });
    }
    done(&place, &["kill", "--reason", "the end"]);
    host.stop();
    compare(&shop, &place);
    let (accepted, known) = (shop.accepted().len(), bets(&place).len());
    assert!(accepted >= 2 && known >= rounds, "{accepted} of {known}");
    println!(
        "{rounds} rounds: {known} bets in the ledger, {accepted} taken, none twice, none unexplained"
    );
}

#[test]
fn bets_that_wait_are_taken_or_not_and_settled_to_the_penny_and_anew() {
    let shop = Shop::start(&["--generate", "4", "--fair-use", "0"]);
    let place = shop.place(LIVE, QUICK, HOME);
    arm(&place);
    let mut host = place.start_with(&[]);
    live(&mut host);
    let events = shop.events();
    // One bet waits and is refused, the others wait and are taken.
    for (nth, event) in events.iter().enumerate() {
        shop.control("hold", &json!({ "ms": 1_500, "accept": nth > 0 }));
        provoke(&shop, &place, &host, *event);
        until("over", || {
            let waits = |bet: &BetRow| bet.state != "EXECUTION_COMPLETE";
            match bets(&place).into_iter().find(waits) {
                None => Ok(()),
                Some(bet) => Err(format!("{bet:?}")),
            }
        });
    }
    assert!(
        shop.truth()
            .iter()
            .any(|line| line["event"] == "not_accepted")
    );
    assert!(shop.accepted().len() >= 3);
    compare(&shop, &place);

    // Every match ends, and one of them with another score later.
    for (event, score) in events.iter().zip([(2, 0), (0, 0), (1, 3), (1, 0)]) {
        let (home, away) = score;
        shop.control(
            "event",
            &json!({ "do": "settle", "event": event, "home": home, "away": away }),
        );
    }
    let settled = |shop: &Shop| {
        let truth = shop.profits();
        let bets = bets(&place);
        let wrong = bets.into_iter().find(|bet| {
            let ours = bet.profit.map(|profit| profit.to_f64());
            bet.matched.is_positive() && ours != truth.get(&bet.bet).copied()
        });
        match wrong {
            None if !truth.is_empty() => Ok(()),
            wrong => Err(format!("{wrong:?} of {truth:?}")),
        }
    };
    until("settled", || settled(&shop));
    let before = shop.profits();
    for (event, score) in events.iter().zip([(0, 2), (1, 0), (3, 1), (0, 1)]) {
        let (home, away) = score;
        shop.control(
            "event",
            &json!({ "do": "settle", "event": event, "home": home, "away": away }),
        );
    }
    until("settled anew", || match shop.profits() == before {
        true => Err("nothing came to anything else".to_owned()),
        false => settled(&shop),
    });
    host.stop();
    assert!(host.said().iter().all(|line| !line.contains(PASSWORD)));
}

/// What the gates of the paper record say: which is open, and what was found.
fn paper(place: &Place) -> BTreeMap<String, (bool, String)> {
    let output = place.command(&["preflight", "--json"]).output().unwrap();
    let found: Value = serde_json::from_slice(&output.stdout).unwrap();
    let word = |of: &Value| of.as_str().unwrap().to_owned();
    let rows = found["rows"].as_array().unwrap().iter();
    rows.filter(|row| word(&row["gate"]).starts_with("paper "))
        .map(|row| {
            let is_open = row["passed"].as_bool().unwrap();
            (word(&row["gate"]), (is_open, word(&row["found"])))
        })
        .collect()
}

/// Every bet that was settled is in the paper record with its close, and the gates of LIVE go by it.
fn on_paper(shop: &Shop, place: &Place) {
    let bets = place.bets();
    let settled = |bet: &&BetRow| bet.matched.is_positive() && bet.profit.is_some();
    let settled: Vec<&BetRow> = bets.iter().filter(settled).collect();
    let closings = place.reader().paper_closings(&shop.address).unwrap();
    assert!(
        !closings.is_empty() && closings.len() == settled.len(),
        "{closings:#?} of {settled:#?}"
    );
    let n = closings.len() as f64;
    let (mut clv, mut brier) = (0.0, 0.0);
    for row in &closings {
        let bet = settled.iter().find(|bet| bet.bet == row.order).unwrap();
        let close = row.close.as_ref().unwrap();
        let (worth, chance) = (close.clv.unwrap(), close.chance.unwrap());
        let price = bet.average_price.unwrap().to_f64();
        assert!((worth - (price * chance - 1.0)).abs() < 1e-9, "{row:?}");
        let won = bet.profit.unwrap().is_positive();
        assert_eq!(row.happened, Some(won));
        assert_eq!(row.probability, Some(0.5));
        clv += worth / n;
        let outcome = f64::from(u8::from(won));
        brier += (0.25 - (chance - outcome).powi(2)) / n;
    }
    let said = |found: &BTreeMap<String, (bool, String)>| {
        let ([clv, brier], all) = (
            [format!("{:.2} % ", clv * 100.0), format!(": {brier:+.4}, ")],
            [&found["paper clv"], &found["paper calibration"]],
        );
        assert!(all[0].1.contains(&clv), "{clv} {found:?}");
        assert!(all[1].1.contains(&brier), "{brier} {found:?}");
        all.map(|(is_open, _)| *is_open)
    };
    assert_eq!(said(&paper(place)), [true; 2]);
    let settings = fs::read_to_string(place.path("config/bea.toml")).unwrap();
    for (clv, brier, open) in [
        (clv - 0.001, brier + 0.001, true),
        (clv + 0.001, brier - 0.001, false),
    ] {
        let asked = format!(
            "{settings}\n[live]\nmin_paper_clv = {clv}\nmax_paper_brier_excess = {brier}\n"
        );
        place.write("config/bea.toml", &asked);
        assert_eq!(said(&paper(place)), [open; 2]);
    }
    place.write("config/bea.toml", &settings);
}

#[test]
fn a_session_without_money_places_nothing_and_plays_again_alike() {
    let shop = Shop::start(&["--generate", "6", "--times", "60", "--fair-use", "0"]);
    let settings = "odds_seconds = 120
fixtures_seconds = 120
settled_seconds = 120
clock_times = 60";
    let place = shop.place("", settings, HOME);
    let mut host = place.start_with(&[]);
    shop.control(
        "faults",
        &json!([{ "fault": "html_before" }, { "fault": "drop_after", "operation": "odds" }]),
    );
    until("a bet taken", || {
        let bets = place.bets();
        match bets.iter().any(|bet| bet.matched.is_positive()) {
            true => Ok(()),
            false => Err(format!("{bets:?}")),
        }
    });
    // Every match is over in less than four hours.
    shop.control("clock", &json!({ "leap_seconds": 14_400 }));
    until("settled", || {
        match place
            .bets()
            .iter()
            .all(|bet| bet.profit.is_some() || !bet.matched.is_positive())
        {
            true => Ok(()),
            false => Err(format!("{:?}", place.bets())),
        }
    });
    host.stop();
    assert!(shop.truth().is_empty(), "nothing was bet");
    on_paper(&shop, &place);
    plays_again_alike(&place, "pinnacle", PASSWORD);
    assert!(host.said().iter().all(|line| !line.contains(PASSWORD)));
}

#[test]
fn a_wrong_password_is_said_and_never_told() {
    let shop = Shop::start(&["--generate", "1"]);
    let place = shop.place("", QUICK, HOME);
    fs::write(place.path("secrets/password"), "another-secret").unwrap();
    let mut host = place.start_with(&[]);
    let (health, _) = host.until("down", |health| feed(health)["state"] == "down");
    let told = health.to_string();
    assert!(told.contains("INVALID_CREDENTIALS"), "{told}");
    host.stop();
    let said = host.said().join("\n");
    assert!(!told.contains("another-secret") && !said.contains("another-secret"));
    fs::remove_file(place.path("secrets/password")).unwrap();
    let (code, said) = place.run(&["run"]);
    assert_eq!(code, Some(7), "{said}");
}

#[test]
fn the_look_alike_keeps_the_rules_of_the_venue() {
    let shop = Shop::start(&["--generate", "2"]);
    let get = |path: &str| shop.ask("GET", path, "");
    assert_eq!(
        shop.ask_as("GET", "/v2/sports", "", "eDp5").1["code"],
        "INVALID_CREDENTIALS"
    );
    assert_eq!(
        shop.ask_as("GET", "/v2/sports", "", "%").1["code"],
        "INVALID_AUTHORIZATION_HEADER"
    );
    let (_, fixtures) = get("/v1/fixtures?sportId=29");
    let league = fixtures["league"][0]["id"].as_i64().unwrap();
    let event = fixtures["league"][0]["events"][0]["id"].as_i64().unwrap();
    let (_, odds) = get("/v2/odds?sportId=29&oddsFormat=Decimal");
    let period = &odds["leagues"][0]["events"][0]["periods"][0];
    assert!(period["moneyline"]["home"].as_f64() > Some(1.0), "{odds:#}");
    // Too soon; from nowhere; and nothing new.
    assert_eq!(get("/v2/odds?sportId=29").0, 429);
    assert_eq!(get("/v1/fixtures?sportId=29&since=1").0, 400);
    let last = fixtures["last"].as_u64().unwrap();
    assert_eq!(
        get(&format!("/v1/fixtures?sportId=29&since={last}")),
        (200, Value::Null)
    );

    let line = format!(
        "/v1/line?sportId=29&leagueId={league}&eventId={event}&periodNumber=0&betType=MONEYLINE&oddsFormat=Decimal&handicap=0&team="
    );
    let (_, draw) = get(&format!("{line}Draw"));
    assert_eq!(draw["status"], "SUCCESS", "{draw}");
    let name = "00000000-0000-0000-0000-00000000002a";
    let bet = |name: &str, stake: f64, line: &Value| {
        let bet = json!({
            "oddsFormat": "DECIMAL", "uniqueRequestId": name, "acceptBetterLine": false, "stake": stake,
            "winRiskStake": "RISK", "lineId": line, "fillType": "NORMAL", "sportId": 29, "eventId": event,
            "periodNumber": 0, "betType": "MONEYLINE", "team": "DRAW",
        });
        let (_, told) = shop.ask("POST", "/v4/bets/straight", &bet.to_string());
        told["errorCode"]
            .as_str()
            .or(told["status"].as_str())
            .unwrap()
            .to_owned()
    };
    let other = "00000000-0000-0000-0000-00000000002b";
    let line = &draw["lineId"];
    assert_eq!(bet(name, 5.0, line), "ACCEPTED");
    assert_eq!(bet(name, 5.0, line), "DUPLICATED_REQUEST");
    assert_eq!(bet(other, 0.5, line), "BELOW_MIN_BET_AMOUNT");
    assert_eq!(bet(other, 9_999.0, line), "ABOVE_MAX_BET_AMOUNT");
    shop.control(
        "event",
        &json!({ "do": "move", "event": event, "times": 0.8 }),
    );
    assert_eq!(bet(other, 5.0, line), "LINE_CHANGED");
    shop.control("event", &json!({ "do": "delete", "event": event }));
    assert_eq!(bet(other, 5.0, line), "OFFLINE_EVENT");
    let (_, settled) = get("/v1/fixtures/settled?sportId=29");
    assert_eq!(
        settled["leagues"][0]["events"][0]["periods"][0]["status"],
        5
    );
    let (_, found) = get(&format!("/v4/bets?uniqueRequestIds={name},{other}"));
    assert_eq!(found["straightBets"].as_array().unwrap().len(), 1);
    assert_eq!(found["straightBets"][0]["betStatus"], "CANCELLED");
    let (_, balance) = get("/v1/client/balance");
    assert_eq!(balance["availableBalance"], 1_000.0);
}
