//! One market on the exchange: requests on their way, orders standing, changes of the market.

use super::liquidity::Liquidity;
use super::matching::Terms;
use super::model::{Arrival, Fill};
use super::order::SimOrder;
use super::settlement::Settled;
use super::{
    ExchangeSettings, Pending, Report, Scene, Task, basic, bookmaker, reference, starting_price,
    strict,
};
use crate::market::{
    BookName, Instruction, LEAST_WIN_REDUCTION, Market, MarketDefinition, MarketId, MarketStatus,
    Money, OrderChange, OrderId, OrderKind, OrderStatement, Persistence, Price, Runner, RunnerId,
    RunnerStatus, Side, TimeMs, VenueReason,
};

/// A reduction factor under this (4 %, in hundredths of a percent) takes no lay out of a place market.
const LEAST_PLACE_WITHDRAWAL: u32 = 400;

/// One market on the exchange.
#[derive(Debug, Default)]
pub(super) struct SimMarket {
    pub(super) pending: Vec<Pending>,
    /// Orders that may still be matched, those that ended with the last update, and after [`Self::recall`] all; by age.
    pub(super) orders: Vec<SimOrder>,
    /// Those that ended before: an update need not look at them.
    ended: Vec<SimOrder>,
    /// What the orders have taken from the book (strict model).
    liquidity: Liquidity,
    /// How many orders there ever were.
    added: u64,
    /// Whether the recording has ever shown offers or traded volume.
    has_ladders: bool,
    /// Whether an order was handled by last traded prices alone.
    pub(super) basic: bool,
    /// Whether an order went to a bookmaker.
    pub(super) bookmaker: bool,
    /// Removals already dealt with.
    removed: Vec<RunnerId>,
    /// How far its settlement has come.
    pub(super) settled: Settled,
}

impl SimMarket {
    /// A market as the first request finds it: what was withdrawn before touches no bet struck later.
    pub(super) fn joining(book: Option<&std::sync::Arc<Market>>) -> Self {
        let runners = book
            .into_iter()
            .flat_map(|market| &market.definition.runners);
        Self {
            removed: runners
                .filter(|runner| runner.status == RunnerStatus::Removed)
                .map(|runner| runner.id)
                .collect(),
            ..Self::default()
        }
    }

    /// Before an update: looks at the book as the last one left it, then carries out requests that are due.
    pub(super) fn begin(&mut self, now: TimeMs, scene: Scene<'_>, report: &mut Report<'_>) {
        let Scene { book, settings, .. } = scene;
        self.ended
            .extend(self.orders.extract_if(.., |order| !order.is_live()));
        for order in &mut self.orders {
            order.fresh = false;
        }
        if settings.fill == Fill::Strict {
            let assumed = settings.assumptions();
            self.has_ladders = self.has_ladders || basic::has_ladders(book);
            self.liquidity.refresh(book, assumed.refill);
            let liquidity = &mut self.liquidity;
            strict::meet_offers(&mut self.orders, book, assumed, liquidity, report);
        }
        self.take_due(now, scene, report);
    }

    /// Puts the orders that ended back among the others, for what looks at every bet.
    pub(super) fn recall(&mut self) {
        if !self.ended.is_empty() {
            self.orders.append(&mut self.ended);
            self.orders.sort_by_key(|order| order.age);
        }
    }

    fn add(&mut self, mut order: SimOrder) {
        order.age = self.added;
        self.added += 1;
        self.orders.push(order);
    }

    /// Where its orders stand, in full.
    pub(super) fn statements(&mut self, market: &MarketId, now: TimeMs) -> Vec<OrderStatement> {
        self.recall();
        self.orders
            .iter()
            .map(|order| order.statement(market, now))
            .collect()
    }

    /// Why an order would be refused at once, as the market stands.
    pub(super) fn refusal(
        &self,
        instruction: &Instruction,
        book: &Market,
        settings: &ExchangeSettings,
    ) -> Option<VenueReason> {
        let order = SimOrder::new(instruction.clone(), book.definition.version);
        let verdict =
            acceptable(&order, book).and_then(|()| large_enough(&order, &self.orders, settings));
        verdict.err()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.pending.is_empty() && self.orders.is_empty() && self.ended.is_empty()
    }

