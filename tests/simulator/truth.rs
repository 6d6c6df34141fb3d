//! The venue of the simulated world: what it really has, and all the ways in which word of it goes astray.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;
use std::rc::Rc;
use std::sync::Arc;

use bea::engine::{Record, Request, Venue};
use bea::market::{
    Books, Doubt, Instruction, Listing, MarketDefinition, MarketDelta, MarketId, MarketStatus,
    Money, OrderChange, OrderEvent, OrderId, OrderKind, Persistence, Price, Reversal, RunnerStatus,
    Settlement, Side, TimeMs, VenueEvent, VenueReason,
};
use bea::risk::Approved;

use crate::bet::Bet;
use crate::disk::Disk;
use crate::faults::Faults;
use crate::marks::{Mark, Marks};
use crate::oracle;
use crate::random::Random;

/// What a client's request asks for, on its way.
enum Sent {
    Place(Instruction),
    Cancel(OrderId, Option<Money>),
    Replace(OrderId, Instruction),
    Update(OrderId, Persistence),
}

/// What happens later.
enum Due {
    Arrive {
        session: u32,
        sent: Sent,
    },
    Say {
        session: u32,
        stream: bool,
        event: VenueEvent,
    },
    Timeout {
        session: u32,
        market: MarketId,
        order: OrderId,
        is_new: bool,
    },
}

/// How long a client waits for an answer.
const PATIENCE_MS: i64 = 6_000;

/// After this long a request that has not arrived never will.
const WINDOW_MS: i64 = 45_000;

/// How long a settled market stays in listings.
const LISTED_FOR_MS: i64 = 60_000;

/// All that is true of the world outside the program.
pub(crate) struct Truth {
    pub(crate) now: i64,
    pub(crate) faults: Faults,
    pub(crate) marks: Marks,
    pub(crate) bets: Vec<Bet>,
    by_id: BTreeMap<OrderId, usize>,
    pub(crate) markets: BTreeMap<MarketId, Arc<MarketDefinition>>,
    pub(crate) settlements: BTreeMap<MarketId, Settlement>,
    /// Which settlement of a market the program was told of last, and has not been told is taken back.
    booked: BTreeMap<MarketId, u32>,
    /// Markets in which something changed since they were last looked at.
    pub(crate) changed: BTreeSet<MarketId>,
    pub(crate) disk: Rc<RefCell<Disk>>,
    due: BTreeMap<(i64, u64), Due>,
    sequence: u64,
    /// What has reached the program and not been handed to it yet.
    pub(crate) mouth: Vec<VenueEvent>,
    session: u32,
    pub(crate) alive: bool,
    pub(crate) deaf: bool,
    deaf_at: i64,
    /// Whether the program may think that it knows what the venue has.
    ready: bool,
    /// The operator was told that no bet is placed any more.
    pub(crate) stopped: bool,
    /// The kill switch is thrown when the last word on the next order is asked for: none may leave unasked.
    pub(crate) armed: bool,
    pub(crate) dead: Rc<Cell<bool>>,
    unanswered: BTreeSet<OrderId>,
    doubted: BTreeSet<OrderId>,
    listing_out_until: i64,
    sent: BTreeSet<OrderId>,
    cancels: BTreeSet<OrderId>,
    pub(crate) violations: Vec<String>,
    random: Random,
    hasher: blake3::Hasher,
    pub(crate) tells: bool,
}

impl Truth {
    pub(crate) fn new(faults: Faults, disk: Rc<RefCell<Disk>>, random: Random) -> Self {
        Self {
            now: 0,
            faults,
            marks: Marks::default(),
            bets: Vec::new(),
            by_id: BTreeMap::new(),
            markets: BTreeMap::new(),
            settlements: BTreeMap::new(),
            booked: BTreeMap::new(),
            changed: BTreeSet::new(),
            disk,
            due: BTreeMap::new(),
            sequence: 0,
            mouth: Vec::new(),
            session: 0,
            alive: false,
            deaf: false,
            deaf_at: -1,
            ready: false,
            stopped: false,
            armed: false,
            dead: Rc::default(),
            unanswered: BTreeSet::new(),
            doubted: BTreeSet::new(),
            listing_out_until: 0,
            sent: BTreeSet::new(),
            cancels: BTreeSet::new(),
            violations: Vec::new(),
            random,
            hasher: blake3::Hasher::new(),
            tells: false,
        }
    }

