//! One question and its answer, through a circuit breaker. The key is in the address: no address is ever told.

use std::time::Duration;

use reqwest::Client;
use reqwest::header::{ACCEPT, DATE, HeaderMap};

use super::{ConnectError, Setup};
use crate::config::Secret;
use crate::venue::odds_api::Usage;
use crate::venue::wire::{self, CircuitBreaker, told};

/// The longest answer that is read; one of many events and all regions is a tenth of it.
const LONGEST_BODY: usize = 16 << 20;

/// An answer.
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) usage: Usage,
    pub(super) date: Option<String>,
    pub(super) body: Vec<u8>,
}

pub(super) struct Wire {
    client: Client,
    url: String,
    key: Secret,
    breaker: CircuitBreaker,
}

impl Wire {
    pub(super) fn new(setup: &Setup) -> Result<Self, ConnectError> {
        let timeout = Duration::from_secs(u64::from(setup.settings.timeout_seconds));
        let tls = wire::system_tls().map_err(ConnectError::System)?;
        let client = wire::client(tls)
            .timeout(timeout)
            .build()
            .map_err(|error| ConnectError::System(format!("no HTTP client: {}", told(error))))?;
        Ok(Self {
            client,
            url: setup.settings.url.trim_end_matches('/').to_owned(),
            key: setup.key.clone(),
            breaker: wire::breaker(setup.breaker),
        })
    }

    /// Whether a question would be let through.
    pub(super) fn is_open(&self) -> bool {
        self.breaker.is_call_permitted()
    }

    /// Asks. What goes wrong is told without the address.
    pub(super) async fn get(&self, path: &str, query: &str) -> Result<Reply, String> {
        let reply = self.exchange(path, query).await;
        match &reply {
            // That it refuses a question shows that it works.
            Ok(reply) if reply.status < 500 => self.breaker.on_success(),
            _ => self.breaker.on_error(),
        }
        reply
    }

    async fn exchange(&self, path: &str, query: &str) -> Result<Reply, String> {
        let mut request = self
            .client
            .get(format!("{}{path}", self.url))
            .header(ACCEPT, "application/json")
            .query(&[("apiKey", self.key.expose())]);
        let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
        for pair in pairs {
            request = request.query(&[pair]);
        }
        let mut response = request.send().await.map_err(told)?;
        let headers = response.headers();
        let text = |name: &str| text(headers, name);
        let mut reply = Reply {
            status: response.status().as_u16(),
            usage: Usage::of(
                text("x-requests-remaining"),
                text("x-requests-used"),
                text("x-requests-last"),
            ),
            date: text(DATE.as_str()).map(str::to_owned),
            body: Vec::new(),
        };
        while let Some(part) = response.chunk().await.map_err(told)? {
            if reply.body.len() + part.len() > LONGEST_BODY {
                return Err(format!("it is longer than {} MiB", LONGEST_BODY >> 20));
            }
            reply.body.extend_from_slice(&part);
        }
        reply.body = without(reply.body, self.key.expose());
        Ok(reply)
    }
}

fn text<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers.get(name)?.to_str().ok()
}

/// A body without the key: an answer that repeats what was asked would tell it.
fn without(body: Vec<u8>, key: &str) -> Vec<u8> {
    let key = key.as_bytes();
    if key.is_empty() || memchr::memmem::find(&body, key).is_none() {
        return body;
    }
    let mut clean = Vec::with_capacity(body.len());
    let mut rest = &body[..];
    while let Some(at) = memchr::memmem::find(rest, key) {
        clean.extend_from_slice(&rest[..at]);
        clean.extend_from_slice(b"***");
        rest = &rest[at + key.len()..];
    }
    clean.extend_from_slice(rest);
    clean
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_is_taken_out_of_what_is_told() {
        let body = b"{\"a\":\"KEY\",\"b\":\"xKEYKEY\"}".to_vec();
        let clean = b"{\"a\":\"***\",\"b\":\"x******\"}";
        assert_eq!(without(body, "KEY"), clean);
        assert_eq!(without(b"abc".to_vec(), ""), b"abc");
    }
}
