//! What the core wants done: records to keep, requests to send, notices to give.
//!
//! A request is `Held` until a `Receipt` shows that the records made with it are durable.

use super::{FaultKind, Record};
use crate::market::{MarketId, Money, OrderId, Persistence, Price};

/// Numbers the batches of records, from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Token(u64);

/// Proof that a batch of records is durable. Only a [`super::Journal`] makes one, after its commit returned.
#[derive(Debug)]
pub struct Receipt(Token);

impl Receipt {
    /// For journals: the batch with this token is durable. Calling it earlier breaks write-ahead.
    #[must_use]
    pub const fn committed(token: Token) -> Self {
        Self(token)
    }
}

/// A request that may not leave before its records are durable.
#[derive(Debug)]
pub struct Held<P> {
    after: Token,
    request: Request<P>,
}

impl<P> Held<P> {
    /// Gives the request out against the receipt of its batch.
    ///
    /// # Panics
    /// If the receipt is of an earlier batch: that would send an order that is not recorded.
    #[must_use]
    pub fn release(self, receipt: &Receipt) -> Request<P> {
        assert!(
            receipt.0 >= self.after,
            "a request was released before its records were durable"
        );
        self.request
    }
}

/// What a venue is asked to do.
#[derive(Debug)]
pub enum Request<P> {
    /// Place an order.
    Place(P),
    /// Cancel what remains of an order, or part of it.
    Cancel {
        /// Which market.
        market: MarketId,
        /// Which order.
        order: OrderId,
        /// How much; all that remains if `None`.
        size: Option<Money>,
    },
    /// Change the persistence of an order.
    Update {
        /// Which market.
        market: MarketId,
        /// Which order.
        order: OrderId,
        /// What is to become of the rest when the market turns in play.
        persistence: Persistence,
    },
    /// Cancel what remains of an order, then place that much at the new order's price.
    Replace {
        /// Which market.
        market: MarketId,
        /// Which order goes.
        order: OrderId,
        /// The price asked for.
        price: Price,
        /// The order that comes, sized at most what remains of the old one.
        with: P,
    },
}

/// Something a person or another part of the program may want to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// A line a strategy logged.
    Log {
        /// Which strategy.
        strategy: String,
        /// Its words.
        line: String,
    },
    /// A call of a strategy failed.
    Fault {
        /// Which strategy.
        strategy: String,
        /// What it ran into.
        kind: FaultKind,
        /// What happened.
        detail: String,
        /// Whether it was stopped for good (until its next version).
        quarantined: bool,
    },
    /// Something that a person must look at.
    Alarm {
        /// What, in a word that never changes.
        code: &'static str,
        /// The facts.
        detail: String,
    },
}

/// What the core wants done after an event. Buffers are used again.
#[derive(Debug)]
pub struct Effects<P> {
    next: Token,
    /// Records to make durable, in order.
    pub records: Vec<Record>,
    /// Requests to send after that, in order.
    pub requests: Vec<Held<P>>,
    /// Notices to give.
    pub notices: Vec<Notice>,
    /// Whether the venue is to be asked for all that it has of us. A question changes nothing, so it needs no record.
    pub ask_listing: bool,
}

impl<P> Default for Effects<P> {
    fn default() -> Self {
        Self {
            next: Token(1),
            records: Vec::new(),
            requests: Vec::new(),
            notices: Vec::new(),
            ask_listing: false,
        }
    }
}

impl<P> Effects<P> {
    /// Holds a request until the present batch is durable.
    pub fn send(&mut self, request: Request<P>) {
        self.requests.push(Held {
            after: self.next,
            request,
        });
    }

    /// The token of the present batch.
    #[must_use]
    pub const fn token(&self) -> Token {
        self.next
    }

    /// Starts the next batch, keeping the memory.
    pub fn next_batch(&mut self) {
        self.next = Token(self.next.0 + 1);
        self.records.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[should_panic(expected = "before its records were durable")]
    fn a_request_does_not_leave_on_the_receipt_of_an_earlier_batch() {
        let mut effects = Effects::<()>::default();
        let early = Receipt::committed(effects.token());
        effects.next_batch();
        effects.send(Request::Place(()));
        let held = effects.requests.pop().unwrap();
        let _ = held.release(&early);
    }
}
