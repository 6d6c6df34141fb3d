//! Lookup tables: CSV files beside a strategy that it declares in `tables()`, read once with the script.
//!
//! The first line names the columns; the first column is the key. A cell that reads as a number is one, an empty cell
//! is `()`, anything else is a text. A cell in double quotes may hold commas, and a doubled quote.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::{Component, Path};
use std::rc::Rc;
use std::sync::Arc;

use rhai::{Dynamic, EvalAltResult, ImmutableString, Map};

use super::error::{ScriptError, Sources, fail};
use super::names::{Api, bounded, did_you_mean};
use super::show::kind_of;

/// Bytes of a table's file.
const MOST_BYTES: u64 = 1024 * 1024;
/// Columns of a table.
const MOST_COLUMNS: usize = 64;
/// Tables of a strategy.
const MOST_TABLES: usize = 16;

/// A table's text and what it says.
#[derive(Debug, PartialEq)]
pub(super) struct Table {
    /// The file as it was read, for the script's hash.
    pub(super) text: String,
    columns: Vec<String>,
    rows: BTreeMap<String, Vec<Cell>>,
}

/// Tables by the name a script gives them. May be sent to the thread that runs it.
pub(super) type Tables = BTreeMap<String, Arc<Table>>;

#[derive(Clone, Debug, PartialEq)]
enum Cell {
    Empty,
    Number(f64),
    Text(String),
}

impl Cell {
    fn read(text: &str) -> Self {
        match text.parse::<f64>() {
            _ if text.is_empty() => Self::Empty,
            Ok(x) if x.is_finite() => Self::Number(x),
            _ => Self::Text(text.to_owned()),
        }
    }

    fn value(&self) -> Dynamic {
        match self {
            Self::Empty => Dynamic::UNIT,
            Self::Number(x) => (*x).into(),
            Self::Text(text) => text.clone().into(),
        }
    }
}

/// Reads what `tables()` returned, as `#{ ratings: "ratings.csv" }`, from files in or below a folder.
pub(super) fn read(
    declared: Dynamic,
    folder: &Path,
    sources: &Sources,
) -> Result<Tables, ScriptError> {
    let place = sources.place_of_function("tables");
    let wrong = |message: &str| sources.error_at(&sources.main, place, message);
    let kind = kind_of(&declared);
    let declared = declared.try_cast::<Map>().ok_or_else(|| {
        wrong(&format!(
            "tables() returns a map such as #{{ ratings: \"ratings.csv\" }}, not a value of type {kind}"
        ))
    })?;
    if declared.len() > MOST_TABLES {
        return Err(wrong(&format!(
            "a strategy has at most {MOST_TABLES} tables"
        )));
    }
    let mut tables = Tables::new();
    for (name, file) in declared {
        let file = file.into_string().map_err(|_| {
            wrong(&format!(
                "table \"{name}\" is the name of a file, as \"ratings.csv\""
            ))
        })?;
        let shown = format!("{}{file}", sources.folder);
        let text =
            read_text(&file, folder).map_err(|message| ScriptError::of_file(&shown, &message))?;
        let table = parse(&shown, text)?;
        tables.insert(name.to_string(), Arc::new(table));
    }
    Ok(tables)
}

/// A file of the strategy's own folder: no link or name leads out of it.
fn read_text(file: &str, folder: &Path) -> Result<String, String> {
    let wrong = |message: &str| message.to_owned();
    let inside = |part: Component<'_>| matches!(part, Component::Normal(_));
    if file.is_empty() || !Path::new(file).components().all(inside) {
        return Err(wrong(
            "a table is a file in the strategy's own folder\ngive its name alone, as \"ratings.csv\"",
        ));
    }
    let cannot = |error: std::io::Error| wrong(&format!("cannot read the table: {error}"));
    let folder = if folder.as_os_str().is_empty() {
        Path::new(".")
    } else {
        folder
    };
    let home = folder.canonicalize().map_err(cannot)?;
    let path = home.join(file).canonicalize().map_err(cannot)?;
    if !path.starts_with(&home) || !path.is_file() {
        return Err(wrong(
            "a table is a file in the strategy's own folder, and no link out of it",
        ));
    }
    let mut bytes = Vec::new();
    let opened = File::open(&path).map_err(cannot)?;
    opened
        .take(MOST_BYTES + 1)
        .read_to_end(&mut bytes)
        .map_err(cannot)?;
    if bytes.len() as u64 > MOST_BYTES {
        return Err(wrong(&format!(
            "the table is over {} KiB",
            MOST_BYTES / 1024
        )));
    }
    String::from_utf8(bytes).map_err(|_| wrong("the table is no UTF-8\nsave the file as UTF-8"))
}

