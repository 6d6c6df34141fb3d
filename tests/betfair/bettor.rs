//! Somebody who bets: the engine with the real gate and the real client, and a strategy that does as it is told.

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use bea::engine::{
    Answer, Desk, DoubtRules, Engine, Fault, Journal, JournalError, Moment, Notice, Receipt,
    Record, Recovery, Sending, Strategy, Token, Unready,
};
use bea::market::{
    Intent, MarketDelta, MarketFilter, MarketId, MarketStatus, Money, Order, OrderId, OrderKind,
    OrderState, Persistence, Place, Price, RunnerId, Side, TimeMs,
};
use bea::risk::{Approved, RiskGate, RiskLimits};
use bea::venue::betfair::client::{self, Betfair, Connection, Identity};
use bea::venue::betfair::{Decoder, Message, Names, StreamFilter};
use bea::venue::{FeedState, Heard};

use crate::stage::{Stage, now};

/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(120);

/// A strategy that proposes what it is told to.
struct Puppet {
    filter: MarketFilter,
    wishes: Rc<RefCell<VecDeque<Intent>>>,
}

impl Strategy for Puppet {
    fn name(&self) -> &str {
        "puppet"
    }

    fn hash(&self) -> &str {
        "0"
    }

    fn filter(&self) -> &MarketFilter {
        &self.filter
    }

    fn on_odds(&mut self, _moment: &Moment<'_>, answer: &mut Answer) -> Result<(), Fault> {
        answer.intents.extend(self.wishes.borrow_mut().drain(..));
        Ok(())
    }
}

/// Keeps all records.
#[derive(Default)]
pub(crate) struct Book(pub(crate) Vec<Record>);

impl Journal for Book {
    fn commit(&mut self, token: Token, records: &[Record]) -> Result<Receipt, JournalError> {
        self.0.extend_from_slice(records);
        Ok(Receipt::committed(token))
    }
}

/// Somebody who bets.
pub(crate) struct Bettor {
    pub(crate) desk: Desk<RiskGate, Betfair, Book>,
    pub(crate) connection: Connection,
    heard: Receiver<Heard>,
    decoder: Decoder,
    wishes: Rc<RefCell<VecDeque<Intent>>>,
    /// Whether orders may leave, as the sender is told at the last moment.
    pub(crate) may_send: Arc<AtomicBool>,
    /// All that the feed was.
    pub(crate) feeds: Vec<FeedState>,
    pub(crate) alarms: Vec<String>,
    /// Lines of the market stream.
    pub(crate) lines: Vec<Vec<u8>>,
}

impl Bettor {
    /// Connects, subscribes, and waits until it may bet.
    pub(crate) fn new(stage: &Stage, plan: client::Plan) -> Self {
        let mut bettor = Self::recovered(stage, plan, &[]);
        bettor.until("it may bet", |b| b.is_ready());
        bettor
    }

    /// Connects with what an earlier life has left, and does not wait.
    pub(crate) fn recovered(stage: &Stage, plan: client::Plan, records: &[Record]) -> Self {
        let (out, heard) = mpsc::channel();
        let connection = client::connect(plan, stage.runtime.handle(), out).unwrap();
        let may_send = Arc::new(AtomicBool::new(true));
        let guard = {
            let may_send = Arc::clone(&may_send);
            Arc::new(move |_: &_| match may_send.load(Ordering::SeqCst) {
                true => Sending::Allowed,
                false => Sending::Stopped,
            })
        };
        let bank = Money::from_major(10_000);
        let recovery = Recovery::from_records(records, bank);
        let identity = Identity {
            epoch: "epoch2".to_owned(),
            earlier: vec!["epoch1".to_owned()],
            unfinished_since: recovery.orders.iter().map(|o| o.order.requested_at).min(),
            settled: recovery.settled.clone(),
        };
        let betfair = connection.trade(identity, guard).unwrap();
        let mut limits = RiskLimits::reference();
        limits.max_snapshot_age_ms = u32::MAX;
        limits.max_open_orders_per_runner = 100;
        limits.max_runner_exposure = Money::from_major(100_000);
        let rules = DoubtRules {
            window_ms: 1_500,
            between_listings_ms: 250,
            stuck_after_ms: 60_000,
            at_most: 50,
        };
        let seed = records.len() as u64 + 1;
        let engine = Engine::new(RiskGate::new(limits), seed, bank).with_doubt_rules(rules);
        let wishes = Rc::default();
        let puppet = Puppet {
            filter: MarketFilter {
                status: vec![MarketStatus::Open, MarketStatus::Suspended],
                ..MarketFilter::default()
            },
            wishes: Rc::clone(&wishes),
        };
        let mut desk = Desk::new(engine, betfair, Book::default());
        desk.load(now(), Box::new(puppet)).unwrap();
        desk.recover(now(), recovery).unwrap();
        connection.watch(StreamFilter::default());
        Self {
            desk,
            connection,
            heard,
            decoder: Decoder::new(),
            wishes,
            may_send,
            feeds: Vec::new(),
            alarms: Vec::new(),
            lines: Vec::new(),
        }
    }

