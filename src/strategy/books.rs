//! What single bookmakers think of a market: their margin, and the chances that their prices imply.

use rhai::{Array, Dynamic, EvalAltResult, ImmutableString};

use super::budget::Work;
use super::error::fail;
use super::maths::devig::{Method, devig};
use super::names::{Api, optional};
use super::view::MarketView;
use crate::market::{Market, MarketKind, Runner};

/// Steps of maths that freeing one price of its margin may take.
const SEARCH: usize = 100;

type Outcome<T> = Result<T, Box<EvalAltResult>>;

/// Registers what is asked of a market by the name of a bookmaker.
pub(super) fn register(api: &mut Api) {
    api.get(
        "books",
        "names of the bookmakers that offer something here, in the order first seen",
        |m: &MarketView| -> Array { names(&m.0).into_iter().map(Dynamic::from).collect() },
    );
    api.function(
        "market.overround(book)",
        "Σ 1/price of one bookmaker: 1.05 is 5 % against you; `()` if it does not price every outcome",
        |m: &mut MarketView, book: ImmutableString| -> Dynamic {
            optional(prices(&m.0, &book).map(|prices| prices.iter().map(|p| p.recip()).sum::<f64>()))
        },
    );
    api.function(
        "market.implied(book)",
        "1/price of one bookmaker for each active runner, margin and all; `()` if it does not price every outcome",
        |m: &mut MarketView, book: ImmutableString| -> Dynamic {
            let implied = prices(&m.0, &book).map(|prices| {
                let implied = prices.iter().map(|price| Dynamic::from(price.recip()));
                implied.collect::<Array>()
            });
            optional(implied.map(Dynamic::from))
        },
    );
    let (power, named) = (api.work.clone(), api.work.clone());
    api.function(
        "market.fair(book)",
        "the chances that one bookmaker's prices give each active runner, its margin taken off by the power method; `()` if it does not price every outcome",
        move |m: &mut MarketView, book: ImmutableString| fair(&power, &m.0, &book, "power"),
    );
    api.function(
        "market.fair(book, method)",
        "the same by another method: \"shin\", \"odds_ratio\", \"additive\", \"multiplicative\"",
        move |m: &mut MarketView, book: ImmutableString, method: ImmutableString| {
            fair(&named, &m.0, &book, &method)
        },
    );
}

fn names(market: &Market) -> Vec<ImmutableString> {
    let mut names: Vec<ImmutableString> = Vec::new();
    for quote in market
        .active_runners()
        .flat_map(|runner| runner.quotes.iter())
    {
        if !names
            .iter()
            .any(|name| name.as_str() == quote.book.as_str())
        {
            names.push(quote.book.as_str().into());
        }
    }
    names
}

/// A bookmaker's prices, one for each active runner. Of a market with lines only if it has one line, for what stands on
/// different lines does not add up.
fn prices(market: &Market, book: &str) -> Option<Vec<f64>> {
    let own = |runner: &Runner| {
        let quote = runner.quotes.iter().find(|q| q.book.as_str() == book)?;
        Some(quote.price.to_f64())
    };
    let prices: Option<Vec<f64>> = market.active_runners().map(own).collect();
    let most = match market.definition.kind() {
        MarketKind::Handicap => 2,
        _ => usize::MAX,
    };
    prices.filter(|prices| prices.len() >= 2 && prices.len() <= most)
}

fn fair(work: &Work, market: &Market, book: &str, method: &str) -> Outcome<Dynamic> {
    let told = |wrong: super::maths::Wrong| fail(format!("fair: {wrong}"));
    let method = Method::parse(method).map_err(told)?;
    let Some(prices) = prices(market, book) else {
        return Ok(Dynamic::UNIT);
    };
    work.spend(SEARCH * prices.len()).map_err(told)?;
    let places = f64::from(market.definition.number_of_winners.max(1));
    let fair = devig(method, &prices, places).map_err(told)?;
    let chances = fair.probabilities.into_iter().map(Dynamic::from);
    Ok(Dynamic::from(chances.collect::<Array>()))
}
