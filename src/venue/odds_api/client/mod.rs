//! The client of The Odds API: asks what the plan says, when it says so. Here is all of its I/O.

mod wire;

use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use super::codec::{Answer, ApiError, Usage};
use super::plan::{Credits, Pace, Plan, Question};
use crate::config;
use crate::config::{Secret, SecretError};
use crate::market::{MarketFilter, TimeMs};
use crate::venue::pace::Clock;
use crate::venue::polling::{Deaf, FIRST_PAUSE, HEARTBEAT, LONGEST_PAUSE, Polling};
use crate::venue::{AskedAndCode, FeedState, Heard, Requests};
use wire::{Reply, Wire};

/// The shortest time between two questions; the API allows thirty in a second.
const GAP: Duration = Duration::from_millis(200);
/// What a connection is made of.
#[derive(Clone, Debug)]
pub struct Setup {
    /// Where and what is asked.
    pub settings: config::OddsApi,
    /// When it is left alone.
    pub breaker: config::Breaker,
    /// The key.
    pub key: Secret,
    /// What time it is.
    pub clock: fn() -> TimeMs,
}

/// Why no connection can be made.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// There is no key.
    #[error(
        "the key of The Odds API is not set: name its file with odds_api.key_file, or set BEA_ODDS_API_KEY or BEA_ODDS_API_KEY_FILE"
    )]
    NoKey,
    /// Its file cannot be used.
    #[error(transparent)]
    Key(#[from] SecretError),
    /// Something of the system is missing.
    #[error("{0}")]
    System(String),
}

/// Looks for the key.
///
/// # Errors
/// If it is not there or cannot be used.
pub fn find_key(settings: &config::OddsApi) -> Result<Secret, ConnectError> {
    for variable in ["BEA_ODDS_API_KEY", "ODDS_API_KEY"] {
        if let Some(key) = Secret::find(variable, &settings.key_file)? {
            return Ok(key);
        }
    }
    Err(ConnectError::NoKey)
}

/// A connection that asks for what is wanted. It ends when it is dropped.
#[derive(Debug)]
pub struct Connection {
    wanted: watch::Sender<Vec<MarketFilter>>,
    credits: Arc<Mutex<Credits>>,
    requests: Requests,
}

impl Connection {
    /// Asks from now on for what these filters want.
    pub fn watch(&self, filters: Vec<MarketFilter>) {
        self.wanted.send_replace(filters);
    }

    /// What the API was asked so far: what, the answer's code, and how often.
    #[must_use]
    pub fn requests(&self) -> Vec<(AskedAndCode, u64)> {
        self.requests.all()
    }

