//! The invariants, asked after every step: what the program believes against what is true.

use std::collections::BTreeMap;
use std::sync::Arc;

use bea::engine::{Slot, TradingState, worst_case};
use bea::market::{
    Market, MarketId, MarketStatus, Money, Order, OrderId, OrderKind, OrderState, Price,
    RunnerStatus, Side,
};
use bea::risk::RiskLimits;

use crate::bet::Bet;
use crate::marks::Mark;
use crate::oracle::{self, Terms, Wager};
use crate::truth::Truth;
use crate::world::SimDesk;

/// Divisible by every each-way divisor in use, so that losses in all markets can be added exactly.
const COMMON: i128 = 2_000;

/// How often everything is looked at, and not only what changed.
const WHOLE_EVERY: u64 = 64;

/// What is remembered from step to step.
pub(crate) struct Checks {
    limits: RiskLimits,
    steps: u64,
    states: BTreeMap<OrderId, OrderState>,
    /// What each strategy could lose in each market in truth, in billionths of minor units × `COMMON`.
    losses: BTreeMap<(Arc<str>, MarketId), i128>,
    kept: Option<String>,
}

impl Checks {
    pub(crate) fn new(limits: RiskLimits) -> Self {
        Self {
            limits,
            steps: 0,
            states: BTreeMap::new(),
            losses: BTreeMap::new(),
            kept: None,
        }
    }

    /// A new session begins: what it knows is what was durable.
    pub(crate) fn forget(&mut self) {
        self.states.clear();
        // What changed while a strategy was not there was not looked at.
        self.losses.clear();
    }

    /// Keeps what was found where nobody could be told.
    pub(crate) fn keep(&mut self, found: Result<bool, String>) {
        self.kept = self.kept.take().or(found.err());
    }

    pub(crate) fn take_kept(&mut self) -> Result<(), String> {
        self.kept.take().map_or(Ok(()), Err)
    }

    /// After a step of the program.
    pub(crate) fn step(
        &mut self,
        desk: &SimDesk,
        truth: &mut Truth,
        whole: bool,
    ) -> Result<(), String> {
        self.steps += 1;
        let changed = std::mem::take(&mut truth.changed);
        for slot in desk.engine.slots() {
            for (at, holding) in slot.holdings() {
                let market = desk.books.get(at);
                if changed.contains(&market.id) {
                    for order in holding.orders() {
                        self.forward(order, truth)?;
                    }
                }
            }
        }
        for market in &changed {
            self.market(desk, truth, market)?;
        }
        if whole || self.steps.is_multiple_of(WHOLE_EVERY) {
            burdens(desk, truth)?;
        }
        self.strategies()?;
        self.together(desk, truth)
    }

    /// I9: states only move forward.
    fn forward(&mut self, order: &Order, truth: &mut Truth) -> Result<(), String> {
        let before = self.states.insert(order.id, order.state);
        let Some(before) = before.filter(|before| *before != order.state) else {
            return Ok(());
        };
        if before.is_doubtful() {
            match order.state {
                OrderState::NotPlaced => truth.marks.hit(Mark::NotPlaced),
                OrderState::Working => truth.marks.hit(Mark::FoundInDoubt),
                OrderState::Complete => truth.marks.hit(Mark::FoundMatched),
                _ => {}
            }
        }
        if follows(before, order.state) {
            return Ok(());
        }
        Err(format!(
            "I9: the order {} went from {} to {}",
            order.id,
            before.as_str(),
            order.state.as_str()
        ))
    }

