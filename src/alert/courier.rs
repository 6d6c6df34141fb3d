//! Carries alerts: the same is told once and counted, each channel has a queue and a task of its own.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;

use super::channel::Channel;
use super::ring::{Fate, Told};
use super::{Alert, Alerts, Channels, Undelivered};

/// How many alerts may wait for one channel.
const LINE: usize = 64;
/// How many different alerts are remembered to tell repeats.
const KNOWN: usize = 256;
/// How often repeats that were held back are looked for.
const LOOK: Duration = Duration::from_secs(1);

/// Carries alerts; run it in tokio.
#[derive(Debug)]
pub struct Courier {
    told: mpsc::Receiver<Told>,
    channels: Channels,
    repeats: Repeats,
    alerts: Alerts,
}

/// What was told lately.
#[derive(Debug)]
struct Repeats {
    after: Duration,
    known: BTreeMap<(String, String), (Instant, Option<Alert>)>,
}

impl Repeats {
    /// Whether to tell an alert now; one like it that was told lately is counted.
    fn pass(&mut self, alert: Alert, now: Instant) -> Option<Alert> {
        let key = (alert.code.clone(), alert.text.clone());
        if let Some((since, held)) = self.known.get_mut(&key)
            && now.saturating_duration_since(*since) < self.after
        {
            let before = held.take().map_or(0, |held| held.repeats);
            *held = Some(Alert {
                repeats: before + 1,
                ..alert
            });
            return None;
        }
        if self.known.len() >= KNOWN {
            let oldest = self.known.iter().min_by_key(|(_, (since, _))| *since);
            if let Some(key) = oldest.map(|(key, _)| key.clone()) {
                self.known.remove(&key);
            }
        }
        self.known.insert(key, (now, None));
        Some(alert)
    }

    /// What was held back for long enough; with it, it begins anew.
    fn due(&mut self, now: Instant) -> Vec<Alert> {
        let after = self.after;
        let mut due = Vec::new();
        self.known.retain(|_, (since, held)| {
            if now.saturating_duration_since(*since) < after {
                return true;
            }
            *since = now;
            match held.take() {
                Some(mut alert) => {
                    alert.repeats -= 1;
                    due.push(alert);
                    true
                }
                None => false,
            }
        });
        due
    }
}

/// An alert on its way through a channel.
#[derive(Debug)]
enum Load {
    Alert(Alert),
    /// Told when all before it is done.
    Mark(oneshot::Sender<()>),
}

/// What a channel could not deliver: the alert, and the place of the channel.
type Failed = (Alert, usize, Undelivered);

impl Courier {
    pub(super) fn new(
        told: mpsc::Receiver<Told>,
        channels: Channels,
        repeat_after: Duration,
        alerts: Alerts,
    ) -> Self {
        let known = BTreeMap::new();
        Self {
            told,
            channels,
            repeats: Repeats {
                after: repeat_after,
                known,
            },
            alerts,
        }
    }

