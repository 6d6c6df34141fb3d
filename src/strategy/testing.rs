//! A script's own tests: `t`, what it offers, and the report.

use std::cell::RefCell;
use std::fmt;
use std::rc::Rc;
use std::sync::Arc;

use rhai::{Array, Dynamic, EvalAltResult, FnPtr, Map, NativeCallContext};

use super::context::{ContextView, Log, OrderView, ParamsView};
use super::error::{ScriptError, fail};
use super::fixture;
use super::host::Program;
use super::names::{Api, bounded, did_you_mean, shown};
use super::params::{self, Param};
use super::propose::{Draft, number, read_intents};
use super::sandbox::Purpose;
use super::script::Script;
use super::show::{Told, same};
use super::snapshot;
use super::state;
use super::table::TablesView;
use super::test_files::{self, TestFiles};
use super::view::MarketView;
use crate::engine::{Account, Answer, Holding, Moment};
use crate::market::{Market, MarketFilter, Money, Order, TimeMs};

type Outcome<T> = Result<T, Box<EvalAltResult>>;

/// Bytes of a value that an assertion shows.
const MOST_TOLD: usize = 240;

/// What a script's tests came to.
#[derive(Clone, Debug)]
pub struct TestReport {
    /// The strategy's name.
    pub script: String,
    /// Its tests in the order they stand.
    pub tests: Vec<TestResult>,
    /// The snapshots that the tests took, each once.
    pub snapshots: Vec<Snapshot>,
}

/// A result that a test compared with what was accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// Its name.
    pub name: String,
    /// What came out.
    pub found: String,
    /// What was accepted, if anything was.
    pub accepted: Option<String>,
}

/// What to do with snapshots that differ from what was accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Snapshots {
    /// The test fails.
    Compare,
    /// They are right: the caller writes them down.
    Accept,
}

/// One test.
#[derive(Clone, Debug)]
pub struct TestResult {
    /// The function's name.
    pub name: String,
    /// The line it starts on.
    pub line: Option<usize>,
    /// Why it failed, if it did.
    pub error: Option<ScriptError>,
}

impl TestReport {
    /// Whether no test failed.
    #[must_use]
    pub fn passed(&self) -> bool {
        self.failures().next().is_none()
    }

    /// The tests that failed, with why.
    pub fn failures(&self) -> impl Iterator<Item = (&str, &ScriptError)> {
        self.tests
            .iter()
            .filter_map(|test| Some((test.name.as_str(), test.error.as_ref()?)))
    }
}

impl fmt::Display for TestReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for test in &self.tests {
            let verdict = if test.error.is_some() { "FAILED" } else { "ok" };
            writeln!(f, "{}::{} … {verdict}", self.script, test.name)?;
        }
        for (_, error) in self.failures() {
            writeln!(f, "\n{error}")?;
        }
        Ok(())
    }
}

/// Runs a script's tests, each with a state of its own.
pub(super) fn run(script: &Script, snapshots: Snapshots) -> Result<TestReport, ScriptError> {
    // What passes its tests must compile to run.
    drop(script.compile()?);
    let program = Program::load(script, Purpose::Test)?;
    let files = Arc::clone(&script.test_files);
    let mut taken: Vec<Snapshot> = Vec::new();
    let tests = program.tests().into_iter().map(|(name, line)| {
        let bench = TestView::new(&program, &files, snapshots);
        let error = program.call(&name, None, (bench.clone(),)).err();
        taken.append(&mut bench.0.borrow_mut().taken);
        TestResult { name, line, error }
    });
    Ok(TestReport {
        script: script.name().to_owned(),
        tests: tests.collect(),
        snapshots: taken,
    })
}

/// `t`: the bench a test works on.
#[derive(Clone)]
struct TestView(Rc<RefCell<Bench>>);

struct Bench {
    state: Dynamic,
    params: Vec<Param>,
    orders: Vec<Order>,
    tables: TablesView,
    bankroll: Money,
    market: Option<Arc<Market>>,
    log: Log,
    lines: Vec<String>,
    filter: MarketFilter,
    has_on_order: bool,
    has_on_settled: bool,
    files: Arc<TestFiles>,
    snapshots: Snapshots,
    taken: Vec<Snapshot>,
}

