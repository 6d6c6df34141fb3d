//! `bea ledger`: verify, copy, put back, and export what was kept.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Subcommand, ValueEnum};
use serde::Serialize;
use serde_json::json;

use super::{Failure, Shared, exit, output, prepare};
use crate::ledger::{Audit, Exported, Format, Head, Reader, TABLES, Wanted, restore};
use crate::market::TimeMs;

/// Verify, back up, restore or export the ledger
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  bea ledger verify
  bea ledger backup backups/monday.sqlite        also while bea runs
  bea ledger restore backups/monday.sqlite
  bea ledger export --format parquet --out frames --from 2024-06-01")]
pub(super) struct Ledger {
    #[command(subcommand)]
    what: What,
    /// The ledger [default: ledger.path of the configuration]
    #[arg(long, global = true, value_name = "FILE")]
    ledger: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Check every row against the hash chain, and that the books balance
    Verify {
        /// An end of the chain noted earlier: it must still be in it
        #[arg(long, value_name = "LINK:HASH")]
        head: Option<Head>,
    },
    /// Make a verified copy, also while bea runs
    Backup {
        /// The copy, a file that does not exist yet
        path: PathBuf,
    },
    /// Put a backup in the ledger's place; what is there is kept beside it
    Restore {
        /// The backup
        path: PathBuf,
    },
    /// Write tables as files
    Export {
        /// What kind of file
        #[arg(long, value_enum)]
        format: FormatChoice,
        /// Only this table (repeatable)
        #[arg(long, value_name = "NAME")]
        table: Vec<String>,
        /// From this day or time on (UTC), as in 2024-06-01 or 2024-06-01T12:00:00Z
        #[arg(long, value_name = "TIME", value_parser = time)]
        from: Option<TimeMs>,
        /// Before this day or time
        #[arg(long, value_name = "TIME", value_parser = time)]
        to: Option<TimeMs>,
        /// Into this folder
        #[arg(long, value_name = "FOLDER")]
        out: PathBuf,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum FormatChoice {
    Csv,
    Jsonl,
    Parquet,
}

impl From<FormatChoice> for Format {
    fn from(choice: FormatChoice) -> Self {
        match choice {
            FormatChoice::Csv => Self::Csv,
            FormatChoice::Jsonl => Self::JsonLines,
            FormatChoice::Parquet => Self::Parquet,
        }
    }
}

/// Reads a day, which begins at midnight UTC, or a time.
fn time(text: &str) -> Result<TimeMs, String> {
    let whole = match text.len() {
        10 => format!("{text}T00:00:00Z"),
        _ => text.to_owned(),
    };
    let wrong = || format!("\"{text}\" is no time: write 2024-06-01 or 2024-06-01T12:00:00Z");
    let time: jiff::Timestamp = whole.parse().map_err(|_| wrong())?;
    Ok(TimeMs(time.as_millisecond()))
}

#[derive(Debug, Serialize)]
struct Verdict<'a> {
    schema: &'static str,
    ledger: &'a Path,
    sound: bool,
    #[serde(flatten)]
    audit: &'a Audit,
}

impl Ledger {
    pub(super) fn run(&self, shared: &Shared) -> Result<ExitCode, Failure> {
        let path = match &self.ledger {
            Some(path) => path.clone(),
            None => prepare::config(shared)?.ledger.path,
        };
        match &self.what {
            What::Restore { path: backup } => put_back(shared, backup, &path),
            other => {
                let reader = open(&path)?;
                match other {
                    What::Verify { head } => verify(shared, &reader, &path, head.as_ref()),
                    What::Backup { path: to } => back_up(shared, &reader, &path, to),
                    What::Export {
                        format,
                        table,
                        from,
                        to,
                        out,
                    } => {
                        if let (Some(from), Some(to)) = (from, to)
                            && from >= to
                        {
                            let message = "--from is not before --to, so no row lies between them";
                            return Err(Failure::new(exit::USAGE, message));
                        }
                        let wanted = Wanted {
                            tables: &tables(table)?,
                            from: *from,
                            to: *to,
                            format: (*format).into(),
                        };
                        export(shared, &reader, &wanted, out)
                    }
                    What::Restore { .. } => Ok(ExitCode::SUCCESS),
                }
            }
        }
    }
}

/// Opens a ledger that must be there.
pub(super) fn open(path: &Path) -> Result<Reader, Failure> {
    if !path.exists() {
        return Err(Failure::new(
            exit::DATA,
            format!("there is no ledger at {}", path.display()),
        )
        .hint("name one with --ledger FILE"));
    }
    Ok(Reader::open(path)?)
}

fn verify(
    shared: &Shared,
    reader: &Reader,
    path: &Path,
    head: Option<&Head>,
) -> Result<ExitCode, Failure> {
    let audit = reader.verify(head)?;
    let document = Verdict {
        schema: "bea.ledger_verify/1",
        ledger: path,
        sound: audit.is_sound(),
        audit: &audit,
    };
    output::print(shared, &document, verdict_text(path, &audit))?;
    Ok(match audit.is_sound() {
        true => ExitCode::SUCCESS,
        false => ExitCode::from(exit::DATA),
    })
}

fn verdict_text(path: &Path, audit: &Audit) -> String {
    let chain = &audit.chain;
    let mut lines: Vec<String> = chain
        .breaks
        .iter()
        .map(|found| format!("broken: {found}"))
        .collect();
    for finding in &audit.findings {
        lines.push(format!("does not hold: {}: {}", finding.rule, finding.at));
    }
    if audit.is_sound() {
        lines.push(format!(
            "{}: sound. {} rows in {} links are as they were written, and the books balance",
            path.display(),
            chain.rows,
            chain.links
        ));
    }
    if chain.found > 0 {
        lines.push(format!(
            "{} rows are older than the chain, or than the last change of the schema: they are as they were then",
            chain.found
        ));
    }
    if let Some(head) = &chain.head {
        lines.push(format!("head {head}"));
    }
    lines.join("\n")
}

fn back_up(shared: &Shared, reader: &Reader, from: &Path, to: &Path) -> Result<ExitCode, Failure> {
    if let Some(folder) = to.parent() {
        std::fs::create_dir_all(folder).map_err(|error| {
            let folder = folder.display();
            Failure::new(
                exit::DATA,
                format!("{folder}: the folder cannot be made: {error}"),
            )
        })?;
    }
    let audit = reader.back_up(to)?;
    let document = json!({
        "schema": "bea.ledger_backup/1",
        "ledger": from,
        "backup": to,
        "rows": audit.chain.rows,
        "head": audit.chain.head,
    });
    let text = format!("{}: {} rows, verified", to.display(), audit.chain.rows);
    output::print(shared, &document, text)?;
    Ok(ExitCode::SUCCESS)
}

fn put_back(shared: &Shared, backup: &Path, ledger: &Path) -> Result<ExitCode, Failure> {
    open(backup)?;
    let restored = restore(backup, ledger)?;
    let (epoch, id) = (restored.instance.epoch, &restored.instance.id);
    let document = json!({
        "schema": "bea.ledger_restore/1",
        "ledger": restored.ledger,
        "kept": restored.kept,
        "instance": restored.instance,
    });
    let mut text = format!("{} is restored, instance {epoch} ({id})", ledger.display());
    if let Some(kept) = &restored.kept {
        text.push_str(&format!("\nthe file that was there is {}", kept.display()));
    }
    output::print(shared, &document, text)?;
    Ok(ExitCode::SUCCESS)
}

/// The tables asked for, all if none is.
fn tables(asked: &[String]) -> Result<Vec<&'static str>, Failure> {
    if asked.is_empty() {
        return Ok(TABLES.to_vec());
    }
    asked
        .iter()
        .map(|name| {
            TABLES
                .into_iter()
                .find(|table| table == name)
                .ok_or_else(|| {
                    let failure =
                        Failure::new(exit::USAGE, format!("there is no table \"{name}\""));
                    failure.hint(prepare::meant(name, TABLES))
                })
        })
        .collect()
}

fn export(
    shared: &Shared,
    reader: &Reader,
    wanted: &Wanted<'_>,
    out: &Path,
) -> Result<ExitCode, Failure> {
    let files: Vec<Exported> = reader.export(wanted, out)?;
    let lines: Vec<String> = files
        .iter()
        .map(|file| format!("{:>10} rows  {}", file.rows, file.path.display()))
        .collect();
    let document = json!({"schema": "bea.ledger_export/1", "files": files});
    output::print(shared, &document, lines.join("\n"))?;
    Ok(ExitCode::SUCCESS)
}
