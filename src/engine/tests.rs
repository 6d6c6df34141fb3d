//! The core and its loop, by example, with a native strategy, a gate that passes all and a venue that writes down.

mod terms;

use std::cell::RefCell;
use std::rc::Rc;

use super::testing::{MARKET, Pass, defined, definition, levels, limit};
use super::*;
use crate::market::{
    Books, Doubt, Instruction, Intent, LadderKind, Listing, MarketDelta, MarketFilter, MarketId,
    MarketStatus, Money, Order, OrderChange, OrderEvent, OrderId, OrderState, OrderStatement,
    Place, Price, Settlement, Side, TimeMs, VenueEvent, VenueReason,
};

/// What happened, in order, as the tests read it.
pub(super) type Story = Rc<RefCell<Vec<String>>>;

/// Passes everything within its most intents, except when halted.
pub(super) struct OpenGate;

impl Gate for OpenGate {
    type Pass = Pass;

    fn max_intents(&self, _: &str) -> usize {
        3
    }

    fn check(&mut self, ask: &Ask<'_>) -> Result<Pass, Refusal> {
        if ask.house.state >= TradingState::Paused || ask.house.unready.is_some() {
            return Err(Refusal::plain(ReasonCode::KillSwitchOn));
        }
        Ok(Pass(Instruction {
            id: ask.id,
            strategy: ask.strategy.clone(),
            market: ask.market.id.clone(),
            runner: ask.place.runner,
            side: ask.place.side,
            kind: ask.place.kind,
            book: ask.place.book.clone(),
        }))
    }

    fn check_update(&mut self, ask: &Ask<'_>) -> Result<(), Refusal> {
        if ask.house.state == TradingState::Halted {
            return Err(Refusal::plain(ReasonCode::KillSwitchOn));
        }
        Ok(())
    }
}

/// Writes down what it is asked; says what it is told to say, on the next update.
#[derive(Default)]
pub(super) struct Diary {
    story: Story,
    pub(super) asked: Vec<OrderId>,
    pub(super) to_say: Vec<VenueEvent>,
    /// What it answers when asked for all it has; nothing if it cannot.
    pub(super) listed: Option<Vec<OrderStatement>>,
}

impl Venue<Pass> for Diary {
    fn observe(&mut self, _: TimeMs, _: &Books, _: &MarketDelta, out: &mut Vec<VenueEvent>) {
        out.append(&mut self.to_say);
    }

    fn submit(&mut self, _: TimeMs, _: &Books, request: Request<Pass>) {
        let (what, id) = match request {
            Request::Place(pass) => ("place", pass.0.id),
            Request::Cancel { order, .. } => ("cancel", order),
            Request::Update { order, .. } => ("update", order),
            Request::Replace { with, .. } => ("replace", with.0.id),
        };
        self.story.borrow_mut().push(what.to_owned());
        self.asked.push(id);
    }

    fn list(&mut self, now: TimeMs, out: &mut Vec<VenueEvent>) {
        if let Some(orders) = &self.listed {
            let (asked_at, orders) = (now, orders.clone());
            out.push(VenueEvent::Listing(now, Listing { asked_at, orders }));
        }
    }
}

/// Writes down commits; fails when told to.
#[derive(Default)]
pub(super) struct Book {
    story: Story,
    pub(super) records: Vec<Record>,
    fails: bool,
}

impl Journal for Book {
    fn commit(&mut self, token: Token, records: &[Record]) -> Result<Receipt, JournalError> {
        if self.fails {
            return Err(JournalError("the disk is gone".to_owned()));
        }
        self.story.borrow_mut().push("commit".to_owned());
        self.records.extend_from_slice(records);
        Ok(Receipt::committed(token))
    }
}

/// A strategy made of one function of how often it was called.
struct Native<F> {
    hash: &'static str,
    filter: MarketFilter,
    calls: u64,
    story: Story,
    act: F,
}

