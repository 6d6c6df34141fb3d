//! Whatever an order is refused for: with the change named as the remedy it passes, and with a smaller one it does not.

use proptest::prelude::*;

use super::*;
use crate::engine::testing::{defined, definition, house, levels, limit, order};
use crate::engine::{Account, Funds, House, ReasonCode, TradingState};
use crate::market::{
    Books, LadderKind, Market, MarketDelta, MarketId, OrderId, OrderKind, OrderState, Place, Price,
    Ratio, RunnerId, Side,
};

/// An order, the world it is judged in, and what was bet before.
#[derive(Clone, Debug)]
struct Case {
    now: TimeMs,
    market: Market,
    place: Place,
    account: Account,
    house: House,
    holding: Holding,
    fills: VecDeque<TimeMs>,
    limits: RiskLimits,
    pace: Pace,
}

impl Case {
    fn ask<T>(&self, ask: impl FnOnce(&mut RiskGate, &Ask<'_>) -> T) -> T {
        let mut gate = RiskGate::new(self.limits.clone());
        gate.recall(self.pace.clone());
        let strategy = Arc::from("test");
        let proposal = Ask {
            now: self.now,
            id: OrderId::from_bits(99),
            strategy: &strategy,
            place: &self.place,
            market: &self.market,
            holding: &self.holding,
            fills: &self.fills,
            account: &self.account,
            replaces: None,
            house: &self.house,
        };
        ask(&mut gate, &proposal)
    }

    fn passes(&self) -> bool {
        self.ask(|gate, ask| gate.check(ask).is_ok())
    }

    /// What it is refused for, and what would have let it pass.
    fn refused(&self) -> Option<(Refusal, Option<Remedy>)> {
        self.ask(|gate, ask| {
            let refusal = gate.check(ask).err()?;
            let remedy = gate.remedy(ask, &refusal);
            Some((refusal, remedy))
        })
    }

    fn with_stake(&self, minor: i64) -> Self {
        let mut case = self.clone();
        match &mut case.place.kind {
            OrderKind::Limit { size, .. } => *size = Money::from_minor(minor),
            OrderKind::LimitOnClose { liability, .. } | OrderKind::MarketOnClose { liability } => {
                *liability = Money::from_minor(minor);
            }
        }
        case
    }

    fn with_price(&self, to: Price) -> Self {
        let mut case = self.clone();
        if let OrderKind::Limit { price, .. } | OrderKind::LimitOnClose { price, .. } =
            &mut case.place.kind
        {
            *price = to;
        }
        case
    }

    /// The same so much later, with all that is heard as fresh as it is.
    fn after(&self, ms: i64) -> Self {
        let mut case = self.clone();
        case.now = case.now + ms;
        case.market.published_at = case.market.published_at + ms;
        if let Some(funds) = &mut case.house.funds {
            funds.said_at = funds.said_at + ms;
        }
        case
    }

    /// The same with a change that is a little smaller than the remedy, where there is one.
    fn with_less(&self, remedy: Remedy) -> Option<Self> {
        let ladder = &self.market.definition.ladder;
        match remedy {
            Remedy::Stake { from, to } if to < from => Some(self.with_stake(to.minor() + 1)),
            Remedy::Stake { to, .. } => Some(self.with_stake(to.minor() - 1)),
            Remedy::Price { from, to } => {
                let closer = ladder.step(to, if from > to { 1 } else { -1 })?;
                let is_less = (to.min(from)..=to.max(from)).contains(&closer) && closer != from;
                is_less.then(|| self.with_price(closer))
            }
            Remedy::Wait(ms) => Some(self.after(ms - 1)),
            Remedy::Persistence { .. } => None,
        }
    }

    fn with(&self, remedy: Remedy) -> Self {
        match remedy {
            Remedy::Stake { to, .. } => self.with_stake(to.minor()),
            Remedy::Price { to, .. } => self.with_price(to),
            Remedy::Wait(ms) => self.after(ms),
            Remedy::Persistence { to, .. } => {
                let mut case = self.clone();
                case.place.kind = case.place.kind.with_persistence(to);
                case
            }
        }
    }
}

const NOW: i64 = 10_000_000;

/// A market of three runners, of which the first has an offer on either side and a last price.
fn market(back: u64, lay: u64, last: u64) -> Market {
    let mut books = Books::default();
    books.apply(TimeMs(NOW), &defined(definition(3, 1)));
    let offers = [(LadderKind::Back, back, 100), (LadderKind::Lay, lay, 100)];
    books.apply(TimeMs(NOW), &levels(1, &offers));
    let mut traded = MarketDelta::new(MarketId::new("1.1"));
    traded.push_runner(RunnerId::new(1)).last_traded = Some(Price::from_hundredths(last));
    let at = books.apply(TimeMs(NOW), &traded).expect("it is defined");
    Market::clone(books.get(at))
}

/// Bets that were matched or rest already.
fn held() -> impl Strategy<Value = Holding> {
    let one = (1_u64..4, any::<bool>(), 0_usize..3, 2_u64..8, 1_i64..80);
    proptest::collection::vec(one, 0..3).prop_map(|bets| {
        let orders = bets.iter().enumerate().map(|(at, bet)| {
            let &(runner, is_back, state, price, pounds) = bet;
            let side = if is_back { Side::Back } else { Side::Lay };
            let mut order = order(at as u128 + 1, runner, side, price * 100, pounds * 100);
            match state {
                0 => {
                    order.state = OrderState::Complete;
                    order.matched = Money::from_major(pounds);
                    let price = i128::from(Price::from_hundredths(price * 100).nanos());
                    order.matched_value = price * i128::from(order.matched.minor());
                    order.ended_at = Some(TimeMs(NOW - 2_345));
                }
                1 => {
                    order.state = OrderState::Complete;
                    order.lapsed = Money::from_major(pounds);
                    order.ended_at = Some(TimeMs(NOW - 1_234));
                }
                _ => order.state = OrderState::Working,
            }
            order
        });
        Holding::from_orders(orders.collect())
    })
}

/// Amounts of limits: most do not bind.
fn amount() -> impl Strategy<Value = Money> {
    prop_oneof![
        1 => (100_i64..20_000).prop_map(Money::from_minor),
        9 => Just(Money::from_major(10_000)),
    ]
}

/// Other limits: most do not bind either.
fn few(most: std::ops::Range<u32>) -> impl Strategy<Value = u32> {
    prop_oneof![1 => most, 5 => Just(1_000)]
}

fn limits() -> impl Strategy<Value = RiskLimits> {
    let amounts = proptest::array::uniform16(amount());
    let counts = (
        few(1..4),
        few(1..4),
        few(1..9),
        few(1..4),
        few(0..40),
        few(0..40),
    );
    let waits = (0_u32..5_000, few(1..4), 1_u32..3);
    (amounts, counts, waits, any::<bool>()).prop_map(|(amounts, counts, waits, in_play)| {
        let (per_minute, all_per_minute, per_hour, fills, through, good) = counts;
        let (same_bet_cooldown_ms, losses, cool_off_minutes) = waits;
        let [
            max_stake,
            max_liability,
            runner,
            market,
            strategy,
            day,
            gross,
            all_market,
            event,
            sport,
            venue,
            all,
            all_day,
            open_stake,
            ..,
        ] = amounts;
        RiskLimits {
            max_stake,
            max_stake_bankroll_ratio: Ratio::percent(if in_play { 20 } else { 100 }),
            max_liability,
            min_price: Price::from_hundredths(155),
            max_back_price: Price::from_hundredths(905),
            max_lay_price: Price::from_hundredths(733),
            allow_in_play: in_play,
            max_open_orders_per_runner: 10,
            max_orders_per_minute: per_minute,
            max_runner_exposure: runner,
            max_market_exposure: market,
            max_strategy_exposure: strategy,
            daily_loss_limit: day,
            max_gross_market_exposure: gross,
            max_losses_in_a_row: losses,
            cool_off_minutes,
            max_ticks_through_book: through,
            max_ticks_from_last_traded: good,
            max_stake_to_median: if in_play { 2 } else { 1_000 },
            same_bet_cooldown_ms,
            max_fills_per_minute: fills,
            together: TogetherLimits {
                max_market_exposure: all_market,
                max_event_exposure: event,
                max_sport_exposure: sport,
                max_venue_exposure: venue,
                max_exposure: all,
                daily_loss_limit: all_day,
                max_open_stake: open_stake,
                max_orders_per_minute: all_per_minute,
                max_orders_per_hour: per_hour,
                ..TogetherLimits::default()
            },
            ..RiskLimits::default()
        }
    })
}

fn place() -> impl Strategy<Value = Place> {
    let terms = (any::<bool>(), 101_u64..1_200, 50_i64..30_000);
    (terms, any::<bool>(), 0_usize..8).prop_map(|((is_back, price, stake), on_ladder, kind)| {
        let side = if is_back { Side::Back } else { Side::Lay };
        let price = Price::from_hundredths(price);
        let price = match on_ladder {
            true => crate::market::PriceLadder::Classic.nearest(price),
            false => price,
        };
        let mut place = limit(1, side, 300, stake);
        let liability = Money::from_minor(stake);
        match (&mut place.kind, kind) {
            (terms, 0) => *terms = OrderKind::MarketOnClose { liability },
            (terms, 1) => *terms = OrderKind::LimitOnClose { price, liability },
            (terms, kind) => {
                if let OrderKind::Limit { price: named, .. } = terms {
                    *named = price;
                }
                if kind == 2 {
                    *terms = terms.with_persistence(Persistence::Persist);
                }
            }
        }
        place
    })
}

fn case() -> impl Strategy<Value = Case> {
    let prices = (1_usize..7, 0_usize..7);
    let past = proptest::collection::vec(1_i64..3_700_000, 0..9);
    let fills = proptest::collection::vec(1_i64..70_000, 0..4);
    let money = (
        0_i64..60,
        -300_i64..300,
        0_u32..9,
        proptest::option::of(1_i64..200),
    );
    let state = prop_oneof![3 => Just(TradingState::Active), 1 => Just(TradingState::Reduce)];
    let world = (prices, held(), limits(), place());
    (world, past, fills, money, state, 0_u64..30).prop_map(
        |((at, holding, limits, place), past, fills, money, state, refusals)| {
            let back = [150, 200, 250, 300, 350, 450, 600][at.0];
            let market = market(back, back + 50, [150, 200, 250, 300, 350, 450, 600][at.1]);
            let (elsewhere, today, losses, funds) = money;
            let weight = crate::engine::worst_case(&market, &holding, None);
            let mut account = Account::new(Money::from_major(1_000));
            account.roll_day(TimeMs(NOW));
            account.settle(TimeMs(NOW - 30_000), Money::from_major(today));
            account.losses_in_a_row = losses;
            account.burden.at_risk = weight.market + Money::from_major(elsewhere);
            let mut all = house(account.burden.at_risk);
            all.state = state;
            all.funds = funds.map(|pounds| Funds {
                said_at: TimeMs(NOW),
                free: Money::from_major(pounds),
                at_risk: all.burden.at_risk,
            });
            for word in 0..refusals {
                all.heard(
                    TimeMs(NOW - 50_000 + i64::try_from(word).unwrap()),
                    word % 3 > 0,
                );
            }
            let name: Arc<str> = "test".into();
            let mut times: Vec<i64> = past.iter().map(|ms| NOW - ms).collect();
            times.sort_unstable();
            let placed = times.into_iter().map(|at| (Arc::clone(&name), TimeMs(at)));
            let mut fills: Vec<i64> = fills.iter().map(|ms| NOW - ms).collect();
            fills.sort_unstable();
            Case {
                now: TimeMs(NOW),
                market,
                place,
                account,
                house: all,
                holding,
                fills: fills.into_iter().map(TimeMs).collect(),
                limits,
                pace: Pace {
                    placed: placed.collect(),
                    stakes: [(name, vec![Money::from_major(20); 20].into())].into(),
                },
            }
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3_000))]
    #[test]
    fn with_the_remedy_an_order_passes_and_with_less_of_it_it_does_not(case in case()) {
        if let Some((refusal, Some(remedy))) = case.refused() {
            let mended = case.with(remedy);
            prop_assert!(mended.passes(), "{refusal}, {remedy}: {:?}", mended.refused());
            if let Some(less) = case.with_less(remedy) {
                prop_assert!(!less.passes(), "{refusal}, {remedy}");
            }
        }
    }
}

