//! The hash chain: every row that is written is digested, and each commit's digests are chained to those before.
//!
//! ```text
//! hash of link n = BLAKE3( hash of link n-1 ‖ n ‖ kind ‖ rows )        rows = ( change, table, key, digest )*
//! ```
//!
//! [`Scribe`] notes rows as they are written, whatever table they go to: triggers on the writer's own connection call
//! it. [`Reader::verify`] reads every row again. A row of which the chain knows nothing, or something else, was not
//! written by bea.

mod digest;
mod scribe;
mod verify;

pub(super) use scribe::{Scribe, adopt};
pub use verify::{Break, Head, Verified};
pub(super) use verify::{check_tail, verify};

/// The hash before the first link.
const BEFORE: [u8; 32] = [0; 32];

/// What a link is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// Rows that were there when the schema changed: taken as they were.
    Found,
    /// Rows that a commit wrote.
    Written,
}

impl Kind {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Found => "FOUND",
            Self::Written => "WRITTEN",
        }
    }
}

fn hash_of(before: &[u8; 32], link: i64, kind: &str, rows: &[u8]) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(before);
    hasher.update(&link.to_le_bytes());
    hasher.update(kind.as_bytes());
    hasher.update(rows);
    *hasher.finalize().as_bytes()
}
