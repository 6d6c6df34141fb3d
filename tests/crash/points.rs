//! Every system call on the ledger's files in one full order life: at each, the process is killed, or the call fails.
//!
//! strace counts the calls of each thread and each kind of call by itself, so a point is a kind of call and a number:
//! it strikes the first thread that gets so far. Taking the files apart (the database with its log, the index with the
//! lock) lets every thread be struck.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use crate::place::{Acknowledged, Checked, Line, Place};

/// Which points are taken.
#[derive(Clone, Debug)]
pub(crate) struct Choice {
    /// Every how many.
    pub(crate) every: usize,
    /// The one with this name, and no other.
    pub(crate) only: Option<String>,
}

/// Calls that change a file.
const CALLS: &str = "pwrite64,pwritev,write,writev,fdatasync,fsync,ftruncate,fallocate,rename,renameat,renameat2,unlink,unlinkat";

/// One bet that rests, is filled and settled.
pub(crate) const LIFE: &str = "fn on_odds(market, ctx) {
    this.calls = (this.get(\"calls\") ?? 0) + 1;
    let runner = market.runner(7);
    for order in ctx.orders { return []; }
    if ctx.position(runner).backed > 0.0 { return []; }
    back(runner, 3.05, 2.0).reason(\"rests\")
}
";

/// What the ledger is at the start, and which of its files are struck.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Scene {
    /// There is no ledger yet.
    NewLedger,
    /// The ledger has a run; the database and its log are struck.
    Database,
    /// The ledger has a run; the index of the log and the lock are struck.
    IndexAndLock,
}

impl Scene {
    const ALL: [Self; 3] = [Self::NewLedger, Self::Database, Self::IndexAndLock];

    const fn files(self) -> &'static [&'static str] {
        match self {
            Self::NewLedger => &["", "-wal", "-journal", "-shm", ".lock"],
            Self::Database => &["", "-wal", "-journal"],
            Self::IndexAndLock => &["-shm", ".lock"],
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::NewLedger => "new",
            Self::Database => "database",
            Self::IndexAndLock => "index-and-lock",
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Fault {
    Killed,
    Eio,
    Enospc,
}

impl Fault {
    const ALL: [Self; 3] = [Self::Killed, Self::Eio, Self::Enospc];

    const fn injected(self) -> &'static str {
        match self {
            Self::Killed => "signal=SIGKILL",
            Self::Eio => "error=EIO",
            Self::Enospc => "error=ENOSPC",
        }
    }
}

/// Where which fault strikes: `database pwrite64 12 Eio`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Point {
    scene: Scene,
    call: String,
    number: u32,
    fault: Fault,
}

impl fmt::Display for Point {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (scene, call) = (self.scene.name(), &self.call);
        write!(f, "{scene} {call} {} {:?}", self.number, self.fault)
    }
}

/// How the struck process went on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum End {
    Killed,
    /// With an exit code and a message.
    Refused,
    /// As if nothing had happened: the call was no part of keeping anything.
    Unharmed,
    /// This time it did not get so far.
    NotReached,
}

/// Strikes; says what came of it and whether all is well.
pub(crate) fn run(choice: &Choice) -> bool {
    let points = match all_points() {
        Ok(points) => points,
        Err(problem) => {
            eprintln!("SKIPPED: no disk is made to fail here: {problem}");
            return true;
        }
    };
    let total = points.len();
    let chosen: Vec<_> = match &choice.only {
        Some(only) => points
            .into_iter()
            .filter(|point| point.to_string() == *only)
            .collect(),
        // A sample of the calls, each with all faults.
        None => points
            .chunks(Fault::ALL.len())
            .step_by(choice.every.max(1))
            .flatten()
            .cloned()
            .collect(),
    };
    if chosen.is_empty() {
        eprintln!("there is no such point");
        return false;
    }
    let mut ends: BTreeMap<(Fault, End), u32> = BTreeMap::new();
    let mut recovered = [0; Fault::ALL.len()];
    let mut is_sound = true;
    for point in &chosen {
        match strike(point) {
            Ok(end) => {
                *ends.entry((point.fault, end)).or_default() += 1;
                recovered[point.fault as usize] += 1;
            }
            Err((problem, place)) => {
                is_sound = false;
                eprintln!(
                    "point {point}: {problem}\nthe ledger is kept in {}\nreplay: cargo test --test crash -- --points --only \"{point}\"",
                    place.keep().display()
                );
            }
        }
    }
    let [killed, eio, enospc] = recovered;
    println!(
        "{}/{} points recovered (SIGKILL {killed}, EIO {eio}, ENOSPC {enospc}) of {total} there are",
        killed + eio + enospc,
        chosen.len()
    );
    for ((fault, end), count) in ends {
        println!("  {fault:?}: {count} {end:?}");
    }
    is_sound
}

