//! Who asks, and what they may: bearer tokens, and where they ask from.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::app::App;
use super::problem::Problem;
use super::token::Role;
use crate::config::Severity;

/// What a route asks of whoever calls it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Need {
    /// Nothing.
    Nothing,
    /// A token of any role, where there are tokens.
    Read,
    /// A control token where there are tokens; without any, to call from this machine.
    Stop,
    /// A control token, always.
    Control,
}

/// From where a request came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Origin {
    /// The address of the client: behind a proxy, as the proxy names it.
    pub(super) address: Option<IpAddr>,
}

impl Origin {
    /// Reads it: `peer` is who holds the connection.
    pub(super) fn of(peer: IpAddr, behind_proxy: bool, headers: &HeaderMap) -> Self {
        if !behind_proxy {
            return Self {
                address: Some(peer.to_canonical()),
            };
        }
        // A proxy adds whom it speaks for at the end; what stands before may be made up.
        let last = headers.get_all("x-forwarded-for").iter().next_back();
        let named = last.and_then(|value| value.to_str().ok()?.rsplit(',').next());
        Self {
            address: named
                .and_then(|name| name.trim().parse::<IpAddr>().ok())
                .map(|address| address.to_canonical()),
        }
    }

    pub(super) fn is_this_machine(self) -> bool {
        self.address.is_some_and(|address| address.is_loopback())
    }
}

/// Who asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Caller {
    /// Name of the token, or what stands for it.
    pub(super) name: String,
    pub(super) role: Option<Role>,
}

/// Tokens that were none, by address, within a minute.
#[derive(Debug, Default)]
pub(super) struct Guesses(Mutex<BTreeMap<Option<IpAddr>, (Instant, u32)>>);

/// So many wrong tokens in a minute are told that they are wrong; after them, that they are too many.
const GUESSES: u32 = 5;
const MINUTE: Duration = Duration::from_secs(60);
/// Addresses that are remembered at once.
const ADDRESSES: usize = 1_024;

impl Guesses {
    /// Counts one more and gives how many there were in this minute.
    fn count(&self, address: Option<IpAddr>, now: Instant) -> u32 {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.retain(|_, (since, _)| now.saturating_duration_since(*since) < MINUTE);
        if known.len() >= ADDRESSES && !known.contains_key(&address) {
            return GUESSES + 1;
        }
        let (_, count) = known.entry(address).or_insert((now, 0));
        *count += 1;
        *count
    }
}

/// Finds out who asks. No token is no error: that depends on the route.
pub(super) fn identify(
    app: &App,
    origin: Origin,
    headers: &HeaderMap,
) -> Result<Option<Caller>, Problem> {
    let mut given = headers.get_all(header::AUTHORIZATION).iter();
    let Some(first) = given.next() else {
        return Ok(None);
    };
    let token = first.to_str().ok().and_then(|value| {
        let (scheme, token) = value.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then_some(token)
    });
    let holder = match (token, given.next()) {
        (Some(token), None) => app.tokens.holder(token),
        _ => None,
    };
    if let Some(kept) = holder {
        return Ok(Some(Caller {
            name: kept.name,
            role: Some(kept.role),
        }));
    }
    app.service.metrics.refused_token();
    let count = app.guesses.count(origin.address, Instant::now());
    if count == GUESSES + 1 {
        let from = origin
            .address
            .map_or_else(|| "an unknown address".to_owned(), |a| a.to_string());
        app.service.alerts.raise(
            Severity::Warning,
            "HTTP_TOKENS_GUESSED",
            format_args!("{count} wrong tokens within a minute from {from}"),
        );
        tracing::warn!(event = "tokens_guessed", %from, count, "wrong access tokens");
    }
    if count > GUESSES {
        let wait = "too many wrong tokens: wait a minute. A right one is still taken";
        let wait = Problem::new(StatusCode::TOO_MANY_REQUESTS, wait);
        return Err(wait.with(header::RETRY_AFTER, "60"));
    }
    Err(unknown("this token is none"))
}

fn unknown(detail: &str) -> Problem {
    Problem::new(StatusCode::UNAUTHORIZED, detail).with(header::WWW_AUTHENTICATE, "Bearer")
}

