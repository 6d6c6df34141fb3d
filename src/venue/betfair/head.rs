//! What a client must know of a line of the stream before anybody reads it whole.

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::stream::{ChangeType, OrderMarketChange, Segment, StatusMessage};

/// The head of a line: everything but the changes of markets.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Head {
    /// `connection`, `status`, `mcm`, `ocm`.
    pub op: String,
    /// Of which request.
    pub id: Option<i64>,
    /// Which image this begins.
    pub initial_clk: Option<String>,
    /// Up to where the client is now.
    pub clk: Option<String>,
    /// When it was published.
    pub pt: Option<i64>,
    /// What kind of change; an update if absent.
    pub ct: Option<ChangeType>,
    /// Which part; the whole if absent.
    pub segment_type: Option<Segment>,
    /// 503 if the data is incomplete.
    pub status: Option<u16>,
    /// The longest silence, as the venue takes it.
    pub heartbeat_ms: Option<u64>,
    /// Which connection this is.
    pub connection_id: Option<String>,
    /// Whether there are changes of markets.
    mc: Option<IgnoredAny>,
    /// Changes of orders.
    pub oc: Option<Vec<OrderMarketChange>>,
}

impl Head {
    /// Reads the head of a line.
    ///
    /// # Errors
    /// If it is no message.
    pub fn read(line: &[u8]) -> Result<Self, serde_json::Error> {
        serde_json::from_slice(line)
    }

    /// Reads a whole `status`.
    ///
    /// # Errors
    /// If it is none.
    pub fn read_status(line: &[u8]) -> Result<StatusMessage, serde_json::Error> {
        serde_json::from_slice(line)
    }

    /// Whether it brings changes of markets.
    #[must_use]
    pub const fn has_markets(&self) -> bool {
        self.mc.is_some()
    }

    /// Whether a message is complete with this line.
    #[must_use]
    pub fn is_end(&self) -> bool {
        matches!(self.segment_type, None | Some(Segment::SegEnd))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_head_of_each_recorded_line_is_read() {
        let folder =
            std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data/betfair/stream");
        let Ok(files) = std::fs::read_dir(&folder) else {
            eprintln!("SKIPPED: {} is not there", folder.display());
            return;
        };
        let mut count = 0;
        for file in files.map(|file| file.unwrap().path()) {
            let text = std::fs::read(&file).unwrap();
            let value: serde_json::Value = serde_json::from_slice(&text).unwrap();
            let messages = value.as_array().cloned().unwrap_or(vec![value]);
            // Some files hold only a part of a message, or are of another stream.
            for message in messages.iter().filter(|message| {
                message["op"]
                    .as_str()
                    .is_some_and(|op| op != "rcm" && op != "ccm")
            }) {
                let line = message.to_string();
                let head = Head::read(line.as_bytes())
                    .unwrap_or_else(|error| panic!("{}: {error}", file.display()));
                assert_eq!(
                    head.has_markets(),
                    message.get("mc").is_some_and(|mc| !mc.is_null())
                );
                if head.op == "status" {
                    assert!(Head::read_status(line.as_bytes()).is_ok());
                }
                count += 1;
            }
        }
        assert!(count > 30, "{count} messages");
    }
}
