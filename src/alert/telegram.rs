//! The Telegram Bot API, as far as it is used: a message to a chat, and what was written to the bot.
//!
//! The token is part of every address, so no error carries an address. Messages are plain text: nothing in them can be
//! taken for mark-up.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use serde_json::{Value, json};

use super::Undelivered;
use super::channel::{Closed, client, document};
use crate::config::{AlertSettings, Secret};

/// The longest message, in UTF-16 units.
const LONGEST: usize = 4_096;

/// How long the server may hold a question for news.
const HOLD: Duration = Duration::from_secs(25);

/// A bot, and the chat that it tells.
#[derive(Clone, Debug)]
pub struct Bot {
    client: reqwest::Client,
    api: String,
    token: Secret,
    chat: Arc<AtomicI64>,
    timeout: Duration,
}

impl Bot {
    /// The bot of the settings, if they switch it on.
    ///
    /// # Errors
    /// If its token is missing or not kept safely.
    pub fn open(settings: &AlertSettings, timeout: Duration) -> Result<Option<Self>, Closed> {
        let settings = &settings.telegram;
        if !settings.enabled {
            return Ok(None);
        }
        let token = Secret::find("BEA_TELEGRAM_TOKEN", &settings.token_file)
            .map_err(|error| Closed::Secret("alert.telegram.enabled", error))?;
        let token = token.ok_or(Closed::Missing {
            key: "alert.telegram.enabled",
            what: "the bot's token",
            file_key: "alert.telegram.token_file",
            variable: "BEA_TELEGRAM_TOKEN",
        })?;
        Ok(Some(Self {
            client: client(timeout + HOLD)?,
            api: settings.api.trim_end_matches('/').to_owned(),
            token,
            chat: Arc::new(AtomicI64::new(settings.chat_id)),
            timeout,
        }))
    }

    /// Tells the chat.
    ///
    /// # Errors
    /// If it was not taken.
    pub(super) async fn tell(&self, text: &str) -> Result<(), Undelivered> {
        let chat = self.chat.load(Ordering::Relaxed);
        match self.say(chat, text).await {
            // The group has become another one: that is where it is said from now on.
            Err((_, Some(moved))) => {
                self.chat.store(moved, Ordering::Relaxed);
                self.say(moved, text).await.map_err(|(failed, _)| failed)
            }
            said => said.map_err(|(failed, _)| failed),
        }
    }

    /// Says something to somebody; the number beside the failure is where the chat has moved to.
    pub(super) async fn say(
        &self,
        chat: i64,
        text: &str,
    ) -> Result<(), (Undelivered, Option<i64>)> {
        let question = json!({
            "chat_id": chat,
            "text": cut(text),
            "link_preview_options": { "is_disabled": true },
        });
        let asked = self.ask("sendMessage", &question, self.timeout);
        let (code, answer) = asked.await.map_err(|failed| (failed, None))?;
        match code {
            200 if answer["ok"] == true => Ok(()),
            _ => Err((
                explain(code, &answer),
                answer["parameters"]["migrate_to_chat_id"].as_i64(),
            )),
        }
    }

    /// What was written to the bot from this number on; the server holds the question while there is nothing.
    pub(super) async fn updates(&self, offset: i64) -> Result<Vec<Value>, Undelivered> {
        let question = json!({
            "offset": offset,
            "timeout": HOLD.as_secs(),
            "allowed_updates": ["message"],
        });
        let asked = self.ask("getUpdates", &question, self.timeout + HOLD);
        let (code, mut answer) = asked.await?;
        match answer["result"].take() {
            Value::Array(updates) if code == 200 => Ok(updates),
            _ => Err(explain(code, &answer)),
        }
    }

    async fn ask(
        &self,
        method: &str,
        question: &Value,
        at_most: Duration,
    ) -> Result<(u16, Value), Undelivered> {
        let address = format!("{}/bot{}/{method}", self.api, self.token.expose());
        let request = self.client.post(address).timeout(at_most).json(question);
        document(request.send().await?).await
    }
}

fn explain(code: u16, answer: &Value) -> Undelivered {
    let said = answer["description"].as_str().unwrap_or("no explanation");
    let why = format!("Telegram answered {code}: {}", super::ring::plain(said));
    match code {
        429 | 500..=599 => {
            let wait = answer["parameters"]["retry_after"].as_u64();
            Undelivered::Later(why, wait.map(Duration::from_secs))
        }
        // Another one is asking for updates at this moment.
        409 => Undelivered::Later(why, None),
        _ => Undelivered::Never(why),
    }
}

/// A text that is not longer than a message may be.
fn cut(text: &str) -> String {
    let mut units = 0;
    let fits = |c: &char| {
        units += c.len_utf16();
        units < LONGEST
    };
    text.chars().take_while(fits).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_cut_by_the_units_that_count() {
        assert_eq!(cut("short"), "short");
        let long = cut(&"🐎".repeat(4_000));
        assert!(long.encode_utf16().count() <= LONGEST);
    }

    #[test]
    fn what_will_never_work_is_told_from_what_may_work_later() {
        let later = explain(429, &json!({"parameters": {"retry_after": 7}}));
        let Undelivered::Later(_, wait) = later else {
            panic!("429 is for later");
        };
        assert_eq!(wait, Some(Duration::from_secs(7)));
        for code in [400, 401, 403, 404] {
            assert!(matches!(explain(code, &json!({})), Undelivered::Never(_)));
        }
    }
}
