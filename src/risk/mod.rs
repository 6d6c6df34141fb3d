//! The risk gate: every order passes it, in every mode, or is refused with a code, the value and the limit.
//!
//! One control a function, in [`controls`]; the order is cheap and global first. A script cannot reach any of it.

mod conduct;
mod controls;
mod limits;
mod remedy;
#[cfg(test)]
mod remedy_tests;
mod together;

use std::cell::LazyCell;
use std::collections::BTreeMap;
use std::collections::VecDeque;
use std::sync::Arc;

use controls::Verdict;
pub use limits::RiskLimits;
pub use together::TogetherLimits;

use crate::engine::{
    Ask, Exposure, Gate, Holding, Pace, Proposed, Refusal, Remedy, Weighed, reduces, worst_case,
};
use crate::market::{Instruction, Money, Persistence, TimeMs};
use crate::planted::{self, Bug};

/// An order that the gate let through. Nobody else can make one, and a venue takes nothing else.
#[derive(Debug)]
pub struct Approved(Instruction);

impl AsRef<Instruction> for Approved {
    fn as_ref(&self) -> &Instruction {
        &self.0
    }
}

/// Holds orders to an operator's limits.
#[derive(Debug)]
pub struct RiskGate {
    limits: RiskLimits,
    /// Those of strategies that have their own.
    own: BTreeMap<String, RiskLimits>,
    /// What each strategy did lately.
    recent: BTreeMap<Arc<str>, Recent>,
    /// When all strategies together placed their orders of the last hour.
    placed: VecDeque<TimeMs>,
    /// What the last check weighed, in order.
    scale: Vec<Weighed>,
}

/// What a strategy did lately.
#[derive(Debug, Default)]
struct Recent {
    /// When it placed its orders of the last minute.
    placed: VecDeque<TimeMs>,
    /// Its last stakes.
    stakes: VecDeque<Money>,
}

/// About how many controls there are.
const CONTROLS: usize = 48;

/// What a strategy's bets in the market could lose, without the order and with it.
struct Weights {
    now: Exposure,
    with: Exposure,
}

impl Weights {
    fn of(ask: &Ask<'_>) -> Self {
        let proposed = |kind| Proposed {
            runner: ask.place.runner,
            side: ask.place.side,
            kind,
        };
        let weigh = |kind| worst_case(ask.market, ask.holding, Some(proposed(kind)));
        // An order for nothing, for what its runner could lose now.
        let now = weigh(ask.place.kind.for_nothing());
        let with = match planted::is(Bug::ProposedNotCounted) {
            true => now,
            false => weigh(ask.place.kind),
        };
        Self { now, with }
    }

    /// Whether the order can only help.
    fn reduced_by(&self, ask: &Ask<'_>) -> bool {
        reduces(ask.market, ask.holding, ask.place, (self.now, self.with))
    }

    /// What the order adds to the market's worst case; less than nothing if it lowers it.
    fn added(&self) -> Money {
        self.with.market - self.now.market
    }

    /// The worst case of all the strategy's unsettled markets together, with the order in it.
    fn all_markets(&self, ask: &Ask<'_>) -> Money {
        ask.account.burden.at_risk + self.added()
    }
}

impl RiskGate {
    /// A gate with these limits.
    #[must_use]
    pub fn new(limits: RiskLimits) -> Self {
        Self {
            limits,
            own: BTreeMap::new(),
            recent: BTreeMap::new(),
            placed: VecDeque::new(),
            scale: Vec::new(),
        }
    }

    /// Holds a strategy to limits of its own as well; of each limit, the tighter one counts.
    #[must_use]
    pub fn with_own(mut self, strategy: &str, own: &RiskLimits) -> Self {
        let limits = self.limits.tightest(own);
        self.own.insert(strategy.to_owned(), limits);
        self
    }

