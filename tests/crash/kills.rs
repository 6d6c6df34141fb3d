//! SIGKILL at random instants, under load, on one ledger; then the next run, and so on.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::place::{Acknowledged, Checked, Line, Place};
use crate::random::Random;

/// A new ledger after so many kills: all of it is verified after each, so a larger one takes ever longer.
const KILLS_A_LEDGER: u32 = 50;
/// Some hundred updates a second: as fast as it goes, the ledger soon takes long to verify.
const SPEED: &str = "400";
/// The latest instant of a kill after the run's first commit.
const LATEST_MILLIS: u64 = 500;
/// Pause between two questions after its health.
const BETWEEN_QUESTIONS: Duration = Duration::from_millis(5);
/// Nothing that is awaited takes longer than this.
const PATIENCE: Duration = Duration::from_secs(120);

/// Takes what is offered, asks for what is not, and takes back what waits.
pub(crate) const BUSY: &str = "fn on_odds(market, ctx) {
    this.calls = (this.get(\"calls\") ?? 0) + 1;
    let intents = [];
    for order in ctx.orders {
        if order.state == \"EXECUTABLE\" && !order.cancel_pending && order.age_ms > 15000 {
            intents.push(cancel(order));
        }
    }
    for runner in market.active {
        if runner.best_back == () || runner.best_lay == () { continue; }
        if this.calls % 4 == 0 { intents.push(back(runner, runner.best_back.price, 2.0)); }
        if this.calls % 6 == 0 { intents.push(back(runner, runner.best_lay.price, 2.0)); }
        if this.calls % 10 == 0 { intents.push(lay(runner, runner.best_lay.price, 1.0)); }
    }
    intents
}
";

/// What all kills came to.
#[derive(Debug, Default)]
struct Tally {
    kills: u32,
    ended_before: u32,
    acknowledged: u64,
    missing: u64,
    not_acknowledged: u64,
    broken: u32,
    unexplained: u64,
}

/// Kills so often; says what came of it and whether all is well.
pub(crate) fn run(kills: u32, seed: u64) -> bool {
    let mut tally = Tally::default();
    let mut random = Random(seed);
    eprintln!("kills: seed {seed}");
    while tally.kills < kills {
        let place = Place::new(&["one", "two"].map(|name| (name, BUSY)));
        let upto = kills.min(tally.kills + KILLS_A_LEDGER);
        if let Err(problem) = one_ledger(&place, upto, &mut random, &mut tally) {
            eprintln!(
                "kill {}: {problem}\nthe ledger is kept in {}\nreplay: cargo test --test crash -- --kills {} --seed {seed}",
                tally.kills,
                place.keep().display(),
                tally.kills
            );
            println!("{}", tally.line());
            return false;
        }
    }
    println!("{}", tally.line());
    true
}

fn one_ledger(place: &Place, upto: u32, random: &mut Random, tally: &mut Tally) -> Checked<()> {
    while tally.kills < upto {
        let delay = Duration::from_millis(1 + random.next() % LATEST_MILLIS);
        let (acknowledged, was_killed) = one_life(place, delay)?;
        match was_killed {
            true => tally.kills += 1,
            false => tally.ended_before += 1,
        }
        if tally.ended_before > 20 + 2 * upto {
            return Err("runs end before they can be killed: the load is too light".to_owned());
        }
        let verified = place.verify();
        tally.broken += u32::from(verified.is_err());
        verified?;
        let found = place.look_for(&acknowledged)?;
        tally.acknowledged += found.acknowledged;
        tally.not_acknowledged += found.records - found.acknowledged;
        tally.missing += found.missing.len() as u64;
        if !found.missing.is_empty() {
            return Err(format!(
                "acknowledged and missing: {}",
                found.missing.join("; ")
            ));
        }
        let unexplained = place.unexplained(acknowledged.run)?;
        tally.unexplained += unexplained;
        if unexplained > 0 {
            return Err(format!("{unexplained} orders are unexplained"));
        }
    }
    // The last one to die is found by the next to open the ledger.
    let ledger = bea::ledger::Ledger::open(&place.ledger(), bea::ledger::LedgerSettings::default());
    drop(ledger.map_err(|error| error.to_string())?);
    place.verify()?;
    match place.unexplained(None)? {
        0 => Ok(()),
        orders => Err(format!(
            "{orders} orders are unexplained after the last restart"
        )),
    }
}

impl Tally {
    fn line(&self) -> String {
        format!(
            "{} kills, {} records acknowledged, {} missing, {} durable but not acknowledged, {} broken ledgers, \
             {} unexplained orders ({} runs ended before their kill)",
            self.kills,
            self.acknowledged,
            self.missing,
            self.not_acknowledged,
            self.broken,
            self.unexplained,
            self.ended_before
        )
    }
}

