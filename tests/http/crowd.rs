//! Clients that are slow, many, or too much: they cost themselves and nobody else.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use crate::client::get;
use crate::host::{Host, Place};

/// Longer than any limit of the server, on a busy machine.
const LONG: Duration = Duration::from_secs(60);

fn connect(host: &Host) -> TcpStream {
    let stream = TcpStream::connect(host.address()).unwrap();
    stream.set_read_timeout(Some(LONG)).unwrap();
    stream
}

/// Reads until the other end closes; what it said.
fn rest(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    // A connection that is cut is closed as well.
    let _ = stream.read_to_end(&mut bytes);
    String::from_utf8_lossy(&bytes).into_owned()
}

fn updates(host: &Host) -> u64 {
    let health = host.health();
    health["checks"]["feed"][0]["updates"].as_u64().unwrap()
}

#[test]
fn a_head_that_does_not_end_is_cut_off_and_bets_go_on() {
    let place = Place::new(&[("fav", crate::RESTS)]);
    let mut host = crate::client::busy(&place);
    host.until("playing", |health| {
        health["checks"]["feed"][0]["updates"].as_u64() > Some(0)
    });
    let before = updates(&host);
    let mut slow = connect(&host);
    slow.write_all(b"GET /livez HTTP/1.1\r\nHost: local")
        .unwrap();
    let mut silent = connect(&host);
    let began = Instant::now();
    assert!(!rest(&mut slow).contains("200 OK"));
    rest(&mut silent);
    assert!(began.elapsed() < LONG, "the server closed them, not we");
    assert!(updates(&host) > before);
}

#[test]
fn a_crowd_of_connections_waits_outside_and_leaves_by_itself() {
    let place = Place::new(&[("fav", crate::RESTS)]);
    let mut host = crate::client::busy(&place);
    host.until("playing", |health| {
        health["checks"]["feed"][0]["updates"].as_u64() > Some(0)
    });
    let before = updates(&host);
    let crowd: Vec<TcpStream> = (0..300).map(|_| connect(&host)).collect();
    // All of them say nothing: the server tires of those inside, and takes the next.
    let answer = get(&host, "/livez", None);
    assert_eq!(answer.code, 200);
    drop(crowd);
    host.until("playing on", |health| {
        health["checks"]["feed"][0]["updates"].as_u64() > Some(before)
    });
}

#[test]
fn a_body_that_never_ends_is_not_waited_for() {
    let place = Place::new(&[("fav", crate::RESTS)]);
    let host = crate::client::busy(&place);
    let head = "POST /api/v1/kill HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nX-Requested-With: x\r\n";
    let mut trickle = connect(&host);
    trickle
        .write_all(format!("{head}Content-Length: 30\r\n\r\n{{\"reason\"").as_bytes())
        .unwrap();
    let mut text = String::new();
    let mut byte = [0; 1];
    while !text.contains("\r\n\r\n") && trickle.read(&mut byte).unwrap_or(0) == 1 {
        text.push(char::from(byte[0]));
    }
    assert!(text.starts_with("HTTP/1.1 503"), "{text}");
    let mut endless = connect(&host);
    endless
        .write_all(format!("{head}Transfer-Encoding: chunked\r\n\r\n").as_bytes())
        .unwrap();
    let chunk = format!("4000\r\n{}\r\n", "x".repeat(0x4000));
    for _ in 0..64 {
        if endless.write_all(chunk.as_bytes()).is_err() {
            break;
        }
    }
    let answer = rest(&mut endless);
    assert!(
        answer.is_empty() || answer.starts_with("HTTP/1.1 413"),
        "{answer}"
    );
    assert!(!place.path("data/KILL").exists());
    assert_eq!(get(&host, "/livez", None).code, 200);
}