    /// Adds a line to the trace.
    pub(crate) fn log(&mut self, line: impl Display) {
        let line = format!("{:>9} {line}\n", self.now);
        self.hasher.update(line.as_bytes());
        if self.tells {
            eprint!("{line}");
        }
    }

    pub(crate) fn hash(&self) -> String {
        self.hasher.finalize().to_hex().to_string()
    }

    pub(crate) fn bet(&self, id: OrderId) -> Option<&Bet> {
        self.by_id.get(&id).map(|at| &self.bets[*at])
    }

    /// Whether a request that could still place this bet is on its way.
    pub(crate) fn may_arrive(&self, id: OrderId) -> bool {
        self.due.values().any(|due| match due {
            Due::Arrive {
                sent: Sent::Place(new) | Sent::Replace(_, new),
                ..
            } => new.id == id,
            _ => false,
        })
    }

    fn later(&mut self, after_ms: i64, due: Due) {
        self.sequence += 1;
        self.due.insert((self.now + after_ms, self.sequence), due);
    }

    fn say(&mut self, after_ms: i64, stream: bool, event: VenueEvent) {
        let session = self.session;
        self.later(
            after_ms,
            Due::Say {
                session,
                stream,
                event,
            },
        );
    }

    fn answer(&mut self, after_ms: i64, market: &MarketId, order: OrderId, change: OrderChange) {
        let event = OrderEvent {
            market: market.clone(),
            order,
            at: TimeMs(self.now + after_ms),
            change,
        };
        self.say(after_ms, false, VenueEvent::Order(event));
    }

    pub(crate) fn next_due(&self) -> Option<i64> {
        self.due.first_key_value().map(|((at, _), _)| *at)
    }

    /// Does what is due by now; what reaches the program is in `mouth`.
    pub(crate) fn process(&mut self) {
        while let Some(entry) = self.due.first_entry() {
            if entry.key().0 > self.now {
                break;
            }
            match entry.remove() {
                Due::Arrive { session, sent } => self.arrive(session, sent),
                Due::Say {
                    session,
                    stream,
                    event,
                } => {
                    let heard = self.alive && session == self.session && !(stream && self.deaf);
                    if heard {
                        self.reach(event);
                    } else if matches!(event, VenueEvent::Settled(_)) {
                        self.marks.hit(Mark::SettledDeaf);
                    }
                }
                Due::Timeout {
                    session,
                    market,
                    order,
                    is_new,
                } => {
                    if self.alive && session == self.session {
                        self.time_out(&market, order, is_new);
                    }
                }
            }
        }
    }

    fn reach(&mut self, event: VenueEvent) {
        match &event {
            VenueEvent::Order(word) => {
                self.changed.insert(word.market.clone());
                if matches!(
                    word.change,
                    OrderChange::Accepted | OrderChange::Rejected { .. }
                ) {
                    self.unanswered.remove(&word.order);
                    if self.doubted.contains(&word.order) {
                        self.marks.hit(Mark::LateAnswer);
                    }
                }
            }
            VenueEvent::Statement(_, statement) => {
                self.changed.insert(statement.market.clone());
            }
            VenueEvent::Settled(settlement) => {
                self.changed.insert(settlement.market.clone());
                if !self.may_settle(settlement) {
                    return;
                }
            }
            VenueEvent::Listing(_, listing) => {
                if listing.asked_at.0 > self.deaf_at {
                    self.ready = true;
                }
                self.changed.extend(self.markets.keys().cloned());
            }
            _ => {}
        }
        self.mouth.push(event);
    }

