//! Registers probabilities, stakes, hedges, odds formats and the settlement of special bets.

use rhai::{Dynamic, Map};

use super::super::maths::devig::{self, Method};
use super::super::maths::hedging::{self, Book, GreenUp, Hedge};
use super::super::maths::odds_formats::{self, Format};
use super::super::maths::settlement::{self, Finish, Shares};
use super::super::maths::{Checked, Wrong, kelly, kelly_many, staking};
use super::super::names::Api;
use super::args::Args;

/// Steps for each outcome of a method that searches.
const SEARCH: usize = 100;
/// Steps for each outcome of two searches, one inside the other.
const NESTED_SEARCH: usize = 3600;

/// Registers what bets are made of.
pub(super) fn register(api: &mut Api) {
    probabilities(api);
    kelly_stakes(api);
    stakes(api);
    hedges(api);
    formats(api);
    special_bets(api);
}

/// A map of numbers for a script.
pub(super) fn numbers<const N: usize>(entries: [(&str, f64); N]) -> Map {
    let entries = entries.into_iter();
    entries.map(|(name, x)| (name.into(), x.into())).collect()
}

/// Shares of a stake as a script reads them.
pub(super) fn shares_map(shares: Shares) -> Map {
    let mut map = numbers([
        ("win", shares.win),
        ("push", shares.push),
        ("lose", shares.lose),
    ]);
    let fair = if shares.win > 0.0 {
        Dynamic::from(1.0 + shares.lose / shares.win)
    } else {
        Dynamic::UNIT
    };
    map.insert("fair_odds".into(), fair);
    map
}

fn probabilities(api: &mut Api) {
    api.group("Probabilities");
    api.library(
        "round(number, decimals)",
        "rounded to 0 to 12 decimals",
        "round(2.345678, 2) → 2.35",
        |a| {
            let (x, decimals) = (a.number()?, a.whole()?);
            match i32::try_from(decimals) {
                Ok(places @ 0..=12) => {
                    let scale = 10_f64.powi(places);
                    Ok((x * scale).round() / scale)
                }
                _ => Err(Wrong::new(format!(
                    "decimals are 0 to 12: {decimals} is not"
                ))),
            }
        },
    );
    api.library("implied(odds)", "1/odds", "implied(4.0) → 0.25", |a| {
        odds_formats::Format::Probability.of_decimal(a.number()?)
    });
    api.library(
        "fair_odds(probability)",
        "1/probability",
        "fair_odds(0.25) → 4.0",
        |a| {
            let p = a.number()?;
            if p > 0.0 && p <= 1.0 {
                Ok(p.recip())
            } else {
                Err(Wrong::new(format!(
                    "a probability that has odds is over 0 and at most 1: {p} is not"
                )))
            }
        },
    );
    api.library(
        "book_sum(odds)",
        "Σ 1/odds: 1.02 is 2 % against the backer",
        "book_sum([2.0, 4.0, 3.0]) → 1.083333",
        |a| devig::book_sum(&a.numbers()?),
    );
    api.library(
        "devig(method, odds, target = 1)",
        "probabilities without the margin, by the method of this name: multiplicative, additive, power, odds_ratio, shin. They add up to `target`: the number of places in a place market. \"logarithmic\" is power to some and odds_ratio to others, so it is no name here",
        r#"devig("power", [1.5, 2.74]) → [0.653152, 0.346848]"#,
        |a| Ok(fair(a, None)?.probabilities),
    );
    api.library(
        "devig_multiplicative(odds, target = 1)",
        "each its share of the book: r/Σr with r = 1/odds",
        "devig_multiplicative([2.7, 2.3, 4.4]) → [0.358738, 0.421127, 0.220135]",
        |a| Ok(fair(a, Some(Method::Multiplicative))?.probabilities),
    );
    api.library(
        "devig_additive(odds, target = 1)",
        "the same amount off each (also called differential margin weighting); an error where a long shot would go below 0",
        "devig_additive([2.7, 2.3, 4.4]) → [0.359562, 0.423974, 0.216464]",
        |a| Ok(fair(a, Some(Method::Additive))?.probabilities),
    );
    api.library(
        "devig_power(odds, target = 1)",
        "each raised to the power at which they add up: takes more off long shots",
        "devig_power([2.7, 2.3, 4.4]) → [0.359171, 0.423731, 0.217098]",
        |a| Ok(fair(a, Some(Method::Power))?.probabilities),
    );
    api.library(
        "devig_odds_ratio(odds, target = 1)",
        "the same ratio between fair and offered odds-against for each: r/(c + r − c·r)",
        "devig_odds_ratio([2.7, 2.3, 4.4]) → [0.358810, 0.422561, 0.218628]",
        |a| Ok(fair(a, Some(Method::OddsRatio))?.probabilities),
    );
    api.library(
        "devig_shin(odds, target = 1)",
        "Shin's: the margin protects the book from a share z of insiders; an error where the book pays more than it takes",
        "devig_shin([2.7, 2.3, 4.4]) → [0.359344, 0.423244, 0.217412]",
        |a| Ok(fair(a, Some(Method::Shin))?.probabilities),
    );
    api.library(
        "devig_parameter(method, odds, target = 1)",
        "the method's own number: k of power, c of odds_ratio, z of shin; `()` of the others",
        r#"devig_parameter("shin", [2.7, 2.3, 4.4]) → 0.016236"#,
        |a| {
            Ok(fair(a, None)?
                .parameter
                .map_or(Dynamic::UNIT, Dynamic::from))
        },
    );
}

