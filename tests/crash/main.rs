//! Records that are never lost: the real program is killed, and its disk made to fail, again and again.
//!
//! ```text
//! cargo test --test crash                       a sample of all, as in every cargo test
//! cargo test --test crash -- --kills 1000       SIGKILL at random instants; --seed N replays them
//! cargo test --test crash -- --points           every system call on the ledger's files, three faults each
//! cargo test --test crash -- --points --every 7 a sample of them; --only "…" replays one
//! cargo test --test crash -- --power 5000       what is on the disk after the power fails; --seed N
//! ```

mod disk;
mod kills;
mod place;
mod points;
mod power;
mod random;
mod trace;

use std::hash::{BuildHasher, Hasher, RandomState};
use std::process::ExitCode;

/// Kills in a plain `cargo test`.
const SAMPLE_OF_KILLS: u32 = 25;
/// Which points a plain `cargo test` takes.
const SAMPLE_OF_POINTS: usize = 7;
/// Power failures in a plain `cargo test`.
const SAMPLE_OF_POWER: u32 = 60;

/// What is asked for.
#[derive(Debug)]
struct Wanted {
    kills: Option<u32>,
    power: Option<u32>,
    /// Of the kills and the power failures.
    seed: u64,
    points: Option<points::Choice>,
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments
        .first()
        .is_some_and(|first| first == power::CARELESS)
    {
        return power::be_careless(&arguments);
    }
    let wanted = match wanted(&arguments) {
        Ok(Some(wanted)) => wanted,
        Ok(None) => return ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("error: {problem}");
            return ExitCode::from(2);
        }
    };
    let mut is_sound = true;
    if let Some(kills) = wanted.kills {
        is_sound &= kills::run(kills, wanted.seed);
    }
    if let Some(choice) = &wanted.points {
        is_sound &= points::run(choice);
    }
    if let Some(images) = wanted.power {
        is_sound &= power::run(images, wanted.seed);
    }
    match is_sound {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    }
}

/// Reads the command line. It also knows what `cargo test` passes on to every test program.
fn wanted(arguments: &[String]) -> Result<Option<Wanted>, String> {
    let (mut kills, mut power, mut points, mut names) = (None, None, None, Vec::new());
    let (mut seed, mut every, mut only) = (None, None, None);
    let mut left = arguments.iter();
    while let Some(argument) = left.next() {
        let mut value = || {
            let value = left.next();
            value.ok_or_else(|| format!("{argument} needs a value"))
        };
        match argument.as_str() {
            "--kills" => kills = Some(number(argument, value()?)?),
            "--power" => power = Some(number(argument, value()?)?),
            "--seed" => seed = Some(number(argument, value()?)?),
            "--points" => points = Some(()),
            "--every" => every = Some(number(argument, value()?)?),
            "--only" => only = Some(value()?.clone()),
            "--list" => {
                println!("kills: test\npoints: test\npower: test");
                return Ok(None);
            }
            // Neither is a test to be ignored, and no benchmark.
            "--ignored" | "--bench" => return Ok(None),
            "--test-threads" | "--skip" | "--format" | "--color" | "-Z" => _ = value()?,
            "--exact" | "--nocapture" | "--no-capture" | "--quiet" | "-q" | "--test"
            | "--include-ignored" | "--show-output" => {}
            option if option.starts_with("--test-threads=") => {}
            option if option.starts_with('-') => {
                return Err(format!(
                    "there is no option {option}: use --kills N, --power N, --seed N, --points, --every N or --only POINT"
                ));
            }
            name => names.push(name),
        }
    }
    let chosen = |name: &str| {
        let is_named = names.is_empty() || names.iter().any(|filter| name.contains(*filter));
        is_named && kills.is_none() && points.is_none() && power.is_none()
    };
    let sampled = chosen("kills").then_some(SAMPLE_OF_KILLS);
    let power = power.or(chosen("power").then_some(SAMPLE_OF_POWER));
    let every = match points {
        Some(()) => Some(every.unwrap_or(1)),
        None => chosen("points").then_some(every.unwrap_or(SAMPLE_OF_POINTS)),
    };
    Ok(Some(Wanted {
        kills: kills.or(sampled),
        power,
        seed: seed.unwrap_or_else(new_seed),
        points: every.map(|every| points::Choice { every, only }),
    }))
}

fn number<T: std::str::FromStr>(option: &str, value: &str) -> Result<T, String> {
    let number = value.parse();
    number.map_err(|_| format!("{option} {value}: use a whole number"))
}

/// Another one each time.
fn new_seed() -> u64 {
    RandomState::new().build_hasher().finish()
}