    /// Whether the feed is live and the engine sends orders.
    pub(crate) fn is_ready(&self) -> bool {
        self.feeds.last() == Some(&FeedState::Live) && self.desk.engine.house().unready.is_none()
    }

    pub(crate) fn unready(&self) -> Option<Unready> {
        self.desk.engine.house().unready
    }

    /// Hears what there is until something holds; fails if it never does.
    pub(crate) fn until(&mut self, what: &str, mut holds: impl FnMut(&Self) -> bool) {
        let by = Instant::now() + PATIENCE;
        while !holds(self) {
            assert!(
                Instant::now() < by,
                "waited in vain until {what}: orders {:#?}, unready {:?}, feeds {:?}, alarms {:?}",
                self.orders(),
                self.unready(),
                self.feeds,
                self.alarms
            );
            match self.heard.recv_timeout(Duration::from_millis(20)) {
                Ok(heard) => self.hear(heard),
                Err(RecvTimeoutError::Timeout) => self.tick(Vec::new()),
                Err(RecvTimeoutError::Disconnected) => panic!("nobody speaks any more"),
            }
        }
    }

    fn tick(&mut self, mut said: Vec<bea::market::VenueEvent>) {
        self.desk
            .tick(now(), &mut said, |_| Sending::Allowed)
            .unwrap();
        let notices: Vec<_> = self.desk.notices().collect();
        for notice in notices {
            if let Notice::Alarm { code, detail } = notice {
                self.alarms.push(format!("{code}: {detail}"));
            }
        }
    }

    fn hear(&mut self, heard: Heard) {
        match heard {
            Heard::Line { at, bytes } => {
                let message = self.decoder.decode(&bytes).unwrap();
                if let Message::Markets {
                    published_at,
                    deltas,
                } = message
                {
                    for delta in deltas {
                        self.desk.step(at, published_at, delta).unwrap();
                    }
                }
                self.lines.push(bytes);
            }
            Heard::Venue(events) => self.tick(events),
            Heard::Feed(state) => self.feeds.push(state),
            Heard::Alarm { code, detail } => self.alarms.push(format!("{code}: {detail}")),
        }
    }

    /// The market's id.
    pub(crate) fn market(&self) -> MarketId {
        self.desk.books.iter().next().unwrap().id.clone()
    }

    /// The runner with this place among those that run.
    pub(crate) fn runner(&self, nth: usize) -> RunnerId {
        let market = self.desk.books.iter().next().unwrap();
        market.definition.runners[nth].id
    }

    /// Has the strategy propose something, now.
    pub(crate) fn wish(&mut self, intent: Intent) {
        self.wish_at(now(), intent);
    }

    /// Has the strategy propose something at some time.
    pub(crate) fn wish_at(&mut self, at: TimeMs, intent: Intent) {
        self.wishes.borrow_mut().push_back(intent);
        let nothing = MarketDelta::new(self.market());
        self.desk.step(at, at, &nothing).unwrap();
        assert!(
            self.wishes.borrow().is_empty(),
            "the strategy was not asked"
        );
    }

