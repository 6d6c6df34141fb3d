//! Commands by Telegram: status, pnl, pause, kill. Never arm, never resume: what loosens needs a person at the machine.
//!
//! Only users on the list are obeyed, and only in a private chat. What is old, edited, forwarded or said by a bot is
//! passed over; a `/kill` is obeyed however late it comes, for it can only make things safer.

use std::collections::VecDeque;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use super::ring::plain;
use super::{Bot, Undelivered};
use crate::market::TimeMs;

/// How old a command may be, and how far ahead of our clock.
const FRESH_MS: i64 = 60_000;
/// How many commands a minute are answered.
const PER_MINUTE: usize = 10;
/// The first pause after a question that failed, and the longest.
const PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// What a person may ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wish {
    /// How things are.
    Status,
    /// What was won and lost.
    Pnl,
    /// No new orders.
    Pause,
    /// No orders at all, and those that rest cancelled.
    Kill,
    /// What can be asked.
    Help,
}

/// Does what is wished, for whom, and says what came of it.
pub type Obey = Arc<dyn Fn(Wish, &str) -> String + Send + Sync>;

/// A command that is to be obeyed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Command {
    /// What is asked for.
    pub wish: Wish,
    /// By whom.
    pub user: i64,
}

/// Listens to a bot.
pub struct Listener {
    bot: Bot,
    users: Vec<i64>,
    state_file: PathBuf,
    wall_clock: fn() -> TimeMs,
    obey: Obey,
    /// When commands were answered lately.
    answered: VecDeque<TimeMs>,
}

impl Listener {
    /// One that obeys these users.
    #[must_use]
    pub fn new(
        bot: Bot,
        users: Vec<i64>,
        state_file: PathBuf,
        wall_clock: fn() -> TimeMs,
        obey: Obey,
    ) -> Self {
        Self {
            bot,
            users,
            state_file,
            wall_clock,
            obey,
            answered: VecDeque::new(),
        }
    }

    /// Listens until it is dropped.
    pub async fn run(mut self) {
        let mut next = read_state(&self.state_file);
        let mut pause = PAUSE;
        loop {
            match self.bot.updates(next).await {
                Ok(updates) => {
                    pause = PAUSE;
                    for update in updates {
                        // Without a number it cannot be told from one that was obeyed.
                        let Some(number) = update["update_id"].as_i64().filter(|id| *id >= next)
                        else {
                            continue;
                        };
                        self.hear(&update).await;
                        next = number.saturating_add(1);
                        self.remember(next);
                    }
                }
                Err(Undelivered::Never(why)) => {
                    tracing::error!(event = "telegram_deaf", "no commands by Telegram: {why}");
                    return;
                }
                Err(Undelivered::Later(why, wait)) => {
                    tracing::debug!(event = "telegram_later", "{why}");
                    tokio::time::sleep(wait.unwrap_or(pause).min(LONGEST_PAUSE)).await;
                    pause = (pause * 2).min(LONGEST_PAUSE);
                }
            }
        }
    }

    async fn hear(&mut self, update: &Value) {
        let now = (self.wall_clock)();
        let Some(command) = understand(update, &self.users, now) else {
            tracing::debug!(
                event = "telegram_ignored",
                "an update that is no command for us"
            );
            return;
        };
        while self.answered.front().is_some_and(|at| now - *at >= 60_000) {
            self.answered.pop_front();
        }
        let Command { wish, user } = command;
        if self.answered.len() >= PER_MINUTE && wish != Wish::Kill {
            tracing::warn!(
                event = "telegram_flood",
                user,
                "too many commands in a minute"
            );
            return;
        }
        self.answered.push_back(now);
        tracing::warn!(event = "telegram_command", user, "{wish:?} by Telegram");
        let obey = Arc::clone(&self.obey);
        let by = format!("Telegram user {user}");
        // It may ask the ledger, which takes its time.
        let done = tokio::task::spawn_blocking(move || obey(wish, &by)).await;
        let words = done.unwrap_or_else(|_| "that failed; see the log".to_owned());
        if let Err((failed, _)) = self.bot.say(user, &plain(&words)).await {
            tracing::warn!(
                event = "telegram_mute",
                "the answer was not taken: {}",
                failed.why()
            );
        }
    }

    fn remember(&self, next: i64) {
        if let Err(error) = write_state(&self.state_file, next) {
            let file = self.state_file.display();
            tracing::warn!(
                event = "telegram_state",
                "{file}: cannot be written: {error}"
            );
        }
    }
}

/// The command of an update of Telegram's, if it is one that is to be obeyed: said by one of these users, in private, and not
/// long ago.
#[must_use]
pub fn understand(update: &Value, users: &[i64], now: TimeMs) -> Option<Command> {
    let message = update.get("message")?;
    let (from, chat) = (message.get("from")?, message.get("chat")?);
    let user = from["id"].as_i64().filter(|id| users.contains(id))?;
    // In a private chat the chat's number is the user's.
    let is_private = chat["type"] == "private" && chat["id"].as_i64() == Some(user);
    if !is_private || from["is_bot"] == true {
        return None;
    }
    const PASSED_ON: [&str; 8] = [
        "forward_origin",
        "forward_from",
        "forward_from_chat",
        "forward_date",
        "forward_sender_name",
        "edit_date",
        "via_bot",
        "sender_chat",
    ];
    if PASSED_ON.iter().any(|key| message.get(key).is_some()) {
        return None;
    }
    let wish = wish(message["text"].as_str()?)?;
    let age = now
        .0
        .checked_sub(message["date"].as_i64()?.checked_mul(1_000)?)?;
    let is_fresh = (-FRESH_MS..=FRESH_MS).contains(&age);
    (is_fresh || wish == Wish::Kill).then_some(Command { wish, user })
}

