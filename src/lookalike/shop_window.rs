//! What clients may look at: sports, events, markets in words, prices.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::accounts::AccountId;
use super::actions::two_decimals;
use super::world::World;
use crate::market::{
    Depth, Market, MarketDefinition, MarketStatus, Money, PriceLadder, Runner, RunnerStatus,
};
use crate::venue::betfair::{
    ApiCode, ApiFilter, Event, ExchangePrices, Instant as Date, ListMarketBook,
    ListMarketCatalogue, MarketBook, MarketCatalogue, MarketDescription, MarketProjection,
    MarketSort, Named, OrderProjection, PriceData, PriceLadderDescription, PriceProjection,
    PriceSize, RpcError, RunnerBook, RunnerCatalogue, StartingPrices,
};

/// Most points that a request may weigh.
const MOST_WEIGHT: u32 = 200;
/// Most markets in an answer.
const MOST_RESULTS: u32 = 1_000;
/// Levels of the best offers if a client does not say.
const BEST_DEPTH: u32 = 3;

/// What markets are listed by.
#[derive(Clone, Copy, Debug)]
pub(super) enum Listed {
    EventTypes,
    Competitions,
    Events,
    MarketTypes,
    Countries,
    Venues,
}

impl World {
    /// Markets that a filter wants and that are not closed, in the order first seen.
    fn wanted<'w>(
        &'w self,
        account: AccountId,
        filter: &'w ApiFilter,
    ) -> impl Iterator<Item = &'w Market> {
        self.books
            .iter()
            .map(AsRef::as_ref)
            .filter(move |market| market.status() != MarketStatus::Closed)
            .filter(move |market| wants(filter, market) && self.has_orders(account, filter, market))
    }

    fn has_orders(&self, account: AccountId, filter: &ApiFilter, market: &Market) -> bool {
        let Some(wanted) = filter
            .with_orders
            .as_ref()
            .filter(|wanted| !wanted.is_empty())
        else {
            return true;
        };
        let own = self.bets.in_market(&market.id);
        own.filter(|bet| bet.account == account && bet.stands())
            .any(|bet| {
                let status = if bet.order.state.is_live() {
                    "EXECUTABLE"
                } else {
                    "EXECUTION_COMPLETE"
                };
                wanted.iter().any(|wanted| wanted == status)
            })
    }

    /// `listEventTypes` and its like: what there is, with how many markets.
    pub(super) fn list(&self, account: AccountId, filter: &ApiFilter, by: Listed) -> Value {
        let mut groups: BTreeMap<String, (&Market, u64)> = BTreeMap::new();
        for market in self.wanted(account, filter) {
            let definition = &market.definition;
            let key = match by {
                Listed::EventTypes => Some(definition.sport_id.clone()),
                Listed::Events => Some(definition.event_id.clone()),
                Listed::MarketTypes => Some(definition.market_type.clone()),
                Listed::Countries => definition.country.clone(),
                Listed::Venues => definition.course.clone(),
                // Recordings do not tell them.
                Listed::Competitions => None,
            };
            if let Some(key) = key {
                groups.entry(key).or_insert((market, 0)).1 += 1;
            }
        }
        groups
            .into_iter()
            .map(|(key, (market, count))| match by {
                Listed::EventTypes => {
                    json!({ "eventType": sport(&market.definition), "marketCount": count })
                }
                Listed::Events => json!({ "event": self.event(market), "marketCount": count }),
                Listed::MarketTypes => json!({ "marketType": key, "marketCount": count }),
                Listed::Countries => json!({ "countryCode": key, "marketCount": count }),
                Listed::Venues => json!({ "venue": key, "marketCount": count }),
                Listed::Competitions => json!({ "competition": key, "marketCount": count }),
            })
            .collect()
    }

    fn event(&self, market: &Market) -> Event {
        let definition = &market.definition;
        let recorded = |name: &str| {
            let raw = self.definitions.get(&market.id)?;
            raw[name].as_str().map(str::to_owned)
        };
        let name = definition.event_name.clone();
        Event {
            id: definition.event_id.clone(),
            name: name.unwrap_or_else(|| format!("Event {}", definition.event_id)),
            country_code: definition.country.clone(),
            timezone: recorded("timezone"),
            venue: definition.course.clone(),
            open_date: recorded("openDate"),
        }
    }

    /// `listMarketCatalogue`.
    pub(super) fn catalogue(
        &self,
        account: AccountId,
        asked: &ListMarketCatalogue,
    ) -> Result<Vec<MarketCatalogue>, RpcError> {
        if !(1..=MOST_RESULTS).contains(&asked.max_results) {
            return Err(RpcError::api(
                ApiCode::InvalidInputData,
                "maxResults: 1 to 1000",
            ));
        }
        let projection = asked.market_projection.as_deref().unwrap_or_default();
        let heavy = [
            MarketProjection::MarketDescription,
            MarketProjection::RunnerMetadata,
        ];
        let weight: u32 = heavy
            .iter()
            .map(|heavy| u32::from(projection.contains(heavy)))
            .sum();
        let mut markets: Vec<&Market> = self.wanted(account, &asked.filter).collect();
        let available = |market: &Market| -> Money { market.runners.iter().map(on_offer).sum() };
        match asked.sort {
            None => {}
            Some(MarketSort::FirstToStart) => markets.sort_by_key(|m| m.definition.market_time),
            Some(MarketSort::LastToStart) => {
                markets.sort_by_key(|m| std::cmp::Reverse(m.definition.market_time));
            }
            Some(MarketSort::MinimumTraded) => markets.sort_by_key(|m| m.traded_volume),
            Some(MarketSort::MaximumTraded) => {
                markets.sort_by_key(|m| std::cmp::Reverse(m.traded_volume));
            }
            Some(MarketSort::MinimumAvailable) => markets.sort_by_key(|m| available(m)),
            Some(MarketSort::MaximumAvailable) => {
                markets.sort_by_key(|m| std::cmp::Reverse(available(m)));
            }
        }
        markets.truncate(asked.max_results as usize);
        let count = u32::try_from(markets.len()).unwrap_or(u32::MAX);
        if weight.saturating_mul(count) > MOST_WEIGHT {
            return Err(RpcError::api(ApiCode::TooMuchData, ""));
        }
        let told = markets
            .into_iter()
            .map(|market| self.in_words(market, projection));
        Ok(told.collect())
    }

    fn in_words(&self, market: &Market, projection: &[MarketProjection]) -> MarketCatalogue {
        let definition = &market.definition;
        let wants = |what| projection.contains(&what);
        let with_metadata = wants(MarketProjection::RunnerMetadata);
        let runners = (wants(MarketProjection::RunnerDescription) || with_metadata)
            .then(|| runners_in_words(definition, with_metadata));
        let name = definition.name.clone();
        MarketCatalogue {
            market_id: market.id.to_string(),
            market_name: name.unwrap_or_else(|| definition.market_type.clone()),
            market_start_time: wants(MarketProjection::MarketStartTime)
                .then_some(Date(definition.market_time)),
            description: wants(MarketProjection::MarketDescription).then(|| self.rules(market)),
            total_matched: Some(market.traded_volume.to_f64()),
            runners,
            event_type: wants(MarketProjection::EventType).then(|| sport(definition)),
            competition: None,
            event: wants(MarketProjection::Event).then(|| self.event(market)),
        }
    }

    fn rules(&self, market: &Market) -> MarketDescription {
        let nothing = Value::Null;
        let raw = self
            .definitions
            .get(&market.id)
            .map_or(&nothing, AsRef::as_ref);
        let definition = &market.definition;
        let text = |name: &str| raw[name].as_str().map(str::to_owned);
        let start = definition.market_time.to_string();
        let ladder = match definition.ladder {
            PriceLadder::Classic => "CLASSIC",
            PriceLadder::Finest => "FINEST",
            PriceLadder::Line { .. } => "LINE_RANGE",
        };
        MarketDescription {
            persistence_enabled: raw["persistenceEnabled"].as_bool().unwrap_or(true),
            bsp_market: definition.bsp_market,
            suspend_time: text("suspendTime").unwrap_or_else(|| start.clone()),
            market_time: start,
            settle_time: text("settledTime"),
            betting_type: text("bettingType").unwrap_or_else(|| "ODDS".to_owned()),
            turn_in_play_enabled: definition.turn_in_play,
            market_type: definition.market_type.clone(),
            regulator: "MALTA LOTTERIES AND GAMBLING AUTHORITY".to_owned(),
            market_base_rate: f64::from(definition.base_rate) / 100.0,
            discount_allowed: raw["discountAllowed"].as_bool().unwrap_or(true),
            wallet: Some("UK wallet".to_owned()),
            rules: Some("A market of a recording.".to_owned()),
            rules_has_date: Some(false),
            clarifications: None,
            each_way_divisor: definition
                .each_way_divisor
                .map(|hundredths| f64::from(hundredths) / 100.0),
            race_type: text("raceType"),
            price_ladder_description: Some(PriceLadderDescription {
                kind: ladder.to_owned(),
            }),
        }
    }

    /// `listMarketBook`: markets that are not known are left out.
    pub(super) fn market_books(
        &self,
        account: AccountId,
        asked: &ListMarketBook,
    ) -> Result<Vec<MarketBook>, RpcError> {
        if asked.market_ids.is_empty() {
            return Err(RpcError::api(ApiCode::InvalidInputData, "marketIds"));
        }
        let prices = asked.price_projection.clone().unwrap_or_default();
        let count = u32::try_from(asked.market_ids.len()).unwrap_or(u32::MAX);
        if weight(&prices).saturating_mul(count) > MOST_WEIGHT {
            return Err(RpcError::api(ApiCode::TooMuchData, ""));
        }
        let known = asked.market_ids.iter().filter_map(|id| self.market(id));
        let told = known.map(|market| self.book(account, market, &prices, asked.order_projection));
        Ok(told.collect())
    }

    fn book(
        &self,
        account: AccountId,
        market: &Market,
        prices: &PriceProjection,
        orders: Option<OrderProjection>,
    ) -> MarketBook {
        let definition = &market.definition;
        let raw = self.definitions.get(&market.id);
        let flag = |name: &str| raw.and_then(|raw| raw[name].as_bool()).unwrap_or(false);
        let runners: Vec<RunnerBook> = definition
            .runners
            .iter()
            .filter_map(|runner| market.runner(runner.id))
            .map(|runner| {
                let mut told = runner_book(runner, prices);
                told.orders = orders.map(|orders| {
                    let own = self.bets.in_market(&market.id);
                    own.filter(|bet| bet.account == account && bet.stands())
                        .filter(|bet| bet.order.runner == runner.id())
                        .map(super::orders::current)
                        .filter(|order| super::orders::is_wanted(order.status, orders))
                        .map(Into::into)
                        .collect()
                });
                told
            })
            .collect();
        MarketBook {
            market_id: market.id.to_string(),
            is_market_data_delayed: false,
            status: definition.status.as_str().to_owned(),
            bet_delay: definition.bet_delay_seconds,
            bsp_reconciled: definition.bsp_reconciled,
            complete: definition.complete,
            inplay: definition.in_play,
            number_of_winners: definition.number_of_winners,
            number_of_runners: runners.len(),
            number_of_active_runners: market.active_runners().count(),
            last_match_time: market
                .traded_volume
                .is_positive()
                .then_some(Date(market.published_at)),
            total_matched: market.traded_volume.to_f64(),
            total_available: market.runners.iter().map(on_offer).sum::<Money>().to_f64(),
            cross_matching: definition.cross_matching,
            runners_voidable: flag("runnersVoidable"),
            version: definition.version,
            runners,
        }
    }
}