/// Whether the caller may do what asks for this.
fn permit(
    app: &App,
    need: Need,
    origin: Origin,
    caller: Option<Caller>,
) -> Result<Caller, Problem> {
    let nobody = |name: &str| Caller {
        name: name.to_owned(),
        role: None,
    };
    let required = app.tokens.are_required();
    let caller = match (need, caller) {
        (Need::Nothing, caller) => return Ok(caller.unwrap_or_else(|| nobody("anybody"))),
        (_, Some(caller)) => caller,
        (Need::Read | Need::Stop, None) if !required => {
            if origin.is_this_machine() {
                return Ok(nobody("this machine"));
            }
            return Err(unknown(NO_TOKENS));
        }
        (Need::Control, None) if !required => return Err(unknown(NO_TOKENS)),
        (_, None) => return Err(unknown("send Authorization: Bearer TOKEN")),
    };
    if need == Need::Read {
        return Ok(caller);
    }
    if caller.role != Some(Role::Control) {
        let detail = "this token may only look: it takes a control token";
        return Err(Problem::new(StatusCode::FORBIDDEN, detail));
    }
    let from = &app.service.settings.control_from;
    let is_allowed = |address: IpAddr| from.contains(&address);
    if !origin.is_this_machine() && !origin.address.is_some_and(is_allowed) {
        let detail =
            "control is taken from this machine and from the addresses in http.control_from";
        return Err(Problem::new(StatusCode::FORBIDDEN, detail));
    }
    Ok(caller)
}

const NO_TOKENS: &str = "it takes a control token, and this host has none: `bea token new NAME --role control` makes \
     one; on the machine itself `bea resume`, `bea pause` and `bea reduce` do it without";

/// Lets a request through to a route, or not.
pub(super) async fn check(
    State((app, need)): State<(App, Need)>,
    mut request: Request,
    next: Next,
) -> Response {
    let extensions = request.extensions();
    let (Some(origin), Some(caller)) = (
        extensions.get::<Origin>().copied(),
        extensions.get::<Option<Caller>>().cloned(),
    ) else {
        // The door puts both there; without them nobody may in.
        return Problem::inside().into_response();
    };
    match permit(&app, need, origin, caller) {
        Ok(caller) => {
            request.extensions_mut().insert(caller);
            next.run(request).await
        }
        Err(refused) => refused.into_response(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    #[test]
    fn behind_a_proxy_the_client_is_whom_the_proxy_names_last() {
        let local: IpAddr = "127.0.0.1".parse().unwrap();
        let mut headers = HeaderMap::new();
        assert!(Origin::of(local, false, &headers).is_this_machine());
        assert!(!Origin::of(local, true, &headers).is_this_machine());
        for (value, address) in [
            ("127.0.0.1, 10.0.0.9", Some("10.0.0.9")),
            ("10.0.0.9", Some("10.0.0.9")),
            ("127.0.0.1, nonsense", None),
            ("::ffff:10.0.0.9", Some("10.0.0.9")),
        ] {
            headers.insert("x-forwarded-for", HeaderValue::from_static(value));
            let found = Origin::of(local, true, &headers);
            let wanted = address.map(|text| text.parse::<IpAddr>().unwrap());
            assert_eq!(found.address, wanted, "{value}");
            assert!(Origin::of(local, false, &headers).is_this_machine());
        }
    }

    #[test]
    fn wrong_tokens_are_counted_by_address_and_minute_and_never_without_end() {
        let guesses = Guesses::default();
        let start = Instant::now();
        let from = |n: u32| Some(IpAddr::from(n.to_be_bytes()));
        for expected in 1..=7 {
            assert_eq!(guesses.count(from(1), start), expected);
        }
        assert_eq!(guesses.count(from(2), start), 1);
        assert_eq!(guesses.count(from(1), start + MINUTE), 1);
        for n in 0..5_000 {
            guesses.count(from(n), start + MINUTE);
        }
        assert!(guesses.0.lock().unwrap().len() <= ADDRESSES);
        assert!(guesses.count(from(9_999), start + MINUTE) > GUESSES);
    }
}
