//! One seed: a world with markets, strategies, an operator and a venue, in which things go wrong, and then heal.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use bea::engine::{
    Command, Desk, DeskError, DoubtRules, Engine, Fence, Notice, Recovery, Sending, TradingState,
};
use bea::market::{
    Instruction, MarketDelta, MarketFilter, MarketId, MarketStatus, Money, OrderId, OrderKind,
    OrderState, Persistence, Price, Settlement, Side, TimeMs, VenueEvent,
};
use bea::risk::{RiskGate, RiskLimits, TogetherLimits};

use crate::bots::{Bot, MANNERS};
use crate::checks::Checks;
use crate::course::{Course, Fate};
use crate::disk::{Disk, Pen};
use crate::faults::Faults;
use crate::marks::{Mark, Marks};
use crate::random::Random;
use crate::truth::{Truth, Wire};

pub(crate) type SimDesk = Desk<RiskGate, Wire, Pen>;

/// How long after the faults ended everything must be known again: the window of doubts and two minutes.
const CONVERGES_WITHIN_MS: i64 = 45_000 + 120_000;

/// What strategies start with.
pub(crate) const BANK: Money = Money::from_major(10_000);

/// What happens in the world, apart from what the venue does.
#[derive(Clone, Copy, Debug)]
enum Event {
    Odds(usize),
    Befall(usize, Fate),
    Correct(usize),
    Image(usize),
    Tick,
    Crash,
    Restart,
    Deaf,
    Hears,
    Operator,
    Foreign,
    Reload,
    Heal,
    Converged,
    Over,
}

/// What a seed came to.
pub(crate) struct Outcome {
    pub(crate) marks: Marks,
    pub(crate) hash: String,
    pub(crate) steps: u64,
}

/// Runs one seed to its end, or to the first thing that is wrong.
pub(crate) fn run(seed: u64, tells: bool) -> Result<Outcome, String> {
    let mut world = World::new(seed, tells);
    world.restart();
    let mut steps = 0;
    while !world.over {
        world.step()?;
        steps += 1;
        if steps > 1_000_000 {
            return Err("the world does not end".into());
        }
    }
    let truth = world.truth.borrow();
    Ok(Outcome {
        marks: truth.marks.clone(),
        hash: truth.hash(),
        steps,
    })
}

pub(crate) struct World {
    now: i64,
    agenda: BTreeMap<(i64, u64), Event>,
    sequence: u64,
    random: Random,
    faults: Faults,
    pub(crate) truth: Rc<RefCell<Truth>>,
    disk: Rc<RefCell<Disk>>,
    courses: Vec<Course>,
    desk: Option<SimDesk>,
    epoch: u64,
    bots: usize,
    version: u32,
    limits: RiskLimits,
    rules: DoubtRules,
    imaged: BTreeSet<usize>,
    quiet: Rc<Cell<bool>>,
    /// The kill switch.
    killed: Rc<Cell<bool>>,
    /// What the operator was last told that betting is.
    told: Option<TradingState>,
    checks: Checks,
    corrections: Random,
    healed: bool,
    over: bool,
}

impl World {
    fn new(seed: u64, tells: bool) -> Self {
        let mut random = Random::new(seed);
        let faults = Faults::draw(&mut random.split("faults"));
        let disk = Rc::new(RefCell::new(Disk::new(random.split("disk"))));
        disk.borrow_mut().fails = faults.commit_fails;
        let mut truth = Truth::new(faults.clone(), Rc::clone(&disk), random.split("venue"));
        truth.tells = tells;
        let heals_at = random.range(60_000, 200_000);
        let first = random.below(4);
        let courses: Vec<Course> = (0..2 + random.below(3))
            .map(|number| Course::new(first + number, heals_at, random.split("course")))
            .collect();
        for course in &courses {
            truth.define(&course.id, &course.definition);
        }
        let rules = DoubtRules {
            stuck_after_ms: [60_000, 90_000, 600_000][random.below(3)],
            at_most: [3, 10, 1_000][random.below(3)],
            ..DoubtRules::default()
        };
        // What came later has chances of its own, so that the seeds before are what they were.
        let mut later = Random::new(seed);
        let limits = RiskLimits {
            together: together(&mut later.split("together")),
            ..limits(&mut random)
        };
        let mut world = Self {
            now: 0,
            agenda: BTreeMap::new(),
            sequence: 0,
            bots: 2 + random.below(3),
            version: 1,
            random,
            faults,
            truth: Rc::new(RefCell::new(truth)),
            disk,
            courses,
            desk: None,
            epoch: 0,
            checks: Checks::new(limits.clone()),
            limits,
            rules,
            imaged: BTreeSet::new(),
            quiet: Rc::default(),
            killed: Rc::default(),
            told: Some(TradingState::Active),
            corrections: later.split("corrections"),
            healed: false,
            over: false,
        };
        world.plan(heals_at);
        world
    }

