//! What people are told of the arming token: that LIVE is armed, that it soon is no more, and that it is no more.

use crate::config::Severity;
use crate::market::TimeMs;

/// So long before its end it is told that the token runs out, in milliseconds.
const SOON_MS: i64 = 15 * 60_000;

/// What was told.
#[derive(Debug, Default)]
pub struct Ending {
    armed_until: Option<TimeMs>,
    /// The end of which it was told that it is near.
    told_near: Option<TimeMs>,
}

/// Something to tell: how much it matters, a word for it, and the facts.
pub(super) type Word = (Severity, &'static str, String);

impl Ending {
    /// What there is to tell, now that the token holds until then, or does not hold.
    pub(in crate::live) fn look(
        &mut self,
        armed_until: Option<TimeMs>,
        now: TimeMs,
    ) -> Option<Word> {
        let before = std::mem::replace(&mut self.armed_until, armed_until);
        let Some(until) = armed_until else {
            let over = before?;
            let text = match over <= now {
                true => {
                    format!("the arming token ran out at {over}: only what lowers the risk is bet")
                }
                false => "LIVE was disarmed: only what lowers the risk is bet".to_owned(),
            };
            return Some((Severity::Warning, "LIVE_DISARMED", text));
        };
        let is_near = until - now <= SOON_MS;
        if before != armed_until {
            // One that is this short from the beginning is no surprise.
            self.told_near = is_near.then_some(until);
            let text = format!("bets with money leave until {until}");
            return Some((Severity::Warning, "LIVE_ARMED", text));
        }
        if is_near && self.told_near != armed_until {
            self.told_near = armed_until;
            let text = format!(
                "the arming token runs out at {until}: bea arm --for 8h, or only what lowers the risk is bet from then on"
            );
            return Some((Severity::Warning, "LIVE_ENDS_SOON", text));
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn codes(ending: &mut Ending, looks: &[(Option<i64>, i64)]) -> Vec<Option<&'static str>> {
        let look = |(until, now): &(Option<i64>, i64)| {
            let word = ending.look(until.map(TimeMs), TimeMs(*now));
            word.map(|(_, code, _)| code)
        };
        looks.iter().map(look).collect()
    }

    #[test]
    fn each_turn_of_the_token_is_told_once() {
        let end = Some(10 * SOON_MS);
        let later = Some(20 * SOON_MS);
        let near = 9 * SOON_MS;
        let looks = [
            (None, 0),
            (end, 1),
            (end, 2),
            (end, near),
            (end, near + 1),
            (later, near + 2),
            (later, near + 3),
            (None, near + 4),
            (None, near + 5),
        ];
        let told = codes(&mut Ending::default(), &looks);
        let (armed, soon, over) = ("LIVE_ARMED", "LIVE_ENDS_SOON", "LIVE_DISARMED");
        let wanted = [
            None,
            Some(armed),
            None,
            Some(soon),
            None,
            Some(armed),
            None,
            Some(over),
            None,
        ];
        assert_eq!(told, wanted);
    }

    #[test]
    fn a_token_that_runs_out_is_told_from_one_that_was_taken_away() {
        let mut ending = Ending::default();
        let mut after = |now| {
            ending.look(Some(TimeMs(1_000)), TimeMs(0));
            ending.look(None, TimeMs(now)).unwrap().2
        };
        assert!(after(1_000).starts_with("the arming token ran out at 1970-01-01T00:00:01"));
        assert!(after(500).starts_with("LIVE was disarmed"));
    }

    #[test]
    fn a_short_token_is_not_told_twice_at_once() {
        let end = Some(SOON_MS / 2);
        let told = codes(&mut Ending::default(), &[(end, 0), (end, 1)]);
        assert_eq!(told, [Some("LIVE_ARMED"), None]);
    }
}
