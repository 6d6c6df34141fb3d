//! Worst case: what a strategy's bets in one market could lose, whatever happens.
//!
//! For each runner, W is the result of its bets if it wins and L if it does not. Matched bets count as they are; what
//! is open, on its way or proposed counts only where it hurts, since the adversary picks fills after the result.
//! With k winners the worst case is Σ L + the sum of the k smallest W − L. Each-way bets have a third result, P, of a
//! runner that is placed. Handicaps and lines are tried score by score.
//!
//! Where runners can be withdrawn at the price of a reduction factor, the worst case is taken over every
//! withdrawal as well: a hedge may go with the runner it was placed on.

mod scores;
#[cfg(test)]
mod tests;

use smallvec::SmallVec;

use super::tally::{Open, is_forgotten, worst_terms};
use super::{Holding, Position};
use crate::market::{
    Market, MarketDefinition, MarketKind, Money, OrderKind, Persistence, Place, Runner, RunnerId,
    RunnerStatus, Side,
};
use crate::planted::{self, Bug};

/// An order that does not stand yet, to be counted at its worst.
#[derive(Clone, Copy, Debug)]
pub struct Proposed {
    /// On which runner.
    pub runner: RunnerId,
    /// For or against.
    pub side: Side,
    /// The terms.
    pub kind: OrderKind,
}

/// What could be lost; zero or more.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Exposure {
    /// By the bets on the proposed order's runner alone, if it runs.
    pub runner: Money,
    /// By all bets in the market, whoever is withdrawn.
    pub market: Money,
    /// By all bets in the market, if nobody else is withdrawn.
    pub as_listed: Money,
    /// By all bets in the market if none offset another.
    pub gross: Money,
}

/// Reduction factor of a runner that has none, in hundredths of a percent, where others have one.
const UNKNOWN_FACTOR: u32 = 5_000;

/// The bets on one runner.
#[derive(Clone, Copy, Debug)]
struct Bets {
    runner: RunnerId,
    matched: Position,
    /// What is not matched, by result.
    open: Results,
    /// Σ stakes of backs that are not matched.
    open_backed: Money,
}

/// Money by what becomes of a runner.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Results {
    if_win: Money,
    /// Placed but not first; only for each-way bets.
    if_placed: Money,
    if_lose: Money,
}

impl Results {
    fn worst(self) -> Money {
        self.if_win.min(self.if_lose)
    }
}

/// The bets on every runner of a market.
type AllBets = SmallVec<[Bets; 24]>;

/// A bet to be weighed beside what is held.
#[derive(Clone, Copy, Debug)]
enum Beside {
    Nothing,
    /// It may be matched or not.
    Open(Proposed),
    /// It was matched whole, at its own price.
    Matched(Proposed),
}

impl Beside {
    fn proposed(self) -> Option<Proposed> {
        match self {
            Self::Nothing => None,
            Self::Open(new) | Self::Matched(new) => Some(new),
        }
    }
}

/// The worst case of a holding in a market, with a proposed order if there is one.
#[must_use]
pub fn worst_case(market: &Market, holding: &Holding, proposed: Option<Proposed>) -> Exposure {
    worst_beside(
        market,
        holding,
        proposed.map_or(Beside::Nothing, Beside::Open),
    )
}

fn worst_beside(market: &Market, holding: &Holding, beside: Beside) -> Exposure {
    let definition = &*market.definition;
    let kind = definition.kind();
    if kind == MarketKind::Line {
        return scores::worst_line(holding, beside);
    }
    let mut all = AllBets::new();
    gather(&mut all, kind, holding, beside);
    // Bets on a withdrawn runner are void, whether or not the venue has said so of each.
    all.retain(|bets| !is_withdrawn(market, bets.runner));
    let gross = all.iter().map(|bets| bets.gross(kind)).sum();
    let runner = beside
        .proposed()
        .and_then(|new| all.iter().find(|bets| bets.runner == new.runner))
        .map_or(Money::ZERO, |bets| {
            let results = bets.results(kind, None);
            match kind {
                MarketKind::EachWay { .. } => results.worst().min(results.if_placed),
                _ => results.worst(),
            }
        });
    let as_listed = worst_result(market, kind, &all, None);
    let mut worst = as_listed;
    for withdrawal in withdrawals(market, &all) {
        worst = worst.min(worst_result(market, kind, &all, Some(withdrawal)));
    }
    Exposure {
        runner: loss(runner),
        market: loss(worst),
        as_listed: loss(as_listed),
        gross,
    }
}

