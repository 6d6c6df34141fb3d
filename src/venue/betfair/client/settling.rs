//! What closed markets came to, in the venue's words: profits bet by bet, to the penny; asked for until every bet of ours
//! is accounted for, and looked at again later, since markets are settled anew now and then.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::trade::Trade;
use crate::engine::Earlier;
use crate::exchange::profit_by_definition;
use crate::market::{
    Commission, MarketDefinition, MarketId, Money, OrderId, OrderStatement, Price, Ratio, Reversal,
    Settlement, TimeMs, VenueEvent,
};
use crate::venue::betfair::ClearedOrder;

/// How long after a market has closed the venue is asked, each time that bets are lacking.
const ASKED_AFTER_S: [u64; 6] = [1, 2, 5, 10, 30, 60];
/// After so many questions a person is told that the venue does not say.
const LATE: usize = 15;
/// How long after a market was settled it is looked at again.
const LOOKED_AT_AFTER_S: [u64; 5] = [600, 3_600, 21_600, 86_400, 259_200];

/// A market that has closed, or had.
#[derive(Clone, Debug)]
pub(super) struct Due {
    pub(super) market: MarketId,
    at: TimeMs,
    /// As it closed; `None` if nobody saw it close.
    definition: Option<Arc<MarketDefinition>>,
    /// What it came to when it was looked at last.
    settled: Option<Known>,
    /// How often it was asked about.
    tries: usize,
    /// When it is asked about; `None` if only when it closes again.
    next: Option<Instant>,
}

/// What a market came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Known {
    version: u32,
    /// Nothing if that was taken back.
    profits: Vec<(OrderId, Money)>,
}

impl Known {
    fn is_taken_back(&self) -> bool {
        self.profits.is_empty()
    }
}

/// Markets that have closed.
#[derive(Debug, Default)]
pub(super) struct Settling {
    markets: BTreeMap<MarketId, Due>,
    /// Part of the commission that the account is spared, in hundredths of a percent.
    discount: u32,
}

impl Settling {
    /// With what earlier sessions have booked: settlements go on from these, and are looked at again when that is due.
    pub(super) fn after(earlier: &[Earlier], now: TimeMs) -> Self {
        let mut markets = BTreeMap::new();
        for earlier in earlier {
            let market = &earlier.market;
            let due: &mut Due = markets.entry(market.clone()).or_insert_with(|| Due {
                market: market.clone(),
                at: earlier.at,
                definition: None,
                settled: None,
                tries: 0,
                next: None,
            });
            due.at = due.at.max(earlier.at);
            let known = due.settled.get_or_insert_default();
            known.version = known.version.max(earlier.version);
            let orders = earlier.orders.iter().map(|booked| &booked.order);
            let profits = orders.filter_map(|order| Some((order.id, order.profit?)));
            known.profits.extend(profits);
            known.profits.sort_unstable();
        }
        for due in markets.values_mut() {
            if due.settled.as_ref().is_none_or(Known::is_taken_back) {
                continue;
            }
            let stood = Duration::from_millis(u64::try_from(now - due.at).unwrap_or(0));
            let looks = LOOKED_AT_AFTER_S.map(Duration::from_secs);
            due.tries = looks.iter().filter(|after| **after <= stood).count();
            due.next = looks
                .get(due.tries)
                .map(|after| Instant::now() + *after - stood);
        }
        Self {
            markets,
            discount: 0,
        }
    }

