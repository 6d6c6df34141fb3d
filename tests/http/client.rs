//! Requests as bytes, and a host with tokens.

use serde_json::Value;

use crate::host::{Answer, Host, Place};

/// A host that asks for tokens, and the tokens.
pub(crate) struct Guarded {
    pub(crate) host: Host,
    pub(crate) place: Place,
    pub(crate) read: String,
    pub(crate) control: String,
}

impl Guarded {
    pub(crate) fn start() -> Self {
        let place = Place::new(&[("fav", crate::RESTS)]);
        let token = |name: &str, role: &str| {
            let made = place.json(&["token", "new", name, "--role", role]);
            made["token"].as_str().unwrap().to_owned()
        };
        let (read, control) = (token("grafana", "read"), token("alice", "control"));
        let host = busy(&place);
        Self {
            host,
            place,
            read,
            control,
        }
    }
}

/// Starts a host whose strategy asks for more than it may have.
pub(crate) fn busy(place: &Place) -> Host {
    place.start_with(&[
        "--data",
        "long.jsonl",
        "--speed",
        "1",
        "--set",
        "risk.max_orders_per_minute=600",
    ])
}

/// A request with these headers besides Host, which is localhost unless they name one.
pub(crate) fn request(method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> String {
    let mut text = format!("{method} {path} HTTP/1.1\r\nConnection: close\r\n");
    let named = |name: &str| headers.iter().any(|(n, _)| n.eq_ignore_ascii_case(name));
    if !named("host") {
        text.push_str("Host: localhost\r\n");
    }
    for (name, value) in headers {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    if !named("content-length") && (!body.is_empty() || method == "POST") {
        text.push_str(&format!("Content-Length: {}\r\n", body.len()));
    }
    text + "\r\n" + body
}

pub(crate) fn get(host: &Host, path: &str, token: Option<&str>) -> Answer {
    let bearer = token.map(|token| format!("Bearer {token}"));
    let headers: Vec<_> = bearer
        .iter()
        .map(|bearer| ("Authorization", bearer.as_str()))
        .collect();
    host.ask(&request("GET", path, &headers, ""))
}

/// Posts as one should.
pub(crate) fn post(
    host: &Host,
    path: &str,
    token: Option<&str>,
    more: &[(&str, &str)],
    body: &str,
) -> Answer {
    let bearer = token.map(|token| format!("Bearer {token}"));
    let mut headers = vec![
        ("Content-Type", "application/json"),
        ("X-Requested-With", "test"),
    ];
    headers.extend(
        bearer
            .iter()
            .map(|bearer| ("Authorization", bearer.as_str())),
    );
    headers.extend(more);
    host.ask(&request("POST", path, &headers, body))
}

/// The body of an answer, which is JSON.
pub(crate) fn json(answer: &Answer) -> Value {
    serde_json::from_str(&answer.body).unwrap_or_else(|_| panic!("no JSON: {}", answer.body))
}

pub(crate) fn data(host: &Host, path: &str, token: Option<&str>) -> Value {
    let answer = get(host, path, token);
    assert_eq!(answer.code, 200, "{path}: {}", answer.body);
    json(&answer)["data"].clone()
}
