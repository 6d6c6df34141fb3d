//! What the clients of all venues share: how servers are checked, that nothing is sent twice or elsewhere, when a venue
//! is left alone, whether a request has left, and errors without addresses.

use std::error::Error as _;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use failsafe::StateMachine;
use failsafe::backoff::{self, Constant};
use failsafe::failure_policy::{self, ConsecutiveFailures};
use reqwest::header::{ACCEPT, DATE};
use reqwest::redirect::Policy;
use reqwest::{Client, ClientBuilder, RequestBuilder};
use rustls_platform_verifier::Verifier;
use tokio_rustls::rustls::client::WantsClientCert;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::{self, ClientConfig, ConfigBuilder};

use crate::config::Breaker;
use crate::market::{Doubt, TimeMs};
use crate::venue::pace::date_of;
use crate::venue::{Clock, Requests};

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

/// A TLS configuration that checks servers by the system's root certificates.
///
/// # Errors
/// If the system has none that can be used, and what to do.
pub(super) fn system_tls() -> Result<ClientConfig, String> {
    let tls = checked(Vec::new()).map_err(|error| {
        format!(
            "no server's certificate can be checked: {error}. Install the system's root certificates (ca-certificates)"
        )
    })?;
    Ok(tls.with_no_client_auth())
}

/// The longest answer that is read.
const LONGEST_BODY: usize = 8 << 20;
/// A connection that is idle for longer is not used again: the other side may have closed it.
const IDLE: Duration = Duration::from_secs(30);

/// An answer.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: Vec<u8>,
    /// What time it was at the venue, to the second.
    pub(super) date: Option<String>,
}

impl Answer {
    /// What time it was at the venue, to the second, if it says so.
    pub(super) fn said_at(&self) -> Option<TimeMs> {
        date_of(self.date.as_deref()?)
    }
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum NoAnswer {
    /// The venue failed too often, and is left alone for a while: nothing left.
    #[error("it failed so often that it is left alone for a while")]
    LeftAlone,
    /// Somebody said no at the last moment: nothing left.
    #[error("it was stopped before it left")]
    Stopped,
    /// No connection was made: nothing left.
    #[error("no connection: {0}")]
    Unsent(String),
    /// The time was over.
    #[error("no answer came in time")]
    TimedOut,
    /// The connection broke, or what came was no answer.
    #[error("the connection broke: {0}")]
    Lost(String),
    /// It is longer than anything that the venue says.
    #[error("the answer is longer than {} MiB", LONGEST_BODY >> 20)]
    TooLong,
}

impl NoAnswer {
    /// Whether it is proven that nothing of the request has left.
    pub(super) const fn is_unsent(&self) -> bool {
        matches!(self, Self::LeftAlone | Self::Stopped | Self::Unsent(_))
    }

    /// A word for it that never changes.
    const fn code(&self) -> &'static str {
        match self {
            Self::LeftAlone => "left_alone",
            Self::Stopped => "stopped",
            Self::Unsent(_) => "unsent",
            Self::TimedOut => "timeout",
            Self::Lost(_) => "lost",
            Self::TooLong => "too_long",
        }
    }

    /// What of an order can be said that has left.
    pub(super) const fn doubt(&self) -> Doubt {
        match self {
            Self::TimedOut => Doubt::TimedOut,
            Self::TooLong => Doubt::Unreadable,
            _ => Doubt::ConnectionLost,
        }
    }
}

/// A pool of connections for one purpose, with its breaker.
pub(super) struct Wire {
    client: Client,
    breaker: CircuitBreaker,
    requests: Requests,
    clock: Clock,
}

impl Wire {
    pub(super) fn new(
        tls: ClientConfig,
        breaker: Breaker,
        connect_timeout: Duration,
        requests: Requests,
        clock: Clock,
    ) -> Result<Self, String> {
        let client = client(tls)
            .http1_only()
            .connect_timeout(connect_timeout)
            .pool_idle_timeout(IDLE)
            .tcp_nodelay(true)
            .build()
            .map_err(|error| format!("no HTTP client: {}", told(error)))?;
        Ok(Self {
            client,
            breaker: self::breaker(breaker),
            requests,
            clock,
        })
    }

    /// Begins a request; [`Self::send`] sends it.
    pub(super) fn post(&self, url: &str) -> RequestBuilder {
        self.client.post(url).header(ACCEPT, "application/json")
    }

    /// Begins a question, which is sent the same way.
    pub(super) fn get(&self, url: &str) -> RequestBuilder {
        self.client.get(url).header(ACCEPT, "application/json")
    }

    /// Whether a request would be let through.
    pub(super) fn is_open(&self) -> bool {
        self.breaker.is_call_permitted()
    }

    /// Sends a request for `op`, if `last_word` allows it, and reads the answer. `is_sound` tells whether an answer
    /// shows that the venue works.
    pub(super) async fn send(
        &self,
        op: &'static str,
        request: RequestBuilder,
        timeout: Duration,
        last_word: impl FnOnce() -> bool,
        is_sound: impl FnOnce(&Answer) -> bool,
    ) -> Result<Answer, NoAnswer> {
        let answer = self.send_uncounted(request, timeout, last_word, is_sound);
        let answer = answer.await;
        match &answer {
            Ok(answer) => self.requests.count(op, answer.status),
            Err(error) => self.requests.count(op, error.code()),
        }
        answer
    }

    async fn send_uncounted(
        &self,
        request: RequestBuilder,
        timeout: Duration,
        last_word: impl FnOnce() -> bool,
        is_sound: impl FnOnce(&Answer) -> bool,
    ) -> Result<Answer, NoAnswer> {
        if !self.breaker.is_call_permitted() {
            return Err(NoAnswer::LeftAlone);
        }
        if !last_word() {
            return Err(NoAnswer::Stopped);
        }
        let sent = (self.clock)();
        let answer = exchange(request.timeout(timeout)).await;
        let said = answer.as_ref().ok().and_then(Answer::said_at);
        if let Some(second) = said {
            self.requests.venue_said(second, sent, (self.clock)());
        }
        match &answer {
            Ok(answer) if is_sound(answer) => self.breaker.on_success(),
            _ => self.breaker.on_error(),
        }
        answer
    }
}

async fn exchange(request: RequestBuilder) -> Result<Answer, NoAnswer> {
    let mut response = request.send().await.map_err(no_answer)?;
    let status = response.status().as_u16();
    let date = response.headers().get(DATE);
    let date = date.and_then(|date| date.to_str().ok()).map(str::to_owned);
    let mut body = Vec::new();
    // Once an answer has begun, a failure to connect is none any more.
    let lost = |error: reqwest::Error| match error.is_timeout() {
        true => NoAnswer::TimedOut,
        false => NoAnswer::Lost(told(error)),
    };
    while let Some(part) = response.chunk().await.map_err(lost)? {
        if body.len() + part.len() > LONGEST_BODY {
            return Err(NoAnswer::TooLong);
        }
        body.extend_from_slice(&part);
    }
    Ok(Answer { status, body, date })
}

fn no_answer(error: reqwest::Error) -> NoAnswer {
    if error.is_connect() || error.is_builder() {
        NoAnswer::Unsent(told(error))
    } else if error.is_timeout() {
        NoAnswer::TimedOut
    } else {
        NoAnswer::Lost(told(error))
    }
}