    /// I1, I3, I4 in one market.
    fn market(&mut self, desk: &SimDesk, truth: &Truth, id: &MarketId) -> Result<(), String> {
        let definition = &truth.markets[id];
        let settled = truth.settlements.contains_key(id);
        let book = desk.books.market(id);
        for slot in desk.engine.slots() {
            let key = (Arc::clone(&slot.name), id.clone());
            self.losses.remove(&key);
            if settled {
                continue;
            }
            let orders = orders_of(desk, slot, id);
            let bets: Vec<&Bet> = truth
                .bets
                .iter()
                .filter(|bet| bet.market == *id && bet.strategy.as_ref() == Some(&slot.name))
                .collect();
            let mut believable = Vec::new();
            for bet in &bets {
                let known = orders.iter().find(|order| Some(order.id) == bet.id);
                let Some(known) = known else {
                    if bet.matters() {
                        return Err(format!("I3: {} is not known", named(bet)));
                    }
                    continue;
                };
                compare(bet, known)?;
                // A reduction that was not heard yet: backs are still thought to win what they won before.
                let unheard = known.matched_value != bet.matched_value();
                believable.push(bet.wager(unheard && bet.side == Side::Back));
            }
            for order in orders {
                if order.state == OrderState::NotPlaced && truth.may_arrive(order.id) {
                    return Err(format!("I1: {} is given up and may still arrive", order.id));
                }
            }
            let terms = Terms::of(definition);
            let believed = believed(desk, slot, book, id);
            let could_lose = oracle::worst(definition, &believable);
            if could_lose > i128::from(believed.minor()) * terms.unit() {
                if truth.tells {
                    eprintln!(
                        "{believable:#?}\n{:#?}\n{definition:?}",
                        orders_of(desk, slot, id)
                    );
                }
                return Err(format!(
                    "I4: in {id}, {} could lose {:.4} and the program thinks {believed}",
                    slot.name,
                    minor(could_lose, terms) / 100.0
                ));
            }
            let wagers: Vec<Wager> = bets.iter().map(|bet| bet.wager(false)).collect();
            let loss = oracle::worst(definition, &wagers);
            let limit = self.limits.max_market_exposure;
            if loss > i128::from(limit.minor()) * terms.unit() {
                return Err(format!(
                    "I4: in {id}, {} could lose {:.4} and may lose {limit}",
                    slot.name,
                    minor(loss, terms) / 100.0
                ));
            }
            self.runners(definition, slot, &wagers)?;
            self.losses.insert(
                key,
                loss * (COMMON * i128::from(Price::SCALE) / terms.unit()),
            );
        }
        Ok(())
    }

    /// I4 for each runner, where no withdrawal has changed the prices that were taken.
    fn runners(
        &self,
        definition: &bea::market::MarketDefinition,
        slot: &Slot,
        wagers: &[Wager],
    ) -> Result<(), String> {
        let mut runners = definition.runners.iter();
        if runners.any(|runner| runner.status == RunnerStatus::Removed) {
            return Ok(());
        }
        let terms = Terms::of(definition);
        let limit = i128::from(self.limits.max_runner_exposure.minor()) * terms.unit();
        for runner in &definition.runners {
            let of_runner: Vec<Wager> = wagers
                .iter()
                .filter(|wager| wager.runner == runner.id)
                .cloned()
                .collect();
            let loss = oracle::worst_of_runner(definition, &of_runner);
            if loss > limit {
                return Err(format!(
                    "I4: on runner {}, {} could lose {:.4} and may lose {}",
                    runner.id,
                    slot.name,
                    minor(loss, terms) / 100.0,
                    self.limits.max_runner_exposure
                ));
            }
        }
        Ok(())
    }

    /// I4 for each strategy, over all markets.
    fn strategies(&self) -> Result<(), String> {
        let mut sums: BTreeMap<&Arc<str>, i128> = BTreeMap::new();
        for ((strategy, _), loss) in &self.losses {
            *sums.entry(strategy).or_default() += loss;
        }
        let limit = self.limits.max_strategy_exposure;
        let most = i128::from(limit.minor()) * i128::from(Price::SCALE) * COMMON;
        match sums.iter().find(|(_, sum)| **sum > most) {
            None => Ok(()),
            Some((strategy, sum)) => Err(format!(
                "I4: in all markets, {strategy} could lose {} billionths and may lose {limit}",
                *sum / COMMON
            )),
        }
    }

    /// I4 for all strategies together that run: in each market, in each event, and in all.
    fn together(&self, desk: &SimDesk, truth: &Truth) -> Result<(), String> {
        let limits = &self.limits.together;
        let mut sums: BTreeMap<(&str, &str), (i128, Money)> = BTreeMap::new();
        for ((strategy, market), loss) in &self.losses {
            if !desk
                .engine
                .slots()
                .iter()
                .any(|slot| slot.name == *strategy)
            {
                continue;
            }
            let event = truth.markets[market].event_id.as_str();
            for (scope, limit) in [
                (("market", market.as_str()), limits.max_market_exposure),
                (("event", event), limits.max_event_exposure),
                (("all", ""), limits.max_exposure),
            ] {
                sums.entry(scope).or_insert((0, limit)).0 += loss;
            }
        }
        let broken = sums.iter().find(|(_, (sum, limit))| {
            *sum > i128::from(limit.minor()) * i128::from(Price::SCALE) * COMMON
        });
        match broken {
            None => Ok(()),
            Some(((scope, name), (sum, limit))) => Err(format!(
                "I4: in {scope} {name}, all together could lose {} billionths and may lose {limit}; by strategy and market: {:?}",
                *sum / COMMON,
                self.losses
                    .iter()
                    .map(|(of, loss)| (of, loss / COMMON))
                    .collect::<Vec<_>>()
            )),
        }
    }

