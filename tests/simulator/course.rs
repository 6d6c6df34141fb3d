//! Markets of the simulated world: what they are, how their prices move, what befalls them.

use std::sync::Arc;

use bea::market::{
    BettingType, LadderKind, LevelChange, MarketDefinition, MarketDelta, MarketId, MarketStatus,
    Money, Price, PriceLadder, RunnerDefinition, RunnerId, RunnerStatus, TimeMs,
};

use crate::random::Random;

/// What befalls a market.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    Suspend,
    Reopen,
    Remove,
    InPlay,
    Close,
}

/// One market as the venue runs it.
pub(crate) struct Course {
    pub(crate) id: MarketId,
    pub(crate) definition: Arc<MarketDefinition>,
    /// Prices about which each runner trades, in hundredths.
    bases: Vec<u64>,
    /// What will befall it, when.
    pub(crate) fates: Vec<(i64, Fate)>,
    random: Random,
}

impl Course {
    /// The `number`th market of a seed: win, place, each way, match odds, by turns.
    pub(crate) fn new(number: usize, lasts_ms: i64, mut random: Random) -> Self {
        let racing = number % 4 != 3;
        let runners = if racing { 5 + random.below(3) } else { 3 };
        let (kind, winners, divisor) = match number % 4 {
            0 => ("WIN", 1, None),
            1 => ("PLACE", 2 + random.below(2) as u32, None),
            2 => ("EACH_WAY", 3, Some([400, 500][random.below(2)])),
            _ => ("MATCH_ODDS", 1, None),
        };
        let mut factors = |racing: bool| racing.then(|| random.range(100, 4_500) as u32);
        let definition = MarketDefinition {
            venue: "betfair",
            status: MarketStatus::Open,
            in_play: false,
            bet_delay_seconds: 0,
            bsp_market: racing,
            bsp_reconciled: false,
            turn_in_play: true,
            complete: true,
            cross_matching: false,
            number_of_winners: winners,
            base_rate: 500,
            version: 1,
            market_time: TimeMs(lasts_ms),
            event_id: format!("{}", number / 3),
            event_name: None,
            name: None,
            sport_id: if racing { "7" } else { "1" }.into(),
            market_type: kind.into(),
            betting_type: BettingType::Odds,
            country: Some("GB".into()),
            course: None,
            each_way_divisor: divisor,
            line_result: None,
            competition: None,
            score: None,
            ladder: PriceLadder::Classic,
            runners: (1..=runners as u64)
                .map(|id| RunnerDefinition {
                    id: RunnerId::new(id),
                    status: RunnerStatus::Active,
                    sort_priority: id as u32,
                    name: None,
                    adjustment_factor: factors(racing),
                    bsp: None,
                })
                .collect(),
        };
        let bases = (0..runners)
            .map(|_| random.range(130, 1_500) as u64)
            .collect();
        let fates = Self::fates(lasts_ms, racing, &mut random);
        Self {
            id: MarketId::new(&format!("1.{}", 100 + number)),
            definition: Arc::new(definition),
            bases,
            fates,
            random,
        }
    }

    fn fates(lasts_ms: i64, racing: bool, random: &mut Random) -> Vec<(i64, Fate)> {
        let mut fates = Vec::new();
        for _ in 0..random.below(3) {
            let at = random.range(5_000, lasts_ms * 6 / 10);
            fates.push((at, Fate::Suspend));
            fates.push((at + random.range(1_000, 15_000), Fate::Reopen));
        }
        if racing && random.chance(600) {
            // A withdrawal comes with a suspension that outlasts every word about it.
            let at = random.range(10_000, lasts_ms * 7 / 10);
            fates.push((at, Fate::Suspend));
            fates.push((at + 100, Fate::Remove));
            fates.push((at + random.range(8_000, 20_000), Fate::Reopen));
        }
        if random.chance(500) {
            let at = lasts_ms * 8 / 10;
            fates.push((at, Fate::Suspend));
            fates.push((at + 1_000, Fate::InPlay));
            fates.push((at + 3_000, Fate::Reopen));
        }
        if random.chance(600) {
            fates.push((
                random.range(lasts_ms * 9 / 10, lasts_ms + 20_000),
                Fate::Close,
            ));
        }
        fates
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.definition.status == MarketStatus::Closed
    }

