//! Reads the chain and every row it names, and says where they part.

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::types::ValueRef;
use rusqlite::{CachedStatement, Connection, OptionalExtension, params_from_iter};
use serde::Serialize;

use super::digest::{Change, Note, Shape, next, parts, quoted};
use super::{BEFORE, hash_of};

/// At the start of a writer, links are checked back to this many rows.
const TAIL: usize = 20_000;
/// Breaks told at most.
const MOST: usize = 10;

/// Where the rows and the chain part.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Break {
    /// The link that says otherwise; of an unlisted row, `None`.
    pub link: Option<i64>,
    /// In which table.
    pub table: String,
    /// Which row, by its key.
    pub row: String,
    /// What is wrong.
    pub what: &'static str,
}

impl std::fmt::Display for Break {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            table, row, what, ..
        } = self;
        match self.link {
            Some(link) => write!(f, "link {link}: {table}, {row}: {what}"),
            None => write!(f, "{table}, {row}: {what}"),
        }
    }
}

/// The end of a chain: whoever keeps it elsewhere can show that nothing before it was changed or cut off.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Head {
    /// Number of the last link.
    pub link: i64,
    /// Its hash.
    pub hash: String,
}

impl std::fmt::Display for Head {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.link, self.hash)
    }
}

impl std::str::FromStr for Head {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("\"{text}\" is not LINK:HASH, as bea ledger verify prints it");
        let (link, hash) = text.split_once(':').ok_or_else(wrong)?;
        let is_hash = hash.len() == 64 && hash.bytes().all(|byte| byte.is_ascii_hexdigit());
        match link.parse() {
            Ok(link) if is_hash => Ok(Self {
                link,
                hash: hash.to_ascii_lowercase(),
            }),
            _ => Err(wrong()),
        }
    }
}

/// What a whole check of the chain has found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Verified {
    /// Its links.
    pub links: u64,
    /// Rows that it names and that are as it says.
    pub rows: u64,
    /// Rows that were there before the chain, or before the last change of the schema: held to be right as found.
    pub found: u64,
    /// Its end; `None` if there is no link at all.
    pub head: Option<Head>,
    /// Where it is broken, the first link first; at most ten.
    pub breaks: Vec<Break>,
}

struct Link {
    number: i64,
    is_found: bool,
    hash: Vec<u8>,
    rows: Vec<u8>,
}

/// Checks all links and all rows. `known` is an end that the chain must still contain.
pub(in crate::ledger) fn verify(
    connection: &Connection,
    known: Option<&Head>,
) -> rusqlite::Result<Verified> {
    // One state of the ledger, also while it is written.
    let _snapshot = connection.unchecked_transaction()?;
    let shapes = Shape::all(connection)?;
    let mut rows = Rows::new(connection, &shapes)?;
    let mut verified = Verified {
        links: 0,
        rows: 0,
        found: 0,
        head: None,
        breaks: Vec::new(),
    };
    // Rows are held against what was noted since the schema last changed; what is older, against its links alone.
    let since: i64 = connection.query_row(
        "SELECT coalesce(max(link), 0) FROM chain f WHERE kind = 'FOUND'
            AND NOT EXISTS (SELECT 1 FROM chain b WHERE b.link = f.link - 1 AND b.kind = 'FOUND')",
        [],
        |row| row.get(0),
    )?;
    let mut before = BEFORE.to_vec();
    let mut is_whole = true;
    let mut statement =
        connection.prepare("SELECT link, kind, hash, rows FROM chain ORDER BY link")?;
    let mut found = statement.query([])?;
    while let Some(row) = found.next()? {
        let (link, kind) = read_link(row)?;
        if is_whole {
            let wrong = Link::wrong(&link, &kind, &before, verified.links);
            is_whole = wrong.is_none();
            verified.breaks.extend(wrong);
        }
        if known.is_some_and(|known| known.link == link.number && known.hash != hex(&link.hash)) {
            verified
                .breaks
                .push(of_chain(link.number, "it is not the link that was known"));
        }
        if link.number >= since {
            verified.found += rows.hold(&link)?;
        }
        verified.links += 1;
        verified.head = Some(Head {
            link: link.number,
            hash: hex(&link.hash),
        });
        before = link.hash;
    }
    let last = verified.head.as_ref().map_or(0, |head| head.link);
    if last == 0 {
        verified.breaks.push(of_chain(0, "there is no link at all"));
    }
    if let Some(known) = known
        && known.link > last
    {
        verified
            .breaks
            .push(of_chain(known.link, "the chain was cut off before it"));
    }
    rows.conclude(&mut verified)?;
    verified
        .breaks
        .sort_by_key(|found| found.link.unwrap_or(i64::MAX));
    verified.breaks.truncate(MOST);
    Ok(verified)
}

