//! Keeps the door while a host is LIVE: what may leave, which strategies may bet, and when it shuts.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::inbox;
use super::preflight::Preflight;
use super::token::Armed;
use crate::config::Live;
use crate::engine::TradingState;
use crate::ledger::Approval;
use crate::live::switch::{Position, Switch};
use crate::market::{Instruction, Ratio, TimeMs};

/// Proof that everything LIVE asks for was there. Only a green preflight gives it, and only with it orders are taken to a
/// venue.
#[derive(Debug)]
pub struct Admitted(Ratio);

impl Admitted {
    /// The part of the configured limits that holds.
    #[must_use]
    pub const fn limits_ratio(&self) -> Ratio {
        self.0
    }
}

impl Preflight {
    /// The proof, if all is green.
    ///
    /// # Errors
    /// Itself, with what is missing.
    pub fn admit(self) -> Result<Admitted, Box<Self>> {
        match self.green {
            true => Ok(Admitted(self.limits_ratio)),
            false => Err(Box::new(self)),
        }
    }
}

/// Stands at the door. Its clones are one.
#[derive(Clone, Debug)]
pub struct Doorkeeper {
    switch: Switch,
    arm_file: PathBuf,
    approvals_file: PathBuf,
    clock: fn() -> TimeMs,
    shut: Arc<AtomicBool>,
    left: Arc<AtomicBool>,
    /// The engine knows that only what lowers the risk may be bet: the token does not have to say so again.
    reducing: Arc<AtomicBool>,
}

impl Doorkeeper {
    /// For a host that was let through.
    #[must_use]
    pub fn new(_proof: &Admitted, settings: &Live, switch: Switch, clock: fn() -> TimeMs) -> Self {
        Self {
            switch,
            arm_file: settings.arm_file.clone(),
            approvals_file: settings.approvals_file.clone(),
            clock,
            shut: Arc::default(),
            left: Arc::default(),
            reducing: Arc::default(),
        }
    }

    /// The mode is not LIVE any more: nothing leaves from now on.
    pub fn shut(&self) {
        self.shut.store(true, Ordering::SeqCst);
    }

    /// The session is over because of that.
    pub fn leave(&self) {
        self.left.store(true, Ordering::SeqCst);
    }

    /// Whether the session ended because the mode is not LIVE any more.
    #[must_use]
    pub fn has_left(&self) -> bool {
        self.left.load(Ordering::SeqCst)
    }

    /// Where betting stands: at the tightest of the switch, the token and the mode.
    #[must_use]
    pub fn position(&self) -> Position {
        let switch = self.switch.read();
        let own = self.own_position();
        if own.state > switch.state {
            own
        } else {
            switch
        }
    }

    fn own_position(&self) -> Position {
        if self.shut.load(Ordering::SeqCst) {
            return Position {
                state: TradingState::Halted,
                reason: "the mode is not LIVE any more".to_owned(),
            };
        }
        let reduce = |reason| Position {
            state: TradingState::Reduce,
            reason,
        };
        match Armed::read(&self.arm_file, (self.clock)()) {
            Armed::Yes(_) => Position {
                state: TradingState::Active,
                reason: String::new(),
            },
            Armed::RanOut(at) => reduce(format!("the arming token ran out at {at}")),
            Armed::No(why) => reduce(format!("LIVE is not armed: {why}")),
        }
    }

    /// The engine has heard of this position.
    pub fn told(&self, position: &Position) {
        let reducing = position.state == TradingState::Reduce;
        self.reducing.store(reducing, Ordering::SeqCst);
    }

    /// The last word on an order before it leaves.
    #[must_use]
    pub fn may_send(&self, order: &Instruction) -> bool {
        if self.shut.load(Ordering::SeqCst) || self.switch.read().state >= TradingState::Paused {
            return false;
        }
        match Armed::read(&self.arm_file, (self.clock)()) {
            Armed::Yes(token) => token.covers(&order.strategy),
            // What the gate lets through while it knows only lowers the risk.
            _ => self.reducing.load(Ordering::SeqCst),
        }
    }

    /// Whether the token holds for a strategy, or did until it ran out.
    #[must_use]
    pub fn covers(&self, strategy: &str) -> bool {
        match Armed::read(&self.arm_file, (self.clock)()) {
            Armed::Yes(token) => token.covers(strategy),
            _ => true,
        }
    }

    /// When the token runs out.
    #[must_use]
    pub fn armed_until(&self) -> Option<TimeMs> {
        match Armed::read(&self.arm_file, (self.clock)()) {
            Armed::Yes(token) => Some(token.until),
            Armed::RanOut(_) | Armed::No(_) => None,
        }
    }

    /// Approvals that were left for the host.
    ///
    /// # Errors
    /// If they cannot be taken.
    pub fn approvals(&self) -> std::io::Result<Vec<Result<Approval, String>>> {
        inbox::take(&self.approvals_file)
    }
}

#[cfg(test)]
mod tests {
    use super::super::token::Token;
    use super::*;
    use crate::market::{MarketId, Money, OrderId, OrderKind, Persistence, Price, RunnerId, Side};

    fn clock() -> TimeMs {
        TimeMs(1_500)
    }

    fn order(strategy: &str) -> Instruction {
        Instruction {
            id: OrderId::from_bits(1),
            strategy: strategy.into(),
            market: MarketId::new("1.1"),
            runner: RunnerId {
                selection: 1,
                handicap: 0,
            },
            side: Side::Back,
            kind: OrderKind::Limit {
                price: Price::from_hundredths(200),
                size: Money::from_major(2),
                persistence: Persistence::Lapse,
                fill_or_kill: None,
            },
            book: None,
        }
    }

    #[test]
    fn whatever_shuts_the_door_shuts_it() {
        let folder = tempfile::tempdir().unwrap();
        let settings = Live {
            arm_file: folder.path().join("ARMED"),
            ..Live::default()
        };
        let switch = Switch::new(&folder.path().join("KILL"));
        let keeper = Doorkeeper::new(&Admitted(Ratio::ONE), &settings, switch.clone(), clock);
        assert_eq!(keeper.position().state, TradingState::Reduce);
        assert!(!keeper.may_send(&order("fav")), "not armed");
        let token = Token {
            from: TimeMs(0),
            until: TimeMs(2_000),
            strategies: vec!["fav".to_owned()],
            by: "ann".to_owned(),
            reason: "drill".to_owned(),
        };
        token.write(&settings.arm_file).unwrap();
        assert_eq!(keeper.position().state, TradingState::Active);
        assert!(keeper.may_send(&order("fav")));
        assert!(!keeper.may_send(&order("other")), "not armed for it");
        assert_eq!(keeper.armed_until(), Some(TimeMs(2_000)));

        let over = Token {
            until: TimeMs(1_400),
            ..token
        };
        over.write(&settings.arm_file).unwrap();
        assert!(
            !keeper.may_send(&order("fav")),
            "the engine does not know yet"
        );
        let position = keeper.position();
        assert_eq!(position.state, TradingState::Reduce);
        keeper.told(&position);
        assert!(
            keeper.may_send(&order("fav")),
            "the gate lets only less risk through"
        );

        switch
            .restrain(TradingState::Halted, "drill", "test", TimeMs(1))
            .unwrap();
        assert_eq!(keeper.position().state, TradingState::Halted);
        assert!(!keeper.may_send(&order("fav")));
        switch.release_for("over", "test").unwrap();
        keeper.shut();
        assert_eq!(keeper.position().state, TradingState::Halted);
        assert!(!keeper.may_send(&order("fav")));
    }
}
