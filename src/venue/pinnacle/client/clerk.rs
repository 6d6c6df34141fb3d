//! The clerk asks the venue for what answers to bets do not tell: bets that wait or are in doubt, all bets, what they brought,
//! the funds. It does one thing after the other.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc::UnboundedReceiver;
use tokio::time::{Instant, sleep_until};

use super::reads::ReadError;
use super::trade::{Chore, Trade};
use crate::market::{Listing, Money, OrderStatement, TimeMs, VenueEvent};
use crate::venue::pinnacle::{Bet, State, name_of};

/// How much further back than need be is asked for bets that are settled.
const OVERLAP_MS: i64 = 3_600_000;
/// The venue lists no bets from before that.
const LISTED_MS: i64 = 30 * 86_400_000 - OVERLAP_MS;
const DAY_MS: i64 = 86_400_000;
/// While nothing is open, all bets are asked for so many times less often.
const QUIET: u32 = 10;

/// Does what is due, until it is dropped.
pub(super) async fn run(trade: Arc<Trade>, mut chores: UnboundedReceiver<Chore>) {
    let now = Instant::now();
    let mut clerk = Clerk {
        listing_due: now,
        funds_due: now,
        look_due: None,
        others: 0,
        trade,
    };
    loop {
        tokio::select! {
            chore = chores.recv() => {
                let Some(chore) = chore else { return };
                let mut list = chore == Chore::List;
                while let Ok(more) = chores.try_recv() {
                    list |= more == Chore::List;
                }
                clerk.look_later();
                if list {
                    clerk.list().await;
                }
            }
            () = sleep_until(clerk.next()) => clerk.due().await,
        }
    }
}

struct Clerk {
    trade: Arc<Trade>,
    listing_due: Instant,
    funds_due: Instant,
    look_due: Option<Instant>,
    /// Bets of other kinds than ours that a person was told of.
    others: usize,
}

fn seconds(seconds: u32) -> Duration {
    Duration::from_secs(u64::from(seconds))
}

impl Clerk {
    /// When something is due.
    fn next(&self) -> Instant {
        let dues = [Some(self.listing_due), Some(self.funds_due), self.look_due];
        dues.into_iter().flatten().min().unwrap_or(self.listing_due)
    }

    async fn due(&mut self) {
        let now = Instant::now();
        if self.look_due.is_some_and(|due| due <= now) {
            self.look().await;
        }
        if self.funds_due <= now {
            self.funds().await;
        }
        if self.listing_due <= now {
            self.list().await;
        }
    }

    /// Bets that nobody is sure of are looked for again after a while, as long as there are any.
    fn look_later(&mut self) {
        let due = Instant::now() + seconds(self.trade.settings.recheck_seconds);
        match self.trade.bets().unsure().is_empty() {
            true => self.look_due = None,
            false => {
                self.look_due.get_or_insert(due);
            }
        }
    }

    async fn look(&mut self) {
        self.look_due = None;
        let unsure = self.trade.bets().unsure();
        match self.trade.reads.by_name(&unsure).await {
            Ok(bets) => bets.iter().for_each(|bet| self.trade.hear(bet)),
            Err(error) => tracing::warn!(event = "bets_not_found_out", "{error}"),
        }
        self.escalate();
        self.look_later();
    }

    /// The venue will soon forget the names of bets that nobody is sure of: a person has to look.
    fn escalate(&self) {
        let after = i64::from(self.trade.settings.escalate_minutes) * 60_000;
        let late = self.trade.bets().escalated(self.trade.mouth.now(), after);
        for order in late {
            let minutes = self.trade.settings.escalate_minutes;
            self.trade.mouth.alarm(
                "BET_UNRESOLVED",
                format!(
                    "nobody has been sure of order {order} for {minutes} minutes, and Pinnacle forgets its name {} after thirty: look for it there",
                    name_of(order)
                ),
            );
        }
    }