    fn time_out(&mut self, market: &MarketId, order: OrderId, is_new: bool) {
        if is_new {
            if self.unanswered.remove(&order) {
                self.doubted.insert(order);
                let doubt = *self.random.pick(&[
                    Doubt::TimedOut,
                    Doubt::ConnectionLost,
                    Doubt::Unreadable,
                    Doubt::VenueUnsure,
                ]);
                self.log(format_args!("doubt {order}"));
                self.answer(0, market, order, OrderChange::Doubted { doubt });
            }
        } else if !self.faults.cancels_silent {
            let reason = VenueReason::NotSaid;
            self.answer(0, market, order, OrderChange::CancelFailed { reason });
        }
    }

    /// Whether a settlement can be told now. One that another replaced is told no more; one that replaces what the
    /// program has booked is told after that is taken back, now and then some time after.
    fn may_settle(&mut self, new: &Settlement) -> bool {
        let market = &new.market;
        if new.version < self.settlements[market].version {
            return false;
        }
        let stands = self.booked.get(market).copied();
        if let Some(version) = stands.filter(|version| *version < new.version) {
            self.booked.remove(market);
            self.marks.hit(Mark::TakenBack);
            self.mouth.push(VenueEvent::Reversed(Reversal {
                market: market.clone(),
                at: TimeMs(self.now),
                version,
            }));
            if (self.now / 7) % 3 == 0 {
                self.say(700, true, VenueEvent::Settled(new.clone()));
                return false;
            }
        }
        self.booked.insert(market.clone(), new.version);
        true
    }

    /// What the program has booked of earlier sessions, by its own records.
    fn recall_booked(&mut self) {
        self.booked.clear();
        for record in &self.disk.borrow().records {
            let Record::Settled {
                market,
                version,
                reversal,
                ..
            } = record
            else {
                continue;
            };
            match reversal {
                true => self.booked.remove(market),
                false => self.booked.insert(market.clone(), *version),
            };
        }
    }

    /// A session of the program begins: its stream starts with all that stands.
    pub(crate) fn begin(&mut self) {
        self.recall_booked();
        self.session += 1;
        self.alive = true;
        self.ready = false;
        self.deaf_at = -1;
        self.deaf = false;
        self.mouth.clear();
        self.unanswered.clear();
        self.stream_image();
    }

    /// The program ended.
    pub(crate) fn end(&mut self) {
        self.alive = false;
        self.mouth.clear();
        if self
            .due
            .values()
            .any(|due| matches!(due, Due::Arrive { .. }))
        {
            self.marks.hit(Mark::CrashAfterSend);
        }
    }

    pub(crate) fn stream_image(&mut self) {
        for at in 0..self.bets.len() {
            if !self.settlements.contains_key(&self.bets[at].market) && !self.bets[at].hidden {
                let statement = self.bets[at].statement();
                self.mouth
                    .push(VenueEvent::Statement(TimeMs(self.now), statement));
            }
        }
        self.changed.extend(self.markets.keys().cloned());
    }

    /// Says again how a market was settled.
    pub(crate) fn say_settled(&mut self, market: &MarketId) {
        if let Some(settlement) = self.settlements.get(market).cloned() {
            self.say(100, true, VenueEvent::Settled(settlement));
        }
    }

    /// Nothing goes wrong any more.
    pub(crate) fn heal(&mut self) {
        self.faults = Faults::default();
        self.listing_out_until = 0;
    }

    /// Its words stop: nothing said from now on is heard, until it is not deaf any more.
    pub(crate) fn go_deaf(&mut self) -> VenueEvent {
        self.marks.hit(Mark::Deaf);
        if self.doubted.iter().any(|id| self.unresolved(*id)) {
            self.marks.hit(Mark::DeafInDoubt);
        }
        self.log("deaf");
        self.deaf = true;
        self.deaf_at = self.now;
        self.ready = false;
        VenueEvent::Deaf(TimeMs(self.now))
    }

