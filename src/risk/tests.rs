//! Each control refuses with its code, the value and the limit; an order within all limits passes.

use super::*;
use crate::engine::testing::{definition, limit, market_with, order};
use crate::engine::{Account, Holding, ReasonCode};
use crate::market::{
    BookName, Books, Market, MarketDelta, MarketStatus, Money, OrderId, OrderKind, Persistence,
    Place, Price, Quote, QuoteChange, RunnerStatus, Side,
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

fn updated(to: Persistence, change: impl FnOnce(&mut Case)) -> String {
    let mut case = case();
    case.place.kind = case.place.kind.with_persistence(to);
    change(&mut case);
    let standing = order(1, 1, Side::Back, 300, 1_000);
    let ask = Ask {
        now: case.now,
        id: OrderId::from_bits(9),
        strategy: &Arc::from("test"),
        place: &case.place,
        market: &case.market,
        holding: &Holding::from_orders(vec![standing]),
        account: &case.account,
        replaces: Some(OrderId::from_bits(1)),
        halted: case.halted,
    };
    let refusal = RiskGate::new(case.limits.clone()).check_update(&ask).err();
    refusal.map_or_else(|| "passed".to_owned(), |refusal| refusal.to_string())
}

#[test]
fn an_order_may_live_on_only_as_far_as_a_new_one_might() {
    use Persistence::{Lapse, MarketOnClose, Persist};
    assert_eq!(
        updated(Persist, |_| {}),
        "MARKET_IN_PLAY (value PERSIST, limit allow_in_play = false)"
    );
    assert_eq!(
        updated(Persist, |c| c.limits.allow_in_play = true),
        "passed"
    );
    assert_eq!(updated(MarketOnClose, |_| {}), "passed");
    assert_eq!(
        updated(MarketOnClose, |c| c.halted = true),
        "KILL_SWITCH_ON (value -, limit -)"
    );
    assert_eq!(
        updated(MarketOnClose, |c| c.now = TimeMs(5_001)),
        "SNAPSHOT_STALE (value 5001 ms, limit 5000 ms)"
    );
    assert_eq!(
        updated(Lapse, |c| c.halted = true),
        "passed",
        "to risk less is never refused"
    );
}

#[test]
fn what_is_left_of_an_order_may_be_moved_however_small_it_is() {
    let mut case = case();
    case.place = limit(1, Side::Back, 300, 50);
    assert_eq!(
        case.refusal().as_deref(),
        Some("STAKE_TOO_SMALL (value 0.50, limit 1.00)")
    );
    let standing = order(1, 1, Side::Back, 400, 50);
    let check = |replaces| {
        RiskGate::new(case.limits.clone())
            .check(&Ask {
                now: case.now,
                id: OrderId::from_bits(9),
                strategy: &Arc::from("test"),
                place: &case.place,
                market: &case.market,
                holding: &Holding::from_orders(vec![standing.clone()]),
                account: &case.account,
                replaces,
                halted: false,
            })
            .is_ok()
    };
    assert!(check(Some(OrderId::from_bits(1))));
    assert!(!check(None));
}

fn quoted(case: &mut Case, books: &[&str]) {
    let mut delta = MarketDelta::new(case.market.id.clone());
    delta.definition = Some(Arc::clone(&case.market.definition));
    for book in books {
        let quote = Quote {
            book: BookName::new(book),
            price: Price::from_hundredths(307),
            limit: None,
            updated_at: TimeMs(0),
        };
        let change = QuoteChange::Offers(quote);
        delta.quotes.push((case.place.runner, change));
    }
    let mut books = Books::default();
    let at = books.apply(TimeMs(0), &delta).expect("it is defined");
    case.market = Market::clone(books.get(at));
}

#[test]
fn a_bookmaker_must_be_known_and_takes_backs_at_any_price() {
    let with = |c: &mut Case, book: &str, side, hundredths| {
        quoted(c, &["a", "b"]);
        c.place = Place {
            book: Some(BookName::new(book)),
            ..limit(1, side, hundredths, 1_000)
        };
    };
    assert_eq!(refused(|c| with(c, "a", Side::Back, 307)), "passed");
    assert_eq!(
        refused(|c| with(c, "x", Side::Back, 307)),
        "BOOK_UNKNOWN (value x, limit a, b)"
    );
    assert_eq!(
        refused(|c| with(c, "a", Side::Lay, 307)),
        "BOOK_TERMS (value LAY LIMIT, limit BACK LIMIT)"
    );
    assert_eq!(
        refused(|c| {
            quoted(c, &["a"]);
            c.place = limit(2, Side::Back, 300, 1_000);
        }),
        "BOOK_UNKNOWN (value 2, limit -)",
        "nobody quotes on runner 2, and there is no exchange"
    );
}

#[test]
fn an_update_that_could_lose_more_is_held_to_the_limits() {
    // Each-way, a fifth of the odds: of two lays of 20.00 at 2.0 one may be on the winner and cost 24.00, the other on a
    // placed runner. That one breaks even at 2.0; carried to the starting price it may cost 4.00.
    let updated = |most: i64| {
        let mut case = case();
        case.market = market_with(6, 3);
        let mut each_way = definition(6, 3);
        each_way.market_type = "EACH_WAY".into();
        each_way.each_way_divisor = Some(500);
        case.market.definition = Arc::new(each_way);
        case.limits.max_market_exposure = Money::from_major(most);
        case.place = limit(2, Side::Lay, 200, 2_000);
        case.place.kind = case.place.kind.with_persistence(Persistence::MarketOnClose);
        let orders = vec![
            order(1, 1, Side::Lay, 200, 2_000),
            order(2, 2, Side::Lay, 200, 2_000),
        ];
        let ask = Ask {
            now: case.now,
            id: OrderId::from_bits(9),
            strategy: &Arc::from("test"),
            place: &case.place,
            market: &case.market,
            holding: &Holding::from_orders(orders),
            account: &case.account,
            replaces: Some(OrderId::from_bits(2)),
            halted: false,
        };
        let refusal = RiskGate::new(case.limits.clone()).check_update(&ask).err();
        refusal.map(|refusal| refusal.to_string())
    };
    assert_eq!(
        updated(27).as_deref(),
        Some("EXPOSURE_MARKET (value 28.00, limit 27.00)")
    );
    assert_eq!(updated(28), None);
}