/// One run from its start to its kill; gives what it has told, and whether it was killed rather than done before.
fn one_life(place: &Place, delay: Duration) -> Checked<(Acknowledged, bool)> {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/recordings");
    let mut command = place.dress(Command::new(env!("CARGO_BIN_EXE_bea")));
    command
        .args(place.host_arguments(&data, SPEED))
        .args(["--set", "http.bind=127.0.0.1:0"])
        .args(["--set", "risk.max_open_orders_per_runner=100"])
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    let child = command.spawn().map_err(|error| error.to_string())?;
    let mut life = Life::of(child);
    let mut acknowledged = Acknowledged::default();
    while acknowledged.run.is_none() {
        match life.lines.recv_timeout(PATIENCE) {
            Ok(line) => acknowledged.hear(line),
            Err(_) => return Err(format!("it never began a run: {}", life.last_words())),
        }
    }
    let instant = Instant::now() + delay;
    while let Ok(line) = life
        .lines
        .recv_timeout(instant.saturating_duration_since(Instant::now()))
    {
        acknowledged.hear(line);
    }
    let was_killed = life.kill();
    acknowledged.records = life.records.load(Relaxed);
    for line in life.lines.iter() {
        acknowledged.hear(line);
    }
    Ok((acknowledged, was_killed))
}

/// A running host, and the ears for what it says.
struct Life {
    child: Child,
    lines: Receiver<Line>,
    listener: Option<JoinHandle<Vec<String>>>,
    /// How many records it said are durable.
    records: Arc<AtomicU64>,
    over: Arc<AtomicBool>,
}

impl Life {
    fn of(mut child: Child) -> Self {
        let stderr = child.stderr.take().expect("stderr is piped");
        let (tell, lines) = channel();
        let (records, over) = (
            Arc::new(AtomicU64::new(0)),
            Arc::new(AtomicBool::new(false)),
        );
        let (counted, ended) = (Arc::clone(&records), Arc::clone(&over));
        let listener = thread::spawn(move || listen(stderr, &tell, &counted, &ended));
        Self {
            child,
            lines,
            listener: Some(listener),
            records,
            over,
        }
    }

    /// Kills it; says whether it was still alive.
    fn kill(&mut self) -> bool {
        let _ = self.child.kill();
        let status = self.child.wait();
        self.over.store(true, Relaxed);
        status.is_ok_and(|status| status.code().is_none())
    }

    fn last_words(&mut self) -> String {
        self.kill();
        let heard = self.listener.take().map(JoinHandle::join);
        heard.and_then(Result::ok).unwrap_or_default().join("\n")
    }
}

impl Drop for Life {
    fn drop(&mut self) {
        self.kill();
        if let Some(listener) = self.listener.take() {
            let _ = listener.join();
        }
    }
}

/// Passes on what it says, and asks after its records as soon as it can be asked.
fn listen(
    stderr: impl Read,
    tell: &Sender<Line>,
    records: &Arc<AtomicU64>,
    over: &Arc<AtomicBool>,
) -> Vec<String> {
    let (mut heard, mut asker) = (Vec::new(), None);
    let mut stderr = BufReader::new(stderr);
    let mut line = String::new();
    // A line that was cut off tells nobody anything.
    while stderr.read_line(&mut line).is_ok_and(|read| read > 0) && line.ends_with('\n') {
        let read = Line::read(line.trim_end());
        if let Line::Health(address) = &read {
            let (address, records, over) = (address.clone(), Arc::clone(records), Arc::clone(over));
            asker = Some(thread::spawn(move || {
                while !over.load(Relaxed) {
                    if let Some(count) = durable_records(&address) {
                        records.fetch_max(count, Relaxed);
                    }
                    // Asked without a pause, the host would do little else.
                    thread::park_timeout(BETWEEN_QUESTIONS);
                }
            }));
        }
        let _ = tell.send(read);
        heard.push(std::mem::take(&mut line));
    }
    if let Some(asker) = asker {
        over.store(true, Relaxed);
        let _ = asker.join();
    }
    heard
}

/// What health says of the ledger.
fn durable_records(address: &str) -> Option<u64> {
    let mut stream = TcpStream::connect(address).ok()?;
    stream.set_read_timeout(Some(PATIENCE)).ok()?;
    stream
        .write_all(b"GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        .ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let (_, body) = answer.split_once("\r\n\r\n")?;
    let health: Value = serde_json::from_str(body).ok()?;
    health["checks"]["ledger"][0]["records"].as_u64()
}