    /// The account is spared this part of the commission, in percent.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    pub(super) fn discount(&mut self, percent: f64) {
        // Clamped to its range; no number is none.
        self.discount = (percent.clamp(0.0, 100.0) * 100.0).round() as u32;
    }

    /// A market has closed.
    pub(super) fn closed(
        &mut self,
        trade: &Trade,
        market: MarketId,
        at: TimeMs,
        definition: Arc<MarketDefinition>,
    ) {
        if self.markets.contains_key(&market) || trade.bets().has_any_in(&market) {
            self.ask(market, at, Some(definition));
        }
    }

    /// The venue says that bets of ours in a market are settled. If nobody saw it close, it did so while nobody looked.
    pub(super) fn closed_unseen(&mut self, market: MarketId, at: TimeMs) {
        let is_known = self
            .markets
            .get(&market)
            .is_some_and(|due| due.next.is_some());
        if !is_known {
            self.ask(market, at, None);
        }
    }

    fn ask(&mut self, market: MarketId, at: TimeMs, definition: Option<Arc<MarketDefinition>>) {
        let settled = self.markets.remove(&market).and_then(|due| due.settled);
        let due = Due {
            market: market.clone(),
            at,
            definition,
            settled,
            tries: 0,
            next: Some(Instant::now()),
        };
        self.markets.insert(market, due);
    }

    /// The market's commission, less what the account is spared.
    fn rate(&self, definition: &MarketDefinition) -> Ratio {
        let kept = u64::from(10_000 - self.discount.min(10_000));
        let millionths = u64::from(definition.base_rate) * 100 * kept / 10_000;
        let rate = u32::try_from(millionths).ok();
        rate.and_then(Ratio::from_millionths).unwrap_or(Ratio::ONE)
    }

    /// A market was opened again: what it came to does not hold.
    pub(super) fn reopened(&mut self, trade: &Trade, market: &MarketId) {
        let Some(due) = self.markets.get_mut(market) else {
            return;
        };
        if let Some(known) = &mut due.settled
            && !known.is_taken_back()
        {
            reverse(trade, market, known.version);
            known.profits.clear();
        }
        due.next = None;
    }

    /// When a market is to be asked about.
    pub(super) fn next(&self) -> Option<Instant> {
        self.markets.values().filter_map(|due| due.next).min()
    }

    /// A market to be asked about now.
    pub(super) fn due(&self, now: Instant) -> Option<Due> {
        let mut markets = self.markets.values();
        let due = markets.find(|due| due.next.is_some_and(|next| next <= now));
        due.cloned()
    }

    /// The venue has to be asked again.
    pub(super) fn again(&mut self, trade: &Trade, due: &Due) {
        let Some(waiting) = self.markets.get_mut(&due.market) else {
            return;
        };
        waiting.tries += 1;
        let pause = ASKED_AFTER_S.get(waiting.tries).or(ASKED_AFTER_S.last());
        let pause = pause.copied().unwrap_or(60);
        waiting.next = Some(Instant::now() + Duration::from_secs(pause));
        let is_unsettled = waiting.settled.as_ref().is_none_or(Known::is_taken_back);
        if waiting.tries == LATE && is_unsettled {
            trade.mouth.alarm(
                "SETTLEMENT_LATE",
                format!(
                    "market {} has closed, and Betfair does not say what our bets in it came to",
                    due.market
                ),
            );
        }
    }

    /// The venue said what bets of a market came to, and what they came to together.
    pub(super) fn found(
        &mut self,
        trade: &Trade,
        due: &Due,
        rows: &[ClearedOrder],
        sums: &[ClearedOrder],
    ) {
        let found = profits(trade, due, rows);
        let found = found.and_then(|profits| {
            let commission = self.commission(trade, due, rows, sums)?;
            Some((profits, commission))
        });
        let Some((profits, commission)) = found else {
            return self.again(trade, due);
        };
        let version = match &due.settled {
            Some(known) if known.profits == profits => return self.look_again(trade, due, None),
            Some(known) => {
                if !known.is_taken_back() {
                    reverse(trade, &due.market, known.version);
                    trade.mouth.alarm(
                        "RESETTLED",
                        format!(
                            "Betfair has settled market {} anew, with other results",
                            due.market
                        ),
                    );
                }
                known.version + 1
            }
            None => 1,
        };
        let settlement = Settlement {
            market: due.market.clone(),
            at: due.at,
            version,
            commission,
            profits: profits.clone(),
        };
        trade.mouth.events(vec![VenueEvent::Settled(settlement)]);
        self.look_again(trade, due, Some(Known { version, profits }));
    }

    /// What the venue took: by its own sum of the market, or else by the market's rate. `None` if neither is known.
    fn commission(
        &self,
        trade: &Trade,
        due: &Due,
        rows: &[ClearedOrder],
        sums: &[ClearedOrder],
    ) -> Option<Commission> {
        let rate = due
            .definition
            .as_ref()
            .map(|definition| self.rate(definition));
        let market = due.market.as_str();
        let mut sums = sums.iter();
        let sum = sums.find(|sum| sum.market_id.as_deref() == Some(market));
        let Some(amount) = sum.and_then(|sum| Money::nearest(sum.commission?)) else {
            return rate.map(Commission::Rate);
        };
        if let Some(rate) = rate {
            check_commission(trade, due, rate, amount, rows);
        }
        let ours: Vec<_> = trade.bets().matched_in(&due.market);
        let of_others = rows.iter().filter(|row| {
            let name = row.bet_id.as_deref();
            !ours.iter().any(|bet| name == Some(&bet.venue_id))
        });
        let others = of_others
            .filter_map(|row| Money::nearest(row.profit?))
            .sum();
        Some(Commission::Charged { amount, others })
    }

    /// A market that is settled is looked at again later, a few times.
    fn look_again(&mut self, trade: &Trade, due: &Due, known: Option<Known>) {
        let Some(waiting) = self.markets.get_mut(&due.market) else {
            return;
        };
        match known {
            Some(known) => {
                waiting.settled = Some(known);
                waiting.tries = 0;
            }
            None => waiting.tries += 1,
        }
        let after = LOOKED_AT_AFTER_S.get(waiting.tries);
        waiting.next = after.map(|seconds| Instant::now() + Duration::from_secs(*seconds));
        if waiting.next.is_none() {
            trade.bets().forget(&due.market);
        }
    }
}

