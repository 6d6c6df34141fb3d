//! The kill drill: a host that bets with money as fast as it may is stopped in every way there is, and what still leaves
//! after that was acknowledged is counted where it arrives.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rusqlite::Connection;
use serde_json::{Value, json};

use crate::bench::{Bench, KEEN};
use crate::fake::Fake;
use crate::host::Host;
use crate::money::{LIVE, approve, arm, done};

/// Limits that do not stop it.
const WIDE: &str = r#"
[risk]
max_orders_per_minute = 600
max_open_orders = 500
max_runner_exposure = 50000.0
max_market_exposure = 100000.0
max_gross_market_exposure = 100000.0
max_strategy_exposure = 100000.0
max_orders_per_market = 10000
max_fills_per_minute = 1000
max_drawdown_ratio = 1.0
daily_loss_limit = 100000.0

[risk.together]
max_market_exposure = 100000.0
max_event_exposure = 100000.0
max_sport_exposure = 100000.0
max_venue_exposure = 100000.0
max_exposure = 100000.0
max_open_stake = 100000.0
max_orders_per_minute = 600
daily_loss_limit = 100000.0
"#;

const USER: i64 = 7;
const PATIENCE: Duration = Duration::from_secs(120);
/// How long after the word an order that left before it may be seen to arrive.
const ON_ITS_WAY: Duration = Duration::from_millis(50);
/// How fast the races are played.
const SPEED: u32 = 90;

/// How betting is stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Trigger {
    Http,
    Telegram,
    File,
    Command,
    Signal,
    DailyLoss,
    Drawdown,
    DiskFull,
    /// The ledger is locked, so the engine waits and is stuck.
    Stall,
}

impl Trigger {
    const ALL: [Self; 9] = [
        Self::Http,
        Self::Telegram,
        Self::File,
        Self::Command,
        Self::Signal,
        Self::DailyLoss,
        Self::Drawdown,
        Self::DiskFull,
        Self::Stall,
    ];

    /// Whether it halts until a person resumes, also after a restart.
    const fn halts(self) -> bool {
        !matches!(
            self,
            Self::DailyLoss | Self::Drawdown | Self::DiskFull | Self::Stall
        )
    }
}

struct Drill {
    fake: Fake,
    bench: Bench,
    host: Host,
    /// When each order arrived.
    orders: Arc<Mutex<Vec<Instant>>>,
    updates: i64,
}

/// How one way to stop went.
struct Stopped {
    /// From the trigger to the last order that arrived.
    last_after: Duration,
    /// From the trigger to its acknowledgement.
    acknowledged_after: Duration,
    /// Orders that arrived later than they may.
    late: usize,
}

impl Drill {
    fn begin(rounds: usize) -> Self {
        let fake = Fake::start("1:right-token");
        let bench = Bench::with_races(10 + 10 * rounds, LIVE);
        bench.place.write("strategies/eager.rhai", KEEN);
        bench.place.write("secrets/token", "1:right-token");
        let private = fs::Permissions::from_mode(0o600);
        fs::set_permissions(bench.place.path("secrets/token"), private).unwrap();
        let file = bench.place.path("config/bea.toml");
        let more = format!(
            "{WIDE}\n[alert.telegram]\nenabled = true\nchat_id = {USER}\nusers = [{USER}]\napi = \"{}\"\n\
             token_file = \"secrets/token\"\n[ledger]\nbusy_timeout_seconds = 60\n",
            fake.api()
        );
        let settings = fs::read_to_string(&file).unwrap() + more.as_str();
        fs::write(&file, settings).unwrap();
        let orders: Arc<Mutex<Vec<Instant>>> = Arc::default();
        approve(&bench);
        arm(&bench);
        let host = bench.start();
        bench
            .server
            .control("clock", &json!({ "run": true, "speed": SPEED }));
        let mut drill = Self {
            fake,
            bench,
            host,
            orders,
            updates: 0,
        };
        drill.count_orders();
        drill
    }

    fn count_orders(&mut self) {
        let orders = Arc::clone(&self.orders);
        self.bench.http.judge(move |request| {
            if request.contains("placeOrders") {
                orders.lock().unwrap().push(Instant::now());
            }
            crate::proxy::Act::Pass
        });
    }

    fn count(&self) -> usize {
        self.orders.lock().unwrap().len()
    }

