//! What the clients of all venues share: how servers are checked, that nothing is sent twice or elsewhere, when a venue
//! is left alone, and errors without addresses.

use std::error::Error as _;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use failsafe::StateMachine;
use failsafe::backoff::{self, Constant};
use failsafe::failure_policy::{self, ConsecutiveFailures};
use reqwest::ClientBuilder;
use reqwest::redirect::Policy;
use rustls_platform_verifier::Verifier;
use tokio_rustls::rustls::client::WantsClientCert;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::{self, ClientConfig, ConfigBuilder};

use crate::config::Breaker;

/// Opens after so many failures in a row, and lets requests through again after a while.
pub(super) type CircuitBreaker = StateMachine<ConsecutiveFailures<Constant>, ()>;

/// The breaker that these settings ask for.
pub(super) fn breaker(settings: Breaker) -> CircuitBreaker {
    let rest = backoff::constant(Duration::from_secs(u64::from(settings.open_seconds)));
    let policy = failure_policy::consecutive_failures(settings.failures, rest);
    StateMachine::new(policy, ())
}

/// Begins a client of which nothing sends a request again, or to somebody else.
pub(super) fn client(tls: ClientConfig) -> ClientBuilder {
    reqwest::Client::builder()
        .tls_backend_preconfigured(tls)
        .redirect(Policy::none())
        .retry(reqwest::retry::never())
        .no_proxy()
        .gzip(true)
}

/// Begins a TLS configuration that checks servers by the system's root certificates, and by `more`.
///
/// # Errors
/// If the system has none that can be used.
pub(super) fn checked(
    more: Vec<CertificateDer<'static>>,
) -> Result<ConfigBuilder<ClientConfig, WantsClientCert>, rustls::Error> {
    let provider = Arc::new(ring::default_provider());
    let verifier = Verifier::new_with_extra_roots(more, Arc::clone(&provider))?;
    let builder =
        ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    Ok(builder
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier)))
}

/// An error with all its causes, and without the address, in which secrets may stand.
pub(super) fn told(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(next) = cause {
        let _ = write!(text, ": {next}");
        cause = next.source();
    }
    text
}