    fn unresolved(&self, id: OrderId) -> bool {
        self.bet(id).is_none_or(|bet| bet.is_working())
    }

    fn touch(&mut self, at: usize, news: bool) {
        let bet = &mut self.bets[at];
        let statement = bet.remember(self.now);
        self.changed.insert(statement.market.clone());
        self.log(format_args!(
            "bet {} matched {} cancelled {} lapsed {} voided {}",
            statement.venue_id,
            statement.matched,
            statement.cancelled,
            statement.lapsed,
            statement.voided
        ));
        if self.bets[at].hidden {
            return;
        }
        let now = self.now;
        let word = |after: i64| VenueEvent::Statement(TimeMs(now + after), statement.clone());
        let delay = if !news {
            self.random.range(5_000, 30_000)
        } else if self.random.chance(self.faults.word_slow) {
            self.marks.hit(Mark::StaleWord);
            self.random.range(500, 3_000)
        } else {
            self.random.range(1, 300)
        };
        self.say(delay, true, word(delay));
        if self.random.chance(self.faults.word_twice) {
            self.marks.hit(Mark::RepeatedWord);
            let again = delay + self.random.range(1, 2_000);
            self.say(again, true, word(again));
        }
    }

    fn arrive(&mut self, session: u32, sent: Sent) {
        match sent {
            Sent::Place(new) => {
                self.take(session, &new, None);
            }
            Sent::Cancel(order, size) => {
                self.cancel(session, order, size);
            }
            Sent::Update(order, persistence) => self.update(session, order, persistence),
            Sent::Replace(order, new) => {
                let freed = self.cancel(session, order, None);
                if freed.is_positive() {
                    self.take(session, &new, Some(freed));
                } else if session == self.session {
                    self.answered(
                        &new,
                        OrderChange::Rejected {
                            reason: VenueReason::NothingRemains,
                        },
                    );
                }
            }
        }
    }

    /// Answers the client, unless that goes astray. Whether it did.
    fn answered(&mut self, new: &Instruction, change: OrderChange) -> bool {
        if self.random.chance(self.faults.answer_lost) {
            if change == OrderChange::Accepted {
                self.marks.hit(Mark::AcceptThenTimeout);
            }
            return false;
        }
        let after = if self.random.chance(self.faults.answer_slow) {
            self.random.range(6_000, 12_000)
        } else {
            self.random.range(10, 200)
        };
        self.answer(after, &new.market, new.id, change);
        true
    }

    /// A new bet arrived: taken, or refused for a known reason.
    fn take(&mut self, session: u32, new: &Instruction, freed: Option<Money>) {
        let definition = Arc::clone(&self.markets[&new.market]);
        let runs = definition
            .runner(new.runner)
            .is_some_and(|runner| runner.status == RunnerStatus::Active);
        let reason = if definition.status != MarketStatus::Open {
            Some(VenueReason::MarketNotOpen)
        } else if !runs {
            Some(VenueReason::RunnerRemoved)
        } else if new.kind.size().is_none() && definition.in_play {
            Some(VenueReason::NoStartingPrice)
        } else if self.random.chance(self.faults.refused) {
            Some(VenueReason::BelowMinimum)
        } else {
            None
        };
        if let Some(reason) = reason {
            self.marks.hit(Mark::Refused);
            self.log(format_args!("refuse {}", new.id));
            self.answered(new, OrderChange::Rejected { reason });
            return;
        }
        if self.by_id.contains_key(&new.id) {
            self.violations
                .push(format!("I1: the venue has accepted {} twice", new.id));
        }
        let venue_id: Arc<str> = format!("{}", 1_000 + self.bets.len()).into();
        self.log(format_args!(
            "accept {} as {venue_id} of {}",
            new.id, new.strategy
        ));
        let mut bet = Bet::new(
            venue_id,
            Some((new.id, Arc::clone(&new.strategy))),
            new,
            self.now,
        );
        if let (Some(size), Some(freed)) = (new.kind.size(), freed) {
            bet.cancelled = (size - freed).max(Money::ZERO);
        }
        self.by_id.insert(new.id, self.bets.len());
        self.bets.push(bet);
        self.marks.hit(Mark::Bets);
        let at = self.bets.len() - 1;
        if let OrderKind::Limit {
            fill_or_kill: Some(_),
            ..
        } = new.kind
        {
            let rest = self.bets[at].remaining();
            if self.random.chance(500) {
                self.bets[at].fill(new.kind.price().unwrap_or(Price::LOWEST), rest);
            } else {
                self.bets[at].lapsed += rest;
            }
        }
        let heard = session == self.session && self.answered(new, OrderChange::Accepted);
        if !heard && freed.is_some() {
            self.marks.hit(Mark::ReplaceInDoubt);
        }
        let told = heard || self.random.chance(300);
        self.bets[at].hidden = !heard && self.random.chance(self.faults.bet_hidden);
        if self.bets[at].hidden && self.random.chance(self.faults.listing_out) {
            // What lost the answer loses listings as well, for a while.
            self.listing_out_until = self.now + self.random.range(20_000, 90_000);
        }
        self.touch(at, told);
    }