/// Reads (method,) odds and target, and takes the margin off.
fn fair(a: &mut Args<'_, '_>, method: Option<Method>) -> Checked<devig::Fair> {
    let method = match method {
        Some(method) => method,
        None => Method::parse(&a.text_or("")?)?,
    };
    let odds = a.numbers()?;
    a.spend(SEARCH * odds.len())?;
    devig::devig(method, &odds, a.number_or(1.0)?)
}

fn kelly_stakes(api: &mut Api) {
    api.group("Kelly stakes");
    api.library(
        "kelly(probability, odds, fraction = 1)",
        "share of the bank to stake, never below 0",
        "kelly(0.55, 2.1, 0.5) → 0.070455",
        |a| kelly::back(a.number()?, a.number()?, 0.0, a.number_or(1.0)?),
    );
    api.library(
        "kelly_back(probability, odds, commission, fraction = 1)",
        "the same after commission on winnings",
        "kelly_back(0.55, 2.1, 0.05) → 0.119378",
        |a| kelly::back(a.number()?, a.number()?, a.number()?, a.number_or(1.0)?),
    );
    api.library(
        "kelly_lay(probability, odds, commission, fraction = 1)",
        "share of the bank to risk as a lay's liability; the stake is that / (odds − 1)",
        "kelly_lay(0.28, 3.0, 0.05) → 0.130526",
        |a| kelly::lay(a.number()?, a.number()?, a.number()?, a.number_or(1.0)?),
    );
    api.library(
        "kelly_exclusive(probabilities, odds, fraction = 1)",
        "shares of the bank for outcomes of which at most one happens, such as the runners of a race",
        "kelly_exclusive([0.4, 0.3, 0.3], [3.0, 4.0, 2.5]) → [0.4, 0.3, 0.3]",
        |a| {
            let (p, odds) = (a.numbers()?, a.numbers()?);
            a.spend(10 * odds.len())?;
            kelly::exclusive(&p, &odds, a.number_or(1.0)?)
        },
    );
    api.library(
        "kelly_independent(probabilities, odds, fraction = 1)",
        "shares of the bank for up to 12 independent bets open at the same time",
        "kelly_independent([0.55, 0.55], [2.0, 2.0]) → [0.099010, 0.099010]",
        |a| {
            let (p, odds) = (a.numbers()?, a.numbers()?);
            let bets = odds.len().min(kelly_many::MOST_BETS);
            a.spend((1 << bets) * bets * bets)?;
            kelly_many::independent(&p, &odds, a.number_or(1.0)?)
        },
    );
    api.library(
        "kelly_net_position(probabilities, back, lay, position, bank, commission = 0)",
        "amounts still to back (below 0: backer's stakes to lay) in a market where `position` is the profit so far if each outcome wins, with commission on the net winnings of all bets; `lay` is `[]` if there are no lays",
        "kelly_net_position([0.6, 0.4], [2.0, 2.0], [], [0.0, 0.0], 100.0) → [20.0, 0.0]",
        |a| {
            let (p, back, lay, position) = (a.numbers()?, a.numbers()?, a.numbers()?, a.numbers()?);
            a.spend(NESTED_SEARCH * back.len().min(kelly_many::MOST_OUTCOMES))?;
            kelly_many::net_position(kelly_many::Market {
                probabilities: &p,
                back: &back,
                lay: &lay,
                position: &position,
                bank: a.number()?,
                commission: a.number_or(0.0)?,
            })
        },
    );
    api.library(
        "kelly_growth(probability, odds, share)",
        "expected growth of ln(bank) from one bet of this share",
        "kelly_growth(0.55, 2.0, 0.1) → 0.005008",
        |a| kelly::growth(a.number()?, a.number()?, a.number()?),
    );
    api.library(
        "kelly_growth_exclusive(probabilities, odds, shares)",
        "the same for outcomes of which at most one happens",
        "kelly_growth_exclusive([0.4, 0.3, 0.3], [3.0, 4.0, 2.5], [0.4, 0.3, 0.3]) → 0.041320",
        |a| kelly::growth_exclusive(&a.numbers()?, &a.numbers()?, &a.numbers()?),
    );
    api.library(
        "kelly_growth_independent(probabilities, odds, shares)",
        "the same for independent bets at the same time",
        "kelly_growth_independent([0.55, 0.55], [2.0, 2.0], [0.1, 0.1]) → 0.009966",
        |a| {
            let (p, odds, shares) = (a.numbers()?, a.numbers()?, a.numbers()?);
            let bets = odds.len().min(kelly_many::MOST_BETS);
            a.spend((1 << bets) * bets)?;
            kelly_many::growth_independent(&p, &odds, &shares)
        },
    );
}

