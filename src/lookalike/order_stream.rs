//! Order changes for one subscription: bets that changed since it was told last, and the positions that they make.

use std::collections::{BTreeMap, BTreeSet};

use super::accounts::AccountId;
use super::actions::two_decimals;
use super::bets::Bet;
use super::world::World;
use crate::market::{
    MarketId, MarketStatus, Money, OrderKind, Persistence, RunnerId, Side, TimeMs,
};
use crate::venue::betfair::{
    Matched, OrderFilter, OrderMarketChange, OrderRunnerChange, StrategyMatched, StreamOrder,
};

/// Matched size by price, in hundredths.
type Ladder = BTreeMap<i64, Money>;

/// Matched backs and lays.
type Position = (Ladder, Ladder);

/// What one runner's matched bets come to: in all, and by strategy.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Positions {
    all: Position,
    by_strategy: BTreeMap<String, Position>,
}

/// One subscription to an account's orders.
#[derive(Debug)]
pub(super) struct OrderFeed {
    account: AccountId,
    filter: OrderFilter,
    /// The last change that it was told of.
    told: u64,
    /// Markets that it was told of, and that have not closed.
    markets: BTreeSet<MarketId>,
    positions: BTreeMap<(MarketId, RunnerId), Positions>,
    clk: u64,
}

impl OrderFeed {
    pub(super) fn new(account: AccountId, filter: OrderFilter) -> Self {
        Self {
            account,
            filter,
            told: 0,
            markets: BTreeSet::new(),
            positions: BTreeMap::new(),
            clk: 0,
        }
    }

    pub(super) fn clk(&self) -> String {
        self.clk.to_string()
    }

    pub(super) fn tick(&mut self) -> String {
        self.clk += 1;
        self.clk()
    }

    fn wants(&self, bet: &Bet) -> bool {
        let refs = self
            .filter
            .customer_strategy_refs
            .as_deref()
            .unwrap_or_default();
        let own = bet.refs.strategy.as_deref().unwrap_or_default();
        bet.account == self.account && (refs.is_empty() || refs.iter().any(|wanted| wanted == own))
    }

    /// Everything: bets of which something waits, and positions.
    pub(super) fn image(&mut self, world: &World) -> Vec<OrderMarketChange> {
        self.told = world.bets.last_change();
        let open = |bet: &&Bet| bet.cleared_at.is_none();
        let bets: Vec<&Bet> = world.bets.of(self.account).filter(open).collect();
        let told = bets
            .iter()
            .filter(|bet| bet.order.state.is_live() && self.wants(bet));
        let orders: Vec<&Bet> = told.copied().collect();
        let runners: BTreeSet<_> = bets
            .iter()
            .filter(|bet| bet.order.state.is_live() || bet.order.matched.is_positive())
            .map(|bet| (bet.market.clone(), bet.order.runner))
            .collect();
        self.tell(world, &runners, &orders)
    }

    /// What has changed since it was told last. It is taken as told.
    pub(super) fn changes(&mut self, world: &World) -> Vec<OrderMarketChange> {
        let changed: Vec<&Bet> = world
            .bets
            .changed_since(self.told)
            .filter(|bet| bet.account == self.account)
            .collect();
        self.told = world.bets.last_change();
        let runners: BTreeSet<_> = changed
            .iter()
            .map(|bet| (bet.market.clone(), bet.order.runner))
            .collect();
        let orders: Vec<&Bet> = changed.into_iter().filter(|bet| self.wants(bet)).collect();
        let mut changes = self.tell(world, &runners, &orders);
        self.tell_closed(world, &mut changes);
        changes
    }

    fn tell(
        &mut self,
        world: &World,
        runners: &BTreeSet<(MarketId, RunnerId)>,
        orders: &[&Bet],
    ) -> Vec<OrderMarketChange> {
        let mut changes: BTreeMap<MarketId, OrderMarketChange> = BTreeMap::new();
        for (market, runner) in runners {
            let own = orders
                .iter()
                .filter(|bet| bet.market == *market && bet.order.runner == *runner);
            let mut change = OrderRunnerChange {
                id: runner.selection,
                hc: (runner.handicap != 0).then(|| f64::from(runner.handicap) / 100.0),
                uo: own.map(|bet| stream_order(bet)).collect(),
                ..OrderRunnerChange::default()
            };
            let key = (market.clone(), *runner);
            let now = self.positions_on(world, market, *runner);
            let before = self.positions.get(&key);
            change.full_image = before.is_none();
            self.tell_positions(&mut change, before.unwrap_or(&Positions::default()), &now);
            self.positions.insert(key, now);
            if change.uo.is_empty()
                && change.mb.is_empty()
                && change.ml.is_empty()
                && change.smc.is_empty()
            {
                continue;
            }
            let of_market = changes
                .entry(market.clone())
                .or_insert_with(|| OrderMarketChange {
                    id: market.to_string(),
                    account_id: Some(i64::from(self.account.0) + 1),
                    full_image: self.markets.insert(market.clone()),
                    ..OrderMarketChange::default()
                });
            of_market.orc.push(change);
        }
        changes.into_values().collect()
    }

