//! What happens to events that bookmakers price, on a clock that may run faster than ours and leap; and the faults that befall
//! whoever asks about them.

use std::collections::VecDeque;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::time::Instant;

use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use jiff::fmt::rfc2822::DateTimePrinter;
use serde_json::json;

use super::LookalikeError;
use super::faults::{Fault, Faults, Kind, read_faults};
use super::http::{document, page};
use super::matches;
use super::wire::Scissors;
use crate::market::{Books, MarketDelta, TimeMs};
use crate::source;

/// What is played.
#[derive(Clone, Debug)]
pub(super) struct Playbill {
    /// Season files.
    pub(super) files: Vec<PathBuf>,
    /// So many made-up matches.
    pub(super) generate: u32,
    /// From which these are drawn.
    pub(super) seed: u64,
    /// How many times as fast the clock runs.
    pub(super) times: u32,
    /// Gives the wall clock, from which made-up matches start.
    pub(super) wall_clock: fn() -> TimeMs,
}

/// What has happened so far, and what is to come.
pub(super) struct Show {
    pub(super) books: Books,
    to_come: VecDeque<(TimeMs, Vec<MarketDelta>)>,
    begun: Instant,
    begins_at: TimeMs,
    times: u32,
}

impl Show {
    pub(super) fn open(bill: &Playbill) -> Result<Self, LookalikeError> {
        let mut all: Vec<(TimeMs, Vec<MarketDelta>)> = Vec::new();
        for path in &bill.files {
            let mut failed = None;
            let read = source::visit(path, &mut |recording| {
                loop {
                    match recording.next() {
                        Ok(Some(update)) => all.push((update.published_at, update.deltas.to_vec())),
                        Ok(None) => return ControlFlow::Continue(()),
                        Err(error) => {
                            failed = Some(error);
                            return ControlFlow::Break(());
                        }
                    }
                }
            });
            if let Some(error) = failed.or(read.err()) {
                return Err(LookalikeError::Feed(error.to_string()));
            }
        }
        // Seasons bring their own time; made-up matches begin now.
        let first = all.iter().map(|(at, _)| *at).min();
        let begins_at = first.unwrap_or_else(bill.wall_clock);
        all.extend(matches::make_up(bill.generate, bill.seed, begins_at));
        all.sort_by_key(|(at, _)| *at);
        Ok(Self {
            books: Books::default(),
            to_come: all.into(),
            begun: Instant::now(),
            begins_at,
            times: bill.times,
        })
    }

    pub(super) fn now(&self) -> TimeMs {
        let passed = self.begun.elapsed().as_millis() * u128::from(self.times);
        self.begins_at + i64::try_from(passed).unwrap_or(i64::MAX / 2)
    }

    /// So much time passes at once.
    pub(super) fn leap(&mut self, ms: i64) {
        self.begins_at = TimeMs(self.begins_at.0.saturating_add(ms.max(0)));
    }

    /// Plays what has happened meanwhile.
    pub(super) fn catch_up(&mut self) {
        let now = self.now();
        while self.to_come.front().is_some_and(|(at, _)| *at <= now) {
            if let Some((at, deltas)) = self.to_come.pop_front() {
                for delta in &deltas {
                    self.books.apply(at, delta);
                }
            }
        }
    }

    /// Stamps an answer with the time that it is here.
    pub(super) fn date(&self, response: &mut Response) {
        let date = jiff::Timestamp::from_millisecond(self.now().0).ok();
        let date = date.and_then(|at| DateTimePrinter::new().timestamp_to_rfc9110_string(&at).ok());
        if let Some(date) = date.and_then(|date| HeaderValue::from_str(&date).ok()) {
            response.headers_mut().insert(header::DATE, date);
        }
    }
}

/// Adds faults, or takes all away; tells those in force.
pub(super) fn control(faults: &mut Faults, method: &Method, body: &[u8]) -> Response {
    match *method {
        Method::POST => match read_faults(body) {
            Ok(more) => faults.add(more),
            Err(error) => return document(400, &json!({ "error": error })),
        },
        Method::DELETE => faults.clear(),
        _ => {}
    }
    document(200, &json!({ "faults": faults.active() }))
}

/// How a request ends before it is carried out.
pub(super) enum Struck {
    /// With this answer.
    Answered(Response),
    /// With an error of the venue's own.
    Refused(Fault),
}

/// What befalls a request before it is carried out.
pub(super) async fn before(faults: Vec<Fault>, scissors: &Scissors) -> Option<Struck> {
    for fault in faults {
        match fault.fault {
            Kind::DelayBefore => tokio::time::sleep(fault.pause()).await,
            Kind::HtmlBefore => return Some(Struck::Answered(page(fault.status.unwrap_or(503)))),
            Kind::ApiError => return Some(Struck::Refused(fault)),
            _ => return Some(Struck::Answered(cut(scissors))),
        }
    }
    None
}

/// What befalls it after it was carried out.
pub(super) async fn after(faults: Vec<Fault>, scissors: &Scissors, response: Response) -> Response {
    for fault in faults {
        match fault.fault {
            Kind::DelayAfter => tokio::time::sleep(fault.pause()).await,
            Kind::HtmlAfter => return page(fault.status.unwrap_or(503)),
            Kind::DropAfter => return cut(scissors),
            _ => {}
        }
    }
    response
}

/// The connection breaks: what is answered never arrives.
fn cut(scissors: &Scissors) -> Response {
    scissors.cut();
    StatusCode::INTERNAL_SERVER_ERROR.into_response()
}