    /// Lets what remains of a bet live on in play, or not.
    fn update(&mut self, session: u32, order: OrderId, persistence: Persistence) {
        let Some(&at) = self.by_id.get(&order) else {
            return;
        };
        let market = self.bets[at].market.clone();
        let open = self.markets[&market].status == MarketStatus::Open;
        let change = if open && self.bets[at].remaining().is_positive() {
            self.bets[at].kind = self.bets[at].kind.with_persistence(persistence);
            self.marks.hit(Mark::Prolonged);
            OrderChange::Updated { persistence }
        } else {
            let reason = VenueReason::NotUpdatable;
            OrderChange::UpdateFailed { reason }
        };
        if session == self.session {
            self.answer(50, &market, order, change);
        }
    }

    /// Cancels what remains, or part of it: how much that was.
    fn cancel(&mut self, session: u32, order: OrderId, size: Option<Money>) -> Money {
        let Some(&at) = self.by_id.get(&order) else {
            return Money::ZERO;
        };
        let market = self.bets[at].market.clone();
        if self.markets[&market].status == MarketStatus::Open && self.random.chance(150) {
            self.marks.hit(Mark::CancelRace);
            self.match_some(at);
        }
        let bet = &self.bets[at];
        let open = self.markets[&market].status == MarketStatus::Open;
        let can = open && bet.kind.size().is_some();
        let freed = bet.remaining().min(size.unwrap_or(Money::LARGEST));
        if !can || !freed.is_positive() {
            let reason = if open {
                VenueReason::NothingRemains
            } else {
                VenueReason::MarketNotOpen
            };
            if session == self.session {
                self.answer(50, &market, order, OrderChange::CancelFailed { reason });
            }
            return Money::ZERO;
        }
        self.bets[at].cancelled += freed;
        self.touch(at, true);
        freed
    }

    /// Matches some of what remains of a bet, at its price or a better one.
    fn match_some(&mut self, at: usize) {
        let bet = &self.bets[at];
        let (Some(limit), rest) = (bet.kind.price(), bet.remaining()) else {
            return;
        };
        if !rest.is_positive() || bet.kind.size().is_none() {
            return;
        }
        let size = if self.random.chance(400) {
            rest
        } else {
            Money::from_minor(self.random.range(1, rest.minor()))
        };
        let better = if self.random.chance(200) {
            self.random.range(1, 20) as u64
        } else {
            0
        };
        let hundredth = Price::SCALE / 100;
        let price = match bet.side {
            Side::Back => Price::from_nanos(limit.nanos() + better * hundredth),
            Side::Lay => Price::from_nanos(limit.nanos() - better * hundredth).max(Price::LOWEST),
        };
        // A lay is matched at its limit or lower, even at the lowest price.
        let price = if bet.side == Side::Lay {
            price.min(limit)
        } else {
            price
        };
        self.bets[at].fill(price, size);
        self.marks.hit(Mark::Fills);
        self.touch(at, true);
    }