impl TestView {
    fn new(program: &Program, files: &Arc<TestFiles>, snapshots: Snapshots) -> Self {
        Self(Rc::new(RefCell::new(Bench {
            state: Dynamic::from(Map::new()),
            params: program.params.clone(),
            orders: Vec::new(),
            tables: program.tables.clone(),
            bankroll: Money::from_major(1000),
            market: None,
            log: program.log.clone(),
            lines: Vec::new(),
            filter: program.filter.clone(),
            has_on_order: program.defines("on_order", 2),
            has_on_settled: program.defines("on_settled", 2),
            files: Arc::clone(files),
            snapshots,
            taken: Vec::new(),
        })))
    }

    /// Makes a market of a map; it is the present one until the next.
    fn market(&self, map: &Map) -> Outcome<MarketView> {
        let market = fixture::market(map).map_err(fail)?;
        self.0.borrow_mut().market = Some(Arc::clone(&market));
        Ok(MarketView(market))
    }

    /// A market out of `fixtures/`, with some of its entries changed.
    fn fixture(&self, name: &str, changes: &Map) -> Outcome<MarketView> {
        let files = Arc::clone(&self.0.borrow().files);
        let text = match files.fixtures.get(name) {
            Some(Some(Ok(text))) => text,
            Some(Some(Err(why))) => return Err(fail(why.clone())),
            Some(None) => {
                return Err(fail(format!(
                    "the fixture \"{name}\" is not named in the script\nname it by a plain text, as in t.fixture(\"{name}\")"
                )));
            }
            None if !test_files::is_name(name) => {
                return Err(fail(format!(
                    "\"{name}\" is no name for a fixture\nuse letters, digits, _ and -: it lies in fixtures/ beside the script"
                )));
            }
            None => {
                let known: Vec<&str> = files.fixtures.keys().map(String::as_str).collect();
                let hint = did_you_mean(name, known.iter().copied()).unwrap_or_else(|| {
                    format!("cut one from a recording: bea fixture RECORDING --market ID --at \"10s before off\" --out strategies/fixtures/{}.json", bounded(name, 40))
                });
                return Err(fail(format!(
                    "there is no fixture \"{name}\" in fixtures/ beside the script\n{hint}"
                )));
            }
        };
        let mut map =
            fixture::read(text).map_err(|wrong| fail(format!("fixtures/{name}.json: {wrong}")))?;
        map.extend(changes.clone());
        self.market(&map)
    }

    /// Compares a value with what was accepted under this name.
    fn snapshot(&self, name: &str, value: &Dynamic) -> Outcome<()> {
        if !test_files::is_name(name) {
            return Err(fail(format!(
                "\"{name}\" is no name for a snapshot\nuse letters, digits, _ and -"
            )));
        }
        let found = snapshot::pretty(&snapshot::plain(value).map_err(fail)?);
        let mut bench = self.0.borrow_mut();
        if bench
            .taken
            .iter()
            .any(|taken| taken.name == name && taken.found != found)
        {
            return Err(fail(format!(
                "the snapshot \"{name}\" is taken twice, of different values\ngive each its own name"
            )));
        }
        let accepted = match bench.files.snapshots.get(name) {
            Some(Err(why)) => return Err(fail(why.clone())),
            Some(Ok(text)) => Some(text.replace("\r\n", "\n")),
            None => None,
        };
        let verdict = match &accepted {
            _ if bench.snapshots == Snapshots::Accept => Ok(()),
            Some(text) if *text == found => Ok(()),
            Some(text) => Err(format!(
                "the snapshot \"{name}\" differs\n{}\nif + is right: bea test --bless",
                snapshot::difference(text, &found)
            )),
            None => Err(format!(
                "the snapshot \"{name}\" is new\n{}\nif it is right: bea test --bless",
                snapshot::difference("", &found)
            )),
        };
        let name = name.to_owned();
        bench.taken.push(Snapshot {
            name,
            found,
            accepted,
        });
        verdict.map_err(fail)
    }

