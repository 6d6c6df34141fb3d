//! Certificates that settings name, and when they end.

use std::io::{Error, ErrorKind};
use std::path::Path;

use x509_parser::pem::parse_x509_pem;

use super::{Config, FeedKind, Login, named};
use crate::market::TimeMs;

/// The files of certificates in use, by the settings that name them.
pub fn certificates(config: &Config) -> impl Iterator<Item = (&'static str, &Path)> {
    let is_shown =
        config.run.feed == FeedKind::Betfair && config.betfair.login == Login::Certificate;
    let shown = named(&config.betfair.certificate_file).filter(|_| is_shown);
    let served = named(&config.http.tls_certificate).filter(|_| config.http.enabled);
    [
        ("http.tls_certificate", served),
        ("betfair.certificate_file", shown),
    ]
    .into_iter()
    .filter_map(|(name, path)| Some((name, path?)))
}

/// When the first certificate of a PEM file ends.
///
/// # Errors
/// If the file cannot be read or does not begin with a certificate.
pub fn ends_at(path: &Path) -> std::io::Result<TimeMs> {
    let wrong = || Error::new(ErrorKind::InvalidData, "there is no certificate in it");
    let bytes = std::fs::read(path)?;
    let (_, pem) = parse_x509_pem(&bytes).map_err(|_| wrong())?;
    let certificate = pem.parse_x509().map_err(|_| wrong())?;
    let seconds = certificate.validity().not_after.timestamp();
    Ok(TimeMs(seconds.saturating_mul(1_000)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_certificate_is_read_and_what_is_none_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tls.crt");
        let key = rcgen::KeyPair::generate().unwrap();
        let mut params = rcgen::CertificateParams::new(["localhost".to_owned()]).unwrap();
        params.not_after = rcgen::date_time_ymd(2031, 2, 3);
        let certificate = params.self_signed(&key).unwrap();
        std::fs::write(&path, certificate.pem()).unwrap();
        let ends = ends_at(&path).unwrap();
        assert_eq!(ends.to_string(), "2031-02-03T00:00:00.000Z");
        std::fs::write(&path, key.serialize_pem()).unwrap();
        assert_eq!(ends_at(&path).unwrap_err().kind(), ErrorKind::InvalidData);
        std::fs::write(&path, "").unwrap();
        assert!(ends_at(&path).is_err());
    }
}
