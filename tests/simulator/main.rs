//! The proof: the whole core in a simulated world with faults, from a seed. `docs/proof.md` tells what is proven how.
//!
//! ```text
//! cargo test --test simulator                              short runs of everything
//! cargo test --release --test simulator -- --seeds 10000   the full run
//! cargo test --test simulator -- --seed 17 --trace         one seed again, told step by step
//! ```

mod bet;
mod bots;
mod checks;
mod course;
mod disk;
mod exposure;
mod faults;
mod marks;
mod oracle;
mod planted;
mod random;
mod runs;
mod truth;
mod world;

use std::process::ExitCode;

const HELP: &str = "\
The simulator: the whole core with faults, from a seed.

  (nothing)             short runs of everything
  --seeds N [--from M]  N seeds; from 1000 on, every rare branch must have been seen
  --seed N [--trace]    one seed; --trace tells what happens
  --determinism N       N seeds in two processes each, whose traces must be equal
  --exposure-cases N    the exposure formulas against trying everything
  --planted [--seeds N] every planted bug must be found within N seeds (in release builds, with --features planted-bugs)
";

/// What is asked for on the command line.
#[derive(Default)]
struct Options {
    seeds: Option<u64>,
    from: u64,
    seed: Option<u64>,
    trace: bool,
    hash: bool,
    determinism: Option<u64>,
    exposure_cases: Option<u64>,
    planted: bool,
    help: bool,
}

impl Options {
    fn parse(args: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut options = Self::default();
        let mut args = args.peekable();
        while let Some(arg) = args.next() {
            let mut number = || {
                let text = args.next().unwrap_or_default();
                text.parse::<u64>()
                    .map_err(|_| format!("{arg} needs a number, not \"{text}\""))
            };
            match arg.as_str() {
                "--seeds" => options.seeds = Some(number()?),
                "--from" => options.from = number()?,
                "--seed" => options.seed = Some(number()?),
                "--determinism" => options.determinism = Some(number()?),
                "--exposure-cases" => options.exposure_cases = Some(number()?),
                "--trace" => options.trace = true,
                "--hash" => options.hash = true,
                "--planted" => options.planted = true,
                "--help" | "-h" => options.help = true,
                // `cargo test <filter> -- <flags>` gives every test program the same words: those of libtest are not ours.
                other if other.starts_with("--") => {
                    return Err(format!("{other} is unknown here\n\n{HELP}"));
                }
                _ => {}
            }
        }
        Ok(options)
    }
}

fn main() -> ExitCode {
    let result = Options::parse(std::env::args().skip(1)).and_then(|options| run(&options));
    match result {
        Ok(line) => {
            println!("{line}");
            ExitCode::SUCCESS
        }
        Err(message) => {
            eprintln!("simulator: FAILED: {message}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> Result<String, String> {
    if options.help {
        return Ok(HELP.to_owned());
    }
    if let Some(seed) = options.seed {
        return runs::one(seed, options.trace, options.hash);
    }
    if options.planted {
        return planted::run(options.seeds.unwrap_or(400));
    }
    if let Some(seeds) = options.determinism {
        return runs::determinism(options.from, seeds);
    }
    if let Some(cases) = options.exposure_cases {
        return exposure::run(cases);
    }
    if let Some(seeds) = options.seeds {
        return runs::many(options.from, seeds);
    }
    let lines = [
        runs::many(0, 100)?,
        runs::determinism(0, 3)?,
        exposure::run(5_000)?,
    ];
    Ok(lines.join("\n"))
}
