//! The stream: one task a connection, which hears requests, tells changes, and breaks the silence.

use std::collections::BTreeMap;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde::Serialize;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, sleep_until};
use tokio_rustls::TlsAcceptor;

use super::Hub;
use super::accounts::AccountId;
use super::faults::Kind;
use super::market_stream::{Beginning, MOST_MARKETS, MarketFeed, Memories};
use super::order_stream::OrderFeed;
use crate::venue::betfair::{
    ChangeMessage, ChangeType, Delivery, LINE_END, MarketSubscription, OrderSubscription, Segment,
    StatusMessage, StreamCode, StreamRequest,
};

/// The longest request that is read.
const LONGEST_LINE: u64 = 1 << 20;
/// How long a connection may be silent before its first request.
const PATIENCE: Duration = Duration::from_secs(15);
/// Most connections of an account.
const MOST_CONNECTIONS: u32 = 10;
/// The silences that may be asked for, in milliseconds.
const HEARTBEAT: (i64, i64) = (500, 5_000);
/// The longest time in which changes may be merged, in milliseconds.
const LONGEST_CONFLATION: i64 = 120_000;
/// Changes in a message before it is cut into segments.
const SEGMENT: usize = 50;

/// What all connections share.
#[derive(Debug, Default)]
struct Shared {
    memories: Memories,
    open: Mutex<BTreeMap<AccountId, u32>>,
    connections: AtomicU64,
}

/// Takes connections until it is dropped.
pub(super) async fn serve(listener: TcpListener, tls: Option<TlsAcceptor>, hub: Arc<Hub>) {
    let shared = Arc::new(Shared::default());
    loop {
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::warn!("the stream cannot take a connection: {error}");
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        let (hub, shared, tls) = (Arc::clone(&hub), Arc::clone(&shared), tls.clone());
        tokio::spawn(async move {
            // A client that goes is no error.
            let _ = welcome(stream, tls, &hub, &shared).await;
        });
    }
}

async fn welcome(
    stream: TcpStream,
    tls: Option<TlsAcceptor>,
    hub: &Hub,
    shared: &Shared,
) -> io::Result<()> {
    stream.set_nodelay(true)?;
    match tls {
        None => converse(stream, hub, shared).await,
        Some(tls) => {
            let stream = tokio::time::timeout(PATIENCE, tls.accept(stream)).await??;
            converse(stream, hub, shared).await
        }
    }
}

/// When and how a subscription is told.
#[derive(Debug)]
struct Rhythm {
    id: Option<i64>,
    conflate: Duration,
    heartbeat: Duration,
    segmented: bool,
    /// What was said last, and when.
    last: Instant,
    begun: bool,
    /// Another message may follow from here on.
    free: Instant,
    /// A message that comes after the next one.
    held: Option<Vec<u8>>,
}

impl Rhythm {
    fn new(id: Option<i64>, asked: &Delivery) -> Self {
        let ms = |ms: i64| Duration::from_millis(ms.unsigned_abs());
        let now = Instant::now();
        Self {
            id,
            conflate: ms(asked.conflate_ms.unwrap_or(0).clamp(0, LONGEST_CONFLATION)),
            heartbeat: ms(asked
                .heartbeat_ms
                .unwrap_or(HEARTBEAT.1)
                .clamp(HEARTBEAT.0, HEARTBEAT.1)),
            segmented: asked.segmentation_enabled == Some(true),
            last: now,
            begun: false,
            free: now,
            held: None,
        }
    }

    fn is_silent(&self) -> bool {
        self.last.elapsed() >= self.heartbeat
    }

    fn said(&mut self) {
        self.last = Instant::now();
        self.free = self.last + self.conflate;
        self.begun = true;
    }
}

/// One connection.
struct Connection<'h, W> {
    hub: &'h Hub,
    shared: &'h Shared,
    writer: W,
    name: String,
    account: Option<AccountId>,
    subscriptions: u32,
    markets: Option<(Rhythm, MarketFeed, Beginning)>,
    orders: Option<(Rhythm, OrderFeed)>,
}

impl<W> Drop for Connection<'_, W> {
    fn drop(&mut self) {
        if let Some(account) = self.account {
            let mut open = self
                .shared
                .open
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            if let Some(count) = open.get_mut(&account) {
                *count = count.saturating_sub(1);
            }
        }
    }
}

/// Whether a connection goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Go {
    On,
    Away,
}