    fn plan(&mut self, heals_at: i64) {
        for at in 0..self.courses.len() {
            self.after(500, Event::Odds(at));
            for (when, fate) in self.courses[at].fates.clone() {
                self.after(when, Event::Befall(at, fate));
            }
        }
        self.after(1_000, Event::Tick);
        self.after(heals_at, Event::Heal);
        let faults = self.faults.clone();
        self.again(faults.crash_every_ms, Event::Crash);
        self.again(faults.deaf_every_ms, Event::Deaf);
        self.again(faults.operator_every_ms, Event::Operator);
        self.again(faults.foreign_every_ms, Event::Foreign);
        self.again(100_000, Event::Reload);
    }

    fn after(&mut self, ms: i64, event: Event) {
        self.sequence += 1;
        self.agenda.insert((self.now + ms, self.sequence), event);
    }

    /// Plans what comes by chance, at this mean distance.
    fn again(&mut self, mean_ms: i64, event: Event) {
        if mean_ms > 0 && !self.healed {
            let ms = self.random.range(1, 2 * mean_ms);
            self.after(ms, event);
        }
    }

    /// The next thing that happens, in the world or at the venue.
    fn step(&mut self) -> Result<(), String> {
        let next = self.agenda.first_key_value().map(|((at, _), _)| *at);
        let due = self.truth.borrow().next_due();
        let venue_first = due.is_some_and(|due| next.is_none_or(|next| due <= next));
        let now = if venue_first { due } else { next }.ok_or("nothing is left to happen")?;
        self.now = self.now.max(now);
        self.truth.borrow_mut().now = self.now;
        if venue_first {
            self.truth.borrow_mut().process();
            // Words reach the program with a change of a market, or alone.
            if !self.truth.borrow().mouth.is_empty() && self.random.chance(700) {
                self.tick()?;
            }
            return Ok(());
        }
        if let Some((_, event)) = self.agenda.pop_first() {
            self.happen(event)?;
        }
        Ok(())
    }

    fn happen(&mut self, event: Event) -> Result<(), String> {
        match event {
            Event::Odds(at) => self.odds(at),
            Event::Befall(at, fate) => self.befall(at, fate),
            Event::Correct(at) => self.correct(at),
            Event::Image(at) => self.image(at),
            Event::Tick => {
                self.after(1_000, Event::Tick);
                self.tick()
            }
            Event::Crash => {
                self.again(self.faults.crash_every_ms, Event::Crash);
                if !self.healed {
                    self.crash("it is killed");
                }
                Ok(())
            }
            Event::Restart => {
                self.restart();
                self.check(true)
            }
            Event::Deaf => self.deafen(),
            Event::Hears => self.hear_again(),
            // What was planned before the faults ended is called off: a halt in the last moment could not be obeyed yet.
            Event::Operator if self.healed => Ok(()),
            Event::Operator => {
                self.again(self.faults.operator_every_ms, Event::Operator);
                self.operate()
            }
            Event::Foreign => {
                self.again(self.faults.foreign_every_ms, Event::Foreign);
                self.foreign();
                Ok(())
            }
            Event::Reload => {
                self.again(100_000, Event::Reload);
                self.reload()
            }
            Event::Heal => self.heal(),
            Event::Converged => self.converged(),
            Event::Over => self.finish(),
        }
    }

