//! The bets of an account as lists: current, cleared, summed up; and its money.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::accounts::AccountId;
use super::actions::{order_status, two_decimals};
use super::bets::Bet;
use super::world::World;
use crate::market::{Money, OrderKind, Price, Side, TimeMs};
use crate::venue::betfair::{
    ApiCode, BetStatus, ClearedOrder, ClearedOrders, CurrentOrder, CurrentOrders, GroupBy,
    Instant as Date, ListClearedOrders, ListCurrentOrders, OrderBy, OrderProjection, OrderStatus,
    OrderType, PriceSize, RpcError, SortDir,
};

/// Most records in an answer.
const PAGE: usize = 1_000;
/// Most markets or bets that a list may be asked of.
const MOST_IDS: usize = 250;

/// A bet as `listCurrentOrders` tells it.
pub(super) fn current(bet: &Bet) -> CurrentOrder {
    let order = &bet.order;
    let (price, size, liability) = match order.kind {
        OrderKind::Limit { price, size, .. } => (price.to_f64(), size, Money::ZERO),
        OrderKind::LimitOnClose { price, liability } => (price.to_f64(), Money::ZERO, liability),
        OrderKind::MarketOnClose { liability } => (0.0, Money::ZERO, liability),
    };
    CurrentOrder {
        bet_id: bet.id(),
        market_id: bet.market.to_string(),
        selection_id: order.runner.selection,
        handicap: f64::from(order.runner.handicap) / 100.0,
        price_size: PriceSize {
            price,
            size: size.to_f64(),
        },
        bsp_liability: liability.to_f64(),
        side: order.side,
        status: match order_status(bet) {
            OrderStatus::Expired => OrderStatus::ExecutionComplete,
            status => status,
        },
        persistence_type: order.kind.persistence().unwrap_or_default(),
        order_type: order_type(order.kind),
        placed_date: order.placed_at.map(Date::in_seconds),
        matched_date: bet.matched_at.map(Date::in_seconds),
        average_price_matched: order.average_price().map_or(0.0, two_decimals),
        size_matched: order.matched.to_f64(),
        size_remaining: order.remaining().to_f64(),
        size_lapsed: order.lapsed.to_f64(),
        size_cancelled: order.cancelled.to_f64(),
        size_voided: order.voided.to_f64(),
        regulator_code: Some("GIBRALTAR REGULATOR".to_owned()),
        customer_order_ref: bet.refs.order.clone(),
        customer_strategy_ref: bet.refs.strategy.clone(),
    }
}

const fn order_type(kind: OrderKind) -> OrderType {
    match kind {
        OrderKind::Limit { .. } => OrderType::Limit,
        OrderKind::LimitOnClose { .. } => OrderType::LimitOnClose,
        OrderKind::MarketOnClose { .. } => OrderType::MarketOnClose,
    }
}

/// Whether a bet in this state is wanted.
pub(super) fn is_wanted(status: OrderStatus, projection: OrderProjection) -> bool {
    match projection {
        OrderProjection::All => true,
        OrderProjection::Executable => status == OrderStatus::Executable,
        OrderProjection::ExecutionComplete => status != OrderStatus::Executable,
    }
}

fn one_of(list: Option<&Vec<String>>, found: &str) -> bool {
    list.is_none_or(|list| list.is_empty() || list.iter().any(|wanted| wanted == found))
}

/// One page of a list, and whether there is another.
fn page<T>(all: Vec<T>, from: Option<usize>, count: Option<usize>) -> (Vec<T>, bool) {
    let most = count.filter(|count| *count > 0).unwrap_or(PAGE).min(PAGE);
    let rest = all.len().saturating_sub(from.unwrap_or(0));
    let page = all.into_iter().skip(from.unwrap_or(0)).take(most).collect();
    (page, rest > most)
}

