//! Closing lines: what the market thought last before an event began, and what a bet was worth against it.

use crate::market::{
    BookName, Market, MarketDefinition, MarketKind, Order, Price, Runner, RunnerId, Side, TimeMs,
};
use crate::strategy::maths::devig::{Method, devig};

/// Which prices count as the close.
#[derive(Clone, Debug, PartialEq)]
pub struct Closing {
    /// The bookmakers whose closing prices are trusted, the most trusted first.
    pub books: Vec<BookName>,
    /// How the margin is taken off where one figure stands for all methods.
    pub method: Method,
}

impl Default for Closing {
    fn default() -> Self {
        Self {
            books: ["PS", "pinnacle"].map(BookName::new).to_vec(),
            method: Method::Power,
        }
    }
}

/// What a market looked like when its event began.
#[derive(Clone, Debug)]
pub(super) struct ClosingLine {
    /// When that was.
    pub(super) at: TimeMs,
    runners: Vec<Last>,
}

#[derive(Clone, Debug)]
struct Last {
    id: RunnerId,
    traded: Option<Price>,
    quotes: Vec<(BookName, Price)>,
}

/// What a bet was worth against the close.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Value {
    /// Whose close: a bookmaker, `BSP` or `last traded`.
    pub(super) source: String,
    /// Price taken against the price at the close, the margin still in it; more than 0 is better.
    pub(super) raw: f64,
    /// What the bet wins on average for each unit of the backer's stake, if the close without its margin is right: by
    /// each method of [`Method::ALL`] that works on these prices.
    pub(super) fair: [Option<f64>; 5],
    /// The same by the chosen method.
    pub(super) chosen: Option<f64>,
    /// The chance of the runner winning that the close implies, by the chosen method.
    pub(super) chance: Option<f64>,
}

impl ClosingLine {
    /// The market as it stands before the change with which the event begins.
    pub(super) fn of(market: &Market, at: TimeMs) -> Self {
        let last = |runner: &Runner| Last {
            id: runner.id(),
            traded: runner.last_traded,
            quotes: runner
                .quotes
                .iter()
                .map(|quote| (quote.book.clone(), quote.price))
                .collect(),
        };
        Self {
            at,
            runners: market.active_runners().map(last).collect(),
        }
    }

    /// What a bet was worth; `None` if the close is not known, or the bet came after it. `market` is as it ended.
    pub(super) fn value(&self, market: &Market, order: &Order, closing: &Closing) -> Option<Value> {
        if order.requested_at >= self.at {
            return None;
        }
        let taken = order.average_price()?.to_f64();
        let rivals = rivals(&market.definition, &self.runners, order.runner);
        let at = rivals.iter().position(|rival| rival.id == order.runner)?;
        let (source, prices) = self.prices(market, &rivals, at, order, closing)?;
        let close = prices[at]?;
        // A market with one unpriced runner has a closing price, but what is fair cannot be told.
        let all: Option<Vec<f64>> = prices.into_iter().collect();
        let places = match market.definition.kind() {
            MarketKind::Odds => f64::from(market.definition.number_of_winners.max(1)),
            _ => 1.0,
        };
        let chances = Method::ALL.map(|method| {
            let fair = devig(method, all.as_ref()?, places).ok()?;
            fair.probabilities.get(at).copied()
        });
        let worth = |chance: f64| match order.side {
            Side::Back => taken * chance - 1.0,
            Side::Lay => 1.0 - taken * chance,
        };
        let chosen = Method::ALL.iter().position(|m| *m == closing.method);
        let chance = chances[chosen.unwrap_or(0)];
        Some(Value {
            source,
            raw: match order.side {
                Side::Back => taken / close - 1.0,
                Side::Lay => close / taken - 1.0,
            },
            fair: chances.map(|chance| chance.map(worth)),
            chosen: chance.map(worth),
            chance,
        })
    }

    /// The closing prices of the runners that an outcome is one of, and whose they are.
    fn prices(
        &self,
        market: &Market,
        rivals: &[&Last],
        at: usize,
        order: &Order,
        closing: &Closing,
    ) -> Option<(String, Vec<Option<f64>>)> {
        let above_one =
            |price: Option<Price>| price.map(Price::to_f64).filter(|price| *price > 1.0);
        let by_book = |book: &BookName| {
            let quoted = |rival: &&Last| {
                let own = rival.quotes.iter().find(|(name, _)| name == book);
                above_one(own.map(|(_, price)| *price))
            };
            let prices: Vec<_> = rivals.iter().map(quoted).collect();
            prices[at].is_some().then(|| (book.to_string(), prices))
        };
        if order.book.is_some() || market.is_bookmakers() {
            return closing.books.iter().find_map(by_book);
        }
        let bsp = |rival: &&Last| above_one(market.runner(rival.id)?.bsp);
        let starting: Vec<_> = rivals.iter().map(bsp).collect();
        if starting[at].is_some() {
            return Some(("BSP".to_owned(), starting));
        }
        let traded: Vec<_> = rivals.iter().map(|rival| above_one(rival.traded)).collect();
        traded[at]
            .is_some()
            .then(|| ("last traded".to_owned(), traded))
    }
}

