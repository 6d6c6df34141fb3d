//! What the ledger keeps of strategies besides what they did: their versions, and what they remember.

use rusqlite::{Connection, OptionalExtension, named_params, params};
use serde::Serialize;
use serde_json::Value;

use super::rows::RowError;
use super::{LedgerError, Reader};
use crate::market::{Mode, TimeMs};

/// What became of a version that was offered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It runs.
    Accepted,
    /// It does not, because of this.
    Refused(String),
    /// It was only kept, for this reason.
    Kept(String),
}

impl Verdict {
    const fn parts(&self) -> (&'static str, Option<&String>) {
        match self {
            Self::Accepted => ("ACCEPTED", None),
            Self::Refused(reason) => ("REFUSED", Some(reason)),
            Self::Kept(reason) => ("KEPT", Some(reason)),
        }
    }
}

/// A version of a strategy, as it was offered.
#[derive(Clone, Debug, PartialEq)]
pub struct Version {
    /// Whose version.
    pub strategy: String,
    /// When, by the wall clock.
    pub at: TimeMs,
    /// Its hash.
    pub hash: String,
    /// The script's name.
    pub script: String,
    /// The script's file.
    pub file: String,
    /// The script's source.
    pub source: String,
    /// What else it reads: name and text of each imported file and table.
    pub files: Vec<(String, String)>,
    /// The parameters that the configuration sets.
    pub params: Value,
    /// What became of it.
    pub verdict: Verdict,
    /// Who asked for the folder to be looked at, and by which request; none if it was found saved.
    pub asked_by: Option<String>,
}

/// What a strategy remembers.
#[derive(Clone, Debug, PartialEq)]
pub struct State {
    /// Which strategy.
    pub strategy: String,
    /// The version that left it so.
    pub hash: String,
    /// What it remembers, a map.
    pub state: Value,
    /// When, by the wall clock.
    pub at: TimeMs,
}

/// What a strategy remembers, as the ledger has it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct StateRow {
    /// Which strategy.
    pub strategy: String,
    /// In which run it was left so.
    pub run: i64,
    /// The version that left it so.
    pub script_hash: String,
    /// What it remembers, a map.
    pub state: Value,
    /// Its hash.
    pub state_hash: String,
    /// Its size as JSON.
    pub bytes: u64,
    /// When it was written down.
    pub updated_at_ms: TimeMs,
}

/// A version of a strategy, as the ledger has it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct VersionRow {
    /// Whose version.
    pub strategy: String,
    /// Its hash.
    pub hash: String,
    /// The script's file.
    pub file: String,
    /// The parameters that the configuration set, as of the last time.
    pub params: Value,
    /// When it was first offered.
    pub first_seen_ms: TimeMs,
    /// When it was last offered.
    pub last_seen_ms: TimeMs,
    /// What became of it the last time: ACCEPTED, REFUSED or KEPT.
    pub verdict: String,
    /// Why, unless accepted.
    pub reason: Option<String>,
    /// The run in which it was last offered.
    pub run: Option<i64>,
    /// Who asked for it the last time, and by which request; none if it was found saved.
    pub asked_by: Option<String>,
}

/// What a version was made of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SourceRow {
    /// The script's source.
    pub source: String,
    /// What else it read: name and text of each imported file and table.
    pub files: Vec<(String, String)>,
}

fn hash(text: &str) -> String {
    blake3::hash(text.as_bytes()).to_hex().to_string()
}

fn keep_text(connection: &Connection, text: &str) -> rusqlite::Result<String> {
    let hash = hash(text);
    connection
        .prepare_cached("INSERT INTO texts VALUES (?1, ?2) ON CONFLICT (hash) DO NOTHING")?
        .execute(params![hash, text])?;
    Ok(hash)
}

pub(super) fn write_version(
    connection: &Connection,
    run: Option<i64>,
    version: &Version,
) -> Result<(), RowError> {
    connection
        .prepare_cached("INSERT INTO scripts VALUES (?1, ?2, ?3) ON CONFLICT (hash) DO NOTHING")?
        .execute(params![version.hash, version.script, version.source])?;
    for (file, text) in &version.files {
        let text = keep_text(connection, text)?;
        connection
            .prepare_cached("INSERT INTO script_files VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING")?
            .execute(params![version.hash, file, text])?;
    }
    let (verdict, reason) = version.verdict.parts();
    connection
        .prepare_cached(
            "INSERT INTO strategy_versions
                    (run_id, at_ms, strategy, script_hash, file, params, verdict, reason, asked_by)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
        )?
        .execute(params![
            run,
            version.at.0,
            version.strategy,
            version.hash,
            version.file,
            version.params.to_string(),
            verdict,
            reason,
            version.asked_by
        ])?;
    Ok(())
}

