//! Everything that is read from outside, given what nobody meant to write: nothing panics, hangs, or takes memory without
//! end.
//!
//! ```text
//! cargo test --test fuzz                                        a few inputs for each, as in every cargo test
//! cargo test --test fuzz -- --seconds 600                       so long for each
//! cargo test --test fuzz -- --seconds 60 --target config --seed 7
//! cargo test --test fuzz -- --target config --seed 7 --input 4711     one again
//! ```

#[allow(dead_code)]
#[path = "../run/host.rs"]
mod host;
mod http;
mod mutate;
#[allow(dead_code)]
#[path = "../crash/random.rs"]
mod random;
mod targets;

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use bea::memory::Meter;
use bea::strategy::SCRIPT_STACK;

use crate::random::Random;
use crate::targets::{Made, Target};

/// Inputs of each target in a plain `cargo test`.
const FEW: u64 = 150;
/// What takes longer than this does not end.
const HANGS: Duration = Duration::from_secs(60);
/// What one input may have allocated in all. It is far more than is ever held at once.
const MOST_ALLOCATED: u64 = 512 << 20;

/// What is asked for.
#[derive(Debug)]
struct Wanted {
    seconds: Option<u64>,
    target: Option<String>,
    seed: u64,
    input: Option<u64>,
}

/// What came of a target.
#[derive(Debug, Default)]
struct Row {
    inputs: u64,
    refused: u64,
    longest: Duration,
    most: u64,
    failures: Vec<String>,
}

thread_local!(static PANIC: RefCell<String> = const { RefCell::new(String::new()) });

fn main() -> ExitCode {
    let wanted = match wanted(&std::env::args().skip(1).collect::<Vec<_>>()) {
        Ok(Some(wanted)) => wanted,
        Ok(None) => return ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("error: {problem}");
            return ExitCode::from(2);
        }
    };
    std::panic::set_hook(Box::new(|panic| {
        PANIC.with(|words| *words.borrow_mut() = panic.to_string().replace('\n', " "));
    }));
    println!("fuzz: seed {}", wanted.seed);
    println!("target            inputs   refused   longest       most allocated  failures");
    let mut failed = 0;
    for target in targets::all() {
        if wanted
            .target
            .as_ref()
            .is_some_and(|name| name != target.name)
        {
            continue;
        }
        let name = target.name;
        let row = run(target, &wanted);
        println!(
            "{name:<16} {:>7} {:>9} {:>9.1?} {:>14.1} MiB {:>9}",
            row.inputs,
            row.refused,
            row.longest,
            row.most as f64 / f64::from(1 << 20),
            row.failures.len()
        );
        for failure in &row.failures {
            println!("  {failure}");
        }
        failed += row.failures.len();
    }
    match failed {
        0 => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    }
}

/// Gives a target its inputs, on a thread like those of scripts; one that never comes back ends the program.
fn run(target: Target, wanted: &Wanted) -> Row {
    let name = target.name;
    let (tell, heard) = channel();
    let (seconds, seed, only) = (wanted.seconds, wanted.seed, wanted.input);
    let thread = std::thread::Builder::new().stack_size(SCRIPT_STACK);
    let thread = thread.spawn(move || {
        let Made {
            samples,
            is_text,
            most,
            weight,
            mut take,
        } = target.made();
        let mut row = Row::default();
        // Inputs made from samples that are refused themselves would show little.
        if !samples.iter().any(|sample| take(sample)) {
            row.failures.push("none of its samples is good".to_owned());
        }
        let start = Instant::now();
        for number in only.unwrap_or(0).. {
            let is_over = match (only, seconds) {
                (Some(only), _) => number > only,
                (None, Some(seconds)) => start.elapsed() >= Duration::from_secs(seconds),
                (None, None) => number >= FEW / weight,
            };
            if is_over || row.failures.len() >= 5 {
                break;
            }
            let mut random = Random::of(seed, name, number);
            let input = mutate::input(&samples, is_text, most, &mut random);
            let _ = tell.send(number);
            if only.is_some() {
                println!("{}", String::from_utf8_lossy(&input));
            }
            try_one(
                &mut take,
                &input,
                &mut row,
                &format!("--target {name} --seed {seed} --input {number}"),
            );
        }
        row
    });
    let thread = thread.expect("a thread");
    let mut last = 0;
    loop {
        match heard.recv_timeout(HANGS) {
            Ok(number) => last = number,
            Err(RecvTimeoutError::Disconnected) => break,
            Err(RecvTimeoutError::Timeout) => {
                println!(
                    "{name}: HANGS: cargo test --test fuzz -- --target {name} --seed {seed} --input {last}"
                );
                std::process::exit(1);
            }
        }
    }
    thread.join().unwrap_or_else(|_| Row {
        failures: vec![format!("its target cannot be made: {}", last_panic())],
        ..Row::default()
    })
}