/// That the cases come through what they are made for.
#[test]
fn every_kind_of_remedy_is_tried() {
    use proptest::strategy::ValueTree;
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let mut mended = std::collections::BTreeSet::new();
    for _ in 0..9_000 {
        let case = case().new_tree(&mut runner).expect("a case").current();
        if let Some((refusal, Some(_))) = case.refused() {
            mended.insert(refusal.code);
        }
    }
    use ReasonCode as Code;
    for code in [
        Code::TradingReduceOnly,
        Code::MarketInPlay,
        Code::PriceOffLadder,
        Code::PriceTooLow,
        Code::PriceTooHigh,
        Code::PriceThroughBook,
        Code::PriceTooGood,
        Code::StakeTooSmall,
        Code::StakeTooLarge,
        Code::StakeOverBankrollShare,
        Code::LiabilityTooLarge,
        Code::StakeUnusual,
        Code::OrdersTooFast,
        Code::OrdersTooFastAll,
        Code::BetTooSoon,
        Code::FillsTooFast,
        Code::LossesInARow,
        Code::VenueRefuses,
        Code::StakeOpen,
        Code::FundsShort,
        Code::ExposureRunner,
        Code::ExposureMarket,
        Code::ExposureStrategy,
        Code::ExposureGross,
        Code::ExposureMarketAll,
        Code::ExposureEvent,
        Code::ExposureSport,
        Code::ExposureVenue,
        Code::ExposureAll,
        Code::LossDaily,
        Code::LossDailyAll,
    ] {
        assert!(mended.contains(&code), "{code} is not tried");
    }
}