pub(super) fn write_state(
    connection: &Connection,
    run: i64,
    state: &State,
) -> Result<(), RowError> {
    let text = state.state.to_string();
    connection
        .prepare_cached("INSERT OR REPLACE INTO strategy_states VALUES (?1, ?2, ?3, ?4, ?5, ?6)")?
        .execute(params![
            state.strategy,
            run,
            state.hash,
            text,
            hash(&text),
            state.at.0
        ])?;
    Ok(())
}

pub(super) fn clear_state(connection: &Connection, strategy: &str) -> Result<(), RowError> {
    connection.execute(
        "DELETE FROM strategy_states WHERE strategy = ?1",
        [strategy],
    )?;
    Ok(())
}

pub(super) fn write_start(
    connection: &Connection,
    run: i64,
    recording: u32,
    strategy: &str,
    state: &Value,
) -> Result<(), RowError> {
    let hash = keep_text(connection, &state.to_string())?;
    connection
        .prepare_cached("INSERT INTO session_states VALUES (?1, ?2, ?3, ?4)")?
        .execute(params![run, recording, strategy, hash])?;
    Ok(())
}

impl Reader {
    /// Versions of a strategy (or of all), each once, the one offered last standing last.
    ///
    /// # Errors
    /// If the ledger cannot be read.
    pub fn versions(&self, strategy: Option<&str>) -> Result<Vec<VersionRow>, LedgerError> {
        self.rows(
            "SELECT v.strategy, v.script_hash, v.file, o.first, v.at_ms, v.verdict, v.reason, v.run_id,
                    v.params, v.asked_by
               FROM (SELECT max(id) AS last, min(at_ms) AS first FROM strategy_versions
                      WHERE :strategy IS NULL OR strategy = :strategy
                      GROUP BY strategy, script_hash) o
               JOIN strategy_versions v ON v.id = o.last
              ORDER BY v.id",
            named_params! { ":strategy": strategy },
            |row| {
                Ok(VersionRow {
                    strategy: row.get(0)?,
                    hash: row.get(1)?,
                    file: row.get(2)?,
                    first_seen_ms: TimeMs(row.get(3)?),
                    last_seen_ms: TimeMs(row.get(4)?),
                    verdict: row.get(5)?,
                    reason: row.get(6)?,
                    run: row.get(7)?,
                    params: row.get::<_, String>(8)?.parse().unwrap_or_default(),
                    asked_by: row.get(9)?,
                })
            },
        )
    }

    /// What a version was made of; `None` if it was never kept.
    ///
    /// # Errors
    /// If the ledger cannot be read.
    pub fn source(&self, hash: &str) -> Result<Option<SourceRow>, LedgerError> {
        let failed = || LedgerError::database(&self.path, "read a script");
        let source: Option<String> = self
            .connection
            .query_row(
                "SELECT source FROM scripts WHERE hash = ?1",
                [hash],
                |row| row.get(0),
            )
            .optional()
            .map_err(failed())?;
        let Some(source) = source else {
            return Ok(None);
        };
        let files = self.rows(
            "SELECT f.file, t.text FROM script_files f JOIN texts t ON t.hash = f.text_hash
              WHERE f.script_hash = :hash ORDER BY f.file",
            named_params! { ":hash": hash },
            |row| Ok((row.get(0)?, row.get(1)?)),
        )?;
        Ok(Some(SourceRow { source, files }))
    }

    /// What strategies remember, by strategy.
    ///
    /// # Errors
    /// If the ledger cannot be read.
    pub fn states(&self) -> Result<Vec<StateRow>, LedgerError> {
        self.rows(
            "SELECT strategy, run_id, script_hash, state, state_hash, updated_at_ms
               FROM strategy_states ORDER BY strategy",
            &[],
            |row| {
                let text: String = row.get(3)?;
                let broken = |error: serde_json::Error| {
                    let kind = rusqlite::types::Type::Text;
                    rusqlite::Error::FromSqlConversionFailure(3, kind, error.into())
                };
                Ok(StateRow {
                    strategy: row.get(0)?,
                    run: row.get(1)?,
                    script_hash: row.get(2)?,
                    state: serde_json::from_str(&text).map_err(broken)?,
                    state_hash: row.get(4)?,
                    bytes: text.len() as u64,
                    updated_at_ms: TimeMs(row.get(5)?),
                })
            },
        )
    }

    /// How many bets each strategy placed in all runs of a mode, by strategy.
    ///
    /// # Errors
    /// If the ledger cannot be read.
    pub fn bets_placed(&self, mode: Mode) -> Result<Vec<(String, u64)>, LedgerError> {
        self.rows(
            "SELECT o.strategy, count(*) FROM orders o JOIN runs r ON r.id = o.run_id
              WHERE r.mode = :mode GROUP BY o.strategy ORDER BY o.strategy",
            named_params! { ":mode": mode.as_str() },
            |row| Ok((row.get(0)?, super::reader::count(row, 1)?)),
        )
    }
}
