//! The parts of what is published that are read off a session.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::backtest::Playing;
use crate::engine::{Account, Slot, Venue};
use crate::http::view;
use crate::live::status::{Status, StrategyStatus};
use crate::market::{Books, Market, Money, Order, OrderState, RunnerId};
use crate::risk::Approved;

/// Markets that are shown: the last of them in the order they were first seen.
const MARKETS: usize = 500;

/// Every strategy, whether it is called or not.
pub(super) fn strategies<V: Venue<Approved>>(
    session: &Playing<'_, V>,
    status: &Status,
    refused: &BTreeMap<Arc<str>, u64>,
) -> Vec<view::Strategy> {
    let slot_of = |name: &str| session.slots().iter().find(|slot| &*slot.name == name);
    status
        .strategies
        .iter()
        .map(|known| {
            let slot = slot_of(&known.name);
            let refused = refused.get(&*known.name).copied().unwrap_or_default();
            strategy(known, slot.map(|slot| &slot.account), refused)
        })
        .collect()
}

/// What is known of them before any is called.
pub(super) fn not_yet_called(status: &Status) -> Vec<view::Strategy> {
    let known = status.strategies.iter();
    known.map(|known| strategy(known, None, 0)).collect()
}

fn strategy(known: &StrategyStatus, account: Option<&Account>, refused: u64) -> view::Strategy {
    let money = |of: fn(&Account) -> Money| account.map_or(Money::ZERO, of).to_string();
    view::Strategy {
        name: known.name.clone(),
        hash: known.hash.clone(),
        standing: known.standing(),
        trouble: known.trouble.clone(),
        last_error: known.last_error.clone(),
        bets: known.bets,
        refused,
        open_orders: known.open_orders,
        at_risk: money(|account| account.burden.at_risk),
        profit_net: known.net.to_string(),
        profit_today: money(|account| account.realised_today),
        bankroll: money(Account::bankroll),
    }
}

/// Orders that can still change.
pub(super) fn orders<V: Venue<Approved>>(session: &Playing<'_, V>) -> Vec<view::Order> {
    let mut all = Vec::new();
    for slot in session.slots() {
        if slot.account.burden.open_orders == 0 {
            continue;
        }
        for (at, holding) in slot.holdings() {
            let market = &session.books().get(at).id;
            all.extend(
                holding
                    .live()
                    .map(|order| self::order(slot, market.as_str(), order)),
            );
        }
    }
    all
}

/// Orders of which nobody can say whether the venue has them.
pub(in crate::live) fn doubted<V: Venue<Approved>>(session: &Playing<'_, V>) -> Vec<String> {
    if session.house().burden.unheard == 0 {
        return Vec::new();
    }
    let holdings = session.slots().iter().flat_map(Slot::holdings);
    let live = holdings.flat_map(|(_, holding)| holding.live());
    live.filter_map(|order| match order.state {
        OrderState::Unknown => Some(order.id.to_string()),
        OrderState::Stuck => Some(format!("{} (look for it at the venue)", order.id)),
        _ => None,
    })
    .collect()
}

fn order(slot: &Slot, market: &str, order: &Order) -> view::Order {
    view::Order {
        order: order.id.to_string(),
        strategy: slot.name.to_string(),
        market: market.to_owned(),
        runner: order.runner.to_string(),
        side: order.side.as_str(),
        kind: order.kind.as_str(),
        price: order.kind.price().map(|price| price.to_string()),
        size: order.kind.amount().to_string(),
        matched: order.matched.to_string(),
        average_price: order.average_price().map(|price| price.to_string()),
        state: order.state.as_str(),
        asked_at: order.requested_at.to_string(),
    }
}

/// What is held in markets where something could still be lost.
pub(super) fn positions<V: Venue<Approved>>(session: &Playing<'_, V>) -> Vec<view::Position> {
    let mut all = Vec::new();
    for slot in session.slots() {
        if slot.account.burden == Default::default() {
            continue;
        }
        for (at, holding) in slot.holdings() {
            let at_risk = slot.at_risk_in(at);
            if at_risk == Money::ZERO && holding.live_count() == 0 {
                continue;
            }
            let runners = holding.positions();
            all.push(view::Position {
                strategy: slot.name.to_string(),
                market: session.books().get(at).id.to_string(),
                at_risk: at_risk.to_string(),
                open_orders: holding.live_count(),
                runners: runners
                    .map(|(runner, held)| on_runner(runner, &held))
                    .collect(),
            });
        }
    }
    all
}

fn on_runner(runner: RunnerId, held: &crate::engine::Position) -> view::RunnerPosition {
    view::RunnerPosition {
        runner: runner.to_string(),
        if_win: held.if_win.to_string(),
        if_lose: held.if_lose.to_string(),
        backed: held.backed.to_string(),
        laid: held.laid.to_string(),
    }
}

/// Markets as they were shown last: one that did not change is shown again.
#[derive(Default)]
pub(super) struct Markets(Vec<Arc<view::Market>>);

impl Markets {
    /// All of them; `last` itself if nothing changed.
    pub(super) fn of(
        &mut self,
        books: &Books,
        last: &Arc<[Arc<view::Market>]>,
    ) -> Arc<[Arc<view::Market>]> {
        let count = books.iter().count();
        let mut changed = self.0.len() != count;
        for (at, market) in books.iter().enumerate() {
            match self.0.get_mut(at) {
                Some(known) if known.sequence == market.sequence => continue,
                Some(known) => *known = Arc::new(shown(market)),
                None => self.0.push(Arc::new(shown(market))),
            }
            changed = true;
        }
        let from = self.0.len().saturating_sub(MARKETS);
        match changed || last.is_empty() != self.0.is_empty() {
            true => self.0[from..].into(),
            false => Arc::clone(last),
        }
    }
}

fn shown(market: &Market) -> view::Market {
    let definition = &market.definition;
    let runners = market.runners.iter().map(|runner| view::Runner {
        runner: runner.id().to_string(),
        name: runner.name.as_deref().map(str::to_owned),
        active: runner.is_active(),
        back: market
            .seen(runner.id())
            .best_back
            .map(|level| level.price.to_string()),
        lay: runner.best_lay().map(|level| level.price.to_string()),
        last: runner.last_traded.map(|price| price.to_string()),
    });
    view::Market {
        id: market.id.to_string(),
        venue: definition.venue.to_owned(),
        name: definition.name.clone(),
        event_id: definition.event_id.clone(),
        event: definition.event_name.clone(),
        sport: definition.sport().to_owned(),
        market_type: definition.market_type.clone(),
        status: definition.status.as_str().to_owned(),
        in_play: definition.in_play,
        starts_at: definition.market_time.to_string(),
        changed_at: market.published_at.to_string(),
        sequence: market.sequence,
        runners: runners.collect(),
    }
}
