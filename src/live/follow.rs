//! The host on a live feed: the connection, the recorder, and where bets go.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::thread;

use super::approvals::LiveGate;
use super::conductor::Conductor;
use super::door::{Admitted, Doorkeeper, Ending};
use super::failure::HostError;
use super::feed::{Inbox, Supply, Tape, Watch};
use super::host::{BETFAIR, Helpers, ODDS_API, PINNACLE, Plan, engine};
use super::pulse::Pulse;
use crate::backtest::{self, Driver, Report, Setup};
use crate::config::Config;
use crate::engine::{Recovery, Sending, TradingState, Venue};
use crate::exchange::Exchange;
use crate::ledger::{Ledger, RunWriter};
use crate::market::{Instruction, Order};
use crate::risk::Approved;
use crate::source::{Recorder, Room};
use crate::venue::betfair::client::{self, Betfair, Connection, Secrets};
use crate::venue::{Guard, Heard, odds_api, pinnacle};

/// A live feed is one session; in DRY_RUN ids of orders are derived from its number alone, so that it can be played again.
const ONLY_SESSION: u64 = 1;

/// Follows a live feed. Without an admission what is bet goes to the simulated exchange, and nothing exists that could
/// place a bet; with one it goes to the venue.
pub(super) fn follow(
    plan: &Plan<'_>,
    setup: &Setup,
    helpers: Helpers<'_>,
    mut conductor: Conductor<'_>,
    run: &mut RunWriter,
    door: Option<&(Admitted, Doorkeeper)>,
) -> Result<Report, HostError> {
    let config = plan.config();
    let recorder = recorder(plan, run.run())?;
    let secrets = Secrets::find(&config.betfair).map_err(HostError::Credentials)?;
    let (say, heard) = channel();
    let connecting = client::Plan {
        settings: config.betfair.clone(),
        breaker: config.breaker,
        secrets,
        folder: plan.folder(),
        clock: plan.wall_clock,
    };
    let connection = client::connect(connecting, helpers.runtime.handle(), say)?;
    let feed = Feed {
        config,
        name: BETFAIR,
        address: &config.betfair.stream_address,
        supply: Supply::Betfair(&connection),
        heard,
    };
    let runtime = helpers.runtime;
    let report = match door {
        None => {
            let bets = simulated(plan, setup, &mut conductor, recorder);
            feed.attend(setup, helpers, conductor, run, bets)
        }
        Some((admitted, door)) => {
            go_live(plan, &mut conductor, admitted, door, recorder)?;
            let ledger = conductor.ledger;
            let bets = live_bets(
                plan,
                setup,
                ledger,
                run,
                &connection,
                guard(door, &conductor.pulse),
            )?;
            feed.attend(setup, helpers, conductor, run, bets)
        }
    };
    // An order on its way is never cut off.
    runtime.block_on(connection.close());
    report
}

/// Follows the odds of bookmakers: what is bet goes to the simulated exchange, as a bookmaker would take it.
pub(super) fn follow_odds(
    plan: &Plan<'_>,
    setup: &Setup,
    helpers: Helpers<'_>,
    mut conductor: Conductor<'_>,
    run: &mut RunWriter,
) -> Result<Report, HostError> {
    let config = plan.config();
    let settings = &config.odds_api;
    let key = odds_api::client::find_key(settings)?;
    let recorder = recorder(plan, run.run())?;
    let (say, heard) = channel();
    let connecting = odds_api::client::Setup {
        settings: settings.clone(),
        breaker: config.breaker,
        key,
        clock: plan.wall_clock,
    };
    let connection = odds_api::client::connect(connecting, helpers.runtime.handle(), say)?;
    let bets = simulated(plan, setup, &mut conductor, recorder);
    let feed = Feed {
        config,
        name: ODDS_API,
        address: &settings.url,
        supply: Supply::OddsApi(&connection),
        heard,
    };
    feed.attend(setup, helpers, conductor, run, bets)
}

