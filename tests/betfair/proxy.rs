//! Trouble on the way: a proxy for HTTP that answers as it is told, and one for the stream that rewrites lines.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

/// What becomes of a request.
pub(crate) enum Act {
    /// It is passed on, and so is its answer.
    Pass,
    /// The connection is closed before the request is read.
    Cut,
    /// Only so many bytes of it are passed on, then both connections are closed.
    CutAfter(usize),
    /// It is passed on, and never answered.
    PassAndHang,
    /// It is passed on, and its answer comes a byte at a time, never to its end.
    Drip,
    /// It is passed on, and only so many bytes of its answer come back before the connection ends.
    CutAnswer(usize),
    /// It is passed on, and answered so instead.
    PassAndAnswer(String),
    /// It is not passed on, and answered so.
    Answer(String),
}

type Judge = Box<dyn FnMut(&str) -> Act + Send>;

/// A proxy for HTTP.
pub(crate) struct Proxy {
    pub(crate) address: SocketAddr,
    upstream: SocketAddr,
    judge: Arc<Mutex<Judge>>,
    seen: Arc<Mutex<Vec<String>>>,
    door: Mutex<Option<Door>>,
}

/// Where a proxy lets clients in.
struct Door {
    is_open: Arc<AtomicBool>,
    inside: Arc<Mutex<Vec<TcpStream>>>,
    keeper: JoinHandle<()>,
}

impl Proxy {
    /// Passes everything on at first.
    pub(crate) fn before(upstream: SocketAddr) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let proxy = Self {
            address: listener.local_addr().unwrap(),
            upstream,
            judge: Arc::new(Mutex::new(Box::new(|_| Act::Pass))),
            seen: Arc::default(),
            door: Mutex::default(),
        };
        proxy.let_in(listener);
        proxy
    }

    fn let_in(&self, listener: TcpListener) {
        let is_open = Arc::new(AtomicBool::new(true));
        let inside: Arc<Mutex<Vec<TcpStream>>> = Arc::default();
        let (opened, met) = (Arc::clone(&is_open), Arc::clone(&inside));
        let (judging, seeing) = (Arc::clone(&self.judge), Arc::clone(&self.seen));
        let upstream = self.upstream;
        let keeper = std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                if !opened.load(Ordering::SeqCst) {
                    return;
                }
                met.lock().unwrap().extend(client.try_clone());
                let (judge, seen) = (Arc::clone(&judging), Arc::clone(&seeing));
                // Whoever breaks off is no error here.
                std::thread::spawn(move || serve(client, upstream, &judge, &seen));
            }
        });
        *self.door.lock().unwrap() = Some(Door {
            is_open,
            inside,
            keeper,
        });
    }

    /// Nobody listens at its address any more, and whoever is connected is cut off.
    pub(crate) fn shut(&self) {
        let door = self.door.lock().unwrap().take().unwrap();
        door.is_open.store(false, Ordering::SeqCst);
        // The last one to come in is this one.
        drop(TcpStream::connect(self.address));
        door.keeper.join().unwrap();
        for client in door.inside.lock().unwrap().iter() {
            let _ = client.shutdown(std::net::Shutdown::Both);
        }
    }

    /// It listens again where it did.
    pub(crate) fn open(&self) {
        self.let_in(TcpListener::bind(self.address).unwrap());
    }

    /// From here on this decides.
    pub(crate) fn judge(&self, judge: impl FnMut(&str) -> Act + Send + 'static) {
        *self.judge.lock().unwrap() = Box::new(judge);
    }

    /// The next request of an operation fares so; all others pass.
    pub(crate) fn once(&self, operation: &'static str, act: Act) {
        let mut act = Some(act);
        self.judge(move |request| match request.contains(operation) {
            true => act.take().unwrap_or(Act::Pass),
            false => Act::Pass,
        });
    }

    /// Every request with these words that has come.
    pub(crate) fn seen(&self, words: &str) -> Vec<String> {
        let seen = self.seen.lock().unwrap();
        let wanted = seen.iter().filter(|request| request.contains(words));
        wanted.cloned().collect()
    }

    /// How many requests with these words have come.
    pub(crate) fn count(&self, words: &str) -> usize {
        self.seen(words).len()
    }
}

/// A whole message: its head and the body that the head announces.
fn message(from: &mut BufReader<TcpStream>) -> Option<Vec<u8>> {
    let mut all = Vec::new();
    let mut length = 0;
    loop {
        let start = all.len();
        if from.read_until(b'\n', &mut all).ok()? == 0 {
            return None;
        }
        let line = String::from_utf8_lossy(&all[start..]).to_ascii_lowercase();
        if let Some(value) = line.strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
        if line.trim().is_empty() {
            break;
        }
    }
    let start = all.len();
    all.resize(start + length, 0);
    from.read_exact(&mut all[start..]).ok()?;
    Some(all)
}