    /// Does something with the program, if it runs; it ends if the disk failed or its time has come.
    fn with(
        &mut self,
        act: impl FnOnce(&mut SimDesk, &mut dyn FnMut(&Instruction) -> Sending) -> Result<(), DeskError>,
    ) -> Result<bool, String> {
        let Some(desk) = &mut self.desk else {
            return Ok(false);
        };
        let (killed, truth) = (&self.killed, &self.truth);
        let mut guard = |order: &Instruction| {
            let mut truth = truth.borrow_mut();
            if std::mem::take(&mut truth.armed) {
                killed.set(true);
                truth.stopped = true;
            }
            if killed.get() {
                let known = truth.bet(order.id).is_some();
                let mark = if known {
                    Mark::ProlongingStopped
                } else {
                    Mark::KilledAtTheLastMoment
                };
                truth.marks.hit(mark);
                return Sending::Stopped;
            }
            Sending::Allowed
        };
        let result = act(desk, &mut guard);
        let notices: Vec<Notice> = desk.notices().collect();
        for notice in notices {
            let mut truth = self.truth.borrow_mut();
            match notice {
                Notice::Alarm { code, detail } => {
                    if code == "ORDER_STUCK" {
                        truth.marks.hit(Mark::Stuck);
                    }
                    truth.log(format_args!("alarm {code} {detail}"));
                }
                Notice::Fault {
                    quarantined: true, ..
                } => truth.marks.hit(Mark::Quarantined),
                _ => {}
            }
        }
        let dead = self.truth.borrow().dead.get();
        let fine = result.is_ok() && !dead;
        if !fine {
            self.check_violations()?;
            self.crash(if dead {
                "it ends before it sends"
            } else {
                "a commit failed"
            });
            return Ok(false);
        }
        self.check(false)?;
        Ok(true)
    }

    fn tick(&mut self) -> Result<(), String> {
        let now = TimeMs(self.now);
        let mut said = std::mem::take(&mut self.truth.borrow_mut().mouth);
        if let Some(desk) = &self.desk {
            let unseen = |settlement: &Settlement| {
                let ours = |(id, _): &(OrderId, Money)| {
                    let strays = desk.engine.orphans().iter();
                    strays.map(|stray| stray.order.id).any(|stray| stray == *id)
                };
                desk.books.find(&settlement.market).is_none() && settlement.profits.iter().any(ours)
            };
            let mut words = said.iter();
            if words.any(|word| matches!(word, VenueEvent::Settled(said) if unseen(said))) {
                self.truth.borrow_mut().marks.hit(Mark::StraySettled);
            }
            let booked_here = |market: &MarketId| {
                let holdings = desk.engine.slots().iter().flat_map(|slot| slot.holdings());
                let mut here = holdings.filter(|(at, _)| desk.books.get(*at).id == *market);
                here.any(|(_, held)| held.orders().iter().any(|order| order.profit.is_some()))
            };
            let is_of_earlier = |word: &VenueEvent| matches!(word, VenueEvent::Reversed(old) if !booked_here(&old.market));
            if said.iter().any(is_of_earlier) {
                self.truth.borrow_mut().marks.hit(Mark::StrayTakenBack);
            }
        }
        self.with(|desk, guard| desk.tick(now, &mut said, guard))?;
        Ok(())
    }

    fn show(&mut self, delta: &MarketDelta) -> Result<(), String> {
        let jumps = self.truth.borrow().faults.time_jumps;
        let mut published = self.now - self.random.range(0, 200);
        if self.random.chance(jumps) {
            let by = *self.random.pick(&[-3_600_000, -20_000, 20_000, 3_600_000]);
            if by < 0 {
                self.truth.borrow_mut().marks.hit(Mark::TimeBackwards);
            }
            published += by;
        }
        let (now, published) = (TimeMs(self.now), TimeMs(published));
        self.truth.borrow_mut().changed.insert(delta.market.clone());
        self.with(|desk, guard| desk.step_guarded(now, published, delta, guard))?;
        Ok(())
    }

    fn odds(&mut self, at: usize) -> Result<(), String> {
        if self.courses[at].is_closed() {
            return Ok(());
        }
        let ms = self.random.range(200, 2_500);
        self.after(ms, Event::Odds(at));
        let id = self.courses[at].id.clone();
        self.truth.borrow_mut().trade(&id);
        let delta = self.courses[at].moved();
        if self.imaged.contains(&at) {
            self.show(&delta)?;
        }
        Ok(())
    }

