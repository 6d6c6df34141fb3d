//! `ctx`, a script's own side of things: parameters, money, orders, positions, its log.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt;
use std::rc::Rc;
use std::sync::Arc;

use rhai::{Array, Dynamic, EvalAltResult, ImmutableString};

use super::error::fail;
use super::names::{Api, bounded, did_you_mean};
use super::table::TablesView;
use super::view::{MarketView, Words, runner_id};
use crate::engine::{Account, Holding, Moment, Position};
use crate::market::{MarketKind, Money, Order, OrderKind, Price, Runner, RunnerId, TimeMs};

/// Lines a call may log; more are counted, not kept.
const MOST_LINES: usize = 20;
/// Bytes of a line.
const MOST_LINE_BYTES: usize = 512;

/// Lines a script logged in the present call.
#[derive(Clone, Debug, Default)]
pub(super) struct Log(Rc<RefCell<Lines>>);

#[derive(Debug, Default)]
struct Lines {
    lines: Vec<String>,
    dropped: usize,
}

impl Log {
    /// Adds a line, bounded and without control characters.
    pub(super) fn add(&self, line: &impl fmt::Display) {
        let mut log = self.0.borrow_mut();
        if log.lines.len() < MOST_LINES {
            log.lines.push(bounded(&line.to_string(), MOST_LINE_BYTES));
        } else {
            log.dropped += 1;
        }
    }

    /// Moves the lines of the call out.
    pub(super) fn drain_into(&self, lines: &mut Vec<String>) {
        let mut log = self.0.borrow_mut();
        lines.append(&mut log.lines);
        if log.dropped > 0 {
            lines.push(format!("… and {} more lines in this call", log.dropped));
            log.dropped = 0;
        }
    }
}

/// Parameters as `ctx.params`.
#[derive(Clone, Debug)]
pub(super) struct ParamsView(pub(super) Rc<BTreeMap<String, Dynamic>>);

/// What a script may know beside the market. Made anew for each call, shared within it.
#[derive(Clone, Debug)]
pub(super) struct ContextView(Rc<Inner>);

#[derive(Debug)]
struct Inner {
    now: TimeMs,
    bankroll: Money,
    at_risk: Money,
    holding: Arc<Holding>,
    kind: MarketKind,
    params: ParamsView,
    tables: TablesView,
    log: Log,
}

impl ContextView {
    /// The context of a call.
    pub(super) fn new(
        moment: &Moment<'_>,
        params: &ParamsView,
        tables: &TablesView,
        log: &Log,
    ) -> Self {
        let account: &Account = moment.account;
        Self(Rc::new(Inner {
            now: moment.now,
            bankroll: account.bankroll(),
            at_risk: account.burden.at_risk,
            holding: Arc::clone(moment.holding),
            kind: moment.market.definition.kind(),
            params: params.clone(),
            tables: tables.clone(),
            log: log.clone(),
        }))
    }
}

/// Orders of a market, all or those that can still change.
#[derive(Clone, Debug)]
pub(super) struct OrdersView {
    holding: Arc<Holding>,
    live_only: bool,
    now: TimeMs,
}

impl OrdersView {
    /// Where in the holding its orders stand, from the `from`th.
    fn places(&self, from: usize) -> impl Iterator<Item = usize> + '_ {
        let (live, all) = match self.live_only {
            true => (self.holding.live_places(), 0),
            false => (&[][..], self.holding.orders().len()),
        };
        live.iter().copied().chain(0..all).skip(from)
    }

    fn len(&self) -> i64 {
        self.places(0).count() as i64
    }

    fn at(&self, place: usize) -> OrderView {
        OrderView {
            holding: Arc::clone(&self.holding),
            place,
            now: self.now,
        }
    }

    fn nth(&self, index: i64) -> Result<OrderView, Box<EvalAltResult>> {
        usize::try_from(index)
            .ok()
            .and_then(|index| self.places(index).next())
            .map(|place| self.at(place))
            .ok_or_else(|| {
                fail(format!(
                    "there are {} orders, counted from 0: there is no {index}",
                    self.len()
                ))
            })
    }
}

