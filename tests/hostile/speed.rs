//! How long the longest call of each hostile script takes. Measured in release builds, on demand.

use std::time::{Duration, Instant};

use crate::corpus::{self, Case, Kind};
use crate::{on_script_thread, stage};

/// The longest a call may take.
const MOST: Duration = Duration::from_millis(50);
/// The longest reading and compiling may take, which a source of the largest size decides.
const MOST_TO_COMPILE: Duration = Duration::from_millis(500);
/// Each is measured so often and the shortest counts: the machine may be busy with something else.
const TIMES: usize = 3;

/// How long reading and compiling a script takes, and its first call.
#[derive(Clone, Copy, Debug)]
struct Took {
    compile: Duration,
    call: Duration,
}

impl Took {
    fn measure(case: &Case) -> Self {
        let market = stage::market();
        let begin = Instant::now();
        let compiled = stage::compiled(case);
        let compile = begin.elapsed();
        let begin = Instant::now();
        if let Ok(mut strategy) = compiled {
            let _any = stage::call(&mut strategy, &market);
        }
        Self {
            compile,
            call: begin.elapsed(),
        }
    }

    fn shorter(self, other: Self) -> Self {
        Self {
            compile: self.compile.min(other.compile),
            call: self.call.min(other.call),
        }
    }
}

#[test]
#[ignore = "measures time: run it in a release build"]
fn no_call_takes_long() {
    let folder = tempfile::tempdir().unwrap();
    let cases = corpus::all(folder.path());
    let mut times: Vec<(Took, String)> = on_script_thread(|| {
        let calls = cases.iter().filter(|case| case.kind != Kind::Test);
        calls
            .map(|case| {
                let first = Took::measure(case);
                let shortest = (1..TIMES).fold(first, |took, _| took.shorter(Took::measure(case)));
                (shortest, case.name.clone())
            })
            .collect()
    });
    times.sort_by_key(|(took, _)| took.call.max(took.compile));
    let ms = |duration: Duration| duration.as_secs_f64() * 1e3;
    println!("compile      call");
    for (took, name) in &times {
        println!(
            "{:7.2} ms {:7.2} ms  {name}",
            ms(took.compile),
            ms(took.call)
        );
    }
    let long = |(took, _): &&(Took, String)| took.call > MOST || took.compile > MOST_TO_COMPILE;
    let long: Vec<_> = times.iter().filter(long).collect();
    assert!(
        long.is_empty(),
        "over {MOST:?} or {MOST_TO_COMPILE:?}: {long:?}"
    );
}
