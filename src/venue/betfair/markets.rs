//! What is asked and answered about markets, as API-NG writes it.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize};

use super::betting::{CurrentOrder, Instant, OrderStatus, OrderType, PriceSize};
use crate::market::{Persistence, Side};

/// A span of time; open where a bound is absent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TimeRange {
    /// From here on.
    pub from: Option<Instant>,
    /// Up to here.
    pub to: Option<Instant>,
}

impl TimeRange {
    /// Whether an instant lies in it.
    #[must_use]
    pub fn holds(&self, at: Instant) -> bool {
        self.from.is_none_or(|from| from <= at) && self.to.is_none_or(|to| at <= to)
    }
}

/// Which markets. What is absent or empty is left free.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ApiFilter {
    /// Words of its name.
    pub text_query: Option<String>,
    /// Sports.
    pub event_type_ids: Option<Vec<String>>,
    /// Events.
    pub event_ids: Option<Vec<String>>,
    /// Competitions.
    pub competition_ids: Option<Vec<String>>,
    /// By id.
    pub market_ids: Option<Vec<String>>,
    /// Race courses.
    pub venues: Option<Vec<String>>,
    /// With a starting price or without.
    pub bsp_only: Option<bool>,
    /// Going in play or not.
    pub turn_in_play_enabled: Option<bool>,
    /// In play or not.
    pub in_play_only: Option<bool>,
    /// How bets are struck.
    pub market_betting_types: Option<Vec<String>>,
    /// Countries.
    pub market_countries: Option<Vec<String>>,
    /// Kinds, such as `WIN`.
    pub market_type_codes: Option<Vec<String>>,
    /// When it starts.
    pub market_start_time: Option<TimeRange>,
    /// In which the customer has orders.
    pub with_orders: Option<Vec<String>>,
    /// Kinds of races.
    pub race_types: Option<Vec<String>>,
}

/// What of a market is wanted beside its id and name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum MarketProjection {
    /// Its competition.
    Competition,
    /// Its event.
    Event,
    /// Its sport.
    EventType,
    /// When it starts.
    MarketStartTime,
    /// Its rules.
    MarketDescription,
    /// Its runners.
    RunnerDescription,
    /// More of its runners.
    RunnerMetadata,
}

/// By what markets are sorted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum MarketSort {
    /// Least traded first.
    MinimumTraded,
    /// Most traded first.
    MaximumTraded,
    /// Least on offer first.
    MinimumAvailable,
    /// Most on offer first.
    MaximumAvailable,
    /// Next to start first.
    FirstToStart,
    /// Last to start first.
    LastToStart,
}

/// The parameters of `listMarketCatalogue`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ListMarketCatalogue {
    /// Which markets.
    pub filter: ApiFilter,
    /// What of them.
    pub market_projection: Option<Vec<MarketProjection>>,
    /// In which order.
    pub sort: Option<MarketSort>,
    /// How many at most, 1 to 1000.
    pub max_results: u32,
}

/// Something with an id and a name: a sport, a competition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Named {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
}

/// An event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Event {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Where.
    pub country_code: Option<String>,
    /// Its clock.
    pub timezone: Option<String>,
    /// Its race course.
    pub venue: Option<String>,
    /// When it starts.
    pub open_date: Option<String>,
}

/// A market in words.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MarketCatalogue {
    /// Its id.
    pub market_id: String,
    /// Its name.
    pub market_name: String,
    /// When it starts.
    pub market_start_time: Option<Instant>,
    /// Its rules.
    pub description: Option<MarketDescription>,
    /// How much was matched.
    pub total_matched: Option<f64>,
    /// Its runners.
    pub runners: Option<Vec<RunnerCatalogue>>,
    /// Its sport.
    pub event_type: Option<Named>,
    /// Its competition.
    pub competition: Option<Named>,
    /// Its event.
    pub event: Option<Event>,
}

