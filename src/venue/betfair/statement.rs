//! Where a bet stands, in the words of the field: from the stream, from the list of current bets, and from those that
//! are over.

use std::fmt;

use super::betting::{ClearedOrder, CurrentOrder, OrderStatus, OrderType, runner_id};
use super::markets::BetStatus;
use super::stream::StreamOrder;
use crate::market::{
    MarketId, Money, OrderId, OrderKind, OrderStatement, Persistence, Price, RunnerId, Side,
    TimeMs, VenueReason,
};

/// A bet that makes no sense: which one, and why.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the bet {bet} makes no sense: {what}")]
pub struct Nonsense {
    /// The venue's name of it.
    pub bet: String,
    /// What is wrong.
    pub what: String,
}

/// Which bets carry names that we gave them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Names {
    /// What bets of ours carry as the name of their strategy: of this life of the ledger first, then of earlier ones.
    pub epochs: Vec<String>,
}

/// What the name of an order begins with: the version of how it is made.
const PREFIX: &str = "b1";

impl Names {
    /// The name under which an order is placed: 28 letters of the 32 that the venue keeps.
    #[must_use]
    pub fn of(order: OrderId) -> String {
        format!("{PREFIX}{order}")
    }

    /// Which order of ours bears these names, if any does.
    #[must_use]
    pub fn order(&self, order_ref: Option<&str>, strategy_ref: Option<&str>) -> Option<OrderId> {
        let epoch = strategy_ref.filter(|epoch| !epoch.is_empty())?;
        self.epochs.iter().find(|known| *known == epoch)?;
        OrderId::parse(order_ref?.strip_prefix(PREFIX)?)
    }

    /// Where a bet stands, as the stream says.
    ///
    /// # Errors
    /// If it makes no sense.
    pub fn streamed(
        &self,
        market: &str,
        runner: RunnerId,
        bet: &StreamOrder,
    ) -> Result<Told, Nonsense> {
        let read = Reader(&bet.id);
        let (matched, price) = (read.money("sm", bet.sm)?, bet.avp.filter(|avp| *avp > 0.0));
        let kind = match bet.ot.as_str() {
            "L" => OrderKind::Limit {
                price: read.price("p", bet.p)?,
                size: read.money("s", bet.s)?,
                persistence: match bet.pt.as_deref() {
                    Some("P") => Persistence::Persist,
                    Some("MOC") => Persistence::MarketOnClose,
                    _ => Persistence::Lapse,
                },
                fill_or_kill: None,
            },
            "LOC" => OrderKind::LimitOnClose {
                price: read.price("p", bet.p)?,
                liability: read.money("bsp", bet.bsp.unwrap_or_default())?,
            },
            "MOC" => OrderKind::MarketOnClose {
                liability: read.money("bsp", bet.bsp.unwrap_or_default())?,
            },
            other => return Err(read.nonsense("ot", &other)),
        };
        let statement = OrderStatement {
            market: MarketId::new(market),
            order: self.order(bet.rfo.as_deref(), bet.rfs.as_deref()),
            venue_id: bet.id.as_str().into(),
            runner,
            side: match bet.side.as_str() {
                "B" => Side::Back,
                "L" => Side::Lay,
                other => return Err(read.nonsense("side", &other)),
            },
            kind,
            placed_at: TimeMs(bet.pd.unwrap_or_default()),
            matched,
            matched_value: read.value("avp", matched, price.unwrap_or_default())?,
            cancelled: read.money("sc", bet.sc)?,
            lapsed: read.money("sl", bet.sl)?,
            lapse_reason: lapse_reason(bet.lsrc.as_deref()),
            voided: read.money("sv", bet.sv)?,
            is_complete: match bet.status.as_str() {
                "E" => false,
                "EC" => true,
                other => return Err(read.nonsense("status", &other)),
            },
        };
        Ok(match price {
            None if matched.is_positive() => Told::WithoutPrice(statement),
            _ => Told::Whole(statement),
        })
    }