/// Every point of a run in which nothing is struck.
fn all_points() -> Checked<Vec<Point>> {
    let mut points = Vec::new();
    for scene in Scene::ALL {
        let place = staged(scene)?;
        let output = traced(&place, scene, None)?;
        let trace = fs::read_to_string(place.path("trace")).unwrap_or_default();
        if trace.is_empty() {
            let words = String::from_utf8_lossy(&output.stderr);
            return Err(format!("strace may not trace here: {}", words.trim()));
        }
        assert!(output.status.success(), "{}", said(&output));
        let mut counts: BTreeMap<(&str, &str), u32> = BTreeMap::new();
        let mut reached = BTreeSet::new();
        for line in trace.lines() {
            let Some((thread, call)) = call_of(line) else {
                continue;
            };
            let count = counts.entry((thread, call)).or_default();
            *count += 1;
            reached.insert((call.to_owned(), *count));
        }
        for (call, number) in reached {
            points.extend(Fault::ALL.map(|fault| Point {
                scene,
                call: call.clone(),
                number,
                fault,
            }));
        }
    }
    Ok(points)
}

/// `8079  pwrite64(4</…>, …` without the rest.
fn call_of(line: &str) -> Option<(&str, &str)> {
    let (thread, rest) = line.split_once(' ')?;
    let (call, _) = rest.trim_start().split_once('(')?;
    call.bytes()
        .all(|byte| byte.is_ascii_alphanumeric())
        .then_some((thread, call))
}

/// A place in which the scene can be played.
fn staged(scene: Scene) -> Checked<Place> {
    let place = Place::new(&[("life", LIFE)]);
    fs::write(place.path("life.jsonl"), recording()).map_err(|error| error.to_string())?;
    if scene != Scene::NewLedger {
        let output = output(host(&place, Command::new(env!("CARGO_BIN_EXE_bea"))))?;
        if !output.status.success() {
            return Err(said(&output));
        }
    }
    Ok(place)
}

/// The host as the last arguments of a command.
fn host(place: &Place, mut command: Command) -> Command {
    command
        .args(place.host_arguments(Path::new("life.jsonl"), "max"))
        .args(["--set", "http.enabled=false"]);
    place.dress(command)
}

fn traced(place: &Place, scene: Scene, point: Option<&Point>) -> Checked<Output> {
    let mut command = Command::new("strace");
    command.args(["-f", "-qq", "-o", "trace", "-e", &format!("trace={CALLS}")]);
    // strace compares names as the system knows them.
    let ledger = place
        .path("")
        .canonicalize()
        .map_err(|error| error.to_string())?;
    for ending in scene.files() {
        command
            .arg("-P")
            .arg(ledger.join(format!("l.sqlite{ending}")));
    }
    if let Some(Point {
        call,
        number,
        fault,
        ..
    }) = point
    {
        let injected = fault.injected();
        command.args(["-e", &format!("inject={call}:{injected}:when={number}")]);
    }
    command.arg(env!("CARGO_BIN_EXE_bea"));
    output(host(place, command))
}

pub(crate) fn output(mut command: Command) -> Checked<Output> {
    let started = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .output();
    started.map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => "strace is not installed".to_owned(),
        _ => error.to_string(),
    })
}

