//! Traces against a collector of our own, which reads what it is sent.

use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Bytes;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value as AnyValue;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;

use super::counting;
use super::host::Place;

/// Nothing that is awaited takes longer than this, even on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

struct Collector {
    address: SocketAddr,
    /// What it answers with.
    code: Arc<AtomicU16>,
    reached: Receiver<(HeaderMap, ExportTraceServiceRequest)>,
    _runtime: tokio::runtime::Runtime,
}

impl Collector {
    fn start() -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let (tell, reached) = channel();
        let code = Arc::new(AtomicU16::new(200));
        let answer = Arc::clone(&code);
        let take = move |headers: HeaderMap, body: Bytes| async move {
            let code = StatusCode::from_u16(answer.load(Ordering::SeqCst)).unwrap();
            if code == StatusCode::OK {
                let request = ExportTraceServiceRequest::decode(body).unwrap();
                let _ = tell.send((headers, request));
            }
            code
        };
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        runtime.spawn(async move {
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            let routes = Router::new().route("/v1/traces", post(take));
            axum::serve(listener, routes).await.unwrap();
        });
        Self {
            address,
            code,
            reached,
            _runtime: runtime,
        }
    }

    /// Waits for spans until there is one that is as wanted; gives all of them.
    fn until(&self, wanted: impl Fn(&Span) -> bool) -> Vec<Span> {
        let mut all = Vec::new();
        loop {
            let (headers, request) = self.reached.recv_timeout(PATIENCE).unwrap();
            assert_eq!(headers["content-type"], "application/x-protobuf");
            assert_eq!(headers["authorization"], "Bearer canary-of-the-collector");
            for resource in request.resource_spans {
                let attributes = resource.resource.unwrap().attributes;
                let mut names = attributes.iter().map(|pair| pair.key.as_str());
                assert!(names.any(|name| name == "service.name"));
                all.extend(
                    resource
                        .scope_spans
                        .into_iter()
                        .flat_map(|scope| scope.spans),
                );
            }
            if all.iter().any(&wanted) {
                return all;
            }
        }
    }
}

/// A text that belongs to a span.
fn fact<'s>(span: &'s Span, name: &str) -> &'s str {
    let pair = span.attributes.iter().find(|pair| pair.key == name);
    let value = pair.and_then(|pair| pair.value.as_ref()?.value.as_ref());
    match value {
        Some(AnyValue::StringValue(text)) => text,
        other => panic!("{name} is {other:?} in {span:?}"),
    }
}

#[test]
fn what_a_market_change_led_to_reaches_the_collector_and_what_it_does_not_take_is_counted() {
    let collector = Collector::start();
    let place = Place::new(&[("fav", &counting("A"))]);
    let key = place.path("key");
    fs::write(&key, "Bearer canary-of-the-collector").unwrap();
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
    place.write(
        "config/bea.toml",
        &format!(
            "[telemetry]\nenabled = true\nendpoint = \"http://{}/v1/traces\"\nauthorization_file = \"key\"\n",
            collector.address
        ),
    );
    let mut host = place.start();
    let spans = collector.until(|span| span.name == "order");
    let find = |name: &str| {
        let found = spans.iter().find(|span| span.name == name);
        found.unwrap_or_else(|| panic!("no {name} in {spans:?}"))
    };
    let (snapshot, intent, order) = (find("snapshot"), find("intent"), find("order"));
    assert!(snapshot.parent_span_id.is_empty(), "it is the first");
    assert_eq!(intent.parent_span_id, snapshot.span_id);
    assert_eq!(find("commit").parent_span_id, snapshot.span_id);
    assert_eq!(order.parent_span_id, intent.span_id);
    for span in [intent, order] {
        assert_eq!(span.trace_id, snapshot.trace_id);
        assert!(span.end_time_unix_nano >= span.start_time_unix_nano);
    }
    // The same id is in the ledger.
    let bets = place.bets();
    assert_eq!(fact(order, "intent_id"), bets[0].bet);
    assert_eq!(fact(intent, "intent_id"), bets[0].bet);
    assert_eq!(fact(intent, "strategy"), "fav");
    assert_eq!(fact(intent, "verdict"), "APPROVED");
    assert_eq!(fact(order, "result"), "accepted");

    collector.code.store(400, Ordering::SeqCst);
    fs::write(place.strategy("fav"), counting("B")).unwrap();
    host.hear("reloaded fav");
    let lost = || {
        let metrics = host.request("GET", "/metrics", "localhost").body;
        let of = |line: &str| {
            Some(
                line.strip_prefix("bea_spans_total{result=\"lost\"} ")?
                    .parse::<u64>()
                    .unwrap(),
            )
        };
        metrics.lines().find_map(of).unwrap()
    };
    let deadline = Instant::now() + PATIENCE;
    while lost() == 0 {
        assert!(Instant::now() < deadline, "nothing was lost");
    }
    assert_eq!(host.health()["status"], "pass", "betting does not mind");
    host.stop();
    let said = host.said().join("\n");
    assert!(said.contains("spans_lost"), "{said}");
    assert!(!said.contains("canary-of-the-collector"));
}