pub(super) fn parse(file: &str, text: String) -> Result<Table, ScriptError> {
    let wrong = |line: usize, message: String| {
        let mut error = ScriptError::of_file(file, &message);
        error.position = Some((line, 1));
        error.source_line = text
            .lines()
            .nth(line - 1)
            .map(|line| bounded(line, 200).into());
        error
    };
    let mut columns: Vec<String> = Vec::new();
    let mut rows = BTreeMap::new();
    for (at, line) in text.trim_start_matches('\u{feff}').lines().enumerate() {
        if line.trim().is_empty() {
            continue;
        }
        let cells = split(line).map_err(|message| wrong(at + 1, message))?;
        if columns.is_empty() {
            check_columns(&cells).map_err(|message| wrong(at + 1, message))?;
            columns = cells;
            continue;
        }
        if cells.len() != columns.len() {
            let message = format!(
                "there are {} columns, this line has {} cells",
                columns.len(),
                cells.len()
            );
            return Err(wrong(at + 1, message));
        }
        let key = cells[0].clone();
        let row = cells.iter().map(|cell| Cell::read(cell)).collect();
        if rows.insert(key, row).is_some() {
            let message = format!(
                "\"{}\" is there twice: the first column is the key",
                cells[0]
            );
            return Err(wrong(at + 1, message));
        }
    }
    if columns.is_empty() {
        return Err(wrong(
            1,
            "the table is empty\nits first line names the columns".to_owned(),
        ));
    }
    Ok(Table {
        text,
        columns,
        rows,
    })
}

fn check_columns(columns: &[String]) -> Result<(), String> {
    if columns.len() > MOST_COLUMNS {
        return Err(format!("a table has at most {MOST_COLUMNS} columns"));
    }
    for (at, name) in columns.iter().enumerate() {
        if name.is_empty() {
            return Err(format!("column {} has no name", at + 1));
        }
        if columns[..at].contains(name) {
            return Err(format!("column \"{name}\" is there twice"));
        }
    }
    Ok(())
}

/// The cells of a line, without the space around them.
fn split(line: &str) -> Result<Vec<String>, String> {
    let mut cells = Vec::new();
    let mut rest = line;
    loop {
        let (cell, after) = match rest.trim_start().strip_prefix('"') {
            Some(quoted) => split_quoted(quoted)?,
            None => {
                let end = rest.find(',').unwrap_or(rest.len());
                (rest[..end].trim().to_owned(), &rest[end..])
            }
        };
        cells.push(cell);
        match after.strip_prefix(',') {
            Some(next) => rest = next,
            None => return Ok(cells),
        }
    }
}

fn split_quoted(text: &str) -> Result<(String, &str), String> {
    let mut cell = String::new();
    let mut rest = text;
    loop {
        let Some(quote) = rest.find('"') else {
            return Err("a cell begins with a quote and does not end with one".to_owned());
        };
        cell.push_str(&rest[..quote]);
        rest = &rest[quote + 1..];
        if let Some(more) = rest.strip_prefix('"') {
            cell.push('"');
            rest = more;
            continue;
        }
        let after = rest.trim_start();
        return if after.is_empty() || after.starts_with(',') {
            Ok((cell, after))
        } else {
            Err(format!(
                "a comma follows a quoted cell, not \"{}\"",
                bounded(after, 20)
            ))
        };
    }
}