/// Follows the odds of Pinnacle. Without an admission what is bet goes to the simulated exchange, as a bookmaker would take
/// it; with one it goes to Pinnacle.
pub(super) fn follow_pinnacle(
    plan: &Plan<'_>,
    setup: &Setup,
    helpers: Helpers<'_>,
    mut conductor: Conductor<'_>,
    run: &mut RunWriter,
    door: Option<&(Admitted, Doorkeeper)>,
) -> Result<Report, HostError> {
    let config = plan.config();
    let settings = &config.pinnacle;
    let secrets = pinnacle::client::Secrets::find(settings)?;
    let recorder = recorder(plan, run.run())?;
    let (say, heard) = channel();
    let connecting = pinnacle::client::Setup {
        settings: settings.clone(),
        breaker: config.breaker,
        secrets,
        clock: plan.wall_clock,
    };
    let connection = pinnacle::client::connect(connecting, helpers.runtime.handle(), say)?;
    let feed = Feed {
        config,
        name: PINNACLE,
        address: &settings.url,
        supply: Supply::Pinnacle(&connection),
        heard,
    };
    let runtime = helpers.runtime;
    let report = match door {
        None => {
            let bets = simulated(plan, setup, &mut conductor, recorder);
            feed.attend(setup, helpers, conductor, run, bets)
        }
        Some((admitted, door)) => {
            go_live(plan, &mut conductor, admitted, door, recorder)?;
            let recovery = left_there(plan, setup, conductor.ledger, run, |order| {
                order
                    .book
                    .as_ref()
                    .is_some_and(|book| book.as_str() == pinnacle::BOOK)
            })?;
            let left = recovery
                .orders
                .iter()
                .map(|left| (&left.market, &left.order));
            let bets = Bets {
                epoch: recovery.epoch.unwrap_or_default(),
                venue: connection.trade(left, guard(door, &conductor.pulse))?,
                recovery: Some(recovery),
            };
            feed.attend(setup, helpers, conductor, run, bets)
        }
    };
    // A bet on its way is never cut off.
    runtime.block_on(connection.close());
    report
}

/// From here on bets are with money: who may bet, and until when, is watched, and nothing leaves without the door's word.
fn go_live(
    plan: &Plan<'_>,
    conductor: &mut Conductor<'_>,
    admitted: &Admitted,
    door: &Doorkeeper,
    recorder: Option<Recorder>,
) -> Result<(), HostError> {
    let approved = conductor.ledger.reader()?.approvals()?;
    conductor.gate = Some(LiveGate {
        door: door.clone(),
        ending: Ending::default(),
        approved: approved
            .into_iter()
            .map(|approval| (approval.strategy, approval.script_hash))
            .collect(),
        barred: BTreeSet::new(),
        limits_ratio: admitted.limits_ratio(),
    });
    let (keeper, pulse) = (door.clone(), conductor.pulse.clone());
    let last_word = Box::new(move |order: &Instruction| pulse.is_well() && keeper.may_send(order));
    conductor.tape = Some(Tape::new(plan.wall_clock, last_word, recorder));
    Ok(())
}

/// The door's word, as senders ask for it; while the engine is stuck there is none.
fn guard(door: &Doorkeeper, pulse: &Pulse) -> Guard {
    let (door, pulse) = (door.clone(), pulse.clone());
    Arc::new(
        move |order: &Instruction| match pulse.is_well() && door.may_send(order) {
            true => Sending::Allowed,
            false => Sending::Stopped,
        },
    )
}

/// What earlier runs left at a venue. One venue does not know what became of orders at another.
fn left_there(
    plan: &Plan<'_>,
    setup: &Setup,
    ledger: &Ledger,
    run: &RunWriter,
    is_there: impl Fn(&Order) -> bool,
) -> Result<Recovery, HostError> {
    let recovery = ledger.recovery(run, 1, (plan.wall_clock)(), setup.bank)?;
    let elsewhere = recovery.orders.iter().filter(|left| !is_there(&left.order));
    match elsewhere.count() {
        0 => Ok(recovery),
        count => Err(HostError::Elsewhere(count)),
    }
}

/// Where bets go, and what went there before.
struct Bets<V> {
    epoch: u64,
    venue: V,
    recovery: Option<Recovery>,
}

