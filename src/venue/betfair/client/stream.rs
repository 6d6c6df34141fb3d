//! The stream: one connection with the subscription to markets and, where there is betting, that to our bets. It comes
//! back by itself, and goes on where it was if the exchange still knows that place.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, WriteHalf};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::ServerName;

use super::follow::{Clocks, Follow, Health, Meaning};
use super::line::Lines;
use super::pauses::Pauses;
use super::session::{Session, SessionError};
use super::trade::Trade;
use crate::config;
use crate::config::Secret;
use crate::venue::betfair::{
    DataFilter, Field, Head, LINE_END, MarketSubscription, OrderFilter, OrderSubscription,
    StatusMessage, StreamCode, StreamFilter, StreamRequest, runner_id, without_nulls,
};
use crate::venue::{FeedState, Heard, Mouth};

/// How far apart connections are tried.
const PAUSES: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(30));
/// How long is waited where nothing gets better by itself soon.
const LONG_PAUSE: Duration = Duration::from_secs(300);

/// What is to be heard.
#[derive(Clone, Default)]
pub(super) struct Wanted {
    pub(super) filter: Option<StreamFilter>,
    /// Goes up with each new filter.
    pub(super) revision: u64,
    pub(super) trade: Option<Arc<Trade>>,
}

/// Why a connection ended.
#[derive(Debug)]
enum End {
    /// It broke, or was silent.
    Broken(String),
    /// The session is over.
    SessionOver,
    /// The place to go on from is not known any more.
    ClockUnknown,
    /// There are too many connections.
    Crowded(StreamCode),
    /// The exchange will not take what we say, however often.
    Refused(String),
}

impl From<io::Error> for End {
    fn from(error: io::Error) -> Self {
        Self::Broken(error.to_string())
    }
}

/// Keeps the stream.
pub(super) struct Stream {
    pub(super) settings: config::Betfair,
    pub(super) tls: Option<TlsConnector>,
    pub(super) session: Arc<Session>,
    pub(super) mouth: Mouth,
    pub(super) wanted: watch::Receiver<Wanted>,
    pub(super) state: watch::Sender<Option<FeedState>>,
}

impl Stream {
    /// Keeps the stream until it is dropped.
    pub(super) async fn run(mut self) {
        let mut pauses = Pauses::new(PAUSES.0, PAUSES.1);
        let mut clocks = (0, Clocks::default());
        loop {
            let needed = |wanted: &Wanted| wanted.filter.is_some() || wanted.trade.is_some();
            if self.wanted.wait_for(needed).await.is_err() {
                return;
            }
            self.tell(FeedState::Connecting);
            let token = match self.session.ready().await {
                Ok(token) => token,
                Err(error) => {
                    let pause = self.no_session(&error, &mut pauses);
                    sleep(pause).await;
                    continue;
                }
            };
            let begun = Instant::now();
            let end = self.converse(&token, &mut clocks).await;
            let trade = self.wanted.borrow().trade.clone();
            if let Some(trade) = trade {
                trade.is_deaf();
            }
            // A connection that held was no failure of connecting.
            if begun.elapsed() > PAUSES.1 {
                pauses.reset();
            }
            let pause = self.ended(end, &token, &mut clocks.1, &mut pauses).await;
            sleep(pause).await;
        }
    }

    fn tell(&self, state: FeedState) {
        let changed = self.state.send_if_modified(|known| {
            let is_news = known.as_ref() != Some(&state);
            *known = Some(state.clone());
            is_news
        });
        if changed {
            self.mouth.say(Heard::Feed(state));
        }
    }

    fn down(&self, why: impl Into<String>) {
        self.tell(FeedState::Down { why: why.into() });
    }

