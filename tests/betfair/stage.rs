//! A look-alike in this process, and what its clients are told to connect with.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::PathBuf;
use std::sync::mpsc;
use std::thread::JoinHandle;

use bea::config::Secret;
use bea::config::{self, Speed};
use bea::exchange::ExchangeSettings;
use bea::lookalike::{self, Addresses, Credentials, Input, Plan};
use bea::market::{Currency, Money, TimeMs};
use bea::source::generate::{Kind, Spec};
use bea::venue::betfair::client::{self, Secrets};
use serde_json::Value;

/// What time it is.
pub(crate) fn now() -> TimeMs {
    TimeMs(jiff::Timestamp::now().as_millisecond())
}

/// A running look-alike with a made-up race, five minutes before its start; its clock stands still. It ends when this is
/// dropped.
pub(crate) struct Stage {
    pub(crate) addresses: Addresses,
    pub(crate) folder: tempfile::TempDir,
    stop: Option<tokio::sync::oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
    /// Where clients run.
    pub(crate) runtime: tokio::runtime::Runtime,
}

impl Stage {
    pub(crate) fn new() -> Self {
        Self::with(|_| {})
    }

    pub(crate) fn with(change: impl FnOnce(&mut Plan)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut spec = Spec::new(Kind::Win, 7);
        spec.minutes_before = 5;
        spec.withdrawal = Some(false);
        spec.off = TimeMs(now().0.div_euclid(60_000) * 60_000) + 5 * 60_000;
        let local = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let mut plan = Plan {
            inputs: vec![Input::Generated(Box::new(spec))],
            speed: Speed::Max,
            join: None,
            longest_quiet: std::time::Duration::from_secs(60),
            begin: None,
            paused: true,
            http: local,
            stream: local,
            plain: true,
            certificate: None,
            credentials: Credentials::Only {
                user: "ann".to_owned(),
                password: Some("s3cret&word".to_owned()),
            },
            bankroll: Money::from_major(10_000),
            currency: Currency::GBP,
            exchange: ExchangeSettings::default(),
            faults: Vec::new(),
            seed: 1,
            truth: Some(folder.path().join("truth.jsonl")),
            wall_clock: now,
            tells_wall_clock: false,
        };
        change(&mut plan);
        let (tell, told) = mpsc::channel();
        let (stop, stopped) = tokio::sync::oneshot::channel();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Runtime::new().unwrap();
            let serving = lookalike::serve(
                plan,
                move |addresses| tell.send(addresses).unwrap(),
                async move {
                    let _ = stopped.await;
                },
            );
            runtime.block_on(serving).unwrap();
            runtime.shutdown_background();
        });
        Self {
            addresses: told.recv().unwrap(),
            folder,
            stop: Some(stop),
            thread: Some(thread),
            runtime: tokio::runtime::Runtime::new().unwrap(),
        }
    }

    /// What a client connects with. It may be changed before it is used.
    pub(crate) fn plan(&self) -> client::Plan {
        let http = format!("http://{}", self.addresses.http);
        client::Plan {
            settings: config::Betfair {
                identity_url: format!("{http}/api"),
                certificate_url: format!("{http}/api"),
                api_url: format!("{http}/exchange"),
                stream_address: self.addresses.stream.to_string(),
                stream_tls: false,
                login: config::Login::Interactive,
                heartbeat_ms: 500,
                connect_timeout_seconds: 2,
                order_timeout_seconds: 6,
                read_timeout_seconds: 2,
                max_requests_per_second: 500,
                listing_every_seconds: 5,
                funds_every_seconds: 5,
                ..config::Betfair::default()
            },
            breaker: config::Breaker::default(),
            secrets: Secrets {
                app_key: Secret::new("key-of-the-app"),
                username: Secret::new("ann"),
                password: Secret::new("s3cret&word"),
                certificate: None,
            },
            folder: self.data(),
            clock: now,
        }
    }

    /// Where a client keeps its things.
    pub(crate) fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    pub(crate) fn ask(&self, method: &str, path: &str, body: &str) -> Value {
        let address = self.addresses.http;
        let mut wire = TcpStream::connect(address).unwrap();
        write!(
            wire,
            "{method} {path} HTTP/1.1\r\nHost: {address}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
            body.len()
        )
        .unwrap();
        let mut text = String::new();
        wire.read_to_string(&mut text).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("HTTP/1.1 200"), "{text}");
        serde_json::from_str(body).unwrap()
    }

    pub(crate) fn control(&self, path: &str, body: &Value) -> Value {
        self.ask("POST", &format!("/control/{path}"), &body.to_string())
    }

    /// Something goes wrong from here on.
    pub(crate) fn fault(&self, faults: &Value) {
        self.control("faults", faults);
    }

    /// What really happened to bets: lines of the log of the truth with this event.
    pub(crate) fn truth(&self, event: &str) -> Vec<Value> {
        let text = std::fs::read_to_string(self.folder.path().join("truth.jsonl")).unwrap();
        // What is being written just now is not there yet.
        let whole = text.rfind('\n').map_or("", |end| &text[..end]);
        let lines = whole
            .lines()
            .map(|line| serde_json::from_str::<Value>(line).unwrap());
        lines.filter(|line| line["event"] == event).collect()
    }

    /// The names of the orders that the exchange has taken, in order.
    pub(crate) fn accepted(&self) -> Vec<String> {
        let name = |line: Value| {
            line["customer_order_ref"]
                .as_str()
                .unwrap_or_default()
                .to_owned()
        };
        self.truth("accepted").into_iter().map(name).collect()
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