    /// Carries out requests that are due, in the order made, upon the book as it stood before the update.
    fn take_due(&mut self, now: TimeMs, scene: Scene<'_>, report: &mut Report<'_>) {
        if self.pending.is_empty() {
            return;
        }
        let pending = std::mem::take(&mut self.pending);
        for request in pending {
            if now - request.made_at > request.latency_ms {
                let in_time = in_time(request.in_play, scene);
                self.carry_out(request.task, in_time, scene, report);
            } else {
                self.pending.push(request);
            }
        }
    }

    fn carry_out(
        &mut self,
        task: Task,
        in_time: Result<(), VenueReason>,
        scene: Scene<'_>,
        report: &mut Report<'_>,
    ) {
        let Scene { book, settings, .. } = scene;
        match task {
            Task::Place(instruction) => {
                let mut order = SimOrder::new(instruction, book.definition.version);
                let accepted = in_time.and_then(|()| acceptable(&order, book));
                if let Some(with) = order.instruction.book.clone() {
                    self.bet_with(&with, &mut order, accepted, scene, report);
                } else {
                    let verdict =
                        accepted.and_then(|()| large_enough(&order, &self.orders, settings));
                    self.place(&mut order, verdict, Money::ZERO, scene, report);
                }
                self.add(order);
            }
            Task::Cancel { order, size } => {
                if let Err(reason) = self.cancel(order, size, book, report) {
                    report.say(order, OrderChange::CancelFailed { reason });
                }
            }
            Task::Update { order, persistence } => {
                let change = match self.update(order, persistence, book) {
                    Ok(()) => OrderChange::Updated { persistence },
                    Err(reason) => OrderChange::UpdateFailed { reason },
                };
                report.say(order, change);
            }
            Task::Replace { order, price, with } => {
                let mut new = SimOrder::new(with, book.definition.version);
                match self.cancel(order, None, book, report) {
                    Ok(freed) => {
                        debug_assert_eq!(new.limit_price(), Some(price));
                        let excess = new.remaining - new.remaining.min(freed);
                        // What is left of a bet may be moved however small it is.
                        let verdict = in_time.and_then(|()| acceptable(&new, book));
                        self.place(&mut new, verdict, excess, scene, report);
                        self.add(new);
                    }
                    Err(reason) => {
                        report.reject(new.instruction.id, reason);
                        report.say(order, OrderChange::CancelFailed { reason });
                    }
                }
            }
        }
    }

    /// A bookmaker takes the bet whole at its own price, or refuses it.
    fn bet_with(
        &mut self,
        book: &BookName,
        order: &mut SimOrder,
        accepted: Result<(), VenueReason>,
        scene: Scene<'_>,
        report: &mut Report<'_>,
    ) {
        self.bookmaker = true;
        self.recall();
        let runner = scene.book.runner(order.runner());
        let taken = accepted.and_then(|()| {
            let runner = runner.ok_or(VenueReason::RunnerRemoved)?;
            bookmaker::price_taken(order, book, &self.orders, runner, scene)
        });
        match taken {
            Ok(price) => {
                report.say(order.instruction.id, OrderChange::Accepted);
                order.fill(price, order.remaining, report);
            }
            Err(reason) => {
                order.remaining = Money::ZERO;
                report.reject(order.instruction.id, reason);
            }
        }
    }

    /// Places an order less an `excess` that is cancelled at once: a replaced order may have been matched meanwhile.
    fn place(
        &mut self,
        order: &mut SimOrder,
        verdict: Result<(), VenueReason>,
        excess: Money,
        scene: Scene<'_>,
        report: &mut Report<'_>,
    ) {
        let Scene { book, settings, .. } = scene;
        let id = order.instruction.id;
        if let Err(reason) = verdict {
            order.remaining = Money::ZERO;
            report.reject(id, reason);
            return;
        }
        order.fresh = settings.assumptions().arrival != Arrival::First;
        report.say(id, OrderChange::Accepted);
        order.cancel(excess, report);
        if let Some(runner) = book.runner(order.runner()) {
            self.match_at_once(order, runner, scene, report);
        }
    }

