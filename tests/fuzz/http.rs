//! Requests to the real program over a real socket.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

use crate::host::{Host, Place};

const IDLE: &str = "fn on_odds(market, ctx) { }\n";

pub(crate) fn samples() -> Vec<Vec<u8>> {
    let requests = [
        "GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
        "GET /api/v1/bets?limit=5&run=1 HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer bea_0123456789abcdef\r\nConnection: close\r\n\r\n",
        "GET /metrics HTTP/1.1\r\nHost: localhost\r\nAccept: text/plain\r\nConnection: close\r\n\r\n",
        "POST /api/v1/pause HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nX-Requested-With: test\r\nContent-Length: 18\r\nConnection: close\r\n\r\n{\"reason\":\"drill\"}",
        "POST /api/v1/pause HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\nContent-Type: application/json\r\nX-Requested-With: test\r\nConnection: close\r\n\r\n12\r\n{\"reason\":\"drill\"}\r\n0\r\n\r\n",
        "GET /api/v1/events HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
    ];
    requests.map(|request| request.as_bytes().to_vec()).to_vec()
}

/// A host that is asked; it must answer as before whatever it is sent.
pub(crate) struct Asked {
    host: Host,
    _place: Place,
    asked: u64,
}

impl Asked {
    pub(crate) fn start() -> Self {
        let place = Place::new(&[("idle", IDLE)]);
        let host = place.start();
        Self {
            host,
            _place: place,
            asked: 0,
        }
    }

    /// Sends these bytes and nothing more; true if that was a request that it grants.
    pub(crate) fn take(&mut self, request: &[u8]) -> bool {
        let mut stream = TcpStream::connect(self.host.address()).expect("it listens");
        let _ = stream.set_read_timeout(Some(Duration::from_secs(30)));
        let _ = stream.write_all(request);
        let _ = stream.shutdown(Shutdown::Write);
        let mut answer = [0; 64];
        let read = stream.read(&mut answer).unwrap_or(0);
        self.asked += 1;
        if self.asked.is_multiple_of(50) {
            assert_eq!(self.host.health()["version"], env!("CARGO_PKG_VERSION"));
            let panicked = self
                .host
                .said()
                .iter()
                .find(|line| line.contains("panicked"));
            assert_eq!(panicked, None);
        }
        answer[..read].starts_with(b"HTTP/1.1 2")
    }
}