/// Walks orders.
pub(super) struct OrderIter {
    orders: OrdersView,
    next: usize,
}

impl Iterator for OrderIter {
    type Item = OrderView;
    fn next(&mut self) -> Option<OrderView> {
        let place = self.orders.places(self.next).next()?;
        self.next += 1;
        Some(self.orders.at(place))
    }
}

impl IntoIterator for OrdersView {
    type Item = OrderView;
    type IntoIter = OrderIter;
    fn into_iter(self) -> OrderIter {
        OrderIter {
            orders: self,
            next: 0,
        }
    }
}

/// One order at one moment.
#[derive(Clone, Debug)]
pub(super) struct OrderView {
    holding: Arc<Holding>,
    place: usize,
    now: TimeMs,
}

impl OrderView {
    /// An order of a holding as it stands now.
    pub(super) fn new(order: &Order, holding: &Arc<Holding>, now: TimeMs) -> Self {
        let known = holding.orders().iter().rposition(|o| o.id == order.id);
        match known {
            Some(place) => Self {
                holding: Arc::clone(holding),
                place,
                now,
            },
            None => Self::alone(order, now),
        }
    }

    /// An order by itself.
    pub(super) fn alone(order: &Order, now: TimeMs) -> Self {
        Self {
            holding: Arc::new(Holding::from_orders(vec![order.clone()])),
            place: 0,
            now,
        }
    }

    /// The order itself.
    pub(super) fn get(&self) -> &Order {
        &self.holding.orders()[self.place]
    }
}

/// Registers `ctx` and what hangs on it.
pub(super) fn register(api: &mut Api) {
    api.kind::<ContextView>("Context", "ctx");
    api.kind::<ParamsView>("Params", "ctx.params");
    api.kind::<OrdersView>("Orders", "ctx.orders");
    api.kind::<OrderView>("Order", "order");
    api.kind::<Position>("Position", "position");
    register_context(api);
    register_orders(api);
    register_order(api);
    register_position(api);
    api.engine
        .register_indexer_get(|params: &mut ParamsView, name: ImmutableString| {
            param(&params.0, &name)
        });
}

fn param(params: &BTreeMap<String, Dynamic>, name: &str) -> Result<Dynamic, Box<EvalAltResult>> {
    if let Some(value) = params.get(name) {
        return Ok(value.clone());
    }
    let known = params.keys().map(String::as_str);
    let hint = did_you_mean(name, known.clone()).unwrap_or_else(|| {
        if params.is_empty() {
            "this script defines none: add fn params()".to_owned()
        } else {
            format!("known: {}", known.collect::<Vec<_>>().join(", "))
        }
    });
    Err(fail(format!("there is no parameter \"{name}\"\n{hint}")))
}

fn register_context(api: &mut Api) {
    api.group("The context");
    api.get(
        "params",
        "the settings, as in ctx.params.stake",
        |c: &ContextView| c.0.params.clone(),
    );
    api.get(
        "tables",
        "the tables that tables() declares, as in ctx.tables.ratings",
        |c: &ContextView| c.0.tables.clone(),
    );
    api.get(
        "now_ms",
        "time of the snapshot, milliseconds since 1970 UTC",
        |c: &ContextView| c.0.now.0,
    );
    api.get("bankroll", "the strategy's money", |c: &ContextView| {
        c.0.bankroll.to_f64()
    });
    api.get(
        "exposure",
        "what its open markets could lose at worst",
        |c: &ContextView| c.0.at_risk.to_f64(),
    );
    api.get(
        "orders",
        "its orders in this market that can still change",
        |c: &ContextView| orders(c, true),
    );
    api.get(
        "all_orders",
        "all its orders in this market",
        |c: &ContextView| orders(c, false),
    );
    api.function(
        "ctx.position(runner)",
        "matched bets on a runner",
        |c: &mut ContextView, runner: Dynamic| -> Result<Position, Box<EvalAltResult>> {
            let runner: RunnerId = runner_id(&runner).map_err(fail)?;
            Ok(c.0.holding.position(runner).by_rules_of(c.0.kind))
        },
    );
    api.function(
        "ctx.outcomes(market)",
        "profit of the matched bets if each active runner wins, in the order of market.active; for hedge_equalise",
        outcomes,
    );
    api.example("ctx.outcomes(market) → [20.0, -10.0]");
    api.function(
        "ctx.log(text)",
        "writes to the strategy's log",
        |c: &mut ContextView, text: Dynamic| {
            c.0.log.add(&text);
        },
    );
}