fn stakes(api: &mut Api) {
    api.group("Stakes by rule");
    api.library(
        "stake_percent(bank, share)",
        "a share of the bank",
        "stake_percent(1000.0, 0.02) → 20.0",
        |a| staking::percent(a.number()?, a.number()?),
    );
    api.library(
        "stake_to_win(amount, odds, commission = 0)",
        "the stake that wins this amount after commission",
        "stake_to_win(10.0, 3.0) → 5.0",
        |a| staking::to_win(a.number()?, a.number()?, a.number_or(0.0)?),
    );
    api.library(
        "stake_for_liability(liability, odds)",
        "the backer's stake at which a lay risks this amount",
        "stake_for_liability(30.0, 4.0) → 10.0",
        |a| staking::for_liability(a.number()?, a.number()?),
    );
    api.library(
        "liability(stake, odds)",
        "what a lay of this backer's stake risks",
        "liability(10.0, 4.0) → 30.0",
        |a| staking::liability(a.number()?, a.number()?),
    );
    api.library(
        "stake_capped(stake, least, most)",
        "at most `most`; 0 if below `least`, as too small a bet cannot be placed",
        "stake_capped(1.5, 2.0, 50.0) → 0.0",
        |a| staking::capped(a.number()?, a.number()?, a.number()?),
    );
    api.library(
        "stake_after_drawdown(stake, bank, peak, limit)",
        "a stake that shrinks evenly to 0 as the bank falls from its peak by the share `limit`",
        "stake_after_drawdown(10.0, 900.0, 1000.0, 0.2) → 5.0",
        |a| staking::after_drawdown(a.number()?, a.number()?, a.number()?, a.number()?),
    );
}

fn green_up_map(green: GreenUp) -> Map {
    numbers([("stake", green.stake), ("profit", green.profit)])
}

fn hedge_map(hedge: Hedge) -> Map {
    let mut map = numbers([("worst", hedge.worst), ("spread", hedge.spread)]);
    map.insert("stakes".into(), hedge.stakes.into());
    map.insert("outcomes".into(), hedge.outcomes.into());
    map
}

