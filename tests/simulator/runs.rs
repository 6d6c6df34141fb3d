//! Many seeds, one seed, the same seed twice.

use std::fmt::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::marks::{Mark, Marks};
use crate::world::{self, Outcome};

/// From so many seeds on, every mark must have been seen.
const ALL_MARKS_FROM: u64 = 1_000;

/// Runs one seed; a panic is a failure like others.
pub(crate) fn attempt(seed: u64, tells: bool) -> Result<Outcome, String> {
    catch_unwind(AssertUnwindSafe(|| world::run(seed, tells))).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        let text = text.or_else(|| panic.downcast_ref::<&str>().map(|&s| s.to_owned()));
        Err(format!("panic: {}", text.unwrap_or_default()))
    })
}

fn failed(seed: u64, message: &str) -> String {
    format!("seed {seed}: {message}\nreplay: cargo test --test simulator -- --seed {seed} --trace")
}

pub(crate) fn one(seed: u64, tells: bool, hash: bool) -> Result<String, String> {
    let outcome = attempt(seed, tells).map_err(|message| failed(seed, &message))?;
    if hash {
        return Ok(outcome.hash);
    }
    Ok(format!(
        "seed {seed}: {} steps, nothing wrong, trace {}",
        outcome.steps,
        &outcome.hash[..16]
    ))
}

pub(crate) fn many(from: u64, seeds: u64) -> Result<String, String> {
    let (marks, steps) = all(from, seeds)?;
    let missing = marks.missing();
    if seeds >= ALL_MARKS_FROM && !missing.is_empty() {
        return Err(format!("{seeds} seeds never saw: {}", missing.join(", ")));
    }
    let mut line = format!("simulator: {seeds} seeds from {from}, {steps} steps, 0 violations;");
    for mark in Mark::ALL {
        write!(line, " {} {},", mark.name(), marks.count(*mark)).expect("a text takes text");
    }
    line.pop();
    if !missing.is_empty() {
        write!(line, " (not seen: {})", missing.join(", ")).expect("a text takes text");
    }
    Ok(line)
}

/// Runs seeds side by side; the first failure by seed is told.
fn all(from: u64, seeds: u64) -> Result<(Marks, u64), String> {
    let workers = std::thread::available_parallelism().map_or(1, usize::from);
    let next = AtomicU64::new(from);
    let work = || {
        let (mut marks, mut steps) = (Marks::default(), 0);
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= from + seeds {
                return Ok((marks, steps));
            }
            match attempt(seed, false) {
                Ok(outcome) => {
                    marks.add(&outcome.marks);
                    steps += outcome.steps;
                }
                Err(message) => {
                    next.store(from + seeds, Ordering::Relaxed);
                    return Err(failed(seed, &message));
                }
            }
        }
    };
    let results: Vec<Result<(Marks, u64), String>> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..workers).map(|_| scope.spawn(work)).collect();
        threads
            .into_iter()
            .map(|thread| {
                thread
                    .join()
                    .unwrap_or_else(|_| Err("a worker panicked".into()))
            })
            .collect()
    });
    let (mut marks, mut steps) = (Marks::default(), 0);
    for result in results {
        let (more, further) = result?;
        marks.add(&more);
        steps += further;
    }
    Ok((marks, steps))
}

/// Runs each seed in two processes and compares what they traced.
pub(crate) fn determinism(from: u64, seeds: u64) -> Result<String, String> {
    let program = std::env::current_exe().map_err(|error| error.to_string())?;
    let trace = |seed: u64| -> Result<String, String> {
        let output = Command::new(&program)
            .args(["--seed", &seed.to_string(), "--hash"])
            .output()
            .map_err(|error| error.to_string())?;
        let text = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        if output.status.success() && text.len() == 64 {
            Ok(text)
        } else {
            let said = String::from_utf8_lossy(&output.stderr);
            Err(format!("seed {seed}: {}", said.trim()))
        }
    };
    for seed in from..from + seeds {
        let (first, second) = (trace(seed)?, trace(seed)?);
        if first != second {
            return Err(format!("I10: seed {seed} gave {first}, then {second}"));
        }
    }
    Ok(format!(
        "determinism: {seeds} of {seeds} seeds traced the same in two processes"
    ))
}
