//! The stream, line by line.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;

use serde_json::{Value, json};

use crate::server::{Server, Session};

struct Stream(BufReader<TcpStream>);

impl Stream {
    fn open(server: &Server) -> Self {
        let address = server.stream.strip_prefix("tcp://").unwrap();
        let mut stream = Self(BufReader::new(TcpStream::connect(address).unwrap()));
        assert_eq!(stream.read()["op"], "connection");
        stream
    }

    /// A stream of somebody who is logged in.
    fn of(session: &Session<'_>) -> Self {
        let mut stream = Self::open(session.server);
        stream.say(
            &json!({ "op": "authentication", "id": 1, "appKey": "key", "session": session.token }),
        );
        let status = stream.read();
        assert_eq!(
            (&status["statusCode"], &status["id"]),
            (&json!("SUCCESS"), &json!(1))
        );
        stream
    }

    fn say(&mut self, message: &Value) {
        write!(self.0.get_mut(), "{message}\r\n").unwrap();
    }

    fn line(&mut self) -> Option<String> {
        let mut line = String::new();
        let read = self.0.read_line(&mut line).unwrap_or(0);
        assert!(read == 0 || line.ends_with("\r\n"), "{line:?}");
        (read > 0).then_some(line)
    }

    fn read(&mut self) -> Value {
        serde_json::from_str(&self.line().expect("the stream ended")).unwrap()
    }

    /// The next change that is not a heartbeat.
    fn change(&mut self) -> Value {
        loop {
            let message = self.read();
            if message["ct"] != "HEARTBEAT" {
                return message;
            }
        }
    }

    /// Subscribes and gives the first change.
    fn subscribe(&mut self, request: &Value) -> Value {
        self.say(request);
        let status = self.read();
        assert_eq!(status["statusCode"], "SUCCESS", "{status}");
        self.change()
    }
}

fn markets(clocks: Option<(&Value, &Value)>) -> Value {
    let mut request = json!({ "op": "marketSubscription", "id": 2, "heartbeatMs": 500, "marketFilter": {},
        "marketDataFilter": { "fields": ["EX_ALL_OFFERS", "EX_MARKET_DEF"] } });
    if let Some((initial, clk)) = clocks {
        request["initialClk"] = initial.clone();
        request["clk"] = clk.clone();
    }
    request
}

fn orders() -> Value {
    json!({ "op": "orderSubscription", "id": 3, "heartbeatMs": 500 })
}

/// The names of the orders in a change.
fn names(change: &Value) -> Vec<String> {
    let each = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let runners = each(&change["oc"])
        .into_iter()
        .flat_map(|market| each(&market["orc"]));
    let orders = runners.flat_map(|runner| each(&runner["uo"]));
    orders
        .map(|order| order["rfo"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn a_client_that_comes_back_is_told_only_what_it_missed() {
    let server = Server::start(&["--plain"]);
    let ann = server.log_in("ann");
    let mut stream = Stream::of(&ann);
    let image = stream.subscribe(&markets(None));
    assert_eq!(
        (&image["ct"], &image["id"]),
        (&json!("SUB_IMAGE"), &json!(2))
    );
    assert_eq!(image["mc"][0]["img"], true);
    assert!(image["mc"][0]["marketDefinition"]["name"].is_null());
    assert_eq!(image["heartbeatMs"], 500);
    let heartbeat = stream.read();
    assert_eq!(
        (&heartbeat["ct"], &heartbeat["clk"]),
        (&json!("HEARTBEAT"), &image["clk"])
    );
    drop(stream);

    server.control("clock", &json!({ "step": 20 }));
    let mut again = Stream::of(&ann);
    let delta = again.subscribe(&markets(Some((&image["initialClk"], &image["clk"]))));
    assert_eq!(delta["ct"], "RESUB_DELTA");
    assert!(delta["mc"][0]["img"].is_null() && delta["mc"][0]["rc"].is_array());
    let mut unknown = Stream::of(&ann);
    unknown.say(&markets(Some((&json!("no"), &json!("1")))));
    let status = unknown.read();
    assert_eq!(
        (&status["errorCode"], &status["connectionClosed"]),
        (&json!("INVALID_CLOCK"), &json!(true))
    );
    assert_eq!(unknown.line(), None);
}

#[test]
fn orders_are_told_to_their_owner_alone_as_they_change() {
    let server = Server::start(&["--plain"]);
    let (ann, bob) = (server.log_in("ann"), server.log_in("bob"));
    ann.call("placeOrders", &ann.waiting("before"));
    let mut stream = Stream::of(&ann);
    let image = stream.subscribe(&orders());
    assert_eq!(
        (names(&image), &image["ct"]),
        (vec!["before".to_owned()], &json!("SUB_IMAGE"))
    );
    bob.call("placeOrders", &bob.waiting("bobs"));
    ann.call("placeOrders", &ann.waiting("after"));
    let change = stream.change();
    assert_eq!(names(&change), ["after"]);
    let order = &change["oc"][0]["orc"][0]["uo"][0];
    assert_eq!(
        (&order["status"], &order["sr"], &order["side"]),
        (&json!("E"), &json!(2.0), &json!("L"))
    );
    ann.call("cancelOrders", &json!({}));
    let mut gone = names(&stream.change());
    while gone.len() < 2 {
        gone.extend(names(&stream.change()));
    }
    gone.sort();
    assert_eq!(gone, ["after", "before"]);
    let nothing = Stream::of(&bob).subscribe(&json!({ "op": "orderSubscription", "id": 4,
        "orderFilter": { "customerStrategyRefs": ["other"] } }));
    assert!(names(&nothing).is_empty());
}

#[test]
fn a_stream_misbehaves_as_it_is_told() {
    let server = Server::start(&["--plain"]);
    let ann = server.log_in("ann");
    let mut stream = Stream::of(&ann);
    stream.subscribe(&orders());
    server.control(
        "faults",
        &json!({ "fault": "stream_duplicate", "operation": "ocm" }),
    );
    // What comes twice is the bet or, if that is late, a heartbeat.
    ann.call("placeOrders", &ann.waiting("twice"));
    let first = stream.read();
    assert_eq!(first, stream.read());
    server.control(
        "faults",
        &json!({ "fault": "stream_503", "operation": "ocm" }),
    );
    let ill = std::iter::repeat_with(|| stream.read()).find(|message| message["status"] == 503);
    assert!(ill.is_some());
    server.control("faults", &json!({ "fault": "stream_drop" }));
    while stream.line().is_some() {}
}

#[test]
fn nobody_is_told_anything_before_saying_who_they_are() {
    let server = Server::start(&["--plain"]);
    for (request, code) in [
        (markets(None), "NOT_AUTHORIZED"),
        (
            json!({ "op": "authentication", "id": 1, "appKey": "key", "session": "no" }),
            "INVALID_SESSION_INFORMATION",
        ),
        (
            json!({ "op": "authentication", "id": 1, "session": "no" }),
            "NO_APP_KEY",
        ),
        (json!({ "op": "tea" }), "INVALID_INPUT"),
    ] {
        let mut stream = Stream::open(&server);
        stream.say(&request);
        let status = stream.read();
        assert_eq!(
            (&status["op"], &status["errorCode"]),
            (&json!("status"), &json!(code))
        );
        assert_eq!(stream.line(), None);
    }
}
