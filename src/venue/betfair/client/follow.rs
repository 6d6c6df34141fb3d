//! One subscription, line by line: which lines are of it, when its image is whole, and whether it is well. No I/O.

use std::time::Duration;

use tokio::time::Instant;

use crate::market::TimeMs;
use crate::venue::betfair::{Delivery, Head};

/// The most bytes of a message in parts that are held until it is whole.
const MOST_HELD: usize = 128 << 20;

/// Where a subscription goes on after a break.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Clocks {
    pub(super) initial: Option<String>,
    pub(super) clk: Option<String>,
}

/// A line as it came.
pub(super) type Line = (TimeMs, Vec<u8>);

/// One subscription on one connection.
#[derive(Debug)]
pub(super) struct Follow {
    id: i64,
    heartbeat: Duration,
    /// How long the first word may take.
    patience: Duration,
    heard: Instant,
    has_spoken: bool,
    is_whole: bool,
    is_ill: bool,
    /// The parts of a message that is not whole yet.
    held: Vec<Line>,
    held_bytes: usize,
    clocks: Clocks,
}

/// What a line means.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Meaning {
    /// It is of an earlier subscription, or the part of a message.
    Nothing,
    /// A message is whole.
    Whole {
        /// Its lines, to be handed on.
        lines: Vec<Line>,
    },
    /// A message in parts does not end.
    TooLong,
}

/// How a subscription is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Health {
    /// Its image is not whole.
    Begun,
    /// It is up to date.
    Well,
    /// The venue says that something is missing.
    Ill,
}

impl Follow {
    pub(super) fn new(
        id: i64,
        heartbeat: Duration,
        patience: Duration,
        clocks: Clocks,
        now: Instant,
    ) -> Self {
        Self {
            id,
            heartbeat,
            patience: patience.max(heartbeat * 2),
            heard: now,
            has_spoken: false,
            is_whole: false,
            is_ill: false,
            held: Vec::new(),
            held_bytes: 0,
            clocks,
        }
    }

    pub(super) const fn id(&self) -> i64 {
        self.id
    }

    /// Where it goes on after a break.
    pub(super) const fn clocks(&self) -> &Clocks {
        &self.clocks
    }

    /// Without a word by then it is given up: two silences are too long.
    pub(super) fn deadline(&self) -> Instant {
        match self.has_spoken {
            true => self.heard + self.heartbeat * 2,
            false => self.heard + self.patience,
        }
    }

    pub(super) const fn health(&self) -> Health {
        match (self.is_whole, self.is_ill) {
            (false, _) => Health::Begun,
            (true, false) => Health::Well,
            (true, true) => Health::Ill,
        }
    }

    /// What a line of changes means, of which `head` is the head.
    pub(super) fn hear(&mut self, head: &Head, line: Line, now: Instant) -> Meaning {
        if head.id.is_some_and(|id| id != self.id) {
            return Meaning::Nothing;
        }
        self.heard = now;
        self.has_spoken = true;
        self.is_ill = head.status == Some(503);
        if let Some(heartbeat) = head.heartbeat_ms {
            self.heartbeat = Duration::from_millis(heartbeat.clamp(100, 60_000));
        }
        if let Some(initial) = &head.initial_clk {
            self.clocks.initial = Some(initial.clone());
        }
        self.held_bytes += line.1.len();
        self.held.push(line);
        if self.held_bytes > MOST_HELD {
            return Meaning::TooLong;
        }
        if !head.is_end() {
            return Meaning::Nothing;
        }
        // Only the end of a message tells up to where the client is.
        if let Some(clk) = &head.clk {
            self.clocks.clk = Some(clk.clone());
        }
        self.is_whole |= head.ct.is_some() || head.has_markets() || head.oc.is_some();
        self.held_bytes = 0;
        Meaning::Whole {
            lines: std::mem::take(&mut self.held),
        }
    }
}

