//! Notes every row as it is written, and seals the notes of a commit into a link.

use std::fmt::Write as _;
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::functions::FunctionFlags;
use rusqlite::{Connection, OptionalExtension, params};

use super::digest::{Change, Shape, note, quoted};
use super::{BEFORE, Kind, hash_of};

/// Rows found are sealed this many at a time.
const FOUND_AT_ONCE: usize = 10_000;

/// The end of the chain, and what was written since.
#[derive(Debug)]
pub(in crate::ledger) struct Scribe {
    notes: Arc<Mutex<Vec<u8>>>,
    end: End,
}

/// The last link.
#[derive(Clone, Copy, Debug)]
struct End {
    link: i64,
    hash: [u8; 32],
}

impl Scribe {
    /// Has every row noted that this connection writes from now on.
    pub(in crate::ledger) fn attach(connection: &Connection) -> rusqlite::Result<Self> {
        let notes = Arc::new(Mutex::new(Vec::new()));
        let shapes = Shape::all(connection)?;
        // Triggers of the connection's own: every table is covered, also one that a later schema adds.
        for (number, shape) in shapes.iter().enumerate() {
            connection.execute_batch(&triggers(number, shape))?;
        }
        let kept = Arc::clone(&notes);
        connection.create_scalar_function(
            "bea_note",
            -1,
            // Innocuous: it may be called from a trigger, and changes nothing in the database.
            FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_INNOCUOUS,
            move |call| {
                let (change, shape) = (call.get::<u8>(0)?, call.get::<u32>(1)?);
                let (change, shape) = (Change::ALL[change as usize], &shapes[shape as usize]);
                let mut notes = kept.lock().unwrap_or_else(PoisonError::into_inner);
                note(&mut notes, change, shape, |at| call.get_raw(at + 2));
                Ok(true)
            },
        )?;
        Ok(Self {
            notes,
            end: End::read(connection)?,
        })
    }

    /// Adds the link of what the present transaction has written. What it commits is then chained.
    pub(in crate::ledger) fn seal(&mut self, connection: &Connection) -> rusqlite::Result<()> {
        let mut notes = self.notes.lock().unwrap_or_else(PoisonError::into_inner);
        if !notes.is_empty() {
            self.end = self.end.add(connection, Kind::Written, &notes)?;
            notes.clear();
        }
        Ok(())
    }
}

fn triggers(number: usize, shape: &Shape) -> String {
    let mut sql = String::new();
    for (change, event, row) in [
        (Change::Inserted, "INSERT", "new"),
        (Change::Updated, "UPDATE", "new"),
        (Change::Deleted, "DELETE", "old"),
    ] {
        let columns: Vec<String> = shape
            .columns
            .iter()
            .map(|column| format!("{row}.{}", quoted(column)))
            .collect();
        let _ = writeln!(
            sql,
            "CREATE TEMP TRIGGER {name} AFTER {event} ON main.{table}
                 BEGIN SELECT bea_note({change}, {number}, {columns}); END;",
            name = quoted(&format!("note {} {event}", shape.table)),
            table = quoted(&shape.table),
            change = change as u8,
            columns = columns.join(", "),
        );
    }
    sql
}

impl End {
    fn read(connection: &Connection) -> rusqlite::Result<Self> {
        let last = connection
            .query_row(
                "SELECT link, hash FROM chain ORDER BY link DESC LIMIT 1",
                [],
                |row| {
                    Ok(Self {
                        link: row.get(0)?,
                        hash: row.get(1)?,
                    })
                },
            )
            .optional()?;
        Ok(last.unwrap_or(Self {
            link: 0,
            hash: BEFORE,
        }))
    }

    fn add(self, connection: &Connection, kind: Kind, rows: &[u8]) -> rusqlite::Result<Self> {
        let link = self.link + 1;
        let hash = hash_of(&self.hash, link, kind.as_str(), rows);
        connection
            .prepare_cached("INSERT INTO chain (link, kind, rows, hash) VALUES (?1, ?2, ?3, ?4)")?
            .execute(params![link, kind.as_str(), rows, hash])?;
        Ok(Self { link, hash })
    }
}

/// Chains every row as it is found: when the chain begins, and whenever the schema has changed.
pub(in crate::ledger) fn adopt(connection: &Connection) -> rusqlite::Result<()> {
    let mut end = End::read(connection)?;
    let (mut notes, mut count) = (Vec::new(), 0);
    for shape in Shape::all(connection)? {
        let mut statement =
            connection.prepare(&format!("SELECT * FROM main.{}", quoted(&shape.table)))?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            note(&mut notes, Change::Found, &shape, |at| {
                row.get_ref_unwrap(at)
            });
            count += 1;
            if count % FOUND_AT_ONCE == 0 {
                end = end.add(connection, Kind::Found, &notes)?;
                notes.clear();
            }
        }
    }
    // Also when nothing was found: a chain without a first link was cut off.
    end.add(connection, Kind::Found, &notes)?;
    Ok(())
}
