//! Worst cases of handicaps and lines: every score that makes a difference is tried.

use smallvec::SmallVec;

use super::{Beside, Bets, Exposure, loss};
use crate::engine::Holding;
use crate::market::{MarketDefinition, MarketKind, Money, OrderKind, Price, RunnerId, Side};

/// The worst result of a handicap market, over every score near one of the lines bet on.
pub(super) fn worst_handicap(definition: &MarketDefinition, all: &[Bets]) -> Money {
    if all.iter().any(|bets| bets.runner.handicap % 25 != 0) {
        return each_at_its_worst(all);
    }
    match mirrored(definition) {
        // Which way round does not matter: every score is tried.
        Some(first) => worst_score(all, |runner| runner.selection == first),
        // How the selections belong together is not known: each may do its worst by itself, whichever way it counts.
        None => {
            let mut seen: SmallVec<[u64; 4]> = SmallVec::new();
            let mut worst = Money::ZERO;
            for bets in all {
                let selection = bets.runner.selection;
                if seen.contains(&selection) {
                    continue;
                }
                seen.push(selection);
                let own: SmallVec<[Bets; 24]> = all
                    .iter()
                    .filter(|bets| bets.runner.selection == selection)
                    .copied()
                    .collect();
                worst += worst_score(&own, |_| true).min(worst_score(&own, |_| false));
            }
            worst
        }
    }
}

fn each_at_its_worst(all: &[Bets]) -> Money {
    let worst = |bets: &Bets| bets.results(MarketKind::Handicap, None).worst();
    all.iter().map(worst).sum()
}

/// One of two selections, if the lines of either are those of the other with the sign turned.
fn mirrored(definition: &MarketDefinition) -> Option<u64> {
    let runners = &definition.runners;
    let first = runners.first()?.id.selection;
    let second = runners.iter().find(|r| r.id.selection != first)?.id;
    let paired = runners.iter().all(|runner| {
        let other = match runner.id.selection {
            id if id == first => second.selection,
            id if id == second.selection => first,
            _ => return false,
        };
        definition
            .runner(RunnerId {
                selection: other,
                handicap: -runner.id.handicap,
            })
            .is_some()
    });
    paired.then_some(first)
}

/// The worst over all scores. `rises` says of which runners a higher line wins as the line drawn is lower; of the
/// others the lines count the other way round.
fn worst_score(all: &[Bets], rises: impl Fn(RunnerId) -> bool) -> Money {
    let quarters = |runner: RunnerId| {
        let quarters = runner.handicap / 25;
        if rises(runner) { quarters } else { -quarters }
    };
    let result = |drawn: i32| -> Money {
        all.iter()
            .map(|bets| {
                let ahead = quarters(bets.runner) - drawn;
                let ahead = if rises(bets.runner) { ahead } else { -ahead };
                if_ahead(bets, ahead)
            })
            .sum()
    };
    // A line changes its result within half a goal: the whole goals around it are all that matter.
    all.iter()
        .flat_map(|bets| {
            let goal = quarters(bets.runner).div_euclid(4);
            (goal - 1..=goal + 2).map(|goal| 4 * goal)
        })
        .map(result)
        .min()
        .unwrap_or(Money::ZERO)
}

/// What the bets on a line bring if the runner is so many quarters ahead of it.
fn if_ahead(bets: &Bets, quarters: i32) -> Money {
    let results = bets.results(MarketKind::Handicap, None);
    let half = |amount: Money| Money::from_minor(amount.minor().div_euclid(2));
    match quarters {
        2.. => results.if_win,
        1 => half(results.if_win),
        0 => Money::ZERO,
        -1 => half(results.if_lose),
        _ => results.if_lose,
    }
}

/// Bets on one line: what it brings if the result is under it, and over it. On the line stakes are returned.
#[derive(Clone, Copy, Debug)]
struct OnLine {
    line: Price,
    under: Money,
    over: Money,
}

/// The worst result of a line market. Bets are struck at evens; BACK sells the line and wins under it, LAY buys it.
pub(super) fn worst_line(holding: &Holding, beside: Beside) -> Exposure {
    let new = beside.proposed().map(|new| new.runner);
    let mut seen: SmallVec<[RunnerId; 4]> = SmallVec::new();
    let mut worst = Exposure::default();
    for runner in holding.orders().iter().map(|order| order.runner).chain(new) {
        if seen.contains(&runner) {
            continue;
        }
        seen.push(runner);
        let lines = lines_of(runner, holding, beside);
        let of_runner = loss(worst_of_lines(&lines));
        worst.gross += lines
            .iter()
            .map(|bets| loss(bets.under.min(bets.over)))
            .sum();
        worst.market += of_runner;
        worst.as_listed += of_runner;
        if new == Some(runner) {
            worst.runner = of_runner;
        }
    }
    worst
}

/// The bets on one runner's lines, lowest first.
fn lines_of(runner: RunnerId, holding: &Holding, beside: Beside) -> SmallVec<[OnLine; 24]> {
    let held = holding.orders().iter().filter(|o| o.runner == runner);
    // Matched bets count at the order's own line, the worst it took.
    let held = held.map(|order| {
        let open = order.remaining();
        on_line(order.side, order.kind, order.matched, open)
    });
    let new = beside.proposed().filter(|new| new.runner == runner);
    let new = new.map(|new| {
        let size = new.kind.size().unwrap_or_default();
        let (matched, open) = match beside {
            Beside::Matched(_) => (size, Money::ZERO),
            _ => (Money::ZERO, size),
        };
        on_line(new.side, new.kind, matched, open)
    });
    let mut lines: SmallVec<[OnLine; 24]> = held.chain(new).collect();
    lines.sort_unstable_by_key(|bets| bets.line);
    lines
}

fn on_line(side: Side, kind: OrderKind, matched: Money, open: Money) -> OnLine {
    let (line, won, lost) = match kind {
        OrderKind::Limit { price, .. } => (price, matched, -(matched + open)),
        // There is no starting price of a line; what such an order may lose counts on both sides.
        on_close => {
            let risk = -on_close.at_risk(side);
            (Price::from_nanos(0), risk, risk)
        }
    };
    match side {
        Side::Back => OnLine {
            line,
            under: won,
            over: lost,
        },
        Side::Lay => OnLine {
            line,
            under: lost,
            over: won,
        },
    }
}

/// The worst over every whole result: under all lines, on each, and between one and the next.
fn worst_of_lines(lines: &[OnLine]) -> Money {
    let mut total: Money = lines.iter().map(|bets| bets.under).sum();
    let Some(first) = lines.first() else {
        return Money::ZERO;
    };
    // Nothing ends under zero.
    let mut worst = (first.line.nanos() > 0).then_some(total);
    let mut consider = |total: Money| {
        worst = Some(worst.map_or(total, |so_far| so_far.min(total)));
    };
    let mut above = lines;
    for group in lines.chunk_by(|a, b| a.line == b.line) {
        let line = group[0].line;
        above = &above[group.len()..];
        total -= group.iter().map(|bets| bets.under).sum();
        if line.nanos() % Price::SCALE == 0 {
            consider(total);
        }
        total += group.iter().map(|bets| bets.over).sum();
        let next_whole = (line.nanos() / Price::SCALE + 1).saturating_mul(Price::SCALE);
        if above
            .first()
            .is_none_or(|next| next_whole < next.line.nanos())
        {
            consider(total);
        }
    }
    worst.unwrap_or(total)
}
