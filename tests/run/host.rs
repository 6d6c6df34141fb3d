//! A host under test: the real program in a folder of its own, watched from outside.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use bea::ledger::{BetRow, Filter, Reader, RunRow};
use serde_json::Value;

/// Nothing that is awaited takes longer than this, even on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);

/// A folder with strategies and a recording, in which a host may be started.
pub(crate) struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    pub(crate) fn new(strategies: &[(&str, &str)]) -> Self {
        let place = Self {
            folder: tempfile::tempdir().unwrap(),
        };
        fs::create_dir(place.path("strategies")).unwrap();
        for (name, text) in strategies {
            fs::write(place.strategy(name), text).unwrap();
        }
        fs::write(place.path("long.jsonl"), steady_recording()).unwrap();
        place
    }

    pub(crate) fn path(&self, inside: &str) -> PathBuf {
        self.folder.path().join(inside)
    }

    pub(crate) fn strategy(&self, name: &str) -> PathBuf {
        self.path(&format!("strategies/{name}.rhai"))
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_bea"));
        command
            .current_dir(self.folder.path())
            .env("BEA__HTTP__BIND", "127.0.0.1:0")
            .env("BEA__RISK__MAX_OPEN_ORDERS_PER_RUNNER", "100")
            .env_remove("RUST_LOG")
            .args(arguments)
            .stdin(Stdio::null());
        command
    }

    /// Starts a host that plays ten messages a second for an hour.
    pub(crate) fn start(&self) -> Host {
        self.start_with(&["--data", "long.jsonl", "--speed", "1"])
    }

    pub(crate) fn start_with(&self, arguments: &[&str]) -> Host {
        let mut child = self
            .command(&["run"])
            .args(arguments)
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        let (tell, heard) = channel();
        std::thread::spawn(move || {
            for line in stderr.lines().map_while(Result::ok) {
                for line in as_people_read_it(&line) {
                    if tell.send(line).is_err() {
                        return;
                    }
                }
            }
        });
        let mut host = Host {
            child,
            heard,
            said: Vec::new(),
            minded: 0,
            address: String::new(),
        };
        host.moved();
        host
    }

    /// Runs the program to its end; gives the exit code and what it said on stderr.
    pub(crate) fn run(&self, arguments: &[&str]) -> (Option<i32>, String) {
        let output = self.command(arguments).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        (output.status.code(), said)
    }

    /// Runs the program with --json and reads its one document.
    pub(crate) fn json(&self, arguments: &[&str]) -> Value {
        let output = self.command(arguments).arg("--json").output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{arguments:?}: {said}");
        serde_json::from_slice(&output.stdout).unwrap()
    }

    pub(crate) fn write(&self, inside: &str, text: &str) {
        let path = self.path(inside);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    pub(crate) fn reader(&self) -> Reader {
        Reader::open(&self.path("data/ledger.sqlite")).unwrap()
    }

    pub(crate) fn bets(&self) -> Vec<BetRow> {
        let filter = Filter {
            limit: 1_000,
            ..Filter::default()
        };
        self.reader().bets(&filter).unwrap()
    }

    pub(crate) fn last_run(&self) -> RunRow {
        self.reader().runs(1).unwrap().pop().unwrap()
    }
}

/// A running host. It dies with the test.
pub(crate) struct Host {
    child: Child,
    heard: Receiver<String>,
    said: Vec<String>,
    /// How many of those lines were waited for or passed over.
    minded: usize,
    address: String,
}

impl Host {
    /// Waits until it says where it is to be asked.
    pub(crate) fn moved(&mut self) {
        let line = self.hear("health: http://");
        line.trim_start_matches("health: http://")
            .trim_end_matches("/health")
            .clone_into(&mut self.address);
    }

    /// Waits for the next line on stderr that contains `words`, after the last one waited for.
    pub(crate) fn hear(&mut self, words: &str) -> String {
        let deadline = Instant::now() + PATIENCE;
        loop {
            while let Some(line) = self.said.get(self.minded) {
                self.minded += 1;
                if line.contains(words) {
                    return line.clone();
                }
            }
            let left = deadline.saturating_duration_since(Instant::now());
            match self.heard.recv_timeout(left) {
                Ok(line) => self.said.push(line),
                Err(_) => panic!("never said \"{words}\":\n{}", self.said.join("\n")),
            }
        }
    }

    /// Takes what is said during a moment.
    fn listen(&mut self) {
        if let Ok(line) = self.heard.recv_timeout(Duration::from_millis(10)) {
            self.said.push(line);
        }
    }

    /// What was said so far is not waited for any more.
    pub(crate) fn pass_over(&mut self) {
        self.minded = self.said().len();
    }

