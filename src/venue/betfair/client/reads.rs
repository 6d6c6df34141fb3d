//! Questions to the exchange: each is asked again if it failed by no fault of ours, and a list is read to its end.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::json;

use super::pauses::Pauses;
use super::session::{Session, SessionError};
use crate::config::Secret;
use crate::market::TimeMs;
use crate::venue::betfair::{
    AccountDetails, AccountFunds, ApiCode, ClearedOrder, ClearedOrders, CurrentOrder,
    CurrentOrders, HeartbeatReport, ListClearedOrders, ListCurrentOrders, ListMarketBook,
    ListMarketCatalogue, MarketBook, MarketCatalogue, NoResult, Service, read_answer,
    without_nulls,
};
use crate::venue::wire::{Answer, NoAnswer, Wire};

/// How often a question is asked.
const TRIES: usize = 3;
/// How far apart, at first and at most.
const PAUSES: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(4));
/// Most records of a page.
const PAGE: usize = 1_000;
/// Most pages of a list: more than an account can fill in the time that the venue keeps its bets.
const MOST_PAGES: usize = 1_000;

/// Why a question has no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// There is no session to ask with.
    #[error(transparent)]
    Session(#[from] SessionError),
    /// The venue cannot be reached, or is left alone because of that.
    #[error("Betfair cannot be reached: {0}")]
    Unreachable(String),
    /// It was asked too often.
    #[error("Betfair was asked too often: {0}")]
    Throttled(ApiCode),
    /// It has a trouble of its own.
    #[error("Betfair has a trouble of its own: {0}")]
    Transient(String),
    /// The question was wrong.
    #[error("Betfair does not take the question: {0}")]
    Refused(NoResult),
    /// Its answer cannot be read.
    #[error("{0}")]
    Unreadable(NoResult),
    /// A list has no end.
    #[error("the list of Betfair has no end: it says that there is more, and gives nothing")]
    Endless,
}

impl ReadError {
    const fn is_passing(&self) -> bool {
        matches!(
            self,
            Self::Unreachable(_) | Self::Throttled(_) | Self::Transient(_) | Self::Unreadable(_)
        )
    }
}

/// Whether an error is the venue's own.
fn classified(error: NoResult) -> ReadError {
    match error {
        NoResult::Api { code, .. } if code == ApiCode::TooManyRequests => {
            ReadError::Throttled(code)
        }
        NoResult::Api {
            code: ApiCode::ServiceBusy | ApiCode::TimeoutError | ApiCode::UnexpectedError,
            ..
        } => ReadError::Transient(error.to_string()),
        // An internal error of the envelope, or an exception without its name.
        NoResult::Envelope {
            number: -32_603 | -32_099,
            ..
        } => ReadError::Transient(error.to_string()),
        NoResult::Unreadable(_) => ReadError::Unreadable(error),
        other => ReadError::Refused(other),
    }
}

fn is_over(error: &NoResult) -> bool {
    matches!(
        error,
        NoResult::Api {
            code: ApiCode::NoSession | ApiCode::InvalidSession,
            ..
        }
    )
}

/// Asks the exchange. Cheap to clone.
#[derive(Clone)]
pub struct Reads {
    inner: Arc<Inner>,
}

impl std::fmt::Debug for Reads {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reads").finish_non_exhaustive()
    }
}

struct Inner {
    wire: Wire,
    session: Arc<Session>,
    api_url: String,
    timeout: Duration,
    number: AtomicU64,
}

impl Reads {
    pub(super) fn new(wire: Wire, session: Arc<Session>, api_url: &str, timeout: Duration) -> Self {
        Self {
            inner: Arc::new(Inner {
                wire,
                session,
                api_url: api_url.trim_end_matches('/').to_owned(),
                timeout,
                number: AtomicU64::new(1),
            }),
        }
    }

    /// Makes sure that there is a session, and that the venue takes it.
    ///
    /// # Errors
    /// As [`ReadError`].
    pub async fn log_in(&self) -> Result<(), ReadError> {
        self.details().await.map(|_| ())
    }