    /// Tells a person, once, and gives how long to wait.
    fn no_session(&self, error: &SessionError, pauses: &mut Pauses) -> Duration {
        let why = error.to_string();
        let known = FeedState::Down { why: why.clone() };
        // While it connects the last state is not told again.
        if !matches!(error, SessionError::Waiting { .. }) && *self.state.borrow() != Some(known) {
            self.mouth.alarm("BETFAIR_LOGIN", why.clone());
        }
        self.down(why);
        match error {
            SessionError::Waiting { .. } => pauses.next(),
            _ => LONG_PAUSE,
        }
    }

    /// What follows from the end of a connection: how long to wait before the next.
    async fn ended(
        &self,
        end: End,
        token: &Secret,
        clocks: &mut Clocks,
        pauses: &mut Pauses,
    ) -> Duration {
        match end {
            End::Broken(why) => {
                tracing::warn!(event = "stream_ended", "the stream of Betfair ended: {why}");
                self.down(why);
                pauses.next()
            }
            End::ClockUnknown => {
                tracing::info!(
                    event = "stream_begins_anew",
                    "the stream of Betfair begins anew"
                );
                *clocks = Clocks::default();
                self.down("the exchange does not know where the stream was: it begins anew");
                pauses.next()
            }
            End::SessionOver => {
                self.down("the session is over");
                match self.session.renew(Some(token)).await {
                    Ok(_) => pauses.next(),
                    Err(error) => self.no_session(&error, pauses),
                }
            }
            End::Crowded(code) => {
                self.mouth.alarm(
                    "STREAM_CROWDED",
                    format!("Betfair takes no more connections of this account now: {code}"),
                );
                self.down(code.as_str());
                pauses.next() + PAUSES.1
            }
            End::Refused(why) => {
                self.mouth.alarm(
                    "STREAM_REFUSED",
                    format!("the stream of Betfair refuses us: {why}"),
                );
                self.down(why);
                LONG_PAUSE
            }
        }
    }

    /// One connection, from its beginning to its end.
    async fn converse(&mut self, token: &Secret, clocks: &mut (u64, Clocks)) -> End {
        let patience = Duration::from_secs(u64::from(self.settings.connect_timeout_seconds));
        let address = &self.settings.stream_address;
        let connected = timeout(patience, async {
            let tcp = TcpStream::connect(address).await?;
            tcp.set_nodelay(true)?;
            let Some(tls) = &self.tls else {
                return Ok(Wire::Plain(tcp));
            };
            let host = address
                .rsplit_once(':')
                .map_or(address.as_str(), |(host, _)| host);
            let host = host
                .trim_start_matches('[')
                .trim_end_matches(']')
                .to_owned();
            let name = ServerName::try_from(host).map_err(io::Error::other)?;
            Ok(Wire::Tls(Box::new(tls.connect(name, tcp).await?)))
        });
        let wire = match connected.await {
            Err(_) => return End::Broken("no connection in time".to_owned()),
            Ok(Err(error)) => {
                let error: io::Error = error;
                return End::Broken(format!("no connection: {error}"));
            }
            Ok(Ok(wire)) => wire,
        };
        let ended = match wire {
            Wire::Plain(tcp) => self.speak(tcp, token, clocks).await,
            Wire::Tls(tls) => self.speak(*tls, token, clocks).await,
        };
        ended.unwrap_or_else(|end| end)
    }

    async fn speak<S: AsyncRead + AsyncWrite>(
        &mut self,
        wire: S,
        token: &Secret,
        clocks: &mut (u64, Clocks),
    ) -> Result<End, End> {
        let (reader, writer) = tokio::io::split(wire);
        let patience = Duration::from_secs(u64::from(self.settings.read_timeout_seconds));
        let mut lines = Lines::new(reader);
        let mut talk = Talk {
            stream: self,
            writer,
            patience,
            last_id: 0,
            clocks,
            markets: None,
            orders: None,
            refused: None,
        };
        talk.authenticate(&mut lines, token).await?;
        let mut wanted = talk.stream.wanted.clone();
        wanted.mark_changed();
        loop {
            let deadline = talk.deadline();
            tokio::select! {
                line = lines.next() => match line? {
                    Some(line) => talk.hear(line).await?,
                    None => return Ok(End::Broken("the exchange closed the connection".to_owned())),
                },
                changed = wanted.changed() => match changed {
                    Ok(()) => {
                        let wanted = wanted.borrow_and_update().clone();
                        talk.subscribe(&wanted).await?;
                    }
                    Err(_) => return Ok(End::Broken("nobody listens any more".to_owned())),
                },
                () = sleep_until(deadline) => {
                    return Ok(End::Broken("the exchange was silent for two heartbeats".to_owned()));
                }
            }
        }
    }
}

