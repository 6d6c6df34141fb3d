//! What a bookmaker offers on a runner: one price to back, of a size that mostly nobody tells.

use serde::Serialize;

use super::{BookName, Money, Price, TimeMs};

/// A bookmaker's price to back a runner.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Quote {
    /// Who offers it.
    pub book: BookName,
    /// Decimal odds.
    pub price: Price,
    /// The most it takes at that price, if it says so. Nothing at all: the price is one to look at, as an average is.
    pub limit: Option<Money>,
    /// When the bookmaker last changed or confirmed it.
    pub updated_at: TimeMs,
}

/// A change of one bookmaker's offer on a runner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum QuoteChange {
    /// It offers this now.
    Offers(Quote),
    /// It offers nothing now.
    Withdrawn(BookName),
}

impl Quote {
    /// Whether a bet can be made at it.
    #[must_use]
    pub fn is_for_bets(&self) -> bool {
        self.limit.is_none_or(Money::is_positive)
    }
}

impl QuoteChange {
    /// Whose offer changed.
    #[must_use]
    pub const fn book(&self) -> &BookName {
        match self {
            Self::Offers(quote) => &quote.book,
            Self::Withdrawn(book) => book,
        }
    }
}

/// What the bookmakers offer on one runner: one quote of each, in the order first seen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Quotes(Vec<Quote>);

impl Quotes {
    /// All quotes.
    pub fn iter(&self) -> std::slice::Iter<'_, Quote> {
        self.0.iter()
    }

    /// Whether nobody offers anything.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What a bookmaker offers.
    #[must_use]
    pub fn of(&self, book: &BookName) -> Option<&Quote> {
        self.0.iter().find(|quote| quote.book == *book)
    }

    /// The highest price at which a bet can be made; among equals the one seen first.
    #[must_use]
    pub fn best(&self) -> Option<&Quote> {
        let for_bets = self.0.iter().filter(|quote| quote.is_for_bets());
        for_bets.reduce(|best, quote| {
            if quote.price > best.price {
                quote
            } else {
                best
            }
        })
    }

    pub(super) fn apply(&mut self, change: &QuoteChange) {
        let known = self.0.iter().position(|quote| quote.book == *change.book());
        match (change, known) {
            (QuoteChange::Offers(quote), Some(at)) => self.0[at] = quote.clone(),
            (QuoteChange::Offers(quote), None) => self.0.push(quote.clone()),
            (QuoteChange::Withdrawn(_), Some(at)) => {
                self.0.remove(at);
            }
            (QuoteChange::Withdrawn(_), None) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offers(book: &str, hundredths: u64) -> QuoteChange {
        QuoteChange::Offers(Quote {
            book: BookName::new(book),
            price: Price::from_hundredths(hundredths),
            limit: None,
            updated_at: TimeMs(0),
        })
    }

    #[test]
    fn the_best_quote_is_the_highest_and_among_equals_the_first_seen() {
        let mut quotes = Quotes::default();
        assert_eq!(quotes.best(), None);
        for change in [offers("a", 200), offers("b", 210), offers("c", 210)] {
            quotes.apply(&change);
        }
        assert_eq!(quotes.best().unwrap().book.as_str(), "b");
        quotes.apply(&offers("b", 190));
        assert_eq!(quotes.best().unwrap().book.as_str(), "c");
    }

    #[test]
    fn a_price_to_look_at_is_never_the_best() {
        let mut quotes = Quotes::default();
        quotes.apply(&offers("a", 200));
        quotes.apply(&QuoteChange::Offers(Quote {
            book: BookName::new("highest of all"),
            price: Price::from_hundredths(300),
            limit: Some(Money::ZERO),
            updated_at: TimeMs(0),
        }));
        assert_eq!(quotes.best().unwrap().book.as_str(), "a");
        assert_eq!(quotes.iter().count(), 2);
    }

    #[test]
    fn each_bookmaker_has_one_quote_until_it_withdraws_it() {
        let mut quotes = Quotes::default();
        quotes.apply(&offers("a", 200));
        quotes.apply(&offers("a", 220));
        assert_eq!(quotes.iter().count(), 1);
        assert_eq!(
            quotes.of(&BookName::new("a")).unwrap().price,
            Price::from_hundredths(220)
        );
        quotes.apply(&QuoteChange::Withdrawn(BookName::new("a")));
        quotes.apply(&QuoteChange::Withdrawn(BookName::new("stranger")));
        assert!(quotes.is_empty());
    }
}
