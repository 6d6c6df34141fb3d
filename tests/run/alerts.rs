//! Alerts and commands against a Telegram server and a webhook of our own.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bea::alert::commands::{Listener, Wish};
use bea::alert::{Alerts, Bot, Channels, Patience};
use bea::config::{AlertSettings, Severity};
use bea::market::TimeMs;
use serde_json::{Value, json};

use super::fake::{Fake, Mood, Reached};
use super::host::{Host, Place};
use super::{BROKEN, counting};

const CHAT: i64 = -1_001;
const USER: i64 = 7;

/// Attempts follow each other at once.
const HASTY: Patience = Patience {
    timeout: Duration::from_millis(500),
    attempts: 3,
    pause: Duration::from_millis(1),
};

#[allow(clippy::disallowed_methods)]
fn now() -> TimeMs {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    TimeMs(i64::try_from(since.as_millis()).unwrap())
}

fn secret(folder: &Path, name: &str, text: &str) -> PathBuf {
    let file = folder.join(name);
    fs::write(&file, text).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    file
}

/// Telegram from warnings on; the webhook gets only what is critical, and what Telegram could not deliver.
fn settings(fake: &Fake, folder: &Path, token: &str) -> AlertSettings {
    let mut settings = AlertSettings::default();
    settings.telegram.enabled = true;
    settings.telegram.chat_id = CHAT;
    settings.telegram.api = fake.api();
    settings.telegram.token_file = secret(folder, "token", token);
    settings.webhook.enabled = true;
    settings.webhook.severity = Severity::Critical;
    settings.webhook.url_file = secret(folder, "url", &format!("{}/hook", fake.api()));
    settings.webhook.secret_file = secret(folder, "key", "key-to-sign-with");
    settings
}

struct World {
    fake: Fake,
    folder: tempfile::TempDir,
    alerts: Alerts,
}

impl World {
    fn new(token: &str) -> Self {
        let fake = Fake::start("1:right-token");
        let folder = tempfile::tempdir().unwrap();
        let settings = settings(&fake, folder.path(), token);
        let channels = Channels::open(&settings, HASTY).unwrap();
        let (alerts, courier) = Alerts::new(channels, Duration::from_secs(600), now);
        fake.runtime().spawn(courier.run());
        Self {
            fake,
            folder,
            alerts,
        }
    }

    fn post(&self) -> (Value, Option<String>) {
        self.fake
            .until("a post to the webhook", |reached| match reached {
                Reached::Post(body, signature) => {
                    assert_eq!(signature.as_deref(), Some(signed(body).as_str()));
                    Some((serde_json::from_str(body).unwrap(), signature.clone()))
                }
                _ => None,
            })
    }
}

fn signed(body: &str) -> String {
    let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, b"key-to-sign-with");
    let tag = ring::hmac::sign(&key, body.as_bytes());
    let digits: String = tag.as_ref().iter().map(|b| format!("{b:02x}")).collect();
    format!("sha256={digits}")
}

#[test]
fn an_alert_reaches_those_whom_it_concerns_once() {
    let world = World::new("1:right-token");
    world
        .alerts
        .raise(Severity::Info, "QUIET", "nobody needs to know");
    for _ in 0..3 {
        world.alerts.raise(Severity::Warning, "LOOK", "the same");
    }
    world
        .alerts
        .raise(Severity::Critical, "ACT", "now <b>&\u{1b}[1m");
    // Each channel has its own pace, so what comes through one may come before or after the other's.
    let mut all: Vec<String> = Vec::new();
    while all.len() < 3 {
        let words = world.fake.until("all of them", |reached| match reached {
            Reached::Message(chat, text) => Some(format!("telegram {chat} {text}")),
            Reached::Post(body, _) => Some(format!("webhook {body}")),
            _ => None,
        });
        all.push(words);
    }
    all.sort();
    let [act, look, posted] = &all[..] else {
        panic!("{all:?}");
    };
    let at_chat = format!("telegram {CHAT} ");
    let look = look.strip_prefix(&at_chat).unwrap();
    assert!(
        look.starts_with("WARNING LOOK\nthe same\nbea, alert 2, "),
        "{look}"
    );
    let act = act.strip_prefix(&at_chat).unwrap();
    assert!(act.starts_with("CRITICAL ACT\nnow <b>&[1m\n"), "{act}");
    let posted: Value = serde_json::from_str(posted.strip_prefix("webhook ").unwrap()).unwrap();
    assert_eq!(
        (&posted["code"], &posted["severity"]),
        (&"ACT".into(), &"critical".into())
    );
    assert!(posted["text"].as_str().unwrap().contains("CRITICAL ACT"));
    assert_eq!(world.fake.rest(), [], "the repeats are held back");
}

