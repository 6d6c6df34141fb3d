//! Pauses between tries: each twice as long as the last, up to a longest, half of each drawn at random, so that many
//! who lost the same connection do not come back together.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::time::Duration;

/// Pauses between tries.
#[derive(Clone, Debug)]
pub(super) struct Pauses {
    first: Duration,
    longest: Duration,
    next: Duration,
}

impl Pauses {
    pub(super) const fn new(first: Duration, longest: Duration) -> Self {
        Self {
            first,
            longest,
            next: first,
        }
    }

    /// The next pause.
    pub(super) fn next(&mut self) -> Duration {
        let whole = self.next;
        self.next = (whole * 2).min(self.longest);
        let half = whole / 2;
        let drawn = RandomState::new().build_hasher().finish() % 1_000;
        half + half * u32::try_from(drawn).unwrap_or(0) / 1_000
    }

    /// The first pause is next again.
    pub(super) fn reset(&mut self) {
        self.next = self.first;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_the_longest_and_begin_anew() {
        let second = Duration::from_secs(1);
        let mut pauses = Pauses::new(second, second * 5);
        for whole in [1, 2, 4, 5, 5, 5] {
            let pause = pauses.next();
            assert!(
                second * whole / 2 <= pause && pause <= second * whole,
                "{pause:?}"
            );
        }
        pauses.reset();
        assert!(pauses.next() <= second);
    }
}