    /// Lets a fate befall it; false if it changes nothing.
    pub(crate) fn befall(&mut self, fate: Fate) -> bool {
        if self.is_closed() {
            return false;
        }
        let mut next = MarketDefinition::clone(&self.definition);
        next.version += 1;
        match fate {
            Fate::Suspend => next.status = MarketStatus::Suspended,
            Fate::Reopen => next.status = MarketStatus::Open,
            Fate::InPlay => {
                next.in_play = true;
                next.bsp_reconciled = true;
                next.bet_delay_seconds = self.random.range(1, 8) as u32;
            }
            Fate::Remove => {
                // One withdrawal at most: that is what limits promise to withstand.
                let active = active(&next);
                if next.status != MarketStatus::Suspended || active.len() < next.runners.len() {
                    return false;
                }
                let gone = *self.random.pick(&active);
                next.runners[gone].status = RunnerStatus::Removed;
            }
            Fate::Close => settle(&mut next, &mut self.random),
        }
        self.definition = Arc::new(next);
        true
    }

    /// It ends anew, with other results.
    pub(crate) fn correct(&mut self, random: &mut Random) {
        let mut next = MarketDefinition::clone(&self.definition);
        next.version += 1;
        let ran = next.runners.iter_mut();
        for runner in ran.filter(|runner| runner.status != RunnerStatus::Removed) {
            runner.status = RunnerStatus::Active;
        }
        settle(&mut next, random);
        self.definition = Arc::new(next);
    }

    /// The whole market, as a stream begins.
    pub(crate) fn image(&self) -> MarketDelta {
        let mut delta = self.changed();
        delta.image = true;
        for at in 0..self.bases.len() {
            self.show(&mut delta, at);
        }
        delta
    }

    /// Its definition anew.
    pub(crate) fn changed(&self) -> MarketDelta {
        let mut delta = MarketDelta::new(self.id.clone());
        delta.definition = Some(Arc::clone(&self.definition));
        delta
    }

    /// A runner's prices moved.
    pub(crate) fn moved(&mut self) -> MarketDelta {
        let at = self.random.below(self.bases.len());
        let base = self.bases[at] as i64;
        let by = self.random.range(-base / 20, base / 20);
        self.bases[at] = (base + by).clamp(110, 3_000) as u64;
        let mut delta = MarketDelta::new(self.id.clone());
        self.show(&mut delta, at);
        delta
    }

    fn show(&self, delta: &mut MarketDelta, at: usize) {
        let ladder = PriceLadder::Classic;
        let back = ladder.nearest(Price::from_hundredths(self.bases[at]));
        let lay = ladder.step(back, 1).unwrap_or(Price::HIGHEST);
        delta
            .push_runner(self.definition.runners[at].id)
            .last_traded = Some(back);
        for (ladder, price) in [(LadderKind::BestBack, back), (LadderKind::BestLay, lay)] {
            delta.push_level(LevelChange {
                ladder,
                position: 0,
                price,
                size: Money::from_major(500),
            });
        }
    }
}

/// Draws what a market comes to.
fn settle(next: &mut MarketDefinition, random: &mut Random) {
    next.status = MarketStatus::Closed;
    let mut active = active(next);
    for at in &active {
        next.runners[*at].status = RunnerStatus::Loser;
    }
    for place in 0..next.number_of_winners {
        if active.is_empty() {
            break;
        }
        let at = active.remove(random.below(active.len()));
        next.runners[at].status = if place > 0 && next.each_way_divisor.is_some() {
            RunnerStatus::Placed
        } else {
            RunnerStatus::Winner
        };
    }
}

/// Places of the runners that run.
fn active(definition: &MarketDefinition) -> Vec<usize> {
    let runners = definition.runners.iter().enumerate();
    runners
        .filter(|(_, runner)| runner.status == RunnerStatus::Active)
        .map(|(at, _)| at)
        .collect()
}
