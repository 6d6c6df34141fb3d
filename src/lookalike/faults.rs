//! Misbehaviour on demand: what goes wrong, how often, and for which requests.

use serde::{Deserialize, Serialize};

use crate::source::generate::Random;
use crate::venue::betfair::ApiCode;

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// The connection breaks before the request is carried out.
    DropBefore,
    /// The request is carried out, then the connection breaks.
    DropAfter,
    /// The request is carried out `ms` late.
    DelayBefore,
    /// The request is carried out, and answered `ms` late.
    DelayAfter,
    /// An HTML page of `status` instead of carrying it out.
    HtmlBefore,
    /// The request is carried out and answered by an HTML page of `status`.
    HtmlAfter,
    /// The exception `code` instead of carrying it out.
    ApiError,
    /// The request is carried out, and its report says TIMEOUT.
    TimeoutReport,
    /// All sessions end before the request is looked at.
    ExpireSessions,
    /// An order message comes twice.
    StreamDuplicate,
    /// An order message comes after the next one.
    StreamReorder,
    /// The stream breaks off.
    StreamDrop,
    /// A message of the stream says 503.
    #[serde(rename = "stream_503")]
    Stream503,
    /// The stream says nothing, not even heartbeats, for `ms`.
    StreamStall,
}

impl Kind {
    const BEFORE: [Self; 5] = [
        Self::ExpireSessions,
        Self::DelayBefore,
        Self::DropBefore,
        Self::HtmlBefore,
        Self::ApiError,
    ];
    const AFTER: [Self; 4] = [
        Self::DelayAfter,
        Self::TimeoutReport,
        Self::DropAfter,
        Self::HtmlAfter,
    ];
    const STREAM: [Self; 5] = [
        Self::StreamStall,
        Self::StreamDrop,
        Self::Stream503,
        Self::StreamDuplicate,
        Self::StreamReorder,
    ];
}

/// One thing that goes wrong, as a file or the control address names it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// What.
    pub fault: Kind,
    /// Only for this operation, such as `placeOrders`; on the stream `mcm` or `ocm`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation: Option<String>,
    /// For the next so many; once if neither this nor a probability is given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<u64>,
    /// This often.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub probability: Option<f64>,
    /// How long.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ms: Option<u64>,
    /// HTTP status of a page; 503 if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// Code of an exception; UNEXPECTED_ERROR if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
}

impl Fault {
    /// How long it takes, one second unless it says.
    pub(super) fn pause(&self) -> std::time::Duration {
        std::time::Duration::from_millis(self.ms.unwrap_or(1_000))
    }

    /// The exception that it raises.
    pub(super) fn api_code(&self) -> ApiCode {
        ApiCode::from(self.code.as_deref().unwrap_or("UNEXPECTED_ERROR"))
    }

    /// What is wrong with it itself.
    fn objection(&self) -> Option<String> {
        let probability = self.probability.unwrap_or(0.0);
        if !(0.0..=1.0).contains(&probability) {
            return Some(format!("probability {probability}: use 0 to 1"));
        }
        if self
            .status
            .is_some_and(|status| !(100..=599).contains(&status))
        {
            return Some("status: use an HTTP status, 100 to 599".to_owned());
        }
        if self.next.is_some() && self.probability.is_some() {
            return Some("give next or probability, not both".to_owned());
        }
        None
    }
}

/// Reads faults, one or a list.
///
/// # Errors
/// What cannot be read, and what there is.
pub fn read_faults(text: &[u8]) -> Result<Vec<Fault>, String> {
    let value: serde_json::Value =
        serde_json::from_slice(text).map_err(|error| format!("no JSON: {error}"))?;
    let list = match value {
        serde_json::Value::Array(list) => list,
        one => vec![one],
    };
    let mut faults = Vec::new();
    for (at, value) in list.into_iter().enumerate() {
        let fault: Fault =
            serde_json::from_value(value).map_err(|error| format!("fault {}: {error}", at + 1))?;
        if let Some(objection) = fault.objection() {
            return Err(format!("fault {}: {objection}", at + 1));
        }
        faults.push(fault);
    }
    Ok(faults)
}

/// The faults in force.
#[derive(Debug)]
pub(super) struct Faults {
    active: Vec<Fault>,
    random: Random,
}