    /// Whether questions are let through.
    pub(super) fn is_open(&self) -> bool {
        self.inner.wire.is_open()
    }

    /// The money.
    ///
    /// # Errors
    /// As [`ReadError`].
    pub async fn funds(&self) -> Result<AccountFunds, ReadError> {
        self.ask(Service::Account, "getAccountFunds", &json!({}))
            .await
    }

    /// The account.
    ///
    /// # Errors
    /// As [`ReadError`].
    pub async fn details(&self) -> Result<AccountDetails, ReadError> {
        self.ask(Service::Account, "getAccountDetails", &json!({}))
            .await
    }

    /// What time it is at the venue, to the second.
    ///
    /// # Errors
    /// As [`ReadError`], or if it does not say.
    pub async fn time(&self) -> Result<TimeMs, ReadError> {
        let token = self.inner.session.ready().await?;
        let (_, answer) = self
            .post(Service::Account, "getAccountDetails", &json!({}), &token)
            .await?;
        let said_at = answer.said_at();
        said_at.ok_or_else(|| ReadError::Transient("it does not say what time it is".to_owned()))
    }

    /// Markets in words.
    ///
    /// # Errors
    /// As [`ReadError`].
    pub async fn catalogue(
        &self,
        asked: &ListMarketCatalogue,
    ) -> Result<Vec<MarketCatalogue>, ReadError> {
        self.ask(Service::Betting, "listMarketCatalogue", asked)
            .await
    }

    /// Markets as they stand.
    ///
    /// # Errors
    /// As [`ReadError`].
    pub async fn books(&self, asked: &ListMarketBook) -> Result<Vec<MarketBook>, ReadError> {
        self.ask(Service::Betting, "listMarketBook", asked).await
    }

    /// Bets that are not settled, to the last page.
    ///
    /// # Errors
    /// As [`ReadError`]. A list of which a page failed is none.
    pub async fn current_orders(
        &self,
        asked: &ListCurrentOrders,
    ) -> Result<Vec<CurrentOrder>, ReadError> {
        let mut asked = asked.clone();
        asked.record_count = Some(PAGE);
        let mut all = Vec::new();
        for _ in 0..MOST_PAGES {
            asked.from_record = Some(all.len());
            let page: CurrentOrders = self
                .ask(Service::Betting, "listCurrentOrders", &asked)
                .await?;
            let is_empty = page.current_orders.is_empty();
            all.extend(page.current_orders);
            match (page.more_available, is_empty) {
                (false, _) => return Ok(all),
                (true, true) => return Err(ReadError::Endless),
                (true, false) => {}
            }
        }
        Err(ReadError::Endless)
    }

    /// Bets that are over, or sums of them, to the last page.
    ///
    /// # Errors
    /// As [`ReadError`]. A list of which a page failed is none.
    pub async fn cleared_orders(
        &self,
        asked: &ListClearedOrders,
    ) -> Result<Vec<ClearedOrder>, ReadError> {
        let mut asked = asked.clone();
        asked.record_count = Some(PAGE);
        let mut all = Vec::new();
        for _ in 0..MOST_PAGES {
            asked.from_record = Some(all.len());
            let page: ClearedOrders = self
                .ask(Service::Betting, "listClearedOrders", &asked)
                .await?;
            let is_empty = page.cleared_orders.is_empty();
            all.extend(page.cleared_orders);
            match (page.more_available, is_empty) {
                (false, _) => return Ok(all),
                (true, true) => return Err(ReadError::Endless),
                (true, false) => {}
            }
        }
        Err(ReadError::Endless)
    }

    /// Tells the dead man's switch that somebody is here.
    pub(super) async fn heartbeat(&self, seconds: u32) -> Result<HeartbeatReport, ReadError> {
        let params = json!({ "preferredTimeoutSeconds": seconds });
        self.ask(Service::Heartbeat, "heartbeat", &params).await
    }

