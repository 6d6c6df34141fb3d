//! Asks for fixtures, odds and results as the plan says, and hands the answers on as they came.

use std::collections::BTreeSet;
use std::sync::Arc;

use tokio::sync::watch;
use tokio::time::{Duration, Instant, sleep_until};

use super::catalogue::Catalogue;
use super::reads::Reads;
use crate::market::{MarketFilter, TimeMs};
use crate::venue::pace::Clock;
use crate::venue::pinnacle::{Answer, ApiError, Plan, Question};
use crate::venue::polling::{Deaf, FIRST_PAUSE, HEARTBEAT, LONGEST_PAUSE, Polling};
use crate::venue::{FeedState, Heard};

/// The shortest time between two questions.
const GAP: Duration = Duration::from_millis(100);

pub(super) struct Poller {
    pub(super) sports: Vec<u32>,
    pub(super) clock: Clock,
    pub(super) plan: Plan,
    pub(super) reads: Reads,
    pub(super) feed: Polling,
    pub(super) catalogue: Arc<Catalogue>,
    /// What was wanted last.
    pub(super) wanted: Option<Vec<MarketFilter>>,
    /// What has no answer since it was asked last: while there is any, the feed is not whole.
    pub(super) unanswered: BTreeSet<Question>,
}

impl Poller {
    pub(super) async fn run(mut self, mut wanted: watch::Receiver<Vec<MarketFilter>>) {
        if let Err(Deaf) = self.follow(&mut wanted).await {
            tracing::debug!("nobody listens to Pinnacle any more");
        }
    }

    async fn follow(
        &mut self,
        wanted: &mut watch::Receiver<Vec<MarketFilter>>,
    ) -> Result<(), Deaf> {
        loop {
            let next = self.next();
            let beat = Instant::now() + HEARTBEAT;
            let wake = next.map_or(beat, |(at, _)| at.min(beat));
            tokio::select! {
                changed = wanted.changed() => match changed {
                    Ok(()) => {
                        let filters = wanted.borrow_and_update().clone();
                        self.want(filters)?;
                    }
                    Err(_) => return Ok(()),
                },
                () = sleep_until(wake) => match next {
                    Some((at, question)) if at <= Instant::now() => self.ask(question).await?,
                    _ => self.feed.beat()?,
                }
            }
        }
    }

    /// Asks for what is wanted; if that is asked for once more, from the beginning.
    fn want(&mut self, filters: Vec<MarketFilter>) -> Result<(), Deaf> {
        self.plan.want(&self.sports, &filters);
        self.unanswered
            .retain(|question| self.plan.holds(*question));
        if self.plan.is_idle() {
            tracing::warn!(
                "no strategy wants a sport that pinnacle.sports names: nothing is asked for"
            );
        }
        let again = self.wanted.as_ref() == Some(&filters);
        self.wanted = Some(filters);
        if again {
            self.plan.begin_anew();
            self.feed.stand(FeedState::Connecting)?;
        }
        Ok(())
    }

    /// What to ask next, and when.
    fn next(&self) -> Option<(Instant, Question)> {
        let (due, question) = self.plan.next()?;
        Some((self.clock.instant(due).max(self.feed.not_before), question))
    }

    async fn ask(&mut self, question: Question) -> Result<(), Deaf> {
        if !self.reads.is_open() {
            let why = "Pinnacle failed so often that it is left alone for a while".to_owned();
            return self.feed.rest(FIRST_PAUSE, why);
        }
        let query = self.plan.query(question);
        let reply = self.reads.get(question.path(), &query).await;
        self.feed.not_before = Instant::now() + GAP;
        let reply = match reply {
            Ok(reply) => reply,
            Err(why) => {
                self.miss(question, self.clock.now());
                return self.feed.fail(format!("Pinnacle gives no answer: {why}"));
            }
        };
        self.clock.set(reply.date);
        let at = self.clock.now();
        let answer = Answer {
            at,
            path: question.path().to_owned(),
            query,
            status: reply.status,
            body: reply.body,
        };
        let bytes = answer.line();
        match answer.status {
            200 => self.answered(question, &answer, &bytes)?,
            _ => self.refused(question, &answer)?,
        }
        self.feed.say(Heard::Line { at, bytes })
    }

    fn answered(&mut self, question: Question, answer: &Answer, line: &[u8]) -> Result<(), Deaf> {
        let Ok((_, body)) = Answer::read(line) else {
            return Ok(());
        };
        // Nothing new is an empty body; anything else but a document is somebody else's answer.
        let is_silence = |text: &str| text.trim().is_empty();
        if !body.is_object() && !body.as_str().is_some_and(is_silence) {
            self.miss(question, answer.at);
            let path = question.path();
            return self
                .feed
                .fail(format!("what comes from {path} is no answer of Pinnacle"));
        }
        self.plan.ask(question, answer.at);
        let (listing, lost) = answer.listing(&body);
        if lost > 0 {
            tracing::warn!(
                "{}: {lost} parts of the answer cannot be understood and are left out",
                answer.path
            );
        }
        self.plan.hear(question, &listing);
        self.catalogue.hear(&listing, answer.at);
        self.unanswered.remove(&question);
        match self.unanswered.is_empty() {
            true => self.feed.succeed(),
            false => Ok(()),
        }
    }

    fn miss(&mut self, question: Question, now: TimeMs) {
        self.plan.miss(question, now);
        self.unanswered.insert(question);
    }

    /// An answer says why it is none.
    fn refused(&mut self, question: Question, answer: &Answer) -> Result<(), Deaf> {
        let error = ApiError::of(&answer.body);
        let code = error.code.as_deref().unwrap_or_default();
        let said = error.message.as_deref().unwrap_or("no reason given");
        let (status, path) = (answer.status, question.path());
        let why = format!("Pinnacle answers {status} {code} to {path}: {said}");
        self.miss(question, answer.at);
        match status {
            401 | 403 => {
                // Nothing mends it but a person.
                self.feed.alarm("PINNACLE_REFUSED", &why)?;
                self.feed.rest(LONGEST_PAUSE, why)
            }
            _ => self.feed.fail(why),
        }
    }
}
