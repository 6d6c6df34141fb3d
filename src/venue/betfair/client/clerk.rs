//! The clerk asks the exchange for what the stream does not tell: all bets, one bet, the funds, what closed markets came
//! to. It does one thing after the other, so that the account's few questions at a time are never exceeded.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc::UnboundedReceiver;
use tokio::time::{Instant, sleep_until};

use super::reads::ReadError;
use super::settling::{Due, Settling};
use super::trade::{Chore, Trade};
use crate::config;
use crate::market::{Listing, MarketId, Money, OrderStatement, TimeMs, VenueEvent};
use crate::venue::betfair::{
    BetStatus, Instant as Date, ListClearedOrders, ListCurrentOrders, OrderBy, OrderProjection,
    TimeRange,
};

/// How much further back than need be is asked for bets that are over: the venue may tell of them late.
const OVERLAP_MS: i64 = 3_600_000;
/// While nothing waits, all bets are asked for so many times less often.
const QUIET: u32 = 10;
/// How often the dead man's switch is told within its time.
const BEATS: u32 = 3;

/// How far apart things are asked for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rhythm {
    pub(super) listing: Duration,
    pub(super) funds: Duration,
    /// The time of the dead man's switch; none if it is off.
    pub(super) dead_man: Option<u32>,
}

impl Rhythm {
    pub(super) fn new(settings: &config::Betfair) -> Self {
        let seconds = |seconds: u32| Duration::from_secs(u64::from(seconds));
        Self {
            listing: seconds(settings.listing_every_seconds),
            funds: seconds(settings.funds_every_seconds),
            dead_man: (settings.dead_man_seconds > 0).then_some(settings.dead_man_seconds),
        }
    }
}

/// Does what is due, until it is dropped.
pub(super) async fn run(
    trade: Arc<Trade>,
    rhythm: Rhythm,
    settling: Settling,
    mut chores: UnboundedReceiver<Chore>,
) {
    let now = Instant::now();
    let mut clerk = Clerk {
        cleared_since: trade.unfinished_since,
        settling,
        listing_due: now + rhythm.listing,
        funds_due: now,
        beat_due: rhythm.dead_man.map(|_| now),
        trade,
        rhythm,
    };
    loop {
        tokio::select! {
            chore = chores.recv() => {
                let Some(chore) = chore else { return };
                let mut all = vec![chore];
                while let Ok(more) = chores.try_recv() {
                    all.push(more);
                }
                clerk.work(all).await;
            }
            () = sleep_until(clerk.next()) => clerk.due().await,
        }
    }
}

struct Clerk {
    trade: Arc<Trade>,
    rhythm: Rhythm,
    /// Bets that were over earlier are not asked for.
    cleared_since: Option<TimeMs>,
    settling: Settling,
    listing_due: Instant,
    funds_due: Instant,
    beat_due: Option<Instant>,
}

impl Clerk {
    /// When something is due.
    fn next(&self) -> Instant {
        let dues = [
            Some(self.listing_due),
            Some(self.funds_due),
            self.beat_due,
            self.settling.next(),
        ];
        dues.into_iter().flatten().min().unwrap_or(self.listing_due)
    }

    async fn work(&mut self, chores: Vec<Chore>) {
        let (mut list, mut funds) = (false, false);
        let mut looks = BTreeSet::new();
        for chore in chores {
            match chore {
                Chore::List => list = true,
                Chore::Funds => funds = true,
                Chore::Look(bet) => {
                    looks.insert(bet);
                }
                Chore::Settle {
                    market,
                    at,
                    definition,
                } => self.settling.closed(&self.trade, market, at, definition),
                Chore::Reopened(market) => self.settling.reopened(&self.trade, &market),
            }
        }
        if funds {
            self.funds().await;
        }
        if list {
            self.list().await;
        }
        for bet in looks {
            if let Err(error) = self.look(&bet).await {
                tracing::warn!(event = "bet_not_found_out", bet = &*bet, "{error}");
            }
        }
    }

    async fn due(&mut self) {
        let now = Instant::now();
        if self.beat_due.is_some_and(|due| due <= now) {
            self.beat().await;
        }
        if self.funds_due <= now {
            self.funds().await;
        }
        if self.listing_due <= now {
            self.list().await;
        }
        while let Some(due) = self.settling.due(Instant::now()) {
            self.settle(due).await;
        }
    }