fn wish(text: &str) -> Option<Wish> {
    let word = text.split_whitespace().next()?;
    let command = word.split('@').next()?.to_ascii_lowercase();
    match command.as_str() {
        "/status" => Some(Wish::Status),
        "/pnl" => Some(Wish::Pnl),
        "/pause" => Some(Wish::Pause),
        "/kill" => Some(Wish::Kill),
        "/help" | "/start" => Some(Wish::Help),
        _ => None,
    }
}

/// The number of the next update to ask for; 0 if none was ever heard.
fn read_state(file: &Path) -> i64 {
    let text = fs::read_to_string(file).unwrap_or_default();
    let state: Value = serde_json::from_str(&text).unwrap_or_default();
    state["next_update"].as_i64().unwrap_or_default()
}

fn write_state(file: &Path, next: i64) -> io::Result<()> {
    if let Some(folder) = file.parent().filter(|f| !f.as_os_str().is_empty()) {
        fs::create_dir_all(folder)?;
    }
    let beside = file.with_extension("new");
    fs::write(&beside, json!({ "next_update": next }).to_string())?;
    fs::rename(&beside, file)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: TimeMs = TimeMs(1_800_000_000_000);

    type Change = fn(&mut Value);

    fn said(text: &str) -> Value {
        json!({"update_id": 1, "message": {
            "message_id": 1, "date": NOW.0 / 1_000, "text": text,
            "from": {"id": 7, "is_bot": false}, "chat": {"id": 7, "type": "private"},
        }})
    }

    fn obeyed(change: impl FnOnce(&mut Value)) -> Option<Wish> {
        let mut update = said("/status");
        change(&mut update);
        understand(&update, &[7], NOW).map(|command| command.wish)
    }

    #[test]
    fn only_what_an_allowed_user_says_now_in_private_is_obeyed() {
        assert_eq!(obeyed(|_| {}), Some(Wish::Status));
        let refused: [(&str, Change); 13] = [
            ("another user", |u| u["message"]["from"]["id"] = json!(8)),
            ("a group", |u| {
                u["message"]["chat"] = json!({"id": -5, "type": "group"})
            }),
            ("a group with the user's number", |u| {
                u["message"]["chat"]["type"] = json!("group")
            }),
            ("another chat", |u| u["message"]["chat"]["id"] = json!(9)),
            ("forwarded", |u| {
                u["message"]["forward_origin"] = json!({"type": "user"})
            }),
            ("forwarded, the old way", |u| {
                u["message"]["forward_date"] = json!(1)
            }),
            ("edited", |u| u["message"]["edit_date"] = json!(1)),
            ("edited, as an update", |u| {
                let message = u["message"].take();
                *u = json!({"update_id": 1, "edited_message": message});
            }),
            ("old", |u| u["message"]["date"] = json!(NOW.0 / 1_000 - 61)),
            ("of the future", |u| {
                u["message"]["date"] = json!(NOW.0 / 1_000 + 61)
            }),
            ("a date beyond reason", |u| {
                u["message"]["date"] = json!(i64::MAX)
            }),
            ("a bot", |u| u["message"]["from"]["is_bot"] = json!(true)),
            ("no text", |u| u["message"]["text"] = json!(5)),
        ];
        for (what, change) in refused {
            assert_eq!(obeyed(change), None, "{what}");
        }
        for nothing in [json!(null), json!({}), json!({"message": []}), json!([1])] {
            assert_eq!(understand(&nothing, &[7], NOW), None);
        }
    }

    #[test]
    fn a_kill_is_obeyed_late_but_from_nobody_else() {
        let mut late = said("/kill@bea_bot now");
        late["message"]["date"] = json!(NOW.0 / 1_000 - 80_000);
        let command = understand(&late, &[7], NOW).unwrap();
        assert_eq!(command.wish, Wish::Kill);
        assert_eq!(understand(&late, &[8], NOW), None);
    }

    #[test]
    fn nothing_that_loosens_can_be_asked_for() {
        for text in [
            "/resume", "/arm", "/arm 8h", "kill", "", "/", "/killer", "/live",
        ] {
            assert_eq!(wish(text), None, "{text}");
        }
        assert_eq!(wish("/PNL today"), Some(Wish::Pnl));
    }

    #[test]
    fn the_last_number_is_remembered_and_a_broken_file_is_a_new_beginning() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("data/telegram.json");
        assert_eq!(read_state(&file), 0);
        write_state(&file, 42).unwrap();
        assert_eq!(read_state(&file), 42);
        fs::write(&file, "{").unwrap();
        assert_eq!(read_state(&file), 0);
    }
}
