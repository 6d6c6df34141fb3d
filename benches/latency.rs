//! From the last byte of a message on one socket to the first byte of the order it led to on another.
//!
//! `cargo bench --bench latency`. This process plays the venue and holds the clock; a process of its own, started by it,
//! reads the lines, decides in a Rhai script, passes the risk gate, writes the ledger and sends. The venue is one of
//! this bench: its order is a line of text, so what HTTP and TLS cost is not in the figures. Measured twice: with the
//! ledger, each order durable before it leaves, and without.

use std::cell::Cell;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::rc::Rc;
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use bea::backtest::{Session, Setup};
use bea::config::Config;
use bea::engine::{Journal, NoJournal, Request, Strategy, Venue};
use bea::ledger::{Durability, Ledger, LedgerSettings, RunInfo, RunKind};
use bea::market::{
    Books, Instruction, Listing, MarketDelta, Mode, OrderChange, OrderEvent, TimeMs, VenueEvent,
};
use bea::risk::RiskLimits;
use bea::source::generate::{Kind, Spec, generate};
use bea::strategy::{Overrides, Script};
use bea::venue::betfair::{Decoder, Message};

/// Bets on every update before the off.
const BETS: &str = r#"
fn on_odds(market, ctx) {
    if market.status != "OPEN" || market.in_play { return; }
    let runner = market.active[0];
    let best = runner.best_back;
    if best != () { back(runner, best.price, 2.0) }
}"#;
/// What is written for an order, and for an update that led to none.
const ORDER: u8 = b'+';
const NONE: u8 = b'-';
/// Updates before it is measured.
const WARM_UP: usize = 500;

fn main() {
    let words: Vec<String> = std::env::args().collect();
    if let [_, role, stream, orders, ledger] = &words[..]
        && role == "serve"
    {
        return serve(&address(stream), &address(orders), ledger);
    }
    println!(
        "{:<44}{:>10}{:>12}{:>12}{:>12}",
        "from message to order", "orders", "median µs", "99 % µs", "99.9 % µs"
    );
    for (what, ledger) in [
        ("without a ledger", false),
        ("each order durable in the ledger first", true),
    ] {
        let mut took = measure(ledger);
        took.sort_unstable();
        let at = |thousandths: usize| took[(took.len() - 1) * thousandths / 1_000].as_micros();
        println!(
            "{what:<44}{:>10}{:>12}{:>12}{:>12}",
            took.len(),
            at(500),
            at(990),
            at(999)
        );
    }
}

fn address(text: &str) -> SocketAddr {
    text.parse().expect("it was written by this program")
}

fn lines() -> Vec<Vec<u8>> {
    let mut spec = Spec::new(Kind::Win, 7);
    (spec.runners, spec.updates, spec.in_play_updates) = (10, 6_000, 10);
    let mut bytes = Vec::new();
    generate(&spec, &mut bytes).expect("the specification can be met");
    let lines = bytes.split_inclusive(|&byte| byte == b'\n');
    lines.map(<[u8]>::to_vec).collect()
}

/// Plays the venue: sends a line, and stops the time until the first byte of what comes of it.
fn measure(with_ledger: bool) -> Vec<Duration> {
    let listen = || TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port is free");
    let (stream, orders) = (listen(), listen());
    let folder = tempfile::tempdir().expect("there is room for a folder");
    let path = folder.path().join("ledger.sqlite");
    let ledger = match with_ledger {
        true => path.to_str().expect("its name is text"),
        false => "",
    };
    let at = |listener: &TcpListener| listener.local_addr().expect("it is bound").to_string();
    let mut served = Command::new(std::env::current_exe().expect("this program has a path"))
        .args(["serve", &at(&stream), &at(&orders), ledger])
        .stdin(Stdio::null())
        .spawn()
        .expect("it starts");
    let (mut stream, _) = stream.accept().expect("it connects");
    let (mut orders, _) = orders.accept().expect("it connects");
    stream.set_nodelay(true).expect("a socket has the option");
    let mut took = Vec::new();
    for (number, line) in lines().iter().enumerate() {
        stream.write_all(line).expect("it listens");
        let sent = Instant::now();
        let mut word = [0];
        orders.read_exact(&mut word).expect("it answers");
        let heard = sent.elapsed();
        if word[0] == ORDER {
            let mut rest = [0; 27];
            orders.read_exact(&mut rest).expect("an order has an id");
            if number >= WARM_UP {
                took.push(heard);
            }
        }
    }
    drop((stream, orders));
    assert!(served.wait().expect("it ends").success(), "it failed");
    assert!(took.len() > 1_000, "only {} orders came", took.len());
    took
}