    fn order(&self, map: &Map) -> Outcome<OrderView> {
        let market = self.present_market()?;
        let mut bench = self.0.borrow_mut();
        let id = bench.orders.len() as u128 + 1;
        let order = fixture::order(map, id, market.published_at).map_err(fail)?;
        let view = OrderView::alone(&order, market.published_at);
        bench.orders.push(order);
        Ok(view)
    }

    fn present_market(&self) -> Outcome<Arc<Market>> {
        let market = self.0.borrow().market.clone();
        market.map_or_else(|| self.market(&Map::new()).map(|view| view.0), Ok)
    }

    /// Calls a callback as the engine would: on a copy of the state, kept if all goes well.
    fn call(
        &self,
        context: &NativeCallContext<'_>,
        callback: &str,
        subject: Dynamic,
        market: &Arc<Market>,
    ) -> Outcome<Array> {
        let (mut state, script_context) = {
            let bench = self.0.borrow();
            (bench.state.clone(), bench.context(market))
        };
        let arguments = [subject, Dynamic::from(script_context)];
        let value = FnPtr::new(callback)?.call_raw(context, Some(&mut state), arguments)?;
        state::check(&state).map_err(fail)?;
        let mut bench = self.0.borrow_mut();
        bench.state = state;
        let (log, lines) = (bench.log.clone(), &mut bench.lines);
        log.drain_into(lines);
        let mut answer = Answer::default();
        read_intents(value, &mut answer);
        Ok(answer
            .intents
            .into_iter()
            .map(|intent| Dynamic::from(Draft::from(intent)))
            .collect())
    }
}

impl Bench {
    fn context(&self, market: &Arc<Market>) -> ContextView {
        let holding = Arc::new(Holding::from_orders(self.orders.clone()));
        let now: TimeMs = market.published_at;
        let moment = Moment {
            now,
            market,
            holding: &holding,
            account: &Account::new(self.bankroll),
        };
        let params = ParamsView(Rc::new(params::values(&self.params)));
        ContextView::new(&moment, &params, &self.tables, &self.log)
    }
}

/// Registers `t`.
pub(super) fn register(api: &mut Api) {
    api.group("The bench of a test");
    api.kind::<TestView>("Test", "t");
    api.function(
        "t.market(map)",
        "makes a market",
        |t: &mut TestView, map: Map| t.market(&map),
    );
    api.function(
        "t.fixture(name)",
        "a market cut from a recording by `bea fixture`, from `fixtures/` beside the script",
        |t: &mut TestView, name: &str| t.fixture(name, &Map::new()),
    );
    api.function(
        "t.fixture(name, changes)",
        "the same with entries of t.market changed, as #{ in_play: true }",
        |t: &mut TestView, name: &str, changes: Map| t.fixture(name, &changes),
    );
    api.function(
        "t.later(market, seconds)",
        "the same market some seconds later; orders grow older with it",
        later,
    );
    api.function(
        "t.order(map)",
        "makes an order in ctx.orders",
        |t: &mut TestView, map: Map| t.order(&map),
    );
    api.function(
        "t.wants(market)",
        "whether markets() asks for this market at this moment",
        |t: &mut TestView, market: MarketView| {
            let filter = &t.0.borrow().filter;
            let (definition, now) = (&market.0.definition, market.0.published_at);
            filter.wants_market(definition) && filter.wants_moment(definition, now)
        },
    );
    api.function("t.param(name, value)", "changes a setting", set_param);
    api.function(
        "t.bankroll(amount)",
        "changes the bankroll",
        |t: &mut TestView, amount: Dynamic| -> Outcome<()> {
            let amount = number(&amount).and_then(Money::floor);
            t.0.borrow_mut().bankroll =
                amount.ok_or_else(|| fail("a bankroll is an amount of money"))?;
            Ok(())
        },
    );
    register_calls(api);
    register_assertions(api);
    api.try_get(
        "ctx",
        "what the strategy is given with the present market",
        |t: &TestView| {
            let market = t.present_market()?;
            Ok(t.0.borrow().context(&market))
        },
    );
    api.get("state", "the strategy's memory", |t: &TestView| {
        t.0.borrow().state.clone()
    });
    api.get("log", "what it logged", |t: &TestView| {
        let lines = t.0.borrow().lines.clone();
        lines.into_iter().map(Dynamic::from).collect::<Array>()
    });
}

