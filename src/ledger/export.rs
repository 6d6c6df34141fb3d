//! Tables as files for other programs: CSV, JSON lines, Parquet. Amounts are decimals with their currency beside
//! them, times are RFC 3339.

mod parquet;
mod text;

use std::fs::File;
use std::io::BufWriter;
use std::path::{Path, PathBuf};

use rusqlite::named_params;
use rusqlite::types::ValueRef;
use serde::Serialize;

use super::lock::beside;
use super::{LedgerError, Reader};
use crate::market::{Money, TimeMs};

/// The tables worth having elsewhere, in the order they are written.
pub const TABLES: [&str; 12] = [
    "runs",
    "recordings",
    "run_scripts",
    "strategy_events",
    "intents",
    "orders",
    "order_events",
    "fills",
    "settlements",
    "settlement_orders",
    "postings",
    "closings",
];

/// What kind of file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Comma-separated, with a line of names.
    Csv,
    /// A JSON object a line.
    JsonLines,
    /// Columnar, as data frames read it.
    Parquet,
}

impl Format {
    /// The ending of such a file.
    #[must_use]
    pub const fn ending(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::JsonLines => "jsonl",
            Self::Parquet => "parquet",
        }
    }
}

/// What of a ledger is wanted.
#[derive(Clone, Debug)]
pub struct Wanted<'a> {
    /// Which tables, of [`TABLES`].
    pub tables: &'a [&'a str],
    /// From which time on.
    pub from: Option<TimeMs>,
    /// Before which time.
    pub to: Option<TimeMs>,
    /// As which kind of file.
    pub format: Format,
}

/// A file written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Exported {
    /// Of which table.
    pub table: String,
    /// Where it is.
    pub path: PathBuf,
    /// How many rows.
    pub rows: u64,
}

/// A column as it leaves.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Column {
    name: String,
    kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Whole,
    Real,
    Text,
    Money,
    Time,
}

impl Column {
    /// `_minor` becomes a decimal and `_ms` a time, and both lose that ending.
    fn new(name: &str, declared: &str) -> Self {
        let (name, kind) = match (
            name.strip_suffix("_minor"),
            name.strip_suffix("_ms"),
            declared,
        ) {
            (Some(name), _, _) => (name, Kind::Money),
            (_, Some(name), _) => (name, Kind::Time),
            (_, _, "INTEGER") => (name, Kind::Whole),
            (_, _, "REAL") => (name, Kind::Real),
            _ => (name, Kind::Text),
        };
        Self {
            name: name.to_owned(),
            kind,
        }
    }
}

/// A value as it leaves.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Cell<'a> {
    Nothing,
    Whole(i64),
    Real(f64),
    Text(&'a str),
    Money(Money),
    Time(TimeMs),
}

impl<'a> Cell<'a> {
    fn new(kind: Kind, value: ValueRef<'a>) -> rusqlite::Result<Self> {
        Ok(match (kind, value) {
            (_, ValueRef::Null) => Self::Nothing,
            (Kind::Money, value) => Self::Money(Money::from_minor(value.as_i64()?)),
            (Kind::Time, value) => Self::Time(TimeMs(value.as_i64()?)),
            (Kind::Whole, value) => Self::Whole(value.as_i64()?),
            (Kind::Real, value) => Self::Real(value.as_f64()?),
            (Kind::Text, value) => Self::Text(value.as_str()?),
        })
    }
}

/// Where rows go.
enum Sink {
    Csv(BufWriter<File>),
    JsonLines(BufWriter<File>),
    Parquet(Box<parquet::Sheet>),
}

impl Sink {
    fn new(format: Format, file: File, columns: &[Column]) -> std::io::Result<Self> {
        Ok(match format {
            Format::Csv => {
                let mut out = BufWriter::new(file);
                text::csv_names(&mut out, columns)?;
                Self::Csv(out)
            }
            Format::JsonLines => Self::JsonLines(BufWriter::new(file)),
            Format::Parquet => Self::Parquet(Box::new(parquet::Sheet::new(file, columns)?)),
        })
    }