fn reverse(trade: &Trade, market: &MarketId, version: u32) {
    let reversal = Reversal {
        market: market.clone(),
        at: trade.mouth.now(),
        version,
    };
    trade.mouth.events(vec![VenueEvent::Reversed(reversal)]);
}

/// The profit of each bet of ours that was matched; `None` if the venue does not tell of one yet, or not all of it.
fn profits(trade: &Trade, due: &Due, rows: &[ClearedOrder]) -> Option<Vec<(OrderId, Money)>> {
    let bets = {
        let bets = trade.bets();
        // Of a bet that an earlier session has booked it must have been heard what it is now.
        let mut booked = due.settled.iter().flat_map(|known| &known.profits);
        if booked.any(|(order, _)| bets.name(*order).is_none()) {
            return None;
        }
        bets.matched_in(&due.market)
    };
    let mut profits = Vec::new();
    for bet in &bets {
        let row = rows
            .iter()
            .find(|row| row.bet_id.as_deref() == Some(&bet.venue_id))?;
        if Money::nearest(row.size_settled?)? != bet.matched {
            return None;
        }
        profits.push((bet.order?, Money::nearest(row.profit?)?));
    }
    if let Some(definition) = &due.definition {
        for (bet, (_, profit)) in bets.iter().zip(&profits) {
            check_profit(trade, definition, bet, *profit);
        }
    }
    profits.sort_unstable();
    Some(profits)
}

/// Compares what a bet came to with our own sums. The average price has two decimals, so that a big bet may differ by
/// more than a penny.
fn check_profit(trade: &Trade, definition: &MarketDefinition, bet: &OrderStatement, profit: Money) {
    let own = Price::average(bet.matched_value, bet.matched.minor()).and_then(|price| {
        profit_by_definition(definition, bet.runner, bet.side, price, bet.matched)
    });
    let Some(own) = own else { return };
    let tolerance = Money::from_minor(1 + bet.matched.minor() / 200);
    if (profit - own).abs() > tolerance {
        trade.mouth.alarm(
            "SETTLEMENT_DIFFERS",
            format!(
                "Betfair settled the bet {} in market {} with {profit}, where our own sums say {own}",
                bet.venue_id, bet.market
            ),
        );
    }
}

/// Compares the commission with what the rate makes of the net winnings.
fn check_commission(trade: &Trade, due: &Due, rate: Ratio, charged: Money, rows: &[ClearedOrder]) {
    let profits = rows.iter().filter_map(|row| Money::nearest(row.profit?));
    let expected = Commission::Rate(rate).shares(&[profits.sum()])[0];
    if (charged - expected).abs() > Money::from_minor(1) {
        let market = &due.market;
        trade.mouth.alarm(
            "COMMISSION_DIFFERS",
            format!("Betfair took a commission of {charged} in market {market}, where {expected} was expected"),
        );
    }
}
