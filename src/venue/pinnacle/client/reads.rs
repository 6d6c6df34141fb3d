//! Questions to Pinnacle and their answers: with the user's name and password, and through a circuit breaker.

use std::sync::Arc;
use std::time::Duration;

use reqwest::RequestBuilder;

use super::Secrets;
use crate::market::{OrderId, TimeMs};
use crate::venue::pinnacle::{Balance, Bet, BetList, Line, name_of};
use crate::venue::wire::{Answer, NoAnswer, Wire};

/// Most bets that are asked for by name at once.
const MOST_NAMES: usize = 10;
/// Bets on a page.
const PAGE: u32 = 1_000;
/// Most pages of a list: more than anybody bets in a month.
const MOST_PAGES: usize = 100;

/// Why a question has no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// The venue cannot be reached, or is left alone because of that.
    #[error("Pinnacle cannot be reached: {0}")]
    Unreachable(String),
    /// It answers with something else.
    #[error("Pinnacle does not answer: {0}")]
    Refused(String),
    /// A list has no end.
    #[error("the list of Pinnacle has no end: it says that there is more, and gives nothing")]
    Endless,
}

impl From<NoAnswer> for ReadError {
    fn from(error: NoAnswer) -> Self {
        Self::Unreachable(error.to_string())
    }
}

/// Asks the venue. Cheap to clone.
#[derive(Clone)]
pub struct Reads {
    wire: Arc<Wire>,
    url: String,
    secrets: Secrets,
    timeout: Duration,
}

impl std::fmt::Debug for Reads {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reads").finish_non_exhaustive()
    }
}

impl Reads {
    pub(super) fn new(wire: Wire, url: &str, secrets: &Secrets, timeout: Duration) -> Self {
        Self {
            wire: Arc::new(wire),
            url: url.trim_end_matches('/').to_owned(),
            secrets: secrets.clone(),
            timeout,
        }
    }

    /// Whether a question would be let through.
    pub(super) fn is_open(&self) -> bool {
        self.wire.is_open()
    }

    /// Says who asks.
    fn signed(&self, request: RequestBuilder) -> RequestBuilder {
        let Secrets { username, password } = &self.secrets;
        request.basic_auth(username.expose(), Some(password.expose()))
    }

    /// Asks. Values of the query are digits, letters and what needs no escape.
    pub(super) async fn get(&self, path: &'static str, query: &str) -> Result<Answer, NoAnswer> {
        let url = match query {
            "" => format!("{}{path}", self.url),
            query => format!("{}{path}?{query}", self.url),
        };
        let request = self.signed(self.wire.get(&url));
        self.wire
            .send(path, request, self.timeout, || true, is_sound)
            .await
    }

    /// Sends a bet, once, if `last_word` allows it.
    pub(super) async fn post(
        &self,
        path: &'static str,
        body: &impl serde::Serialize,
        last_word: impl FnOnce() -> bool,
    ) -> Result<Answer, NoAnswer> {
        let request = self.signed(self.wire.post(&format!("{}{path}", self.url)));
        let request = request.json(body);
        self.wire
            .send(path, request, self.timeout, last_word, is_sound)
            .await
    }

    /// What is there of our money.
    ///
    /// # Errors
    /// As [`ReadError`].
    pub async fn balance(&self) -> Result<(Balance, Option<TimeMs>), ReadError> {
        let answer = self.get("/v1/client/balance", "").await?;
        let said_at = answer.said_at();
        let balance = Balance::read(answer.status, &answer.body).map_err(ReadError::Refused)?;
        Ok((balance, said_at))
    }

    /// Whether bets are taken, in the venue's word.
    ///
    /// # Errors
    /// As [`ReadError`].
    pub async fn betting_status(&self) -> Result<String, ReadError> {
        let answer = self.get("/v4/bets/betting-status", "").await?;
        let read: Result<serde_json::Value, _> = serde_json::from_slice(&answer.body);
        let status = read
            .ok()
            .and_then(|body| Some(body.get("status")?.as_str()?.to_owned()));
        status.ok_or_else(|| ReadError::Refused(format!("HTTP status {}", answer.status)))
    }

    /// A line, just before a bet.
    pub(super) async fn line(&self, query: &str) -> Result<Line, ReadError> {
        let answer = self.get("/v1/line", query).await?;
        Line::read(answer.status, &answer.body).map_err(ReadError::Refused)
    }

    /// What the venue has of these orders, by name. Of one that it does not know it says nothing.
    pub(super) async fn by_name(&self, orders: &[OrderId]) -> Result<Vec<Bet>, ReadError> {
        let mut found = Vec::new();
        for some in orders.chunks(MOST_NAMES) {
            let names: Vec<String> = some.iter().map(|order| name_of(*order)).collect();
            let query = format!("uniqueRequestIds={}", names.join(","));
            let answer = self.get("/v4/bets", &query).await?;
            let list = BetList::read(answer.status, &answer.body).map_err(ReadError::Refused)?;
            found.extend(list.bets);
        }
        Ok(found)
    }

    /// A whole list, and how many bets of other kinds are in it.
    pub(super) async fn list(
        &self,
        which: &str,
        from: TimeMs,
        to: TimeMs,
    ) -> Result<(Vec<Bet>, usize), ReadError> {
        let (mut bets, mut others) = (Vec::new(), 0);
        let mut next = 0;
        for _ in 0..MOST_PAGES {
            let query = format!(
                "betlist={which}&fromDate={from}&toDate={to}&sortDir=ASC&pageSize={PAGE}&fromRecord={next}"
            );
            let answer = self.get("/v4/bets", &query).await?;
            let page = BetList::read(answer.status, &answer.body).map_err(ReadError::Refused)?;
            bets.extend(page.bets);
            others += page.others;
            match page.next {
                None => return Ok((bets, others)),
                Some(begin) if begin > next => next = begin,
                Some(_) => return Err(ReadError::Endless),
            }
        }
        Err(ReadError::Endless)
    }
}

/// That it refuses a question shows that it works.
fn is_sound(answer: &Answer) -> bool {
    answer.status < 500
}
