//! Whether a venue can be reached, before anything is asked of it: no key, no login, one request.

use std::path::Path;
use std::time::Duration;

use reqwest::header::DATE;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::PemObject;

use super::pace::date_of;
use super::wire::{checked, client, told};
use super::{Clock, Requests};
use crate::config::named;

/// How long it may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// Asks for any answer at an address, and gives by how much our clock is ahead of the venue's at least, in milliseconds,
/// if it says what time it is. `roots` is a file of certificates that are trusted beside those of the system.
///
/// # Errors
/// Why there is no answer.
pub async fn reach(url: &str, roots: &Path, clock: Clock) -> Result<Option<i64>, String> {
    let more = match named(roots) {
        Some(path) => CertificateDer::pem_file_iter(path)
            .and_then(Iterator::collect)
            .map_err(|error| format!("{}: {error}", path.display()))?,
        None => Vec::new(),
    };
    let tls = checked(more).map_err(|error| error.to_string())?;
    let client = client(tls.with_no_client_auth())
        .timeout(PATIENCE)
        .build()
        .map_err(told)?;
    let sent = clock();
    let answer = client.get(url).send().await.map_err(told)?;
    let answered = clock();
    let date = answer.headers().get(DATE);
    let said = date.and_then(|date| date_of(date.to_str().ok()?));
    Ok(said.map(|second| {
        let requests = Requests::default();
        requests.venue_said(second, sent, answered);
        requests.clock_skew_ms()
    }))
}