/// The other process: from the stream's socket through the engine to that of the orders.
fn serve(stream: &SocketAddr, orders: &SocketAddr, ledger: &str) {
    let stream = TcpStream::connect(stream).expect("it listens");
    let orders = TcpStream::connect(orders).expect("it listens");
    orders.set_nodelay(true).expect("a socket has the option");
    let config = Config::default();
    let info = RunInfo {
        kind: RunKind::Run,
        mode: Mode::DryRun,
        started_at: TimeMs(1),
        currency: config.account.currency,
        config: serde_json::Value::Null,
    };
    let kept = (!ledger.is_empty()).then(|| {
        let settings = LedgerSettings {
            durability: Durability::Full,
            ..LedgerSettings::default()
        };
        let ledger = Ledger::open(ledger.as_ref(), settings).expect("the folder is fresh");
        let mut run = ledger.begin_run(info).expect("it can be written");
        run.begin_recording(1, "bench", "bench")
            .expect("it can be written");
        (ledger, run)
    });
    match kept {
        Some((_ledger, run)) => follow(&config, stream, orders, run),
        None => follow(&config, stream, orders, NoJournal),
    }
}

fn follow<J: Journal>(config: &Config, stream: TcpStream, orders: TcpStream, journal: J) {
    let setup = Setup {
        limits: RiskLimits::reference(),
        exchange: config.exchange.clone(),
        bank: config.account.bankroll,
        currency: config.account.currency,
        own: Default::default(),
        memory: None,
    };
    let script = Script::from_text("bench", BETS, &Overrides::new()).expect("it parses");
    let strategy: Box<dyn Strategy> = Box::new(script.compile().expect("it compiles"));
    let sent = Rc::new(Cell::new(0));
    let wire = Wire {
        orders: orders.try_clone().expect("a socket can be shared"),
        sent: Rc::clone(&sent),
        heard: Vec::new(),
    };
    let mut session = Session::at(&setup, 1, wire, vec![strategy], journal);
    // As in the host, one thread listens and another decides.
    let (told, ears) = channel();
    let reader = std::thread::spawn(move || {
        let mut stream = BufReader::new(stream);
        loop {
            let mut line = Vec::new();
            match stream.read_until(b'\n', &mut line) {
                Ok(0) | Err(_) => return,
                Ok(_) if told.send(line).is_err() => return,
                Ok(_) => {}
            }
        }
    });
    let (mut decoder, mut orders) = (Decoder::new(), orders);
    for line in ears {
        let before = sent.get();
        if let Message::Markets {
            published_at,
            deltas,
        } = decoder
            .decode(line.trim_ascii_end())
            .expect("it is well formed")
        {
            let taken = session.take(published_at, deltas, &mut |_| true);
            taken.expect("the ledger can be written");
        }
        if sent.get() == before && orders.write_all(&[NONE]).is_err() {
            break;
        }
    }
    reader.join().expect("it only reads");
}

/// A venue at the end of a socket. It lets each order lapse before the next update, so that none stands in the way.
struct Wire {
    orders: TcpStream,
    /// How many orders went out.
    sent: Rc<Cell<u64>>,
    heard: Vec<OrderEvent>,
}

impl<P: AsRef<Instruction>> Venue<P> for Wire {
    fn observe(
        &mut self,
        now: TimeMs,
        _before: &Books,
        _delta: &MarketDelta,
        out: &mut Vec<VenueEvent>,
    ) {
        let heard = self.heard.drain(..);
        out.extend(heard.map(|event| VenueEvent::Order(OrderEvent { at: now, ..event })));
    }

    fn submit(&mut self, now: TimeMs, _books: &Books, request: Request<P>) {
        let Request::Place(pass) = request else {
            return;
        };
        let order = pass.as_ref();
        let mut line = vec![ORDER];
        writeln!(line, "{}", order.id).expect("memory takes it");
        self.orders.write_all(&line).expect("the venue listens");
        self.sent.set(self.sent.get() + 1);
        let said = |change| OrderEvent {
            market: order.market.clone(),
            order: order.id,
            at: now,
            change,
        };
        let size = order.kind.size().unwrap_or_default();
        self.heard.push(said(OrderChange::Accepted));
        self.heard.push(said(OrderChange::Cancelled { size }));
    }

    fn list(&mut self, now: TimeMs, out: &mut Vec<VenueEvent>) {
        let listing = Listing {
            asked_at: now,
            orders: Vec::new(),
        };
        out.push(VenueEvent::Listing(now, listing));
    }
}