    /// The market trades: what rests in it may be matched.
    pub(crate) fn trade(&mut self, market: &MarketId) {
        if self.markets[market].status != MarketStatus::Open {
            return;
        }
        for at in 0..self.bets.len() {
            if self.bets[at].market == *market && self.random.chance(self.faults.filled) {
                self.match_some(at);
            }
        }
    }

    /// A bet that is not ours.
    pub(crate) fn foreign(&mut self, new: &Instruction) {
        self.marks.hit(Mark::Foreign);
        let venue_id: Arc<str> = format!("x{}", self.bets.len()).into();
        self.bets.push(Bet::new(venue_id, None, new, self.now));
        self.touch(self.bets.len() - 1, true);
    }

    /// The market's definition changed, and the bets in it with it.
    pub(crate) fn define(&mut self, market: &MarketId, next: &Arc<MarketDefinition>) {
        let before = self.markets.insert(market.clone(), Arc::clone(next));
        let Some(before) = before else {
            return;
        };
        self.log(format_args!(
            "{market} {} in play {}",
            next.status.as_str(),
            next.in_play
        ));
        let gone = next.runners.iter().find(|runner| {
            runner.status == RunnerStatus::Removed
                && before
                    .runner(runner.id)
                    .is_some_and(|b| b.status != RunnerStatus::Removed)
        });
        let here: Vec<usize> = (0..self.bets.len())
            .filter(|at| self.bets[*at].market == *market)
            .collect();
        if let Some(gone) = gone {
            for &at in &here {
                let is_news = if self.bets[at].runner == gone.id {
                    self.bets[at].annul()
                } else {
                    let factor = gone.adjustment_factor.unwrap_or(0);
                    self.bets[at].reduce(|price| next.reduced(price, factor))
                };
                if is_news {
                    self.marks.hit(Mark::Removed);
                    self.touch(at, true);
                }
            }
        }
        if next.in_play && !before.in_play {
            for &at in &here {
                self.turn_in_play(at);
            }
        }
        if next.status == MarketStatus::Closed {
            self.close(market, next, &here);
        }
    }

    fn turn_in_play(&mut self, at: usize) {
        let bet = &self.bets[at];
        match bet.kind {
            OrderKind::Limit {
                persistence: Persistence::Persist,
                ..
            } => return,
            OrderKind::Limit { .. } => {
                let rest = bet.remaining();
                if !rest.is_positive() {
                    return;
                }
                self.bets[at].lapsed += rest;
            }
            _ => {
                if !bet.is_working() {
                    return;
                }
                let price = Price::from_hundredths(self.random.range(105, 2_000) as u64);
                self.bets[at].start(price);
            }
        }
        self.touch(at, true);
    }

    fn close(&mut self, market: &MarketId, definition: &MarketDefinition, here: &[usize]) {
        for &at in here {
            if self.bets[at].lapse() {
                self.touch(at, true);
            }
        }
        self.settle(market, definition);
        let in_doubt = self.doubted.iter().any(|id| {
            self.unanswered.contains(id) || self.bet(*id).is_some_and(|bet| bet.market == *market)
        });
        if in_doubt {
            self.marks.hit(Mark::SettledInDoubt);
        }
        if !self.alive || self.deaf {
            self.marks.hit(Mark::SettledDeaf);
        }
        let after = self.random.range(100, 3_000);
        let settlement = self.settlements[market].clone();
        self.say(after, true, VenueEvent::Settled(settlement));
    }