    fn befall(&mut self, at: usize, fate: Fate) -> Result<(), String> {
        if !self.courses[at].befall(fate) {
            return Ok(());
        }
        let course = &self.courses[at];
        self.truth
            .borrow_mut()
            .define(&course.id, &course.definition);
        let delta = course.changed();
        let is_closed = course.is_closed();
        if self.imaged.contains(&at) {
            self.show(&delta)?;
        }
        if is_closed && self.corrections.chance(400) {
            let ms = self.corrections.range(500, 20_000);
            self.after(ms, Event::Correct(at));
        }
        Ok(())
    }

    /// The venue settles a market anew, with other results.
    fn correct(&mut self, at: usize) -> Result<(), String> {
        let course = &mut self.courses[at];
        course.correct(&mut self.corrections);
        let mut truth = self.truth.borrow_mut();
        truth.correct(&course.id, &course.definition, &mut self.corrections);
        drop(truth);
        let delta = self.courses[at].changed();
        if self.imaged.contains(&at) {
            self.show(&delta)?;
        }
        Ok(())
    }

    fn image(&mut self, at: usize) -> Result<(), String> {
        if self.desk.is_none() || !self.imaged.insert(at) {
            return Ok(());
        }
        let delta = self.courses[at].image();
        self.show(&delta)?;
        self.truth.borrow_mut().say_settled(&self.courses[at].id);
        Ok(())
    }

    fn crash(&mut self, why: &str) {
        if self.desk.take().is_none() {
            return;
        }
        let mut truth = self.truth.borrow_mut();
        truth.log(format_args!("crash: {why}"));
        truth.end();
        drop(truth);
        let down = if self.healed {
            10
        } else {
            self.random.range(10, 20_000)
        };
        self.after(down, Event::Restart);
    }

    fn restart(&mut self) {
        if self.desk.is_some() {
            return;
        }
        self.epoch += 1;
        let mut truth = self.truth.borrow_mut();
        truth.dead.set(false);
        self.disk.borrow_mut().reopen(&mut truth.marks);
        let records = self.disk.borrow().records.clone();
        let recovery = Recovery::from_records(&records, BANK);
        for recovered in &recovery.orders {
            if recovered.order.matched.is_positive() {
                truth.marks.hit(Mark::RecoveredMatched);
            }
            if recovered.order.state == OrderState::Sending {
                truth.marks.hit(Mark::RecoveredSending);
            }
        }
        if self.told == Some(TradingState::Halted) {
            truth.marks.hit(Mark::HaltedOverCrash);
        }
        truth.log(format_args!(
            "start {} with {} orders, {}",
            self.epoch,
            recovery.orders.len(),
            recovery.state
        ));
        truth.begin();
        let dead = Rc::clone(&truth.dead);
        drop(truth);
        let engine = Engine::new(RiskGate::new(self.limits.clone()), self.epoch, BANK)
            .with_doubt_rules(self.rules);
        let pen = Pen {
            disk: Rc::clone(&self.disk),
            dead,
        };
        self.desk = Some(Desk::new(engine, Wire(Rc::clone(&self.truth)), pen));
        self.imaged.clear();
        self.checks.forget();
        let now = TimeMs(self.now);
        let started = self.with(|desk, _| desk.recover(now, recovery));
        if started != Ok(true) {
            self.checks.keep(started);
            return;
        }
        for number in 0..self.bots {
            let away = self.truth.borrow().faults.strategy_away;
            if self.epoch > 1 && self.random.chance(away) {
                self.truth.borrow_mut().marks.hit(Mark::StrategyAway);
                continue;
            }
            let bot = self.bot(number);
            let loaded = self.with(|desk, _| desk.load(now, Box::new(bot)));
            if loaded != Ok(true) {
                self.checks.keep(loaded);
                return;
            }
        }
        for at in 0..self.courses.len() {
            let away = self.truth.borrow().faults.market_away;
            if self.epoch > 1 && self.random.chance(away) {
                let mut truth = self.truth.borrow_mut();
                truth.marks.hit(Mark::MarketAway);
                truth.say_settled(&self.courses[at].id);
                continue;
            }
            let ms = self.random.range(1, 3_000);
            self.after(ms, Event::Image(at));
        }
    }