    /// Every line on stderr so far.
    pub(crate) fn said(&mut self) -> &[String] {
        self.said.extend(self.heard.try_iter());
        &self.said
    }

    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    pub(crate) fn request(&self, method: &str, path: &str, host: &str) -> Answer {
        self.ask(&format!(
            "{method} {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"
        ))
    }

    /// Sends these bytes, and reads the answer to its end.
    pub(crate) fn ask(&self, request: &str) -> Answer {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        Answer {
            code: head.split(' ').nth(1).unwrap().parse().unwrap(),
            head: head.to_ascii_lowercase(),
            body: body.to_owned(),
        }
    }

    pub(crate) fn health(&self) -> Value {
        let answer = self.request("GET", "/health", "localhost");
        serde_json::from_str(&answer.body).unwrap()
    }

    /// Asks for health until it is as wanted; gives it and how long that took.
    pub(crate) fn until(
        &mut self,
        what: &str,
        wanted: impl Fn(&Value) -> bool,
    ) -> (Value, Duration) {
        let start = Instant::now();
        loop {
            let health = self.health();
            if wanted(&health) {
                return (health, start.elapsed());
            }
            assert!(start.elapsed() < PATIENCE, "never {what}: {health:#}");
            self.listen();
        }
    }

    pub(crate) fn hash_of(&self, name: &str) -> String {
        let health = self.health();
        strategy(&health, name)["hash"].as_str().unwrap().to_owned()
    }

    /// Waits until another version of a strategy runs and all is well.
    pub(crate) fn until_swapped(&mut self, name: &str, from: &str) -> Duration {
        let swapped =
            |health: &Value| health["status"] == "pass" && strategy(health, name)["hash"] != from;
        self.until("swapped", swapped).1
    }

    pub(crate) fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        let sent = Command::new("kill").args([name, &pid]).status().unwrap();
        assert!(sent.success());
    }

    /// Waits for its end and gives the exit code.
    pub(crate) fn end(&mut self) -> i32 {
        let deadline = Instant::now() + PATIENCE;
        // It has ended when nobody holds its stderr any more.
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.heard.recv_timeout(left) {
                Ok(line) => self.said.push(line),
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => panic!("it never ended"),
            }
        }
        let status = self.child.wait().unwrap();
        status.code().expect("it ended by itself")
    }

    /// Ends it in order.
    pub(crate) fn stop(&mut self) {
        self.signal("-TERM");
        assert_eq!(self.end(), 0);
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The lines of what the host itself says; what strategies log stays as it is. All of it is JSON, for stderr is no
/// terminal here.
fn as_people_read_it(line: &str) -> Vec<String> {
    let document: Value =
        serde_json::from_str(line).unwrap_or_else(|_| panic!("stderr is no JSON: {line}"));
    let words = match document["event"].as_str() {
        Some("host") => document["msg"].as_str(),
        _ => document["error"]["message"].as_str(),
    };
    match words {
        Some(words) => words.lines().map(str::to_owned).collect(),
        None => vec![line.to_owned()],
    }
}

pub(crate) struct Answer {
    pub(crate) code: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

/// A strategy's check in a health document.
pub(crate) fn strategy<'a>(health: &'a Value, name: &str) -> &'a Value {
    let checks = health["checks"]["strategies"].as_array().unwrap();
    checks
        .iter()
        .find(|check| check["componentId"] == name)
        .unwrap_or(&Value::Null)
}

/// One market, open for an hour, in which one runner's price changes ten times a second.
fn steady_recording() -> String {
    let start: i64 = 1_767_268_200_000;
    let definition = r#"{"bspMarket":false,"turnInPlayEnabled":true,"persistenceEnabled":true,"marketBaseRate":5,"eventId":"1","eventTypeId":"7","numberOfWinners":1,"bettingType":"ODDS","marketType":"WIN","marketTime":"2026-01-01T14:10:00.000Z","complete":true,"inPlay":false,"numberOfActiveRunners":2,"betDelay":0,"status":"OPEN","version":1,"runners":[{"status":"ACTIVE","sortPriority":1,"id":7,"name":"Seven"},{"status":"ACTIVE","sortPriority":2,"id":8,"name":"Eight"}]}"#;
    let mut text = format!(
        "{{\"op\":\"mcm\",\"pt\":{start},\"mc\":[{{\"id\":\"1.1\",\"marketDefinition\":{definition},\"rc\":[{{\"id\":7,\"atb\":[[3,1000]],\"atl\":[[3.05,1000]]}}]}}]}}\n"
    );
    for tick in 1..36_000 {
        let (at, size) = (start + tick * 100, 1_000 + tick % 2);
        text.push_str(&format!(
            "{{\"op\":\"mcm\",\"pt\":{at},\"mc\":[{{\"id\":\"1.1\",\"rc\":[{{\"id\":7,\"atb\":[[3,{size}]]}}]}}]}}\n"
        ));
    }
    text
}