    fn match_at_once(
        &mut self,
        order: &mut SimOrder,
        runner: &Runner,
        scene: Scene<'_>,
        report: &mut Report<'_>,
    ) {
        let settings = scene.settings;
        let OrderKind::Limit {
            price,
            fill_or_kill,
            ..
        } = order.instruction.kind
        else {
            return;
        };
        let terms = Terms {
            side: order.side(),
            price,
            size: order.remaining,
            fill_or_kill,
        };
        let best = match terms.side {
            Side::Back => runner.best_back(),
            Side::Lay => runner.best_lay(),
        };
        let betters = best.is_some_and(|best| best.price != price && terms.reaches(best.price));
        if betters && !settings.best_price_execution {
            order.lapse(VenueReason::PriceImprovementTooLarge, report);
            return;
        }
        match settings.fill {
            Fill::Reference => reference::take(order, &terms, runner, report),
            Fill::Strict => {
                // A starting price that is past already is not for this order.
                order.reconciled = scene.book.definition.bsp_reconciled;
                self.basic = self.basic || !self.has_ladders;
                let (assumed, liquidity) = (settings.assumptions(), &mut self.liquidity);
                strict::take(
                    order,
                    &terms,
                    runner,
                    scene.delta,
                    assumed,
                    liquidity,
                    report,
                );
            }
        }
        if fill_or_kill.is_some() {
            order.cancel(order.remaining, report);
        }
    }

    /// Cancels what remains of a limit order, or part of it; gives back how much.
    fn cancel(
        &mut self,
        id: OrderId,
        size: Option<Money>,
        book: &Market,
        report: &mut Report<'_>,
    ) -> Result<Money, VenueReason> {
        if book.status() != MarketStatus::Open {
            return Err(VenueReason::MarketNotOpen);
        }
        let order = self
            .orders
            .iter_mut()
            .find(|order| order.instruction.id == id && order.is_live());
        let order = order.ok_or(VenueReason::NothingRemains)?;
        if order.limit_price().is_none() {
            return Err(VenueReason::NotCancellable);
        }
        let freed = size.map_or(order.remaining, |size| size.min(order.remaining));
        order.cancel(freed, report);
        Ok(freed)
    }

    /// Changes what becomes of the rest of a limit order when the market turns in play.
    fn update(
        &mut self,
        id: OrderId,
        persistence: Persistence,
        book: &Market,
    ) -> Result<(), VenueReason> {
        let definition = &book.definition;
        if definition.status != MarketStatus::Open {
            return Err(VenueReason::MarketNotOpen);
        }
        let order = self
            .orders
            .iter_mut()
            .find(|order| order.instruction.id == id && order.is_live());
        let order = order.ok_or(VenueReason::NothingRemains)?;
        match order.persistence() {
            None => return Err(VenueReason::NotUpdatable),
            Some(present) if present == persistence => {
                return Err(VenueReason::PersistenceUnchanged);
            }
            Some(_) => {}
        }
        let to_come = definition.bsp_market && !definition.bsp_reconciled && !definition.in_play;
        if persistence == Persistence::MarketOnClose && !to_come {
            return Err(VenueReason::NoStartingPrice);
        }
        order.instruction.kind = order.instruction.kind.with_persistence(persistence);
        Ok(())
    }

    /// A market change: removals, starting prices, what lapses, then trades meet resting orders.
    pub(super) fn change(&mut self, scene: Scene<'_>, report: &mut Report<'_>) {
        let Scene {
            book,
            delta,
            settings,
        } = scene;
        if let Some(definition) = &delta.definition {
            self.remove_runners(definition, settings.fill, report);
        }
        let definition = delta.definition.as_deref().unwrap_or(&book.definition);
        if definition.bsp_reconciled {
            starting_price::reconcile(&mut self.orders, definition, settings, report);
        }
        self.lapse(&book.definition, definition, settings.fill, report);
        match settings.fill {
            Fill::Reference => reference::meet_trades(&mut self.orders, book, delta, report),
            Fill::Strict if self.has_ladders => {
                let (assumed, liquidity) = (settings.assumptions(), &mut self.liquidity);
                strict::meet_trades(&mut self.orders, book, delta, assumed, liquidity, report);
            }
            Fill::Strict => basic::meet_last_traded(&mut self.orders, delta, report),
        }
    }