impl<F: FnMut(u64, &Moment<'_>) -> Result<Vec<Intent>, Fault>> Strategy for Native<F> {
    fn name(&self) -> &str {
        "native"
    }
    fn hash(&self) -> &str {
        self.hash
    }
    fn filter(&self) -> &MarketFilter {
        &self.filter
    }
    fn on_odds(&mut self, moment: &Moment<'_>, answer: &mut Answer) -> Result<(), Fault> {
        self.calls += 1;
        answer.intents = (self.act)(self.calls, moment)?;
        Ok(())
    }
    fn on_order(&mut self, order: &Order, _: &Moment<'_>, _: &mut Answer) -> Result<(), Fault> {
        self.story
            .borrow_mut()
            .push(format!("on_order {}", order.state.as_str()));
        Ok(())
    }
    fn on_settled(
        &mut self,
        _: &Settlement,
        moment: &Moment<'_>,
        _: &mut Answer,
    ) -> Result<(), Fault> {
        self.story
            .borrow_mut()
            .push(format!("on_settled, bank {}", moment.account.bankroll()));
        Ok(())
    }
    fn state(&self) -> serde_json::Value {
        self.calls.into()
    }
    fn restore(&mut self, state: &serde_json::Value) -> Result<(), Fault> {
        let bad = || Fault {
            summary: "no number".into(),
            detail: "no number".into(),
            kind: FaultKind::default(),
        };
        self.calls = state.as_u64().ok_or_else(bad)?;
        Ok(())
    }
}

pub(super) struct World {
    pub(super) desk: Desk<OpenGate, Diary, Book>,
    story: Story,
    pub(super) now: i64,
}

impl World {
    pub(super) fn new() -> Self {
        Self::after(Recovery::default())
    }

    pub(super) fn after(recovery: Recovery) -> Self {
        let story = Story::default();
        let venue = Diary {
            story: story.clone(),
            listed: Some(Vec::new()),
            ..Diary::default()
        };
        let journal = Book {
            story: story.clone(),
            ..Book::default()
        };
        let engine = Engine::new(OpenGate, 1, Money::from_major(1_000));
        let mut world = Self {
            desk: Desk::new(engine, venue, journal),
            story,
            now: 0,
        };
        world.desk.recover(TimeMs(0), recovery).unwrap();
        world.step(&defined(definition(3, 1)));
        world
    }

