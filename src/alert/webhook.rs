//! A webhook: one JSON document for each alert, signed where there is a key.
//!
//! The document has a `text`, which chat services show, and the alert's facts for programs. The signature is in
//! `X-Bea-Signature`: `sha256=` and the HMAC-SHA256 of the body, in hexadecimal digits.

use std::fmt::Write as _;

use reqwest::header::{CONTENT_TYPE, RETRY_AFTER};
use ring::hmac;
use serde_json::json;

use super::{Alert, Undelivered};
use crate::config::Secret;

#[derive(Clone, Debug)]
pub(super) struct Webhook {
    client: reqwest::Client,
    url: Secret,
    key: Option<Secret>,
}

impl Webhook {
    pub(super) fn new(client: reqwest::Client, url: Secret, key: Option<Secret>) -> Self {
        Self { client, url, key }
    }

    pub(super) async fn post(&self, alert: &Alert) -> Result<(), Undelivered> {
        let body = json!({
            "schema": "bea.alert/1",
            "text": alert.in_words(),
            "id": alert.id,
            "at": alert.at.to_string(),
            "severity": alert.severity,
            "code": alert.code,
            "detail": alert.text,
            "repeats": alert.repeats,
        })
        .to_string();
        let mut request = self
            .client
            .post(self.url.expose())
            .header(CONTENT_TYPE, "application/json");
        if let Some(key) = &self.key {
            let signature = sign(key.expose().as_bytes(), body.as_bytes());
            request = request.header("X-Bea-Signature", signature);
        }
        let answer = request.body(body).send().await?;
        let code = answer.status();
        let wait = answer.headers().get(RETRY_AFTER);
        let wait = wait.and_then(|wait| wait.to_str().ok()?.parse().ok());
        let wait = wait.map(std::time::Duration::from_secs);
        let why = format!("the webhook answered {code}");
        match code.as_u16() {
            200..=299 => Ok(()),
            408 | 425 | 429 | 500..=599 => Err(Undelivered::Later(why, wait)),
            _ => Err(Undelivered::Never(why)),
        }
    }
}

fn sign(key: &[u8], body: &[u8]) -> String {
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), body);
    let mut written = "sha256=".to_owned();
    for byte in tag.as_ref() {
        let _ = write!(written, "{byte:02x}");
    }
    written
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signature_is_that_of_rfc_4231() {
        // Test case 2.
        assert_eq!(
            sign(b"Jefe", b"what do ya want for nothing?"),
            "sha256=5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
        );
    }
}
