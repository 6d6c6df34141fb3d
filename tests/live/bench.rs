//! A look-alike and a host that is to follow it.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;

use bea::ledger::{BetRow, Filter, RunRow};
use bea::market::Money;
use serde_json::{Value, json};

use crate::host::{Host, Place, strategy};
use crate::proxy::{Proxy, StreamProxy};
use crate::server::Server;

/// Backs one runner after the other at the best price, each fourth time it is asked.
pub(crate) const EAGER: &str = r#"
fn markets() { #{ sport: "horse_racing", in_play: false } }

fn on_odds(market, ctx) {
    this.seen = (this.get("seen") ?? 0) + 1;
    if this.seen % 4 != 0 { return []; }
    let runner = market.active[(this.seen / 4) % market.active.len()];
    if runner.best_back == () { return []; }
    back(runner, runner.best_back.price, 2.0).reason(`seen ${this.seen}`)
}
"#;

/// Bets each time it is asked, on a runner after the other.
pub(crate) const KEEN: &str = r#"
fn markets() { #{ sport: "horse_racing", in_play: false } }

fn on_odds(market, ctx) {
    this.seen = (this.get("seen") ?? 0) + 1;
    let runner = market.active[this.seen % market.active.len()];
    if runner.best_back == () { return []; }
    back(runner, runner.best_back.price, 2.0)
}
"#;

pub(crate) struct Bench {
    pub(crate) server: Server,
    /// On the way to its HTTP, and to its stream.
    pub(crate) http: Proxy,
    pub(crate) wire: StreamProxy,
    pub(crate) place: Place,
}

impl Bench {
    /// With more settings after those that every test needs.
    pub(crate) fn new(more: &str) -> Self {
        // Enough of them that a slow machine does not see the last one start.
        Self::with_races(3, more)
    }

    /// With so many races, ten minutes apart.
    pub(crate) fn with_races(races: usize, more: &str) -> Self {
        let server = Server::with_races(races, &["--plain", "--wall-clock"]);
        let place = Place::new(&[("eager", EAGER)]);
        let address = |url: &str| url.rsplit('/').next().unwrap().parse().unwrap();
        let http = Proxy::before(address(&server.http));
        let wire = StreamProxy::before(address(&server.stream));
        place.write(
            "config/bea.toml",
            &format!(
                r#"{more}
[run]
feed = "betfair"

[betfair]
identity_url = "http://{http}/api"
certificate_url = "http://{http}/api"
api_url = "http://{http}/exchange"
stream_address = "{stream}"
stream_tls = false
login = "interactive"
app_key_file = "secrets/key"
username_file = "secrets/user"
password_file = "secrets/password"
heartbeat_ms = 2500
order_timeout_seconds = 6
listing_every_seconds = 5
funds_every_seconds = 5

[recorder]
min_free_mib = 0
"#,
                http = http.address,
                stream = wire.address,
            ),
        );
        for (name, word) in [("key", "key"), ("user", "ann"), ("password", "x")] {
            let file = format!("secrets/{name}");
            place.write(&file, word);
            let private = fs::Permissions::from_mode(0o600);
            fs::set_permissions(place.path(&file), private).unwrap();
        }
        Self {
            server,
            http,
            wire,
            place,
        }
    }

    /// Starts the host and waits until its feed is live.
    pub(crate) fn start(&self) -> Host {
        let mut host = self.place.start_with(&[]);
        self.live(&mut host);
        host
    }

    pub(crate) fn live(&self, host: &mut Host) {
        host.until("live", |health| {
            health["checks"]["feed"][0]["state"] == "live"
        });
    }

    /// Plays so many messages, one at a time, and each only when the host has heard of the one before: what is played
    /// faster reaches it as one change, and the races would be over before it has seen enough of them.
    pub(crate) fn step(&self, host: &mut Host, messages: u64) {
        let lines = |health: &Value| health["checks"]["feed"][0]["lines"].as_u64().unwrap_or(0);
        for _ in 0..messages {
            let before = lines(&host.health());
            self.server.control("clock", &json!({ "step": 1 }));
            host.until("at the next message", |health| lines(health) > before);
        }
    }

    /// How often the gate has refused something for this.
    pub(crate) fn refused(&self, code: &str) -> usize {
        let refused = self.place.reader().rejections(&Filter::default()).unwrap();
        refused.iter().filter(|row| row.code == code).count()
    }

    /// Plays on until the gate has refused something for this once more.
    pub(crate) fn until_refused(&self, host: &mut Host, code: &str) {
        let before = self.refused(code);
        for _ in 0..200 {
            self.step(host, 1);
            if self.refused(code) > before {
                return;
            }
        }
        panic!("nothing more is refused for {code}: {:#}", host.health());
    }

    /// Plays until a strategy has so many bets.
    pub(crate) fn until_bets(&self, host: &mut Host, bets: u64) {
        for _ in 0..1_000 {
            let health = host.health();
            if strategy(&health, "eager")["bets"].as_u64() >= Some(bets) {
                return;
            }
            self.step(host, 1);
        }
        let refused = self.place.reader().rejections(&Filter::default()).unwrap();
        let last: Vec<String> = refused
            .iter()
            .rev()
            .take(5)
            .map(|row| format!("{} {:?} {:?}", row.code, row.value, row.limit))
            .collect();
        panic!("never {bets} bets: {last:?} {:#}", host.health());
    }

    /// Every bet in the ledger, of all runs.
    pub(crate) fn bets(&self) -> Vec<BetRow> {
        self.bets_of(|_| true)
    }

    /// Those that were bet with money.
    pub(crate) fn bets_with_money(&self) -> Vec<BetRow> {
        self.bets_of(|run| run.mode == "LIVE")
    }

    fn bets_of(&self, is_wanted: impl Fn(&RunRow) -> bool) -> Vec<BetRow> {
        let reader = self.place.reader();
        let runs = reader.runs(10_000).unwrap();
        let of = |run: i64| {
            let filter = Filter {
                run: Some(run),
                limit: 10_000,
                ..Filter::default()
            };
            reader.bets(&filter).unwrap()
        };
        let wanted = runs.iter().filter(|run| is_wanted(run));
        wanted.flat_map(|run| of(run.run)).collect()
    }

    /// How often the exchange really accepted a bet of each name.
    pub(crate) fn accepted(&self) -> BTreeMap<String, usize> {
        let mut accepted = BTreeMap::new();
        for (event, name) in self.server.truth() {
            if event == "accepted" {
                *accepted.entry(name).or_default() += 1;
            }
        }
        accepted
    }

    /// Every bet that the exchange accepted.
    pub(crate) fn taken(&self) -> Vec<Value> {
        let text = fs::read_to_string(self.server.folder.path().join("truth.jsonl")).unwrap();
        // What is being written just now is not there yet.
        let whole = text.rfind('\n').map_or("", |end| &text[..end]);
        let lines = whole
            .lines()
            .map(|line| serde_json::from_str::<Value>(line).unwrap());
        lines.filter(|line| line["event"] == "accepted").collect()
    }

    /// The stakes of all bets that the exchange accepted, by market: more can never have been at risk at once.
    pub(crate) fn staked(&self) -> BTreeMap<String, Money> {
        let mut staked = BTreeMap::new();
        for bet in self.taken() {
            let market = bet["market_id"].as_str().unwrap().to_owned();
            let size = Money::nearest(bet["size"].as_f64().unwrap()).unwrap();
            *staked.entry(market).or_insert(Money::ZERO) += size;
        }
        staked
    }
}

/// The one session that was recorded is decided again alike; the recording names its feed, and no secret.
pub(crate) fn plays_again_alike(place: &Place, feed: &str, secret: &str) {
    let mut folders = fs::read_dir(place.path("data/feed")).unwrap();
    let folder = folders.next().unwrap().unwrap().path();
    let again = place.json(&["replay", folder.to_str().unwrap()]);
    assert_eq!(again["same"], true, "{again:#}");
    for part in fs::read_dir(&folder).unwrap() {
        let packed = fs::read(part.unwrap().path()).unwrap();
        let plain = zstd::decode_all(&packed[..]).unwrap_or(packed);
        let text = String::from_utf8_lossy(&plain).into_owned();
        assert!(text.contains(feed) && !text.contains(secret));
    }
}
