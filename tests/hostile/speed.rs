//! The table of the corpus: how long the longest call of each script takes, and what it holds. Measured in release builds,
//! on demand.

use std::time::{Duration, Instant};

use crate::corpus::{self, Case, Kind};
use crate::{MOST_MEMORY, on_script_thread, stage};

/// The longest a call may take.
const MOST: Duration = Duration::from_millis(50);
/// The longest reading and compiling may take, which a source of the largest size decides.
const MOST_TO_COMPILE: Duration = Duration::from_millis(500);
/// Each is measured so often and the shortest counts.
const TIMES: usize = 3;

/// What came of a script.
struct Row {
    name: String,
    kind: Kind,
    took: Took,
    /// Most bytes that a call held after any of its operations.
    held: u64,
}

impl Row {
    fn is_over(&self) -> bool {
        self.took.call > MOST || self.took.compile > MOST_TO_COMPILE || self.held > MOST_MEMORY
    }
}

/// Tells how long this thread was at work: its processor time where the system tells it, so that other load on the machine
/// is not measured with it, else the time on the wall.
struct Watch {
    begin: Instant,
    spent: Option<Duration>,
}

impl Watch {
    fn start() -> Self {
        Self {
            begin: Instant::now(),
            spent: Self::spent(),
        }
    }

    fn elapsed(&self) -> Duration {
        let spent = Self::spent().zip(self.spent);
        spent.map_or_else(|| self.begin.elapsed(), |(now, before)| now - before)
    }

    /// Linux brings the account of a thread up to date when it yields.
    fn spent() -> Option<Duration> {
        std::thread::yield_now();
        let told = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
        let nanos = told.split_whitespace().next()?.parse().ok()?;
        Some(Duration::from_nanos(nanos))
    }
}

/// How long reading and compiling a script takes, and its first call.
#[derive(Clone, Copy, Debug)]
struct Took {
    compile: Duration,
    call: Duration,
}

impl Took {
    /// The times, and what the call held.
    fn measure(case: &Case) -> (Self, u64) {
        let market = stage::market();
        let watch = Watch::start();
        let compiled = stage::compiled(case);
        let compile = watch.elapsed();
        let watch = Watch::start();
        let mut held = 0;
        if let Ok(mut strategy) = compiled {
            let _any = stage::call(&mut strategy, &market);
            held = strategy.peak_memory();
        }
        let call = watch.elapsed();
        (Self { compile, call }, held)
    }

    fn shorter(self, other: Self) -> Self {
        Self {
            compile: self.compile.min(other.compile),
            call: self.call.min(other.call),
        }
    }
}

fn measured(case: &Case) -> Row {
    let (first, held) = Took::measure(case);
    let took = (1..TIMES).fold(first, |took, _| took.shorter(Took::measure(case).0));
    Row {
        name: case.name.clone(),
        kind: case.kind,
        took,
        held,
    }
}

fn ms(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

#[allow(clippy::cast_precision_loss)]
fn mib(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}

/// For each kind: how many there are, and the worst of each figure with its script.
fn summary(rows: &[Row]) {
    println!(
        "\nkind       scripts   longest to compile        longest call              most held"
    );
    for kind in [
        Kind::Refused,
        Kind::Fault,
        Kind::Malformed,
        Kind::Placed,
        Kind::Harmless,
    ] {
        let of_kind = || rows.iter().filter(|row| row.kind == kind);
        let (Some(compile), Some(call), Some(held)) = (
            of_kind().max_by_key(|row| row.took.compile),
            of_kind().max_by_key(|row| row.took.call),
            of_kind().max_by_key(|row| row.held),
        ) else {
            continue;
        };
        println!(
            "{:<10} {:>7} {:>7.1} ms {:<24} {:>5.1} ms {:<24} {:>4.1} MiB {}",
            format!("{kind:?}"),
            of_kind().count(),
            ms(compile.took.compile),
            compile.name,
            ms(call.took.call),
            call.name,
            mib(held.held),
            held.name
        );
    }
}

#[test]
#[ignore = "measures time: run it in a release build"]
fn no_call_takes_long() {
    let folder = tempfile::tempdir().unwrap();
    let cases = corpus::all(folder.path());
    let calls = cases.iter().filter(|case| case.kind != Kind::Test);
    let mut rows: Vec<Row> = on_script_thread(|| calls.map(measured).collect());
    rows.sort_by_key(|row| row.took.call.max(row.took.compile));
    println!("   compile       call      held  kind       script");
    for row in &rows {
        println!(
            "{:7.2} ms {:7.2} ms {:5.2} MiB  {:<10} {}",
            ms(row.took.compile),
            ms(row.took.call),
            mib(row.held),
            format!("{:?}", row.kind),
            row.name
        );
    }
    summary(&rows);
    let over: Vec<&str> = rows
        .iter()
        .filter(|row| row.is_over())
        .map(|row| row.name.as_str())
        .collect();
    assert!(
        over.is_empty(),
        "over {MOST:?}, {MOST_TO_COMPILE:?} to compile or {MOST_MEMORY} bytes: {over:?}"
    );
}