    pub(super) fn load<F>(&mut self, hash: &'static str, act: F)
    where
        F: FnMut(u64, &Moment<'_>) -> Result<Vec<Intent>, Fault> + 'static,
    {
        let strategy = Native {
            hash,
            filter: MarketFilter::default(),
            calls: 0,
            story: self.story.clone(),
            act,
        };
        self.desk
            .load(TimeMs(self.now), Box::new(strategy))
            .unwrap();
        self.story.borrow_mut().clear();
    }

    pub(super) fn step(&mut self, delta: &MarketDelta) {
        self.now += 1_000;
        self.desk
            .step(TimeMs(self.now), TimeMs(self.now), delta)
            .unwrap();
    }

    pub(super) fn tick(&mut self) {
        self.step(&levels(1, &[(LadderKind::Back, 300, 10)]));
    }

    pub(super) fn say(&mut self, order: OrderId, change: OrderChange) {
        let event = OrderEvent {
            market: MarketId::new(MARKET),
            order,
            at: TimeMs(self.now),
            change,
        };
        self.desk.venue.to_say.push(VenueEvent::Order(event));
    }

    pub(super) fn story(&self) -> Vec<String> {
        self.story.borrow_mut().drain(..).collect()
    }

    pub(super) fn slot(&self) -> &Slot {
        &self.desk.engine.slots()[0]
    }

    pub(super) fn orders(&self) -> Vec<Order> {
        self.slot()
            .holdings()
            .flat_map(|(_, holding)| holding.orders().to_vec())
            .collect()
    }
}

pub(super) fn bet() -> Place {
    limit(1, Side::Back, 300, 1_000)
}

pub(super) fn once(call: u64, _: &Moment<'_>) -> Result<Vec<Intent>, Fault> {
    Ok(if call == 1 {
        vec![Intent::Place(bet())]
    } else {
        vec![]
    })
}

pub(super) const DOUBT: OrderChange = OrderChange::Doubted {
    doubt: Doubt::TimedOut,
};

/// What the venue says of an order that is over, as it is known here.
pub(super) fn statement(order: &Order) -> OrderStatement {
    OrderStatement {
        market: MarketId::new(MARKET),
        order: Some(order.id),
        venue_id: "77".into(),
        runner: order.runner,
        side: order.side,
        kind: order.kind,
        placed_at: TimeMs(1),
        matched: order.matched,
        matched_value: order.matched_value,
        cancelled: order.cancelled,
        lapsed: order.lapsed,
        lapse_reason: crate::market::VenueReason::NotSaid,
        voided: order.voided,
        is_complete: true,
    }
}

pub(super) const FILL: OrderChange = OrderChange::Matched {
    price: Price::from_hundredths(300),
    size: Money::from_major(10),
};

#[test]
fn nothing_is_sent_before_it_is_recorded() {
    let mut world = World::new();
    world.load("a", once);
    world.tick();
    assert_eq!(world.story(), ["commit", "place"]);
    assert!(
        matches!(world.desk.journal.records.last(), Some(Record::Intent(intent)) if intent.verdict == Verdict::Approved)
    );
}

#[test]
fn nothing_is_sent_when_the_journal_fails() {
    let mut world = World::new();
    world.load("a", once);
    world.desk.journal.fails = true;
    let tick = levels(1, &[(LadderKind::Back, 300, 10)]);
    assert!(
        world
            .desk
            .step(TimeMs(9_000), TimeMs(9_000), &tick)
            .is_err()
    );
    assert_eq!(world.desk.venue.asked, []);
}

#[test]
fn an_order_counts_at_its_worst_from_the_moment_it_is_approved() {
    let mut world = World::new();
    world.load("a", once);
    world.tick();
    assert_eq!(world.slot().account.burden.at_risk, Money::from_major(10));
    assert_eq!(world.slot().account.burden.open_orders, 1);
    let id = world.desk.venue.asked[0];
    world.say(
        id,
        OrderChange::Rejected {
            reason: VenueReason::MarketNotOpen,
        },
    );
    world.tick();
    assert_eq!(
        (
            world.slot().account.burden.at_risk,
            world.slot().account.burden.open_orders
        ),
        (Money::ZERO, 0)
    );
}

#[test]
fn fills_come_before_strategies_and_an_order_is_told_of_once() {
    let mut world = World::new();
    let story = world.story.clone();
    world.load("a", move |call, moment| {
        let matched = moment.holding.position(bet().runner).backed;
        story
            .borrow_mut()
            .push(format!("on_odds, matched {matched}"));
        once(call, moment)
    });
    world.tick();
    let id = world.desk.venue.asked[0];
    world.story();
    world.say(id, OrderChange::Accepted);
    world.say(id, FILL);
    world.tick();
    assert_eq!(
        world.story(),
        [
            "on_order EXECUTION_COMPLETE",
            "on_odds, matched 10.00",
            "commit"
        ]
    );
}

#[test]
fn a_settled_market_pays_into_the_bank_less_commission() {
    let mut world = World::new();
    world.load("a", once);
    world.tick();
    let id = world.desk.venue.asked[0];
    world.say(id, OrderChange::Accepted);
    world.say(id, FILL);
    world.tick();
    assert_eq!(world.slot().account.burden.at_risk, Money::from_major(10));
    world
        .desk
        .venue
        .to_say
        .push(VenueEvent::Settled(Settlement {
            market: MarketId::new(MARKET),
            at: TimeMs(world.now),
            version: 1,
            commission: crate::market::Commission::Rate(crate::market::Ratio::percent(5)),
            profits: vec![(id, Money::from_major(20))],
        }));
    world.story();
    let mut closed = definition(3, 1);
    closed.status = MarketStatus::Closed;
    world.step(&defined(closed));
    assert_eq!(world.story(), ["on_settled, bank 1019.00", "commit"]);
    assert_eq!(world.slot().account.burden.at_risk, Money::ZERO);
    let totals = world.slot().totals();
    assert_eq!(
        (totals.gross, totals.commission, totals.net()),
        (
            Money::from_major(20),
            Money::from_major(1),
            Money::from_major(19)
        )
    );
    assert_eq!(
        (
            totals.bets,
            totals.matched,
            totals.turnover,
            totals.unsettled
        ),
        (1, 1, Money::from_major(10), Money::ZERO)
    );
}

#[test]
fn after_three_faults_in_a_row_a_strategy_is_stopped_until_its_next_version() {
    let mut world = World::new();
    let broken = |_: u64, _: &Moment<'_>| {
        Err(Fault {
            summary: "broken".into(),
            detail: "broken".into(),
            kind: FaultKind::default(),
        })
    };
    world.load("bad", broken);
    for _ in 0..5 {
        world.tick();
    }
    assert_eq!(world.slot().standing, Standing::Quarantined);
    assert_eq!(world.slot().totals().faults, 3);
    let quarantined = world
        .desk
        .notices()
        .filter(|n| {
            matches!(
                n,
                Notice::Fault {
                    quarantined: true,
                    ..
                }
            )
        })
        .count();
    assert_eq!(quarantined, 1);
    world.load("good", once);
    world.tick();
    assert_eq!(world.slot().standing, Standing::Running);
}

#[test]
fn a_fault_now_and_then_stops_nobody() {
    let mut world = World::new();
    world.load("a", |call, _| {
        if call % 3 == 0 {
            Ok(vec![])
        } else {
            Err(Fault {
                summary: "now".into(),
                detail: "and then".into(),
                kind: FaultKind::default(),
            })
        }
    });
    for _ in 0..12 {
        world.tick();
    }
    assert_eq!(world.slot().standing, Standing::Running);
}

#[test]
fn a_new_version_goes_on_with_the_state_and_the_orders_of_the_old_one() {
    let mut world = World::new();
    world.load("a", once);
    world.tick();
    world.tick();
    world.load("b", once);
    world.tick();
    assert_eq!(world.slot().state(), 3);
    assert_eq!(
        world.orders().len(),
        1,
        "call 3 is not call 1: it did not bet again"
    );
    assert_eq!(&*world.slot().hash, "b");
}

#[test]
fn a_version_that_cannot_take_the_state_is_not_swapped_in() {
    struct Picky(MarketFilter);
    impl Strategy for Picky {
        fn name(&self) -> &str {
            "native"
        }
        fn hash(&self) -> &str {
            "picky"
        }
        fn filter(&self) -> &MarketFilter {
            &self.0
        }
        fn on_odds(&mut self, _: &Moment<'_>, _: &mut Answer) -> Result<(), Fault> {
            Ok(())
        }
        fn restore(&mut self, _: &serde_json::Value) -> Result<(), Fault> {
            Err(Fault {
                summary: "no".into(),
                detail: "no".into(),
                kind: FaultKind::default(),
            })
        }
    }
    let mut world = World::new();
    world.load("a", once);
    world
        .desk
        .load(TimeMs(world.now), Box::new(Picky(MarketFilter::default())))
        .unwrap();
    assert_eq!(&*world.slot().hash, "a");
    assert!(
        world
            .desk
            .notices()
            .any(|notice| matches!(notice, Notice::Fault { .. }))
    );
}

#[test]
fn when_halted_every_order_is_refused_and_cancels_still_go() {
    let mut world = World::new();
    world.load("a", |call, moment| {
        Ok(match call {
            1 => vec![Intent::Place(bet())],
            2 => vec![
                Intent::Place(limit(2, Side::Back, 300, 1_000)),
                Intent::Cancel {
                    order: moment.holding.orders()[0].id,
                    size: None,
                },
            ],
            _ => vec![],
        })
    });
    world.tick();
    world
        .desk
        .operate(
            TimeMs(world.now),
            Command::Trade(TradingState::Halted, "drill".into()),
        )
        .unwrap();
    world.story();
    world.tick();
    assert_eq!(world.story(), ["commit", "cancel"]);
    assert_eq!(
        world.slot().totals().rejections[&ReasonCode::KillSwitchOn],
        1
    );
}

#[test]
fn an_order_stopped_at_the_last_moment_is_reported_as_not_sent() {
    let mut world = World::new();
    world.load("a", once);
    let tick = levels(1, &[(LadderKind::Back, 300, 10)]);
    world
        .desk
        .step_guarded(TimeMs(5_000), TimeMs(5_000), &tick, |_| Sending::Stopped)
        .unwrap();
    assert_eq!(world.desk.venue.asked, []);
    world.desk.finish(TimeMs(6_000)).unwrap();
    assert_eq!(world.orders()[0].state, OrderState::NotSent);
    assert_eq!(world.slot().account.burden.at_risk, Money::ZERO);
}

#[test]
fn an_order_is_not_cancelled_twice_and_not_by_guesswork() {
    let mut world = World::new();
    world.load("a", |call, moment| {
        let first = moment.holding.orders().first().map(|order| order.id);
        Ok(match (call, first) {
            (1, _) => vec![Intent::Place(bet())],
            (_, Some(order)) => vec![
                Intent::Cancel { order, size: None },
                Intent::Cancel { order, size: None },
                Intent::Cancel {
                    order: OrderId::from_bits(42),
                    size: None,
                },
            ],
            _ => vec![],
        })
    });
    world.tick();
    world.tick();
    let rejections = world.slot().totals().rejections;
    assert_eq!(
        (
            rejections[&ReasonCode::OrderBusy],
            rejections[&ReasonCode::OrderUnknown]
        ),
        (1, 1)
    );
    assert_eq!(world.desk.venue.asked.len(), 2);
}

#[test]
fn a_call_with_too_many_intents_is_refused_whole() {
    let mut world = World::new();
    world.load("a", |_, _| {
        Ok((1..=4)
            .map(|runner| Intent::Place(limit(runner, Side::Back, 300, 100)))
            .collect())
    });
    world.tick();
    assert_eq!(world.orders(), []);
    assert_eq!(
        world.slot().totals().rejections[&ReasonCode::IntentTooMany],
        1
    );
}

#[test]
fn the_filter_is_asked_before_any_call() {
    let mut world = World::new();
    let strategy = Native {
        hash: "a",
        filter: MarketFilter {
            types: vec!["PLACE".into()],
            ..MarketFilter::default()
        },
        calls: 0,
        story: world.story.clone(),
        act: |_, _: &Moment<'_>| Ok(vec![]),
    };
    world.desk.load(TimeMs(0), Box::new(strategy)).unwrap();
    world.tick();
    assert_eq!(world.slot().state(), 0);
    let mut place = definition(3, 1);
    place.market_type = "PLACE".into();
    world.step(&defined(place));
    assert_eq!(
        world.slot().state(),
        1,
        "a changed definition is judged anew"
    );
}

#[test]
fn the_same_events_give_the_same_trace_and_other_bets_another() {
    let play = |pence: i64| {
        let mut world = World::new();
        world.load("a", move |call, _| {
            Ok(if call == 1 {
                vec![Intent::Place(limit(1, Side::Back, 300, pence))]
            } else {
                vec![]
            })
        });
        world.tick();
        let id = world.desk.venue.asked[0];
        world.say(id, OrderChange::Accepted);
        world.tick();
        world.desk.trace_hash()
    };
    assert_eq!(play(1_000), play(1_000));
    assert_ne!(play(1_000), play(1_001));
}

#[test]
fn a_late_word_on_a_finished_order_changes_nothing() {
    let mut world = World::new();
    world.load("a", once);
    world.tick();
    let id = world.desk.venue.asked[0];
    world.say(id, OrderChange::Accepted);
    world.say(id, FILL);
    world.say(id, FILL);
    world.tick();
    assert_eq!(world.orders()[0].matched, Money::from_major(10));
}
