//! Each control refuses with its code, the value and the limit; an order within all limits passes.

use super::*;
use crate::engine::testing::{definition, limit, market_with, order};
use crate::engine::{Account, Holding, ReasonCode};
use crate::market::{
    Market, MarketStatus, Money, OrderId, OrderKind, Persistence, Place, Price, RunnerStatus, Side,
};

/// An order and the world it is judged in. The order as built passes the default limits.
struct Case {
    market: Market,
    place: Place,
    account: Account,
    limits: RiskLimits,
    now: TimeMs,
    halted: bool,
}

fn case() -> Case {
    Case {
        market: market_with(3, 1),
        place: limit(1, Side::Back, 300, 1_000),
        account: Account::new(Money::from_major(1_000)),
        limits: RiskLimits::default(),
        now: TimeMs(0),
        halted: false,
    }
}

impl Case {
    fn check_with(&self, gate: &mut RiskGate) -> Result<Approved, Refusal> {
        gate.check(&Ask {
            now: self.now,
            id: OrderId::from_bits(9),
            strategy: &Arc::from("test"),
            place: &self.place,
            market: &self.market,
            holding: &Holding::default(),
            account: &self.account,
            replaces: None,
            halted: self.halted,
        })
    }

    fn refusal(&self) -> Option<String> {
        self.check_with(&mut RiskGate::new(self.limits.clone()))
            .err()
            .map(|refusal| refusal.to_string())
    }
}

/// Changes one thing about a good order and tells what the gate said.
fn refused(change: impl FnOnce(&mut Case)) -> String {
    let mut case = case();
    change(&mut case);
    case.refusal().unwrap_or_else(|| "passed".to_owned())
}

fn define(case: &mut Case, change: impl FnOnce(&mut crate::market::MarketDefinition)) {
    let mut new = definition(3, 1);
    change(&mut new);
    case.market.definition = Arc::new(new);
}

#[test]
fn an_order_within_all_limits_passes() {
    assert_eq!(case().refusal(), None);
}

#[test]
fn every_control_names_its_code_the_value_and_the_limit() {
    let pounds = Money::from_major;
    let table = [
        (
            "KILL_SWITCH_ON (value -, limit -)",
            refused(|c| c.halted = true),
        ),
        (
            "MARKET_NOT_OPEN (value SUSPENDED, limit OPEN)",
            refused(|c| define(c, |m| m.status = MarketStatus::Suspended)),
        ),
        (
            "MARKET_IN_PLAY (value in play, limit allow_in_play = false)",
            refused(|c| define(c, |m| m.in_play = true)),
        ),
        (
            "MARKET_IN_PLAY (value PERSIST, limit allow_in_play = false)",
            refused(|c| {
                if let OrderKind::Limit { persistence, .. } = &mut c.place.kind {
                    *persistence = Persistence::Persist;
                }
            }),
        ),
        (
            "SNAPSHOT_STALE (value 5001 ms, limit 5000 ms)",
            refused(|c| c.now = TimeMs(5_001)),
        ),
        (
            "RUNNER_UNKNOWN (value 7, limit 1.1)",
            refused(|c| c.place = limit(7, Side::Back, 300, 1_000)),
        ),
        (
            "RUNNER_NOT_ACTIVE (value REMOVED, limit ACTIVE)",
            refused(|c| c.market.runners[0].status = RunnerStatus::Removed),
        ),
        (
            "PRICE_OFF_LADDER (value 3.01, limit 3)",
            refused(|c| c.place = limit(1, Side::Back, 301, 1_000)),
        ),
        (
            "PRICE_TOO_LOW (value 1.1, limit 1.5)",
            refused(|c| {
                c.limits.min_price = Price::from_hundredths(150);
                c.place = limit(1, Side::Back, 110, 1_000);
            }),
        ),
        (
            "PRICE_TOO_HIGH (value 110, limit 100)",
            refused(|c| c.place = limit(1, Side::Lay, 11_000, 100)),
        ),
        (
            "STAKE_TOO_SMALL (value 0.50, limit 1.00)",
            refused(|c| c.place = limit(1, Side::Back, 300, 50)),
        ),
        (
            "STAKE_TOO_LARGE (value 100.01, limit 100.00)",
            refused(|c| c.place = limit(1, Side::Back, 300, 10_001)),
        ),
        (
            "STAKE_OVER_BANKROLL_SHARE (value 50.01, limit 50.00)",
            refused(|c| c.place = limit(1, Side::Back, 300, 5_001)),
        ),
        (
            "LIABILITY_TOO_LARGE (value 588.00, limit 500.00)",
            refused(|c| c.place = limit(1, Side::Lay, 5_000, 1_200)),
        ),
        (
            "ORDERS_TOO_MANY (value 51, limit 50)",
            refused(|c| c.account.open_orders = 50),
        ),
        (
            "EXPOSURE_RUNNER (value 220.00, limit 200.00)",
            refused(|c| c.place = limit(1, Side::Lay, 1_200, 2_000)),
        ),
        (
            "EXPOSURE_MARKET (value 10.00, limit 9.00)",
            refused(|c| c.limits.max_market_exposure = pounds(9)),
        ),
        (
            "EXPOSURE_STRATEGY (value 1010.00, limit 1000.00)",
            refused(|c| c.account.at_risk = pounds(1_000)),
        ),
        (
            "LOSS_DAILY (value 1005.00, limit 1000.00)",
            refused(|c| c.account.realised_today = pounds(-995)),
        ),
        (
            "BANKROLL_EXHAUSTED (value 260.00, limit 250.00)",
            refused(|c| {
                c.account.start = pounds(250);
                c.account.at_risk = pounds(250);
            }),
        ),
    ];
    for (expected, got) in &table {
        assert_eq!(got, expected);
    }
}