/// Whether a proposed order can only help: matched it lowers the worst case of the market, unmatched it does not raise it,
/// whether somebody is withdrawn or nobody, and neither way does it raise that of its runner. `now` is what could be lost
/// without it, `open` with it.
#[must_use]
pub fn reduces(
    market: &Market,
    holding: &Holding,
    place: &Place,
    (now, open): (Exposure, Exposure),
) -> bool {
    let OrderKind::Limit { .. } = place.kind else {
        // At which price, or whether at all, is not known.
        return false;
    };
    // Said first: most orders that are refused for what they cost end here.
    let raises = |of: fn(&Exposure) -> Money| of(&open) > of(&now);
    if raises(|e| e.market) || raises(|e| e.as_listed) || raises(|e| e.runner) {
        return false;
    }
    let proposed = Proposed {
        runner: place.runner,
        side: place.side,
        kind: place.kind,
    };
    let done = worst_beside(market, holding, Beside::Matched(proposed));
    done.market < now.market && done.runner <= now.runner
}

fn loss(result: Money) -> Money {
    (-result).max(Money::ZERO)
}

/// Adds what is held, and the bet beside it, runner by runner.
fn gather(all: &mut AllBets, kind: MarketKind, holding: &Holding, beside: Beside) {
    for (runner, tally) in holding.tallies() {
        if !tally.counts() {
            continue;
        }
        let bets = at(all, *runner);
        bets.matched = tally.position();
        if !matches!(kind, MarketKind::EachWay { .. }) {
            bets.add_win_part(tally.open);
        }
    }
    // What an open each-way bet brings where it hurts depends on the terms of each by itself.
    if let MarketKind::EachWay { .. } = kind {
        for order in holding.live().filter(|order| !is_forgotten(order)) {
            let bets = at(all, order.runner);
            bets.add_open(kind, order.side, worst_terms(order), order.remaining());
        }
    }
    match beside {
        Beside::Nothing => {}
        Beside::Open(new) => {
            let size = new.kind.size().unwrap_or_default();
            at(all, new.runner).add_open(kind, new.side, new.kind, size);
        }
        Beside::Matched(new) => {
            if let OrderKind::Limit { price, size, .. } = new.kind {
                let tally = holding.tally(new.runner);
                at(all, new.runner).matched = tally.with_matched(new.side, price, size).position();
            }
        }
    }
}

fn is_withdrawn(market: &Market, runner: RunnerId) -> bool {
    let known = market.runner(runner);
    known.is_some_and(|runner| runner.status == RunnerStatus::Removed)
}

fn at(all: &mut AllBets, runner: RunnerId) -> &mut Bets {
    let place = all
        .iter()
        .position(|bets| bets.runner == runner)
        .unwrap_or_else(|| {
            all.push(Bets {
                runner,
                matched: Position::default(),
                open: Results::default(),
                open_backed: Money::ZERO,
            });
            all.len() - 1
        });
    &mut all[place]
}

/// An amount × 100 / divisor: what it is worth to be placed; rounded towards loss.
fn placed(amount: Money, divisor: u32) -> Money {
    let part = (i128::from(amount.minor()) * 100).div_euclid(i128::from(divisor));
    Money::from_minor(i64::try_from(part).expect("a part of an amount fits where the whole did"))
}

impl Bets {
    /// Adds what is not matched, as far as the runner wins or not.
    fn add_win_part(&mut self, open: Open) {
        self.open_backed += open.backed;
        self.open.if_lose -= open.backed;
        self.open.if_win -= open.liability;
    }

    /// Adds an order of which `size` is not matched (an on-close order: its liability), where it hurts.
    fn add_open(&mut self, market: MarketKind, side: Side, terms: OrderKind, size: Money) {
        let part = Open::of(side, terms, size);
        self.add_win_part(part);
        let MarketKind::EachWay { divisor } = market else {
            return;
        };
        let open = &mut self.open;
        match side {
            Side::Back => {
                let odds = match terms {
                    OrderKind::Limit { price, .. } => size.profit_at(price),
                    _ => Money::ZERO,
                };
                open.if_lose -= part.backed;
                open.if_placed += (placed(odds, divisor) - part.backed).min(Money::ZERO);
            }
            Side::Lay => {
                // Carried to the starting price it keeps its risk, but may be matched for any size, down to next to nothing.
                let stake = match terms {
                    OrderKind::Limit { persistence, .. }
                        if persistence != Persistence::MarketOnClose =>
                    {
                        size
                    }
                    _ => Money::ZERO,
                };
                let if_placed = placed(-part.liability, divisor);
                open.if_win += if_placed;
                open.if_placed += (if_placed + stake).min(Money::ZERO);
            }
        }
    }

