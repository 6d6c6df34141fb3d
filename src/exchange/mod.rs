//! The simulated exchange: takes approved orders, matches them against recorded or live market data, settles.
//!
//! It never looks ahead: all it knows is the books before a change, and the change. How orders are matched is a choice
//! of models ([`Fill`], [`Outlook`]), each rule beside its code; `docs/simulated-exchange.md` tells them in words.

mod basic;
mod bookmaker;
mod liquidity;
mod market;
mod matching;
mod model;
mod order;
mod reference;
mod settings;
mod settlement;
mod starting_price;
mod strict;

use std::collections::{BTreeMap, VecDeque};

pub use model::{Fill, Outlook};
pub use settings::ExchangeSettings;
pub use settlement::profit_by_definition;

use crate::engine::{Request, Venue};
use crate::market::{
    Books, Instruction, Listing, Market, MarketDelta, MarketId, MarketStatus, Money, OrderChange,
    OrderEvent, OrderId, Persistence, Price, TimeMs, VenueEvent, VenueReason,
};
use market::SimMarket;

/// The simulated exchange. One object serves backtest and DRY_RUN.
#[derive(Debug)]
pub struct Exchange {
    settings: ExchangeSettings,
    markets: BTreeMap<MarketId, SimMarket>,
    /// Forgotten markets in which orders were handled by last traded prices alone.
    basic_closed: u64,
    /// Forgotten markets in which bookmakers took bets.
    bookmaker_closed: u64,
    /// Requests so far: each has a delay of its own.
    requests: u64,
    /// Closed markets with matched bets, oldest first: they may be opened again.
    closed: VecDeque<MarketId>,
}

/// How many closed markets are remembered, so that a host that runs for months does not grow.
const MOST_CLOSED: usize = 1_000;

/// A request on its way: it takes effect on the first update more than its latency later.
#[derive(Debug)]
struct Pending {
    made_at: TimeMs,
    latency_ms: i64,
    /// Whether the event was under way when it was made.
    in_play: bool,
    task: Task,
}

#[derive(Debug)]
enum Task {
    Place(Instruction),
    Cancel {
        order: OrderId,
        size: Option<Money>,
    },
    Update {
        order: OrderId,
        persistence: Persistence,
    },
    Replace {
        order: OrderId,
        price: Price,
        with: Instruction,
    },
}

impl Exchange {
    /// An exchange with nothing on it.
    #[must_use]
    pub fn new(settings: ExchangeSettings) -> Self {
        Self {
            settings,
            markets: BTreeMap::new(),
            basic_closed: 0,
            bookmaker_closed: 0,
            requests: 0,
            closed: VecDeque::new(),
        }
    }

    /// Keeps a closed market in which something was matched, for it may be settled again; forgets the oldest.
    fn remember_closed(&mut self, market: &MarketId) {
        if self.markets.get(market).is_none_or(SimMarket::is_empty) {
            self.forget(market);
        } else if !self.closed.contains(market) {
            self.closed.push_back(market.clone());
            if self.closed.len() > MOST_CLOSED
                && let Some(oldest) = self.closed.pop_front()
            {
                self.forget(&oldest);
            }
        }
    }

    fn forget(&mut self, market: &MarketId) {
        if let Some(sim) = self.markets.remove(market) {
            self.basic_closed += u64::from(sim.basic);
            self.bookmaker_closed += u64::from(sim.bookmaker);
        }
    }

    /// Why an order to the market's own exchange would be refused at once, as its market stands; `None` if it would be
    /// taken.
    #[must_use]
    pub fn refusal(&self, books: &Books, order: &Instruction) -> Option<VenueReason> {
        let Some(book) = books.market(&order.market) else {
            return Some(VenueReason::MarketNotOpen);
        };
        match self.markets.get(&order.market) {
            Some(sim) => sim.refusal(order, book, &self.settings),
            None => SimMarket::default().refusal(order, book, &self.settings),
        }
    }

    /// Markets of which only last traded prices were known when orders came (strict model).
    #[must_use]
    pub fn basic_markets(&self) -> u64 {
        self.basic_closed + self.markets.values().filter(|sim| sim.basic).count() as u64
    }

    /// Markets in which orders went to bookmakers.
    #[must_use]
    pub fn bookmaker_markets(&self) -> u64 {
        let known = self.markets.values().filter(|sim| sim.bookmaker).count();
        self.bookmaker_closed + known as u64
    }

    /// What comes on top of the next request's latency.
    fn jitter_ms(&mut self) -> i64 {
        self.requests += 1;
        let most = u64::from(self.settings.latency_jitter_ms);
        let drawn = scramble((u64::from(self.settings.latency_seed) << 32) ^ self.requests);
        i64::try_from(drawn % (most + 1)).unwrap_or(0)
    }
}