fn hedges(api: &mut Api) {
    api.group("Dutching, arbitrage, hedging");
    api.library(
        "dutch(total, odds)",
        "shares a total out so that each outcome pays the same; gives `stakes` and `profit`",
        "dutch(100.0, [3.0, 4.0, 6.0]) → #{ stakes: [44.444444, 33.333333, 22.222222], profit: 33.333333 }",
        |a| {
            let dutch = hedging::dutch(a.number()?, &a.numbers()?)?;
            let mut map = numbers([("profit", dutch.profit)]);
            map.insert("stakes".into(), dutch.stakes.into());
            Ok(map)
        },
    );
    api.library(
        "arb(odds)",
        "the best odds of each outcome as an arbitrage: `sum` of 1/odds, `stakes` as shares of the total, sure `profit` on it (below 0: there is none)",
        "arb([2.15, 3.8, 4.6]) → #{ sum: 0.945665, stakes: [0.491840, 0.278278, 0.229882], profit: 0.057456 }",
        |a| {
            let odds = a.numbers()?;
            let dutch = hedging::dutch(1.0, &odds)?;
            let mut map = numbers([("profit", dutch.profit), ("sum", devig::book_sum(&odds)?)]);
            map.insert("stakes".into(), dutch.stakes.into());
            Ok(map)
        },
    );
    api.library(
        "green_up_back_then_lay(stake, back, lay, commission = 0)",
        "the lay that closes a back with the same `profit` either way",
        "green_up_back_then_lay(100.0, 3.0, 2.0, 0.05) → #{ stake: 150.0, profit: 47.5 }",
        |a| {
            hedging::back_then_lay(a.number()?, a.number()?, a.number()?, a.number_or(0.0)?)
                .map(green_up_map)
        },
    );
    api.library(
        "green_up_lay_then_back(stake, lay, back, commission = 0)",
        "the back that closes a lay with the same `profit` either way",
        "green_up_lay_then_back(10.0, 4.0, 5.0, 0.02) → #{ stake: 8.0, profit: 1.96 }",
        |a| {
            hedging::lay_then_back(a.number()?, a.number()?, a.number()?, a.number_or(0.0)?)
                .map(green_up_map)
        },
    );
    api.library(
        "back_book_lay_exchange(stake, back, lay, commission)",
        "the lay on an exchange against a back with a bookmaker",
        "back_book_lay_exchange(100.0, 3.2, 3.0, 0.05) → #{ stake: 108.474576, profit: 3.050847 }",
        |a| {
            hedging::back_book_lay_exchange(a.number()?, a.number()?, a.number()?, a.number()?)
                .map(green_up_map)
        },
    );
    api.library(
        "hedge_equalise(position, back, lay = [])",
        "the bets that raise the worst outcome as far as it goes: `stakes` to back (below 0: to lay), `outcomes`, their `worst` and `spread`. `position` is the profit so far if each outcome wins, as ctx.outcomes(market) gives it",
        "hedge_equalise([200.0, -100.0], [1.5, 2.5]) → #{ stakes: [0.0, 120.0], outcomes: [80.0, 80.0], worst: 80.0, spread: 0.0 }",
        |a| {
            let (position, back, lay) = (a.numbers()?, a.numbers()?, a.numbers()?);
            a.spend(position.len() * position.len())?;
            hedging::equalise(Book { position: &position, back: &back, lay: &lay }).map(hedge_map)
        },
    );
    api.library(
        "green_up_book(position, back, lay, least_stake = 0)",
        "the same in whole pennies, without bets below `least_stake`; `spread` is what rounding leaves",
        "green_up_book([100.0, -50.0, -50.0], [2.9, 2.9, 3.0], [3.0, 3.0, 3.1]).stakes → [-50.0, 0.0, 0.0]",
        |a| {
            let (position, back, lay) = (a.numbers()?, a.numbers()?, a.numbers()?);
            a.spend(position.len() * position.len())?;
            let book = Book { position: &position, back: &back, lay: &lay };
            hedging::green_up_book(book, a.number_or(0.0)?).map(hedge_map)
        },
    );
}