impl Clocks {
    /// How changes are to be sent, and from where on.
    pub(super) fn delivery(&self, heartbeat_ms: u32, conflate_ms: u32) -> Delivery {
        // Both tokens, or it is no place to go on from.
        let place = self.initial.clone().zip(self.clk.clone());
        let (initial_clk, clk) = place.unzip();
        Delivery {
            segmentation_enabled: Some(true),
            conflate_ms: Some(i64::from(conflate_ms)),
            heartbeat_ms: Some(i64::from(heartbeat_ms)),
            initial_clk,
            clk,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hear(follow: &mut Follow, text: &str, now: Instant) -> Meaning {
        let head = Head::read(text.as_bytes()).unwrap();
        follow.hear(&head, (TimeMs(1), text.as_bytes().to_vec()), now)
    }

    fn count(meaning: Meaning) -> Option<usize> {
        match meaning {
            Meaning::Whole { lines } => Some(lines.len()),
            Meaning::Nothing | Meaning::TooLong => None,
        }
    }

    #[test]
    fn an_image_in_parts_is_handed_on_when_it_is_whole_and_not_before() {
        let (now, second) = (Instant::now(), Duration::from_secs(1));
        let mut follow = Follow::new(2, second * 5, second, Clocks::default(), now);
        for part in [
            r#"{"op":"mcm","id":2,"pt":1,"ct":"SUB_IMAGE","segmentType":"SEG_START","initialClk":"i","heartbeatMs":500,"mc":[]}"#,
            r#"{"op":"mcm","id":2,"pt":1,"ct":"SUB_IMAGE","segmentType":"SEG","mc":[]}"#,
        ] {
            assert_eq!(hear(&mut follow, part, now), Meaning::Nothing);
            assert_eq!(follow.health(), Health::Begun);
        }
        // One word late, of the subscription before.
        assert_eq!(
            hear(
                &mut follow,
                r#"{"op":"mcm","id":1,"pt":1,"clk":"x","mc":[]}"#,
                now
            ),
            Meaning::Nothing
        );
        let end = r#"{"op":"mcm","id":2,"pt":1,"ct":"SUB_IMAGE","segmentType":"SEG_END","clk":"c","mc":[]}"#;
        assert_eq!(count(hear(&mut follow, end, now)), Some(3));
        assert_eq!(follow.health(), Health::Well);
        let clocks = follow.clocks().clone();
        assert_eq!(
            (clocks.initial.as_deref(), clocks.clk.as_deref()),
            (Some("i"), Some("c"))
        );
        assert_eq!(
            follow.deadline(),
            now + second,
            "two silences of half a second"
        );
        let delivery = clocks.delivery(500, 0);
        assert_eq!(
            (delivery.initial_clk.as_deref(), delivery.clk.as_deref()),
            (Some("i"), Some("c"))
        );
    }

    #[test]
    fn it_is_ill_from_a_503_until_a_word_without() {
        let (now, second) = (Instant::now(), Duration::from_secs(1));
        let mut follow = Follow::new(2, second, second, Clocks::default(), now);
        for (text, health) in [
            (r#"{"op":"mcm","id":2,"status":503}"#, Health::Begun),
            (
                r#"{"op":"mcm","id":2,"pt":1,"ct":"SUB_IMAGE","clk":"1","mc":[]}"#,
                Health::Well,
            ),
            (
                r#"{"op":"mcm","id":2,"pt":2,"ct":"HEARTBEAT","clk":"2","status":503}"#,
                Health::Ill,
            ),
            (
                r#"{"op":"mcm","id":2,"pt":3,"ct":"HEARTBEAT","clk":"3"}"#,
                Health::Well,
            ),
        ] {
            hear(&mut follow, text, now);
            assert_eq!(follow.health(), health, "{text}");
        }
    }

    #[test]
    fn one_clock_alone_is_no_place_to_go_on_from() {
        let clocks = Clocks {
            initial: None,
            clk: Some("c".to_owned()),
        };
        assert_eq!(clocks.delivery(500, 0).clk, None);
    }
}
