//! TLS: whom we trust, who we are, and what is refused.

use std::path::Path;
use std::sync::mpsc;

use bea::market::OrderState;
use bea::venue::betfair::StreamFilter;
use bea::venue::betfair::client::{self, ConnectError};
use bea::venue::{FeedState, Heard};

use crate::bettor::Bettor;
use crate::stage::Stage;

fn with_tls() -> Stage {
    Stage::with(|plan| {
        plan.plain = false;
        let folder = plan.truth.as_ref().unwrap().parent().unwrap();
        plan.certificate = Some(folder.join("exchange.pem"));
    })
}

#[test]
fn a_stream_under_tls_is_trusted_only_with_its_certificate() {
    let stage = with_tls();
    let mut plan = stage.plan();
    plan.settings.stream_tls = true;
    let (out, heard) = mpsc::channel();
    let stranger = client::connect(plan.clone(), stage.runtime.handle(), out).unwrap();
    stranger.watch(StreamFilter::default());
    let why = loop {
        if let Heard::Feed(FeedState::Down { why }) = heard.recv().unwrap() {
            break why;
        }
    };
    assert!(why.contains("certificate"), "{why}");
    drop(stranger);
    plan.settings.root_certificates = stage.folder.path().join("exchange.pem");
    let mut bettor = Bettor::new(&stage, plan);
    let order = bettor.waiting(0);
    bettor.until_state(order, OrderState::Working);
    bettor.agrees_with(&stage);
}

/// Why nobody connects with this certificate and key.
fn refusal(stage: &Stage, certificate: &Path, key: &Path) -> ConnectError {
    let mut plan = stage.plan();
    plan.secrets.certificate = Some((certificate.to_owned(), key.to_owned()));
    let (out, _heard) = mpsc::channel();
    client::connect(plan, stage.runtime.handle(), out).unwrap_err()
}

#[test]
fn a_certificate_that_cannot_be_used_is_told_with_its_file_and_remedy() {
    use std::os::unix::fs::PermissionsExt;
    let stage = with_tls();
    let folder = stage.folder.path();
    let (good, key) = (folder.join("exchange.pem"), folder.join("key.pem"));
    let write = |file: &Path, text: &str, mode: u32| {
        std::fs::write(file, text).unwrap();
        std::fs::set_permissions(file, std::fs::Permissions::from_mode(mode)).unwrap();
    };
    let missing = refusal(&stage, &folder.join("none.pem"), &key).to_string();
    assert!(
        missing.contains("none.pem") && missing.contains("cannot be read"),
        "{missing}"
    );
    write(&key, "no key", 0o644);
    let open = refusal(&stage, &good, &key).to_string();
    assert!(open.contains("chmod 600"), "{open}");
    write(&key, "no key", 0o600);
    let none = refusal(&stage, &good, &key).to_string();
    assert!(
        none.contains("key.pem") && none.contains("BEGIN PRIVATE KEY"),
        "{none}"
    );
    write(&folder.join("empty.pem"), "", 0o600);
    let empty = refusal(&stage, &folder.join("empty.pem"), &key).to_string();
    assert!(empty.contains("holds no certificate"), "{empty}");
    // A key of another certificate.
    let own = rcgen::generate_simple_self_signed(["me".to_owned()]).unwrap();
    write(&key, &own.signing_key.serialize_pem(), 0o600);
    let other = refusal(&stage, &good, &key).to_string();
    assert!(other.contains("no identity"), "{other}");
}

#[test]
fn one_logs_in_with_a_certificate() {
    use std::os::unix::fs::PermissionsExt;
    let stage = Stage::new();
    let own = rcgen::generate_simple_self_signed(["me".to_owned()]).unwrap();
    let (certificate, key) = (
        stage.folder.path().join("me.crt"),
        stage.folder.path().join("me.key"),
    );
    std::fs::write(&certificate, own.cert.pem()).unwrap();
    std::fs::write(&key, own.signing_key.serialize_pem()).unwrap();
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o600)).unwrap();
    let proxy = crate::proxy::Proxy::before(stage.addresses.http);
    let mut plan = stage.plan();
    plan.settings.login = bea::config::Login::Certificate;
    plan.settings.certificate_url = format!("http://{}/api", proxy.address);
    plan.secrets.certificate = Some((certificate, key));
    let mut bettor = Bettor::new(&stage, plan);
    assert_eq!(proxy.count("/api/certlogin"), 1);
    let order = bettor.waiting(0);
    bettor.until_state(order, OrderState::Working);
}