fn on_offer(runner: &Runner) -> Money {
    runner.to_back.total() + runner.to_lay.total()
}

fn sport(definition: &MarketDefinition) -> Named {
    let name = definition.sport();
    Named {
        id: definition.sport_id.clone(),
        name: match name {
            "football" => "Soccer".to_owned(),
            "greyhounds" => "Greyhound Racing".to_owned(),
            other => titled(other),
        },
    }
}

/// `horse_racing` as `Horse Racing`.
fn titled(name: &str) -> String {
    let word = |word: &str| {
        let (first, rest) = word.split_at(word.chars().next().map_or(0, char::len_utf8));
        first.to_uppercase() + rest
    };
    name.split('_').map(word).collect::<Vec<_>>().join(" ")
}

fn runners_in_words(definition: &MarketDefinition, with_metadata: bool) -> Vec<RunnerCatalogue> {
    let runners = definition.runners.iter();
    let runners = runners.filter(|runner| runner.status != RunnerStatus::Removed);
    runners
        .map(|runner| {
            let name = runner.name.clone();
            let id = runner.id.selection.to_string();
            RunnerCatalogue {
                selection_id: runner.id.selection,
                runner_name: name.unwrap_or_else(|| format!("Runner {id}")),
                handicap: f64::from(runner.id.handicap) / 100.0,
                sort_priority: runner.sort_priority,
                metadata: with_metadata
                    .then(|| BTreeMap::from([("runnerId".to_owned(), Some(id))])),
            }
        })
        .collect()
}