/// The rules of a market.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MarketDescription {
    /// Whether bets can be kept in play.
    pub persistence_enabled: bool,
    /// Whether it has a starting price.
    pub bsp_market: bool,
    /// When it starts.
    pub market_time: String,
    /// When it is suspended.
    pub suspend_time: String,
    /// When it was settled.
    pub settle_time: Option<String>,
    /// How bets are struck.
    pub betting_type: String,
    /// Whether it goes in play.
    pub turn_in_play_enabled: bool,
    /// Its kind.
    pub market_type: String,
    /// By whose rules.
    pub regulator: String,
    /// Commission, in percent.
    pub market_base_rate: f64,
    /// Whether discounts hold.
    pub discount_allowed: bool,
    /// From which wallet bets are paid.
    pub wallet: Option<String>,
    /// The rules.
    pub rules: Option<String>,
    /// Whether they name a date.
    pub rules_has_date: Option<bool>,
    /// More about them.
    pub clarifications: Option<String>,
    /// Each-way divisor.
    pub each_way_divisor: Option<f64>,
    /// Kind of race.
    pub race_type: Option<String>,
    /// Which prices are taken.
    pub price_ladder_description: Option<PriceLadderDescription>,
}

/// Which prices are taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PriceLadderDescription {
    /// `CLASSIC`, `FINEST`, `LINE_RANGE`.
    #[serde(rename = "type")]
    pub kind: String,
}

/// A runner in words.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RunnerCatalogue {
    /// Its id.
    pub selection_id: u64,
    /// Its name.
    pub runner_name: String,
    /// Its line.
    pub handicap: f64,
    /// Its place in the venue's order.
    pub sort_priority: u32,
    /// More about it.
    pub metadata: Option<BTreeMap<String, Option<String>>>,
}

/// What of a runner's prices is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum PriceData {
    /// Bets at the starting price to come.
    SpAvailable,
    /// Bets at the starting price matched.
    SpTraded,
    /// The best offers.
    ExBestOffers,
    /// All offers.
    ExAllOffers,
    /// Traded volume by price.
    ExTraded,
}

/// What of the prices is wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PriceProjection {
    /// Which.
    pub price_data: Option<Vec<PriceData>>,
    /// How deep.
    pub ex_best_offers_overrides: Option<BestOffers>,
    /// With virtual bets.
    pub virtualise: Option<bool>,
}

/// How deep best offers go.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BestOffers {
    /// So many levels; 3 if absent.
    pub best_prices_depth: Option<u32>,
}

/// Which of one's orders are wanted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum OrderProjection {
    /// All.
    #[default]
    All,
    /// Those of which something waits.
    Executable,
    /// Those of which nothing does.
    ExecutionComplete,
}

/// The parameters of `listMarketBook`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ListMarketBook {
    /// Which markets.
    pub market_ids: Vec<String>,
    /// Which prices.
    pub price_projection: Option<PriceProjection>,
    /// Which orders; none if absent.
    pub order_projection: Option<OrderProjection>,
}

/// The parameters of `listRunnerBook`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ListRunnerBook {
    /// In which market.
    pub market_id: String,
    /// Which runner.
    pub selection_id: u64,
    /// Its line.
    pub handicap: Option<f64>,
    /// Which prices.
    pub price_projection: Option<PriceProjection>,
    /// Which orders; none if absent.
    pub order_projection: Option<OrderProjection>,
}

/// A market's present state.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MarketBook {
    /// Which.
    pub market_id: String,
    /// Whether the key sees old prices.
    pub is_market_data_delayed: bool,
    /// `OPEN`, `SUSPENDED`, `CLOSED`, `INACTIVE`.
    pub status: String,
    /// Seconds a bet waits in play.
    pub bet_delay: u32,
    /// Whether the starting price is set.
    pub bsp_reconciled: bool,
    /// Whether all runners are listed.
    pub complete: bool,
    /// Whether the event is under way.
    pub inplay: bool,
    /// How many win.
    pub number_of_winners: u32,
    /// How many there are.
    pub number_of_runners: usize,
    /// How many run.
    pub number_of_active_runners: usize,
    /// When something was matched last.
    pub last_match_time: Option<Instant>,
    /// How much was matched.
    pub total_matched: f64,
    /// How much is on offer.
    pub total_available: f64,
    /// Whether runners are matched with each other.
    pub cross_matching: bool,
    /// Whether runners can be voided.
    pub runners_voidable: bool,
    /// Changes with its state.
    pub version: u64,
    /// Its runners.
    pub runners: Vec<RunnerBook>,
}

