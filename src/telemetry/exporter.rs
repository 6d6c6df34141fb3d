//! The way to the collector: OTLP as protobuf over HTTP, with a client that follows nobody elsewhere.

use std::time::Duration;

use opentelemetry::KeyValue;
use opentelemetry_otlp::{
    Protocol, RetryPolicy, SpanExporter as Otlp, WithExportConfig, WithHttpConfig,
};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{SpanData, SpanExporter};
use reqwest::redirect::Policy;

use crate::config::{Secret, SecretError, TelemetrySettings, redact};

/// How long the collector may take for a batch, all tries together.
const TIMEOUT: Duration = Duration::from_secs(10);

pub(super) type Exporter = Otlp;

/// Why nothing can be sent.
#[derive(Debug, thiserror::Error)]
pub enum Closed {
    /// The secret cannot be read.
    #[error("{0}")]
    Secret(#[from] SecretError),
    /// There is no client.
    #[error("no client for the collector can be made: {0}")]
    Client(String),
}

/// Opens the way that the settings name.
pub(super) fn open(settings: &TelemetrySettings) -> Result<Exporter, Closed> {
    let authorization = Secret::find("BEA_OTLP_AUTHORIZATION", &settings.authorization_file)?;
    let headers = authorization
        .iter()
        .map(|secret| ("authorization".to_owned(), secret.expose().to_owned()));
    // An error means that there is one already.
    let _ = tokio_rustls::rustls::crypto::ring::default_provider().install_default();
    let client = reqwest::Client::builder()
        .timeout(TIMEOUT)
        .connect_timeout(TIMEOUT)
        .redirect(Policy::none())
        .user_agent(concat!("bea/", env!("CARGO_PKG_VERSION")))
        .build()
        .map_err(|error| Closed::Client(error.without_url().to_string()))?;
    let mut exporter = Otlp::builder()
        .with_http()
        .with_http_client(client)
        .with_protocol(Protocol::HttpBinary)
        .with_endpoint(&settings.endpoint)
        .with_headers(headers.collect())
        .with_timeout(TIMEOUT)
        .with_retry_policy(RetryPolicy::recommended())
        .build()
        .map_err(|error| Closed::Client(redact(&error.to_string()).into_owned()))?;
    let resource = Resource::builder_empty()
        .with_attributes([
            KeyValue::new("service.name", settings.service.clone()),
            KeyValue::new("service.version", env!("CARGO_PKG_VERSION")),
        ])
        .build();
    exporter.set_resource(&resource);
    Ok(exporter)
}

/// Sends a batch; says why if it was not taken.
pub(super) async fn send(exporter: &Exporter, batch: Vec<SpanData>) -> Result<(), String> {
    let sent = exporter.export(batch).await;
    sent.map_err(|error| redact(&error.to_string()).into_owned())
}