    /// Where a bet stands, as the list of current bets says.
    ///
    /// # Errors
    /// If it makes no sense.
    pub fn current(&self, bet: &CurrentOrder) -> Result<OrderStatement, Nonsense> {
        let read = Reader(&bet.bet_id);
        let matched = read.money("sizeMatched", bet.size_matched)?;
        let (price, size) = (bet.price_size.price, bet.price_size.size);
        let kind = match bet.order_type {
            // A bet at the starting price that was placed as a limit order is told with its liability.
            OrderType::Limit if size <= 0.0 && bet.bsp_liability > 0.0 => {
                OrderKind::MarketOnClose {
                    liability: read.money("bspLiability", bet.bsp_liability)?,
                }
            }
            OrderType::Limit => OrderKind::Limit {
                price: read.price("priceSize.price", price)?,
                size: read.money("priceSize.size", size)?,
                persistence: bet.persistence_type,
                fill_or_kill: None,
            },
            OrderType::LimitOnClose => OrderKind::LimitOnClose {
                price: read.price("priceSize.price", price)?,
                liability: read.money("bspLiability", bet.bsp_liability)?,
            },
            OrderType::MarketOnClose => OrderKind::MarketOnClose {
                liability: read.money("bspLiability", bet.bsp_liability)?,
            },
        };
        Ok(OrderStatement {
            market: MarketId::new(&bet.market_id),
            order: self.order(
                bet.customer_order_ref.as_deref(),
                bet.customer_strategy_ref.as_deref(),
            ),
            venue_id: bet.bet_id.as_str().into(),
            runner: runner_id(bet.selection_id, Some(bet.handicap)),
            side: bet.side,
            kind,
            placed_at: bet.placed_date.map(|at| at.0).unwrap_or_default(),
            matched,
            matched_value: read.value("averagePriceMatched", matched, bet.average_price_matched)?,
            cancelled: read.money("sizeCancelled", bet.size_cancelled)?,
            lapsed: read.money("sizeLapsed", bet.size_lapsed)?,
            lapse_reason: VenueReason::NotSaid,
            voided: read.money("sizeVoided", bet.size_voided)?,
            is_complete: matches!(
                bet.status,
                OrderStatus::ExecutionComplete | OrderStatus::Expired
            ),
        })
    }

    /// What became of a bet that is over. A bet of which parts came to different ends is told once for each.
    ///
    /// # Errors
    /// If it makes no sense, or does not say which bet it is.
    pub fn cleared(&self, end: BetStatus, bet: &ClearedOrder) -> Result<OrderStatement, Nonsense> {
        let id = bet.bet_id.as_deref().unwrap_or("without a name");
        let read = Reader(id);
        let lacking = |what: &str| read.nonsense(what, &"absent");
        let settled = read.money("sizeSettled", bet.size_settled.unwrap_or_default())?;
        let gone = read.money("sizeCancelled", bet.size_cancelled.unwrap_or_default())?;
        let mut statement = OrderStatement {
            market: MarketId::new(
                bet.market_id
                    .as_deref()
                    .ok_or_else(|| lacking("marketId"))?,
            ),
            order: self.order(
                bet.customer_order_ref.as_deref(),
                bet.customer_strategy_ref.as_deref(),
            ),
            venue_id: bet
                .bet_id
                .as_deref()
                .ok_or_else(|| lacking("betId"))?
                .into(),
            runner: runner_id(
                bet.selection_id.ok_or_else(|| lacking("selectionId"))?,
                bet.handicap,
            ),
            side: bet.side.ok_or_else(|| lacking("side"))?,
            kind: OrderKind::MarketOnClose {
                liability: settled.max(gone),
            },
            placed_at: bet.placed_date.map(|at| at.0).unwrap_or_default(),
            matched: Money::ZERO,
            matched_value: 0,
            cancelled: Money::ZERO,
            lapsed: Money::ZERO,
            lapse_reason: VenueReason::NotSaid,
            voided: Money::ZERO,
            is_complete: true,
        };
        match end {
            BetStatus::Settled => {
                statement.matched = settled;
                let price = bet.price_matched.unwrap_or_default();
                statement.matched_value = read.value("priceMatched", settled, price)?;
                statement.cancelled = gone;
            }
            BetStatus::Voided => statement.voided = settled.max(gone),
            BetStatus::Lapsed => statement.lapsed = settled.max(gone),
            BetStatus::Cancelled => statement.cancelled = settled.max(gone),
        }
        if bet.order_type.unwrap_or(OrderType::Limit) == OrderType::Limit {
            statement.kind = OrderKind::Limit {
                price: read.price("priceRequested", bet.price_requested.unwrap_or_default())?,
                size: settled + gone,
                persistence: bet.persistence_type.unwrap_or_default(),
                fill_or_kill: None,
            };
        }
        Ok(statement)
    }
}

