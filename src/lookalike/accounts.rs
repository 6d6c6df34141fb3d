//! Who may bet: accounts, sessions, and the requests that each account has named lately.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::market::Money;

/// How long a session lives without a word.
const SESSION: Duration = Duration::from_secs(24 * 60 * 60);
/// How long the name of a request is remembered.
const REFS: Duration = Duration::from_secs(60);

/// An account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct AccountId(pub(super) u32);

#[derive(Debug)]
struct Session {
    account: AccountId,
    expires: Instant,
}

/// One account.
#[derive(Debug)]
pub(super) struct Account {
    pub(super) name: String,
    /// Money before bets that are open.
    pub(super) balance: Money,
    /// Commission paid so far.
    pub(super) commission: Money,
    /// The dead man's switch: when it goes off.
    pub(super) heartbeat: Option<Instant>,
}

/// Who may log in: anybody under any name, or one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Credentials {
    /// Every name that comes gets an account.
    Anybody,
    /// This one alone.
    Only {
        /// The name.
        user: String,
        /// Its password; any if there is none.
        password: Option<String>,
    },
}

/// All accounts.
#[derive(Debug)]
pub(super) struct Accounts {
    credentials: Credentials,
    bankroll: Money,
    all: Vec<Account>,
    sessions: BTreeMap<String, Session>,
    logins: u64,
    refs: BTreeMap<(AccountId, &'static str, String), Instant>,
}

impl Accounts {
    pub(super) fn new(credentials: Credentials, bankroll: Money) -> Self {
        Self {
            credentials,
            bankroll,
            all: Vec::new(),
            sessions: BTreeMap::new(),
            logins: 0,
            refs: BTreeMap::new(),
        }
    }

    /// Opens a session and gives its token.
    ///
    /// # Errors
    /// The code with which the venue refuses.
    pub(super) fn log_in(
        &mut self,
        user: &str,
        password: &str,
        now: Instant,
    ) -> Result<String, &'static str> {
        if user.is_empty() || password.is_empty() {
            return Err("INPUT_VALIDATION_ERROR");
        }
        if let Credentials::Only {
            user: only,
            password: secret,
        } = &self.credentials
            && (user != only || secret.as_ref().is_some_and(|secret| secret != password))
        {
            return Err("INVALID_USERNAME_OR_PASSWORD");
        }
        let known = self.all.iter().position(|account| account.name == user);
        let place = known.unwrap_or_else(|| {
            self.all.push(Account {
                name: user.to_owned(),
                balance: self.bankroll,
                commission: Money::ZERO,
                heartbeat: None,
            });
            self.all.len() - 1
        });
        self.logins += 1;
        let token = format!("lookalike-{:08}", self.logins);
        let session = Session {
            account: AccountId(u32::try_from(place).unwrap_or(u32::MAX)),
            expires: now + SESSION,
        };
        self.sessions.insert(token.clone(), session);
        Ok(token)
    }

    /// The account of a session that lives; the session lives longer for it.
    pub(super) fn of_session(&mut self, token: &str, now: Instant) -> Option<AccountId> {
        let session = self.sessions.get_mut(token)?;
        if session.expires <= now {
            self.sessions.remove(token);
            return None;
        }
        session.expires = now + SESSION;
        Some(session.account)
    }

    pub(super) fn log_out(&mut self, token: &str) -> bool {
        self.sessions.remove(token).is_some()
    }

    /// Ends all sessions; gives how many there were.
    pub(super) fn expire_all(&mut self) -> usize {
        std::mem::take(&mut self.sessions).len()
    }

    /// Whether the account named another request so within the last minute. Remembers the name.
    pub(super) fn is_repeated(
        &mut self,
        account: AccountId,
        operation: &'static str,
        name: &str,
        now: Instant,
    ) -> bool {
        self.refs.retain(|_, at| now.duration_since(*at) < REFS);
        let key = (account, operation, name.to_owned());
        if self.refs.contains_key(&key) {
            return true;
        }
        self.refs.insert(key, now);
        false
    }

    pub(super) fn get(&self, id: AccountId) -> Option<&Account> {
        self.all.get(id.0 as usize)
    }

    pub(super) fn get_mut(&mut self, id: AccountId) -> Option<&mut Account> {
        self.all.get_mut(id.0 as usize)
    }

    /// Accounts whose dead man's switch has gone off, which it does once.
    pub(super) fn silent(&mut self, now: Instant) -> Vec<AccountId> {
        let mut silent = Vec::new();
        for (place, account) in (0..).zip(&mut self.all) {
            if account.heartbeat.is_some_and(|at| at <= now) {
                account.heartbeat = None;
                silent.push(AccountId(place));
            }
        }
        silent
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accounts(credentials: Credentials) -> (Accounts, Instant) {
        (
            Accounts::new(credentials, Money::from_major(1_000)),
            Instant::now(),
        )
    }

    #[test]
    fn each_name_has_one_account_and_each_login_a_session_of_its_own() {
        let (mut accounts, now) = accounts(Credentials::Anybody);
        let first = accounts.log_in("ann", "x", now).unwrap();
        let again = accounts.log_in("ann", "y", now).unwrap();
        let other = accounts.log_in("bob", "x", now).unwrap();
        assert_ne!(first, again);
        let of = |accounts: &mut Accounts, token: &str| accounts.of_session(token, now);
        assert_eq!(of(&mut accounts, &first), of(&mut accounts, &again));
        assert_ne!(of(&mut accounts, &first), of(&mut accounts, &other));
        assert!(accounts.log_out(&first) && !accounts.log_out(&first));
        assert_eq!(of(&mut accounts, &first), None);
        assert_eq!(accounts.expire_all(), 2);
        assert_eq!(of(&mut accounts, &other), None);
    }

    #[test]
    fn a_session_ends_a_day_after_its_last_word() {
        let (mut accounts, now) = accounts(Credentials::Anybody);
        let token = accounts.log_in("ann", "x", now).unwrap();
        let late = now + SESSION - Duration::from_secs(1);
        assert!(accounts.of_session(&token, late).is_some());
        assert!(accounts.of_session(&token, late + SESSION / 2).is_some());
        assert!(accounts.of_session(&token, late + SESSION * 2).is_none());
    }

    #[test]
    fn where_a_password_is_wanted_no_other_will_do() {
        let (mut accounts, now) = accounts(Credentials::Only {
            user: "ann".to_owned(),
            password: Some("secret".to_owned()),
        });
        let refused = Err("INVALID_USERNAME_OR_PASSWORD");
        assert_eq!(accounts.log_in("ann", "guess", now), refused);
        assert_eq!(accounts.log_in("bob", "secret", now), refused);
        assert!(accounts.log_in("ann", "secret", now).is_ok());
    }

    #[test]
    fn the_name_of_a_request_is_taken_for_a_minute() {
        let (mut accounts, now) = accounts(Credentials::Anybody);
        let (ann, bob) = (AccountId(0), AccountId(1));
        assert!(!accounts.is_repeated(ann, "place", "r", now));
        let soon = now + Duration::from_secs(59);
        assert!(accounts.is_repeated(ann, "place", "r", soon));
        assert!(!accounts.is_repeated(bob, "place", "r", soon));
        let later = now + Duration::from_secs(60);
        assert!(!accounts.is_repeated(ann, "place", "r", later));
    }
}