    fn row(&mut self, columns: &[Column], cells: &[Cell<'_>]) -> std::io::Result<()> {
        match self {
            Self::Csv(out) => text::csv(out, cells),
            Self::JsonLines(out) => text::json(out, columns, cells),
            Self::Parquet(sheet) => sheet.row(cells),
        }
    }

    /// All of it reaches the disk.
    fn finish(self) -> std::io::Result<()> {
        let file = match self {
            Self::Csv(out) | Self::JsonLines(out) => out.into_inner()?,
            Self::Parquet(sheet) => sheet.finish()?,
        };
        file.sync_all()
    }
}

impl Reader {
    /// Writes tables as files into a folder, all as they stand at one moment. Nothing that exists is written over.
    ///
    /// # Errors
    /// If the ledger cannot be read, or a file cannot be written or exists.
    pub fn export(&self, wanted: &Wanted<'_>, folder: &Path) -> Result<Vec<Exported>, LedgerError> {
        let file = |path: &Path, doing| {
            let path = path.to_owned();
            move |source| LedgerError::File {
                path,
                doing,
                source,
            }
        };
        std::fs::create_dir_all(folder).map_err(file(folder, "make the folder"))?;
        let paths: Vec<PathBuf> = wanted
            .tables
            .iter()
            .map(|table| folder.join(format!("{table}.{}", wanted.format.ending())))
            .collect();
        if let Some(taken) = paths.iter().find(|path| path.exists()) {
            return Err(LedgerError::Exists(taken.clone()));
        }
        let _snapshot = self
            .connection
            .unchecked_transaction()
            .map_err(LedgerError::database(&self.path, "read the ledger"))?;
        let mut exported = Vec::new();
        for (table, path) in wanted.tables.iter().zip(paths) {
            let part = beside(&path, "part");
            let rows = self.export_table(table, wanted, &part).inspect_err(|_| {
                // Half a file is no export, and would take the room of the next attempt.
                let _ = std::fs::remove_file(&part);
            })?;
            std::fs::rename(&part, &path).map_err(file(&path, "put the file in its place"))?;
            exported.push(Exported {
                table: (*table).to_owned(),
                path,
                rows,
            });
        }
        Ok(exported)
    }

    fn export_table(
        &self,
        table: &str,
        wanted: &Wanted<'_>,
        path: &Path,
    ) -> Result<u64, LedgerError> {
        let read = || LedgerError::database(&self.path, "read the ledger");
        let write = |source| LedgerError::File {
            path: path.to_owned(),
            doing: "write it",
            source,
        };
        let mut columns = self.rows(
            "SELECT name, type FROM pragma_table_info(:table) ORDER BY cid",
            named_params! { ":table": table },
            |row| {
                let (name, declared): (String, String) = (row.get(0)?, row.get(1)?);
                Ok((Column::new(&name, &declared), name))
            },
        )?;
        let has = |name: &str, columns: &[(Column, String)]| columns.iter().any(|(_, c)| c == name);
        let mut from = format!("{table} t");
        if columns.iter().any(|(column, _)| column.kind == Kind::Money)
            && !has("currency", &columns)
        {
            from.push_str(" JOIN runs ON runs.id = t.run_id");
            columns.push((Column::new("currency", "TEXT"), "currency".to_owned()));
        }
        let time = ["at_ms", "requested_at_ms", "started_at_ms"]
            .into_iter()
            .find(|time| has(time, &columns));
        let when = match time {
            Some(time) => format!("t.{time}"),
            None if ["settlement_orders", "postings"].contains(&table) => {
                "(SELECT s.at_ms FROM settlements s WHERE s.run_id = t.run_id AND s.record = t.record)"
                    .to_owned()
            }
            None => "NULL".to_owned(),
        };
        let joined = from.len() > table.len() + 2;
        let list: Vec<String> = columns
            .iter()
            .map(|(_, name)| match joined && name == "currency" {
                true => "runs.currency".to_owned(),
                false => format!("t.\"{name}\""),
            })
            .collect();
        let sql = format!(
            "SELECT {} FROM {from} WHERE ({when} IS NULL OR (
                 (:from IS NULL OR {when} >= :from) AND (:to IS NULL OR {when} < :to)))
              ORDER BY 1, 2",
            list.join(", ")
        );
        let columns: Vec<Column> = columns.into_iter().map(|(column, _)| column).collect();
        let file = File::create(path).map_err(write)?;
        let mut sink = Sink::new(wanted.format, file, &columns).map_err(write)?;
        let mut statement = self.connection.prepare(&sql).map_err(read())?;
        let bounds = named_params! {
            ":from": wanted.from.map(|time| time.0),
            ":to": wanted.to.map(|time| time.0),
        };
        let mut rows = statement.query(bounds).map_err(read())?;
        let mut count = 0;
        while let Some(row) = rows.next().map_err(read())? {
            let cells = columns
                .iter()
                .enumerate()
                .map(|(at, column)| Cell::new(column.kind, row.get_ref(at)?))
                .collect::<rusqlite::Result<Vec<_>>>()
                .map_err(read())?;
            sink.row(&columns, &cells).map_err(write)?;
            count += 1;
        }
        sink.finish().map_err(write)?;
        Ok(count)
    }
}