fn try_one(take: &mut dyn FnMut(&[u8]) -> bool, input: &[u8], row: &mut Row, again: &str) {
    let meter = Meter::of_this_thread();
    let allocated = || meter.as_ref().map_or(0, Meter::allocated);
    let (before, start) = (allocated(), Instant::now());
    let taken = catch_unwind(AssertUnwindSafe(|| take(input)));
    let (took, allocated) = (start.elapsed(), allocated() - before);
    row.inputs += 1;
    row.longest = row.longest.max(took);
    row.most = row.most.max(allocated);
    match taken {
        Ok(is_taken) => row.refused += u64::from(!is_taken),
        Err(_) => {
            let words = last_panic();
            let small = smallest(take, input);
            let shown: String = String::from_utf8_lossy(&small)
                .escape_debug()
                .take(400)
                .collect();
            row.failures.push(format!(
                "{again}: {words}\n    smallest found, {} bytes: {shown}",
                small.len()
            ));
        }
    }
    if allocated > MOST_ALLOCATED {
        row.failures.push(format!(
            "{again}: {} MiB allocated for {} bytes",
            allocated >> 20,
            input.len()
        ));
    }
}

fn last_panic() -> String {
    PANIC.with(|words| words.borrow().clone())
}

/// Leaves out of an input what can be left out so that it still fails.
fn smallest(take: &mut dyn FnMut(&[u8]) -> bool, input: &[u8]) -> Vec<u8> {
    let mut small = input.to_vec();
    let mut part = small.len() / 2;
    let start = Instant::now();
    while part > 0 && start.elapsed() < Duration::from_secs(10) {
        let mut at = 0;
        while at < small.len() {
            let mut less = small.clone();
            less.drain(at..(at + part).min(small.len()));
            match catch_unwind(AssertUnwindSafe(|| take(&less))) {
                Err(_) => small = less,
                Ok(_) => at += part,
            }
        }
        part /= 2;
    }
    small
}

/// Reads the command line. It also knows what `cargo test` passes on to every test program.
fn wanted(arguments: &[String]) -> Result<Option<Wanted>, String> {
    let mut wanted = Wanted {
        seconds: None,
        target: None,
        seed: 1,
        input: None,
    };
    let mut names: Vec<&String> = Vec::new();
    let mut left = arguments.iter();
    while let Some(argument) = left.next() {
        let mut value = || {
            left.next()
                .ok_or_else(|| format!("{argument} needs a value"))
        };
        let number = |value: &String| {
            value
                .parse()
                .map_err(|_| format!("{argument} {value}: use a whole number"))
        };
        match argument.as_str() {
            "--seconds" => wanted.seconds = Some(number(value()?)?),
            "--seed" => wanted.seed = number(value()?)?,
            "--input" => wanted.input = Some(number(value()?)?),
            "--target" => wanted.target = Some(value()?.clone()),
            "--list" => {
                println!("fuzz: test");
                return Ok(None);
            }
            // It is no test to be ignored, and no benchmark.
            "--ignored" | "--bench" => return Ok(None),
            "--test-threads" | "--skip" | "--format" | "--color" | "-Z" => _ = value()?,
            "--exact" | "--nocapture" | "--no-capture" | "--quiet" | "-q" | "--test"
            | "--include-ignored" | "--show-output" => {}
            option if option.starts_with("--test-threads=") => {}
            option if option.starts_with('-') => {
                return Err(format!(
                    "there is no option {option}: use --seconds N, --target NAME, --seed N or --input N"
                ));
            }
            _ => names.push(argument),
        }
    }
    if let Some(target) = &wanted.target {
        let known: Vec<_> = targets::all().iter().map(|target| target.name).collect();
        if !known.contains(&target.as_str()) {
            return Err(format!(
                "there is no target {target}: use one of {}",
                known.join(", ")
            ));
        }
    }
    let is_meant = names.is_empty() || names.iter().any(|name| "fuzz".contains(name.as_str()));
    Ok(is_meant.then_some(wanted))
}