#[test]
fn what_may_work_later_is_tried_again_and_what_will_not_goes_elsewhere() {
    let world = World::new("1:right-token");
    let wait = json!({"ok": false, "parameters": {"retry_after": 0}});
    world
        .fake
        .be([Mood::Say(429, wait), Mood::Say(502, json!("bad gateway"))]);
    world.alerts.raise(Severity::Warning, "PATIENT", "x");
    world.fake.message("PATIENT");

    // The group became another one.
    let moved = json!({"ok": false, "parameters": {"migrate_to_chat_id": -2_002}});
    world.fake.be([Mood::Say(400, moved)]);
    world.alerts.raise(Severity::Warning, "MOVED", "x");
    assert_eq!(world.fake.message("MOVED").0, -2_002);

    // A server that hangs.
    world.fake.be([Mood::Hang, Mood::Hang, Mood::Hang]);
    world.alerts.raise(Severity::Warning, "HANGING", "x");
    assert_eq!(world.post().0["code"], "HANGING");

    // One that has blocked us is asked once.
    let blocked = json!({"ok": false, "description": "Forbidden: bot was blocked by the user"});
    world.fake.be([Mood::Say(403, blocked)]);
    world.alerts.raise(Severity::Warning, "BLOCKED", "x");
    assert_eq!(world.post().0["code"], "BLOCKED");
    world
        .fake
        .runtime()
        .block_on(world.alerts.flush(Duration::from_secs(120)));
    let tallies = world.alerts.tallies();
    let telegram = tallies
        .iter()
        .find(|(name, _)| *name == "telegram")
        .unwrap()
        .1;
    assert_eq!((telegram.delivered, telegram.failed), (2, 2));
    assert!(world.folder.path().is_dir());
}

#[test]
fn a_wrong_token_is_told_elsewhere_and_never_written() {
    let world = World::new("1:wrong-token");
    world
        .alerts
        .raise(Severity::Warning, "MUTE", "the token is 1:wrong-token");
    let (posted, _) = world.post();
    assert_eq!(posted["code"], "MUTE");
    assert!(!posted.to_string().contains("wrong-token"), "{posted}");
}

fn said(number: i64, text: &str, age_seconds: i64) -> Value {
    json!({"update_id": number, "message": {
        "message_id": number, "date": now().0 / 1_000 - age_seconds, "text": text,
        "from": {"id": USER, "is_bot": false}, "chat": {"id": USER, "type": "private"},
    }})
}

/// A listener whose wishes are noted.
fn listen(world: &World, wishes: &Arc<Mutex<Vec<Wish>>>) -> tokio::task::AbortHandle {
    let mut settings = settings(&world.fake, world.folder.path(), "1:right-token");
    settings.telegram.state_file = world.folder.path().join("state.json");
    let bot = Bot::open(&settings, HASTY.timeout).unwrap().unwrap();
    let noted = Arc::clone(wishes);
    let obey = Arc::new(move |wish: Wish, _: &str| {
        noted.lock().unwrap().push(wish);
        format!("done {wish:?}")
    });
    let state = settings.telegram.state_file;
    let listener = Listener::new(bot, vec![USER], state, now, obey);
    world.fake.runtime().spawn(listener.run()).abort_handle()
}

