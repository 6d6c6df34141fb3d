//! What is spread over the levels of a ladder, summed up natively: weight of money, VWAP, the price of a whole stake.

use rhai::{Array, Dynamic, EvalAltResult};

use super::budget::Work;
use super::error::fail;
use super::maths::{Checked, Wrong};
use super::names::{Api, optional};
use super::propose::number;
use super::view::{MarketView, RunnerView, best_price_to_back, side_of};
use crate::market::{Level, Price, Runner};

/// Levels that weight of money may look at.
const MOST_LEVELS: i64 = 350;

type Outcome<T> = Result<T, Box<EvalAltResult>>;

/// Registers what is read over whole ladders.
pub(super) fn register(api: &mut Api) {
    api.group("Ladders as a whole");
    api.get_option(
        "vwap",
        "mean price matched, by volume; or `()`",
        |r: &RunnerView| vwap(r.get()),
    );
    api.example("runner.vwap → 3.025");
    let work = api.work.clone();
    api.function(
        "runner.weight_of_money(levels)",
        "of the money on the best levels of both sides, the share that backers can take; `()` if there is none",
        move |r: &mut RunnerView, levels: i64| -> Outcome<Dynamic> {
            weight_of_money(&work, r.get(), levels).map(optional).map_err(told("weight_of_money"))
        },
    );
    api.example("runner.weight_of_money(2) → 0.666667");
    let work = api.work.clone();
    api.function(
        "runner.average_price(side, stake)",
        "mean price at which this stake would be matched now; `()` if the ladder does not hold it. A \"BACK\" takes what is there to back",
        move |r: &mut RunnerView, side: &str, stake: Dynamic| -> Outcome<Dynamic> {
            average_price(&work, r.get(), side, &stake).map(optional)
        },
    );
    api.example(
        r#"[runner.average_price("BACK", 20.0), runner.average_price("LAY", 20.0)] → [2.95, ()]"#,
    );
    let work = api.work.clone();
    api.function(
        "market.book_for(side, stake)",
        "Σ 1/average_price of this stake over active runners: the book as it is for that much money; `()` if a ladder does not hold it",
        move |m: &mut MarketView, side: &str, stake: Dynamic| -> Outcome<Dynamic> {
            let mut sum = Some(0.0);
            for runner in m.0.active_runners() {
                let price = average_price(&work, runner, side, &stake)?;
                sum = sum.zip(price).map(|(sum, price)| sum + 1.0 / price);
            }
            Ok(optional(sum))
        },
    );
    api.example(r#"market.book_for("BACK", 20.0) → 1.005650"#);
    register_prices(api);
}

fn register_prices(api: &mut Api) {
    let price = |level: Option<Level>| level.map(|level| level.price.to_f64());
    api.function(
        "market.back_prices()",
        "best prices to back of the active runners, in the order of market.active; `()` if one has none",
        move |m: &mut MarketView| prices(m, |r| best_price_to_back(r).map(Price::to_f64)),
    );
    api.example("market.back_prices() → [3.0, 1.5]");
    api.function(
        "market.lay_prices()",
        "the same of the best prices to lay",
        move |m: &mut MarketView| prices(m, |r| price(r.best_lay())),
    );
    api.example("market.lay_prices() → [3.1, 1.52]");
    api.function(
        "market.mid_prices()",
        "the same of the middles between them, as in devig_power(market.mid_prices())",
        move |m: &mut MarketView| {
            prices(m, |r| {
                Some((price(r.best_back())? + price(r.best_lay())?) / 2.0)
            })
        },
    );
    api.example("market.mid_prices() → [3.05, 1.51]");
    api.function(
        "market.prices_of(book)",
        "the same of one bookmaker's prices, as in devig_shin(market.prices_of(\"pinnacle\"))",
        |m: &mut MarketView, book: &str| {
            prices(m, |r| {
                let quote = r.quotes.iter().find(|quote| quote.book.as_str() == book);
                quote.map(|quote| quote.price.to_f64())
            })
        },
    );
    api.example("market.prices_of(\"pinnacle\") → ()");
}

fn told(function: &'static str) -> impl Fn(Wrong) -> Box<EvalAltResult> {
    move |wrong| fail(wrong.of(function).to_string())
}

fn prices(market: &MarketView, read: impl Fn(&Runner) -> Option<f64>) -> Dynamic {
    let prices: Option<Array> = market
        .0
        .active_runners()
        .map(|runner| read(runner).map(Dynamic::from))
        .collect();
    optional(prices)
}

fn vwap(runner: &Runner) -> Option<f64> {
    let levels = runner.traded.levels().iter();
    let (value, volume) = levels.fold((0.0, 0.0), |(value, volume), level| {
        let size = level.size.to_f64();
        (value + level.price.to_f64() * size, volume + size)
    });
    (volume > 0.0).then(|| value / volume)
}

fn weight_of_money(work: &Work, runner: &Runner, levels: i64) -> Checked<Option<f64>> {
    if !(1..=MOST_LEVELS).contains(&levels) {
        return Err(Wrong::new(format!(
            "levels are 1 to {MOST_LEVELS}: {levels} is not"
        )));
    }
    let levels = levels as usize;
    work.spend(2 * levels)?;
    let money = |side: &mut dyn Iterator<Item = &Level>| -> f64 {
        side.take(levels).map(|level| level.size.to_f64()).sum()
    };
    let back = money(&mut runner.to_back.levels().iter().rev());
    let lay = money(&mut runner.to_lay.levels().iter());
    Ok((back + lay > 0.0).then(|| back / (back + lay)))
}

fn average_price(
    work: &Work,
    runner: &Runner,
    side: &str,
    stake: &Dynamic,
) -> Outcome<Option<f64>> {
    let wrong = || fail(format!("average_price: a stake is over 0: {stake} is not"));
    let stake = number(stake)
        .filter(|x| x.is_finite() && *x > 0.0)
        .ok_or_else(wrong)?;
    let levels = side_of(runner, side)?.levels();
    work.spend(levels.len()).map_err(told("average_price"))?;
    let best_first: &mut dyn Iterator<Item = &Level> = if side.eq_ignore_ascii_case("BACK") {
        &mut levels.iter().rev()
    } else {
        &mut levels.iter()
    };
    let (mut value, mut left) = (0.0, stake);
    for level in best_first {
        let taken = level.size.to_f64().min(left);
        value += level.price.to_f64() * taken;
        left -= taken;
        if left <= 0.0 {
            return Ok(Some(value / stake));
        }
    }
    Ok(None)
}