    /// Works out what the bets in a market came to: the next version of its settlement.
    fn settle(&mut self, market: &MarketId, definition: &MarketDefinition) {
        let bets = self.bets.iter().filter(|bet| bet.market == *market);
        let profits = bets
            .filter(|bet| bet.matched().is_positive())
            .filter_map(|bet| Some((bet.id?, oracle::profit(definition, &bet.wager(false)))))
            .collect();
        let before = self.settlements.get(market);
        let rate = bea::market::Ratio::percent(5);
        let settlement = Settlement {
            market: market.clone(),
            at: TimeMs(self.now),
            version: before.map_or(1, |before| before.version + 1),
            commission: bea::market::Commission::Rate(rate),
            profits,
        };
        self.settlements.insert(market.clone(), settlement);
    }

    /// A closed market is settled anew.
    pub(crate) fn correct(
        &mut self,
        market: &MarketId,
        definition: &Arc<MarketDefinition>,
        random: &mut Random,
    ) {
        self.markets.insert(market.clone(), Arc::clone(definition));
        self.settle(market, definition);
        self.log(format_args!("{market} is settled anew"));
        let settlement = self.settlements[market].clone();
        self.say(
            random.range(100, 2_000),
            true,
            VenueEvent::Settled(settlement),
        );
    }

    /// The program asks for all that the venue has.
    fn asked(&mut self) {
        let is_out = self.now < self.listing_out_until;
        if self.deaf || is_out || self.random.chance(self.faults.listing_lost) {
            self.marks.hit(Mark::ListingLost);
            if !is_out && self.random.chance(self.faults.listing_out) {
                self.listing_out_until = self.now + self.random.range(20_000, 90_000);
            }
            return;
        }
        let lag = self.faults.listing_lag_ms;
        let seen_at = self.now - self.random.range(0, lag);
        let mut orders = Vec::new();
        for at in 0..self.bets.len() {
            let settled = self.settlements.get(&self.bets[at].market);
            if settled.is_some_and(|settled| self.now - settled.at.0 > LISTED_FOR_MS) {
                continue;
            }
            let misses = !self.bets[at].missed && self.random.chance(self.faults.listing_misses);
            let bet = &mut self.bets[at];
            let Some(statement) = bet.as_of(seen_at) else {
                continue;
            };
            bet.missed = misses;
            let late = bet.hidden && self.now - statement.placed_at.0 >= WINDOW_MS;
            if late {
                let mark = if misses {
                    Mark::MissedLate
                } else {
                    Mark::FoundLate
                };
                self.marks.hit(mark);
            }
            if misses {
                self.marks.hit(Mark::ListingMisses);
            } else {
                orders.push(statement);
                if std::mem::take(&mut self.bets[at].hidden) {
                    self.touch(at, true);
                }
            }
        }
        let after = if self.random.chance(self.faults.listing_slow) {
            self.marks.hit(Mark::ListingLate);
            self.random.range(2_000, 20_000)
        } else {
            self.random.range(20, 500)
        };
        let asked_at = TimeMs(self.now);
        let answer = VenueEvent::Listing(TimeMs(self.now + after), Listing { asked_at, orders });
        self.say(after, false, answer);
    }

    fn requested(&mut self, books: &Books, request: Request<Approved>) {
        if self.dead.get() {
            return;
        }
        let new = match &request {
            Request::Place(pass) | Request::Replace { with: pass, .. } => {
                Some(pass.as_ref().clone())
            }
            Request::Cancel { .. } | Request::Update { .. } => None,
        };
        if let Some(new) = &new {
            self.may_leave(books, new);
            if self.random.chance(self.faults.crash_between) {
                self.marks.hit(Mark::CrashBetween);
                self.log("the program ends before it sends");
                self.dead.set(true);
                return;
            }
        }
        let (market, sent) = match request {
            Request::Update {
                market,
                order,
                persistence,
            } => {
                if (self.stopped || self.armed) && persistence != Persistence::Lapse {
                    let what = format!("I6: {order} is let live longer although betting is halted");
                    self.violations.push(what);
                }
                (market, Sent::Update(order, persistence))
            }
            Request::Place(pass) => (
                pass.as_ref().market.clone(),
                Sent::Place(pass.as_ref().clone()),
            ),
            Request::Cancel {
                market,
                order,
                size,
            } => {
                if !self.cancels.insert(order) && self.stopped {
                    self.marks.hit(Mark::SweepAgain);
                }
                if books.find(&market).is_none() {
                    self.marks.hit(Mark::StraySwept);
                }
                (market, Sent::Cancel(order, size))
            }
            Request::Replace {
                market,
                order,
                with,
                ..
            } => (market, Sent::Replace(order, with.as_ref().clone())),
        };
        self.dispatch(market, sent, new.as_ref());
    }

