//! The session: one login at a time, kept alive, kept in a file over restarts, and never tried again where that would
//! lock the account.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{PoisonError, RwLock, RwLockReadGuard};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::Plan;
use super::pauses::Pauses;
use super::secrets::Secrets;
use crate::config::Login;
use crate::config::Secret;
use crate::market::TimeMs;
use crate::venue::Clock;
use crate::venue::betfair::read_identity;
use crate::venue::wire::{Answer, NoAnswer, Wire};

/// For how long the venue refuses logins after too many of them.
const BAN_MS: i64 = 20 * 60 * 1_000;
/// How long a session lasts that is not kept alive: four hours in the venue's oldest text, up to a day in its present
/// one, for accounts outside Italy and Spain.
const LIFE_MS: i64 = 4 * 60 * 60 * 1_000;
/// How far apart logins are tried that failed for no fault of ours.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(120);
/// The file that keeps the session.
const FILE: &str = "betfair-session.json";

/// Why there is no session.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SessionError {
    /// The venue refused the login, and will until a person does something about it.
    #[error("Betfair refuses the login: {code}. It is not tried again: mend what it names, then delete {}", file.display())]
    Refused {
        /// Why.
        code: String,
        /// What keeps it from being tried.
        file: PathBuf,
    },
    /// There were too many logins.
    #[error("Betfair takes no logins of this account until {until}: there were too many")]
    Banned {
        /// When it is over.
        until: TimeMs,
    },
    /// The last try failed, and the next is not due.
    #[error("the login failed, and is tried again soon: {why}")]
    Waiting {
        /// How the last one failed.
        why: String,
    },
}

/// What is kept over restarts. It is a secret.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct Kept {
    /// Of whom: other credentials are other people.
    of: String,
    token: Option<String>,
    refused: Option<String>,
    banned_until: Option<TimeMs>,
    /// When the venue last gave the session, or kept it alive.
    renewed_at: Option<TimeMs>,
}

/// Where the login stands.
#[derive(Debug)]
struct Standing {
    kept: Kept,
    pauses: Pauses,
    /// Until when nothing is tried, and why.
    pause: Option<(Instant, String)>,
}

/// The session with the exchange.
pub(super) struct Session {
    wire: Wire,
    certified: Option<Wire>,
    identity_url: String,
    certificate_url: String,
    secrets: Secrets,
    timeout: Duration,
    file: PathBuf,
    clock: Clock,
    token: RwLock<Option<Secret>>,
    /// When the venue last gave the session, or kept it alive; `None` if it is not known.
    renewed_at: RwLock<Option<TimeMs>>,
    /// Whoever holds this may log in.
    standing: Mutex<Standing>,
}

impl Session {
    pub(super) fn new(plan: &Plan, wire: Wire, certified: Option<Wire>) -> Self {
        let file = plan.folder.join(FILE);
        let of = whose(plan);
        let kept = read(&file).filter(|kept| kept.of == of);
        let kept = kept.unwrap_or(Kept {
            of,
            ..Kept::default()
        });
        let settings = &plan.settings;
        Self {
            wire,
            certified: certified.filter(|_| settings.login == Login::Certificate),
            identity_url: settings.identity_url.trim_end_matches('/').to_owned(),
            certificate_url: settings.certificate_url.trim_end_matches('/').to_owned(),
            secrets: plan.secrets.clone(),
            timeout: Duration::from_secs(u64::from(settings.read_timeout_seconds)),
            file,
            clock: plan.clock,
            token: RwLock::new(kept.token.clone().map(Secret::new)),
            renewed_at: RwLock::new(kept.renewed_at),
            standing: Mutex::new(Standing {
                kept,
                pauses: Pauses::new(FIRST_PAUSE, LONGEST_PAUSE),
                pause: None,
            }),
        }
    }

    /// The application's key.
    pub(super) const fn app_key(&self) -> &Secret {
        &self.secrets.app_key
    }

