//! Live events: Server-Sent Events and the WebSocket.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::Value;

use crate::client::{Guarded, get, post};

fn open(guarded: &Guarded, path: &str, more: &str) -> BufReader<TcpStream> {
    let mut stream = TcpStream::connect(guarded.host.address()).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(120)))
        .unwrap();
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {}\r\n{more}\r\n",
        guarded.read
    );
    stream.write_all(request.as_bytes()).unwrap();
    BufReader::new(stream)
}

/// The next event of a kind: its data.
fn next(events: &mut impl BufRead, kind: &str) -> Value {
    let mut line = String::new();
    let mut is_it = false;
    loop {
        line.clear();
        assert!(
            events.read_line(&mut line).unwrap() > 0,
            "it ended before {kind}"
        );
        if let Some(found) = line.strip_prefix("event: ") {
            is_it = found.trim() == kind;
        }
        if let Some(data) = line.strip_prefix("data: ")
            && is_it
        {
            return serde_json::from_str(data).unwrap();
        }
    }
}

#[test]
fn events_begin_with_the_whole_state_and_tell_what_happens() {
    let guarded = Guarded::start();
    let mut events = open(&guarded, "/api/v1/events", "");
    let first = next(&mut events, "state");
    assert_eq!(first["data"]["trading"]["state"], "ACTIVE");
    let intents = next(&mut events, "intents");
    assert!(!intents["intents"].as_array().unwrap().is_empty());
    let body = r#"{"reason":"drill"}"#;
    let killed = post(
        &guarded.host,
        "/api/v1/kill",
        Some(&guarded.control),
        &[],
        body,
    );
    assert_eq!(killed.code, 200, "{}", killed.body);
    let trading = next(&mut events, "trading");
    assert_eq!(trading["state"], "HALTED");
    let alert = next(&mut events, "alert");
    assert!(alert["text"].as_str().unwrap().contains("drill"), "{alert}");
    let later = next(&mut events, "state");
    assert_eq!(later["data"]["trading"]["state"], "HALTED");
}

#[test]
fn no_more_clients_listen_than_may() {
    let guarded = Guarded::start();
    let mut listening: Vec<_> = (0..16)
        .map(|_| open(&guarded, "/api/v1/events", ""))
        .collect();
    for events in &mut listening {
        next(events, "state");
    }
    let one_more = get(&guarded.host, "/api/v1/events", Some(&guarded.read));
    assert_eq!(one_more.code, 503);
    assert_eq!(get(&guarded.host, "/livez", None).code, 200);
}

#[test]
fn a_websocket_says_the_same() {
    let guarded = Guarded::start();
    let handshake = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    let mut socket = open(&guarded, "/api/v1/ws", handshake);
    let mut line = String::new();
    socket.read_line(&mut line).unwrap();
    assert!(line.starts_with("HTTP/1.1 101"), "{line}");
    while line != "\r\n" {
        line.clear();
        socket.read_line(&mut line).unwrap();
    }
    let first = text_frame(&mut socket);
    assert_eq!(first["event"], "state");
    assert_eq!(first["data"]["schema"], "bea.state/1");
    let plain = get(&guarded.host, "/api/v1/ws", Some(&guarded.read));
    assert!(plain.code == 400 || plain.code == 426, "{}", plain.code);
}

/// The next frame that has text.
fn text_frame(socket: &mut impl Read) -> Value {
    loop {
        let mut head = [0; 2];
        socket.read_exact(&mut head).unwrap();
        let length = match head[1] {
            126 => {
                let mut long = [0; 2];
                socket.read_exact(&mut long).unwrap();
                u64::from(u16::from_be_bytes(long))
            }
            127 => {
                let mut long = [0; 8];
                socket.read_exact(&mut long).unwrap();
                u64::from_be_bytes(long)
            }
            short => u64::from(short),
        };
        let mut bytes = vec![0; usize::try_from(length).unwrap()];
        socket.read_exact(&mut bytes).unwrap();
        if head[0] == 0x81 {
            return serde_json::from_slice(&bytes).unwrap();
        }
    }
}