    /// P6: some time after all faults, everything is known and agrees to the penny.
    pub(crate) fn converged(
        &self,
        desk: &SimDesk,
        truth: &Truth,
        told: Option<TradingState>,
    ) -> Result<(), String> {
        let engine = &desk.engine;
        if let Some(why) = engine.house().unready {
            return Err(format!("P6: the venue is still {why}"));
        }
        for stray in engine.orphans() {
            if desk.books.find(&stray.market).is_some() {
                return Err(format!("P6: {} has found no place", stray.order.id));
            }
            if truth.settlements.contains_key(&stray.market) {
                continue;
            }
            agrees(&stray.order, truth)?;
            let open = truth.markets[&stray.market].status == MarketStatus::Open;
            rests(&stray.order, open, told)?;
        }
        for slot in engine.slots() {
            for (at, holding) in slot.holdings() {
                let market = desk.books.get(at);
                if truth.settlements.contains_key(&market.id) {
                    continue;
                }
                for order in holding.orders() {
                    agrees(order, truth)?;
                    rests(order, market.status() == MarketStatus::Open, told)?;
                }
            }
        }
        for bet in truth.bets.iter().filter(|bet| bet.id.is_some()) {
            let settled = truth.settlements.contains_key(&bet.market);
            let known = engine.slots().iter().any(|slot| {
                let mut orders = orders_of(desk, slot, &bet.market).into_iter();
                orders.any(|order| Some(order.id) == bet.id)
            });
            if !settled && !known && bet.matters() {
                return Err(format!("I3: {} is forgotten", named(bet)));
            }
        }
        burdens(desk, truth)
    }

    /// I5: after all is settled, the money is what the venue says.
    pub(crate) fn settled(&self, desk: &SimDesk, truth: &Truth) -> Result<(), String> {
        for slot in desk.engine.slots() {
            let mut expected = Money::ZERO;
            for settlement in truth.settlements.values() {
                let of_slot = |id: &OrderId| {
                    let bet = truth.bet(*id);
                    bet.is_some_and(|bet| bet.strategy.as_ref() == Some(&slot.name))
                };
                let profits = settlement.profits.iter().filter(|(id, _)| of_slot(id));
                let gross: i64 = profits.map(|(_, profit)| profit.minor()).sum();
                // 5 % of net winnings, halves up.
                let commission = (gross.max(0) * 5 + 50) / 100;
                expected += Money::from_minor(gross - commission);
            }
            if slot.account.realised != expected {
                return Err(format!(
                    "I5: {} has made {} and thinks {}",
                    slot.name, expected, slot.account.realised
                ));
            }
            if slot.account.burden.at_risk != Money::ZERO {
                return Err(format!(
                    "I5: {} has {} at risk although all is settled",
                    slot.name, slot.account.burden.at_risk
                ));
            }
        }
        let left = desk.engine.house().burden.at_risk;
        if left != Money::ZERO {
            return Err(format!("I5: {left} is at risk although all is settled"));
        }
        Ok(())
    }
}

fn minor(exact: i128, terms: Terms) -> f64 {
    exact as f64 / terms.unit() as f64
}

fn named(bet: &Bet) -> String {
    let id = bet.id.map(|id| id.to_string()).unwrap_or_default();
    format!("the bet {} ({id}) in {}", bet.venue_id, bet.market)
}

/// A strategy's orders in a market, those of earlier sessions included.
fn orders_of<'a>(desk: &'a SimDesk, slot: &'a Slot, market: &MarketId) -> Vec<&'a Order> {
    let held = slot
        .holdings()
        .filter(|(at, _)| desk.books.get(*at).id == *market)
        .flat_map(|(_, holding)| holding.orders());
    let orphans = desk.engine.orphans().iter();
    let recovered = orphans
        .filter(|orphan| orphan.market == *market && orphan.strategy == slot.name)
        .map(|orphan| &orphan.order);
    held.chain(recovered).collect()
}

/// What the program thinks that a strategy could lose in a market.
fn believed(desk: &SimDesk, slot: &Slot, book: Option<&Arc<Market>>, id: &MarketId) -> Money {
    let held = book.and_then(|book| {
        let mut holdings = slot.holdings();
        let holding = holdings.find(|(at, _)| desk.books.get(*at).id == *id)?.1;
        Some(worst_case(book, holding, None).market)
    });
    let orphans = desk.engine.orphans().iter();
    let recovered: Money = orphans
        .filter(|orphan| orphan.market == *id && orphan.strategy == slot.name)
        .map(|orphan| orphan.at_risk())
        .sum();
    held.unwrap_or_default() + recovered
}