async fn converse<S: AsyncRead + AsyncWrite>(
    stream: S,
    hub: &Hub,
    shared: &Shared,
) -> io::Result<()> {
    let (reader, writer) = tokio::io::split(stream);
    let mut reader = BufReader::new(reader);
    let number = shared.connections.fetch_add(1, Ordering::Relaxed) + 1;
    let mut changes = hub.world().listen();
    let mut connection = Connection {
        hub,
        shared,
        writer,
        name: format!("001-lookalike-{number}"),
        account: None,
        subscriptions: 0,
        markets: None,
        orders: None,
    };
    let greeting = json!({ "op": "connection", "connectionId": connection.name });
    connection.send(&greeting).await?;
    let begun = Instant::now();
    let mut line = Vec::new();
    loop {
        let wake = connection.wake(begun);
        let mut limited = (&mut reader).take(LONGEST_LINE - line.len() as u64);
        let go = tokio::select! {
            read = limited.read_until(b'\n', &mut line) => {
                if read? == 0 {
                    return Ok(());
                }
                if !line.ends_with(b"\n") {
                    if (line.len() as u64) < LONGEST_LINE {
                        continue;
                    }
                    let why = "the request is too long";
                    connection.refuse(None, StreamCode::InvalidInput, why).await?
                } else {
                    let request = std::mem::take(&mut line);
                    connection.hear(request.trim_ascii()).await?
                }
            }
            changed = changes.changed() => if changed.is_ok() { Go::On } else { Go::Away },
            () = sleep_until(wake) => connection.check_patience(begun).await?,
        };
        if go == Go::Away || connection.tell().await? == Go::Away {
            connection.writer.shutdown().await?;
            return Ok(());
        }
    }
}

