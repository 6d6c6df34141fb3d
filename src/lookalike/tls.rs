//! A certificate of our own for the stream. Clients that check certificates refuse it, and rightly, unless they are told
//! to trust it.

use std::path::Path;
use std::sync::Arc;

use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::PrivatePkcs8KeyDer;

use super::LookalikeError;

/// Takes TLS connections with a certificate made for this run, and writes it to a file where one is named.
pub(super) fn acceptor(file: Option<&Path>) -> Result<TlsAcceptor, LookalikeError> {
    let names = ["localhost", "127.0.0.1", "::1", "stream-api.betfair.com"];
    let own = rcgen::generate_simple_self_signed(names.map(str::to_owned))
        .map_err(|error| LookalikeError::Certificate(error.to_string()))?;
    if let Some(path) = file {
        std::fs::write(path, own.cert.pem()).map_err(|source| LookalikeError::File {
            path: path.to_owned(),
            source,
        })?;
    }
    let key = PrivatePkcs8KeyDer::from(own.signing_key.serialize_der());
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .and_then(|builder| {
            builder
                .with_no_client_auth()
                .with_single_cert(vec![own.cert.der().clone()], key.into())
        })
        .map_err(|error| LookalikeError::Certificate(error.to_string()))?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}
