//! What closed markets came to, in the venue's words: profits bet by bet, to the penny; asked for until every bet of ours
//! is accounted for, and looked at again later, since markets are settled anew now and then.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::trade::Trade;
use crate::exchange::profit_by_definition;
use crate::market::{
    MarketDefinition, MarketId, Money, OrderId, OrderStatement, Price, Ratio, Reversal, Settlement,
    TimeMs, VenueEvent,
};
use crate::venue::betfair::ClearedOrder;

/// How long after a market has closed the venue is asked, each time that bets are lacking.
const ASKED_AFTER_S: [u64; 6] = [1, 2, 5, 10, 30, 60];
/// After so many questions a person is told that the venue does not say.
const LATE: usize = 15;
/// How long after a market was settled it is looked at again.
const LOOKED_AT_AFTER_S: [u64; 5] = [600, 3_600, 21_600, 86_400, 259_200];

/// A market to be asked about now.
#[derive(Clone, Debug)]
pub(super) struct Due {
    pub(super) market: MarketId,
    at: TimeMs,
    definition: Arc<MarketDefinition>,
    rate: Ratio,
    /// What it came to when it was looked at last.
    settled: Option<Known>,
    /// How often it was asked about.
    tries: usize,
}

/// What a market came to.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Known {
    version: u32,
    profits: Vec<(OrderId, Money)>,
}

/// Markets that have closed.
#[derive(Debug, Default)]
pub(super) struct Settling {
    waiting: BTreeMap<MarketId, (Instant, Due)>,
    /// Part of the commission that the account is spared, in hundredths of a percent.
    discount: u32,
}

impl Settling {
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
        if !trade.bets().has_any_in(&market) {
            return;
        }
        let settled = self
            .waiting
            .remove(&market)
            .and_then(|(_, due)| due.settled);
        let due = Due {
            market: market.clone(),
            at,
            rate: self.rate(&definition),
            definition,
            settled,
            tries: 0,
        };
        self.waiting.insert(market, (Instant::now(), due));
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
        let Some((_, due)) = self.waiting.get_mut(market) else {
            return;
        };
        if let Some(known) = &due.settled {
            reverse(trade, market, known.version);
        }
        // It is asked about when it closes again; until then there is only the version to remember.
        due.settled = due.settled.take().map(|known| Known {
            profits: Vec::new(),
            ..known
        });
        due.tries = usize::MAX;
    }

    /// When a market is to be asked about.
    pub(super) fn next(&self) -> Option<Instant> {
        let waiting = self
            .waiting
            .values()
            .filter(|(_, due)| due.tries != usize::MAX);
        waiting.map(|(at, _)| *at).min()
    }

    /// A market to be asked about now.
    pub(super) fn due(&self, now: Instant) -> Option<Due> {
        let mut waiting = self.waiting.values();
        let due = waiting.find(|(at, due)| *at <= now && due.tries != usize::MAX);
        due.map(|(_, due)| due.clone())
    }

    /// The venue has to be asked again.
    pub(super) fn again(&mut self, trade: &Trade, due: &Due) {
        let Some((at, waiting)) = self.waiting.get_mut(&due.market) else {
            return;
        };
        waiting.tries += 1;
        let pause = ASKED_AFTER_S.get(waiting.tries).or(ASKED_AFTER_S.last());
        *at = Instant::now() + Duration::from_secs(pause.copied().unwrap_or(60));
        if waiting.tries == LATE && waiting.settled.is_none() {
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
        let Some(profits) = profits(trade, due, rows) else {
            return self.again(trade, due);
        };
        check_commission(trade, due, rows, sums);
        let version = match &due.settled {
            Some(known) if known.profits == profits => return self.look_again(trade, due, None),
            Some(known) => {
                if !known.profits.is_empty() {
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
            commission_rate: due.rate,
            profits: profits.clone(),
        };
        trade.mouth.events(vec![VenueEvent::Settled(settlement)]);
        self.look_again(trade, due, Some(Known { version, profits }));
    }

    /// A market that is settled is looked at again later, a few times.
    fn look_again(&mut self, trade: &Trade, due: &Due, known: Option<Known>) {
        let Some((at, waiting)) = self.waiting.get_mut(&due.market) else {
            return;
        };
        match known {
            Some(known) => {
                waiting.settled = Some(known);
                waiting.tries = 0;
            }
            None => waiting.tries += 1,
        }
        match LOOKED_AT_AFTER_S.get(waiting.tries) {
            Some(seconds) => *at = Instant::now() + Duration::from_secs(*seconds),
            None => {
                self.waiting.remove(&due.market);
                trade.bets().forget(&due.market);
            }
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
    let bets = trade.bets().matched_in(&due.market);
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
    for (bet, (_, profit)) in bets.iter().zip(&profits) {
        check_profit(trade, due, bet, *profit);
    }
    Some(profits)
}

/// Compares what a bet came to with our own sums. The average price has two decimals, so that a big bet may differ by
/// more than a penny.
fn check_profit(trade: &Trade, due: &Due, bet: &OrderStatement, profit: Money) {
    let own = Price::average(bet.matched_value, bet.matched.minor()).and_then(|price| {
        profit_by_definition(&due.definition, bet.runner, bet.side, price, bet.matched)
    });
    let Some(own) = own else { return };
    let tolerance = Money::from_minor(1 + bet.matched.minor() / 200);
    if (profit - own).abs() > tolerance {
        trade.mouth.alarm(
            "SETTLEMENT_DIFFERS",
            format!(
                "Betfair settled the bet {} in market {} with {profit}, where our own sums say {own}",
                bet.venue_id, due.market
            ),
        );
    }
}

/// Compares the commission with what the rate makes of the net winnings.
fn check_commission(trade: &Trade, due: &Due, rows: &[ClearedOrder], sums: &[ClearedOrder]) {
    let market = due.market.as_str();
    let sum = sums
        .iter()
        .find(|sum| sum.market_id.as_deref() == Some(market));
    let Some(charged) = sum.and_then(|sum| Money::nearest(sum.commission?)) else {
        return;
    };
    let net: Money = rows
        .iter()
        .filter_map(|row| Money::nearest(row.profit?))
        .sum();
    let expected = net
        .max(Money::ZERO)
        .scaled(i64::from(due.rate.millionths()), 1_000_000);
    if (charged - expected).abs() > Money::from_minor(1) {
        trade.mouth.alarm(
            "COMMISSION_DIFFERS",
            format!("Betfair took a commission of {charged} in market {market}, where {expected} was expected"),
        );
    }
}