    /// Carries until nobody can raise an alert any more.
    pub async fn run(mut self) {
        let (tell_failed, mut failed) = mpsc::channel(LINE);
        let mut tasks = JoinSet::new();
        let mut lines = self.open(&mut tasks, &tell_failed);
        let mut look = tokio::time::interval(LOOK);
        look.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                told = self.told.recv() => match told {
                    Some(Told::Raised(alert)) => {
                        if let Some(alert) = self.repeats.pass(alert, Instant::now()) {
                            self.spread(&lines, &alert);
                        }
                    }
                    Some(Told::Channels(channels, repeat_after)) => {
                        self.channels = channels;
                        self.repeats.after = repeat_after;
                        // The old lines end when what is in them is done.
                        lines = self.open(&mut tasks, &tell_failed);
                    }
                    Some(Told::Flush(done)) => {
                        self.flush(&lines, &mut failed).await;
                        let _ = done.send(());
                    }
                    None => return,
                },
                Some(given_up) = failed.recv() => self.escalate(&lines, given_up),
                _ = look.tick() => {
                    for alert in self.repeats.due(Instant::now()) {
                        self.spread(&lines, &alert);
                    }
                }
            }
        }
    }

    /// A line and a task for each channel.
    fn open(
        &self,
        tasks: &mut JoinSet<()>,
        failed: &mpsc::Sender<Failed>,
    ) -> Vec<mpsc::Sender<Load>> {
        self.alerts.count_for(&self.channels);
        let channels = self.channels.0.iter().cloned().enumerate();
        let open = |(place, channel)| {
            let (line, loads) = mpsc::channel(LINE);
            let (failed, alerts) = (failed.clone(), self.alerts.clone());
            tasks.spawn(carry(channel, place, loads, failed, alerts));
            line
        };
        channels.map(open).collect()
    }

    fn spread(&self, lines: &[mpsc::Sender<Load>], alert: &Alert) {
        for (channel, line) in self.channels.0.iter().zip(lines) {
            if alert.severity >= channel.severity
                && line.try_send(Load::Alert(alert.clone())).is_err()
            {
                self.alerts.count(channel.name, Fate::Dropped);
                tracing::warn!(
                    event = "alert_dropped",
                    channel = channel.name,
                    code = alert.code,
                    "too many alerts wait for this channel"
                );
            }
        }
    }

    /// What one channel could not deliver goes to the next that has not had it.
    fn escalate(&self, lines: &[mpsc::Sender<Load>], (alert, place, why): Failed) {
        let name = self
            .channels
            .0
            .get(place)
            .map_or("-", |channel| channel.name);
        tracing::warn!(
            event = "alert_failed",
            channel = name,
            code = alert.code,
            "an alert could not be delivered: {}",
            why.why()
        );
        let after = self
            .channels
            .0
            .iter()
            .zip(lines)
            .enumerate()
            .skip(place + 1);
        for (_, (channel, line)) in after {
            let had_it = alert.severity >= channel.severity;
            if !had_it && line.try_send(Load::Alert(alert.clone())).is_ok() {
                return;
            }
        }
    }

    async fn flush(&self, lines: &[mpsc::Sender<Load>], failed: &mut mpsc::Receiver<Failed>) {
        // Twice: what fails in the first round may be told elsewhere in the second.
        for _ in 0..2 {
            for line in lines {
                let (done, is_done) = oneshot::channel();
                if line.send(Load::Mark(done)).await.is_ok() {
                    let _ = is_done.await;
                }
            }
            while let Ok(given_up) = failed.try_recv() {
                self.escalate(lines, given_up);
            }
        }
    }
}

async fn carry(
    channel: Channel,
    place: usize,
    mut loads: mpsc::Receiver<Load>,
    failed: mpsc::Sender<Failed>,
    alerts: Alerts,
) {
    while let Some(load) = loads.recv().await {
        match load {
            Load::Mark(done) => drop(done.send(())),
            Load::Alert(alert) => {
                let delivered = channel.deliver(&alert).await;
                let fate = match &delivered {
                    Ok(()) => Fate::Delivered,
                    Err(_) => Fate::Failed,
                };
                alerts.count(channel.name, fate);
                if let Err(why) = delivered {
                    // If too much fails at once, the log has been told of enough of it.
                    let _ = failed.try_send((alert, place, why));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Severity;
    use crate::market::TimeMs;

    fn alert(text: &str) -> Alert {
        Alert {
            id: 1,
            at: TimeMs(0),
            severity: Severity::Warning,
            code: "TEST".to_owned(),
            text: text.to_owned(),
            repeats: 0,
        }
    }

    #[test]
    fn the_same_is_told_once_and_then_with_its_count() {
        let mut repeats = Repeats {
            after: Duration::from_secs(60),
            known: BTreeMap::new(),
        };
        let start = Instant::now();
        assert!(repeats.pass(alert("a"), start).is_some());
        assert!(repeats.pass(alert("b"), start).is_some());
        for _ in 0..3 {
            assert!(repeats.pass(alert("a"), start).is_none());
        }
        assert_eq!(repeats.due(start), []);
        let due = repeats.due(start + Duration::from_secs(60));
        let counts: Vec<u64> = due.iter().map(|alert| alert.repeats).collect();
        assert_eq!(counts, [2], "three more: this one and two like it");
        assert_eq!(repeats.known.len(), 1, "what is not repeated is forgotten");
        for i in 0..2 * KNOWN {
            repeats.pass(alert(&i.to_string()), start);
        }
        assert!(repeats.known.len() <= KNOWN);
    }
}