/// What one market of a price request weighs.
fn weight(prices: &PriceProjection) -> u32 {
    let data = prices.price_data.as_deref().unwrap_or_default();
    if data.is_empty() {
        return 2;
    }
    let wants = |what| data.contains(&what);
    let depth = prices
        .ex_best_offers_overrides
        .as_ref()
        .and_then(|best| best.best_prices_depth);
    let offers = match (
        wants(PriceData::ExAllOffers),
        wants(PriceData::ExBestOffers),
        wants(PriceData::ExTraded),
    ) {
        (true, _, true) => 32,
        (true, _, false) => 17,
        (false, true, traded) => {
            let weight = if traded { 20 } else { 5 };
            (weight * depth.unwrap_or(BEST_DEPTH)).div_ceil(BEST_DEPTH)
        }
        (false, false, true) => 17,
        (false, false, false) => 0,
    };
    let available = if wants(PriceData::SpAvailable) { 3 } else { 0 };
    let traded = if wants(PriceData::SpTraded) { 7 } else { 0 };
    offers + available + traded
}

fn runner_book(runner: &Runner, prices: &PriceProjection) -> RunnerBook {
    let data = prices.price_data.as_deref().unwrap_or_default();
    let wants = |what| data.contains(&what);
    let (all, best, traded) = (
        wants(PriceData::ExAllOffers),
        wants(PriceData::ExBestOffers),
        wants(PriceData::ExTraded),
    );
    let depth = prices
        .ex_best_offers_overrides
        .as_ref()
        .and_then(|best| best.best_prices_depth);
    let most = if all {
        usize::MAX
    } else {
        depth.unwrap_or(BEST_DEPTH) as usize
    };
    let ex = (all || best || traded).then(|| ExchangePrices {
        available_to_back: if all || best {
            falling(&runner.to_back, most)
        } else {
            Vec::new()
        },
        available_to_lay: if all || best {
            rising(&runner.to_lay, most)
        } else {
            Vec::new()
        },
        traded_volume: if traded {
            rising(&runner.traded, usize::MAX)
        } else {
            Vec::new()
        },
    });
    let sp =
        (wants(PriceData::SpAvailable) || wants(PriceData::SpTraded)).then(|| StartingPrices {
            near_price: runner.sp_near.map(two_decimals),
            far_price: runner.sp_far.map(two_decimals),
            back_stake_taken: rising(&runner.sp_back, usize::MAX),
            lay_liability_taken: rising(&runner.sp_lay, usize::MAX),
            actual_sp: runner.bsp.map(|price| price.to_f64()),
        });
    let id = runner.id();
    RunnerBook {
        selection_id: id.selection,
        handicap: f64::from(id.handicap) / 100.0,
        status: runner.status.as_str().to_owned(),
        adjustment_factor: runner
            .adjustment_factor
            .map(|factor| f64::from(factor) / 100.0),
        last_price_traded: runner.last_traded.map(|price| price.to_f64()),
        total_matched: Some(runner.traded_volume.to_f64()),
        removal_date: None,
        sp,
        ex,
        orders: None,
    }
}

