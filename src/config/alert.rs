//! Whom to tell of what needs somebody, and from when on.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::strategies::Problem;
use crate::market::Bound;

/// Whom to tell of what needs somebody.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AlertSettings {
    /// For so many minutes the same is not told again, but counted.
    pub repeat_minutes: u32,
    /// A chat.
    pub telegram: TelegramSettings,
    /// Any program that takes JSON.
    pub webhook: WebhookSettings,
}

impl Default for AlertSettings {
    fn default() -> Self {
        Self {
            repeat_minutes: 10,
            telegram: TelegramSettings::default(),
            webhook: WebhookSettings::default(),
        }
    }
}

/// Telling a Telegram chat.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TelegramSettings {
    /// Whether it is told.
    pub enabled: bool,
    /// Of what.
    pub severity: Severity,
    /// The chat's number.
    pub chat_id: i64,
    /// The file with the bot's token; if empty, `BEA_TELEGRAM_TOKEN` and its like are looked for.
    pub token_file: PathBuf,
    /// Numbers of the users whose commands are obeyed, in private chats.
    pub users: Vec<i64>,
    /// Where the Bot API is.
    pub api: String,
    /// Where the number of the last command that was obeyed is kept.
    pub state_file: PathBuf,
}

impl Default for TelegramSettings {
    fn default() -> Self {
        Self {
            enabled: false,
            severity: Severity::Warning,
            chat_id: 0,
            token_file: PathBuf::new(),
            users: Vec::new(),
            api: "https://api.telegram.org".to_owned(),
            state_file: "data/telegram.json".into(),
        }
    }
}

/// Telling a program by HTTP.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WebhookSettings {
    /// Whether it is told.
    pub enabled: bool,
    /// Of what.
    pub severity: Severity,
    /// The file with its address, which often is a secret itself; if empty, `BEA_WEBHOOK_URL` and its like are looked for.
    pub url_file: PathBuf,
    /// The file with the key that messages are signed with; if empty, `BEA_WEBHOOK_SECRET` and its like are looked for.
    pub secret_file: PathBuf,
}

impl Default for WebhookSettings {
    fn default() -> Self {
        Self {
            enabled: false,
            severity: Severity::Warning,
            url_file: PathBuf::new(),
            secret_file: PathBuf::new(),
        }
    }
}

/// How much something matters.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Good to know.
    Info,
    /// Somebody should look.
    #[default]
    Warning,
    /// Somebody must look now.
    Critical,
}

impl Severity {
    /// The name in settings and messages.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Critical => "critical",
        }
    }
}

impl AlertSettings {
    pub(super) fn bounds(&self) -> Vec<Bound> {
        vec![Bound::new(
            "repeat_minutes",
            &self.repeat_minutes,
            &(1..=1_440),
        )]
    }

    /// What does not go together.
    pub(super) fn problems(&self) -> Vec<Problem> {
        let telegram = &self.telegram;
        let mut found = Vec::new();
        let mut wrong = |key: &str, value: String, problem: &str| {
            found.push((format!("alert.telegram.{key}"), value, problem.to_owned()));
        };
        if telegram.enabled && telegram.chat_id == 0 {
            let problem = "name the chat that is told: its number, as the Bot API gives it";
            wrong("chat_id", "0".to_owned(), problem);
        }
        let is_address = telegram.api.starts_with("https://") || is_loopback(&telegram.api);
        if !is_address {
            let problem =
                "use an address that begins with https:// (http:// only for this machine)";
            wrong("api", format!("{:?}", telegram.api), problem);
        }
        found
    }
}

/// Whether an address in clear text stays on this machine.
#[must_use]
pub fn is_loopback(address: &str) -> bool {
    let Some(rest) = address.strip_prefix("http://") else {
        return false;
    };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = match authority.strip_prefix('[') {
        Some(six) => six.split(']').next().unwrap_or_default(),
        None => authority.split(':').next().unwrap_or_default(),
    };
    host == "localhost"
        || host
            .parse::<std::net::IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clear_text_stays_on_this_machine() {
        for address in [
            "http://127.0.0.1:1/x",
            "http://localhost",
            "http://[::1]:80",
        ] {
            assert!(is_loopback(address), "{address}");
        }
        for address in [
            "http://10.0.0.1",
            "http://localhost.evil.example",
            "http://127.0.0.1@evil.example",
            "https://127.0.0.1",
        ] {
            assert!(!is_loopback(address), "{address}");
        }
    }
}
