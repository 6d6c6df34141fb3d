//! What is noted of a row: what was done to it, its table, its key, and a digest of all its columns.

use std::fmt::Write as _;

use rusqlite::Connection;
use rusqlite::types::ValueRef;

/// Tables that are not chained: the chain itself, and what bea fills from its own source.
const NOT_CHAINED: [&str; 3] = ["chain", "schema_migrations", "reason_codes"];

/// Bytes kept of a row's hash.
pub(super) const DIGEST: usize = 16;

/// A table as the chain sees it.
#[derive(Clone, Debug)]
pub(super) struct Shape {
    pub(super) table: String,
    pub(super) columns: Vec<String>,
    /// Which columns are its primary key, in the key's order.
    pub(super) key: Vec<usize>,
}

impl Shape {
    /// Every chained table. One without a primary key is none of ours.
    pub(super) fn all(connection: &Connection) -> rusqlite::Result<Vec<Self>> {
        let mut tables = connection.prepare(
            "SELECT name FROM main.sqlite_schema
              WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY name",
        )?;
        let names = tables
            .query_map([], |row| row.get::<_, String>(0))?
            .collect::<rusqlite::Result<Vec<_>>>()?;
        let mut shapes = Vec::new();
        for table in names {
            if NOT_CHAINED.contains(&table.as_str()) {
                continue;
            }
            let shape = Self::of(connection, table)?;
            if !shape.key.is_empty() {
                shapes.push(shape);
            }
        }
        Ok(shapes)
    }

    fn of(connection: &Connection, table: String) -> rusqlite::Result<Self> {
        let mut statement = connection
            .prepare("SELECT name, pk FROM pragma_table_info(?1, 'main') ORDER BY cid")?;
        let columns: Vec<(String, u32)> = statement
            .query_map([&table], |row| Ok((row.get(0)?, row.get(1)?)))?
            .collect::<rusqlite::Result<_>>()?;
        let mut key: Vec<(u32, usize)> = columns
            .iter()
            .enumerate()
            .filter(|(_, (_, place))| *place > 0)
            .map(|(at, (_, place))| (*place, at))
            .collect();
        key.sort_unstable();
        Ok(Self {
            table,
            columns: columns.into_iter().map(|(name, _)| name).collect(),
            key: key.into_iter().map(|(_, at)| at).collect(),
        })
    }

    /// Digests a row. Columns that are NULL do not count, so that a column added later changes no digest.
    pub(super) fn digest<'a>(&self, value: impl Fn(usize) -> ValueRef<'a>) -> [u8; DIGEST] {
        let mut bytes = Vec::with_capacity(512);
        text(&mut bytes, self.table.as_bytes());
        for (at, name) in self.columns.iter().enumerate() {
            let value = value(at);
            if value != ValueRef::Null {
                text(&mut bytes, name.as_bytes());
                put(&mut bytes, value);
            }
        }
        let mut digest = [0; DIGEST];
        digest.copy_from_slice(&blake3::hash(&bytes).as_bytes()[..DIGEST]);
        digest
    }

    /// The key of a row, to find it again.
    pub(super) fn key<'a>(&self, value: impl Fn(usize) -> ValueRef<'a>, bytes: &mut Vec<u8>) {
        for &at in &self.key {
            put(bytes, value(at));
        }
    }

    /// `SELECT` of a whole row by its key.
    pub(super) fn find(&self) -> String {
        let mut sql = format!("SELECT * FROM main.{} WHERE ", quoted(&self.table));
        for (number, &at) in self.key.iter().enumerate() {
            let and = if number == 0 { "" } else { " AND " };
            let _ = write!(sql, "{and}{} = ?{}", quoted(&self.columns[at]), number + 1);
        }
        sql
    }

    /// A row's key as a person reads it: `run_id 1, record 7`.
    pub(super) fn name(&self, key: &[Part]) -> String {
        let parts = self.key.iter().zip(key);
        let named = parts.map(|(&at, part)| format!("{} {part}", self.columns[at]));
        named.collect::<Vec<_>>().join(", ")
    }
}

/// An SQL name.
pub(super) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// What was done to a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    Found,
    Inserted,
    Updated,
    Deleted,
}

impl Change {
    pub(super) const ALL: [Self; 4] = [Self::Found, Self::Inserted, Self::Updated, Self::Deleted];
}

/// Notes a row.
pub(super) fn note<'a>(
    rows: &mut Vec<u8>,
    change: Change,
    shape: &Shape,
    value: impl Fn(usize) -> ValueRef<'a>,
) {
    rows.push(change as u8);
    text(rows, shape.table.as_bytes());
    let start = rows.len();
    rows.extend([0; 4]);
    shape.key(&value, rows);
    let length = length(rows.len() - start - 4);
    rows[start..start + 4].copy_from_slice(&length);
    rows.extend(shape.digest(&value));
}

/// A row as a link notes it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Note<'a> {
    pub(super) change: Change,
    pub(super) table: &'a str,
    pub(super) key: &'a [u8],
    pub(super) digest: &'a [u8],
}