/// A bet that stands is never thought not to, nor to be matched for more than it is.
fn compare(bet: &Bet, known: &Order) -> Result<(), String> {
    let gone = matches!(
        known.state,
        OrderState::Rejected | OrderState::NotSent | OrderState::NotPlaced
    );
    if gone {
        return Err(format!(
            "I1: {} stands and is thought {}",
            named(bet),
            known.state.as_str()
        ));
    }
    if known.matched > bet.matched() && !bet.voided.is_positive() {
        return Err(format!(
            "I5: of {}, {} is matched and {} is thought to be",
            named(bet),
            bet.matched(),
            known.matched
        ));
    }
    if !known.state.is_live() && bet.is_working() {
        return Err(format!(
            "I9: {} can change and is thought not to",
            named(bet)
        ));
    }
    Ok(())
}

/// An order and the venue's bet are the same, to the penny.
fn agrees(order: &Order, truth: &Truth) -> Result<(), String> {
    if order.state.is_unheard() {
        return Err(format!(
            "P6: {} is still {}",
            order.id,
            order.state.as_str()
        ));
    }
    let Some(bet) = truth.bet(order.id) else {
        let none = matches!(
            order.state,
            OrderState::Rejected | OrderState::NotSent | OrderState::NotPlaced
        );
        let what = order.state.as_str();
        let complaint = || format!("I5: {} is {what} and the venue has no such bet", order.id);
        return if none { Ok(()) } else { Err(complaint()) };
    };
    let ours = (
        order.matched,
        order.matched_value,
        order.state == OrderState::Working,
    );
    let theirs = (bet.matched(), bet.matched_value(), bet.is_working());
    if ours != theirs || order.remaining() != bet.remaining() && bet.is_working() {
        return Err(format!(
            "I5: {} is (matched, value, works) {theirs:?} and thought {ours:?}",
            named(bet)
        ));
    }
    Ok(())
}

/// P5: what rests in a market that is open, although betting is halted.
fn rests(order: &Order, open: bool, told: Option<TradingState>) -> Result<(), String> {
    let rests = order.state == OrderState::Working && matches!(order.kind, OrderKind::Limit { .. });
    match rests && open && told == Some(TradingState::Halted) {
        true => Err(format!("P5: {} rests although betting is halted", order.id)),
        false => Ok(()),
    }
}

fn follows(before: OrderState, after: OrderState) -> bool {
    use OrderState::{Complete, NotPlaced, Rejected, Sending, Stuck, Unknown, Working};
    match before {
        Sending => true,
        Unknown => matches!(after, Stuck | Working | Complete | Rejected | NotPlaced),
        Stuck => matches!(after, Working | Complete | Rejected | NotPlaced),
        Working => after == Complete,
        _ => false,
    }
}

/// The engine's running totals equal what they are totals of.
fn burdens(desk: &SimDesk, truth: &Truth) -> Result<(), String> {
    let engine = &desk.engine;
    let (mut sum, mut open) = (Money::ZERO, 0);
    for slot in engine.slots() {
        let (mut at_risk, mut live) = (Money::ZERO, 0);
        for (at, holding) in slot.holdings() {
            live += holding.live_count();
            let settled = holding.orders().iter().any(|order| order.profit.is_some());
            if !settled {
                at_risk += worst_case(desk.books.get(at), holding, None).market;
            }
        }
        for orphan in engine.orphans().iter().filter(|o| o.strategy == slot.name) {
            at_risk += orphan.at_risk();
            live += usize::from(orphan.order.state.is_live());
        }
        let burden = &slot.account.burden;
        if (burden.at_risk, burden.open_orders) != (at_risk, live) {
            return Err(format!(
                "I4: {} counts {} at risk in {} orders, and it is {at_risk} in {live}",
                slot.name, burden.at_risk, burden.open_orders
            ));
        }
        sum += at_risk;
        open += live;
    }
    let house = &engine.house().burden;
    let foreign = truth.bets.iter().any(|bet| bet.id.is_none());
    let all_loaded = engine.orphans().iter().all(|orphan| {
        engine
            .slots()
            .iter()
            .any(|slot| slot.name == orphan.strategy)
    });
    let fits = if foreign || !all_loaded {
        house.at_risk >= sum
    } else {
        house.at_risk == sum
    };
    if !fits || (all_loaded && house.open_orders != open) {
        return Err(format!(
            "I4: the house counts {} at risk in {} orders, and it is {sum} in {open}",
            house.at_risk, house.open_orders
        ));
    }
    Ok(())
}