    /// Waits until the host has handled so many more lines of the feed.
    fn lines(&mut self, more: u64) {
        let lines = |health: &Value| health["checks"]["feed"][0]["lines"].as_u64().unwrap_or(0);
        let before = lines(&self.host.health());
        self.host.until("further in the feed", |health| {
            lines(health) >= before + more
        });
    }

    /// Waits until orders leave.
    fn until_orders_leave(&mut self) {
        let (before, start) = (self.count(), Instant::now());
        while self.count() < before + 2 {
            let health = self.host.health();
            assert!(start.elapsed() < PATIENCE, "no order leaves: {health:#}");
        }
    }

    fn settings(&self, from: &str, to: &str) {
        let file = self.bench.place.path("config/bea.toml");
        let text = fs::read_to_string(&file).unwrap();
        assert!(text.contains(from), "{from}");
        fs::write(file, text.replacen(from, to, 1)).unwrap();
    }

    fn stop(&mut self, trigger: Trigger) -> Stopped {
        self.until_orders_leave();
        let pulled = Instant::now();
        let lock = self.pull(trigger);
        let acknowledged = Instant::now();
        // What was on its way has arrived once the engine has come further; from then on nothing may.
        match trigger {
            Trigger::Stall => {
                self.host.until("stuck", |health| {
                    health["checks"]["engine"][0]["observedValue"].as_f64() > Some(1.5)
                });
            }
            _ => self.lines(10),
        }
        let settled = self.count();
        match &lock {
            Some(lock) => lock.execute_batch("ROLLBACK").unwrap(),
            None => {
                self.lines(30);
                assert_eq!(self.count(), settled, "{trigger:?} does not hold");
            }
        }
        let orders = self.orders.lock().unwrap();
        let until_now = &orders[..settled];
        let last = until_now.last().copied().unwrap_or(pulled);
        let late = |at: &&Instant| at.saturating_duration_since(acknowledged) >= ON_ITS_WAY;
        Stopped {
            last_after: last.saturating_duration_since(pulled),
            acknowledged_after: acknowledged - pulled,
            late: until_now.iter().filter(late).count(),
        }
    }

    /// Pulls a trigger and returns when that is acknowledged. What holds a lock is given back.
    fn pull(&mut self, trigger: Trigger) -> Option<Connection> {
        match trigger {
            Trigger::Http => {
                let body = r#"{"reason":"drill"}"#;
                let answer = self.host.ask(&format!(
                    "POST /api/v1/kill HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
                     X-Requested-With: test\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
                    body.len()
                ));
                assert_eq!(answer.code, 200, "{}", answer.body);
            }
            Trigger::Telegram => {
                self.updates += 1;
                let number = self.updates;
                let date = now_seconds();
                self.fake.write(json!({"update_id": number, "message": {
                    "message_id": number, "date": date, "text": "/kill",
                    "from": {"id": USER, "is_bot": false}, "chat": {"id": USER, "type": "private"},
                }}));
                self.fake.message("betting is HALTED");
            }
            Trigger::File => self.bench.place.write("data/KILL", ""),
            Trigger::Command => done(&self.bench, &["kill", "--reason", "drill"]),
            Trigger::Signal => {
                self.host.signal("-USR1");
                self.host.until("halted", |health| {
                    health["checks"]["mode"][0]["trading"] == "HALTED"
                });
            }
            Trigger::DailyLoss => {
                self.tighten("daily_loss_limit = 100000.0", "daily_loss_limit = 1.0");
            }
            Trigger::Drawdown => {
                self.tighten("max_drawdown_ratio = 1.0", "max_drawdown_ratio = 0.0001");
            }
            Trigger::DiskFull => {
                self.settings("[ledger]", "[fence]\ndisk_free_mib = 1000000\n[ledger]");
                self.host
                    .until("fenced", |health| health["checks"]["fences"].is_array());
            }
            Trigger::Stall => {
                let ledger = Connection::open(self.bench.place.path("data/ledger.sqlite")).unwrap();
                ledger.busy_timeout(PATIENCE).unwrap();
                ledger.execute_batch("BEGIN IMMEDIATE").unwrap();
                return Some(ledger);
            }
        }
        None
    }

    /// Lets betting go on.
    fn resume(&mut self, trigger: Trigger) {
        match trigger {
            Trigger::DailyLoss => {
                self.settings("daily_loss_limit = 1.0", "daily_loss_limit = 100000.0");
                self.confirm();
            }
            Trigger::Drawdown => {
                self.settings("max_drawdown_ratio = 0.0001", "max_drawdown_ratio = 1.0");
                self.confirm();
            }
            Trigger::DiskFull => {
                self.settings("[fence]\ndisk_free_mib = 1000000\n", "");
                // It goes down only when all has been well for a minute; a new start does not wait.
                self.restart();
            }
            Trigger::Stall => {}
            _ => done(&self.bench, &["resume", "--reason", "the drill is over"]),
        }
    }