impl<W: AsyncWrite + Unpin> Connection<'_, W> {
    async fn send(&mut self, message: &impl Serialize) -> io::Result<()> {
        let line = encode(message)?;
        self.writer.write_all(&line).await?;
        self.writer.flush().await
    }

    async fn refuse(&mut self, id: Option<i64>, code: StreamCode, why: &str) -> io::Result<Go> {
        let status = StatusMessage::failure(id, code, why, &self.name);
        self.send(&status).await?;
        Ok(if status.connection_closed {
            Go::Away
        } else {
            Go::On
        })
    }

    /// When something is to be done at the latest.
    fn wake(&self, begun: Instant) -> Instant {
        let now = Instant::now();
        let rhythms = self.markets.iter().map(|(rhythm, ..)| rhythm);
        let rhythms = rhythms.chain(self.orders.iter().map(|(rhythm, _)| rhythm));
        let next = rhythms
            .map(|rhythm| {
                let silence = rhythm.last + rhythm.heartbeat;
                if rhythm.free > now {
                    silence.min(rhythm.free)
                } else {
                    silence
                }
            })
            .min();
        // Without a subscription there is only the first request to wait for.
        next.unwrap_or(match self.account {
            None => begun + PATIENCE,
            Some(_) => now + PATIENCE,
        })
    }

    async fn check_patience(&mut self, begun: Instant) -> io::Result<Go> {
        if self.account.is_none() && begun.elapsed() >= PATIENCE {
            return self
                .refuse(None, StreamCode::Timeout, "no request came")
                .await;
        }
        Ok(Go::On)
    }

    /// Answers a request.
    async fn hear(&mut self, line: &[u8]) -> io::Result<Go> {
        if line.is_empty() {
            return Ok(Go::On);
        }
        let request = match serde_json::from_slice::<StreamRequest>(line) {
            Ok(request) => request,
            Err(error) => {
                let id = serde_json::from_slice::<Value>(line).ok();
                let id = id.and_then(|value| value["id"].as_i64());
                return self
                    .refuse(id, StreamCode::InvalidInput, &error.to_string())
                    .await;
            }
        };
        let account = match (&request, self.account) {
            (StreamRequest::Authentication { .. }, _) => None,
            (_, Some(account)) => Some(account),
            (_, None) => {
                let code = StreamCode::NotAuthorized;
                return self.refuse(request.id(), code, "authenticate first").await;
            }
        };
        match (request, account) {
            (StreamRequest::MarketSubscription(asked), _) => self.subscribe(*asked).await,
            (StreamRequest::OrderSubscription(asked), Some(account)) => {
                self.follow(*asked, account).await
            }
            (
                StreamRequest::Authentication {
                    id,
                    app_key,
                    session,
                },
                _,
            ) => self.authenticate(id, app_key, session).await,
            (request, _) => {
                self.send(&StatusMessage::success(request.id())).await?;
                Ok(Go::On)
            }
        }
    }

    async fn authenticate(
        &mut self,
        id: Option<i64>,
        app_key: Option<String>,
        session: Option<String>,
    ) -> io::Result<Go> {
        if app_key.is_none_or(|key| key.is_empty()) {
            return self.refuse(id, StreamCode::NoAppKey, "no app key").await;
        }
        let Some(session) = session.filter(|session| !session.is_empty()) else {
            return self.refuse(id, StreamCode::NoSession, "no session").await;
        };
        let now = std::time::Instant::now();
        let account = self.hub.world().accounts.of_session(&session, now);
        let Some(account) = account else {
            let code = StreamCode::InvalidSession;
            return self
                .refuse(id, code, "the session is not known, or has expired")
                .await;
        };
        if self.account.is_none() {
            let open = {
                let mut open = self
                    .shared
                    .open
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner);
                let count = open.entry(account).or_default();
                (*count < MOST_CONNECTIONS).then(|| {
                    *count += 1;
                    *count
                })
            };
            if open.is_none() {
                let code = StreamCode::MaxConnections;
                return self.refuse(id, code, "10 connections are open").await;
            }
            self.account = Some(account);
        }
        let open = {
            let open = self
                .shared
                .open
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            open.get(&account).copied().unwrap_or_default()
        };
        let mut status = StatusMessage::success(id);
        status.connections_available = Some(MOST_CONNECTIONS.saturating_sub(open));
        self.send(&status).await?;
        Ok(Go::On)
    }

    async fn subscribe(&mut self, asked: MarketSubscription) -> io::Result<Go> {
        let rhythm = Rhythm::new(asked.id, &asked.delivery);
        let id = asked.id;
        let Some((feed, beginning)) = self.shared.memories.begin(asked, self.next_name()) else {
            return self
                .refuse(id, StreamCode::InvalidClock, "the clock is not known")
                .await;
        };
        let count = feed.count(&self.hub.world());
        if count > MOST_MARKETS {
            let why = format!("{count} markets: at most {MOST_MARKETS}");
            return self.refuse(id, StreamCode::SubscriptionLimit, &why).await;
        }
        self.send(&StatusMessage::success(id)).await?;
        self.markets = Some((rhythm, feed, beginning));
        Ok(Go::On)
    }

    async fn follow(&mut self, asked: OrderSubscription, account: AccountId) -> io::Result<Go> {
        let rhythm = Rhythm::new(asked.id, &asked.delivery);
        let filter = asked.order_filter.unwrap_or_default();
        if filter
            .account_ids
            .as_ref()
            .is_some_and(|ids| !ids.is_empty())
        {
            let why = "accountIds is not for customers";
            return self.refuse(asked.id, StreamCode::InvalidRequest, why).await;
        }
        self.send(&StatusMessage::success(asked.id)).await?;
        self.orders = Some((rhythm, OrderFeed::new(account, filter)));
        Ok(Go::On)
    }

    fn next_name(&mut self) -> String {
        self.subscriptions += 1;
        format!("{}-{}", self.name, self.subscriptions)
    }

    /// Tells both subscriptions what is to be told now.
    async fn tell(&mut self) -> io::Result<Go> {
        let mut said = Vec::new();
        if let Some((rhythm, feed, beginning)) = &mut self.markets {
            tell_markets(self.hub, rhythm, feed, beginning, &mut said)?;
        }
        if let Some((rhythm, feed)) = &mut self.orders {
            tell_orders(self.hub, rhythm, feed, &mut said)?;
        }
        for word in said {
            match word {
                Said::Line(line) => self.writer.write_all(&line).await?,
                Said::Nothing(pause) => {
                    self.writer.flush().await?;
                    tokio::time::sleep(pause).await;
                }
                Said::Goodbye => return Ok(Go::Away),
            }
        }
        self.writer.flush().await?;
        Ok(Go::On)
    }
}

/// What leaves a connection.
#[derive(Debug)]
enum Said {
    /// A message.
    Line(Vec<u8>),
    /// Silence.
    Nothing(Duration),
    /// The end.
    Goodbye,
}