/// The runners of which one happens: all of them, or the two sides of one line.
fn rivals<'l>(definition: &MarketDefinition, runners: &'l [Last], id: RunnerId) -> Vec<&'l Last> {
    if definition.kind() != MarketKind::Handicap {
        return runners.iter().collect();
    }
    let other = |last: &&Last| {
        let other = last.id;
        // Goals given to one side are taken from the other; a total is the same for both.
        let opposite = other.handicap == -id.handicap
            || (definition.market_type != "ASIAN_HANDICAP" && other.handicap == id.handicap);
        other == id || (other.selection != id.selection && opposite)
    };
    runners.iter().filter(other).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::market::Money;
    use crate::market::{
        Books, MarketDelta, MarketId, OrderId, OrderKind, OrderState, Persistence, Place, Score,
    };
    use crate::source::event::{Event, Family, Offer, Pick, PricedMarket, Stage};

    fn price(decimal: f64) -> Price {
        Price::nearest(decimal).unwrap()
    }

    /// A market of these closing prices of one book, ended 1-0.
    fn market(family: Family, quotes: &[(Pick, f64)], book: &str) -> (ClosingLine, Arc<Market>) {
        let event = Arc::new(Event {
            id: "e".to_owned(),
            sport_id: "1".to_owned(),
            competition: None,
            country: None,
            home: "Ham".to_owned(),
            away: "Egg".to_owned(),
            starts_at: TimeMs(1_000),
        });
        let mut priced = PricedMarket::new(&event, family);
        let mut books = Books::default();
        let mut delta = MarketDelta::new(MarketId::new(""));
        let offers: Vec<Offer> = quotes
            .iter()
            .map(|(pick, decimal)| Offer {
                pick: *pick,
                book: BookName::new(book),
                price: Some(price(*decimal)),
                limit: None,
                updated_at: TimeMs(0),
            })
            .collect();
        priced.change(Stage::Suspended, &offers, &mut delta);
        books.apply(TimeMs(1_000), &delta);
        let line = ClosingLine::of(books.market(priced.id()).unwrap(), TimeMs(1_000));
        let score = Score { home: 1, away: 0 };
        priced.change(Stage::Over(Some(score)), &[], &mut delta);
        books.apply(TimeMs(2_000), &delta);
        (line, Arc::clone(books.market(priced.id()).unwrap()))
    }

    fn bet(pick: Pick, taken: f64, asked_at: i64) -> Order {
        let place = Place {
            runner: pick.runner(),
            side: Side::Back,
            kind: OrderKind::Limit {
                price: price(taken),
                size: Money::from_major(10),
                persistence: Persistence::Lapse,
                fill_or_kill: None,
            },
            book: Some(BookName::new("soft")),
            reason: None,
            probability: None,
            tag: None,
        };
        let mut order = Order::new(OrderId::from_bits(1), &place, TimeMs(asked_at));
        order.state = OrderState::Complete;
        order.matched = Money::from_major(10);
        order.matched_value = i128::from(price(taken).nanos()) * 1_000;
        order
    }

    const ODDS: Family = Family::MatchOdds { draw: true };

    #[test]
    fn a_bet_is_measured_against_the_close_with_and_without_its_margin() {
        let quotes = [(Pick::Home, 2.0), (Pick::Draw, 3.6), (Pick::Away, 4.0)];
        let (line, market) = market(ODDS, &quotes, "PS");
        let value = line
            .value(&market, &bet(Pick::Home, 2.1, 0), &Closing::default())
            .unwrap();
        assert!((value.raw - 0.05).abs() < 1e-12);
        assert!((value.fair[0].unwrap() - 0.021_621_621_6).abs() < 1e-9);
        assert_eq!(value.source, "PS");
    }

    #[test]
    fn a_bet_after_the_start_or_without_a_trusted_close_has_none() {
        let quotes = [(Pick::Home, 2.0), (Pick::Draw, 3.6), (Pick::Away, 4.0)];
        let closing = Closing::default();
        let (line, ended) = market(ODDS, &quotes, "PS");
        assert_eq!(
            line.value(&ended, &bet(Pick::Home, 2.1, 1_000), &closing),
            None
        );
        let (line, ended) = market(ODDS, &quotes, "Max");
        assert_eq!(line.value(&ended, &bet(Pick::Home, 2.1, 0), &closing), None);
    }

    #[test]
    fn a_line_that_moved_cannot_be_compared_and_one_that_stands_is_with_its_other_side() {
        let quotes = [(Pick::HomeWith(-75), 1.95), (Pick::AwayWith(75), 1.95)];
        let closing = Closing::default();
        let (line, market) = market(Family::AsianHandicap, &quotes, "PS");
        let value = line
            .value(&market, &bet(Pick::HomeWith(-75), 2.05, 0), &closing)
            .unwrap();
        assert!((value.fair[2].unwrap() - 0.025).abs() < 1e-9);
        let moved = bet(Pick::HomeWith(-50), 2.05, 0);
        assert_eq!(line.value(&market, &moved, &closing), None);
    }

    #[test]
    fn a_book_with_a_gap_has_a_close_but_nothing_fair() {
        let (line, market) = market(ODDS, &[(Pick::Home, 2.0)], "PS");
        let value = line
            .value(&market, &bet(Pick::Home, 2.1, 0), &Closing::default())
            .unwrap();
        assert!((value.raw - 0.05).abs() < 1e-12);
        assert_eq!((value.fair, value.chance), ([None; 5], None));
    }
}