#[test]
fn what_is_over_the_rate_is_refused_until_a_minute_has_passed() {
    let mut case = case();
    case.limits.max_orders_per_minute = 2;
    let mut gate = RiskGate::new(case.limits.clone());
    let mut code = |at| {
        case.now = TimeMs(at);
        case.market.published_at = case.now;
        case.check_with(&mut gate).err().map(|refusal| refusal.code)
    };
    assert_eq!(
        [code(0), code(1_000), code(2_000)],
        [None, None, Some(ReasonCode::OrdersTooFast)]
    );
    assert_eq!(
        [code(59_999), code(60_000)],
        [Some(ReasonCode::OrdersTooFast), None]
    );
}

#[test]
fn one_order_on_a_runner_at_a_time_but_a_replacement_makes_room() {
    let case = case();
    let mut holding = Holding::default();
    holding.add(order(1, 1, Side::Back, 400, 1_000));
    let ask = |replaces, holding: &Holding| {
        let mut gate = RiskGate::new(RiskLimits::default());
        let strategy = Arc::from("test");
        let ask = Ask {
            now: case.now,
            id: OrderId::from_bits(9),
            strategy: &strategy,
            place: &case.place,
            market: &case.market,
            holding,
            account: &case.account,
            replaces,
            halted: false,
        };
        gate.check(&ask).err().map(|refusal| refusal.code)
    };
    assert_eq!(ask(None, &holding), Some(ReasonCode::OrdersTooManyOnRunner));
    assert_eq!(ask(Some(OrderId::from_bits(1)), &holding), None);
}

impl Case {
    /// The refusal, with what would have let the order pass.
    fn remedy(&self) -> Option<Remedy> {
        let mut gate = RiskGate::new(self.limits.clone());
        let (strategy, holding) = (Arc::from("test"), Holding::default());
        let ask = Ask {
            now: self.now,
            id: OrderId::from_bits(9),
            strategy: &strategy,
            place: &self.place,
            market: &self.market,
            holding: &holding,
            account: &self.account,
            replaces: None,
            halted: self.halted,
        };
        let refusal = gate.check(&ask).err()?;
        gate.remedy(&ask, &refusal)
    }
}

#[test]
fn a_price_off_the_ladder_passes_at_the_nearest_and_a_halt_has_no_remedy() {
    let mut case = case();
    case.place = limit(1, Side::Back, 301, 1_000);
    assert_eq!(
        case.remedy().unwrap().to_string(),
        "price 3 instead of 3.01"
    );
    case.halted = true;
    assert_eq!(case.remedy(), None);
}

#[test]
fn what_is_over_the_rate_passes_after_the_wait_it_is_told() {
    let mut case = case();
    case.limits.max_orders_per_minute = 1;
    let mut gate = RiskGate::new(case.limits.clone());
    case.check_with(&mut gate).unwrap();
    case.now = TimeMs(59_200);
    case.market.published_at = case.now;
    let refusal = case.check_with(&mut gate).unwrap_err();
    let (strategy, holding) = (Arc::from("test"), Holding::default());
    let ask = Ask {
        now: case.now,
        id: OrderId::from_bits(9),
        strategy: &strategy,
        place: &case.place,
        market: &case.market,
        holding: &holding,
        account: &case.account,
        replaces: None,
        halted: false,
    };
    assert_eq!(gate.remedy(&ask, &refusal), Some(Remedy::Wait(800)));
    case.now = TimeMs(60_000);
    case.market.published_at = case.now;
    assert!(case.check_with(&mut gate).is_ok());
}

proptest::proptest! {
    /// Whatever limit an order meets: with the stake named it passes, and with a penny more it does not.
    #[test]
    fn a_stake_named_as_remedy_is_the_largest_that_passes(
        price in 2u64..20,
        stake in 200i64..200_000,
        most in 200i64..50_000,
        exposure in 200i64..50_000,
        is_lay: bool,
    ) {
        let side = if is_lay { Side::Lay } else { Side::Back };
        let with = |minor| {
            let mut case = case();
            case.limits.max_stake = Money::from_minor(most);
            case.limits.max_market_exposure = Money::from_minor(exposure);
            case.place = limit(1, side, price * 100, minor);
            case
        };
        if let Some(remedy) = with(stake).remedy() {
            let Remedy::Stake { from, to } = remedy else {
                panic!("{remedy} is no stake");
            };
            proptest::prop_assert_eq!(from, Money::from_minor(stake));
            proptest::prop_assert_eq!(with(to.minor()).refusal(), None);
            proptest::prop_assert!(with(to.minor() + 1).refusal().is_some());
        }
    }
}