    fn bot(&mut self, number: usize) -> Bot {
        let fails = self.truth.borrow().faults.strategy_fails;
        Bot {
            name: format!("bot {number}"),
            hash: format!("version {}", self.version),
            manner: MANNERS[(number + self.bots) % MANNERS.len()],
            fails,
            quiet: Rc::clone(&self.quiet),
            filter: MarketFilter::default(),
            random: Random::new(self.random.next()),
        }
    }

    fn reload(&mut self) -> Result<(), String> {
        self.version += 1;
        let number = self.random.below(self.bots);
        let (bot, now) = (self.bot(number), TimeMs(self.now));
        self.truth.borrow_mut().marks.hit(Mark::Reloaded);
        self.with(|desk, _| desk.load(now, Box::new(bot)))?;
        Ok(())
    }

    fn deafen(&mut self) -> Result<(), String> {
        self.again(self.faults.deaf_every_ms, Event::Deaf);
        if self.desk.is_none() || self.truth.borrow().deaf || self.healed {
            return Ok(());
        }
        self.tick()?;
        if self.desk.is_none() {
            return Ok(());
        }
        let word = self.truth.borrow_mut().go_deaf();
        let now = TimeMs(self.now);
        self.with(|desk, guard| desk.tick(now, &mut vec![word], guard))?;
        let ms = self.random.range(500, 20_000);
        self.after(ms, Event::Hears);
        Ok(())
    }

    fn hear_again(&mut self) -> Result<(), String> {
        if !std::mem::take(&mut self.truth.borrow_mut().deaf) || self.desk.is_none() {
            return Ok(());
        }
        self.truth.borrow_mut().stream_image();
        for course in &self.courses {
            self.truth.borrow_mut().say_settled(&course.id);
        }
        self.tick()
    }

    /// The operator does something.
    fn operate(&mut self) -> Result<(), String> {
        match self.random.below(10) {
            0 | 1 => self.command(TradingState::Halted),
            2 => self.command(TradingState::Paused),
            3 => self.command(TradingState::Reduce),
            4 => {
                // The kill switch is thrown while orders leave.
                self.truth.borrow_mut().armed = true;
                Ok(())
            }
            5 | 6 => {
                let fences = [Fence::ClockSkew, Fence::DiskLow, Fence::LoopLag];
                let fence = *self.random.pick(&fences);
                let detail = self.random.chance(400).then(|| "drill".to_owned());
                self.truth.borrow_mut().marks.hit(Mark::Fenced);
                self.obey(Command::Fence(fence, detail))
            }
            _ => self.command(TradingState::Active),
        }
    }

    fn command(&mut self, state: TradingState) -> Result<(), String> {
        let stops = matches!(state, TradingState::Halted | TradingState::Paused);
        if !stops {
            self.killed.set(false);
            let mut truth = self.truth.borrow_mut();
            (truth.armed, truth.stopped) = (false, false);
        }
        if self.desk.is_none() {
            self.truth.borrow_mut().stopped = self.is_stopped();
            return Ok(());
        }
        self.told = None;
        let mark = match state {
            TradingState::Halted => Some(Mark::Halted),
            TradingState::Reduce => Some(Mark::Reduced),
            _ => None,
        };
        self.obey(Command::Trade(state, "drill".into()))?;
        if self.desk.is_some() {
            self.told = Some(state);
            let stopped = self.is_stopped();
            let mut truth = self.truth.borrow_mut();
            truth.stopped = stopped;
            truth.log(format_args!("betting is {state}"));
            if let Some(mark) = mark {
                truth.marks.hit(mark);
            }
        }
        Ok(())
    }

    fn is_stopped(&self) -> bool {
        let told = matches!(self.told, Some(TradingState::Halted | TradingState::Paused));
        self.killed.get() || told
    }

    fn obey(&mut self, command: Command) -> Result<(), String> {
        let now = TimeMs(self.now);
        self.with(|desk, _| desk.operate(now, command))?;
        Ok(())
    }