/// What market changes are to be told now: the image, an update, or that there is nothing.
fn tell_markets(
    hub: &Hub,
    rhythm: &mut Rhythm,
    feed: &mut MarketFeed,
    beginning: &Beginning,
    said: &mut Vec<Said>,
) -> io::Result<()> {
    if Instant::now() < rhythm.free {
        return Ok(());
    }
    let (now, changes) = {
        let world = hub.world();
        (world.now(), feed.changes(&world))
    };
    let kind = match (rhythm.begun, beginning) {
        (false, Beginning::Image) => Some(ChangeType::SubImage),
        (false, Beginning::Delta) => Some(ChangeType::ResubDelta),
        (true, _) if !changes.is_empty() => None,
        (true, _) if rhythm.is_silent() => Some(ChangeType::Heartbeat),
        (true, _) => return Ok(()),
    };
    let first = !rhythm.begun;
    let parts = match rhythm.segmented && changes.len() > SEGMENT {
        true => changes.chunks(SEGMENT).map(<[Value]>::to_vec).collect(),
        false => vec![changes],
    };
    let last = parts.len() - 1;
    for (at, part) in parts.into_iter().enumerate() {
        let mut message = message("mcm", rhythm, now.0, kind);
        message.segment_type = match (last, at) {
            (0, _) => None,
            (_, 0) => Some(Segment::SegStart),
            (last, at) if at == last => Some(Segment::SegEnd),
            _ => Some(Segment::Seg),
        };
        if at == last {
            message.clk = Some(match kind {
                Some(ChangeType::Heartbeat) => feed.clk(),
                _ => feed.tick(),
            });
        }
        message.initial_clk = (first && at == 0).then(|| feed.initial_clk.clone());
        message.mc = (kind != Some(ChangeType::Heartbeat)).then_some(part);
        say(hub, rhythm, message, said)?;
    }
    rhythm.said();
    Ok(())
}

/// What order changes are to be told now.
fn tell_orders(
    hub: &Hub,
    rhythm: &mut Rhythm,
    feed: &mut OrderFeed,
    said: &mut Vec<Said>,
) -> io::Result<()> {
    if Instant::now() < rhythm.free {
        return Ok(());
    }
    let first = !rhythm.begun;
    let (now, changes) = {
        let world = hub.world();
        let changes = if first {
            feed.image(&world)
        } else {
            feed.changes(&world)
        };
        (world.now(), changes)
    };
    let kind = match first {
        true => Some(ChangeType::SubImage),
        false if !changes.is_empty() => None,
        false if rhythm.is_silent() => Some(ChangeType::Heartbeat),
        false => return Ok(()),
    };
    let mut message: ChangeMessage<Value> = message("ocm", rhythm, now.0, kind);
    message.initial_clk = first.then(|| "orders".to_owned());
    message.clk = Some(match kind {
        Some(ChangeType::Heartbeat) => feed.clk(),
        _ => feed.tick(),
    });
    message.oc = (kind != Some(ChangeType::Heartbeat)).then_some(changes);
    say(hub, rhythm, message, said)?;
    rhythm.said();
    Ok(())
}

fn message(
    op: &str,
    rhythm: &Rhythm,
    published_at: i64,
    kind: Option<ChangeType>,
) -> ChangeMessage<Value> {
    let ms = |duration: Duration| i64::try_from(duration.as_millis()).ok();
    let first = !rhythm.begun;
    ChangeMessage {
        op: op.to_owned(),
        id: rhythm.id,
        initial_clk: None,
        clk: None,
        conflate_ms: ms(rhythm.conflate).filter(|_| first),
        heartbeat_ms: ms(rhythm.heartbeat).filter(|_| first),
        pt: published_at,
        ct: kind,
        segment_type: None,
        status: None,
        mc: None,
        oc: None,
    }
}

/// Has a message leave, with the faults that befall it.
fn say(
    hub: &Hub,
    rhythm: &mut Rhythm,
    mut message: ChangeMessage<Value>,
    said: &mut Vec<Said>,
) -> io::Result<()> {
    let struck = {
        let mut world = hub.world();
        let struck = world.faults.on_stream(&message.op);
        for fault in &struck {
            let at = world.now();
            world.tell_truth(json!({
                "event": "fault", "at": at, "fault": fault.fault, "operation": message.op,
            }));
        }
        struck
    };
    let (mut copies, mut hold) = (1, false);
    for fault in struck {
        match fault.fault {
            Kind::StreamStall => said.push(Said::Nothing(fault.pause())),
            Kind::StreamDrop => said.push(Said::Goodbye),
            Kind::Stream503 => message.status = Some(503),
            Kind::StreamDuplicate => copies = 2,
            Kind::StreamReorder => hold = true,
            _ => {}
        }
    }
    let line = encode(&message)?;
    let held = rhythm.held.take();
    if hold && held.is_none() && rhythm.begun {
        rhythm.held = Some(line);
        return Ok(());
    }
    said.extend((0..copies).map(|_| Said::Line(line.clone())));
    said.extend(held.map(Said::Line));
    Ok(())
}

/// A message as it stands on the wire.
fn encode(message: &impl Serialize) -> io::Result<Vec<u8>> {
    let mut line = serde_json::to_vec(message)?;
    line.extend_from_slice(LINE_END);
    Ok(line)
}
