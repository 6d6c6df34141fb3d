//! Each control refuses with its code, the value and the limit; an order within all limits passes.

mod sums;

use super::*;
use crate::engine::testing::{defined, definition, house, levels, limit, market_with, order};
use crate::engine::{Account, Fence, Funds, Holding, House, ReasonCode, TradingState, Unready};
use crate::market::{
    BookName, Books, LadderKind, Market, MarketDelta, MarketId, MarketStatus, Money, Order,
    OrderId, OrderKind, OrderState, Persistence, Place, Price, Quote, QuoteChange, Ratio, RunnerId,
    RunnerStatus, Side,
};

/// An order and the world it is judged in. The order as built passes the default limits.
struct Case {
    market: Market,
    place: Place,
    account: Account,
    limits: RiskLimits,
    now: TimeMs,
    house: House,
    holding: Holding,
    fills: VecDeque<TimeMs>,
}

fn case() -> Case {
    Case {
        market: market_with(3, 1),
        place: limit(1, Side::Back, 300, 1_000),
        account: Account::new(Money::from_major(1_000)),
        limits: RiskLimits::default(),
        now: TimeMs(0),
        house: house(Money::ZERO),
        holding: Holding::default(),
        fills: VecDeque::new(),
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
            holding: &self.holding,
            account: &self.account,
            replaces: None,
            house: &self.house,
            fills: &self.fills,
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
            "SNAPSHOT_STALE (value -5001 ms, limit 5000 ms)",
            refused(|c| c.now = TimeMs(-5_001)),
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

/// An order of the case's strategy on its runner, as it ended.
fn ended(side: Side, at: i64) -> Order {
    let mut order = order(1, 1, side, 300, 1_000);
    order.state = OrderState::Complete;
    order.lapsed = Money::from_major(10);
    order.ended_at = Some(TimeMs(at));
    order
}

fn seen(case: &mut Case, change: impl FnOnce(&mut Books)) {
    let mut books = Books::default();
    books.apply(TimeMs(0), &defined(definition(3, 1)));
    change(&mut books);
    let at = books.find(&case.market.id).unwrap();
    case.market = Market::clone(books.get(at));
}

#[test]
fn every_control_of_conduct_names_its_code_the_value_and_the_limit() {
    let pounds = Money::from_major;
    let offers = |changes: &'static [(LadderKind, u64, i64)]| {
        move |books: &mut Books| {
            books.apply(TimeMs(0), &levels(1, changes));
        }
    };
    let traded = |hundredths| {
        move |books: &mut Books| {
            books.apply(TimeMs(0), &levels(1, &[(LadderKind::Back, 300, 10)]));
            let mut delta = MarketDelta::new(MarketId::new("1.1"));
            delta.push_runner(RunnerId::new(1)).last_traded =
                Some(Price::from_hundredths(hundredths));
            books.apply(TimeMs(0), &delta);
        }
    };
    let table = [
        (
            "TRADING_PAUSED (value PAUSED, limit ACTIVE)",
            refused(|c| c.house.state = TradingState::Paused),
        ),
        (
            "TRADING_REDUCE_ONLY (value REDUCE, limit ACTIVE)",
            refused(|c| c.house.state = TradingState::Reduce),
        ),
        (
            "VENUE_NOT_READY (value DEAF, limit READY)",
            refused(|c| c.house.unready = Some(Unready::Deaf)),
        ),
        (
            "HEALTH_FENCE (value CLOCK_SKEW: 3 s, limit -)",
            refused(|c| {
                c.house.fences.insert(Fence::ClockSkew, "3 s".to_owned());
            }),
        ),
        (
            "ORDER_IN_DOUBT (value 00000000000000000000000001, limit -)",
            refused(|c| {
                let mut lost = order(1, 1, Side::Back, 300, 1_000);
                lost.state = OrderState::Unknown;
                c.holding = Holding::from_orders(vec![lost]);
            }),
        ),
        (
            "MARKET_KIND_UNKNOWN (value Odds EACH_WAY, limit -)",
            refused(|c| define(c, |m| m.market_type = "EACH_WAY".into())),
        ),
        (
            "MARKET_NOT_ALLOWED (value horse_racing, limit football)",
            refused(|c| c.limits.allowed_sports = vec!["football".into()]),
        ),
        (
            "passed",
            refused(|c| c.limits.allowed_sports = vec!["Horse_Racing".into()]),
        ),
        (
            "MARKET_NOT_ALLOWED (value WIN, limit PLACE)",
            refused(|c| c.limits.allowed_market_types = vec!["PLACE".into()]),
        ),
        (
            "MARKET_NOT_ALLOWED (value GB, limit IE, FR)",
            refused(|c| c.limits.allowed_countries = vec!["IE".into(), "FR".into()]),
        ),
        (
            "START_TOO_CLOSE (value 600000 ms, limit 601000 ms)",
            refused(|c| c.limits.min_seconds_to_start = 601),
        ),
        (
            "PRICE_THROUGH_BOOK (value 60, limit 50)",
            refused(|c| seen(c, offers(&[(LadderKind::Back, 1_000, 10)]))),
        ),
        (
            "PRICE_TOO_GOOD (value 101, limit 100)",
            refused(|c| seen(c, traded(149))),
        ),
        (
            "BET_TOO_SOON (value 4000 ms, limit 5000 ms)",
            refused(|c| {
                c.limits.same_bet_cooldown_ms = 5_000;
                c.holding = Holding::from_orders(vec![ended(Side::Back, -4_000)]);
            }),
        ),
        (
            "passed",
            refused(|c| {
                c.limits.same_bet_cooldown_ms = 5_000;
                c.holding = Holding::from_orders(vec![ended(Side::Lay, -4_000)]);
            }),
        ),
        (
            "ORDERS_TOO_MANY_IN_MARKET (value 2, limit 1)",
            refused(|c| {
                c.limits.max_orders_per_market = 1;
                c.holding = Holding::from_orders(vec![ended(Side::Back, -4_000)]);
            }),
        ),
        (
            "FILLS_TOO_FAST (value 3, limit 2)",
            refused(|c| {
                c.limits.max_fills_per_minute = 2;
                c.fills = [-60_000, -59_999, -1].map(TimeMs).into();
            }),
        ),
        (
            "LOSSES_IN_A_ROW (value 100, limit 100)",
            refused(|c| c.account.losses_in_a_row = 100),
        ),
        (
            "passed",
            refused(|c| {
                c.account.losses_in_a_row = 100;
                c.account.lost_at = TimeMs(-3_600_000);
            }),
        ),
        (
            "EXPOSURE_GROSS (value 10.00, limit 9.00)",
            refused(|c| c.limits.max_gross_market_exposure = pounds(9)),
        ),
        (
            "LOSS_DRAWDOWN (value 210.00, limit 200.00)",
            refused(|c| c.account.realised = pounds(-200)),
        ),
    ];
    for (expected, got) in &table {
        assert_eq!(got, expected);
    }
}

fn funds(said_at: i64, pounds: i64) -> Funds {
    Funds {
        said_at: TimeMs(said_at),
        free: Money::from_major(pounds),
        at_risk: Money::ZERO,
    }
}

#[test]
fn every_control_of_all_strategies_names_its_code_the_value_and_the_limit() {
    let pounds = Money::from_major;
    let with = |change: fn(&mut TogetherLimits)| {
        refused(|c| {
            c.house = house(pounds(100));
            change(&mut c.limits.together);
        })
    };
    let table = [
        (
            "EXPOSURE_MARKET_ALL (value 10.00, limit 9.00)",
            with(|l| l.max_market_exposure = Money::from_major(9)),
        ),
        (
            "EXPOSURE_EVENT (value 110.00, limit 109.00)",
            with(|l| l.max_event_exposure = Money::from_major(109)),
        ),
        (
            "EXPOSURE_SPORT (value 110.00, limit 109.00)",
            with(|l| l.max_sport_exposure = Money::from_major(109)),
        ),
        (
            "EXPOSURE_VENUE (value 110.00, limit 109.00)",
            with(|l| l.max_venue_exposure = Money::from_major(109)),
        ),
        (
            "EXPOSURE_ALL (value 110.00, limit 109.00)",
            with(|l| l.max_exposure = Money::from_major(109)),
        ),
        (
            "LOSS_DAILY_ALL (value 110.00, limit 109.00)",
            with(|l| l.daily_loss_limit = Money::from_major(109)),
        ),
        (
            "STAKE_OPEN (value 10.00, limit 9.00)",
            with(|l| l.max_open_stake = Money::from_major(9)),
        ),
        (
            "ORDERS_IN_FLIGHT (value 1, limit 0)",
            with(|l| l.max_orders_in_flight = 0),
        ),
        (
            "ORDERS_TOO_FAST_ALL (value 1, limit 0)",
            with(|l| l.max_orders_per_minute = 0),
        ),
        (
            "FUNDS_SHORT (value 10.00, limit 9.00)",
            refused(|c| c.house.funds = Some(funds(0, 9))),
        ),
        (
            "FUNDS_STALE (value 120001 ms, limit 120000 ms)",
            refused(|c| c.house.funds = Some(funds(-120_001, 1_000))),
        ),
    ];
    for (expected, got) in &table {
        assert_eq!(got, expected);
    }
}

#[test]
fn a_stake_many_times_the_usual_is_refused() {
    let mut case = case();
    case.limits.max_open_orders_per_runner = 100;
    case.limits.max_stake_to_median = 5;
    let mut gate = RiskGate::new(case.limits.clone());
    case.place = limit(1, Side::Back, 300, 100);
    for _ in 0..20 {
        assert!(case.check_with(&mut gate).is_ok());
    }
    case.place = limit(1, Side::Back, 300, 501);
    let refusal = case.check_with(&mut gate).unwrap_err();
    assert_eq!(
        refusal.to_string(),
        "STAKE_UNUSUAL (value 5.01, limit 5.00)"
    );
    case.place = limit(1, Side::Back, 300, 500);
    assert!(case.check_with(&mut gate).is_ok());
}

#[test]
fn no_limit_stands_in_the_way_out() {
    // Backed 10 at 3.00; laid back at 2.90 the worst case is gone.
    let mut backed = order(1, 1, Side::Back, 300, 1_000);
    backed.state = OrderState::Complete;
    backed.matched = Money::from_major(10);
    backed.matched_value = 3_000_000_000 * 1_000;
    let mut case = case();
    case.holding = Holding::from_orders(vec![backed]);
    case.account.burden.at_risk = Money::from_major(10);
    case.place = limit(1, Side::Lay, 290, 1_000);
    case.limits.max_market_exposure = Money::from_major(1);
    case.limits.together.max_exposure = Money::ZERO;
    case.account.realised_today = Money::from_major(-5_000);
    case.account.losses_in_a_row = 100;
    case.account.burden.open_orders = 1_000;
    case.limits.max_open_orders_per_runner = 0;
    case.limits.max_stake_bankroll_ratio = Ratio::from_millionths(1).unwrap();
    case.house.state = TradingState::Reduce;
    assert_eq!(case.refusal(), None);
    // What keeps from a slip of the finger holds all the same.
    for (wrong, code) in [
        (limit(1, Side::Lay, 290, 100), ReasonCode::StakeTooSmall),
        (limit(9, Side::Lay, 290, 1_000), ReasonCode::RunnerUnknown),
    ] {
        case.place = wrong;
        case.house.state = TradingState::Active;
        case.limits.min_stake = Money::from_major(2);
        let refused = case.check_with(&mut RiskGate::new(case.limits.clone()));
        assert_eq!(refused.unwrap_err().code, code);
    }
    case.limits.max_stake = Money::from_major(5);
    case.place = limit(1, Side::Lay, 290, 1_000);
    let refused = case.check_with(&mut RiskGate::new(case.limits.clone()));
    assert_eq!(refused.unwrap_err().code, ReasonCode::StakeTooLarge);
    case.limits.max_stake = RiskLimits::default().max_stake;
    case.house.state = TradingState::Reduce;
    // But not more of it than brings it down.
    case.place = limit(1, Side::Lay, 290, 5_000);
    assert_eq!(
        case.refusal().as_deref(),
        Some("TRADING_REDUCE_ONLY (value REDUCE, limit ACTIVE)")
    );
    case.house.state = TradingState::Halted;
    case.place = limit(1, Side::Lay, 290, 1_000);
    assert_eq!(
        case.refusal().as_deref(),
        Some("KILL_SWITCH_ON (value -, limit -)")
    );
}

#[test]
fn a_restart_begins_no_rate_and_no_usual_stake_anew() {
    let mut case = case();
    case.limits.max_orders_per_minute = 2;
    case.limits.together.max_orders_per_hour = 3;
    let name: Arc<str> = "test".into();
    let at = |ms: i64| (Arc::clone(&name), TimeMs(ms));
    let pace = |times: &[i64]| Pace {
        placed: times.iter().map(|ms| at(*ms)).collect(),
        stakes: [(Arc::clone(&name), vec![Money::from_major(2); 20].into())].into(),
    };
    case.now = TimeMs(3_600_000);
    case.market.published_at = case.now;
    let mut code = |times: &[i64], pence| {
        let mut gate = RiskGate::new(case.limits.clone());
        gate.recall(pace(times));
        case.place = limit(1, Side::Back, 300, pence);
        case.check_with(&mut gate).err().map(|refusal| refusal.code)
    };
    assert_eq!(code(&[3_550_000], 200), None);
    assert_eq!(
        code(&[3_550_000, 3_550_000], 200),
        Some(ReasonCode::OrdersTooFast)
    );
    assert_eq!(
        code(&[1, 2, 3], 200),
        Some(ReasonCode::OrdersTooFastAll),
        "within the hour"
    );
    assert_eq!(code(&[0, 0, 0], 200), None, "an hour ago");
    assert_eq!(code(&[], 5_000), Some(ReasonCode::StakeUnusual));
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
            house: &house(Money::ZERO),
            fills: &VecDeque::new(),
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
        house: &case.house,
        fills: &case.fills,
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
        updated(MarketOnClose, |c| c.house.state = TradingState::Halted),
        "KILL_SWITCH_ON (value -, limit -)"
    );
    assert_eq!(
        updated(MarketOnClose, |c| c.now = TimeMs(5_001)),
        "SNAPSHOT_STALE (value 5001 ms, limit 5000 ms)"
    );
    assert_eq!(
        updated(Lapse, |c| c.house.state = TradingState::Halted),
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
                house: &house(Money::ZERO),
                fills: &VecDeque::new(),
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
            house: &house(Money::ZERO),
            fills: &VecDeque::new(),
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
            house: &self.house,
            fills: &self.fills,
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
    case.house.state = TradingState::Halted;
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
        house: &case.house,
        fills: &case.fills,
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