impl Faults {
    pub(super) fn new(active: Vec<Fault>, seed: u64) -> Self {
        let mut faults = Self {
            active: Vec::new(),
            random: Random::new(seed, 0),
        };
        faults.add(active);
        faults
    }

    pub(super) fn add(&mut self, more: Vec<Fault>) {
        self.active.extend(more.into_iter().map(|mut fault| {
            if fault.probability.is_none() {
                fault.next.get_or_insert(1);
            }
            fault
        }));
    }

    pub(super) fn clear(&mut self) {
        self.active.clear();
    }

    pub(super) fn active(&self) -> &[Fault] {
        &self.active
    }

    /// What befalls a request before it is carried out.
    pub(super) fn before(&mut self, operation: &str) -> Vec<Fault> {
        self.strike(&Kind::BEFORE, operation)
    }

    /// What befalls it after.
    pub(super) fn after(&mut self, operation: &str) -> Vec<Fault> {
        self.strike(&Kind::AFTER, operation)
    }

    /// What befalls a message of the stream.
    pub(super) fn on_stream(&mut self, operation: &str) -> Vec<Fault> {
        self.strike(&Kind::STREAM, operation)
    }

    /// At most one of each kind, in the order of the kinds.
    fn strike(&mut self, kinds: &[Kind], operation: &str) -> Vec<Fault> {
        let mut struck = Vec::new();
        for kind in kinds {
            for fault in &mut self.active {
                let concerns = fault
                    .operation
                    .as_ref()
                    .is_none_or(|only| only.eq_ignore_ascii_case(operation));
                if fault.fault != *kind || !concerns {
                    continue;
                }
                let strikes = match (&mut fault.next, fault.probability) {
                    (Some(left), _) if *left > 0 => {
                        *left -= 1;
                        true
                    }
                    (None, Some(probability)) => self.random.chance(probability),
                    _ => false,
                };
                if strikes {
                    struck.push(fault.clone());
                    break;
                }
            }
        }
        self.active.retain(|fault| fault.next != Some(0));
        struck
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(text: &str) -> Faults {
        Faults::new(read_faults(text.as_bytes()).unwrap(), 1)
    }

    fn kinds(struck: &[Fault]) -> Vec<Kind> {
        struck.iter().map(|fault| fault.fault).collect()
    }

    #[test]
    fn a_fault_strikes_so_often_and_only_where_it_is_meant_to() {
        let mut faults = faults(
            r#"[{"fault":"drop_after","operation":"placeOrders","next":2},{"fault":"api_error"}]"#,
        );
        assert!(faults.after("listMarketBook").is_empty());
        assert_eq!(kinds(&faults.after("placeOrders")), [Kind::DropAfter]);
        assert_eq!(kinds(&faults.before("placeOrders")), [Kind::ApiError]);
        assert_eq!(kinds(&faults.after("placeOrders")), [Kind::DropAfter]);
        assert!(faults.after("placeOrders").is_empty() && faults.active().is_empty());
    }

    #[test]
    fn a_probable_fault_strikes_about_as_often_as_it_says_and_stays() {
        let mut faults = faults(r#"{"fault":"drop_before","probability":0.25}"#);
        let struck = (0..4_000)
            .filter(|_| !faults.before("x").is_empty())
            .count();
        assert!((800..1_200).contains(&struck), "{struck}");
        faults.clear();
        assert!(faults.before("x").is_empty());
    }

    #[test]
    fn the_document_names_every_fault_as_it_is_read() {
        let document = include_str!("../../docs/exchange.md");
        for kind in [&Kind::BEFORE[..], &Kind::AFTER, &Kind::STREAM].concat() {
            let name = serde_json::to_value(kind).unwrap();
            let name = name.as_str().unwrap();
            assert!(document.contains(&format!("`{name}`")), "{name}");
        }
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        for (text, cause) in [
            ("{", "no JSON"),
            (r#"{"fault":"tea"}"#, "unknown variant `tea`"),
            (
                r#"[{"fault":"drop_after","probability":2}]"#,
                "fault 1: probability 2",
            ),
            (
                r#"{"fault":"drop_after","probability":1,"next":1}"#,
                "not both",
            ),
            (r#"{"fault":"drop_after","tims":1}"#, "unknown field `tims`"),
        ] {
            let error = read_faults(text.as_bytes()).unwrap_err();
            assert!(error.contains(cause), "{text}: {error}");
        }
    }
}