/// Why a bet lapsed, by the stream's code for it; an ordinary lapse has none.
fn lapse_reason(code: Option<&str>) -> VenueReason {
    match code {
        Some("MKT_SUSPENDED") => VenueReason::Suspended,
        Some("MKT_VERSION") => VenueReason::MarketChanged,
        Some("RNR_UNKNOWN") => VenueReason::RunnerRemoved,
        Some("PRICE_INVALID") => VenueReason::InvalidPrice,
        Some("PRICE_IMP_TOO_LARGE") => VenueReason::PriceImprovementTooLarge,
        Some("SMALL_STAKE") => VenueReason::BelowMinimum,
        Some("SP_IN_PLAY") => VenueReason::NoStartingPrice,
        _ => VenueReason::NotSaid,
    }
}

/// What the stream told of a bet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Told {
    /// All of it.
    Whole(OrderStatement),
    /// Some of it is matched, and at which price was not said: the list of current bets knows.
    WithoutPrice(OrderStatement),
}

/// Reads the numbers of one bet.
#[derive(Clone, Copy)]
struct Reader<'a>(&'a str);

impl Reader<'_> {
    fn nonsense(&self, member: &str, found: &dyn fmt::Display) -> Nonsense {
        let shown = |text: &str| crate::venue::excerpt(text.as_bytes(), 0, 64);
        Nonsense {
            bet: shown(self.0),
            what: format!("{member} is {}", shown(&found.to_string())),
        }
    }

    fn money(&self, member: &str, decimal: f64) -> Result<Money, Nonsense> {
        Money::nearest(decimal)
            .filter(|amount| !amount.minor().is_negative())
            .ok_or_else(|| self.nonsense(member, &decimal))
    }

    fn price(&self, member: &str, decimal: f64) -> Result<Price, Nonsense> {
        Price::nearest(decimal).ok_or_else(|| self.nonsense(member, &decimal))
    }

    /// Σ price × size of what was matched.
    fn value(&self, member: &str, matched: Money, average: f64) -> Result<i128, Nonsense> {
        let price = self.price(member, average)?;
        Ok(i128::from(price.nanos()) * i128::from(matched.minor()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::venue::betfair::{ClearedOrders, CurrentOrders, Head};
    use proptest::prelude::*;
    use std::path::PathBuf;

    fn names() -> Names {
        Names {
            epochs: vec!["abc123".to_owned(), "old456".to_owned()],
        }
    }

    #[test]
    fn a_bet_is_ours_only_with_both_names() {
        let order = OrderId::from_bits(0x1234_5678_9abc_def0);
        let name = Names::of(order);
        assert_eq!(name.len(), 28);
        let ours = |order_ref, strategy_ref| names().order(order_ref, strategy_ref);
        assert_eq!(ours(Some(&name), Some("abc123")), Some(order));
        assert_eq!(ours(Some(&name), Some("old456")), Some(order));
        assert_eq!(ours(Some(&name), Some("other")), None);
        assert_eq!(ours(Some(&name), Some("")), None);
        assert_eq!(ours(Some(&name), None), None);
        assert_eq!(ours(Some(&name[2..]), Some("abc123")), None);
        assert_eq!(ours(None, Some("abc123")), None);
    }

    fn recorded(folder: &str) -> Vec<(PathBuf, serde_json::Value)> {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("../shared/data/betfair")
            .join(folder);
        let Ok(files) = std::fs::read_dir(&folder) else {
            eprintln!("SKIPPED: {} is not there", folder.display());
            return Vec::new();
        };
        let files = files.map(|file| file.unwrap().path());
        files
            .map(|file| {
                let text = std::fs::read(&file).unwrap();
                (file, serde_json::from_slice(&text).unwrap())
            })
            .collect()
    }

    /// What the venue said of each bet adds up: nothing of it is lost on the way.
    #[test]
    fn recorded_bets_add_up() {
        let mut count = 0;
        for (file, value) in recorded("stream") {
            let messages = value.as_array().cloned().unwrap_or(vec![value]);
            for message in messages {
                let Ok(head) = Head::read(message.to_string().as_bytes()) else {
                    continue;
                };
                let markets = head.oc.into_iter().flatten();
                for (market, runner) in
                    markets.flat_map(|m| m.orc.into_iter().map(move |r| (m.id.clone(), r)))
                {
                    for bet in &runner.uo {
                        let told = names()
                            .streamed(&market, runner_id(runner.id, runner.hc), bet)
                            .unwrap_or_else(|error| panic!("{}: {error}", file.display()));
                        let (Told::Whole(said) | Told::WithoutPrice(said)) = &told;
                        if let OrderKind::Limit { size, .. } = said.kind {
                            let known = said.matched + said.cancelled + said.lapsed + said.voided;
                            assert!(known <= size, "{}: {said:?}", file.display());
                        }
                        let without = file.to_string_lossy().contains("no_avp");
                        assert!(
                            !without || matches!(told, Told::WithoutPrice(_)),
                            "{told:?}"
                        );
                        count += 1;
                    }
                }
            }
        }
        for (file, value) in recorded("rest") {
            let result = &value["result"];
            if let Ok(list) = CurrentOrders::deserialize(result) {
                for bet in &list.current_orders {
                    let said = names().current(bet);
                    assert!(said.is_ok(), "{}: {said:?}", file.display());
                    count += 1;
                }
            }
            if let Ok(list) = ClearedOrders::deserialize(result) {
                for bet in &list.cleared_orders {
                    let said = names().cleared(BetStatus::Settled, bet).unwrap();
                    assert_eq!(
                        Some(said.matched),
                        Money::nearest(bet.size_settled.unwrap())
                    );
                    count += 1;
                }
            }
        }
        assert!(count == 0 || count > 25, "{count} bets");
    }

    use serde::Deserialize as _;

    proptest! {
        #[test]
        fn whatever_is_said_of_a_bet_is_taken_or_refused(
            p: f64, s: f64, sm: f64, sc: f64, sv: f64, avp: Option<f64>, bsp: Option<f64>,
            side in "B|L|X", status in "E|EC|Q", ot in "L|LOC|MOC|Z", rfo in ".*",
        ) {
            let bet = StreamOrder {
                id: "1".to_owned(), p, s, sm, sc, sv, avp, bsp, side, status, ot,
                rfo: Some(rfo), rfs: Some("abc123".to_owned()), ..StreamOrder::default()
            };
            if let Ok(Told::Whole(said) | Told::WithoutPrice(said)) = names().streamed("1.1", RunnerId::new(1), &bet) {
                prop_assert!(said.matched >= Money::ZERO && said.matched_value >= 0);
            }
        }
    }
}
