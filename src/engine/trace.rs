//! The trace: one hash over all records of a run, to show that two runs did the same.

use super::Record;

/// Hashes records as JSON lines with BLAKE3. Equal hashes mean equal decisions, orders, fills and results.
#[derive(Clone, Debug, Default)]
pub struct Trace {
    hasher: blake3::Hasher,
    line: Vec<u8>,
}

impl Trace {
    /// Adds records.
    pub fn add(&mut self, records: &[Record]) {
        for record in records {
            self.line.clear();
            serde_json::to_writer(&mut self.line, record).expect("a record is plain data");
            self.line.push(b'\n');
            self.hasher.update(&self.line);
        }
    }

    /// Adds the hash of a part of the run that was traced by itself, such as one recording.
    pub fn add_part(&mut self, name: &str, hash: &str) {
        self.hasher.update(name.as_bytes());
        self.hasher.update(b"\t");
        self.hasher.update(hash.as_bytes());
        self.hasher.update(b"\n");
    }

    /// The hash so far, 64 hexadecimal digits.
    #[must_use]
    pub fn hash(&self) -> String {
        self.hasher.finalize().to_hex().to_string()
    }
}