impl World {
    /// `listCurrentOrders`.
    pub(super) fn current_orders(
        &self,
        account: AccountId,
        asked: &ListCurrentOrders,
    ) -> Result<CurrentOrders, RpcError> {
        let too_many =
            |list: &Option<Vec<String>>| list.as_ref().is_some_and(|l| l.len() > MOST_IDS);
        if too_many(&asked.market_ids) || too_many(&asked.bet_ids) {
            return Err(RpcError::api(ApiCode::TooMuchData, "at most 250 ids"));
        }
        let order_by = asked.order_by.unwrap_or_default();
        let date = |bet: &Bet| match order_by {
            OrderBy::ByMatchTime => bet.matched_at,
            OrderBy::ByVoidTime => bet.order.ended_at,
            _ => bet.order.placed_at,
        };
        let span = asked.date_range.unwrap_or_default();
        let mut bets: Vec<&Bet> = self
            .bets
            .of(account)
            .filter(|bet| bet.cleared_at.is_none())
            .filter(|bet| one_of(asked.bet_ids.as_ref(), &bet.id()))
            .filter(|bet| one_of(asked.market_ids.as_ref(), bet.market.as_str()))
            .filter(|bet| {
                has_refs(
                    bet,
                    asked.customer_order_refs.as_ref(),
                    asked.customer_strategy_refs.as_ref(),
                )
            })
            .filter(|bet| {
                is_wanted(
                    order_status(bet),
                    asked.order_projection.unwrap_or_default(),
                )
            })
            .filter(|bet| {
                asked.date_range.is_none() || date(bet).is_some_and(|at| span.holds(Date(at)))
            })
            .filter(|bet| match order_by {
                OrderBy::ByMatchTime => bet.order.matched.is_positive(),
                OrderBy::ByVoidTime => bet.order.voided.is_positive(),
                _ => true,
            })
            .collect();
        match order_by {
            OrderBy::ByMarket => bets.sort_by_key(|bet| (bet.market.clone(), bet.number)),
            _ => bets.sort_by_key(|bet| (date(bet), bet.number)),
        }
        if asked.sort_dir.unwrap_or_default() == SortDir::LatestToEarliest {
            bets.reverse();
        }
        let (bets, more_available) = page(bets, asked.from_record, asked.record_count);
        Ok(CurrentOrders {
            current_orders: bets.into_iter().map(current).collect(),
            more_available,
        })
    }

    /// `listClearedOrders`.
    pub(super) fn cleared_orders(
        &self,
        account: AccountId,
        asked: &ListClearedOrders,
    ) -> Result<ClearedOrders, RpcError> {
        let group_by = asked.group_by.unwrap_or_default();
        if group_by != GroupBy::Bet && asked.bet_status != BetStatus::Settled {
            return Err(RpcError::api(
                ApiCode::InvalidInputData,
                "groupBy: only with SETTLED",
            ));
        }
        let span = asked.settled_date_range.unwrap_or_default();
        let mut bets: Vec<(TimeMs, &Bet)> = self
            .bets
            .of(account)
            .filter_map(|bet| Some((cleared_at(bet, asked.bet_status)?, bet)))
            .filter(|(at, _)| span.holds(Date(*at)))
            .filter(|(_, bet)| one_of(asked.bet_ids.as_ref(), &bet.id()))
            .filter(|(_, bet)| one_of(asked.market_ids.as_ref(), bet.market.as_str()))
            .filter(|(_, bet)| {
                has_refs(
                    bet,
                    asked.customer_order_refs.as_ref(),
                    asked.customer_strategy_refs.as_ref(),
                )
            })
            .filter(|(_, bet)| asked.side.is_none_or(|side| side == bet.order.side))
            .filter(|(_, bet)| {
                let (sport, event) = self.whereabouts(bet);
                one_of(asked.event_type_ids.as_ref(), &sport)
                    && one_of(asked.event_ids.as_ref(), &event)
            })
            .collect();
        // The latest settled come first.
        bets.sort_by_key(|(at, bet)| std::cmp::Reverse((*at, bet.number)));
        let cleared = if group_by == GroupBy::Bet {
            bets.into_iter()
                .map(|(at, bet)| self.cleared(bet, at, asked.bet_status))
                .collect()
        } else {
            self.summed_up(account, &bets, group_by)
        };
        let (cleared_orders, more_available) = page(cleared, asked.from_record, asked.record_count);
        Ok(ClearedOrders {
            cleared_orders,
            more_available,
        })
    }