    /// Holds orders to other limits from here on. What was placed lately still counts.
    pub fn hold_to(&mut self, limits: RiskLimits, own: BTreeMap<String, RiskLimits>) {
        self.own = own
            .into_iter()
            .map(|(strategy, own)| (strategy, limits.tightest(&own)))
            .collect();
        self.limits = limits;
    }

    fn limits_of(&self, strategy: &str) -> &RiskLimits {
        self.own.get(strategy).unwrap_or(&self.limits)
    }
}

/// Has the controls judge an order, the first objection ending it; `note` is told what each weighed.
fn judge(
    ask: &Ask<'_>,
    limits: &RiskLimits,
    recent: &Recent,
    placed: &VecDeque<TimeMs>,
    note: &mut impl FnMut(Weighed),
) -> Result<(), Refusal> {
    for control in controls::SIMPLE.iter().chain(&conduct::INSTRUMENT) {
        control(ask, limits)?.into_iter().for_each(&mut *note);
    }
    pace_and_cost(ask, limits, recent, placed, note)
}

/// The controls of pace and of cost, and who passes them nevertheless.
///
/// What an order would cost and how fast it comes is no objection to one that only lowers the risk, within a rate of its
/// own: no limit stands in the way out.
fn pace_and_cost(
    ask: &Ask<'_>,
    limits: &RiskLimits,
    recent: &Recent,
    placed: &VecDeque<TimeMs>,
    note: &mut impl FnMut(Weighed),
) -> Result<(), Refusal> {
    let weights = LazyCell::new(|| Weights::of(ask));
    match costs(ask, limits, recent, placed, &weights, note) {
        Err(refusal) if !weights.reduced_by(ask) => Err(refusal),
        Err(_) => {
            let most = limits.max_orders_per_minute * 2;
            let own = controls::rate(ask, most, &recent.placed)?;
            let all = together::rate(ask, &limits.together.doubled(), placed)?;
            own.into_iter().chain(all).for_each(note);
            Ok(())
        }
        Ok(()) => Ok(()),
    }
}

/// The controls of pace and of cost, in order. What the order weighs is worked out when it is first asked for.
fn costs(
    ask: &Ask<'_>,
    limits: &RiskLimits,
    recent: &Recent,
    placed: &VecDeque<TimeMs>,
    weights: &LazyCell<Weights, impl FnOnce() -> Weights>,
    note: &mut impl FnMut(Weighed),
) -> Result<(), Refusal> {
    let mut noted =
        |verdict: Verdict| verdict.map(|weighed| weighed.into_iter().for_each(&mut *note));
    for control in controls::SHARE {
        noted(control(ask, limits))?;
    }
    let most = limits.max_orders_per_minute;
    noted(controls::rate(ask, most, &recent.placed))?;
    noted(together::rate(ask, &limits.together, placed))?;
    noted(conduct::unusual_stake(ask, limits, &recent.stakes))?;
    for control in conduct::PACE {
        noted(control(ask, limits))?;
    }
    for control in together::WAITING {
        noted(control(ask, &limits.together))?;
    }
    afford(ask, limits, weights, note)
}

/// The controls of what could be lost.
fn afford(
    ask: &Ask<'_>,
    limits: &RiskLimits,
    weights: &Weights,
    note: &mut impl FnMut(Weighed),
) -> Result<(), Refusal> {
    for control in controls::EXPOSURE {
        control(ask, limits, weights)?
            .into_iter()
            .for_each(&mut *note);
    }
    for control in together::EXPOSURE {
        control(ask, &limits.together, weights)?
            .into_iter()
            .for_each(&mut *note);
    }
    Ok(())
}

/// The window of the rate of a strategy.
const MINUTE_MS: i64 = 60_000;

/// How many of the last orders, oldest first, were placed within so many milliseconds.
fn placed_within(window_ms: i64, now: TimeMs, placed: &VecDeque<TimeMs>) -> usize {
    let is_past = |&&at: &&TimeMs| now - at >= window_ms;
    placed.len() - placed.iter().take_while(is_past).count()
}