/// Tables as `ctx.tables`.
#[derive(Clone, Debug, Default)]
pub(super) struct TablesView(Rc<Tables>);

/// One of them.
#[derive(Clone, Debug)]
struct TableView(Arc<Table>);

type Outcome<T> = Result<T, Box<EvalAltResult>>;

impl TablesView {
    /// The tables of a script.
    pub(super) fn new(tables: Tables) -> Self {
        Self(Rc::new(tables))
    }

    fn table(&self, name: &str) -> Outcome<TableView> {
        let known = || self.0.keys().map(String::as_str);
        self.0.get(name).cloned().map(TableView).ok_or_else(|| {
            let hint = did_you_mean(name, known()).unwrap_or_else(|| {
                format!("tables are declared as fn tables() {{ #{{ {name}: \"{name}.csv\" }} }}")
            });
            fail(format!("there is no table \"{name}\"\n{hint}"))
        })
    }
}

impl TableView {
    fn row(&self, key: &Dynamic) -> Outcome<Option<&Vec<Cell>>> {
        let key = match (key.as_int(), key.as_immutable_string_ref()) {
            (Ok(id), _) => id.to_string(),
            (_, Ok(text)) => text.to_string(),
            _ if key.is_unit() => return Ok(None),
            _ => {
                return Err(fail(format!(
                    "a key is a text or a whole number, not a {}",
                    kind_of(key)
                )));
            }
        };
        Ok(self.0.rows.get(&key))
    }

    fn get(&self, key: &Dynamic, column: &str) -> Outcome<Dynamic> {
        let columns = || self.0.columns.iter().map(String::as_str);
        let Some(at) = columns().position(|name| name == column) else {
            let hint = did_you_mean(column, columns())
                .unwrap_or_else(|| format!("known: {}", columns().collect::<Vec<_>>().join(", ")));
            return Err(fail(format!(
                "the table has no column \"{column}\"\n{hint}"
            )));
        };
        Ok(self.row(key)?.map_or(Dynamic::UNIT, |row| row[at].value()))
    }

    fn map(&self, key: &Dynamic) -> Outcome<Dynamic> {
        Ok(self.row(key)?.map_or(Dynamic::UNIT, |row| {
            let cells = self.0.columns.iter().zip(row);
            let map: Map = cells
                .map(|(name, cell)| (name.as_str().into(), cell.value()))
                .collect();
            map.into()
        }))
    }
}