    /// The token of the session, if there is one. It may be over; the venue says so when it is used.
    pub(super) fn token(&self) -> Option<Secret> {
        self.token
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// When the session ends if it is not kept alive: the shortest life that any of the venue's texts names, so that it
    /// lasts at least until then. `None` without a session, or if one was taken over and nothing was heard of it yet.
    pub(super) fn ends_at(&self) -> Option<TimeMs> {
        self.token()?;
        self.renewed_at().map(|at| at + LIFE_MS)
    }

    fn renewed_at(&self) -> RwLockReadGuard<'_, Option<TimeMs>> {
        let at = self.renewed_at.read();
        at.unwrap_or_else(PoisonError::into_inner)
    }

    fn renewed(&self) {
        let mut at = self
            .renewed_at
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        *at = Some((self.clock)());
    }

    /// The token, after a login if there is none.
    pub(super) async fn ready(&self) -> Result<Secret, SessionError> {
        match self.token() {
            Some(token) => Ok(token),
            None => self.renew(None).await,
        }
    }

    /// Logs in anew, unless somebody else has since `old` was found to be over.
    pub(super) async fn renew(&self, old: Option<&Secret>) -> Result<Secret, SessionError> {
        let mut standing = self.standing.lock().await;
        match self.token() {
            Some(token) if Some(&token) != old => return Ok(token),
            _ => {}
        }
        if let Some(code) = &standing.kept.refused {
            return Err(self.refused(code));
        }
        let now = (self.clock)();
        if let Some(until) = standing.kept.banned_until.filter(|until| now < *until) {
            return Err(SessionError::Banned { until });
        }
        if let Some((until, why)) = &standing.pause
            && Instant::now() < *until
        {
            return Err(SessionError::Waiting { why: why.clone() });
        }
        self.keep(&mut standing, None);
        match self.log_in().await {
            Ok(Ok(token)) => {
                tracing::info!(event = "betfair_logged_in", "logged in at Betfair");
                standing.pause = None;
                standing.pauses.reset();
                standing.kept.banned_until = None;
                self.renewed();
                self.keep(&mut standing, Some(Secret::new(token.clone())));
                Ok(Secret::new(token))
            }
            Ok(Err(code)) => Err(self.refuse(&mut standing, code)),
            Err(why) => Err(self.pause(&mut standing, why)),
        }
    }

    fn refused(&self, code: &str) -> SessionError {
        SessionError::Refused {
            code: code.to_owned(),
            file: self.file.clone(),
        }
    }

    /// What follows from a refusal.
    fn refuse(&self, standing: &mut Standing, code: String) -> SessionError {
        let code = crate::venue::excerpt(code.as_bytes(), 0, 64);
        match code.as_str() {
            "TEMPORARY_BAN_TOO_MANY_REQUESTS" => {
                let until = (self.clock)() + BAN_MS;
                standing.kept.banned_until = Some(until);
                self.keep(standing, None);
                SessionError::Banned { until }
            }
            "INVALID_CONNECTIVITY_TO_REGULATOR_DK"
            | "INVALID_CONNECTIVITY_TO_REGULATOR_IT"
            | "INTERNAL_ERROR" => self.pause(standing, code),
            _ => {
                standing.kept.refused = Some(code.clone());
                self.keep(standing, None);
                self.refused(&code)
            }
        }
    }

    fn pause(&self, standing: &mut Standing, why: String) -> SessionError {
        let pause = standing.pauses.next();
        standing.pause = Some((Instant::now() + pause, why.clone()));
        SessionError::Waiting { why }
    }

    /// Takes a token, or none, into use and into the file.
    fn keep(&self, standing: &mut Standing, token: Option<Secret>) {
        standing.kept.token = token.as_ref().map(|token| token.expose().to_owned());
        standing.kept.renewed_at = *self.renewed_at();
        *self.token.write().unwrap_or_else(PoisonError::into_inner) = token;
        if let Err(error) = write(&self.file, &standing.kept) {
            tracing::warn!(
                event = "betfair_session_not_kept",
                "{}: the session cannot be kept, so that the next start logs in anew: {error}",
                self.file.display()
            );
        }
    }