/// If a runner wins, all others lose.
fn outcomes(c: &mut ContextView, market: MarketView) -> Result<Array, Box<EvalAltResult>> {
    let winners = market.0.definition.number_of_winners;
    if winners != 1 || c.0.kind != MarketKind::Odds {
        return Err(fail(format!(
            "outcomes are of markets with one winner and neither places, handicaps nor lines: this has {winners}, type {}",
            market.0.definition.market_type
        )));
    }
    // Bets on withdrawn runners are void.
    let is_active = |id: RunnerId| market.0.runner(id).is_some_and(Runner::is_active);
    let positions = c.0.holding.positions();
    let all_lose: Money = positions
        .filter(|(id, _)| is_active(*id))
        .map(|(_, position)| position.if_lose)
        .sum();
    let if_wins = market.0.active_runners().map(|runner| {
        let own = c.0.holding.position(runner.id());
        Dynamic::from(all_lose.to_f64() - own.if_lose.to_f64() + own.if_win.to_f64())
    });
    Ok(if_wins.collect())
}

fn orders(context: &ContextView, live_only: bool) -> OrdersView {
    OrdersView {
        holding: Arc::clone(&context.0.holding),
        live_only,
        now: context.0.now,
    }
}

fn register_orders(api: &mut Api) {
    api.group("Its orders");
    api.engine.register_iterator::<OrdersView>();
    api.get("len", "how many", OrdersView::len);
    api.function("ctx.orders.len()", "how many", |o: &mut OrdersView| o.len());
    api.function(
        "ctx.orders.to_array()",
        "as an array",
        |o: &mut OrdersView| o.clone().into_iter().map(Dynamic::from).collect::<Array>(),
    );
    api.engine
        .register_indexer_get(|o: &mut OrdersView, index: i64| o.nth(index));
}

