//! Each control refuses with its code, the value and the limit; an order within all limits passes.

use super::*;
use crate::engine::testing::{definition, limit, market_with, order};
use crate::engine::{Account, Holding, House, ReasonCode, TradingState};
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
    house: House,
}

fn case() -> Case {
    Case {
        market: market_with(3, 1),
        place: limit(1, Side::Back, 300, 1_000),
        account: Account::new(Money::from_major(1_000)),
        limits: RiskLimits::default(),
        now: TimeMs(0),
        house: house(),
    }
}

/// A house whose venue is ready.
fn house() -> House {
    let mut house = House::default();
    house.unready = None;
    house
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
            house: &self.house,
            fills: &VecDeque::new(),
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
            refused(|c| c.house.state = TradingState::Halted),
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
            refused(|c| c.account.burden.open_orders = 50),
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
            refused(|c| c.account.burden.at_risk = pounds(1_000)),
        ),
        (
            "LOSS_DAILY (value 1005.00, limit 1000.00)",
            refused(|c| c.account.realised_today = pounds(-995)),
        ),
        (
            "BANKROLL_EXHAUSTED (value 260.00, limit 250.00)",
            refused(|c| {
                c.account.start = pounds(250);
                c.account.burden.at_risk = pounds(250);
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
            house: &house(),
            fills: &VecDeque::new(),
        };
        gate.check(&ask).err().map(|refusal| refusal.code)
    };
    assert_eq!(ask(None, &holding), Some(ReasonCode::OrdersTooManyOnRunner));
    assert_eq!(ask(Some(OrderId::from_bits(1)), &holding), None);
}
