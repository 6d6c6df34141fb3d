//! How long the longest call of each hostile script takes. Measured in release builds, on demand.

use std::time::{Duration, Instant};

use crate::corpus::{self, Case, Kind};
use crate::{on_script_thread, stage};

/// The longest a call may take.
const MOST: Duration = Duration::from_millis(50);
/// Each is measured so often and the shortest counts: the machine may be busy with something else.
const TIMES: usize = 3;

/// How long it takes to read and compile it, and the longest of its calls.
fn longest(case: &Case) -> Duration {
    let market = stage::market();
    let begin = Instant::now();
    let compiled = stage::compiled(case);
    let mut longest = begin.elapsed();
    if let Ok(mut strategy) = compiled {
        for _ in 0..2 {
            let begin = Instant::now();
            let _any = stage::call(&mut strategy, &market);
            longest = longest.max(begin.elapsed());
        }
    }
    longest
}

#[test]
#[ignore = "measures time: run it in a release build"]
fn no_call_takes_long() {
    let folder = tempfile::tempdir().unwrap();
    let cases = corpus::all(folder.path());
    let mut times: Vec<(Duration, String)> = on_script_thread(|| {
        cases
            .iter()
            .filter(|case| case.kind != Kind::Test)
            .map(|case| {
                let shortest = (0..TIMES).map(|_| longest(case)).min();
                (shortest.unwrap_or_default(), case.name.clone())
            })
            .collect()
    });
    times.sort();
    for (time, name) in &times {
        println!("{:8.2} ms  {name}", time.as_secs_f64() * 1e3);
    }
    let long: Vec<_> = times.iter().filter(|(time, _)| *time > MOST).collect();
    assert!(long.is_empty(), "over {MOST:?}: {long:?}");
}
