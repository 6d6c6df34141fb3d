//! One session: a desk with its strategies, its gate and the simulated exchange, fed with messages.

use crate::engine::{Command, Desk, DeskError, Engine, Journal, Notice, Sending, Slot, Strategy};
use crate::exchange::{Exchange, ExchangeSettings};
use crate::market::{Books, Currency, Instruction, MarketDelta, Money, TimeMs};
use crate::risk::{RiskGate, RiskLimits};

/// What every session of a run starts from.
#[derive(Clone, Debug)]
pub struct Setup {
    /// What the operator permits.
    pub limits: RiskLimits,
    /// How the simulated exchange treats orders.
    pub exchange: ExchangeSettings,
    /// What each strategy starts with.
    pub bank: Money,
    /// The currency of every amount.
    pub currency: Currency,
}

/// A session over one recording or feed.
pub struct Session<J> {
    desk: Desk<RiskGate, Exchange, J>,
    waiting: Vec<Box<dyn Strategy>>,
    now: TimeMs,
}

impl<J: Journal> Session<J> {
    /// A session that is about to begin. `ordinal` tells the sessions of a run apart.
    pub fn new(
        setup: &Setup,
        ordinal: u32,
        strategies: Vec<Box<dyn Strategy>>,
        journal: J,
    ) -> Self {
        let gate = RiskGate::new(setup.limits.clone());
        let engine = Engine::new(gate, u64::from(ordinal), setup.bank);
        let exchange = Exchange::new(setup.exchange.clone());
        Self {
            desk: Desk::new(engine, exchange, journal),
            waiting: strategies,
            now: TimeMs::default(),
        }
    }

    /// Comes to this time, that of the message about to be handled. At the first one the strategies are loaded.
    ///
    /// # Errors
    /// If the journal fails.
    pub fn begin(&mut self, now: TimeMs) -> Result<(), DeskError> {
        self.now = now;
        for strategy in self.waiting.drain(..) {
            self.desk.load(now, strategy)?;
        }
        Ok(())
    }

    /// Handles one message. Its publish time is the session's time. Strategies are loaded with the first message.
    /// `may_send` has the last word on each new order before it leaves.
    ///
    /// # Errors
    /// If the journal fails.
    pub fn take(
        &mut self,
        published_at: TimeMs,
        deltas: &[MarketDelta],
        may_send: &mut dyn FnMut(&Instruction) -> bool,
    ) -> Result<(), DeskError> {
        self.begin(published_at)?;
        for delta in deltas {
            self.desk
                .step_guarded(published_at, published_at, delta, |order| {
                    if may_send(order) {
                        Sending::Allowed
                    } else {
                        Sending::Stopped
                    }
                })?;
        }
        Ok(())
    }

    /// Swaps in the next version of a strategy, its state kept. Called between messages.
    ///
    /// # Errors
    /// If the journal fails.
    pub fn load(&mut self, strategy: Box<dyn Strategy>) -> Result<(), DeskError> {
        match self
            .waiting
            .iter_mut()
            .find(|waiting| waiting.name() == strategy.name())
        {
            Some(waiting) => *waiting = strategy,
            None => self.desk.load(self.now, strategy)?,
        }
        Ok(())
    }

    /// Obeys the operator.
    ///
    /// # Errors
    /// If the journal fails.
    pub fn operate(&mut self, command: Command) -> Result<(), DeskError> {
        self.desk.operate(self.now, command)
    }

    /// Ends the session.
    ///
    /// # Errors
    /// If the journal fails.
    pub fn finish(&mut self) -> Result<(), DeskError> {
        self.desk.finish(self.now)
    }

    /// Notices since the last call.
    pub fn notices(&mut self) -> impl Iterator<Item = Notice> + '_ {
        self.desk.notices()
    }

    /// Number of market changes handled.
    #[must_use]
    pub fn updates(&self) -> u64 {
        self.desk.updates()
    }

    /// Hash over everything recorded so far.
    #[must_use]
    pub fn trace_hash(&self) -> String {
        self.desk.trace_hash()
    }

    /// The time of the last message.
    #[must_use]
    pub fn now(&self) -> TimeMs {
        self.now
    }

    /// The books.
    #[must_use]
    pub fn books(&self) -> &Books {
        &self.desk.books
    }

    /// The strategies with all that is their own.
    #[must_use]
    pub fn slots(&self) -> &[Slot] {
        self.desk.engine.slots()
    }

    /// Markets in which orders went to bookmakers.
    #[must_use]
    pub fn bookmaker_markets(&self) -> u64 {
        self.desk.venue.bookmaker_markets()
    }

    /// Markets of which only last traded prices were known when orders came.
    #[must_use]
    pub fn basic_markets(&self) -> u64 {
        self.desk.venue.basic_markets()
    }
}
