//! A look-alike in a process of its own, and a client of two hundred lines less than any real one.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};

/// A running `bea exchange`; it ends when this is dropped.
pub(crate) struct Server {
    process: Child,
    pub(crate) http: String,
    pub(crate) stream: String,
    pub(crate) folder: tempfile::TempDir,
}

/// An HTTP answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("no JSON: {self:?}"))
    }
}

impl Server {
    /// Starts with a made-up race, five minutes before its start, and a clock that stands still.
    pub(crate) fn start(more: &[&str]) -> Self {
        Self::with_races(1, more)
    }

    /// The same with more races, which start ten minutes one after the other.
    pub(crate) fn with_races(races: usize, more: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut process = Command::new(env!("CARGO_BIN_EXE_bea"))
            .args(["exchange", "--paused", "--json"])
            .args(["--generate", &races.to_string()])
            .args(["--http", "127.0.0.1:0", "--stream", "127.0.0.1:0"])
            .arg("--truth")
            .arg(folder.path().join("truth.jsonl"))
            .args(more)
            .current_dir(folder.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .unwrap();
        let told = told(&mut process);
        Self {
            process,
            http: told["http"].as_str().unwrap().to_owned(),
            stream: told["stream"].as_str().unwrap().to_owned(),
            folder,
        }
    }

    /// Asks over HTTP; an error if the connection breaks.
    pub(crate) fn ask(
        &self,
        method: &str,
        path: &str,
        headers: &str,
        body: &str,
    ) -> std::io::Result<Answer> {
        ask(&self.http, method, path, headers, body)
    }

    pub(crate) fn control(&self, path: &str, body: &Value) -> Value {
        let answer = self.ask("POST", &format!("/control/{path}"), "", &body.to_string());
        let answer = answer.unwrap();
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.json()
    }

    /// A session of a new account.
    pub(crate) fn log_in(&self, user: &str) -> Session<'_> {
        let body = format!("username={user}&password=x");
        let answer = self
            .ask("POST", "/api/certlogin", "", &body)
            .unwrap()
            .json();
        let token = answer["sessionToken"].as_str().unwrap().to_owned();
        Session {
            server: self,
            token,
        }
    }

    /// The id of its market.
    pub(crate) fn market(&self) -> String {
        let standing = self.ask("GET", "/control", "", "").unwrap().json();
        standing["markets"][0]["id"].as_str().unwrap().to_owned()
    }

    /// The log of what really happened.
    fn log(&self) -> Vec<Value> {
        let path: PathBuf = self.folder.path().join("truth.jsonl");
        let text = std::fs::read_to_string(path).unwrap();
        // What is being written just now is not there yet.
        let whole = text.rfind('\n').map_or("", |end| &text[..end]);
        let lines = whole.lines();
        lines
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    /// What really happened to bets: `(event, customerOrderRef)`.
    pub(crate) fn truth(&self) -> Vec<(String, String)> {
        self.log()
            .into_iter()
            .map(|line| {
                let text = |name: &str| line[name].as_str().unwrap_or_default().to_owned();
                (text("event"), text("customer_order_ref"))
            })
            .collect()
    }

    pub(crate) fn accepted(&self) -> Vec<String> {
        let truth = self.truth().into_iter();
        let accepted = truth.filter(|(event, _)| event == "accepted");
        accepted.map(|(_, name)| name).collect()
    }
}

/// Asks whoever serves at this address; an error if the connection breaks.
pub(crate) fn ask(
    http: &str,
    method: &str,
    path: &str,
    headers: &str,
    body: &str,
) -> std::io::Result<Answer> {
    let address = http.strip_prefix("http://").unwrap();
    let mut wire = TcpStream::connect(address)?;
    write!(
        wire,
        "{method} {path} HTTP/1.1\r\nHost: {address}\r\n{headers}Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    )?;
    let mut text = String::new();
    wire.read_to_string(&mut text)?;
    let broken = || std::io::Error::from(std::io::ErrorKind::UnexpectedEof);
    let (head, body) = text.split_once("\r\n\r\n").ok_or_else(broken)?;
    let status = head.split(' ').nth(1).ok_or_else(broken)?;
    Ok(Answer {
        status: status.parse().unwrap(),
        body: body.to_owned(),
    })
}

/// The document with which a look-alike says where it is.
pub(crate) fn told(process: &mut Child) -> Value {
    let mut out = BufReader::new(process.stdout.take().unwrap());
    let mut text = String::new();
    while !text.ends_with("}\n") {
        assert!(out.read_line(&mut text).unwrap() > 0, "it ended: {text}");
    }
    serde_json::from_str(&text).unwrap()
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Somebody who is logged in.
pub(crate) struct Session<'s> {
    pub(crate) server: &'s Server,
    pub(crate) token: String,
}

impl Session<'_> {
    fn headers(&self) -> String {
        format!(
            "X-Application: key\r\nX-Authentication: {}\r\nContent-Type: application/json\r\n",
            self.token
        )
    }

    pub(crate) fn raw(&self, operation: &str, params: &Value) -> std::io::Result<Answer> {
        let call = json!({
            "jsonrpc": "2.0", "method": format!("SportsAPING/v1.0/{operation}"), "params": params, "id": 7,
        });
        let path = "/exchange/betting/json-rpc/v1";
        self.server
            .ask("POST", path, &self.headers(), &call.to_string())
    }

    /// The result of an operation.
    pub(crate) fn call(&self, operation: &str, params: &Value) -> Value {
        let answer = self.raw(operation, params).unwrap().json();
        assert_eq!(answer["id"], 7);
        assert!(answer["error"].is_null(), "{answer}");
        answer["result"].clone()
    }

    /// The error of an operation.
    pub(crate) fn error(&self, operation: &str, params: &Value) -> Value {
        self.raw(operation, params).unwrap().json()["error"].clone()
    }

    pub(crate) fn rest(&self, path: &str, params: &Value) -> Answer {
        let answer = self
            .server
            .ask("POST", path, &self.headers(), &params.to_string());
        answer.unwrap()
    }

    /// A lay at 1.01 on the first runner, which waits.
    pub(crate) fn waiting(&self, name: &str) -> Value {
        let market = self.server.market();
        let books = self.call("listMarketBook", &json!({ "marketIds": [market] }));
        let runners = books[0]["runners"].as_array().unwrap();
        let active = runners.iter().find(|runner| runner["status"] == "ACTIVE");
        json!({
            "marketId": market,
            "instructions": [{
                "orderType": "LIMIT", "selectionId": active.unwrap()["selectionId"], "side": "LAY",
                "customerOrderRef": name,
                "limitOrder": { "size": 2.0, "price": 1.01, "persistenceType": "LAPSE" },
            }],
        })
    }

    /// The names of its bets that the exchange lists.
    pub(crate) fn listed(&self) -> Vec<String> {
        let orders = self.call("listCurrentOrders", &json!({}));
        let orders = orders["currentOrders"].as_array().unwrap();
        let name = |order: &Value| {
            order["customerOrderRef"]
                .as_str()
                .unwrap_or_default()
                .to_owned()
        };
        orders.iter().map(name).collect()
    }
}
