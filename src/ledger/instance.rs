//! The lives of a ledger. A restored copy begins another one, so that nothing it does is taken for the first one's.

use rusqlite::{Connection, params};
use serde::Serialize;

/// One life of a ledger, from its making, migration or restoring to the next restoring.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Instance {
    /// Its number, from 1.
    pub epoch: u32,
    /// Twelve random hexadecimal digits: two copies restored from one backup differ in it.
    pub id: String,
    /// Whether it was CREATED, MIGRATED or RESTORED.
    pub cause: String,
}

impl Instance {
    /// The present life.
    pub(super) fn present(connection: &Connection) -> rusqlite::Result<Self> {
        connection.query_row(
            "SELECT epoch, id, cause FROM instances ORDER BY epoch DESC LIMIT 1",
            [],
            |row| {
                Ok(Self {
                    epoch: row.get(0)?,
                    id: row.get(1)?,
                    cause: row.get(2)?,
                })
            },
        )
    }

    /// What ids of intents are derived from where bets reach a real venue: no two lives of a ledger, and no two of its
    /// runs and sessions, have one in common. Recorded sessions take their ordinal alone, so that a backtest of one
    /// has the same ids.
    #[must_use]
    pub fn seed(&self, run: i64, session: u32) -> u64 {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&self.epoch.to_le_bytes());
        hasher.update(self.id.as_bytes());
        hasher.update(&run.to_le_bytes());
        hasher.update(&session.to_le_bytes());
        let mut bytes = [0; 8];
        bytes.copy_from_slice(&hasher.finalize().as_bytes()[..8]);
        u64::from_le_bytes(bytes)
    }
}

/// Begins another life.
pub(super) fn begin(connection: &Connection, cause: &str) -> rusqlite::Result<()> {
    // SQLite draws its random bytes from the system, and reads its clock.
    connection.execute(
        "INSERT INTO instances (epoch, id, began_at_ms, cause)
         SELECT coalesce(max(epoch), 0) + 1, lower(hex(randomblob(6))),
                CAST(unixepoch('subsec') * 1000 AS INTEGER), ?1
           FROM instances",
        params![cause],
    )?;
    Ok(())
}

/// Begins the first life, unless there is one.
pub(super) fn begin_first(connection: &Connection, cause: &str) -> rusqlite::Result<()> {
    let lives: i64 =
        connection.query_row("SELECT count(*) FROM instances", [], |row| row.get(0))?;
    match lives {
        0 => begin(connection, cause),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_life_run_and_session_has_its_own_seed() {
        let life = |epoch, id: &str| Instance {
            epoch,
            id: id.to_owned(),
            cause: "CREATED".to_owned(),
        };
        let first = life(1, "0123456789ab");
        let seeds = [
            first.seed(1, 1),
            first.seed(1, 2),
            first.seed(2, 1),
            life(2, "0123456789ab").seed(1, 1),
            life(1, "0123456789ac").seed(1, 1),
        ];
        let unique: std::collections::BTreeSet<_> = seeds.iter().collect();
        assert_eq!(unique.len(), seeds.len());
        assert_eq!(first.seed(1, 1), life(1, "0123456789ab").seed(1, 1));
    }
}