/// A runner's present state.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RunnerBook {
    /// Which.
    pub selection_id: u64,
    /// Its line.
    pub handicap: f64,
    /// `ACTIVE`, `WINNER`, `LOSER`, `PLACED`, `REMOVED`, `HIDDEN`.
    pub status: String,
    /// Reduction factor, in percent.
    pub adjustment_factor: Option<f64>,
    /// Last traded price.
    pub last_price_traded: Option<f64>,
    /// How much was matched.
    pub total_matched: Option<f64>,
    /// When it was withdrawn.
    pub removal_date: Option<String>,
    /// Its starting price.
    pub sp: Option<StartingPrices>,
    /// Its prices.
    pub ex: Option<ExchangePrices>,
    /// The customer's orders on it.
    pub orders: Option<Vec<BookOrder>>,
}

/// One of the customer's orders as it stands in a book: in other words than in `listCurrentOrders`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BookOrder {
    /// The venue's name of it.
    pub bet_id: String,
    /// Which terms.
    pub order_type: OrderType,
    /// Where it stands.
    pub status: OrderStatus,
    /// What becomes of the rest in play.
    pub persistence_type: Persistence,
    /// For or against.
    pub side: Side,
    /// Price asked for.
    pub price: f64,
    /// Size asked for.
    pub size: f64,
    /// Liability at the starting price.
    pub bsp_liability: f64,
    /// When it was taken.
    pub placed_date: Option<Instant>,
    /// At which price it was matched, on average.
    pub avg_price_matched: Option<f64>,
    /// How much was matched.
    pub size_matched: Option<f64>,
    /// How much waits.
    pub size_remaining: Option<f64>,
    /// How much lapsed.
    pub size_lapsed: Option<f64>,
    /// How much was cancelled.
    pub size_cancelled: Option<f64>,
    /// How much was voided.
    pub size_voided: Option<f64>,
    /// The customer's name for it.
    pub customer_order_ref: Option<String>,
    /// The customer's name for the strategy.
    pub customer_strategy_ref: Option<String>,
}

impl From<CurrentOrder> for BookOrder {
    fn from(order: CurrentOrder) -> Self {
        Self {
            bet_id: order.bet_id,
            order_type: order.order_type,
            status: order.status,
            persistence_type: order.persistence_type,
            side: order.side,
            price: order.price_size.price,
            size: order.price_size.size,
            bsp_liability: order.bsp_liability,
            placed_date: order.placed_date,
            avg_price_matched: Some(order.average_price_matched),
            size_matched: Some(order.size_matched),
            size_remaining: Some(order.size_remaining),
            size_lapsed: Some(order.size_lapsed),
            size_cancelled: Some(order.size_cancelled),
            size_voided: Some(order.size_voided),
            customer_order_ref: order.customer_order_ref,
            customer_strategy_ref: order.customer_strategy_ref,
        }
    }
}

/// A runner's starting price.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StartingPrices {
    /// Projected from all bets.
    #[serde(default, deserialize_with = "finite")]
    pub near_price: Option<f64>,
    /// Projected from starting-price bets alone.
    #[serde(default, deserialize_with = "finite")]
    pub far_price: Option<f64>,
    /// Backs by limit.
    pub back_stake_taken: Vec<PriceSize>,
    /// Lays by limit.
    pub lay_liability_taken: Vec<PriceSize>,
    /// As reconciled.
    #[serde(rename = "actualSP", default, deserialize_with = "finite")]
    pub actual_sp: Option<f64>,
}

/// A price for which the venue also writes `"NaN"` or `"Infinity"`: absent.
fn finite<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<f64>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Written {
        Number(f64),
        Word(String),
    }
    match Option::<Written>::deserialize(deserializer)? {
        None => Ok(None),
        Some(Written::Number(price)) => Ok(Some(price)),
        Some(Written::Word(word)) => match word.as_str() {
            "NaN" | "Infinity" | "-Infinity" => Ok(None),
            _ => Err(serde::de::Error::custom(format!(
                "\"{word}\" is not a price"
            ))),
        },
    }
}

/// A runner's offers and trades, best first.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ExchangePrices {
    /// What a backer can take.
    pub available_to_back: Vec<PriceSize>,
    /// What a layer can take.
    pub available_to_lay: Vec<PriceSize>,
    /// What was traded.
    pub traded_volume: Vec<PriceSize>,
}