    /// Asks, more than once if need be.
    async fn ask<T: DeserializeOwned>(
        &self,
        service: Service,
        operation: &'static str,
        params: &impl Serialize,
    ) -> Result<T, ReadError> {
        let params = serde_json::to_value(params)
            .map(without_nulls)
            .unwrap_or_default();
        let mut pauses = Pauses::new(PAUSES.0, PAUSES.1);
        let mut tries = 0;
        let mut renewed = false;
        loop {
            let token = self.inner.session.ready().await?;
            let error = match self.ask_once(service, operation, &params, &token).await {
                Ok(result) => return Ok(result),
                Err(Trouble::SessionOver) if !renewed => {
                    renewed = true;
                    self.inner.session.renew(Some(&token)).await?;
                    continue;
                }
                Err(Trouble::SessionOver) => ReadError::Transient(
                    "it does not know the session that it just gave".to_owned(),
                ),
                Err(Trouble::Other(error)) => error,
            };
            tries += 1;
            if !error.is_passing() || tries >= TRIES || !self.is_open() {
                return Err(error);
            }
            tokio::time::sleep(pauses.next()).await;
        }
    }

    async fn ask_once<T: DeserializeOwned>(
        &self,
        service: Service,
        operation: &'static str,
        params: &serde_json::Value,
        token: &Secret,
    ) -> Result<T, Trouble> {
        let asked = self.post(service, operation, params, token).await;
        let (number, answer) = asked.map_err(Trouble::Other)?;
        if answer.status != 200 {
            let what = format!("HTTP status {}", answer.status);
            return Err(Trouble::Other(ReadError::Transient(what)));
        }
        read_answer(&answer.body, number).map_err(|error| match is_over(&error) {
            true => Trouble::SessionOver,
            false => Trouble::Other(classified(error)),
        })
    }

    async fn post(
        &self,
        service: Service,
        operation: &'static str,
        params: &serde_json::Value,
        token: &Secret,
    ) -> Result<(u64, Answer), ReadError> {
        let inner = &self.inner;
        let number = inner.number.fetch_add(1, Ordering::Relaxed);
        let request = inner
            .wire
            .post(&endpoint(&inner.api_url, service))
            .header("X-Application", inner.session.app_key().expose())
            .header("X-Authentication", token.expose())
            .json(&call(service, operation, params, number));
        let sound = |answer: &Answer| is_sound(answer, number);
        let answer = inner
            .wire
            .send(operation, request, inner.timeout, || true, sound)
            .await;
        match answer {
            Ok(answer) => Ok((number, answer)),
            Err(error @ NoAnswer::TooLong) => Err(ReadError::Transient(error.to_string())),
            Err(error) => Err(ReadError::Unreachable(error.to_string())),
        }
    }
}

/// Why one try failed.
enum Trouble {
    SessionOver,
    Other(ReadError),
}

/// Where requests to a service go.
pub(super) fn endpoint(api_url: &str, service: Service) -> String {
    let service = match service {
        Service::Betting => "betting",
        Service::Account => "account",
        Service::Heartbeat => "heartbeat",
    };
    format!("{api_url}/{service}/json-rpc/v1")
}

/// One request of JSON-RPC.
pub(super) fn call(
    service: Service,
    operation: &str,
    params: &serde_json::Value,
    number: u64,
) -> serde_json::Value {
    json!({
        "jsonrpc": "2.0",
        "method": format!("{}{operation}", service.method_prefix()),
        "params": params,
        "id": number,
    })
}

/// Whether an answer shows that the venue works: a refusal does, its own trouble does not.
pub(super) fn is_sound(answer: &Answer, number: u64) -> bool {
    if answer.status != 200 {
        return false;
    }
    match read_answer::<serde::de::IgnoredAny>(&answer.body, number) {
        Ok(_) => true,
        Err(error) => is_over(&error) || matches!(classified(error), ReadError::Refused(_)),
    }
}

/// Whether an answer says that there were too many requests.
pub(super) fn is_throttled(answer: &Answer, number: u64) -> bool {
    let read = read_answer::<serde::de::IgnoredAny>(&answer.body, number);
    let code = |error| matches!(classified(error), ReadError::Throttled(_));
    answer.status == 429 || read.is_err_and(code)
}
