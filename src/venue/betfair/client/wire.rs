//! One HTTP request and its answer, through a circuit breaker: whether it has left, and what came back.

use std::time::Duration;

use reqwest::header::{ACCEPT, DATE};
use reqwest::{Client, RequestBuilder};
use tokio_rustls::rustls::ClientConfig;

use super::{Clock, ConnectError};
use crate::config::Breaker;
use crate::market::TimeMs;
use crate::venue::Requests;
use crate::venue::wire::{self, CircuitBreaker, told};

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
        date(self.date.as_deref()?)
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
    ) -> Result<Self, ConnectError> {
        let client = wire::client(tls)
            .http1_only()
            .connect_timeout(connect_timeout)
            .pool_idle_timeout(IDLE)
            .tcp_nodelay(true)
            .build()
            .map_err(|error| ConnectError::System(format!("no HTTP client: {}", told(error))))?;
        Ok(Self {
            client,
            breaker: wire::breaker(breaker),
            requests,
            clock,
        })
    }

    /// Begins a request; [`Self::send`] sends it.
    pub(super) fn post(&self, url: &str) -> RequestBuilder {
        self.client.post(url).header(ACCEPT, "application/json")
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

/// Reads the date of an HTTP answer: `Sat, 28 Nov 2026 14:00:00 GMT`.
fn date(text: &str) -> Option<TimeMs> {
    let instant = jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(text);
    instant.ok().map(|instant| TimeMs(instant.as_millisecond()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_date_of_an_answer_is_read() {
        let read = date("Sat, 28 Nov 2026 14:00:01 GMT");
        assert_eq!(read, TimeMs::parse("2026-11-28T14:00:01Z").ok());
        assert_eq!(date("yesterday"), None);
    }
}