/// By what current orders are sorted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum OrderBy {
    /// By when they were placed.
    #[default]
    ByBet,
    /// By market.
    ByMarket,
    /// By when they were placed.
    ByPlaceTime,
    /// By when they were matched.
    ByMatchTime,
    /// By when they were voided.
    ByVoidTime,
    /// By when they were settled.
    BySettledTime,
}

/// In which direction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum SortDir {
    /// Oldest first.
    #[default]
    EarliestToLatest,
    /// Newest first.
    LatestToEarliest,
}

/// The parameters of `listCurrentOrders`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ListCurrentOrders {
    /// Of these bets.
    pub bet_ids: Option<Vec<String>>,
    /// Of these markets.
    pub market_ids: Option<Vec<String>>,
    /// Waiting or not.
    pub order_projection: Option<OrderProjection>,
    /// Of these names.
    pub customer_order_refs: Option<Vec<String>>,
    /// Of these strategies.
    pub customer_strategy_refs: Option<Vec<String>>,
    /// Placed (or matched, if sorted by that) in this span.
    pub date_range: Option<TimeRange>,
    /// By what.
    pub order_by: Option<OrderBy>,
    /// In which direction.
    pub sort_dir: Option<SortDir>,
    /// From which on, from 0.
    pub from_record: Option<usize>,
    /// How many; 0 for as many as there may be.
    pub record_count: Option<usize>,
}

/// What became of bets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum BetStatus {
    /// Settled.
    Settled,
    /// Matched, and void.
    Voided,
    /// Lapsed unmatched.
    Lapsed,
    /// Cancelled unmatched.
    Cancelled,
}

/// Into what cleared orders are summed up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum GroupBy {
    /// Sports.
    EventType,
    /// Events.
    Event,
    /// Markets.
    Market,
    /// Runners.
    Runner,
    /// Sides of runners.
    Side,
    /// Bets: not at all.
    #[default]
    Bet,
    /// Strategies.
    Strategy,
}

/// The parameters of `listClearedOrders`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ListClearedOrders {
    /// What became of them.
    pub bet_status: BetStatus,
    /// Of these sports.
    pub event_type_ids: Option<Vec<String>>,
    /// Of these events.
    pub event_ids: Option<Vec<String>>,
    /// Of these markets.
    pub market_ids: Option<Vec<String>>,
    /// Of these bets.
    pub bet_ids: Option<Vec<String>>,
    /// Of these names.
    pub customer_order_refs: Option<Vec<String>>,
    /// Of these strategies.
    pub customer_strategy_refs: Option<Vec<String>>,
    /// For or against.
    pub side: Option<Side>,
    /// Settled in this span.
    pub settled_date_range: Option<TimeRange>,
    /// Summed up.
    pub group_by: Option<GroupBy>,
    /// From which on, from 0.
    pub from_record: Option<usize>,
    /// How many; 0 for as many as there may be.
    pub record_count: Option<usize>,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Recorded answers are read, and hold no field of ours that is lost.
    #[test]
    fn recorded_answers_are_read() {
        let folder =
            std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data/betfair/rest");
        if !folder.exists() {
            eprintln!("SKIPPED: {} is not there", folder.display());
            return;
        }
        let result = |name: &str| -> serde_json::Value {
            let text = std::fs::read_to_string(folder.join(name)).unwrap();
            serde_json::from_str::<serde_json::Value>(&text).unwrap()["result"].clone()
        };
        let books = result("bflw_list_market_book.json");
        let books: Vec<MarketBook> = serde_json::from_value(books).unwrap();
        let first = &books[0].runners[0];
        assert_eq!(first.adjustment_factor, Some(36.043));
        let ex = first.ex.as_ref().unwrap();
        assert_eq!(
            ex.available_to_back[0],
            PriceSize {
                price: 21.0,
                size: 2.0
            }
        );
        assert!(first.sp.as_ref().unwrap().actual_sp.is_some());
        let name = "bflw_list_market_catalogue.json";
        let catalogue: Vec<MarketCatalogue> = serde_json::from_value(result(name)).unwrap();
        assert!(!catalogue[0].runners.as_ref().unwrap().is_empty());
        assert!(catalogue[0].description.is_some());
    }
}