    /// Sport and event of a bet.
    fn whereabouts(&self, bet: &Bet) -> (String, String) {
        let market = self.books.market(&bet.market);
        market.map_or_else(Default::default, |market| {
            let definition = &market.definition;
            (definition.sport_id.clone(), definition.event_id.clone())
        })
    }

    fn cleared(&self, bet: &Bet, at: TimeMs, status: BetStatus) -> ClearedOrder {
        let order = &bet.order;
        let (sport, event) = self.whereabouts(bet);
        let settled = status == BetStatus::Settled;
        let profit = order.profit.unwrap_or_default();
        let outcome = match profit.minor().signum() {
            1 => "WON",
            _ => "LOST",
        };
        let size = match status {
            BetStatus::Settled => order.matched,
            BetStatus::Voided => order.voided,
            BetStatus::Lapsed => order.lapsed,
            BetStatus::Cancelled => order.cancelled,
        };
        ClearedOrder {
            event_type_id: Some(sport),
            event_id: Some(event),
            market_id: Some(bet.market.to_string()),
            selection_id: Some(order.runner.selection),
            handicap: Some(f64::from(order.runner.handicap) / 100.0),
            bet_id: Some(bet.id()),
            placed_date: order.placed_at.map(Date::in_seconds),
            persistence_type: order.kind.persistence(),
            order_type: Some(order_type(order.kind)),
            side: Some(order.side),
            bet_outcome: settled.then(|| outcome.to_owned()),
            price_requested: Some(order.kind.price().map_or(0.0, Price::to_f64)),
            settled_date: Some(Date::in_seconds(at)),
            last_matched_date: bet.matched_at.map(Date::in_seconds),
            bet_count: Some(1),
            commission: None,
            price_matched: settled.then(|| order.average_price().map_or(0.0, two_decimals)),
            price_reduced: Some(bet.reduced),
            size_settled: settled.then(|| size.to_f64()),
            profit: Some(profit.to_f64()),
            size_cancelled: (!settled).then(|| size.to_f64()),
            customer_order_ref: bet.refs.order.clone(),
            customer_strategy_ref: bet.refs.strategy.clone(),
        }
    }

    /// Settled bets summed up. Commission is known of whole markets, and so of what is made of those.
    fn summed_up(
        &self,
        account: AccountId,
        bets: &[(TimeMs, &Bet)],
        group_by: GroupBy,
    ) -> Vec<ClearedOrder> {
        let mut groups: BTreeMap<Vec<String>, Vec<(TimeMs, &Bet)>> = BTreeMap::new();
        for &(at, bet) in bets {
            let (sport, event) = self.whereabouts(bet);
            let market = bet.market.to_string();
            let runner = bet.order.runner.to_string();
            let key = match group_by {
                GroupBy::EventType => vec![sport],
                GroupBy::Event => vec![sport, event],
                GroupBy::Market => vec![sport, event, market],
                GroupBy::Runner => vec![sport, event, market, runner],
                GroupBy::Side | GroupBy::Bet => {
                    let side = bet.order.side.as_str().to_owned();
                    vec![sport, event, market, runner, side]
                }
                GroupBy::Strategy => vec![bet.refs.strategy.clone().unwrap_or_default()],
            };
            groups.entry(key).or_default().push((at, bet));
        }
        let row = |key: Vec<String>, members: Vec<(TimeMs, &Bet)>| {
            let first = members[0].1;
            let part = |at: usize| {
                key.get(at)
                    .filter(|_| group_by != GroupBy::Strategy)
                    .cloned()
            };
            let markets: std::collections::BTreeSet<_> =
                members.iter().map(|(_, bet)| &bet.market).collect();
            let charged = markets.iter().flat_map(|market| self.bets.paid_by(market));
            let commission: Money = charged
                .filter(|paid| paid.account == account)
                .map(|paid| paid.commission)
                .sum();
            let whole = matches!(
                group_by,
                GroupBy::EventType | GroupBy::Event | GroupBy::Market
            );
            let profit: Money = members.iter().filter_map(|(_, bet)| bet.order.profit).sum();
            let finer = matches!(group_by, GroupBy::Runner | GroupBy::Side);
            ClearedOrder {
                event_type_id: part(0),
                event_id: part(1),
                market_id: part(2),
                selection_id: finer.then_some(first.order.runner.selection),
                handicap: finer.then(|| f64::from(first.order.runner.handicap) / 100.0),
                side: (group_by == GroupBy::Side).then_some(first.order.side),
                settled_date: members.iter().map(|(at, _)| Date::in_seconds(*at)).max(),
                bet_count: Some(members.len() as u64),
                commission: whole.then(|| commission.to_f64()),
                profit: Some(profit.to_f64()),
                customer_strategy_ref: (group_by == GroupBy::Strategy).then(|| key[0].clone()),
                ..ClearedOrder::default()
            }
        };
        groups
            .into_iter()
            .map(|(key, members)| row(key, members))
            .collect()
    }