    /// Has it place a limit order; gives the order's id, or the code of the refusal.
    pub(crate) fn place(
        &mut self,
        nth: usize,
        side: Side,
        price: u64,
        pounds: i64,
    ) -> Result<OrderId, String> {
        self.place_at(now(), nth, side, price, pounds)
    }

    /// The same, decided at some time.
    pub(crate) fn place_at(
        &mut self,
        at: TimeMs,
        nth: usize,
        side: Side,
        price: u64,
        pounds: i64,
    ) -> Result<OrderId, String> {
        let kind = OrderKind::Limit {
            price: Price::from_hundredths(price),
            size: Money::from_major(pounds),
            persistence: Persistence::Lapse,
            fill_or_kill: None,
        };
        let place = Place {
            runner: self.runner(nth),
            side,
            kind,
            book: None,
            reason: None,
            probability: None,
            tag: None,
        };
        self.wish_at(at, Intent::Place(place));
        let last = self
            .desk
            .journal
            .0
            .iter()
            .rev()
            .find_map(|record| match record {
                Record::Intent(intent) => Some(intent),
                _ => None,
            });
        let intent = last.unwrap();
        match &intent.verdict {
            bea::engine::Verdict::Approved => Ok(intent.id),
            refused => Err(format!("{refused:?}")),
        }
    }

    /// A lay at 1.01, which waits.
    pub(crate) fn waiting(&mut self, nth: usize) -> OrderId {
        self.place(nth, Side::Lay, 101, 2).unwrap()
    }

    /// A back of which everything is matched at once.
    pub(crate) fn matched(&mut self, nth: usize, pounds: i64) -> OrderId {
        self.place(nth, Side::Back, 101, pounds).unwrap()
    }

    /// Every order of this session or an earlier one, as the engine believes it to be.
    pub(crate) fn orders(&self) -> BTreeMap<OrderId, Order> {
        let slots = self.desk.engine.slots().iter();
        let held = slots
            .flat_map(|slot| slot.holdings())
            .flat_map(|(_, holding)| holding.orders());
        let orphans = self
            .desk
            .engine
            .orphans()
            .iter()
            .map(|orphan| &orphan.order);
        held.chain(orphans)
            .map(|order| (order.id, order.clone()))
            .collect()
    }

    pub(crate) fn order(&self, id: OrderId) -> Order {
        self.orders().remove(&id).expect("it is there")
    }

    pub(crate) fn state(&self, id: OrderId) -> OrderState {
        self.order(id).state
    }

    /// Waits until an order is in a state.
    pub(crate) fn until_state(&mut self, id: OrderId, state: OrderState) {
        self.until(&format!("{id} is {state:?}"), |b| b.state(id) == state);
    }

    /// Waits until nothing is on its way and no doubt is left.
    pub(crate) fn settle_down(&mut self) {
        self.until("nothing is in doubt", |b| {
            b.orders().values().all(|order| !order.state.is_unheard())
        });
    }

    /// What the exchange has taken is what the engine says that it has, each once.
    pub(crate) fn agrees_with(&self, stage: &Stage) {
        let accepted = stage.accepted();
        let mut once = accepted.clone();
        once.sort();
        once.dedup();
        assert_eq!(
            once.len(),
            accepted.len(),
            "a bet is there twice: {accepted:?}"
        );
        let believed = self.orders();
        let taken =
            |order: &&Order| matches!(order.state, OrderState::Working | OrderState::Complete);
        let mut believed: Vec<String> = believed
            .values()
            .filter(taken)
            .map(|order| Names::of(order.id))
            .collect();
        believed.sort();
        assert_eq!(believed, once);
    }

    /// Whether orders and cancels have come back.
    pub(crate) fn is_idle(&self) -> bool {
        self.connection
            .standing()
            .betting
            .is_some_and(|betting| betting.under_way == 0)
    }
}

/// So that the type of the pass is the gate's alone.
const _: fn(Betfair) = |betfair| {
    fn takes<V: bea::engine::Venue<Approved>>(_: V) {}
    takes(betfair);
};