#[test]
fn commands_are_obeyed_once_and_only_from_whom_they_may_come() {
    let world = World::new("1:right-token");
    // What waited while nobody listened: too old, but for the kill.
    for (number, text) in [(10, "/pause"), (11, "/kill"), (12, "/pnl")] {
        world.fake.write(said(number, text, 3_600));
    }
    // Updates that are none, or not for us.
    world.fake.write(json!({"update_id": 13}));
    world
        .fake
        .write(json!({"update_id": 14, "message": {"text": 5}}));
    world.fake.write(
        json!({"update_id": 15, "callback_query": {"from": {"id": USER}, "data": "/pause"}}),
    );
    let mut stranger = said(16, "/pause", 0);
    stranger["message"]["from"]["id"] = json!(8);
    world.fake.write(stranger);
    world.fake.write(said(17, "/arm 8h", 0));
    world.fake.write(said(18, "/resume", 0));
    world.fake.write(said(19, "/status", 0));
    let wishes = Arc::new(Mutex::new(Vec::new()));
    let listener = listen(&world, &wishes);
    let (chat, _) = world.fake.message("done Kill");
    assert_eq!(chat, USER);
    world.fake.message("done Status");
    world.fake.until("the next question", |reached| {
        (*reached == Reached::Asked(20)).then_some(())
    });
    assert_eq!(*wishes.lock().unwrap(), [Wish::Kill, Wish::Status]);

    // One that comes after it does not obey again what the server still has.
    listener.abort();
    let again = listen(&world, &wishes);
    world.fake.until("the same question", |reached| {
        (*reached == Reached::Asked(20)).then_some(())
    });
    // A flood: after ten in a minute only a kill is heard.
    for number in 20..40 {
        world.fake.write(said(number, "/status", 0));
    }
    world.fake.write(said(40, "/kill", 0));
    world.fake.message("done Kill");
    world.fake.until("the end", |reached| {
        (*reached == Reached::Asked(41)).then_some(())
    });
    let flood = wishes.lock().unwrap()[2..].to_vec();
    assert_eq!(
        flood.iter().filter(|wish| **wish == Wish::Status).count(),
        10
    );
    assert_eq!(flood.last(), Some(&Wish::Kill));
    again.abort();
}

/// Settings of a host that alerts, in its folder.
fn alerting(place: &Place, fake: &Fake, token: &str) {
    let file = |name: &str, text: &str| secret(&place.path(""), name, text).display().to_string();
    place.write(
        "config/bea.toml",
        &format!(
            "[alert.telegram]\nenabled = true\nchat_id = {CHAT}\nusers = [{USER}]\nseverity = \"info\"\n\
             api = \"{}\"\ntoken_file = \"{}\"\n\
             [alert.webhook]\nenabled = true\nurl_file = \"{}\"\nsecret_file = \"{}\"\n",
            fake.api(),
            file("token", token),
            file("url", &format!("{}/hook?canary-of-the-url", fake.api())),
            file("key", "canary-of-the-key"),
        ),
    );
}

#[test]
fn a_person_far_away_can_look_and_halt_and_not_resume() {
    let fake = Fake::start("1:right-token");
    let place = Place::new(&[("fav", &counting("A"))]);
    alerting(&place, &fake, "1:right-token");
    let mut host = place.start();
    fake.write(said(1, "/status", 0));
    let (chat, text) = fake.message("DRY_RUN ACTIVE");
    assert_eq!(chat, USER);
    assert!(text.contains("health: pass"), "{text}");
    fake.write(said(2, "/pnl", 0));
    let (_, text) = fake.message("fav: ");
    assert!(text.contains("GBP net"), "{text}");
    fake.write(said(3, "/kill", 0));
    // The answer and the alert have ways of their own.
    let [(_, answer), (chat, _)] = fake.both(["betting is HALTED", "CRITICAL HALTED"]);
    assert!(answer.contains("bea resume"), "{answer}");
    assert_eq!(chat, CHAT, "everybody is told");
    host.until("halted", |health| {
        health["checks"]["mode"][0]["trading"] == "HALTED"
    });
    fake.write(said(4, "/resume", 0));
    fake.write(said(5, "/status", 0));
    fake.message("DRY_RUN HALTED");
    assert!(place.path("data/KILL").exists());

    // A token that is another in the same file is in use after a hangup.
    let rotate = |host: &mut Host, token: &str| {
        secret(&place.path(""), "token", token);
        host.signal("-HUP");
        host.hear("the settings were read again");
    };
    rotate(&mut host, "2:revoked-token");
    fs::write(place.strategy("fav"), BROKEN).unwrap();
    host.until("telling that nobody is told", |health| {
        let mut channels = health["checks"]["alerts"].as_array().unwrap().iter();
        let telegram = channels.find(|check| check["componentId"] == "telegram");
        telegram.is_some_and(|check| check["is_failing"] == true && check["status"] == "warn")
    });
    rotate(&mut host, "1:right-token");
    fs::write(place.strategy("fav"), counting("B")).unwrap();
    fake.message("INFO STRATEGY_RELOADED");
    host.stop();
}