fn rising(depth: &Depth, most: usize) -> Vec<PriceSize> {
    depth.levels().iter().take(most).map(level).collect()
}

fn falling(depth: &Depth, most: usize) -> Vec<PriceSize> {
    depth.levels().iter().rev().take(most).map(level).collect()
}

fn level(level: &crate::market::Level) -> PriceSize {
    PriceSize {
        price: level.price.to_f64(),
        size: level.size.to_f64(),
    }
}

/// Whether a filter of the API wants a market.
fn wants(filter: &ApiFilter, market: &Market) -> bool {
    let definition = &market.definition;
    let one_of = |list: &Option<Vec<String>>, found: &str| {
        let list = list.as_deref().unwrap_or_default();
        list.is_empty() || list.iter().any(|wanted| wanted.eq_ignore_ascii_case(found))
    };
    let betting_type = serde_json::to_value(definition.betting_type).unwrap_or_default();
    let words = filter
        .text_query
        .as_deref()
        .unwrap_or_default()
        .to_lowercase();
    let names = [&definition.name, &definition.event_name];
    let named = |word: &str| {
        let known = names.iter().filter_map(|name| name.as_deref());
        known
            .chain([definition.market_type.as_str()])
            .any(|name| name.to_lowercase().contains(word))
    };
    one_of(&filter.market_ids, market.id.as_str())
        && one_of(&filter.event_type_ids, &definition.sport_id)
        && one_of(&filter.event_ids, &definition.event_id)
        && one_of(
            &filter.venues,
            definition.course.as_deref().unwrap_or_default(),
        )
        && one_of(
            &filter.market_countries,
            definition.country.as_deref().unwrap_or_default(),
        )
        && one_of(&filter.market_type_codes, &definition.market_type)
        && one_of(
            &filter.market_betting_types,
            betting_type.as_str().unwrap_or_default(),
        )
        && filter.competition_ids.as_ref().is_none_or(Vec::is_empty)
        && (filter.bsp_only != Some(true) || definition.bsp_market)
        && filter
            .turn_in_play_enabled
            .is_none_or(|turns| turns == definition.turn_in_play)
        && filter
            .in_play_only
            .is_none_or(|in_play| in_play == definition.in_play)
        && filter
            .market_start_time
            .is_none_or(|span| span.holds(Date(definition.market_time)))
        && words.split_whitespace().all(named)
}