    fn foreign(&mut self) {
        let at = self.random.below(self.courses.len());
        let course = &self.courses[at];
        if course.definition.status != MarketStatus::Open {
            return;
        }
        let new = Instruction {
            id: OrderId::from_bits(0),
            strategy: "others".into(),
            market: course.id.clone(),
            runner: self.random.pick(&course.definition.runners).id,
            side: if self.random.chance(500) {
                Side::Back
            } else {
                Side::Lay
            },
            kind: OrderKind::Limit {
                price: Price::from_hundredths(self.random.range(110, 900) as u64),
                size: Money::from_minor(self.random.range(200, 3_000)),
                persistence: Persistence::Lapse,
                fill_or_kill: None,
            },
            book: None,
        };
        self.truth.borrow_mut().foreign(&new);
    }

    /// The faults end: from here on everything must come right.
    fn heal(&mut self) -> Result<(), String> {
        self.healed = true;
        self.quiet.set(true);
        self.disk.borrow_mut().fails = 0;
        self.truth.borrow_mut().heal();
        self.truth.borrow_mut().log("all faults end");
        self.hear_again()?;
        self.restart();
        for number in 0..self.bots {
            let (bot, now) = (self.bot(number), TimeMs(self.now));
            let slots = self.desk.iter().flat_map(|desk| desk.engine.slots());
            if !slots.into_iter().any(|slot| *slot.name == *bot.name) {
                self.with(|desk, _| desk.load(now, Box::new(bot)))?;
            }
        }
        let stays_halted = self.random.chance(300);
        let state = if stays_halted {
            TradingState::Halted
        } else {
            TradingState::Active
        };
        self.command(state)?;
        for at in 0..self.courses.len() {
            self.befall(at, Fate::Reopen)?;
        }
        self.after(CONVERGES_WITHIN_MS, Event::Converged);
        Ok(())
    }

    fn converged(&mut self) -> Result<(), String> {
        self.tick()?;
        let truth = self.truth.borrow();
        let desk = self.desk.as_ref().ok_or("P6: the program does not run")?;
        self.checks.converged(desk, &truth, self.told)?;
        drop(truth);
        for at in 0..self.courses.len() {
            self.befall(at, Fate::Close)?;
        }
        self.after(30_000, Event::Over);
        Ok(())
    }

    fn finish(&mut self) -> Result<(), String> {
        self.tick()?;
        self.check(true)?;
        let desk = self.desk.as_ref().ok_or("P6: the program does not run")?;
        self.checks.settled(desk, &self.truth.borrow())?;
        let hash = desk.trace_hash();
        self.truth.borrow_mut().log(hash);
        self.over = true;
        Ok(())
    }

    fn check_violations(&mut self) -> Result<(), String> {
        let mut truth = self.truth.borrow_mut();
        let mut disk = self.disk.borrow_mut();
        let first = truth
            .violations
            .drain(..)
            .chain(disk.violations.drain(..))
            .next();
        first.map_or(Ok(()), Err)
    }

    fn check(&mut self, whole: bool) -> Result<(), String> {
        self.check_violations()?;
        self.checks.take_kept()?;
        let mut truth = self.truth.borrow_mut();
        match &self.desk {
            Some(desk) => self.checks.step(desk, &mut truth, whole),
            None => Ok(()),
        }
    }
}

/// Limits of a seed: tight enough to bind.
fn limits(random: &mut Random) -> RiskLimits {
    let mut pounds = |of: &[i64]| Money::from_major(*random.pick(of));
    RiskLimits {
        max_stake: pounds(&[20, 60, 100]),
        max_liability: pounds(&[50, 200, 500]),
        max_runner_exposure: pounds(&[30, 80, 200]),
        max_market_exposure: pounds(&[60, 150, 400]),
        max_strategy_exposure: pounds(&[100, 300, 1_000]),
        daily_loss_limit: pounds(&[500, 1_000, 5_000]),
        max_open_orders_per_runner: random.range(1, 6) as u32,
        max_orders_per_minute: random.range(10, 120) as u32,
        allow_in_play: random.chance(600),
        ..RiskLimits::default()
    }
}

/// What all strategies together may lose: it binds in some seeds.
fn together(random: &mut Random) -> TogetherLimits {
    let mut pounds = |of: &[i64]| Money::from_major(*random.pick(of));
    TogetherLimits {
        max_market_exposure: pounds(&[100, 400, 1_500, 1_500]),
        max_event_exposure: pounds(&[150, 600, 3_000, 3_000]),
        max_exposure: pounds(&[250, 1_000, 5_000, 5_000]),
        ..TogetherLimits::default()
    }
}