#[test]
fn a_test_message_says_whether_it_arrived() {
    let fake = Fake::start("1:right-token");
    let place = Place::new(&[]);
    alerting(&place, &fake, "1:right-token");
    let document = place.json(&["alert", "test"]);
    assert_eq!(
        document["channels"][0],
        json!({"channel": "telegram", "delivered": true, "error": null})
    );
    assert_eq!(document["channels"][1]["delivered"], true);
    let blocked = json!({"ok": false, "description": "Forbidden: bot was kicked"});
    fake.be([Mood::Say(403, blocked)]);
    let (code, said) = place.run(&["alert", "test"]);
    assert_eq!(code, Some(7), "{said}");
    fs::set_permissions(place.path("token"), fs::Permissions::from_mode(0o644)).unwrap();
    let (code, said) = place.run(&["alert", "test"]);
    assert_eq!(code, Some(3), "{said}");
    assert!(
        said.contains("others may read this secret (mode 0644): chmod 600"),
        "{said}"
    );
}

/// Everything under a folder, but for the secrets' own files.
fn everything(folder: &Path, into: &mut Vec<u8>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        if path.is_dir() {
            everything(&path, into);
        } else if !["token", "url", "key"].contains(&name.as_str()) {
            into.extend(fs::read(&path).unwrap());
        }
    }
}

#[test]
fn no_secret_comes_out_anywhere_whatever_goes_wrong() {
    let fake = Fake::start("1:right-token");
    let place = Place::new(&[("fav", &counting("A"))]);
    // A token that the server refuses; what it refuses it repeats.
    alerting(&place, &fake, "1:canary-of-the-token");
    let canaries = [
        "canary-of-the-token",
        "canary-of-the-url",
        "canary-of-the-key",
    ];
    let mut out: Vec<u8> = Vec::new();
    let mut run = |arguments: &[&str]| {
        let output = place.command(arguments).output().unwrap();
        out.extend(&output.stdout);
        out.extend(&output.stderr);
    };
    run(&["alert", "test"]);
    run(&["alert", "test", "--json"]);
    run(&["config", "show", "--json"]);
    run(&["config", "diff"]);
    run(&["doctor"]);
    // Nobody is there any more.
    let refused = "alert.telegram.api=http://127.0.0.1:9/canary";
    run(&["alert", "test", "--set", refused]);

    let mut host = place.start_with(&[
        "--data",
        "long.jsonl",
        "--speed",
        "1",
        "--set",
        "log.level=trace",
        "--set",
        "log.file=logs/bea.log",
    ]);
    fs::write(place.strategy("fav"), BROKEN).unwrap();
    host.hear("kept ");
    let kill = "POST /api/v1/kill HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/json\r\nX-Requested-With: test\r\n";
    let reason = r#"{"reason":"1:canary-of-the-token"}"#;
    let request = format!("{kill}Content-Length: {}\r\n\r\n{reason}", reason.len());
    let answer = host.ask(&request);
    assert_eq!(answer.code, 200, "{}", answer.body);
    host.until("halted", |health| {
        health["checks"]["mode"][0]["trading"] == "HALTED"
    });
    place.write(
        "config/bea.toml",
        "[alert.telegram]\nenabled = true\nchat_id = 1\ntoken_file = \"nowhere\"\n",
    );
    host.hear("the changed settings are refused");
    // The reason of the kill is the one thing that a person wrote down; it is in the ledger and the kill file as written.
    let _ = fs::remove_file(place.path("data/KILL"));
    host.hear("resumed");
    host.stop();
    for line in host.said() {
        out.extend(line.as_bytes());
    }
    everything(&place.path("logs"), &mut out);
    everything(&place.path("config"), &mut out);
    let text = String::from_utf8_lossy(&out);
    assert!(
        text.contains("HALTED") && text.contains("alert_failed"),
        "the errors were driven"
    );
    for canary in canaries {
        let found = text.lines().find(|line| line.contains(canary));
        assert_eq!(found, None, "{canary}");
    }
}