    /// A tighter limit holds at once.
    fn tighten(&mut self, from: &str, to: &str) {
        let hash = |health: &Value| health["checks"]["settings"][0]["hash"].clone();
        let before = hash(&self.host.health());
        self.settings(from, to);
        self.host
            .until("tightened", |health| hash(health) != before);
    }

    /// A looser one holds once it is confirmed.
    fn confirm(&mut self) {
        let waits = |health: &Value| health["checks"]["settings"][0]["waiting"] == true;
        self.host.until("waiting", waits);
        done(&self.bench, &["config", "apply"]);
        self.host.until("confirmed", |health| !waits(health));
    }

    fn restart(&mut self) {
        self.host.stop();
        self.host = self.bench.start();
    }

    /// A restart changes nothing: the door to LIVE stays shut until a person resumes.
    fn outlasts_a_restart(&mut self) {
        let before = self.count();
        self.host.stop();
        let (code, said) = self.bench.place.run(&["run"]);
        assert_eq!(code, Some(8), "{said}");
        assert!(said.contains("betting is HALTED"), "{said}");
        assert_eq!(self.count(), before, "an order left after a restart");
        done(&self.bench, &["resume", "--reason", "the drill goes on"]);
        self.host = self.bench.start();
    }
}

/// When a message was written counts.
#[allow(clippy::disallowed_methods)]
fn now_seconds() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.unwrap().as_secs()
}

fn drill(rounds: usize) {
    let mut drill = Drill::begin(rounds);
    let mut all = Vec::new();
    println!("trigger     stopped, acknowledged after, last order after (median, worst)   late");
    // One alone, by its name.
    let only = std::env::var("TRIGGER").ok();
    for trigger in Trigger::ALL {
        if only
            .as_ref()
            .is_some_and(|name| *name != format!("{trigger:?}"))
        {
            continue;
        }
        let mut stopped = Vec::new();
        for round in 0..rounds {
            stopped.push(drill.stop(trigger));
            // Once is enough in a short drill.
            let restarts =
                trigger.halts() && round == 0 && (rounds > 1 || trigger == Trigger::Http);
            match restarts {
                true => drill.outlasts_a_restart(),
                false => drill.resume(trigger),
            }
        }
        let late: usize = stopped.iter().map(|stopped| stopped.late).sum();
        let mut last: Vec<_> = stopped.iter().map(|stopped| stopped.last_after).collect();
        last.sort();
        let mut known: Vec<_> = stopped
            .iter()
            .map(|stopped| stopped.acknowledged_after)
            .collect();
        known.sort();
        println!(
            "{:<11} {rounds:>7}  {:>10.1?} {:>10.1?}  {:>10.1?} {:>10.1?} {late:>8}",
            format!("{trigger:?}"),
            known[rounds / 2],
            known[rounds - 1],
            last[rounds / 2],
            last[rounds - 1],
        );
        all.extend(stopped);
    }
    let mut last: Vec<_> = all.iter().map(|stopped| stopped.last_after).collect();
    last.sort();
    let late: usize = all.iter().map(|stopped| stopped.late).sum();
    println!(
        "kill drill: {} stops, {} orders, {late} of them {ON_ITS_WAY:?} or more after the word; from the trigger to the last order: median {:.1?}, 99 % {:.1?}, worst {:.1?}",
        all.len(),
        drill.count(),
        last[last.len() / 2],
        last[last.len() * 99 / 100],
        last[last.len() - 1],
    );
    let said = drill.host.said().join("\n");
    let is_told = said.contains("the engine has been busy with one thing for");
    assert!(
        is_told || only.is_some(),
        "nobody was told that the engine was stuck: {said}"
    );
    drill.host.stop();
    assert!(rounds == 1 || late == 0, "{late} orders left too late");
}

#[test]
fn whatever_stops_betting_nothing_leaves_once_that_is_acknowledged() {
    drill(1);
}

#[test]
#[ignore = "takes as long as it is told to: ROUNDS=20 cargo test --test live -- --ignored --nocapture kill_drill"]
fn kill_drill() {
    let rounds = std::env::var("ROUNDS").map_or(5, |rounds| rounds.parse().unwrap());
    drill(rounds);
}