pub(crate) fn said(output: &Output) -> String {
    format!(
        "{}: {}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    )
}

/// One fault, one restart, and everything checked; the place comes back if something is wrong.
fn strike(point: &Point) -> Result<End, (String, Place)> {
    let place = staged(point.scene).map_err(|problem| (problem, Place::new(&[])))?;
    match struck(&place, point) {
        Ok(end) => Ok(end),
        Err(problem) => Err((problem, place)),
    }
}

fn struck(place: &Place, point: &Point) -> Checked<End> {
    let output = traced(place, point.scene, Some(point))?;
    let mut acknowledged = Acknowledged::default();
    for line in String::from_utf8_lossy(&output.stderr).lines() {
        acknowledged.hear(Line::read(line));
    }
    let end = end_of(place, &output)?;
    // As it was left: nothing acknowledged may be missing, and nobody may have been told of what is not durable.
    let has_ledger = acknowledged.run.is_some() || end == End::Unharmed;
    if has_ledger {
        place.verify()?;
        holds(place, &acknowledged)?;
    }
    if end == End::Unharmed && acknowledged.told.len() < 2 {
        return Err(format!(
            "it says that all went well, but no order lived: {}",
            said(&output)
        ));
    }
    // The next start recovers, and bets.
    let again = self::output(host(place, Command::new(env!("CARGO_BIN_EXE_bea"))))?;
    if !again.status.success() {
        return Err(format!("it does not start again: {}", said(&again)));
    }
    place.verify()?;
    holds(place, &acknowledged)?;
    match place.unexplained(None)? {
        0 => Ok(end),
        orders => Err(format!("{orders} orders are unexplained")),
    }
}

fn holds(place: &Place, acknowledged: &Acknowledged) -> Checked<()> {
    let missing = place.look_for(acknowledged)?.missing;
    match missing.is_empty() {
        true => Ok(()),
        false => Err(format!("acknowledged and missing: {}", missing.join("; "))),
    }
}

/// A process that goes on says nothing; one that cannot says why, and which file.
fn end_of(place: &Place, output: &Output) -> Checked<End> {
    let trace = fs::read_to_string(place.path("trace")).unwrap_or_default();
    let words = String::from_utf8_lossy(&output.stderr);
    let is_told = words.contains("\"error\"") && words.contains("l.sqlite");
    match output.status.code() {
        None => Ok(End::Killed),
        // What strace itself ends with when its child was killed.
        Some(137) => Ok(End::Killed),
        Some(0) if trace.contains("INJECTED") => Ok(End::Unharmed),
        Some(0) => Ok(End::NotReached),
        Some(1 | 5) if is_told => Ok(End::Refused),
        Some(_) => Err(format!("it ended without a clear word: {}", said(output))),
    }
}

/// A market in which a bet at 3.05 waits behind ten pounds, is matched, and wins.
pub(crate) fn recording() -> String {
    let definition = |status: &str, seven: &str, eight: &str| {
        format!(
            r#""marketDefinition":{{"bspMarket":false,"turnInPlayEnabled":true,"persistenceEnabled":true,"marketBaseRate":5,"eventId":"1","eventTypeId":"7","numberOfWinners":1,"bettingType":"ODDS","marketType":"WIN","marketTime":"2026-01-01T14:10:00.000Z","complete":true,"inPlay":false,"numberOfActiveRunners":2,"betDelay":0,"status":"{status}","version":1,"runners":[{{"status":"{seven}","sortPriority":1,"id":7,"name":"Seven"}},{{"status":"{eight}","sortPriority":2,"id":8,"name":"Eight"}}]}}"#
        )
    };
    let open = definition("OPEN", "ACTIVE", "ACTIVE");
    let closed = definition("CLOSED", "WINNER", "LOSER");
    let changes = [
        format!(
            r#"{open},"rc":[{{"id":7,"atb":[[3,1000]],"atl":[[3.05,10]],"trd":[[3.05,10]],"tv":10}}]"#
        ),
        r#""rc":[{"id":7,"atb":[[3,1001]]}]"#.to_owned(),
        r#""rc":[{"id":7,"trd":[[3.05,13]],"tv":13}]"#.to_owned(),
        r#""rc":[{"id":7,"trd":[[3.05,600]],"atl":[[3.05,0],[3.1,50]],"tv":600}]"#.to_owned(),
        r#""rc":[{"id":7,"atb":[[3,1002]]}]"#.to_owned(),
        closed,
    ];
    let lines = changes.iter().zip(0_u64..).map(|(change, tick)| {
        let at = 1_767_268_200_000 + 1_000 * tick;
        format!("{{\"op\":\"mcm\",\"pt\":{at},\"mc\":[{{\"id\":\"1.1\",{change}}}]}}\n")
    });
    lines.collect()
}
