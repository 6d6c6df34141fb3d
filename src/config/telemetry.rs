//! Where traces go, if anywhere.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::alert::is_loopback;
use super::strategies::Problem;

/// Where traces go.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TelemetrySettings {
    /// Whether they go anywhere.
    pub enabled: bool,
    /// Where the collector takes them: OTLP as protobuf over HTTP.
    pub endpoint: String,
    /// What this host is called in them.
    pub service: String,
    /// The file with the value of the header `Authorization`; if empty, `BEA_OTLP_AUTHORIZATION` and its like are looked for.
    pub authorization_file: PathBuf,
}

impl Default for TelemetrySettings {
    fn default() -> Self {
        Self {
            enabled: false,
            endpoint: "http://127.0.0.1:4318/v1/traces".to_owned(),
            service: "bea".to_owned(),
            authorization_file: PathBuf::new(),
        }
    }
}

impl TelemetrySettings {
    /// What does not go together.
    pub(super) fn problems(&self) -> Vec<Problem> {
        if self.endpoint.starts_with("https://") || is_loopback(&self.endpoint) {
            return Vec::new();
        }
        let problem = "use an address that begins with https:// (http:// only for this machine)";
        vec![(
            "telemetry.endpoint".to_owned(),
            format!("{:?}", self.endpoint),
            problem.to_owned(),
        )]
    }
}
