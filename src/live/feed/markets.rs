//! Which markets a live feed is asked for: what the strategies want, as far as the feed can choose by it.

use std::collections::BTreeSet;

use crate::config::Feed;
use crate::market::{MarketFilter, sport_id};
use crate::venue::betfair::StreamFilter;

/// What to ask the feed for; `None` if that would be every market there is, which no feed sends.
pub(super) fn wanted<'a>(
    settings: &Feed,
    filters: impl Iterator<Item = &'a MarketFilter> + Clone,
) -> Option<StreamFilter> {
    if !settings.markets.is_empty() {
        return Some(StreamFilter {
            market_ids: Some(settings.markets.clone()),
            ..StreamFilter::default()
        });
    }
    let of = |list: fn(&MarketFilter) -> &Vec<String>| union(filters.clone().map(list));
    let sports = of(|filter| &filter.sports)?;
    let same = |wanted: fn(&MarketFilter) -> Option<bool>| {
        let mut all = filters.clone().map(wanted);
        let first = all.next().flatten();
        first.filter(|_| all.all(|other| other == first))
    };
    Some(StreamFilter {
        event_type_ids: Some(
            sports
                .iter()
                .map(|sport| sport_id(sport).to_owned())
                .collect(),
        ),
        market_types: of(|filter| &filter.types).map(upper),
        country_codes: of(|filter| &filter.countries).map(upper),
        venues: of(|filter| &filter.courses),
        bsp_market: same(|filter| filter.bsp),
        ..StreamFilter::default()
    })
}

/// Everything that any of them names; `None` if one names nothing, for it wants all.
fn union<'a>(lists: impl Iterator<Item = &'a Vec<String>>) -> Option<Vec<String>> {
    let mut all = BTreeSet::new();
    for list in lists {
        if list.is_empty() {
            return None;
        }
        all.extend(list.iter().cloned());
    }
    (!all.is_empty()).then(|| all.into_iter().collect())
}

fn upper(names: Vec<String>) -> Vec<String> {
    names.iter().map(|name| name.to_uppercase()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filter(sports: &[&str], types: &[&str]) -> MarketFilter {
        let own = |list: &[&str]| list.iter().map(|name| (*name).to_owned()).collect();
        MarketFilter {
            sports: own(sports),
            types: own(types),
            ..MarketFilter::default()
        }
    }

    #[test]
    fn a_feed_is_asked_for_all_that_any_strategy_wants() {
        let filters = [
            filter(&["horse_racing"], &["win"]),
            filter(&["1"], &["PLACE"]),
        ];
        let asked = wanted(&Feed::default(), filters.iter()).unwrap();
        assert_eq!(asked.event_type_ids.unwrap(), ["1", "7"]);
        assert_eq!(asked.market_types.unwrap(), ["PLACE", "WIN"]);
        assert_eq!(asked.country_codes, None);
        let greedy = [filter(&["1"], &["WIN"]), filter(&["1"], &[])];
        let asked = wanted(&Feed::default(), greedy.iter()).unwrap();
        assert_eq!(asked.market_types, None);
    }

    #[test]
    fn nobody_asks_for_everything() {
        let everything = [filter(&[], &["WIN"])];
        assert_eq!(wanted(&Feed::default(), everything.iter()), None);
        assert_eq!(wanted(&Feed::default(), [].iter()), None);
        let named = Feed {
            markets: vec!["1.5".to_owned()],
            ..Feed::default()
        };
        let asked = wanted(&named, everything.iter()).unwrap();
        assert_eq!(asked.market_ids.unwrap(), ["1.5"]);
    }
}