/// A number that looks random, always the same for the same number (the finisher of SplitMix64).
fn scramble(number: u64) -> u64 {
    let mut x = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

impl<P: AsRef<Instruction>> Venue<P> for Exchange {
    fn observe(
        &mut self,
        now: TimeMs,
        before: &Books,
        delta: &MarketDelta,
        out: &mut Vec<VenueEvent>,
    ) {
        if self.markets.is_empty() {
            return;
        }
        let Some(sim) = self.markets.get_mut(&delta.market) else {
            return;
        };
        let Some(book) = before.market(&delta.market) else {
            return;
        };
        let mut report = Report {
            market: &delta.market,
            at: now,
            out,
        };
        let scene = Scene {
            book,
            delta,
            settings: &self.settings,
        };
        sim.begin(now, scene, &mut report);
        let closed = delta
            .definition
            .as_ref()
            .filter(|new| new.status == MarketStatus::Closed);
        if let Some(definition) = closed {
            sim.close(definition, &self.settings, &mut report);
            sim.conclude(&self.settings, &mut report);
            sim.settle(definition, &self.settings, &mut report);
            self.remember_closed(&delta.market);
        } else {
            if delta.definition.is_some() && self.closed.contains(&delta.market) {
                sim.take_back(&mut report);
                self.closed.retain(|market| market != &delta.market);
            }
            sim.change(scene, &mut report);
            sim.conclude(&self.settings, &mut report);
        }
    }

    /// Answers at once: it is in the same process, and knows its own orders.
    fn list(&mut self, now: TimeMs, out: &mut Vec<VenueEvent>) {
        let orders = self
            .markets
            .iter_mut()
            .flat_map(|(market, sim)| sim.statements(market, now))
            .collect();
        out.push(VenueEvent::Listing(
            now,
            Listing {
                asked_at: now,
                orders,
            },
        ));
    }

    fn submit(&mut self, now: TimeMs, books: &Books, request: Request<P>) {
        let jitter_ms = self.jitter_ms();
        let settings = &self.settings;
        let (market, latency_ms, in_play_delay, task) = match request {
            Request::Place(pass) => {
                let order = pass.as_ref().clone();
                // A bookmaker knows no bet delay: what it needs to accept a bet is its latency.
                let (latency_ms, delayed) = match order.book {
                    Some(_) => (settings.bookmaker_latency_ms, false),
                    None => (settings.place_latency_ms, true),
                };
                let market = order.market.clone();
                (market, latency_ms, delayed, Task::Place(order))
            }
            Request::Cancel {
                market,
                order,
                size,
            } => (
                market,
                settings.cancel_latency_ms,
                false,
                Task::Cancel { order, size },
            ),
            Request::Update {
                market,
                order,
                persistence,
            } => (
                market,
                settings.update_latency_ms,
                false,
                Task::Update { order, persistence },
            ),
            Request::Replace {
                market,
                order,
                price,
                with,
            } => {
                let with = with.as_ref().clone();
                (
                    market,
                    settings.replace_latency_ms,
                    true,
                    Task::Replace { order, price, with },
                )
            }
        };
        let book = books.market(&market);
        let bet_delay = book.filter(|_| in_play_delay).map_or(0, bet_delay_ms);
        let pending = Pending {
            made_at: now,
            latency_ms: i64::from(latency_ms) + jitter_ms + bet_delay,
            in_play: book.is_some_and(|book| book.definition.in_play),
            task,
        };
        self.markets
            .entry(market)
            .or_insert_with(|| SimMarket::joining(book))
            .pending
            .push(pending);
    }
}

fn bet_delay_ms(market: &std::sync::Arc<Market>) -> i64 {
    i64::from(market.definition.bet_delay_seconds) * 1_000
}

/// What a market looked like before an update, the update, and how orders are treated.
#[derive(Clone, Copy)]
struct Scene<'a> {
    book: &'a Market,
    delta: &'a MarketDelta,
    settings: &'a ExchangeSettings,
}

/// Where the exchange says what happened to the orders of one market.
struct Report<'a> {
    market: &'a MarketId,
    at: TimeMs,
    out: &'a mut Vec<VenueEvent>,
}

impl Report<'_> {
    fn say(&mut self, order: OrderId, change: OrderChange) {
        self.out.push(VenueEvent::Order(OrderEvent {
            market: self.market.clone(),
            order,
            at: self.at,
            change,
        }));
    }

    fn reject(&mut self, order: OrderId, reason: VenueReason) {
        self.say(order, OrderChange::Rejected { reason });
    }
}

#[cfg(test)]
mod tests;
