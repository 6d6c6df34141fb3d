//! DRY_RUN on the odds of bookmakers: within a budget of credits, through failures, and played again from its recording.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::bench::plays_again_alike;
use crate::host::{Host, Place, strategy};

const KEY: &str = "0123456789abcdef-secret";
/// How many times as fast its clock runs: an hour in fifteen seconds.
const TIMES: &str = "240";
/// How long an hour of that clock takes.
const HOUR: Duration = Duration::from_secs(15);

/// Backs the home side once in every match, at the first price that it sees.
const HOME: &str = r#"
fn markets() { #{ venue: "bookmakers", type: "MATCH_ODDS" } }

fn on_odds(market, ctx) {
    let runner = market.active[0];
    if runner.quotes.len() == 0 || (this.get(market.id) ?? false) { return []; }
    this[market.id] = true;
    let quote = runner.quotes[0];
    back(runner, quote.price, 2.0).book(quote.book).reason("home")
}
"#;

/// A running `bea bookmaker`; it ends when this is dropped.
struct Shop {
    process: Child,
    address: String,
}

impl Drop for Shop {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Shop {
    fn start(credits: &str) -> Self {
        let mut process = Command::new(env!("CARGO_BIN_EXE_bea"))
            .args(["bookmaker", "--generate", "6", "--times", TIMES, "--json"])
            .args(["--http", "127.0.0.1:0", "--credits", credits, "--key", KEY])
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .unwrap();
        let told = crate::server::told(&mut process);
        let address = told["http"].as_str().unwrap().to_owned();
        Self { process, address }
    }

    fn ask(&self, method: &str, path: &str, body: &str) -> (String, Value) {
        let address = self.address.strip_prefix("http://").unwrap();
        let mut stream = TcpStream::connect(address).unwrap();
        let length = body.len();
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}"
        )
        .unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        (head.to_owned(), serde_json::from_str(body).unwrap())
    }

    fn used(&self) -> u64 {
        self.ask("GET", "/control/credits", "").1["used"]
            .as_u64()
            .unwrap()
    }

    /// A host that follows it.
    fn follow(&self, floor: u64, key: &str) -> (Place, Host) {
        let place = Place::new(&[("home", HOME)]);
        let settings = format!(
            r#"
[run]
feed = "odds-api"
[odds_api]
url = "{}"
key_file = "secrets/key"
sports = ["soccer_epl"]
credit_floor = {floor}
clock_times = {TIMES}
[recorder]
min_free_mib = 0
"#,
            self.address
        );
        place.write("config/bea.toml", &settings);
        place.write("secrets/key", key);
        let private = fs::Permissions::from_mode(0o600);
        fs::set_permissions(place.path("secrets/key"), private).unwrap();
        let host = place.start_with(&[]);
        (place, host)
    }
}

fn feed(health: &Value) -> &Value {
    &health["checks"]["feed"][0]
}

#[test]
fn an_hour_costs_no_more_than_the_budget_and_plays_again_alike() {
    let shop = Shop::start("40");
    let (place, mut host) = shop.follow(10, KEY);
    // The breaker and a wait lie between the failures and the next answer.
    shop.ask(
        "POST",
        "/control/faults",
        r#"[{"fault":"html_before"},{"fault":"drop_after","operation":"odds"}]"#,
    );
    let begun = Instant::now();
    let (health, _) = host.until("an hour on, with bets", |health| {
        let bets = &strategy(health, "home")["bets"];
        bets.as_u64() >= Some(3) && begun.elapsed() >= HOUR
    });
    let credits = &feed(&health)["credits"];
    println!("credits after {}: {credits}", feed(&health)["position"]);
    assert!(credits["remaining"].as_u64() >= Some(10), "{credits}");
    host.stop();
    assert!(
        shop.used() <= 30,
        "{} of 40 were spent, and 10 are the floor",
        shop.used()
    );

    plays_again_alike(&place, "odds-api", KEY);
    assert!(host.said().iter().all(|line| !line.contains(KEY)));
}

#[test]
fn a_wrong_key_is_said_and_never_told() {
    let shop = Shop::start("40");
    let (_place, mut host) = shop.follow(10, "another-secret-key");
    let (health, _) = host.until("down", |health| feed(health)["state"] == "down");
    let told = health.to_string();
    assert!(
        told.contains("INVALID_KEY") && !told.contains("another-secret-key"),
        "{told}"
    );
    assert_eq!(shop.used(), 0);
    host.stop();
}

#[test]
fn the_look_alike_says_what_is_wrong_with_a_question() {
    let shop = Shop::start("3");
    let ask = |path: &str| {
        let (head, body) = shop.ask("GET", path, "");
        let status = head.split(' ').nth(1).unwrap().to_owned();
        let code = body["error_code"].as_str().map(str::to_owned);
        (status, code.unwrap_or_default())
    };
    let odds = format!("/v4/sports/soccer_epl/odds?apiKey={KEY}");
    for (path, status, code) in [
        ("/v4/sports".to_owned(), "401", "MISSING_KEY"),
        ("/v4/sports?apiKey=x".to_owned(), "401", "INVALID_KEY"),
        (
            format!("/v4/sports/tea/odds?apiKey={KEY}"),
            "404",
            "UNKNOWN_SPORT",
        ),
        (odds.clone(), "422", "MISSING_REGION"),
        (format!("{odds}&regions=uk,mars"), "422", "INVALID_REGION"),
        (
            format!("{odds}&regions=uk&markets=h2h,btts"),
            "422",
            "INVALID_MARKET",
        ),
        (format!("{odds}&regions=uk&markets=h2h,totals"), "200", ""),
        (
            format!("{odds}&regions=uk&markets=h2h,totals"),
            "401",
            "OUT_OF_USAGE_CREDITS",
        ),
    ] {
        assert_eq!(ask(&path), (status.to_owned(), code.to_owned()), "{path}");
    }
    let (head, _) = shop.ask("GET", &format!("/v4/sports?apiKey={KEY}"), "");
    let head = head.to_ascii_lowercase();
    for header in [
        "x-requests-remaining: 1",
        "x-requests-used: 2",
        "x-requests-last: 0",
    ] {
        assert!(head.contains(header), "{head}");
    }
}