fn serve(
    client: TcpStream,
    upstream: SocketAddr,
    judge: &Mutex<Judge>,
    seen: &Mutex<Vec<String>>,
) -> Option<()> {
    let mut reader = BufReader::new(client.try_clone().ok()?);
    let mut writer = client;
    loop {
        let request = message(&mut reader)?;
        let text = String::from_utf8_lossy(&request).into_owned();
        let act = (judge.lock().unwrap())(&text);
        seen.lock().unwrap().push(text);
        let passed = |bytes: &[u8]| {
            let mut server = TcpStream::connect(upstream).ok()?;
            server.write_all(bytes).ok()?;
            Some(BufReader::new(server))
        };
        match act {
            Act::Pass => {
                let answer = message(&mut passed(&request)?)?;
                writer.write_all(&answer).ok()?;
            }
            Act::Cut => return None,
            Act::CutAfter(bytes) => {
                drop(passed(&request[..bytes.min(request.len())])?);
                return None;
            }
            Act::PassAndHang => {
                message(&mut passed(&request)?)?;
                // Until the client gives up.
                let mut rest = Vec::new();
                let _ = reader.read_to_end(&mut rest);
                return None;
            }
            Act::Drip => {
                let answer = message(&mut passed(&request)?)?;
                for byte in &answer[..answer.len() - 1] {
                    writer.write_all(&[*byte]).ok()?;
                }
                let mut rest = Vec::new();
                let _ = reader.read_to_end(&mut rest);
                return None;
            }
            Act::CutAnswer(bytes) => {
                let answer = message(&mut passed(&request)?)?;
                writer.write_all(&answer[..bytes.min(answer.len())]).ok()?;
                return None;
            }
            Act::PassAndAnswer(answer) => {
                message(&mut passed(&request)?)?;
                writer.write_all(answer.as_bytes()).ok()?;
            }
            Act::Answer(answer) => writer.write_all(answer.as_bytes()).ok()?,
        }
    }
}

/// An HTTP answer with a body of JSON.
pub(crate) fn json(status: &str, body: &str) -> Act {
    Act::Answer(format!(
        "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    ))
}

/// Which way a line goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    ToClient,
    ToServer,
}

/// What becomes of a line of the stream: other lines, or the end of the connection.
pub(crate) type Rewrite = dyn FnMut(Way, &str) -> Option<Vec<String>> + Send;

/// How what goes to the client is sent.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Manner {
    /// Each message at once.
    Whole,
    /// In pieces of so many bytes.
    Pieces(usize),
    /// Half of the next line, and the connection ends; whole from then on.
    BreakOff,
}

/// A proxy for the stream without TLS.
pub(crate) struct StreamProxy {
    pub(crate) address: SocketAddr,
    rewrite: Arc<Mutex<Box<Rewrite>>>,
    manner: Arc<Mutex<Manner>>,
}

impl StreamProxy {
    /// Passes everything on at first.
    pub(crate) fn before(upstream: SocketAddr) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let same: Box<Rewrite> = Box::new(|_, line| Some(vec![line.to_owned()]));
        let rewrite = Arc::new(Mutex::new(same));
        let rewriting = Arc::clone(&rewrite);
        let manner = Arc::new(Mutex::new(Manner::Whole));
        let sending = Arc::clone(&manner);
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let Ok(server) = TcpStream::connect(upstream) else {
                    continue;
                };
                for (from, to, way) in [
                    (client.try_clone(), server.try_clone(), Way::ToServer),
                    (server.try_clone(), client.try_clone(), Way::ToClient),
                ] {
                    let rewrite = Arc::clone(&rewriting);
                    let manner = Arc::clone(&sending);
                    let (from, to) = (from.unwrap(), to.unwrap());
                    std::thread::spawn(move || carry(from, to, way, &rewrite, &manner));
                }
            }
        });
        Self {
            address,
            rewrite,
            manner,
        }
    }

    /// From here on what goes to the client is sent so.
    pub(crate) fn send(&self, manner: Manner) {
        *self.manner.lock().unwrap() = manner;
    }

    /// From here on lines are rewritten so; `None` ends the connection.
    pub(crate) fn rewrite(
        &self,
        rewrite: impl FnMut(Way, &str) -> Option<Vec<String>> + Send + 'static,
    ) {
        *self.rewrite.lock().unwrap() = Box::new(rewrite);
    }
}

fn carry(
    from: TcpStream,
    mut to: TcpStream,
    way: Way,
    rewrite: &Mutex<Box<Rewrite>>,
    manner: &Mutex<Manner>,
) {
    let _ = to.set_nodelay(true);
    let ends = [from.try_clone().unwrap(), to.try_clone().unwrap()];
    for line in BufReader::new(from).lines() {
        let Ok(line) = line else { break };
        let lines = (rewrite.lock().unwrap())(way, &line);
        let Some(lines) = lines else { break };
        let bytes: Vec<u8> = lines
            .iter()
            .flat_map(|l| format!("{l}\r\n").into_bytes())
            .collect();
        let how = match way {
            Way::ToClient if !bytes.is_empty() => *manner.lock().unwrap(),
            _ => Manner::Whole,
        };
        let sent = match how {
            Manner::Whole => to.write_all(&bytes),
            Manner::Pieces(size) => bytes.chunks(size).try_for_each(|piece| to.write_all(piece)),
            Manner::BreakOff => {
                *manner.lock().unwrap() = Manner::Whole;
                let _ = to.write_all(&bytes[..bytes.len() / 2]);
                break;
            }
        };
        if sent.is_err() {
            break;
        }
    }
    for end in ends {
        let _ = end.shutdown(std::net::Shutdown::Both);
    }
}