/// Registers tables.
pub(super) fn register(api: &mut Api) {
    api.kind::<TablesView>("Tables", "ctx.tables");
    api.kind::<TableView>("Table", "ctx.tables.NAME");
    api.group("A table");
    api.get("len", "how many rows", |t: &TableView| {
        t.0.rows.len() as i64
    });
    api.function(
        "ctx.tables.NAME.get(key, column)",
        "the cell in the row of this key (a text or a whole number), a number if it reads as one; `()` if it is empty or there is no such row",
        |t: &mut TableView, key: Dynamic, column: &str| t.get(&key, column),
    );
    api.function(
        "ctx.tables.NAME.row(key)",
        "the row as a map by column, or `()`",
        |t: &mut TableView, key: Dynamic| t.map(&key),
    );
    api.engine
        .register_indexer_get(|tables: &mut TablesView, name: ImmutableString| tables.table(&name));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::strategy::{Overrides, Script};
    use proptest::prelude::*;

    const STRATEGY: &str = r#"
        fn tables() { #{ ratings: "ratings.csv" } }
        fn on_odds(market, ctx) {
            let ratings = ctx.tables.ratings;
            for runner in market.active {
                let elo = ratings.get(runner.name, "elo");
                if elo != () && elo > 1600.0 { return back(runner, 3.0, 2.0).reason(ratings.row(runner.name).note); }
            }
        }
        fn test_it_backs_the_rated(t) {
            let bets = t.odds(t.market(#{ runners: [#{ id: 1, name: "Red" }, #{ id: 2, name: "Blue, of \"York\"" }] }));
            t.eq([bets.len(), bets[0].runner_id, bets[0].reason], [1, 2, "strong"]);
        }"#;
    const RATINGS: &str = "team,elo,note\nRed,1500,\n\"Blue, of \"\"York\"\"\", 1700.5 ,strong\n";

    fn folder(ratings: &str, strategy: &str) -> (tempfile::TempDir, std::path::PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rated.rhai");
        std::fs::write(folder.path().join("ratings.csv"), ratings).unwrap();
        std::fs::write(&path, strategy).unwrap();
        (folder, path)
    }

    fn refused(ratings: &str, strategy: &str) -> String {
        let (home, path) = folder(ratings, strategy);
        let error = Script::read(&path, &Overrides::new()).unwrap_err();
        error
            .to_string()
            .replace(&format!("{}/", home.path().display()), "")
    }

    #[test]
    fn a_strategy_reads_its_ratings_and_is_known_by_them() {
        let (folder, path) = folder(RATINGS, STRATEGY);
        let script = Script::read(&path, &Overrides::new()).unwrap();
        let report = script.test().unwrap();
        assert!(report.passed() && report.tests.len() == 1, "{report}");
        std::fs::write(
            folder.path().join("ratings.csv"),
            RATINGS.replace("1500", "1501"),
        )
        .unwrap();
        assert_ne!(
            Script::read(&path, &Overrides::new()).unwrap().hash(),
            script.hash()
        );
        assert!(
            script.test().unwrap().passed(),
            "what was read needs the file no more"
        );
    }

    #[test]
    fn what_is_wrong_with_a_table_is_told_with_its_line() {
        insta::assert_snapshot!(refused("team,elo\nRed,1500\nBlue\n", STRATEGY), @r"
        ratings.csv:3:1: there are 2 columns, this line has 1 cells
          3 | Blue
            | ^
        ");
        insta::assert_snapshot!(refused("team,elo\nRed,1500\nRed,2\n", STRATEGY), @r#"
        ratings.csv:3:1: "Red" is there twice: the first column is the key
          3 | Red,2
            | ^
        "#);
        insta::assert_snapshot!(refused("", STRATEGY), @r"
        ratings.csv:1:1: the table is empty
        its first line names the columns
        ");
        assert!(refused("team\n\"Red\n", STRATEGY).contains("does not end with one"));
    }

    #[test]
    fn no_table_is_read_from_elsewhere() {
        for elsewhere in ["../x.csv", "/etc/passwd", "", "a/../../x.csv", "."] {
            let strategy = STRATEGY.replace("ratings.csv", elsewhere);
            assert!(
                refused(RATINGS, &strategy).contains("own folder"),
                "{elsewhere}"
            );
        }
        #[cfg(unix)]
        {
            let (folder, path) = folder(RATINGS, &STRATEGY.replace("ratings.csv", "link.csv"));
            std::os::unix::fs::symlink("/etc/passwd", folder.path().join("link.csv")).unwrap();
            let error = Script::read(&path, &Overrides::new()).unwrap_err();
            assert!(error.message.contains("no link out"), "{error}");
        }
        let error = Script::from_text("x", STRATEGY, &Overrides::new()).unwrap_err();
        assert!(error.message.contains("no folder"), "{error}");
    }

    proptest! {
        #[test]
        fn any_cells_survive_quotes(cells in proptest::collection::vec("[a-z \",]{0,6}", 1..6)) {
            let line: Vec<_> = cells.iter().map(|c| format!("\"{}\"", c.replace('"', "\"\""))).collect();
            prop_assert_eq!(split(&line.join(",")), Ok(cells));
        }

        #[test]
        fn any_text_is_a_table_or_an_error(text in "[a-z0-9,\"\n ]{0,60}") {
            let _table_or_error = parse("x.csv", text);
        }
    }
}
