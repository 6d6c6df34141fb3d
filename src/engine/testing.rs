//! Small worlds for the tests of the core.

use std::sync::Arc;

use super::house::Scopes;
use super::{Burden, House};
use crate::market::{
    Books, Instruction, LadderKind, LevelChange, Market, MarketDefinition, MarketDelta, MarketId,
    MarketStatus, Money, Order, OrderId, OrderKind, Persistence, Place, Price, PriceLadder,
    RunnerDefinition, RunnerId, RunnerStatus, Side, TimeMs,
};

/// The market's name in these worlds.
pub(crate) const MARKET: &str = "1.1";

/// An open racing market with runners 1 to `runners`, ten minutes before the off at the time 0.
pub(crate) fn definition(runners: u64, winners: u32) -> MarketDefinition {
    MarketDefinition {
        venue: "betfair",
        status: MarketStatus::Open,
        in_play: false,
        bet_delay_seconds: 0,
        bsp_market: true,
        bsp_reconciled: false,
        turn_in_play: true,
        complete: true,
        cross_matching: false,
        number_of_winners: winners,
        base_rate: 500,
        version: 1,
        market_time: TimeMs(600_000),
        event_id: "1".into(),
        event_name: None,
        name: None,
        sport_id: "7".into(),
        market_type: "WIN".into(),
        betting_type: crate::market::BettingType::Odds,
        country: Some("GB".into()),
        course: None,
        each_way_divisor: None,
        line_result: None,
        competition: None,
        score: None,
        ladder: PriceLadder::Classic,
        runners: (1..=runners)
            .map(|id| RunnerDefinition {
                id: RunnerId::new(id),
                status: RunnerStatus::Active,
                sort_priority: 1,
                name: None,
                adjustment_factor: None,
                bsp: None,
            })
            .collect(),
    }
}

/// A change that gives the market this definition.
pub(crate) fn defined(definition: MarketDefinition) -> MarketDelta {
    let mut delta = MarketDelta::new(MarketId::new(MARKET));
    delta.definition = Some(Arc::new(definition));
    delta
}

/// A change of one runner's ladders: (ladder, hundredths of price, pounds).
pub(crate) fn levels(runner: u64, changes: &[(LadderKind, u64, i64)]) -> MarketDelta {
    let mut delta = MarketDelta::new(MarketId::new(MARKET));
    delta.push_runner(RunnerId::new(runner));
    for &(ladder, hundredths, pounds) in changes {
        delta.push_level(LevelChange {
            ladder,
            position: 0,
            price: Price::from_hundredths(hundredths),
            size: Money::from_major(pounds),
        });
    }
    delta
}

/// A house whose venue is ready, in which so much is at risk in another market of the same event.
pub(crate) fn house(at_risk: Money) -> House {
    house_in("1.2", at_risk)
}

/// The same in a market of that event.
pub(crate) fn house_in(market: &str, at_risk: Money) -> House {
    let mut house = House::default();
    house.unready = None;
    let burden = Burden {
        at_risk,
        ..Burden::default()
    };
    let scopes = Scopes::of(&MarketId::new(market), &definition(3, 1));
    house.shift(&scopes, &Burden::default(), &burden);
    house
}

/// The market alone.
pub(crate) fn market_with(runners: u64, winners: u32) -> Market {
    let mut books = Books::default();
    let at = books
        .apply(TimeMs(0), &defined(definition(runners, winners)))
        .expect("it is defined");
    Market::clone(books.get(at))
}

/// A proposal of a plain limit order.
pub(crate) fn limit(runner: u64, side: Side, hundredths: u64, pence: i64) -> Place {
    Place {
        runner: RunnerId::new(runner),
        side,
        kind: OrderKind::Limit {
            price: Price::from_hundredths(hundredths),
            size: Money::from_minor(pence),
            persistence: Persistence::Lapse,
            fill_or_kill: None,
        },
        book: None,
        reason: None,
        probability: None,
        tag: None,
    }
}

/// A plain limit order on its way.
pub(crate) fn order(id: u128, runner: u64, side: Side, hundredths: u64, pence: i64) -> Order {
    Order::new(
        OrderId::from_bits(id),
        &limit(runner, side, hundredths, pence),
        TimeMs(0),
    )
}

/// A pass for venues under test, which no gate has seen.
#[derive(Debug)]
pub(crate) struct Pass(pub(crate) Instruction);

impl AsRef<Instruction> for Pass {
    fn as_ref(&self) -> &Instruction {
        &self.0
    }
}

/// An order for a venue under test.
pub(crate) fn instruction(id: u128, place: &Place) -> Instruction {
    Instruction {
        id: OrderId::from_bits(id),
        strategy: Arc::from("test"),
        market: MarketId::new(MARKET),
        runner: place.runner,
        side: place.side,
        kind: place.kind,
        book: place.book.clone(),
    }
}
