//! The trace: one hash over all records of a run, to show that two runs did the same.

use super::Record;

/// Hashes records as JSON lines with BLAKE3. Equal hashes mean equal decisions, orders, fills and results.
#[derive(Clone, Debug, Default)]
pub struct Trace {
    hasher: blake3::Hasher,
    /// Lines that are not hashed yet.
    lines: Vec<u8>,
}

/// Bytes that are hashed at once: many together are hashed several times as fast as line by line.
const AT_ONCE: usize = 32 << 10;

impl Trace {
    /// Adds records.
    pub fn add(&mut self, records: &[Record]) {
        for record in records {
            serde_json::to_writer(&mut self.lines, record).expect("a record is plain data");
            self.lines.push(b'\n');
            if self.lines.len() >= AT_ONCE {
                self.hasher.update(&self.lines);
                self.lines.clear();
            }
        }
    }

    /// Adds the hash of a part of the run that was traced by itself, such as one recording.
    pub fn add_part(&mut self, name: &str, hash: &str) {
        for text in [name, "\t", hash, "\n"] {
            self.lines.extend_from_slice(text.as_bytes());
        }
    }

    /// The hash so far, 64 hexadecimal digits.
    #[must_use]
    pub fn hash(&self) -> String {
        let mut hasher = self.hasher.clone();
        hasher.update(&self.lines);
        hasher.finalize().to_hex().to_string()
    }
}
