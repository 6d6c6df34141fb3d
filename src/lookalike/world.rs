//! All that the look-alike is: markets, bets, accounts, the exchange between them. One lock guards it; nothing here
//! waits or does I/O but the log of the truth.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write;
use std::sync::Arc;
use std::time::Instant;

use serde_json::{Value, json};
use tokio::sync::watch;

use super::accounts::{AccountId, Accounts};
use super::bets::Bets;
use super::clock::Clock;
use super::faults::Faults;
use super::tamper::Tampering;
use crate::engine::{Request, Venue};
use crate::exchange::Exchange;
use crate::market::{
    Books, Instruction, Market, MarketDelta, MarketId, MarketStatus, Money, OrderChange,
    OrderState, TimeMs, VenueEvent, VenueReason,
};

/// What the exchange takes: an order of a client. Clients answer for themselves; no gate stands before this exchange.
#[derive(Debug)]
pub(super) struct Pass(pub(super) Instruction);

impl AsRef<Instruction> for Pass {
    fn as_ref(&self) -> &Instruction {
        &self.0
    }
}

/// One message of a recording, read and ready.
#[derive(Debug)]
pub(super) struct Played {
    pub(super) at: TimeMs,
    pub(super) deltas: Vec<MarketDelta>,
    /// Definitions as they were recorded, with what [`MarketDelta`] does not keep.
    pub(super) definitions: Vec<(MarketId, Value)>,
}

/// All that the look-alike is.
#[derive(Debug)]
pub(super) struct World {
    pub(super) clock: Clock,
    pub(super) books: Books,
    /// As the stream writes them.
    pub(super) definitions: BTreeMap<MarketId, Arc<Value>>,
    pub(super) bets: Bets,
    pub(super) accounts: Accounts,
    pub(super) faults: Faults,
    pub(super) tampering: Tampering,
    /// When a market closed last, in the recording's time.
    pub(super) closed_at: Option<TimeMs>,
    /// Every message was played.
    pub(super) has_ended: bool,
    exchange: Exchange,
    truth: Option<File>,
    /// Stamps the log of the truth.
    wall_clock: fn() -> TimeMs,
    /// Whether that is also the exchange's time.
    tells_wall_clock: bool,
    changes: watch::Sender<u64>,
}

impl World {
    pub(super) fn new(
        clock: Clock,
        exchange: Exchange,
        accounts: Accounts,
        faults: Faults,
        truth: Option<File>,
        wall_clock: fn() -> TimeMs,
        tells_wall_clock: bool,
    ) -> Self {
        Self {
            clock,
            books: Books::default(),
            definitions: BTreeMap::new(),
            bets: Bets::default(),
            accounts,
            faults,
            tampering: Tampering::default(),
            closed_at: None,
            has_ended: false,
            exchange,
            truth,
            wall_clock,
            tells_wall_clock,
            changes: watch::Sender::new(0),
        }
    }

