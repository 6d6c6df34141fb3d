//! One bet as the venue really has it, with what it was at every earlier moment.

use std::sync::Arc;

use bea::market::{
    Instruction, MarketId, Money, OrderId, OrderKind, OrderStatement, Price, RunnerId, Side,
    TimeMs, VenueReason,
};

use crate::oracle::Wager;

/// A bet at the venue.
pub(crate) struct Bet {
    pub(crate) venue_id: Arc<str>,
    /// The id it was sent with, if it is ours.
    pub(crate) id: Option<OrderId>,
    /// Which of our strategies sent it.
    pub(crate) strategy: Option<Arc<str>>,
    pub(crate) market: MarketId,
    pub(crate) runner: RunnerId,
    pub(crate) side: Side,
    pub(crate) kind: OrderKind,
    placed_at: TimeMs,
    fills: Vec<(Price, Money)>,
    /// The fills as they were before any reduction.
    original: Vec<(Price, Money)>,
    pub(crate) cancelled: Money,
    pub(crate) lapsed: Money,
    pub(crate) voided: Money,
    history: Vec<(i64, OrderStatement)>,
    /// Only listings show it, until one has.
    pub(crate) hidden: bool,
    /// The last listing did not hold it, though it stood.
    pub(crate) missed: bool,
}

impl Bet {
    pub(crate) fn new(
        venue_id: Arc<str>,
        ours: Option<(OrderId, Arc<str>)>,
        new: &Instruction,
        now: i64,
    ) -> Self {
        let (id, strategy) = ours.unzip();
        Self {
            venue_id,
            id,
            strategy,
            market: new.market.clone(),
            runner: new.runner,
            side: new.side,
            kind: new.kind,
            placed_at: TimeMs(now),
            fills: Vec::new(),
            original: Vec::new(),
            cancelled: Money::ZERO,
            lapsed: Money::ZERO,
            voided: Money::ZERO,
            history: Vec::new(),
            hidden: false,
            missed: false,
        }
    }

    pub(crate) fn matched(&self) -> Money {
        self.fills.iter().map(|(_, size)| *size).sum()
    }

    pub(crate) fn matched_value(&self) -> i128 {
        let value =
            |(price, size): &(Price, Money)| i128::from(price.nanos()) * i128::from(size.minor());
        self.fills.iter().map(value).sum()
    }

    /// Size of a limit bet that is neither matched nor gone.
    pub(crate) fn remaining(&self) -> Money {
        let gone = self.matched() + self.cancelled + self.lapsed + self.voided;
        self.kind.size().map_or(Money::ZERO, |size| size - gone)
    }

    /// Whether something of it can still be matched.
    pub(crate) fn is_working(&self) -> bool {
        match self.kind {
            OrderKind::Limit { .. } => self.remaining().is_positive(),
            _ => self.matched() + self.lapsed + self.voided == Money::ZERO,
        }
    }

    /// Whether it can still be matched, or settled with a result: of others nothing need be known after a restart.
    pub(crate) fn matters(&self) -> bool {
        self.is_working() || self.matched().is_positive()
    }

    pub(crate) fn fill(&mut self, price: Price, size: Money) {
        assert!(
            self.kind.size().is_none() || size <= self.remaining(),
            "the simulated venue overfills"
        );
        self.fills.push((price, size));
        self.original.push((price, size));
    }

    /// The starting price is known: an order for it is matched whole, or lapses.
    pub(crate) fn start(&mut self, price: Price) {
        let (liability, taken) = match (self.kind, self.side) {
            (
                OrderKind::LimitOnClose {
                    price: limit,
                    liability,
                },
                Side::Back,
            ) => (liability, price >= limit),
            (
                OrderKind::LimitOnClose {
                    price: limit,
                    liability,
                },
                Side::Lay,
            ) => (liability, price <= limit),
            (OrderKind::MarketOnClose { liability }, _) => (liability, true),
            (OrderKind::Limit { .. }, _) => return,
        };
        let size = match self.side {
            Side::Back => liability.minor(),
            // Rounded down: it never loses more than it named.
            Side::Lay => {
                let odds = i128::from(price.minus_one());
                (i128::from(liability.minor()) * i128::from(Price::SCALE) / odds) as i64
            }
        };
        if taken && size > 0 {
            self.fill(price, Money::from_minor(size));
        } else {
            self.lapsed = liability;
        }
    }

    /// What is not matched goes; whether anything was left.
    pub(crate) fn lapse(&mut self) -> bool {
        if !self.is_working() {
            return false;
        }
        self.lapsed += match self.kind {
            OrderKind::Limit { .. } => self.remaining(),
            on_close => on_close.at_risk(self.side),
        };
        true
    }

    /// Its runner was withdrawn: void, matched or not; whether that changes anything.
    pub(crate) fn annul(&mut self) -> bool {
        if self.kind.size().is_none() && self.matched() == Money::ZERO {
            return self.lapse();
        }
        let void = self.matched() + self.remaining();
        self.voided += void;
        self.fills.clear();
        self.original.clear();
        void.is_positive()
    }

    /// Another runner was withdrawn: what is matched stands at lower prices.
    pub(crate) fn reduce(&mut self, reduced: impl Fn(Price) -> Price) -> bool {
        let before = self.matched_value();
        for (price, _) in &mut self.fills {
            *price = reduced(*price);
        }
        self.matched_value() != before
    }

    /// What it could still win and lose; with the prices before any reduction, if asked so.
    pub(crate) fn wager(&self, original: bool) -> Wager {
        let open = match self.kind {
            OrderKind::Limit { .. } => self.remaining(),
            on_close => on_close.at_risk(self.side),
        };
        Wager {
            runner: self.runner,
            side: self.side,
            fills: if original {
                &self.original
            } else {
                &self.fills
            }
            .clone(),
            open: self.is_working().then_some((self.kind, open)),
        }
    }

    pub(crate) fn statement(&self) -> OrderStatement {
        OrderStatement {
            market: self.market.clone(),
            order: self.id,
            venue_id: Arc::clone(&self.venue_id),
            runner: self.runner,
            side: self.side,
            kind: self.kind,
            placed_at: self.placed_at,
            matched: self.matched(),
            matched_value: self.matched_value(),
            cancelled: self.cancelled,
            lapsed: self.lapsed,
            lapse_reason: VenueReason::NotSaid,
            voided: self.voided,
            is_complete: !self.is_working(),
        }
    }

    /// Keeps what it is now, for questions about the past.
    pub(crate) fn remember(&mut self, now: i64) -> OrderStatement {
        let statement = self.statement();
        self.history.push((now, statement.clone()));
        statement
    }

    /// What it was at a moment; nothing before it was taken.
    pub(crate) fn as_of(&self, moment: i64) -> Option<OrderStatement> {
        let known = self.history.iter().rev().find(|(at, _)| *at <= moment);
        known.map(|(_, statement)| statement.clone())
    }
}