/// Takes the next note off; `None` if the bytes are no note.
pub(super) fn next<'a>(rows: &mut &'a [u8]) -> Option<Note<'a>> {
    let change = *Change::ALL.get(usize::from(*take(rows, 1)?.first()?))?;
    Some(Note {
        change,
        table: std::str::from_utf8(sized(rows)?).ok()?,
        key: sized(rows)?,
        digest: take(rows, DIGEST)?,
    })
}

/// A part of a key.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Part {
    Whole(i64),
    Text(String),
}

impl std::fmt::Display for Part {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Whole(number) => number.fmt(f),
            Self::Text(text) => text.fmt(f),
        }
    }
}

impl rusqlite::ToSql for Part {
    fn to_sql(&self) -> rusqlite::Result<rusqlite::types::ToSqlOutput<'_>> {
        match self {
            Self::Whole(number) => number.to_sql(),
            Self::Text(text) => text.to_sql(),
        }
    }
}

/// Reads a key back.
pub(super) fn parts(mut key: &[u8]) -> Option<Vec<Part>> {
    let mut parts = Vec::new();
    while let Some((tag, rest)) = key.split_first() {
        key = rest;
        parts.push(match tag {
            b'i' => Part::Whole(i64::from_le_bytes(take(&mut key, 8)?.try_into().ok()?)),
            b't' => Part::Text(String::from_utf8(sized(&mut key)?.to_vec()).ok()?),
            _ => return None,
        });
    }
    Some(parts)
}

/// A value with its type. A whole number is the same whether its column keeps it as an integer or as a real.
#[allow(clippy::cast_possible_truncation, clippy::float_cmp)]
fn put(bytes: &mut Vec<u8>, value: ValueRef<'_>) {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    match value {
        ValueRef::Null => bytes.push(b'n'),
        ValueRef::Integer(number) => {
            bytes.push(b'i');
            bytes.extend(number.to_le_bytes());
        }
        ValueRef::Real(number) if number.trunc() == number && number.abs() < EXACT => {
            put(bytes, ValueRef::Integer(number as i64));
        }
        ValueRef::Real(number) => {
            bytes.push(b'r');
            bytes.extend(number.to_bits().to_le_bytes());
        }
        ValueRef::Text(value) => {
            bytes.push(b't');
            text(bytes, value);
        }
        ValueRef::Blob(value) => {
            bytes.push(b'b');
            text(bytes, value);
        }
    }
}

fn text(bytes: &mut Vec<u8>, value: &[u8]) {
    bytes.extend(length(value.len()));
    bytes.extend(value);
}

fn length(length: usize) -> [u8; 4] {
    u32::try_from(length)
        .expect("SQLite keeps values under 1 GB")
        .to_le_bytes()
}

fn take<'a>(bytes: &mut &'a [u8], count: usize) -> Option<&'a [u8]> {
    let (taken, rest) = bytes.split_at_checked(count)?;
    *bytes = rest;
    Some(taken)
}

fn sized<'a>(bytes: &mut &'a [u8]) -> Option<&'a [u8]> {
    let length = u32::from_le_bytes(take(bytes, 4)?.try_into().ok()?);
    take(bytes, length as usize)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_whole_number_has_one_digest_in_either_form() {
        let bytes = |value| {
            let mut bytes = Vec::new();
            put(&mut bytes, value);
            bytes
        };
        assert_eq!(bytes(ValueRef::Real(1.0)), bytes(ValueRef::Integer(1)));
        assert_eq!(bytes(ValueRef::Real(-0.0)), bytes(ValueRef::Integer(0)));
        assert_ne!(bytes(ValueRef::Real(1.5)), bytes(ValueRef::Integer(1)));
        assert_ne!(bytes(ValueRef::Text(b"1")), bytes(ValueRef::Integer(1)));
    }

    proptest! {
        #[test]
        fn a_note_reads_back_as_it_was_made(number: i64, words in "\\PC{0,40}", other: u8) {
            let shape = Shape {
                table: "bets".to_owned(),
                columns: vec!["id".to_owned(), "run".to_owned(), "x".to_owned()],
                key: vec![1, 0],
            };
            let value = |at: usize| match at {
                0 => ValueRef::Text(words.as_bytes()),
                1 => ValueRef::Integer(number),
                _ => ValueRef::Integer(i64::from(other)),
            };
            let mut rows = Vec::new();
            note(&mut rows, Change::Updated, &shape, value);
            note(&mut rows, Change::Inserted, &shape, value);
            let mut left = rows.as_slice();
            let first = next(&mut left).unwrap();
            prop_assert_eq!((first.change, first.table), (Change::Updated, "bets"));
            let key = parts(first.key).unwrap();
            prop_assert_eq!(shape.name(&key), format!("run {number}, id {words}"));
            prop_assert_eq!(next(&mut left).unwrap().digest, first.digest);
            prop_assert!(left.is_empty());
        }

        #[test]
        fn bytes_that_are_no_note_are_no_panic(bytes: Vec<u8>) {
            let mut left = bytes.as_slice();
            while let Some(note) = next(&mut left) {
                let _ = parts(note.key);
            }
        }
    }
}