    /// Asks for all bets, and tells them: as a listing if the stream has been heard all the while, or else as what they
    /// are, words on single bets.
    async fn list(&mut self) {
        let heard = self.trade.hears_orders();
        let asked_at = self.trade.mouth.now();
        let listed = self.all_bets(asked_at).await;
        let pause = match self.trade.bets().any_wait() {
            true => self.rhythm.listing,
            false => self.rhythm.listing * QUIET,
        };
        self.listing_due = Instant::now() + pause;
        let now = self.trade.mouth.now();
        match listed {
            Ok((orders, settled)) if heard && self.trade.hears_orders() => {
                self.cleared_since = Some(asked_at);
                // As far back as this no list goes again.
                for market in settled {
                    self.settling.closed_unseen(market, now);
                }
                let listing = Listing { asked_at, orders };
                self.trade
                    .mouth
                    .events(vec![VenueEvent::Listing(now, listing)]);
            }
            Ok((orders, _)) => {
                let words = orders
                    .into_iter()
                    .map(|bet| VenueEvent::Statement(now, bet));
                self.trade.mouth.events(words.collect());
            }
            Err(error) => {
                tracing::warn!(event = "bets_not_listed", "{error}");
                // A question that failed is no answer that there is nothing: the engine has to know.
                self.trade.mouth.events(vec![VenueEvent::Deaf(now)]);
                self.listing_due = Instant::now() + self.rhythm.listing;
            }
        }
    }

    /// All bets, and the markets in which bets of ours are settled.
    async fn all_bets(
        &self,
        asked_at: TimeMs,
    ) -> Result<(Vec<OrderStatement>, BTreeSet<MarketId>), ReadError> {
        let asked = ListCurrentOrders {
            order_projection: Some(OrderProjection::All),
            order_by: Some(OrderBy::ByPlaceTime),
            ..ListCurrentOrders::default()
        };
        let mut said = self.current(&asked).await?;
        let mut settled = BTreeSet::new();
        let from = self.cleared_since.unwrap_or(asked_at).min(asked_at) + -OVERLAP_MS;
        for end in ENDS {
            let asked = ListClearedOrders {
                settled_date_range: Some(TimeRange {
                    from: Some(Date(from)),
                    to: None,
                }),
                ..of_end(end)
            };
            // Of bets that are over only ours matter.
            let mut ours = self.cleared(end, &asked).await?;
            ours.retain(|bet| bet.order.is_some());
            if end == BetStatus::Settled {
                settled.extend(ours.iter().map(|bet| bet.market.clone()));
            }
            said.extend(ours);
        }
        // Each bet is told once, with all that was said of it.
        let mut bets = self.trade.bets();
        let mut whole = BTreeMap::new();
        let mut order = Vec::new();
        for bet in said {
            let name = Arc::clone(&bet.venue_id);
            if whole.insert(Arc::clone(&name), bets.hear(bet).0).is_none() {
                order.push(name);
            }
        }
        let bets = order.into_iter().filter_map(|name| whole.remove(&name));
        Ok((bets.collect(), settled))
    }

    /// Asks for one bet.
    async fn look(&self, bet: &str) -> Result<(), ReadError> {
        let asked = ListCurrentOrders {
            bet_ids: Some(vec![bet.to_owned()]),
            order_projection: Some(OrderProjection::All),
            ..ListCurrentOrders::default()
        };
        let mut said = self.current(&asked).await?;
        if said.is_empty() {
            for end in ENDS {
                let asked = ListClearedOrders {
                    bet_ids: Some(vec![bet.to_owned()]),
                    ..of_end(end)
                };
                said.extend(self.cleared(end, &asked).await?);
            }
        }
        for word in said {
            self.trade.hear(word);
        }
        Ok(())
    }

    async fn current(&self, asked: &ListCurrentOrders) -> Result<Vec<OrderStatement>, ReadError> {
        let list = self.trade.reads.current_orders(asked).await?;
        let read = list.iter().map(|bet| self.trade.names.current(bet));
        Ok(read.filter_map(|bet| self.sensible(bet)).collect())
    }