    /// One login: the token, or the code of the refusal; an error if there was no answer.
    async fn log_in(&self) -> Result<Result<String, String>, String> {
        let (wire, operation, url) = match &self.certified {
            Some(wire) => (wire, "certlogin", &self.certificate_url),
            None => (&self.wire, "login", &self.identity_url),
        };
        let form = [
            ("username", self.secrets.username.expose()),
            ("password", self.secrets.password.expose()),
        ];
        let request = wire
            .post(&format!("{url}/{operation}"))
            .header("X-Application", self.secrets.app_key.expose())
            .form(&form);
        let answer = wire
            .send(operation, request, self.timeout, || true, is_sound)
            .await;
        read_answer(answer)
    }

    /// Keeps the session alive; logs in anew if it was over.
    pub(super) async fn keep_alive(&self) -> Result<(), SessionError> {
        let Some(token) = self.token() else {
            return self.renew(None).await.map(|_| ());
        };
        match self.tell("keepAlive", &token).await {
            Ok(Ok(_)) => {
                self.renewed();
                let mut standing = self.standing.lock().await;
                let token = self.token();
                self.keep(&mut standing, token);
                Ok(())
            }
            Ok(Err(_)) => self.renew(Some(&token)).await.map(|_| ()),
            // The next time may do; a session that is over meanwhile is found out by whoever uses it.
            Err(why) => {
                tracing::warn!(
                    event = "betfair_not_kept_alive",
                    "the session was not kept alive: {why}"
                );
                Ok(())
            }
        }
    }

    /// Ends the session at the venue, and forgets it.
    pub(super) async fn log_out(&self) {
        let mut standing = self.standing.lock().await;
        if let Some(token) = self.token() {
            // If it fails, the session ends by itself.
            let _ = self.tell("logout", &token).await;
            self.keep(&mut standing, None);
        }
    }

    async fn tell(
        &self,
        operation: &'static str,
        token: &Secret,
    ) -> Result<Result<String, String>, String> {
        let url = format!("{}/{operation}", self.identity_url);
        let request = self
            .wire
            .post(&url)
            .header("X-Application", self.secrets.app_key.expose())
            .header("X-Authentication", token.expose());
        let answer = self
            .wire
            .send(operation, request, self.timeout, || true, is_sound)
            .await;
        read_answer(answer)
    }
}

fn is_sound(answer: &Answer) -> bool {
    answer.status == 200 && read_identity(&answer.body).is_ok()
}

fn read_answer(answer: Result<Answer, NoAnswer>) -> Result<Result<String, String>, String> {
    let answer = answer.map_err(|error| error.to_string())?;
    if answer.status != 200 {
        return Err(format!("HTTP status {}", answer.status));
    }
    read_identity(&answer.body).map_err(|error| format!("the answer cannot be read: {error}"))
}

/// Tells one person's sessions from another's, without telling who it is.
fn whose(plan: &Plan) -> String {
    let secrets = &plan.secrets;
    let mut hasher = blake3::Hasher::new();
    for part in [
        plan.settings.identity_url.as_str(),
        secrets.app_key.expose(),
        secrets.username.expose(),
        secrets.password.expose(),
    ] {
        hasher.update(&(part.len() as u64).to_le_bytes());
        hasher.update(part.as_bytes());
    }
    hasher.finalize().to_hex().to_string()
}

/// What the file holds; nothing if it is not there, cannot be used, or others could have read it.
fn read(file: &Path) -> Option<Kept> {
    if !file.exists() {
        return None;
    }
    match Secret::read(file) {
        Ok(text) => serde_json::from_str(text.expose()).ok(),
        Err(error) => {
            tracing::warn!(event = "betfair_session_not_used", "{error}");
            None
        }
    }
}

/// Writes the file whole or not at all, for us alone.
fn write(file: &Path, kept: &Kept) -> std::io::Result<()> {
    let text = serde_json::to_vec(kept)?;
    let beside = file.with_extension("new");
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    if let Some(folder) = file.parent() {
        fs::create_dir_all(folder)?;
    }
    let _ = fs::remove_file(&beside);
    let mut open = options.open(&beside)?;
    open.write_all(&text)?;
    open.sync_all()?;
    fs::rename(&beside, file)
}