fn formats(api: &mut Api) {
    api.group("Odds formats");
    api.library(
        "to_decimal(format, odds)",
        "decimal odds of odds written as american, hong_kong, malay, indonesian or probability",
        r#"to_decimal("american", 170) → 2.7"#,
        |a| Format::parse(&a.text_or("")?)?.to_decimal(a.number()?),
    );
    api.library(
        "from_decimal(format, odds)",
        "decimal odds written so",
        r#"from_decimal("malay", 3.0) → -0.5"#,
        |a| Format::parse(&a.text_or("")?)?.of_decimal(a.number()?),
    );
    api.library(
        "to_fraction(odds)",
        "the nearest fraction that bookmakers quote",
        r#"to_fraction(2.62) → "13/8""#,
        |a| odds_formats::fraction(a.number()?),
    );
    api.library(
        "from_fraction(text)",
        "decimal odds of a fraction, or of evens",
        r#"from_fraction("13/10") → 2.3"#,
        |a| odds_formats::from_fraction(&a.text_or("")?),
    );
    api.library(
        "odds_after_commission(odds, commission)",
        "what odds are worth after commission on winnings",
        "odds_after_commission(3.0, 0.05) → 2.9",
        |a| odds_formats::after_commission(a.number()?, a.number()?),
    );
}

fn special_bets(api: &mut Api) {
    api.group("Each way, withdrawals, dead heats, Asian lines");
    api.library(
        "each_way_place_odds(odds, fraction)",
        "odds of the place part of an each-way bet",
        "each_way_place_odds(9.0, 0.25) → 3.0",
        |a| settlement::place_odds(a.number()?, a.number()?),
    );
    api.library(
        "each_way_edge(win, placed, odds, fraction)",
        "expected profit for a unit staked in all, from the chances to win and to be placed",
        "each_way_edge(0.12, 0.36, 9.0, 0.25) → 0.08",
        |a| settlement::each_way_edge(a.number()?, a.number()?, a.number()?, a.number()?),
    );
    api.library(
        "each_way_profit(stake, odds, fraction, finish)",
        "profit of a stake in all, half on each part; `finish` is \"WON\", \"PLACED\" or \"LOST\"",
        r#"each_way_profit(20.0, 9.0, 0.25, "PLACED") → 10.0"#,
        |a| {
            let (stake, odds, fraction) = (a.number()?, a.number()?, a.number()?);
            let finish = match a.text_or("")?.as_str() {
                "WON" => Finish::Won,
                "PLACED" => Finish::Placed,
                "LOST" => Finish::Lost,
                other => {
                    return Err(Wrong::new(format!(
                        "a finish is \"WON\", \"PLACED\" or \"LOST\": \"{other}\" is not"
                    )));
                }
            };
            settlement::each_way_profit(stake, odds, fraction, finish)
        },
    );
    api.library(
        "rule_4_deduction(withdrawn_odds)",
        "what Tattersalls' rule 4 takes from winnings when a runner at these odds is withdrawn",
        "rule_4_deduction(3.0) → 0.3",
        |a| settlement::rule_4_deduction(a.number()?),
    );
    api.library(
        "odds_after_deduction(odds, deduction)",
        "a bookmaker's odds after a deduction from winnings",
        "odds_after_deduction(5.0, 0.3) → 3.8",
        |a| settlement::after_deduction(a.number()?, a.number()?),
    );
    api.library(
        "price_after_reduction(price, factor)",
        "an exchange price after a withdrawal with this reduction factor",
        "price_after_reduction(5.0, 0.2) → 4.0",
        |a| settlement::after_reduction(a.number()?, a.number()?),
    );
    api.library(
        "dead_heat_profit(stake, odds, tied, places = 1)",
        "profit of a winning bet where `tied` runners share `places`",
        "dead_heat_profit(10.0, 5.0, 2) → 15.0",
        |a| {
            let (stake, odds, tied) = (a.number()?, a.number()?, a.whole()?);
            settlement::dead_heat_profit(stake, odds, tied, a.whole_if_given()?.unwrap_or(1))
        },
    );
    api.library(
        "asian_settle(margin, line)",
        "how a bet on a side that won by `margin` settles with this handicap: shares that `win`, `push` and `lose`, and fair_odds. Over a total: the total, minus the line",
        "asian_settle(0, -0.25) → #{ win: 0.0, push: 0.5, lose: 0.5, fair_odds: () }",
        |a| settlement::asian(a.number()?, a.number()?).map(shares_map),
    );
}