    fn dispatch(&mut self, market: MarketId, sent: Sent, new: Option<&Instruction>) {
        let old = match &sent {
            Sent::Place(_) | Sent::Update(..) => None,
            Sent::Cancel(order, _) | Sent::Replace(order, _) => Some(*order),
        };
        let session = self.session;
        if let Some(new) = new {
            self.log(format_args!(
                "send {} {} {:?}",
                new.id, new.market, new.kind
            ));
            if self.random.chance(self.faults.unsent) {
                self.marks.hit(Mark::NotSent);
                self.answer(1, &market, new.id, OrderChange::NotSent);
                if let Some(old) = old {
                    let reason = VenueReason::Withheld;
                    self.answer(1, &market, old, OrderChange::CancelFailed { reason });
                }
                return;
            }
            self.unanswered.insert(new.id);
        }
        let in_play = i64::from(self.markets[&market].bet_delay_seconds) * 1_000;
        let delay = if new.is_some() { in_play } else { 0 };
        for (order, is_new) in new
            .map(|new| (new.id, true))
            .into_iter()
            .chain(old.map(|o| (o, false)))
        {
            let market = market.clone();
            self.later(
                PATIENCE_MS + delay,
                Due::Timeout {
                    session,
                    market,
                    order,
                    is_new,
                },
            );
        }
        if self.random.chance(self.faults.request_lost) {
            self.marks.hit(if new.is_some() {
                Mark::RequestLost
            } else {
                Mark::CancelLost
            });
            return;
        }
        let after = if self.random.chance(self.faults.request_slow) {
            self.random.range(3_000, 15_000)
        } else {
            self.random.range(5, 200)
        };
        self.later(after + delay, Due::Arrive { session, sent });
    }

    /// What must hold of every bet at the moment when it leaves.
    fn may_leave(&mut self, books: &Books, new: &Instruction) {
        let id = new.id;
        let mut say = |what: &str| {
            self.violations
                .push(format!("{what}: {id} in {}", new.market))
        };
        if !self.sent.insert(id) {
            say("I1: sent twice");
        }
        if !self.disk.borrow().intents.contains(&id) {
            say("I2: sent before its intent was durable");
        }
        if self.stopped || self.armed {
            say("I6: sent although betting is halted");
        }
        if !self.ready {
            say("I7: sent although the venue has not listed what it has");
        }
        let open = books
            .market(&new.market)
            .is_some_and(|market| market.status() == MarketStatus::Open);
        if !open {
            say("I7: sent to a market that is not open");
        }
    }
}

/// The program's line to the venue.
pub(crate) struct Wire(pub(crate) Rc<RefCell<Truth>>);

impl Venue<Approved> for Wire {
    fn observe(&mut self, _: TimeMs, _: &Books, _: &MarketDelta, out: &mut Vec<VenueEvent>) {
        out.append(&mut self.0.borrow_mut().mouth);
    }

    fn submit(&mut self, _: TimeMs, books: &Books, request: Request<Approved>) {
        self.0.borrow_mut().requested(books, request);
    }

    fn list(&mut self, _: TimeMs, _: &mut Vec<VenueEvent>) {
        self.0.borrow_mut().asked();
    }
}