fn later(t: &mut TestView, market: MarketView, seconds: Dynamic) -> Outcome<MarketView> {
    let ms = number(&seconds)
        .filter(|s| (0.0..=1e9).contains(s))
        .ok_or_else(|| {
            fail(format!(
                "later: seconds are a number from 0: {seconds} is not"
            ))
        })?
        * 1000.0;
    let mut later = Market::clone(&market.0);
    #[allow(clippy::cast_possible_truncation)]
    let ms = ms.round() as i64;
    later.published_at = later.published_at + ms;
    let later = Arc::new(later);
    t.0.borrow_mut().market = Some(Arc::clone(&later));
    Ok(MarketView(later))
}

fn set_param(t: &mut TestView, name: &str, value: Dynamic) -> Outcome<()> {
    let value = state::to_json(&value).map_err(fail)?;
    params::set(&mut t.0.borrow_mut().params, name, &value).map_err(fail)
}

fn register_calls(api: &mut Api) {
    api.function(
        "t.odds(market)",
        "calls on_odds, gives the intents",
        |context: NativeCallContext<'_>, t: &mut TestView, market: MarketView| {
            t.0.borrow_mut().market = Some(Arc::clone(&market.0));
            t.call(
                &context,
                "on_odds",
                Dynamic::from(market.clone()),
                &market.0,
            )
        },
    );
    api.function(
        "t.changed(order)",
        "calls on_order",
        |context: NativeCallContext<'_>, t: &mut TestView, order: OrderView| -> Outcome<Array> {
            let market = t.present_market()?;
            if !t.0.borrow().has_on_order {
                return Err(fail("the script has no fn on_order(order, ctx)"));
            }
            t.call(&context, "on_order", Dynamic::from(order), &market)
        },
    );
    api.function(
        "t.settled(market)",
        "calls on_settled",
        |context: NativeCallContext<'_>, t: &mut TestView, market: MarketView| -> Outcome<()> {
            if !t.0.borrow().has_on_settled {
                return Err(fail("the script has no fn on_settled(market, ctx)"));
            }
            t.call(
                &context,
                "on_settled",
                Dynamic::from(market.clone()),
                &market.0,
            )
            .map(drop)
        },
    );
}

fn register_assertions(api: &mut Api) {
    api.function(
        "t.eq(found, expected)",
        "fails unless equal",
        |_: &mut TestView, found: Dynamic, expected: Dynamic| -> Outcome<()> {
            if same(&found, &expected) {
                return Ok(());
            }
            let (expected, found) = (told(&expected), told(&found));
            Err(fail(format!("expected {expected}, found {found}")))
        },
    );
    api.function(
        "t.near(found, expected, within)",
        "fails unless that near",
        |_: &mut TestView, found: Dynamic, expected: Dynamic, within: Dynamic| -> Outcome<()> {
            let numbers = (number(&found), number(&expected), number(&within));
            match numbers {
                (Some(a), Some(b), Some(within)) if (a - b).abs() <= within => Ok(()),
                _ => Err(fail(format!(
                    "expected {} give or take {}, found {}",
                    told(&expected),
                    told(&within),
                    told(&found)
                ))),
            }
        },
    );
    api.function(
        "t.snapshot(name, value)",
        "fails unless the value is as accepted by `bea test --bless`, in `snapshots/STRATEGY/` beside the script",
        |t: &mut TestView, name: &str, value: Dynamic| t.snapshot(name, &value),
    );
    api.function(
        "t.ok(condition)",
        "fails unless it holds",
        |_: &mut TestView, holds: bool| -> Outcome<()> {
            holds
                .then_some(())
                .ok_or_else(|| fail("the condition does not hold"))
        },
    );
    api.function(
        "t.ok(condition, message)",
        "the same with a message",
        |_: &mut TestView, holds: bool, message: &str| -> Outcome<()> {
            holds.then_some(()).ok_or_else(|| fail(message))
        },
    );
}

/// A value as a failed assertion shows it.
fn told(value: &Dynamic) -> String {
    shown(&Told(value), MOST_TOLD)
}