    /// The market closes. What its last definition tells first counts too: a withdrawal, a starting price. The reference
    /// model looks at nothing there but the results.
    pub(super) fn close(
        &mut self,
        definition: &MarketDefinition,
        settings: &ExchangeSettings,
        report: &mut Report<'_>,
    ) {
        if settings.fill == Fill::Reference {
            return;
        }
        self.remove_runners(definition, settings.fill, report);
        if definition.bsp_reconciled {
            starting_price::reconcile(&mut self.orders, definition, settings, report);
        }
    }

    /// A suspension with a new version lapses what does not persist; in the strict model the turn in play does by
    /// itself, and takes with it what waited for a starting price that never came.
    fn lapse(
        &mut self,
        before: &MarketDefinition,
        definition: &MarketDefinition,
        fill: Fill,
        report: &mut Report<'_>,
    ) {
        let turned = fill == Fill::Strict && definition.in_play && !before.in_play;
        for order in self.orders.iter_mut().filter(|order| order.is_live()) {
            let new_version = order.version != definition.version;
            order.version = definition.version;
            let suspended = new_version && definition.status == MarketStatus::Suspended;
            match order.persistence() {
                Some(Persistence::Lapse) if suspended => {
                    order.lapse(VenueReason::Suspended, report);
                }
                Some(Persistence::Lapse | Persistence::MarketOnClose) | None if turned => {
                    order.lapse(VenueReason::TurnedInPlay, report);
                }
                _ => {}
            }
        }
    }

    /// After an update: the reference model says its rounded averages.
    pub(super) fn conclude(&mut self, settings: &ExchangeSettings, report: &mut Report<'_>) {
        if settings.fill == Fill::Reference {
            reference::restate(&mut self.orders, report);
        }
    }

    fn remove_runners(
        &mut self,
        definition: &MarketDefinition,
        fill: Fill,
        report: &mut Report<'_>,
    ) {
        for runner in &definition.runners {
            if runner.status != RunnerStatus::Removed || self.removed.contains(&runner.id) {
                continue;
            }
            self.removed.push(runner.id);
            self.recall();
            let factor = runner.adjustment_factor.unwrap_or(0);
            for order in &mut self.orders {
                if order.void {
                    continue;
                }
                if order.runner() == runner.id {
                    order.annul(VenueReason::RunnerRemoved, report);
                } else {
                    reduce(order, factor, definition, fill, report);
                }
            }
        }
    }
}

/// What a removal does to a bet on another runner: matched prices fall by the market's rule, lays that wait for a taker
/// go or move, and lay liabilities at the starting price are scaled.
fn reduce(
    order: &mut SimOrder,
    factor: u32,
    definition: &MarketDefinition,
    fill: Fill,
    report: &mut Report<'_>,
) {
    let win = definition.market_type == "WIN";
    match fill {
        // A bookmaker's deduction (Rule 4) is from the winnings; Betfair's factor stands in for its table.
        Fill::Strict if order.instruction.book.is_some() => {
            order.reprice(|price| price.winnings_reduced_by(factor), report);
        }
        Fill::Strict => {
            order.reprice(|price| definition.reduced(price, factor), report);
            withdraw_lay(order, factor, definition, report);
        }
        // It knows the rule of win markets and applies it everywhere.
        Fill::Reference if factor >= LEAST_WIN_REDUCTION => {
            order.reprice(|price| price.reduced_by(factor), report);
        }
        Fill::Reference => {}
    }
    let lay_on_close = order.side() == Side::Lay
        && matches!(order.instruction.kind, OrderKind::MarketOnClose { .. });
    if !lay_on_close || !order.is_live() {
        return;
    }
    let own = definition
        .runner(order.runner())
        .and_then(|own| own.adjustment_factor)
        .unwrap_or(0);
    let (keep, of) = if win {
        let of = 10_000_i64 - i64::from(own);
        (of - i64::from(factor), of)
    } else {
        (10_000 - i64::from(factor), 10_000)
    };
    if of > 0 {
        order.remaining = order.remaining.scaled(keep.max(0), of);
    }
}

