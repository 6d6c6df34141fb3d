//! TLS as all connections to the exchange use it: rustls, the system's roots and those of the settings, and a
//! certificate of our own where one logs in with it.

use std::path::Path;

use tokio_rustls::rustls::ClientConfig;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::ConnectError;
use super::secrets::Secrets;
use crate::config::Secret;
use crate::venue::wire;

/// How servers are checked, and who we are to them.
pub(super) struct Tls {
    /// For everything but the login.
    pub(super) plain: ClientConfig,
    /// For the login with a certificate.
    pub(super) certified: Option<ClientConfig>,
}

impl Tls {
    pub(super) fn new(roots: &Path, secrets: &Secrets) -> Result<Self, ConnectError> {
        let more = match roots.as_os_str().is_empty() {
            true => Vec::new(),
            false => certificates(roots)?,
        };
        let system = |error: tokio_rustls::rustls::Error| {
            ConnectError::System(format!(
                "no server's certificate can be checked: {error}. Install the system's root certificates \
                 (ca-certificates), or name some with betfair.root_certificates"
            ))
        };
        let builder = wire::checked(more).map_err(system)?;
        let plain = builder.clone().with_no_client_auth();
        let certified = match &secrets.certificate {
            None => None,
            Some((certificate, key)) => {
                let chain = certificates(certificate)?;
                let own = builder
                    .with_client_auth_cert(chain, private_key(key)?)
                    .map_err(|error| {
                        unusable(
                            certificate,
                            &format!("with its key it is no identity: {error}"),
                        )
                    })?;
                Some(own)
            }
        };
        Ok(Self { plain, certified })
    }
}

fn unusable(path: &Path, what: &str) -> ConnectError {
    ConnectError::Certificate {
        path: path.to_owned(),
        what: what.to_owned(),
    }
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, ConnectError> {
    let read = CertificateDer::pem_file_iter(path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    match read {
        Ok(list) if list.is_empty() => Err(unusable(
            path,
            "it holds no certificate: it must be in PEM, with a line BEGIN CERTIFICATE",
        )),
        Ok(list) => Ok(list),
        Err(error) => Err(unusable(path, &format!("it cannot be read: {error}"))),
    }
}

fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>, ConnectError> {
    // It is as secret as a password, and so are the permissions of its file.
    let text = Secret::read(path).map_err(|error| ConnectError::System(error.to_string()))?;
    PrivateKeyDer::from_pem_slice(text.expose().as_bytes()).map_err(|_| {
        unusable(
            path,
            "it holds no key: it must be in PEM, with a line BEGIN PRIVATE KEY, and without a passphrase",
        )
    })
}
