//! Every route, and every way in which somebody without the right might try it.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::Value;

use crate::client::{Guarded, data, get, json, post, request};
use crate::host::Place;

/// A text that is sent wherever something can be sent, and must never come back.
const MARK: &str = "zq9markzq9";

/// A route as the OpenAPI document has it.
struct Route {
    path: String,
    method: String,
    needs_token: bool,
}

fn routes(guarded: &Guarded) -> Vec<Route> {
    let answer = get(&guarded.host, "/api/v1/openapi.json", Some(&guarded.read));
    let document = json(&answer);
    let mut routes = Vec::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            routes.push(Route {
                path: path.replace("{name}", "fav"),
                method: method.to_uppercase(),
                needs_token: operation.get("security").is_some(),
            });
        }
    }
    assert!(routes.len() > 25, "only {} routes were found", routes.len());
    routes
}

/// An attack: a request made of a route, and the codes with which it must be refused.
struct Attack {
    name: &'static str,
    request: String,
    refused_with: &'static [u16],
}

const BODY: &str = r#"{"reason":"zq9markzq9"}"#;

/// All attacks on a route.
fn attacks(route: &Route, guarded: &Guarded) -> Vec<Attack> {
    let (method, path) = (route.method.as_str(), route.path.as_str());
    let is_post = method == "POST";
    let body = if is_post { BODY } else { "" };
    let good = format!("Bearer {}", guarded.control);
    let cut = format!("Bearer {}", &guarded.control[..guarded.control.len() - 1]);
    let longer = format!("Bearer {}0", guarded.control);
    let basic = format!("Basic {}", guarded.control);
    let look = format!("Bearer {}", guarded.read);
    let proper = [
        ("Content-Type", "application/json"),
        ("X-Requested-With", MARK),
    ];
    let with = |more: &[(&str, &str)]| {
        let mut headers: Vec<(&str, &str)> = Vec::new();
        let replaced = |name: &str| more.iter().any(|(n, _)| *n == name);
        headers.extend(proper.iter().filter(|(name, _)| is_post && !replaced(name)));
        headers.extend(more.iter().filter(|(_, value)| *value != "-"));
        request(method, path, &headers, body)
    };
    let mut all = Vec::new();
    let mut add = |name, request, refused_with| {
        all.push(Attack {
            name,
            request,
            refused_with,
        });
    };
    if route.needs_token {
        let in_query = format!(
            "{path}?token={}&access_token={}",
            guarded.control, guarded.control
        );
        let cookie = format!("token={}", guarded.control);
        let wrong: &[u16] = &[401, 429];
        add("no token", with(&[]), &[401]);
        add(
            "wrong token",
            with(&[("Authorization", &format!("Bearer bea_{}", "0".repeat(64)))]),
            wrong,
        );
        add("cut token", with(&[("Authorization", &cut)]), wrong);
        add("longer token", with(&[("Authorization", &longer)]), wrong);
        add("other scheme", with(&[("Authorization", &basic)]), wrong);
        add("empty token", with(&[("Authorization", "Bearer ")]), wrong);
        add(
            "two tokens",
            with(&[("Authorization", &good), ("Authorization", &look)]),
            wrong,
        );
        add(
            "token in the query",
            request(method, &in_query, &proper, body),
            &[401],
        );
        add("token in a cookie", with(&[("Cookie", &cookie)]), &[401]);
    }
    let auth = ("Authorization", good.as_str());
    let host: &[u16] = &[400, 403];
    add(
        "another host",
        with(&[auth, ("Host", "evil.example")]),
        host,
    );
    add(
        "host with a user",
        with(&[auth, ("Host", "localhost@evil.example")]),
        host,
    );
    add(
        "two hosts",
        with(&[auth, ("Host", "localhost"), ("Host", "evil.example")]),
        host,
    );
    add(
        "absolute address",
        with(&[auth]).replacen(path, &format!("http://evil.example{path}"), 1),
        host,
    );
    add(
        "page elsewhere",
        with(&[auth, ("Origin", "http://evil.example")]),
        &[403],
    );
    add(
        "page of no origin",
        with(&[auth, ("Origin", "null")]),
        &[403],
    );
    add(
        "another port's page",
        with(&[auth, ("Origin", "http://localhost:1")]),
        &[403],
    );
    add(
        "page of another site",
        with(&[auth, ("Sec-Fetch-Site", "cross-site")]),
        &[403],
    );
    let other = if is_post { "GET" } else { "POST" };
    add(
        "other method",
        with(&[auth]).replacen(method, other, 1),
        &[405],
    );
    add(
        "DELETE",
        with(&[auth]).replacen(method, "DELETE", 1),
        &[405],
    );
    let long = format!("{path}?{}", "x".repeat(3_000));
    add("long address", request(method, &long, &[auth], ""), &[414]);
    let header = "x".repeat(20_000);
    add("long header", with(&[auth, ("X-Long", &header)]), &[431]);
    if is_post {
        let read_only = with(&[("Authorization", &look)]);
        add("token that may only look", read_only, &[403]);
        for kind in [
            "text/plain",
            "application/x-www-form-urlencoded",
            "multipart/form-data",
            "-",
        ] {
            add("simple form", with(&[auth, ("Content-Type", kind)]), &[415]);
        }
        add(
            "no header of one's own",
            with(&[auth, ("X-Requested-With", "-")]),
            &[403],
        );
        add(
            "huge body",
            with(&[auth, ("Content-Length", "1000000000")]),
            &[413],
        );
        let unreadable: [(&str, &str); 4] = [
            ("no JSON", "zq9markzq9"),
            ("a list", "[1]"),
            ("another field", r#"{"reason":"x","more":"zq9markzq9"}"#),
            ("another type", r#"{"reason":7}"#),
        ];
        for (name, body) in unreadable {
            let mut headers = proper.to_vec();
            headers.push(auth);
            add(name, request(method, path, &headers, body), &[400]);
        }
    }
    all
}

#[test]
fn every_attack_on_every_route_is_refused_and_changes_and_tells_nothing() {
    let guarded = Guarded::start();
    let Guarded {
        host,
        place,
        control,
        ..
    } = &guarded;
    let folder = place.path("").display().to_string();
    let mut tried = 0;
    for route in routes(&guarded) {
        for attack in attacks(&route, &guarded) {
            tried += 1;
            let name = format!("{} on {} {}", attack.name, route.method, route.path);
            let answer = host.ask(&attack.request);
            assert!(
                attack.refused_with.contains(&answer.code),
                "{name}: {} {}",
                answer.code,
                answer.body
            );
            for secret in [MARK, control, &guarded.read, &folder, "sqlite", ".rs"] {
                let told = answer.body.contains(secret) || answer.head.contains(secret);
                assert!(!told, "{name} tells {secret}: {}", answer.body);
            }
            // What is refused before it is read has no body of ours.
            if answer.code != 431 && answer.code != 400 {
                assert!(
                    answer.head.contains("application/problem+json"),
                    "{name}: {}",
                    answer.head
                );
                assert!(
                    answer.head.contains("x-content-type-options: nosniff"),
                    "{name}"
                );
                assert!(!answer.head.contains("access-control-"), "{name}");
                let problem = json(&answer);
                assert_eq!(problem["status"], answer.code, "{name}");
                let id = problem["request_id"].as_str().unwrap();
                assert!(
                    answer.head.contains(&format!("x-request-id: {id}")),
                    "{name}"
                );
            }
        }
    }
    assert!(tried > 500, "only {tried} attacks");
    let state = data(host, "/api/v1/state", Some(control));
    assert_eq!(state["trading"]["state"], "ACTIVE");
    assert!(!place.path("data/KILL").exists());
    let alerts = data(host, "/api/v1/alerts", Some(control));
    let told = |code: &str| {
        let alerts = alerts.as_array().unwrap();
        alerts.iter().filter(|alert| alert["code"] == code).count()
    };
    assert!(told("HTTP_TOKENS_GUESSED") >= 1);
    assert_eq!(
        told("KILL_ASKED") + told("RESUME_ASKED") + told("RELOAD_ASKED") + told("HTTP_FAILED"),
        0
    );
}

#[test]
fn a_second_request_hidden_in_a_first_is_not_done() {
    let guarded = Guarded::start();
    let hidden = format!(
        "POST /api/v1/kill HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {}\r\nContent-Type: application/json\r\n\
         X-Requested-With: x\r\nContent-Length: {}\r\n\r\n{BODY}",
        guarded.read,
        BODY.len()
    );
    for lengths in [
        format!(
            "Content-Length: {}\r\nTransfer-Encoding: chunked\r\n",
            hidden.len() + 5
        ),
        format!(
            "Transfer-Encoding: chunked\r\nContent-Length: {}\r\n",
            hidden.len() + 5
        ),
        "Transfer-Encoding: xchunked\r\n".to_owned(),
        "Content-Length: 5\r\nContent-Length: 6\r\n".to_owned(),
    ] {
        let mut stream = TcpStream::connect(guarded.host.address()).unwrap();
        stream
            .set_read_timeout(Some(Duration::from_secs(120)))
            .unwrap();
        let outer =
            format!("POST /livez HTTP/1.1\r\nHost: localhost\r\n{lengths}\r\n0\r\n\r\n{hidden}");
        stream.write_all(outer.as_bytes()).unwrap();
        let mut text = String::new();
        let _ = stream.read_to_string(&mut text);
        assert!(!text.contains("HTTP/1.1 200"), "{lengths}: {text}");
    }
    assert!(!guarded.place.path("data/KILL").exists());
}

#[test]
fn wrong_tokens_are_slowed_down_and_right_ones_are_not() {
    let guarded = Guarded::start();
    let codes: Vec<u16> = (0..8)
        .map(|_| get(&guarded.host, "/api/v1/state", Some("bea_wrong")).code)
        .collect();
    assert_eq!(codes, [401, 401, 401, 401, 401, 429, 429, 429]);
    let right = get(&guarded.host, "/api/v1/state", Some(&guarded.control));
    assert_eq!(right.code, 200);
    let metrics = get(&guarded.host, "/metrics", Some(&guarded.read)).body;
    assert!(
        metrics.contains("bea_http_refused_tokens_total 8"),
        "{metrics}"
    );
}

#[test]
fn a_token_that_is_revoked_is_none_at_once() {
    let guarded = Guarded::start();
    let ask = || get(&guarded.host, "/api/v1/state", Some(&guarded.read)).code;
    assert_eq!(ask(), 200);
    guarded.place.json(&["token", "revoke", "grafana"]);
    assert_eq!(ask(), 401);
    let listed = guarded.place.json(&["token", "list"]);
    let names: Vec<&Value> = listed["tokens"]
        .as_array()
        .unwrap()
        .iter()
        .map(|t| &t["name"])
        .collect();
    assert_eq!(names, ["alice"]);
    std::fs::remove_file(guarded.place.path("data/http.tokens")).unwrap();
    assert_eq!(
        get(&guarded.host, "/api/v1/state", None).code,
        401,
        "a lost file opens nothing"
    );
}

#[test]
fn without_tokens_this_machine_may_look_and_stop_and_no_more() {
    let place = Place::new(&[("fav", crate::RESTS)]);
    let host = crate::client::busy(&place);
    assert_eq!(get(&host, "/api/v1/state", None).code, 200);
    for path in [
        "/api/v1/pause",
        "/api/v1/reduce",
        "/api/v1/resume",
        "/api/v1/reload",
    ] {
        let body = if path.ends_with("reload") { "{}" } else { BODY };
        let answer = post(&host, path, None, &[], body);
        assert_eq!(answer.code, 401, "{path}: {}", answer.body);
        assert!(answer.body.contains("bea token new"), "{}", answer.body);
    }
    let killed = post(&host, "/api/v1/kill", None, &[], BODY);
    assert_eq!(killed.code, 200, "{}", killed.body);
    let done = &json(&killed)["data"];
    assert_eq!(done["state"], "HALTED");
    assert_eq!(done["obeyed"], true);
    assert_eq!(done["unresolved"], 0);
    let file = fs::read_to_string(place.path("data/KILL")).unwrap();
    assert!(file.contains("HTTP (this machine, request "), "{file}");
}

#[test]
fn what_others_can_reach_takes_tokens_and_tls() {
    let place = Place::new(&[("fav", crate::RESTS)]);
    let run = |more: &[&str]| {
        let mut arguments = vec![
            "run",
            "--data",
            "long.jsonl",
            "--set",
            "http.bind=0.0.0.0:0",
        ];
        arguments.extend(more);
        place.run(&arguments)
    };
    let (code, said) = run(&[]);
    assert_eq!(code, Some(3), "{said}");
    assert!(said.contains("http.tls_certificate"), "{said}");
    let (code, said) = run(&["--set", "http.behind_proxy=true"]);
    assert_eq!(code, Some(8), "{said}");
    assert!(said.contains("bea token new"), "{said}");
    place.write("data/http.tokens", "read x 00");
    let (code, said) = place.run(&["run", "--data", "long.jsonl"]);
    assert_eq!(code, Some(8), "a token file that others may read: {said}");
}