/// Lets go of orders that no rate counts any more.
fn forget(placed: &mut VecDeque<TimeMs>, now: TimeMs, window_ms: i64) {
    let past = placed.len() - placed_within(window_ms, now, placed);
    placed.drain(..past);
}

impl Gate for RiskGate {
    type Pass = Approved;

    fn max_intents(&self, strategy: &str) -> usize {
        self.limits_of(strategy).max_intents_per_call as usize
    }

    fn check(&mut self, ask: &Ask<'_>) -> Result<Approved, Refusal> {
        let limits = self.own.get(&**ask.strategy).unwrap_or(&self.limits);
        let recent = self.recent.entry(Arc::clone(ask.strategy)).or_default();
        // The last check's, if nobody took it.
        self.scale.clear();
        self.scale.reserve(CONTROLS);
        let scale = &mut self.scale;
        forget(&mut recent.placed, ask.now, MINUTE_MS);
        forget(&mut self.placed, ask.now, Pace::WINDOW_MS);
        let judged = judge(ask, limits, recent, &self.placed, &mut |weighed| {
            scale.push(weighed);
        });
        if let Err(refusal) = judged {
            self.scale.push(Weighed {
                code: refusal.code,
                value: refusal.value.clone(),
                limit: refusal.limit.clone(),
                passed: false,
            });
            return Err(refusal);
        }
        recent.placed.push_back(ask.now);
        self.placed.push_back(ask.now);
        if recent.stakes.len() == Pace::STAKES {
            recent.stakes.pop_front();
        }
        recent.stakes.push_back(controls::stake(ask));
        Ok(Approved(Instruction {
            id: ask.id,
            strategy: Arc::clone(ask.strategy),
            market: ask.market.id.clone(),
            runner: ask.place.runner,
            side: ask.place.side,
            kind: ask.place.kind,
            book: ask.place.book.clone(),
        }))
    }

    fn recall(&mut self, pace: Pace) {
        for (strategy, at) in pace.placed {
            self.placed.push_back(at);
            let recent = self.recent.entry(strategy).or_default();
            recent.placed.push_back(at);
        }
        for (strategy, stakes) in pace.stakes {
            self.recent.entry(strategy).or_default().stakes = stakes;
        }
    }

    fn weighed(&mut self) -> Vec<Weighed> {
        std::mem::take(&mut self.scale)
    }

    fn remedy(&mut self, ask: &Ask<'_>, refusal: &Refusal) -> Option<Remedy> {
        let limits = self.own.get(&**ask.strategy).unwrap_or(&self.limits);
        let recent = self.recent.entry(Arc::clone(ask.strategy)).or_default();
        remedy::find(ask, refusal, limits, recent, &self.placed)
    }

    fn check_update(&mut self, ask: &Ask<'_>) -> Result<(), Refusal> {
        // An order that lapses sooner risks less: that is never refused, as a cancel is not.
        if ask.place.kind.persistence() == Some(Persistence::Lapse) {
            return Ok(());
        }
        let limits = self.own.get(&**ask.strategy).unwrap_or(&self.limits);
        for control in controls::UPDATE {
            control(ask, limits)?;
        }
        let weights = Weights {
            now: worst_case(ask.market, ask.holding, None),
            with: worst_case(ask.market, &with_update(ask), None),
        };
        if weights.added().is_positive() {
            afford(ask, limits, &weights, &mut |_| {})?;
        }
        Ok(())
    }
}

/// What the strategy would hold once the order it changes has its new terms.
fn with_update(ask: &Ask<'_>) -> Holding {
    let mut orders = ask.holding.orders().to_vec();
    for order in orders.iter_mut().filter(|o| Some(o.id) == ask.replaces) {
        order.kind = ask.place.kind;
    }
    Holding::from_orders(orders)
}

#[cfg(test)]
mod tests;