    /// Hears of every change of markets and bets.
    pub(super) fn listen(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    /// Tells everybody who listens that something changed.
    pub(super) fn notify(&self) {
        self.changes.send_modify(|count| *count += 1);
    }

    /// What time it is on the exchange.
    pub(super) fn now(&self) -> TimeMs {
        match self.tells_wall_clock {
            true => (self.wall_clock)(),
            false => self.clock.now(Instant::now()),
        }
    }

    /// A market that takes or took bets.
    pub(super) fn market(&self, id: &str) -> Option<&Arc<Market>> {
        self.books.market(&MarketId::new(id))
    }

    /// Plays one message.
    pub(super) fn play(&mut self, played: Played, hurried: bool) {
        self.clock.play(played.at, hurried, Instant::now());
        let at = self.now();
        let mut definitions = played.definitions;
        for mut delta in played.deltas {
            if is_closing(&delta) {
                self.closed_at = Some(played.at);
            }
            let place = definitions.iter().position(|(id, _)| *id == delta.market);
            let raw = place.map(|place| definitions.swap_remove(place).1);
            self.tampering.alter(&mut delta);
            self.change(at, &delta, raw);
        }
        self.notify();
    }

    /// Applies a change of a market: the exchange sees it first, as in every mode.
    fn change(&mut self, at: TimeMs, delta: &MarketDelta, raw: Option<Value>) {
        let mut events = Vec::new();
        Venue::<Pass>::observe(&mut self.exchange, at, &self.books, delta, &mut events);
        if self.books.apply(at, delta).is_none() {
            return;
        }
        if let Some(definition) = &delta.definition {
            let raw = raw.or_else(|| {
                let known = self.definitions.get(&delta.market)?;
                Some(Value::clone(known))
            });
            let raw = self.tampering.rewrite(raw.unwrap_or_default(), definition);
            self.definitions.insert(delta.market.clone(), Arc::new(raw));
        }
        self.hear(events);
        if is_closing(delta) {
            self.bets.close(&delta.market, at);
            self.tell_settled(&delta.market, at);
        }
    }

    /// Lets time pass in markets where bets wait for it, and in the dead man's switches.
    pub(super) fn tick(&mut self) {
        let waiting = self.bets.undecided_markets();
        let at = self.now();
        for market in &waiting {
            self.pump(market, at);
        }
        for account in self.accounts.silent(Instant::now()) {
            self.cancel_all(account, None);
        }
        if !waiting.is_empty() {
            self.notify();
        }
    }

    /// Changes a market's definition as an operator of the exchange would.
    pub(super) fn redefine(&mut self, market: &MarketId) {
        let Some(recorded) = self.tampering.recorded(market) else {
            return;
        };
        let mut delta = MarketDelta::new(market.clone());
        delta.definition = Some(Arc::clone(recorded));
        self.tampering.alter(&mut delta);
        let at = self.now();
        self.change(at, &delta, None);
        self.notify();
    }

    /// Sends a request to the exchange, which deals with it at once unless the market has a bet delay.
    pub(super) fn send(&mut self, market: &MarketId, request: Request<Pass>) {
        let at = self.now();
        // A request takes effect on the first update later than it: this one is made just before now.
        self.exchange.submit(at + -1, &self.books, request);
        self.pump(market, at);
    }

    /// Why the exchange would refuse an order at once.
    pub(super) fn refusal(&self, order: &Instruction) -> Option<VenueReason> {
        self.exchange.refusal(&self.books, order)
    }

    fn pump(&mut self, market: &MarketId, at: TimeMs) {
        let nothing = MarketDelta::new(market.clone());
        let mut events = Vec::new();
        Venue::<Pass>::observe(&mut self.exchange, at, &self.books, &nothing, &mut events);
        self.hear(events);
    }

    fn hear(&mut self, events: Vec<VenueEvent>) {
        for event in events {
            match event {
                VenueEvent::Order(event) => {
                    let Some(bet) = self.bets.hear(&event) else {
                        continue;
                    };
                    let word = match event.change {
                        OrderChange::Accepted => "accepted",
                        _ if bet.order.state == OrderState::Complete => "complete",
                        _ => continue,
                    };
                    let truth = bet.truth(word, event.at);
                    self.tell_truth(truth);
                }
                VenueEvent::Settled(settlement) => {
                    for paid in self.bets.settle(&settlement) {
                        if let Some(account) = self.accounts.get_mut(paid.account) {
                            account.balance += paid.profit - paid.commission;
                            account.commission += paid.commission;
                        }
                    }
                }
                VenueEvent::Reversed(reversal) => {
                    for paid in self.bets.reverse(&reversal.market) {
                        if let Some(account) = self.accounts.get_mut(paid.account) {
                            account.balance -= paid.profit - paid.commission;
                            account.commission -= paid.commission;
                        }
                    }
                }
                _ => {}
            }
        }
    }

    /// Writes a line to the log of the truth. A log that cannot be written must not be taken for a whole one.
    pub(super) fn tell_truth(&mut self, mut line: Value) {
        let Some(file) = &mut self.truth else { return };
        line["wall"] = json!((self.wall_clock)());
        let written = writeln!(file, "{line}").and_then(|()| file.flush());
        if let Err(error) = written {
            tracing::error!("the log of the truth ends here: {error}");
            self.truth = None;
        }
    }

    fn tell_settled(&mut self, market: &MarketId, at: TimeMs) {
        let bets = self.bets.in_market(market).filter(|bet| bet.stands());
        let lines: Vec<Value> = bets.map(|bet| bet.truth("settled", at)).collect();
        for line in lines {
            self.tell_truth(line);
        }
    }

    /// Money that an account may bet with, and what its bets could lose.
    pub(super) fn funds(&self, account: AccountId) -> (Money, Money) {
        let balance = self.accounts.get(account).map(|account| account.balance);
        let exposure = self.bets.exposure(account, &self.books, None);
        (balance.unwrap_or_default() - exposure, exposure)
    }
}

fn is_closing(delta: &MarketDelta) -> bool {
    let definition = delta.definition.as_ref();
    definition.is_some_and(|definition| definition.status == MarketStatus::Closed)
}