    /// Where the credits stand.
    #[must_use]
    pub fn credits(&self) -> Credits {
        *self.credits.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Begins to ask: whatever comes goes to `out`. Nothing is asked before [`Connection::watch`].
///
/// # Errors
/// If the system does not allow it.
pub fn connect(
    setup: Setup,
    runtime: &Handle,
    out: Sender<Heard>,
) -> Result<Connection, ConnectError> {
    let settings = &setup.settings;
    let wire = Wire::new(&setup)?;
    let seconds = |seconds: u32| i64::from(seconds) * 1_000;
    let pace = Pace {
        fastest_ms: seconds(settings.fastest_seconds),
        slowest_ms: seconds(settings.slowest_seconds),
        events_ms: seconds(settings.events_seconds),
        scores_ms: seconds(settings.scores_seconds),
        over_after_ms: seconds(settings.over_after_minutes) * 60,
        floor: settings.credit_floor,
        regions: settings.paid_regions(),
        reset_day: settings.reset_day,
    };
    let (wanted, changes) = watch::channel(Vec::new());
    let credits = Arc::new(Mutex::new(Credits::default()));
    let requests = Requests::default();
    let poller = Poller {
        clock: Clock::new(setup.clock, settings.clock_times),
        plan: Plan::new(pace),
        credits: Arc::clone(&credits),
        requests: requests.clone(),
        settings: setup.settings,
        wire,
        feed: Polling::new(out),
    };
    runtime.spawn(poller.run(changes));
    Ok(Connection {
        wanted,
        credits,
        requests,
    })
}

struct Poller {
    settings: config::OddsApi,
    clock: Clock,
    plan: Plan,
    credits: Arc<Mutex<Credits>>,
    requests: Requests,
    wire: Wire,
    feed: Polling,
}

impl Poller {
    async fn run(mut self, mut wanted: watch::Receiver<Vec<MarketFilter>>) {
        let ended = self.follow(&mut wanted).await;
        if let Err(Deaf) = ended {
            tracing::debug!("nobody listens to The Odds API any more");
        }
    }

    async fn follow(
        &mut self,
        wanted: &mut watch::Receiver<Vec<MarketFilter>>,
    ) -> Result<(), Deaf> {
        loop {
            let next = self.next();
            let wake = next.as_ref().map(|(at, _)| *at);
            let beat = Instant::now() + HEARTBEAT;
            tokio::select! {
                changed = wanted.changed() => match changed {
                    Ok(()) => {
                        let filters = wanted.borrow_and_update().clone();
                        self.plan.want(&self.settings.sports, &self.settings.markets, &filters);
                        self.told_idle();
                    }
                    Err(_) => return Ok(()),
                },
                () = sleep_until(wake.unwrap_or(beat).min(beat)) => {
                    if let Some((at, question)) = next
                        && at <= Instant::now()
                    {
                        self.ask(question).await?;
                    } else {
                        self.feed.beat()?;
                    }
                }
            }
        }
    }

    fn told_idle(&self) {
        if self.plan.is_idle() {
            tracing::warn!(
                "no strategy wants odds of what odds_api.sports and odds_api.markets name: nothing is asked for"
            );
        }
    }

    /// What to ask next, and when.
    fn next(&mut self) -> Option<(Instant, Question)> {
        if self.plan.is_idle() {
            return None;
        }
        let now = self.clock.now();
        let (due, question) = self.plan.next(now)?;
        let at = self.clock.instant(due).max(self.feed.not_before);
        self.publish(now);
        Some((at, question))
    }

    fn publish(&self, now: TimeMs) {
        let credits = self.plan.credits(now);
        *self.credits.lock().unwrap_or_else(PoisonError::into_inner) = credits;
    }

    async fn ask(&mut self, question: Question) -> Result<(), Deaf> {
        if !self.wire.is_open() {
            let why = "The Odds API failed so often that it is left alone for a while".to_owned();
            return self.feed.rest(FIRST_PAUSE, why);
        }
        self.plan.ask(&question, self.clock.now());
        let query = self.query(&question);
        let reply = self.wire.get(&question.path(), &query).await;
        self.feed.not_before = Instant::now() + GAP;
        match &reply {
            Ok(reply) => self.requests.count(question.name(), reply.status),
            Err(_) => self.requests.count(question.name(), "no_answer"),
        }
        match reply {
            Ok(reply) => self.heard(question, query, reply),
            Err(why) => {
                self.plan.forget(&question);
                self.feed
                    .fail(format!("The Odds API gives no answer: {why}"))
            }
        }
    }

    /// The parameters of a question, without the key.
    fn query(&self, question: &Question) -> String {
        let settings = &self.settings;
        let from = match settings.bookmakers.is_empty() {
            true => format!("regions={}", settings.regions.join(",")),
            false => format!("bookmakers={}", settings.bookmakers.join(",")),
        };
        match question {
            Question::Sports => String::new(),
            Question::Events(_) => "dateFormat=iso".to_owned(),
            Question::Odds(_, markets) | Question::EventOdds(_, _, markets) => format!(
                "{from}&markets={}&oddsFormat=decimal&dateFormat=iso&includeBetLimits=true",
                markets.join(",")
            ),
            Question::Scores(_) => "daysFrom=3&dateFormat=iso".to_owned(),
        }
    }

    fn heard(&mut self, question: Question, query: String, reply: Reply) -> Result<(), Deaf> {
        self.clock.set(reply.date);
        let now = self.clock.now();
        let answer = Answer {
            at: now,
            path: question.path(),
            query,
            status: reply.status,
            stale_ms: i64::from(self.settings.stale_seconds) * 1_000,
            usage: reply.usage,
            body: reply.body,
        };
        let (at, bytes) = (now, answer.line());
        match answer.status {
            200 => self.answered(&question, &answer, &bytes)?,
            status => {
                let error = ApiError::of(&answer.body);
                self.refused(&question, status, answer.usage, &error)?;
            }
        }
        self.publish(now);
        self.feed.say(Heard::Line { at, bytes })
    }

    fn answered(&mut self, question: &Question, answer: &Answer, line: &[u8]) -> Result<(), Deaf> {
        let Ok((_, body)) = Answer::read(line) else {
            return Ok(());
        };
        let (listing, lost) = answer.listing(&body);
        if lost > 0 {
            tracing::warn!(
                "{}: {lost} parts of the answer cannot be understood and are left out",
                answer.path
            );
        }
        self.plan.hear(question, answer.usage, &listing, answer.at);
        self.feed.succeed()
    }

    /// An answer says why it is none.
    fn refused(
        &mut self,
        question: &Question,
        status: u16,
        usage: Usage,
        error: &ApiError,
    ) -> Result<(), Deaf> {
        let code = error.error_code.as_deref().unwrap_or_default();
        let said = error.message.as_deref().unwrap_or("no reason given");
        let path = question.path();
        let why = format!("The Odds API answers {status} {code} to {path}: {said}");
        match (status, code) {
            (_, "OUT_OF_USAGE_CREDITS") => {
                self.plan.rest(self.clock.now());
                let resets_at = self.plan.credits(self.clock.now()).resets_at;
                let detail = format!(
                    "the credits of The Odds API are used up: nothing is asked until {resets_at} (odds_api.reset_day)"
                );
                self.feed.alarm("ODDS_API_CREDITS_USED_UP", &detail)?;
                self.feed.stand(FeedState::Down { why: detail })
            }
            (401 | 403, _) => {
                // Nothing mends it but a person.
                self.plan.forget(question);
                self.feed.alarm("ODDS_API_KEY_REFUSED", &why)?;
                self.feed.rest(LONGEST_PAUSE, why)
            }
            (404 | 422, _) => {
                self.plan.refund(question, usage);
                self.plan.bar(question);
                let what =
                    format!("{why}. It is not asked again; mend odds_api in the configuration");
                self.feed.alarm("ODDS_API_REFUSED", &what)
            }
            _ => {
                self.plan.refund(question, usage);
                self.plan.forget(question);
                self.feed.fail(why)
            }
        }
    }
}