    /// What the bets could lose if none offset another.
    fn gross(&self, kind: MarketKind) -> Money {
        let Position {
            if_win,
            backed,
            back_profit,
            ..
        } = self.matched;
        let liability = back_profit - if_win;
        let matched = match kind {
            MarketKind::EachWay { divisor } => {
                backed + backed + liability - placed(-liability, divisor)
            }
            _ => backed + liability,
        };
        matched - self.open.if_win.min(Money::ZERO) - self.open.if_lose.min(Money::ZERO)
    }

    /// What the bets bring, after a withdrawal that lowered the prices of what was backed.
    fn results(&self, kind: MarketKind, reduced: Option<Reduction>) -> Results {
        let Position {
            if_win,
            backed,
            laid,
            back_profit,
            ..
        } = self.matched;
        let lay_liability = back_profit - if_win;
        let back_profit =
            reduced.map_or(back_profit, |reduction| reduction.of(back_profit, backed));
        let mut results = self.open;
        results.if_win += back_profit - lay_liability;
        results.if_lose += laid - backed;
        if let MarketKind::EachWay { divisor } = kind {
            let if_placed = placed(back_profit, divisor) + placed(-lay_liability, divisor);
            results.if_win += if_placed;
            results.if_placed += if_placed + laid - backed;
            results.if_lose += laid - backed;
            if reduced.is_some() {
                // An open back may be matched before the withdrawal and be reduced like the rest.
                results.if_placed = results.if_placed - self.open.if_placed
                    + self.open.if_placed.min(-self.open_backed);
            }
        }
        results
    }
}

/// A runner withdrawn from the market, as if it were now.
#[derive(Clone, Copy, Debug)]
struct Withdrawal {
    runner: RunnerId,
    reduction: Reduction,
}

/// How much the backs on the other runners lose of what they would win. What was laid is counted as it was: its
/// reduction would help, and bets matched after the off get none.
#[derive(Clone, Copy, Debug)]
struct Reduction {
    /// In hundredths of a percent.
    factor: u32,
    /// Whether only the winnings are reduced (place markets), not the whole price.
    of_winnings: bool,
}

impl Reduction {
    /// The least that backs may still win: each price may be rounded down by half a hundredth, and stays at 1.01 at least.
    /// [`MarketDefinition::reduced`] is the rule itself.
    fn of(self, profit: Money, stake: Money) -> Money {
        let scaled = |amount: Money, numerator: i64, denominator: i64| {
            (i128::from(amount.minor()) * i128::from(numerator)).div_euclid(i128::from(denominator))
        };
        let kept = 10_000 - i64::from(self.factor.min(10_000));
        let exact = if self.of_winnings {
            scaled(profit, kept, 10_000)
        } else {
            scaled(profit + stake, kept, 10_000) - i128::from(stake.minor())
        };
        let least = exact + scaled(stake, -5, 1_000);
        let least = least.max(scaled(stake, 1, 100));
        i64::try_from(least).map_or(profit, |least| Money::from_minor(least).min(profit))
    }
}

/// Every withdrawal to be reckoned with: of each runner bet on, and of the one without bets that costs the others most.
/// None where no runner has a reduction factor: there a withdrawal is not to be expected.
fn withdrawals<'a>(
    market: &'a Market,
    all: &'a [Bets],
) -> impl Iterator<Item = Withdrawal> + use<'a> {
    let racing = !planted::is(Bug::WithdrawalsForgotten)
        && market
            .active_runners()
            .any(|runner| runner.adjustment_factor.is_some());
    let of_winnings = is_place(&market.definition);
    let active = move || market.active_runners().filter(move |_| racing);
    let bet_on = |runner: RunnerId| all.iter().any(|bets| bets.runner == runner);
    let costliest = active()
        .filter(|runner| !bet_on(runner.id()))
        .max_by_key(|runner| runner.adjustment_factor.unwrap_or(UNKNOWN_FACTOR))
        .map(Runner::id);
    active()
        .filter(move |runner| bet_on(runner.id()) || costliest == Some(runner.id()))
        .map(move |runner| Withdrawal {
            runner: runner.id(),
            reduction: Reduction {
                factor: runner.adjustment_factor.unwrap_or(UNKNOWN_FACTOR),
                of_winnings,
            },
        })
}