/// The simulated exchange. An order is sent to it unless betting is paused or halted at that moment, or the engine was busy
/// with what led to it for too long.
fn simulated(
    plan: &Plan<'_>,
    setup: &Setup,
    conductor: &mut Conductor<'_>,
    recorder: Option<Recorder>,
) -> Bets<Exchange> {
    let (switch, pulse) = (conductor.switch.clone(), conductor.pulse.clone());
    let last_word = Box::new(move |_: &Instruction| {
        pulse.is_well() && switch.read().state < TradingState::Paused
    });
    conductor.tape = Some(Tape::new(plan.wall_clock, last_word, recorder));
    Bets {
        epoch: ONLY_SESSION,
        venue: Exchange::new(setup.exchange.clone()),
        recovery: None,
    }
}

/// The venue itself, and what earlier runs left there.
fn live_bets(
    plan: &Plan<'_>,
    setup: &Setup,
    ledger: &Ledger,
    run: &RunWriter,
    connection: &Connection,
    guard: Guard,
) -> Result<Bets<Betfair>, HostError> {
    let recovery = left_there(plan, setup, ledger, run, |order| order.book.is_none())?;
    let mut lives = ledger.reader()?.lives()?;
    let identity = client::Identity {
        epoch: lives.pop().unwrap_or_default(),
        earlier: lives,
        unfinished_since: recovery.orders.iter().map(|o| o.order.requested_at).min(),
        settled: recovery.settled.clone(),
    };
    Ok(Bets {
        epoch: recovery.epoch.unwrap_or_default(),
        venue: connection.trade(identity, guard)?,
        recovery: Some(recovery),
    })
}

/// A live feed that is heard.
struct Feed<'f> {
    config: &'f Config,
    name: &'static str,
    address: &'f str,
    supply: Supply<'f>,
    heard: Receiver<Heard>,
}

impl Feed<'_> {
    /// Runs the session on the engine's thread, with what the feed says.
    fn attend<V: Venue<Approved> + Send>(
        self,
        setup: &Setup,
        helpers: Helpers<'_>,
        mut conductor: Conductor<'_>,
        run: &mut RunWriter,
        bets: Bets<V>,
    ) -> Result<Report, HostError> {
        let Self {
            config,
            name,
            address,
            supply,
            heard,
        } = self;
        let inbox = Inbox::default();
        let (counted, tell) = (inbox.clone(), helpers.tell.clone());
        let most = config.feed.max_waiting as usize;
        // It ends with the connection, or when the engine does not listen any more.
        thread::Builder::new()
            .name("feed".to_owned())
            .spawn(move || counted.pass_on(most, &heard, &tell))
            .map_err(|error| HostError::System("start a thread", error))?;
        engine(helpers, move || {
            let mut watch = Watch::new(name, &config.feed, supply, inbox, bets.recovery);
            let strategies = (conductor.strategies()?, conductor.strategies()?);
            backtest::attend(
                setup,
                (name, address),
                (bets.epoch, bets.venue),
                strategies,
                Some(run),
                &mut |session| conductor.follow(session, &mut watch, config, config.mode),
            )
        })
    }
}

/// Begins to record the feed, if that is wanted.
fn recorder(plan: &Plan<'_>, run: i64) -> Result<Option<Recorder>, HostError> {
    let settings = &plan.config().recorder;
    if !settings.enabled {
        return Ok(None);
    }
    let mebibytes = |count: u32| u64::from(count) << 20;
    let room = Room {
        folder: settings.folder.clone(),
        compress: settings.compress,
        part_bytes: mebibytes(settings.part_mib),
        total_bytes: mebibytes(settings.total_mib),
        free_bytes: mebibytes(settings.min_free_mib),
    };
    let at: String = (plan.wall_clock)()
        .to_string()
        .chars()
        .take_while(|c| *c != '.')
        .filter(|c| !matches!(c, '-' | ':'))
        .collect();
    let recorder = Recorder::begin(&room, &format!("{at}-run-{run}"))
        .map_err(|error| HostError::System("record the feed", error))?;
    let folder = recorder.folder().display();
    plan.voice.say(format_args!("recording: {folder}"));
    Ok(Some(recorder))
}