/// Checks the newest links and the rows they name: what a crash or a careless edit would have hit.
pub(in crate::ledger) fn check_tail(connection: &Connection) -> rusqlite::Result<Option<Break>> {
    let shapes = Shape::all(connection)?;
    let mut rows = Rows::new(connection, &shapes)?;
    let mut statement =
        connection.prepare("SELECT link, kind, hash, rows FROM chain ORDER BY link DESC")?;
    let mut before =
        connection.prepare("SELECT hash FROM chain WHERE link < ?1 ORDER BY link DESC LIMIT 1")?;
    let mut links = statement.query([])?;
    let (mut seen, mut count) = (BTreeSet::new(), 0);
    let mut last = None;
    while let Some(row) = links.next()? {
        let (link, kind) = read_link(row)?;
        let hash = before
            .query_row([link.number], |row| row.get::<_, Vec<u8>>(0))
            .optional()?
            .unwrap_or_else(|| BEFORE.to_vec());
        let follows = last.is_none_or(|last| last == link.number + 1);
        if !follows || hash_bytes(&hash, &link, &kind)[..] != link.hash[..] {
            return Ok(Some(of_chain(link.number, BROKEN)));
        }
        last = Some(link.number);
        let mut left = link.rows.as_slice();
        let mut notes = Vec::new();
        while let Some(note) = next(&mut left) {
            notes.push(note);
        }
        // The newest note of a row is what it must be.
        for note in notes.iter().rev() {
            count += 1;
            if seen.insert((note.table.to_owned(), note.key.to_vec()))
                && let Some(what) = rows.differs(note)?
            {
                return Ok(Some(rows.broken(link.number, note, what)));
            }
        }
        if link.is_found || count >= TAIL {
            break;
        }
    }
    Ok(last
        .is_none()
        .then(|| of_chain(0, "there is no link at all")))
}

const BROKEN: &str = "the link does not follow from the one before it";

fn read_link(row: &rusqlite::Row<'_>) -> rusqlite::Result<(Link, String)> {
    let kind: String = row.get(1)?;
    Ok((
        Link {
            number: row.get(0)?,
            is_found: kind == super::Kind::Found.as_str(),
            hash: row.get(2)?,
            rows: row.get(3)?,
        },
        kind,
    ))
}

fn hash_bytes(before: &[u8], link: &Link, kind: &str) -> [u8; 32] {
    let before = before.try_into().unwrap_or(BEFORE);
    hash_of(&before, link.number, kind, &link.rows)
}

impl Link {
    fn wrong(link: &Self, kind: &str, before: &[u8], links: u64) -> Option<Break> {
        let expected = i64::try_from(links).unwrap_or(i64::MAX - 1) + 1;
        if link.number != expected {
            return Some(of_chain(expected, "the link is missing"));
        }
        (hash_bytes(before, link, kind)[..] != link.hash[..]).then(|| of_chain(link.number, BROKEN))
    }
}

fn of_chain(link: i64, what: &'static str) -> Break {
    Break {
        link: Some(link),
        table: "chain".to_owned(),
        row: format!("link {link}"),
        what,
    }
}

fn hex(hash: &[u8]) -> String {
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The rows of all tables, held against notes.
struct Rows<'a> {
    connection: &'a Connection,
    tables: BTreeMap<&'a str, Table<'a>>,
    /// Rows that are not as they were last noted, until a later note says otherwise.
    open: BTreeMap<(String, Vec<u8>), (i64, &'static str)>,
}

struct Table<'a> {
    shape: &'a Shape,
    find: CachedStatement<'a>,
    /// Rows that there should be.
    count: i64,
}

impl<'a> Rows<'a> {
    fn new(connection: &'a Connection, shapes: &'a [Shape]) -> rusqlite::Result<Self> {
        let mut tables = BTreeMap::new();
        for shape in shapes {
            let find = connection.prepare_cached(&shape.find())?;
            let count = 0;
            tables.insert(shape.table.as_str(), Table { shape, find, count });
        }
        Ok(Self {
            connection,
            tables,
            open: BTreeMap::new(),
        })
    }