fn is_place(definition: &MarketDefinition) -> bool {
    definition.kind() == MarketKind::Odds
        && matches!(definition.market_type.as_str(), "PLACE" | "OTHER_PLACE")
}

/// The worst result of the market, with one runner withdrawn or none.
fn worst_result(
    market: &Market,
    kind: MarketKind,
    all: &[Bets],
    withdrawal: Option<Withdrawal>,
) -> Money {
    let places = market.definition.number_of_winners as usize;
    let active = market.active_runners().count();
    let running = active - usize::from(withdrawal.is_some());
    // No more runners than places: the place part of an each-way bet is void.
    let kind = match kind {
        MarketKind::EachWay { .. } if running <= places => MarketKind::Odds,
        kind => kind,
    };
    if kind == MarketKind::Handicap {
        return scores::worst_handicap(&market.definition, all);
    }
    let reduction = withdrawal.map(|withdrawal| withdrawal.reduction);
    let results: SmallVec<[Results; 24]> = all
        .iter()
        .filter(|bets| withdrawal.is_none_or(|withdrawal| withdrawal.runner != bets.runner))
        .map(|bets| bets.results(kind, reduction))
        .collect();
    // Where not all runners are listed, one that is not may win.
    let unlisted = usize::from(!market.definition.complete);
    let without_bets = running.saturating_sub(results.len()) + unlisted;
    match kind {
        MarketKind::Odds if market.definition.each_way_divisor.is_some() => {
            worst_of_winners(&results, without_bets, 1)
        }
        MarketKind::Odds if places > 0 => worst_of_winners(&results, without_bets, places),
        MarketKind::EachWay { .. } if places > 0 => worst_each_way(&results, without_bets, places),
        // Where results are not "k of the runners win", each runner may do its worst by itself.
        MarketKind::EachWay { .. } => results.iter().map(|r| r.worst().min(r.if_placed)).sum(),
        _ => results.iter().map(|r| r.worst()).sum(),
    }
}

/// Σ L + the k smallest W − L. In place markets fewer than k may be placed; a win market has its winner.
/// A dead heat is a mean of results without one, so no worse than the worst of them.
fn worst_of_winners(results: &[Results], without_bets: usize, winners: usize) -> Money {
    let all_lose: Money = results.iter().map(|r| r.if_lose).sum();
    let mut swings: SmallVec<[Money; 24]> = results.iter().map(|r| r.if_win - r.if_lose).collect();
    // A runner without bets may be the one that wins, at no cost.
    swings.extend(std::iter::repeat_n(Money::ZERO, without_bets.min(winners)));
    swings.sort_unstable();
    let least = if winners == 1 { 1 } else { 0 };
    let mut result = all_lose;
    let mut worst = (least == 0).then_some(all_lose);
    for swing in swings.iter().take(winners) {
        result += *swing;
        worst = Some(worst.map_or(result, |so_far| so_far.min(result)));
    }
    worst.unwrap_or(all_lose)
}

/// Σ L + the smallest W − L of one runner with the places − 1 smallest P − L of others, of which fewer may be placed.
fn worst_each_way(results: &[Results], without_bets: usize, places: usize) -> Money {
    let all_lose: Money = results.iter().map(|r| r.if_lose).sum();
    // Only losses from placing count, for fewer may be placed; the runner that wins is taken out.
    let mut losses: SmallVec<[(Money, usize); 24]> = results
        .iter()
        .enumerate()
        .map(|(at, r)| (r.if_placed - r.if_lose, at))
        .filter(|(swing, _)| *swing < Money::ZERO)
        .collect();
    losses.sort_unstable();
    let placed_with = |winner: Option<usize>| -> Money {
        let others = losses.iter().filter(|(_, at)| Some(*at) != winner);
        others.take(places - 1).map(|(swing, _)| *swing).sum()
    };
    let by_winner = results
        .iter()
        .enumerate()
        .map(|(at, r)| r.if_win - r.if_lose + placed_with(Some(at)));
    let outsider = (without_bets > 0).then(|| placed_with(None));
    all_lose + by_winner.chain(outsider).min().unwrap_or(Money::ZERO)
}