    /// Asks for all bets, tells them, and what they brought.
    async fn list(&mut self) {
        let asked_at = self.trade.mouth.now();
        let listed = self.all_bets(asked_at).await;
        let every = seconds(self.trade.settings.listing_every_seconds);
        let mut bets = self.trade.bets();
        let now = self.trade.mouth.now();
        let mut events = Vec::new();
        match listed {
            Ok(said) => {
                let orders = whole(said, |bet| bets.hear(bet, now));
                let held = orders.iter().filter_map(|bet| bet.order).collect();
                let window = i64::from(self.trade.settings.window_seconds) * 1_000;
                for order in bets.listed(&held, asked_at, window) {
                    let name = name_of(order);
                    let detail = format!(
                        "order {order} waited at Pinnacle to be taken, and is in no list any more: look there for its name {name}"
                    );
                    self.trade.mouth.alarm("BET_UNRESOLVED", detail);
                }
                events.push(VenueEvent::Listing(now, Listing { asked_at, orders }));
                let (settled, anew) = bets.settle(now);
                events.extend(settled);
                for market in anew {
                    let detail =
                        format!("Pinnacle has settled market {market} anew, with other results");
                    self.trade.mouth.alarm("RESETTLED", detail);
                }
                let pause = match bets.any_open() {
                    true => every,
                    false => every * QUIET,
                };
                self.listing_due = Instant::now() + pause;
            }
            Err(error) => {
                tracing::warn!(event = "bets_not_listed", "{error}");
                // A question that failed is no answer that there is nothing: the engine has to know.
                events.push(VenueEvent::Deaf(now));
                self.listing_due = Instant::now() + every;
            }
        }
        self.trade.mouth.events(events);
        drop(bets);
        self.escalate();
        self.look_later();
    }

    async fn all_bets(&mut self, asked_at: TimeMs) -> Result<Vec<Bet>, ReadError> {
        let (unsure, oldest) = {
            let bets = self.trade.bets();
            (bets.unsure(), bets.oldest())
        };
        let reads = &self.trade.reads;
        let until = asked_at + DAY_MS;
        let earliest = asked_at + -LISTED_MS;
        // A bet that is taken meanwhile is found in what is asked for later.
        let mut said = reads.by_name(&unsure).await?;
        let (running, others) = reads.list("RUNNING", earliest, until).await?;
        said.extend(running);
        let since = oldest.unwrap_or(asked_at) + -OVERLAP_MS;
        let (settled, _) = reads.list("SETTLED", since.max(earliest), until).await?;
        said.extend(settled);
        self.tell_odd(&said, others);
        Ok(said)
    }

    /// What cannot be weighed is told to a person.
    fn tell_odd(&mut self, said: &[Bet], others: usize) {
        if others > self.others {
            let detail = format!(
                "the account has {others} bets of kinds that are not placed from here (parlays and the like): nothing here counts them"
            );
            self.trade.mouth.alarm("BETS_NOT_COUNTED", detail);
        }
        self.others = others;
        for bet in said {
            if let State::Other(word) = &bet.state {
                let name = bet.id.as_deref().unwrap_or("without a name");
                tracing::warn!(event = "bet_status_unknown", bet = name, "{word}");
            }
        }
    }

    async fn funds(&mut self) {
        self.funds_due = Instant::now() + seconds(self.trade.settings.funds_every_seconds);
        let asked_at = self.trade.mouth.now();
        match self.trade.reads.balance().await {
            Ok((balance, _)) => {
                if let Some(free) = Money::floor(balance.available_balance) {
                    let funds = VenueEvent::Funds(asked_at, free);
                    self.trade.mouth.events(vec![funds]);
                }
            }
            // Too old a word on the funds stops betting by itself.
            Err(error) => tracing::warn!(event = "funds_not_known", "{error}"),
        }
    }
}

/// Each bet once, with the last that was said of it.
fn whole(
    said: Vec<Bet>,
    mut hear: impl FnMut(&Bet) -> Option<(OrderStatement, bool)>,
) -> Vec<OrderStatement> {
    let (mut places, mut all) = (BTreeMap::new(), Vec::new());
    for bet in said {
        let Some((statement, _)) = hear(&bet) else {
            continue;
        };
        let key = (
            statement.order,
            statement
                .order
                .is_none()
                .then(|| Arc::clone(&statement.venue_id)),
        );
        match places.get(&key) {
            Some(&at) => all[at] = statement,
            None => {
                places.insert(key, all.len());
                all.push(statement);
            }
        }
    }
    all
}