/// A lay that waits for a taker was offered in a race with one more runner: a removal takes it away, or lowers its price
/// if it is to be kept in play. Betfair, "Betfair Non-Runner Rule" (published): for factors of at least 2.5 % in win
/// markets and 4 % in place markets.
fn withdraw_lay(
    order: &mut SimOrder,
    factor: u32,
    definition: &MarketDefinition,
    report: &mut Report<'_>,
) {
    let least = match definition.market_type.as_str() {
        "WIN" | "EACH_WAY" => LEAST_WIN_REDUCTION,
        "PLACE" | "OTHER_PLACE" => LEAST_PLACE_WITHDRAWAL,
        _ => return,
    };
    if order.side() != Side::Lay || !order.is_resting() {
        return;
    }
    match (order.persistence(), order.limit_price()) {
        (Some(Persistence::Persist), Some(price)) => {
            let ladder = &definition.ladder;
            let reduced = definition.reduced(price, factor);
            let nearest = ladder.nearest(reduced);
            let below = (nearest > reduced)
                .then(|| ladder.step(nearest, -1))
                .flatten();
            order.move_to(below.unwrap_or(nearest));
        }
        _ if factor >= least => order.lapse(VenueReason::RunnerRemoved, report),
        _ => {}
    }
}

/// In the strict model an order decided before the turn in play was not meant for play, nor held back by its bet delay.
/// The pessimist also finds the market as it is after the update.
fn in_time(made_in_play: bool, scene: Scene<'_>) -> Result<(), VenueReason> {
    if scene.settings.fill == Fill::Reference {
        return Ok(());
    }
    let after = scene.delta.definition.as_deref();
    let last = scene.settings.assumptions().arrival == Arrival::Last;
    let found = after.filter(|_| last).unwrap_or(&scene.book.definition);
    if found.in_play && !made_in_play {
        return Err(VenueReason::TurnedInPlay);
    }
    if found.status != MarketStatus::Open {
        return Err(VenueReason::MarketNotOpen);
    }
    Ok(())
}

/// Whether the venue takes the order at all.
fn acceptable(order: &SimOrder, book: &Market) -> Result<(), VenueReason> {
    let definition = &book.definition;
    if book.status() != MarketStatus::Open {
        return Err(VenueReason::MarketNotOpen);
    }
    match book.runner(order.runner()) {
        None => return Err(VenueReason::RunnerRemoved),
        Some(runner) if runner.status != RunnerStatus::Active => {
            return Err(VenueReason::RunnerRemoved);
        }
        Some(_) => {}
    }
    let on_close = order.limit_price().is_none();
    if on_close && (!definition.bsp_market || definition.bsp_reconciled || definition.in_play) {
        return Err(VenueReason::NoStartingPrice);
    }
    let named: Option<Price> = order.instruction.kind.price();
    let at_exchange = order.instruction.book.is_none();
    if at_exchange && named.is_some_and(|price| !definition.ladder.contains(price)) {
        return Err(VenueReason::InvalidPrice);
    }
    Ok(())
}

/// Betfair's minimums: a smaller stake is taken if its payout is large enough, or if the strategy already has a bet
/// waiting at that price; a lay at the starting price has a minimum liability.
fn large_enough(
    order: &SimOrder,
    others: &[SimOrder],
    settings: &ExchangeSettings,
) -> Result<(), VenueReason> {
    let size = order.remaining;
    let enough = match (order.instruction.kind, order.side()) {
        (OrderKind::Limit { price, .. }, side) => {
            let payout = size + size.profit_at(price);
            let beside = |other: &SimOrder| {
                other.is_resting()
                    && other.instruction.strategy == order.instruction.strategy
                    && other.runner() == order.runner()
                    && other.side() == side
                    && other.limit_price() == Some(price)
            };
            size >= settings.min_stake || payout >= settings.min_payout || others.iter().any(beside)
        }
        (_, Side::Back) => size >= settings.min_stake,
        (_, Side::Lay) => size >= settings.min_sp_liability,
    };
    if size.is_positive() && enough {
        Ok(())
    } else {
        Err(VenueReason::BelowMinimum)
    }
}
