//! The ways to people: which are open, from which severity on, and how patiently each is tried.

use std::path::Path;
use std::sync::Once;
use std::time::Duration;

use serde_json::Value;

use super::Alert;
use super::telegram::Bot;
use super::webhook::Webhook;
use crate::config::{AlertSettings, Secret, SecretError, Severity, is_loopback};

/// How patiently a message is tried to be delivered.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// How long an attempt may take.
    pub timeout: Duration,
    /// How many there are.
    pub attempts: u32,
    /// The pause after the first; each is twice the one before.
    pub pause: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(10),
            attempts: 4,
            pause: Duration::from_secs(1),
        }
    }
}

/// The longest that a server may ask us to wait.
const LONGEST_WAIT: Duration = Duration::from_secs(120);

/// Why a message was not delivered. It tells no address and no token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Undelivered {
    /// It may work later; not before this has passed, if the server said so.
    Later(String, Option<Duration>),
    /// It will never work like this.
    Never(String),
}

impl Undelivered {
    /// In words.
    #[must_use]
    pub fn why(&self) -> &str {
        match self {
            Self::Later(why, _) | Self::Never(why) => why,
        }
    }
}

impl From<reqwest::Error> for Undelivered {
    fn from(error: reqwest::Error) -> Self {
        // The address may hold a token.
        let error = error.without_url();
        let mut why = error.to_string();
        let mut source = std::error::Error::source(&error);
        while let Some(cause) = source {
            why = format!("{why}: {cause}");
            source = cause.source();
        }
        Self::Later(why, None)
    }
}

/// One way.
#[derive(Clone, Debug)]
pub(super) enum Way {
    Telegram(Bot),
    Webhook(Webhook),
}

impl Way {
    async fn try_once(&self, alert: &Alert) -> Result<(), Undelivered> {
        match self {
            Self::Telegram(bot) => bot.tell(&alert.in_words()).await,
            Self::Webhook(webhook) => webhook.post(alert).await,
        }
    }
}

/// One way, and what goes it.
#[derive(Clone, Debug)]
pub struct Channel {
    pub(super) name: &'static str,
    pub(super) severity: Severity,
    pub(super) way: Way,
    patience: Patience,
}

impl Channel {
    /// Its name.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// Tries until it is delivered, or there is no use.
    ///
    /// # Errors
    /// The last failure.
    pub async fn deliver(&self, alert: &Alert) -> Result<(), Undelivered> {
        let mut pause = self.patience.pause;
        let mut attempt = 1;
        loop {
            let failed = match self.way.try_once(alert).await {
                Ok(()) => return Ok(()),
                Err(failed) => failed,
            };
            let wait = match &failed {
                Undelivered::Never(_) => return Err(failed),
                _ if attempt >= self.patience.attempts => return Err(failed),
                Undelivered::Later(_, Some(wait)) => (*wait).min(LONGEST_WAIT),
                Undelivered::Later(_, None) => pause,
            };
            tokio::time::sleep(wait).await;
            pause *= 2;
            attempt += 1;
        }
    }
}

/// Every open way, in the order of escalation.
#[derive(Clone, Debug, Default)]
pub struct Channels(pub(super) Vec<Channel>);

/// Why a way cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum Closed {
    /// A secret cannot be read.
    #[error("{1}")]
    Secret(&'static str, SecretError),
    /// A secret is nowhere.
    #[error(
        "{key} = true needs {what}: write it to a file (chmod 600) and name that in {file_key}, or set {variable}"
    )]
    Missing {
        /// What asks for it.
        key: &'static str,
        /// What it is.
        what: &'static str,
        /// The setting that names its file.
        file_key: &'static str,
        /// The variable that may hold it.
        variable: &'static str,
    },
    /// An address that may not be used.
    #[error("the webhook's address must begin with https:// (http:// only for this machine)")]
    ClearText,
    /// There is no client.
    #[error("no client for HTTP can be made: {0}")]
    Client(String),
}

impl Channels {
    /// Opens what the settings ask for.
    ///
    /// # Errors
    /// If a secret is missing or not kept safely.
    pub fn open(settings: &AlertSettings, patience: Patience) -> Result<Self, Closed> {
        let mut channels = Vec::new();
        if let Some(bot) = Bot::open(settings, patience.timeout)? {
            channels.push(Channel {
                name: "telegram",
                severity: settings.telegram.severity,
                way: Way::Telegram(bot),
                patience,
            });
        }
        if settings.webhook.enabled {
            let find = |name, file: &Path| {
                Secret::find(name, file)
                    .map_err(|error| Closed::Secret("alert.webhook.enabled", error))
            };
            let url = find("BEA_WEBHOOK_URL", &settings.webhook.url_file)?;
            let url = url.ok_or(Closed::Missing {
                key: "alert.webhook.enabled",
                what: "an address",
                file_key: "alert.webhook.url_file",
                variable: "BEA_WEBHOOK_URL",
            })?;
            if !url.expose().starts_with("https://") && !is_loopback(url.expose()) {
                return Err(Closed::ClearText);
            }
            let key = find("BEA_WEBHOOK_SECRET", &settings.webhook.secret_file)?;
            let client = client(patience.timeout)?;
            channels.push(Channel {
                name: "webhook",
                severity: settings.webhook.severity,
                way: Way::Webhook(Webhook::new(client, url, key)),
                patience,
            });
        }
        Ok(Self(channels))
    }

    /// Each of them.
    pub fn iter(&self) -> impl Iterator<Item = &Channel> {
        self.0.iter()
    }
}

impl Closed {
    /// The setting at fault.
    #[must_use]
    pub const fn key(&self) -> &'static str {
        match self {
            Self::Missing { key, .. } => key,
            Self::Secret(key, _) => key,
            Self::ClearText | Self::Client(_) => "alert.webhook.enabled",
        }
    }
}

/// A client that follows no redirect and waits so long at most.
pub(super) fn client(timeout: Duration) -> Result<reqwest::Client, Closed> {
    static PROVIDER: Once = Once::new();
    PROVIDER.call_once(|| {
        // An error means that there is one already.
        let _ = tokio_rustls::rustls::crypto::ring::default_provider().install_default();
    });
    reqwest::Client::builder()
        .timeout(timeout)
        .connect_timeout(timeout)
        .redirect(reqwest::redirect::Policy::none())
        .user_agent(concat!("bea/", env!("CARGO_PKG_VERSION")))
        .build()
        .map_err(|error| Closed::Client(error.without_url().to_string()))
}

/// The longest answer that is read, in bytes.
const LONGEST_ANSWER: usize = 1 << 20;

/// The answer's code and its document; nothing where it is none.
pub(super) async fn document(mut answer: reqwest::Response) -> Result<(u16, Value), Undelivered> {
    let code = answer.status().as_u16();
    let mut body = Vec::new();
    while let Some(chunk) = answer.chunk().await? {
        if body.len() + chunk.len() > LONGEST_ANSWER {
            return Err(Undelivered::Later("the answer has no end".to_owned(), None));
        }
        body.extend_from_slice(&chunk);
    }
    Ok((code, serde_json::from_slice(&body).unwrap_or_default()))
}