fn register_order(api: &mut Api) {
    api.group("An order");
    api.get("id", "its name", |o: &OrderView| o.get().id.to_string());
    api.get("runner_id", "its runner's number", |o: &OrderView| {
        i64::try_from(o.get().runner.selection).unwrap_or(i64::MAX)
    });
    api.get("runner_key", "its runner's key", |o: &OrderView| {
        o.get().runner.to_string()
    });
    let (sides, states) = (Words::default(), Words::default());
    api.get("side", "BACK or LAY", move |o: &OrderView| {
        sides.text(o.get().side.as_str())
    });
    api.get(
        "type",
        "LIMIT, LIMIT_ON_CLOSE or MARKET_ON_CLOSE",
        |o: &OrderView| o.get().kind.as_str().to_owned(),
    );
    api.get_option("price", "its price, or `()`", |o: &OrderView| {
        o.get().kind.price().map(Price::to_f64)
    });
    api.get(
        "size",
        "backer's stake; at the starting price the liability",
        |o: &OrderView| {
            let size = match o.get().kind {
                OrderKind::Limit { size, .. } => size,
                OrderKind::LimitOnClose { liability, .. }
                | OrderKind::MarketOnClose { liability } => liability,
            };
            size.to_f64()
        },
    );
    api.get("matched", "money matched", |o: &OrderView| {
        o.get().matched.to_f64()
    });
    api.get("remaining", "money still to be matched", |o: &OrderView| {
        o.get().remaining().to_f64()
    });
    api.get_option(
        "average_price",
        "average price matched, or `()`",
        |o: &OrderView| o.get().average_price().map(Price::to_f64),
    );
    api.get(
        "state",
        "SENDING, EXECUTABLE, EXECUTION_COMPLETE, REJECTED or NOT_SENT",
        move |o: &OrderView| states.text(o.get().state.as_str()),
    );
    api.get("is_live", "whether it can still change", |o: &OrderView| {
        o.get().state.is_live()
    });
    api.get(
        "cancel_pending",
        "whether its cancel is under way",
        |o: &OrderView| o.get().cancel_pending,
    );
    api.get_option(
        "persistence",
        "LAPSE, PERSIST or MARKET_ON_CLOSE; `()` at the starting price",
        |o: &OrderView| o.get().kind.persistence().map(|p| p.as_str().to_owned()),
    );
    api.get(
        "update_pending",
        "whether a change of its persistence is under way",
        |o: &OrderView| o.get().update_pending.is_some(),
    );
    api.get_option(
        "book",
        "the bookmaker it went to, or `()`",
        |o: &OrderView| o.get().book.as_ref().map(ToString::to_string),
    );
    api.get(
        "requested_at_ms",
        "when it was asked for",
        |o: &OrderView| o.get().requested_at.0,
    );
    api.get_option(
        "placed_at_ms",
        "when it took effect, or `()`",
        |o: &OrderView| o.get().placed_at.map(|at| at.0),
    );
    api.get(
        "age_ms",
        "how long ago it took effect, 0 before",
        |o: &OrderView| o.get().placed_at.map_or(0, |at| o.now - at),
    );
    api.get_option("tag", "the tag it was given, or `()`", |o: &OrderView| {
        o.get().tag.as_deref().map(str::to_owned)
    });
    api.get_option(
        "profit",
        "after settlement, before commission; `()` before",
        |o: &OrderView| o.get().profit.map(Money::to_f64),
    );
}

fn register_position(api: &mut Api) {
    api.group("A position");
    api.get("if_win", "profit if the runner wins", |p: &Position| {
        p.if_win.to_f64()
    });
    api.get("if_lose", "profit if it loses", |p: &Position| {
        p.if_lose.to_f64()
    });
    api.get("backed", "backer's stakes matched", |p: &Position| {
        p.backed.to_f64()
    });
    api.get("laid", "stakes laid", |p: &Position| p.laid.to_f64());
    api.get_option(
        "back_price",
        "average price of the backs, or `()`",
        |p: &Position| average(p.back_profit, p.backed),
    );
    api.get_option(
        "lay_price",
        "average price of the lays, or `()`",
        |p: &Position| {
            let liability = p.back_profit.to_f64() - p.if_win.to_f64();
            (p.laid.is_positive()).then(|| 1.0 + liability / p.laid.to_f64())
        },
    );
}

/// The price at which a stake wins this profit.
fn average(profit: Money, stake: Money) -> Option<f64> {
    stake
        .is_positive()
        .then(|| 1.0 + profit.to_f64() / stake.to_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_of_lines_is_counted_not_kept() {
        let log = Log::default();
        (0..100).for_each(|at| log.add(&format!("line {at}\n{}", "x".repeat(1000))));
        let mut lines = Vec::new();
        log.drain_into(&mut lines);
        assert_eq!(lines.len(), MOST_LINES + 1);
        assert!(lines[0].starts_with("line 0\\nxxx") && lines[0].len() < 600);
        assert_eq!(lines[MOST_LINES], "… and 80 more lines in this call");
        log.drain_into(&mut lines);
        assert_eq!(lines.len(), MOST_LINES + 1, "a drained log is empty");
    }
}
