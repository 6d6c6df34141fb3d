//! `bea generate`: writes made-up recordings.

use std::fs::File;
use std::io::BufWriter;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use serde::Serialize;

use super::{Failure, Shared, exit, output};
use crate::source::generate::{Kind, Spec, generate};

/// Write made-up recordings: believable markets from a seed
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  bea generate --out my_recordings
  bea generate --kind place --seed 7 --count 20 --runners 12 --out my_recordings

The same seed gives the same bytes. A place market of a seed belongs to the win market of that seed.")]
pub(super) struct Generate {
    /// Folder to write to; made if it is not there
    #[arg(short, long, value_name = "FOLDER")]
    out: PathBuf,
    /// Kind of market
    #[arg(short, long, value_enum, default_value_t = KindName::Win)]
    kind: KindName,
    /// First seed; each market takes the next one
    #[arg(short, long, default_value_t = 1)]
    seed: u64,
    /// How many markets
    #[arg(short = 'n', long, default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=100_000))]
    count: u64,
    /// Runners of a race [default: 8]
    #[arg(long)]
    runners: Option<usize>,
    /// Minutes recorded before the start [default: 30]
    #[arg(long)]
    minutes: Option<u32>,
    /// Price updates before the start [default: 600]
    #[arg(long)]
    updates: Option<usize>,
    /// Price updates in play [default: 180]
    #[arg(long)]
    in_play_updates: Option<usize>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum KindName {
    /// A horse race: which runner wins
    Win,
    /// A horse race: which runners are placed
    Place,
    /// A football match: home, away or draw
    MatchOdds,
}

#[derive(Debug, Serialize)]
struct Document {
    schema: &'static str,
    recordings: Vec<Written>,
}

#[derive(Debug, Serialize)]
struct Written {
    path: PathBuf,
    market_id: String,
    lines: u64,
    bytes: u64,
}

impl Generate {
    pub(super) fn run(&self, shared: &Shared) -> Result<ExitCode, Failure> {
        std::fs::create_dir_all(&self.out)
            .map_err(|error| Failure::io("make the folder", &self.out, &error))?;
        let mut recordings = Vec::new();
        for seed in self.seed..self.seed.saturating_add(self.count) {
            recordings.push(self.write(&self.spec(seed))?);
        }
        let total: u64 = recordings.iter().map(|recording| recording.bytes).sum();
        let text = format!(
            "wrote {} recording{} ({} KiB) to {}",
            recordings.len(),
            if recordings.len() == 1 { "" } else { "s" },
            total.div_ceil(1024),
            self.out.display()
        );
        output::print(
            shared,
            &Document {
                schema: "bea.generate/1",
                recordings,
            },
            text,
        )?;
        Ok(ExitCode::SUCCESS)
    }

    fn spec(&self, seed: u64) -> Spec {
        let kind = match self.kind {
            KindName::Win => Kind::Win,
            KindName::Place => Kind::Place,
            KindName::MatchOdds => Kind::MatchOdds,
        };
        let mut spec = Spec::new(kind, seed);
        spec.runners = self.runners.unwrap_or(spec.runners);
        spec.minutes_before = self.minutes.unwrap_or(spec.minutes_before);
        spec.updates = self.updates.unwrap_or(spec.updates);
        spec.in_play_updates = self.in_play_updates.unwrap_or(spec.in_play_updates);
        spec
    }

    fn write(&self, spec: &Spec) -> Result<Written, Failure> {
        // Into memory first: a specification that cannot be met leaves no file.
        let mut bytes = Vec::new();
        let summary = generate(spec, &mut bytes)
            .map_err(|error| Failure::new(exit::USAGE, error.to_string()))?;
        let path = self.out.join(spec.file_name());
        let mut file = BufWriter::new(
            File::create(&path).map_err(|error| Failure::io("write it", &path, &error))?,
        );
        std::io::Write::write_all(&mut file, &bytes)
            .and_then(|()| std::io::Write::flush(&mut file))
            .map_err(|error| Failure::io("write it", &path, &error))?;
        Ok(Written {
            path,
            market_id: summary.market.to_string(),
            lines: summary.lines,
            bytes: summary.bytes,
        })
    }
}