    fn tell_positions(&self, change: &mut OrderRunnerChange, before: &Positions, now: &Positions) {
        if self.filter.include_overall_position != Some(false) {
            change.mb = difference(&before.all.0, &now.all.0);
            change.ml = difference(&before.all.1, &now.all.1);
        }
        if self.filter.partition_matched_by_strategy_ref != Some(true) {
            return;
        }
        let nothing = Position::default();
        for (strategy, now) in &now.by_strategy {
            let before = before.by_strategy.get(strategy).unwrap_or(&nothing);
            if before != now {
                let matched = StrategyMatched {
                    mb: difference(&before.0, &now.0),
                    ml: difference(&before.1, &now.1),
                };
                change.smc.insert(strategy.clone(), matched);
            }
        }
    }

    /// Markets that have closed are told so once.
    fn tell_closed(&mut self, world: &World, changes: &mut Vec<OrderMarketChange>) {
        let closed = |id: &MarketId| {
            let market = world.books.market(id);
            market.is_some_and(|market| market.status() == MarketStatus::Closed)
        };
        let gone: Vec<MarketId> = self
            .markets
            .iter()
            .filter(|id| closed(id))
            .cloned()
            .collect();
        for id in gone {
            self.markets.remove(&id);
            self.positions.retain(|(market, _), _| *market != id);
            match changes.iter_mut().find(|change| change.id == id.as_str()) {
                Some(change) => change.closed = true,
                None => changes.push(OrderMarketChange {
                    id: id.to_string(),
                    account_id: Some(i64::from(self.account.0) + 1),
                    closed: true,
                    ..OrderMarketChange::default()
                }),
            }
        }
    }

    fn positions_on(&self, world: &World, market: &MarketId, runner: RunnerId) -> Positions {
        let refs = self
            .filter
            .customer_strategy_refs
            .as_deref()
            .unwrap_or_default();
        let mut positions = Positions::default();
        for bet in world.bets.in_market(market) {
            let order = &bet.order;
            let Some(price) = order.average_price().filter(|_| order.runner == runner) else {
                continue;
            };
            if bet.account != self.account {
                continue;
            }
            #[allow(clippy::cast_possible_truncation)] // prices are small
            let hundredths = (price.to_f64() * 100.0).round() as i64;
            let add = |position: &mut Position| {
                let ladder = match order.side {
                    Side::Back => &mut position.0,
                    Side::Lay => &mut position.1,
                };
                *ladder.entry(hundredths).or_default() += order.matched;
            };
            add(&mut positions.all);
            let strategy = bet.refs.strategy.clone().unwrap_or_default();
            if refs.is_empty() || refs.contains(&strategy) {
                add(positions.by_strategy.entry(strategy).or_default());
            }
        }
        positions
    }
}

/// What differs between two ladders; size 0 where a price is gone.
fn difference(old: &Ladder, new: &Ladder) -> Matched {
    let decimal = |hundredths: &i64| *hundredths as f64 / 100.0;
    let gone = old.keys().filter(|price| !new.contains_key(price));
    let there = new
        .iter()
        .filter(|(price, size)| old.get(price) != Some(size));
    gone.map(|price| (decimal(price), 0.0))
        .chain(there.map(|(price, size)| (decimal(price), size.to_f64())))
        .collect()
}

/// A bet as the stream tells it.
fn stream_order(bet: &Bet) -> StreamOrder {
    let order = &bet.order;
    let (price, size, liability) = match order.kind {
        OrderKind::Limit { price, size, .. } => (price.to_f64(), size.to_f64(), None),
        OrderKind::LimitOnClose { price, liability } => (price.to_f64(), 0.0, Some(liability)),
        OrderKind::MarketOnClose { liability } => (0.0, 0.0, Some(liability)),
    };
    let ms = |at: Option<TimeMs>| at.map(|at| at.0.div_euclid(1_000) * 1_000);
    let text = |text: &str| text.to_owned();
    StreamOrder {
        id: bet.id(),
        p: price,
        s: size,
        bsp: liability.map(Money::to_f64),
        side: text(match order.side {
            Side::Back => "B",
            Side::Lay => "L",
        }),
        status: text(if order.state.is_live() { "E" } else { "EC" }),
        pt: Some(text(match order.kind.persistence() {
            Some(Persistence::Lapse) => "L",
            Some(Persistence::Persist) => "P",
            Some(Persistence::MarketOnClose) | None => "MOC",
        })),
        ot: text(match order.kind {
            OrderKind::Limit { .. } => "L",
            OrderKind::LimitOnClose { .. } => "LOC",
            OrderKind::MarketOnClose { .. } => "MOC",
        }),
        pd: ms(order.placed_at),
        md: ms(bet.matched_at),
        cd: ms(bet.cancelled_at),
        ld: ms(bet.lapsed_at),
        avp: order.average_price().map(two_decimals),
        sm: order.matched.to_f64(),
        sr: order.remaining().to_f64(),
        sl: order.lapsed.to_f64(),
        sc: order.cancelled.to_f64(),
        sv: order.voided.to_f64(),
        lsrc: bet.outdated.then(|| text("MKT_VERSION")),
        rac: Some(String::new()),
        rc: Some(text("REG_GGC")),
        rfo: Some(bet.refs.order.clone().unwrap_or_default()),
        rfs: Some(bet.refs.strategy.clone().unwrap_or_default()),
    }
}
