//! Where events are: what the venue wants to be told with a bet, beside the event itself.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::market::{MarketId, TimeMs};
use crate::venue::pinnacle::Listing;

/// Events are forgotten so long after their start.
const KEPT_MS: i64 = 5 * 86_400_000;

/// Where an event is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Whereabouts {
    pub(super) sport: u32,
    pub(super) league: i64,
    pub(super) event: i64,
    /// Whether the home side is the venue's first team.
    pub(super) home_is_first: bool,
}

/// All events that were told of.
#[derive(Debug, Default)]
pub(super) struct Catalogue(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    leagues: BTreeMap<i64, bool>,
    events: BTreeMap<i64, (u32, i64, TimeMs)>,
}

impl Catalogue {
    fn known(&self) -> MutexGuard<'_, Known> {
        // Nothing in there fails half-way.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes note of what an answer says.
    pub(super) fn hear(&self, listing: &Listing, now: TimeMs) {
        let mut known = self.known();
        match listing {
            Listing::Leagues(leagues) => {
                let sides = leagues
                    .iter()
                    .map(|league| (league.id, league.home_is_first));
                known.leagues.extend(sides);
            }
            Listing::Fixtures {
                sport, fixtures, ..
            } => {
                let places = fixtures
                    .iter()
                    .map(|f| (f.id, (*sport, f.league, f.starts_at)));
                known.events.extend(places);
                known
                    .events
                    .retain(|_, (.., starts_at)| now - *starts_at < KEPT_MS);
            }
            Listing::Odds { .. } | Listing::Settled { .. } | Listing::Nothing => {}
        }
    }

    /// Where the event of a market is, and the market's type. `None` if that is not known for sure.
    pub(super) fn find<'m>(&self, market: &'m MarketId) -> Option<(Whereabouts, &'m str)> {
        let (event, kind) = market.as_str().split_once(':')?;
        let event = event.parse().ok()?;
        let known = self.known();
        let &(sport, league, _) = known.events.get(&event)?;
        let whereabouts = Whereabouts {
            sport,
            league,
            event,
            home_is_first: *known.leagues.get(&league)?,
        };
        Some((whereabouts, kind))
    }
}