    /// Holds a link's notes against the rows; gives how many were found rather than written.
    fn hold(&mut self, link: &Link) -> rusqlite::Result<u64> {
        let mut left = link.rows.as_slice();
        let mut found = 0;
        while let Some(note) = next(&mut left) {
            if let Some(table) = self.tables.get_mut(note.table) {
                table.count += match note.change {
                    Change::Found | Change::Inserted => 1,
                    Change::Updated => 0,
                    Change::Deleted => -1,
                };
            }
            // The ledger's own life is noted by the step that begins the chain.
            found += u64::from(note.change == Change::Found && note.table != "instances");
            let differs = self.differs(&note)?;
            let name = (note.table.to_owned(), note.key.to_vec());
            match differs {
                Some(what) => self.open.insert(name, (link.number, what)),
                None => self.open.remove(&name),
            };
        }
        Ok(found)
    }

    /// In what way the row is not as noted.
    fn differs(&mut self, note: &Note<'_>) -> rusqlite::Result<Option<&'static str>> {
        let Some(table) = self.tables.get_mut(note.table) else {
            return Ok(Some("there is no such table"));
        };
        let key = parts(note.key).filter(|key| key.len() == table.shape.key.len());
        let Some(key) = key else {
            return Ok(Some("the note cannot be read"));
        };
        let mut rows = table.find.query(params_from_iter(key))?;
        let digest = rows.next()?.map(|row| {
            table
                .shape
                .digest(|at| row.get_ref(at).unwrap_or(ValueRef::Null))
        });
        Ok(match (digest, note.change) {
            (None, Change::Deleted) => None,
            (None, _) => Some("the row is gone"),
            (Some(_), Change::Deleted) => Some("the row was deleted and is there again"),
            (Some(digest), _) if digest == *note.digest => None,
            (Some(_), _) => Some("the row was changed"),
        })
    }

    fn broken(&self, link: i64, note: &Note<'_>, what: &'static str) -> Break {
        Break {
            link: Some(link),
            table: note.table.to_owned(),
            row: self.name(note.table, note.key),
            what,
        }
    }

    fn name(&self, table: &str, key: &[u8]) -> String {
        match (self.tables.get(table), parts(key)) {
            (Some(table), Some(key)) => table.shape.name(&key),
            _ => "an unreadable key".to_owned(),
        }
    }

    /// All links are read: what is still open is broken, and what was never noted is too much.
    fn conclude(&self, verified: &mut Verified) -> rusqlite::Result<()> {
        for ((table, key), &(link, what)) in &self.open {
            verified.breaks.push(Break {
                link: Some(link),
                table: table.clone(),
                row: self.name(table, key),
                what,
            });
        }
        for table in self.tables.values() {
            let name = quoted(&table.shape.table);
            let count: i64 = self.connection.query_row(
                &format!("SELECT count(*) FROM main.{name}"),
                [],
                |row| row.get(0),
            )?;
            verified.rows += u64::try_from(count).unwrap_or(0);
            let gone = |what: &&'static str| *what == "the row is gone";
            let missing = self
                .open
                .iter()
                .filter(|((of, _), (_, what))| *of == table.shape.table && gone(what))
                .count();
            if count != table.count - i64::try_from(missing).unwrap_or(0) {
                self.strangers(table.shape, verified)?;
            }
        }
        Ok(())
    }

    /// Names the rows of a table that no link knows.
    fn strangers(&self, shape: &Shape, verified: &mut Verified) -> rusqlite::Result<()> {
        let mut known = BTreeSet::new();
        let mut links = self.connection.prepare("SELECT rows FROM chain")?;
        let mut links = links.query([])?;
        while let Some(link) = links.next()? {
            let rows: Vec<u8> = link.get(0)?;
            let mut left = rows.as_slice();
            while let Some(note) = next(&mut left) {
                if note.table == shape.table {
                    known.insert(note.key.to_vec());
                }
            }
        }
        let sql = format!("SELECT * FROM main.{}", quoted(&shape.table));
        let mut statement = self.connection.prepare(&sql)?;
        let mut rows = statement.query([])?;
        let mut told = 0;
        while let Some(row) = rows.next()? {
            let mut key = Vec::new();
            shape.key(|at| row.get_ref(at).unwrap_or(ValueRef::Null), &mut key);
            if !known.contains(&key) && told < MOST {
                told += 1;
                verified.breaks.push(Break {
                    link: None,
                    table: shape.table.clone(),
                    row: self.name(&shape.table, &key),
                    what: "the row was never written by bea",
                });
            }
        }
        Ok(())
    }
}