    async fn cleared(
        &self,
        end: BetStatus,
        asked: &ListClearedOrders,
    ) -> Result<Vec<OrderStatement>, ReadError> {
        let list = self.trade.reads.cleared_orders(asked).await?;
        let read = list.iter().map(|bet| self.trade.names.cleared(end, bet));
        Ok(read.filter_map(|bet| self.sensible(bet)).collect())
    }

    fn sensible<T>(&self, read: Result<T, crate::venue::betfair::Nonsense>) -> Option<T> {
        read.map_err(|nonsense| self.trade.mouth.alarm("BET_NONSENSE", nonsense.to_string()))
            .ok()
    }

    async fn funds(&mut self) {
        self.funds_due = Instant::now() + self.rhythm.funds;
        let asked_at = self.trade.mouth.now();
        match self.trade.reads.funds().await {
            Ok(funds) => {
                self.settling
                    .discount(funds.discount_rate.unwrap_or_default());
                if let Some(free) = Money::nearest(funds.available_to_bet_balance) {
                    self.trade
                        .mouth
                        .events(vec![VenueEvent::Funds(asked_at, free)]);
                }
            }
            // Too old a word on the funds stops betting by itself.
            Err(error) => tracing::warn!(event = "funds_not_known", "{error}"),
        }
    }

    /// Tells the dead man's switch that somebody is here.
    async fn beat(&mut self) {
        let Some(seconds) = self.rhythm.dead_man else {
            return;
        };
        let beat = self.trade.reads.heartbeat(seconds).await;
        let wait = match &beat {
            Ok(report) if report.actual_timeout_seconds > 0 => report.actual_timeout_seconds,
            _ => seconds,
        };
        self.beat_due = Some(Instant::now() + Duration::from_secs(u64::from(wait)) / BEATS);
        match beat {
            Ok(report) if report.action_performed == "NONE" => {}
            Ok(report) => {
                let action = crate::venue::excerpt(report.action_performed.as_bytes(), 0, 64);
                let detail = format!("the dead man's switch of Betfair went off: {action}");
                self.trade.mouth.alarm("DEAD_MAN_SWITCH", detail);
                self.list().await;
            }
            Err(error) => self.trade.mouth.alarm(
                "DEAD_MAN_UNHEARD",
                format!("the dead man's switch of Betfair was not told that we are here: {error}"),
            ),
        }
    }

    /// Finds out what a closed market came to.
    async fn settle(&mut self, due: Due) {
        let of_market = ListClearedOrders {
            market_ids: Some(vec![due.market.to_string()]),
            ..of_end(BetStatus::Settled)
        };
        let voided = ListClearedOrders {
            bet_status: BetStatus::Voided,
            ..of_market.clone()
        };
        let by_market = ListClearedOrders {
            group_by: Some(crate::venue::betfair::GroupBy::Market),
            ..of_market.clone()
        };
        let found = async {
            for bet in self.cleared(BetStatus::Voided, &voided).await? {
                self.trade.hear(bet);
            }
            let rows = self.trade.reads.cleared_orders(&of_market).await?;
            let settled = rows
                .iter()
                .map(|row| self.trade.names.cleared(BetStatus::Settled, row));
            for bet in settled.filter_map(|bet| self.sensible(bet)) {
                if bet.order.is_some() {
                    self.trade.hear(bet);
                }
            }
            let sums = self.trade.reads.cleared_orders(&by_market).await?;
            Ok::<_, ReadError>((rows, sums))
        };
        match found.await {
            Ok((rows, sums)) => self.settling.found(&self.trade, &due, &rows, &sums),
            Err(error) => {
                tracing::warn!(event = "settlement_not_known", market_id = %due.market, "{error}");
                self.settling.again(&self.trade, &due);
            }
        }
    }
}

/// What can become of bets.
const ENDS: [BetStatus; 4] = [
    BetStatus::Settled,
    BetStatus::Voided,
    BetStatus::Lapsed,
    BetStatus::Cancelled,
];

const fn of_end(bet_status: BetStatus) -> ListClearedOrders {
    ListClearedOrders {
        bet_status,
        event_type_ids: None,
        event_ids: None,
        market_ids: None,
        bet_ids: None,
        customer_order_refs: None,
        customer_strategy_refs: None,
        side: None,
        settled_date_range: None,
        group_by: None,
        from_record: None,
        record_count: None,
    }
}