    /// `getAccountFunds`.
    pub(super) fn account_funds(&self, account: AccountId) -> Value {
        let (available, exposure) = self.funds(account);
        json!({
            "availableToBetBalance": available.to_f64(),
            "exposure": 0.0 - exposure.to_f64(),
            "retainedCommission": 0.0,
            "exposureLimit": -100_000.0,
            "discountRate": 0.0,
            "pointsBalance": 0,
            "wallet": "UK",
        })
    }

    /// `getAccountDetails`.
    pub(super) fn account_details(&self, account: AccountId, currency: &str) -> Value {
        let name = self
            .accounts
            .get(account)
            .map(|account| account.name.clone());
        json!({
            "currencyCode": currency,
            "firstName": name,
            "lastName": "Look-alike",
            "localeCode": "en",
            "region": "GBR",
            "timezone": "Europe/London",
            "discountRate": 0.0,
            "pointsBalance": 0,
            "countryCode": "GB",
        })
    }

    /// `listMarketProfitAndLoss`, of markets with runners that win or lose.
    pub(super) fn profit_and_loss(&self, account: AccountId, markets: &[String]) -> Value {
        let told = markets
            .iter()
            .filter_map(|id| self.market(id))
            .map(|market| {
                let bets: Vec<&Bet> = self
                    .bets
                    .in_market(&market.id)
                    .filter(|bet| bet.account == account && bet.cleared_at.is_none())
                    .collect();
                let if_wins = |winner| {
                    let results = bets.iter().filter_map(|bet| {
                        let order = &bet.order;
                        let won = order.matched.profit_at(order.average_price()?);
                        Some(match (order.side, order.runner == winner) {
                            (Side::Back, true) => won,
                            (Side::Back, false) => -order.matched,
                            (Side::Lay, true) => -won,
                            (Side::Lay, false) => order.matched,
                        })
                    });
                    results.sum::<Money>()
                };
                let runners = market.definition.runners.iter().map(|runner| {
                json!({ "selectionId": runner.id.selection, "ifWin": if_wins(runner.id).to_f64() })
            });
                let rows: Vec<Value> = runners.collect();
                json!({ "marketId": market.id, "commissionApplied": 0.0, "profitAndLosses": rows })
            });
        told.collect()
    }
}

/// When a bet came to this end; `None` if it did not.
fn cleared_at(bet: &Bet, status: BetStatus) -> Option<TimeMs> {
    let order = &bet.order;
    match status {
        BetStatus::Settled => bet.cleared_at.filter(|_| order.profit.is_some()),
        BetStatus::Voided => order.ended_at.filter(|_| order.voided.is_positive()),
        BetStatus::Lapsed => bet.lapsed_at.filter(|_| order.lapsed.is_positive()),
        BetStatus::Cancelled => bet.cancelled_at.filter(|_| order.cancelled.is_positive()),
    }
}

fn has_refs(bet: &Bet, orders: Option<&Vec<String>>, strategies: Option<&Vec<String>>) -> bool {
    one_of(orders, bet.refs.order.as_deref().unwrap_or_default())
        && one_of(strategies, bet.refs.strategy.as_deref().unwrap_or_default())
}
