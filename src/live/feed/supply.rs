//! Where a live feed comes from, and what of it is asked for.

use super::markets::wanted;
use crate::config::Feed;
use crate::market::{MarketFilter, TimeMs};
use crate::venue::AskedAndCode;
use crate::venue::betfair::{self, StreamFilter};
use crate::venue::odds_api::{self, Credits};
use crate::venue::pinnacle;

/// The connection that a live feed comes through.
#[derive(Clone, Copy)]
pub(in crate::live) enum Supply<'a> {
    /// The stream of the Betfair exchange.
    Betfair(&'a betfair::client::Connection),
    /// The odds of many bookmakers.
    OddsApi(&'a odds_api::client::Connection),
    /// The odds of Pinnacle.
    Pinnacle(&'a pinnacle::client::Connection),
}

/// What a feed is asked for.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Wanted {
    Stream(StreamFilter),
    Odds(Vec<MarketFilter>),
}

impl Supply<'_> {
    /// What the strategies want of this feed; `None` if it is more than it sends.
    pub(super) fn wanted<'f>(
        self,
        settings: &Feed,
        filters: impl Iterator<Item = &'f MarketFilter> + Clone,
    ) -> Option<Wanted> {
        match self {
            Self::Betfair(_) => wanted(settings, filters).map(Wanted::Stream),
            Self::OddsApi(_) | Self::Pinnacle(_) => Some(Wanted::Odds(filters.cloned().collect())),
        }
    }

    /// Asks for it.
    pub(super) fn watch(self, wanted: &Wanted) {
        match (self, wanted) {
            (Self::Betfair(connection), Wanted::Stream(filter)) => connection.watch(filter.clone()),
            (Self::OddsApi(connection), Wanted::Odds(filters)) => connection.watch(filters.clone()),
            (Self::Pinnacle(connection), Wanted::Odds(filters)) => {
                connection.watch(filters.clone());
            }
            _ => {}
        }
    }

    /// What was asked so far: what, the answer's code, and how often.
    pub(super) fn requests(self) -> Vec<(AskedAndCode, u64)> {
        match self {
            Self::Betfair(connection) => connection.requests(),
            Self::OddsApi(connection) => connection.requests(),
            Self::Pinnacle(connection) => connection.requests(),
        }
    }

    /// By how much our clock is ahead of the venue's at least, in milliseconds; 0 where that is not known.
    pub(super) fn clock_skew_ms(self) -> i64 {
        match self {
            Self::Betfair(connection) => connection.clock_skew_ms(),
            Self::Pinnacle(connection) => connection.clock_skew_ms(),
            Self::OddsApi(_) => 0,
        }
    }

    /// When the session ends if it is not kept alive.
    pub(super) fn session_ends_at(self) -> Option<TimeMs> {
        match self {
            Self::Betfair(connection) => connection.session_ends_at(),
            Self::OddsApi(_) | Self::Pinnacle(_) => None,
        }
    }

    /// Where the credits stand that the feed costs.
    pub(super) fn credits(self) -> Option<Credits> {
        match self {
            Self::Betfair(_) | Self::Pinnacle(_) => None,
            Self::OddsApi(connection) => Some(connection.credits()),
        }
    }
}