enum Wire {
    Plain(TcpStream),
    Tls(Box<tokio_rustls::client::TlsStream<TcpStream>>),
}

/// A conversation on one connection.
struct Talk<'s, S> {
    stream: &'s Stream,
    writer: WriteHalf<S>,
    patience: Duration,
    last_id: i64,
    /// Where the market stream goes on after a break, and with which filter.
    clocks: &'s mut (u64, Clocks),
    markets: Option<Follow>,
    orders: Option<(Follow, Arc<Trade>)>,
    /// A filter that the exchange did not take.
    refused: Option<u64>,
}

impl<S: AsyncRead + AsyncWrite> Talk<'_, S> {
    /// When silence is too long. A connection without subscriptions may be silent for as long as an answer may take.
    fn deadline(&self) -> Instant {
        let markets = self.markets.as_ref().map(Follow::deadline);
        let orders = self.orders.as_ref().map(|(orders, _)| orders.deadline());
        let both = markets.into_iter().chain(orders).min();
        both.unwrap_or_else(|| Instant::now() + LONG_PAUSE)
    }

    fn next_id(&mut self) -> i64 {
        self.last_id += 1;
        self.last_id
    }

    async fn say(&mut self, request: &StreamRequest) -> Result<(), End> {
        let value = serde_json::to_value(request)
            .map(without_nulls)
            .map_err(io::Error::from)?;
        let mut line = value.to_string().into_bytes();
        line.extend_from_slice(LINE_END);
        let written = timeout(self.patience, async {
            self.writer.write_all(&line).await?;
            self.writer.flush().await
        });
        match written.await {
            Ok(written) => Ok(written?),
            Err(_) => Err(End::Broken("the exchange does not read".to_owned())),
        }
    }

    /// Says who we are, and waits for the answer.
    async fn authenticate(&mut self, lines: &mut Lines<S>, token: &Secret) -> Result<(), End> {
        let id = self.next_id();
        let request = StreamRequest::Authentication {
            id: Some(id),
            app_key: Some(self.stream.session.app_key().expose().to_owned()),
            session: Some(token.expose().to_owned()),
        };
        self.say(&request).await?;
        let by = Instant::now() + self.patience;
        loop {
            let line = tokio::time::timeout_at(by, lines.next()).await;
            let Ok(line) = line else {
                return Err(End::Broken(
                    "no answer to the authentication in time".to_owned(),
                ));
            };
            let Some(line) = line? else {
                return Err(End::Broken("the exchange closed the connection".to_owned()));
            };
            if line.is_empty() {
                continue;
            }
            let head = Head::read(&line).map_err(|error| unreadable(&line, &error))?;
            match head.op.as_str() {
                "connection" => self.met(&head),
                "status" => {
                    let status = read_status(&line)?;
                    if status.id == Some(id) && status.status_code == "SUCCESS" {
                        let left = status.connections_available;
                        tracing::info!(
                            event = "stream_authenticated",
                            connections_available = left,
                            "the stream of Betfair knows us"
                        );
                        return Ok(());
                    }
                    self.answered(&status)?;
                }
                _ => {}
            }
        }
    }

    fn met(&self, head: &Head) {
        let id = head.connection_id.as_deref().unwrap_or_default();
        let id = crate::venue::excerpt(id.as_bytes(), 0, 64);
        tracing::info!(
            event = "stream_connected",
            connection_id = id,
            "connected to the stream of Betfair"
        );
    }

    /// Subscribes to what is wanted and not subscribed to yet.
    async fn subscribe(&mut self, wanted: &Wanted) -> Result<(), End> {
        if let Some(filter) = &wanted.filter {
            let is_new = self.clocks.0 != wanted.revision;
            if is_new || (self.markets.is_none() && self.refused != Some(wanted.revision)) {
                if is_new {
                    *self.clocks = (wanted.revision, Clocks::default());
                }
                self.subscribe_markets(filter.clone()).await?;
            }
        }
        match (&wanted.trade, &self.orders) {
            (Some(trade), None) => self.subscribe_orders(Arc::clone(trade)).await,
            _ => Ok(()),
        }
    }

    async fn subscribe_markets(&mut self, filter: StreamFilter) -> Result<(), End> {
        let id = self.next_id();
        let settings = &self.stream.settings;
        let delivery = self
            .clocks
            .1
            .delivery(settings.heartbeat_ms, settings.conflate_ms);
        let request = MarketSubscription {
            id: Some(id),
            market_filter: Some(filter),
            market_data_filter: Some(DataFilter {
                ladder_levels: u8::try_from(settings.ladder_levels).ok(),
                fields: Some(fields(&settings.fields)),
            }),
            delivery,
        };
        self.markets = Some(self.follow(id, self.clocks.1.clone()));
        self.stream.tell(FeedState::Connecting);
        self.say(&StreamRequest::MarketSubscription(Box::new(request)))
            .await
    }

    /// Bets of others count as well, so that there is no filter. After a break everything is asked for: what was
    /// missed is in the listings.
    async fn subscribe_orders(&mut self, trade: Arc<Trade>) -> Result<(), End> {
        let id = self.next_id();
        let settings = &self.stream.settings;
        let request = OrderSubscription {
            id: Some(id),
            order_filter: Some(OrderFilter {
                include_overall_position: Some(false),
                ..OrderFilter::default()
            }),
            delivery: Clocks::default().delivery(settings.heartbeat_ms, 0),
        };
        self.orders = Some((self.follow(id, Clocks::default()), trade));
        self.say(&StreamRequest::OrderSubscription(Box::new(request)))
            .await
    }

    fn follow(&self, id: i64, clocks: Clocks) -> Follow {
        let heartbeat = Duration::from_millis(u64::from(self.stream.settings.heartbeat_ms));
        Follow::new(id, heartbeat, self.patience, clocks, Instant::now())
    }

    async fn hear(&mut self, line: Vec<u8>) -> Result<(), End> {
        if line.is_empty() {
            return Ok(());
        }
        let at = self.stream.mouth.now();
        // Whatever stood in a line that cannot be read is missing from here on.
        let head = Head::read(&line).map_err(|error| unreadable(&line, &error))?;
        match head.op.as_str() {
            "mcm" => self.hear_markets(&head, (at, line)),
            "ocm" => self.hear_orders(head, (at, line)),
            "status" => {
                let status = read_status(&line)?;
                self.answered(&status)
            }
            "connection" => {
                self.met(&head);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn hear_markets(&mut self, head: &Head, line: super::follow::Line) -> Result<(), End> {
        let Some(follow) = &mut self.markets else {
            return Ok(());
        };
        match follow.hear(head, line, Instant::now()) {
            Meaning::Nothing => {}
            Meaning::TooLong => return Err(End::Broken("a message does not end".to_owned())),
            Meaning::Whole { lines } => {
                self.clocks.1 = follow.clocks().clone();
                // A line without a time of publication says how the stream is, and nothing of markets.
                for (at, bytes) in lines.into_iter().filter(|_| head.pt.is_some()) {
                    self.stream.mouth.say(Heard::Line { at, bytes });
                }
            }
        }
        match follow.health() {
            Health::Begun => {}
            Health::Well => self.stream.tell(FeedState::Live),
            Health::Ill => self.stream.tell(FeedState::Stale {
                why: "the exchange says that its data is incomplete (503)".to_owned(),
            }),
        }
        Ok(())
    }

    fn hear_orders(&mut self, mut head: Head, line: super::follow::Line) -> Result<(), End> {
        let Some((follow, trade)) = &mut self.orders else {
            return Ok(());
        };
        if head.id.is_some_and(|id| id != follow.id()) {
            return Ok(());
        }
        if follow.hear(&head, line, Instant::now()) == Meaning::TooLong {
            return Err(End::Broken("a message does not end".to_owned()));
        }
        for market in head.oc.take().into_iter().flatten() {
            for runner in &market.orc {
                let id = runner_id(runner.id, runner.hc);
                for bet in &runner.uo {
                    if let Some(code) = &bet.lsrc {
                        let code = crate::venue::excerpt(code.as_bytes(), 0, 64);
                        tracing::info!(event = "bet_lapsed", bet = bet.id, code, "a bet lapsed");
                    }
                    trade.hear_streamed(trade.names.streamed(&market.id, id, bet));
                }
            }
        }
        match follow.health() {
            Health::Begun => {}
            Health::Well => trade.now_hears(),
            Health::Ill => trade.is_deaf(),
        }
        Ok(())
    }

    /// What an answer of the exchange means.
    fn answered(&mut self, status: &StatusMessage) -> Result<(), End> {
        if status.status_code == "SUCCESS" {
            return Ok(());
        }
        let code = status
            .error_code
            .clone()
            .unwrap_or(StreamCode::UnexpectedError);
        let more = status.error_message.as_deref().unwrap_or_default();
        let why = format!("{code}: {}", crate::venue::excerpt(more.as_bytes(), 0, 200));
        match code {
            StreamCode::NoSession | StreamCode::InvalidSession => Err(End::SessionOver),
            StreamCode::InvalidClock => Err(End::ClockUnknown),
            StreamCode::MaxConnections | StreamCode::TooManyRequests => Err(End::Crowded(code)),
            StreamCode::SubscriptionLimit => {
                self.too_many_markets(status, &why);
                Ok(())
            }
            StreamCode::NoAppKey
            | StreamCode::InvalidAppKey
            | StreamCode::NotAuthorized
            | StreamCode::InvalidInput
            | StreamCode::InvalidRequest => Err(End::Refused(why)),
            _ => Err(End::Broken(why)),
        }
    }

    /// The filter lets too many markets through. The connection stays, and our bets are heard.
    fn too_many_markets(&mut self, status: &StatusMessage, why: &str) {
        if self
            .markets
            .as_ref()
            .is_none_or(|markets| status.id != Some(markets.id()))
        {
            return;
        }
        self.markets = None;
        self.refused = Some(self.clocks.0);
        self.stream.mouth.alarm(
            "STREAM_TOO_MANY_MARKETS",
            format!("the strategies want more markets than Betfair gives at a time: {why}. Narrow what they want"),
        );
        self.stream.down(why);
    }
}

fn unreadable(line: &[u8], error: &serde_json::Error) -> End {
    let shown = crate::venue::excerpt(line, error.column().saturating_sub(1), 60);
    End::Broken(format!("a line cannot be read: {error}, near {shown}"))
}

fn read_status(line: &[u8]) -> Result<StatusMessage, End> {
    Head::read_status(line).map_err(|error| unreadable(line, &error))
}

/// The fields by their names, which the settings have checked.
fn fields(names: &[String]) -> Vec<Field> {
    let field = |name: &String| serde_json::from_value(name.as_str().into()).ok();
    names.iter().filter_map(field).collect()
}
