//! What goes wrong, and how often: drawn for each seed, so that some are calm and some brutal.

use crate::random::Random;

/// Chances in thousandths, and times in milliseconds.
#[derive(Clone, Debug, Default)]
pub(crate) struct Faults {
    /// A request never arrives.
    pub(crate) request_lost: u32,
    /// It arrives late: up to 15 s.
    pub(crate) request_slow: u32,
    /// The answer never comes.
    pub(crate) answer_lost: u32,
    /// The answer comes after the client gave up.
    pub(crate) answer_slow: u32,
    /// The venue refuses what it could take.
    pub(crate) refused: u32,
    /// The connection is refused: proven unsent.
    pub(crate) unsent: u32,
    /// A word of the stream comes twice.
    pub(crate) word_twice: u32,
    /// A word of the stream comes up to 3 s late, after others.
    pub(crate) word_slow: u32,
    /// A bet that the client was not answered about is shown by nothing but listings.
    pub(crate) bet_hidden: u32,
    /// A listing is not answered.
    pub(crate) listing_lost: u32,
    /// From a listing that fails on, none is answered for up to a minute and a half.
    pub(crate) listing_out: u32,
    /// A listing is answered up to 20 s late.
    pub(crate) listing_slow: u32,
    /// A listing misses a bet that stands; never twice in a row.
    pub(crate) listing_misses: u32,
    /// By how much listings lag the truth at most.
    pub(crate) listing_lag_ms: i64,
    /// A lost cancel is not reported as lost.
    pub(crate) cancels_silent: bool,
    /// A commit fails.
    pub(crate) commit_fails: u32,
    /// The program ends between a commit and what it allows to be sent.
    pub(crate) crash_between: u32,
    /// Mean times between events of these kinds; 0 for never.
    pub(crate) crash_every_ms: i64,
    pub(crate) deaf_every_ms: i64,
    pub(crate) operator_every_ms: i64,
    pub(crate) foreign_every_ms: i64,
    /// A bet that rests is matched, each time its market moves.
    pub(crate) filled: u32,
    /// The market's time jumps.
    pub(crate) time_jumps: u32,
    /// Strategies fail.
    pub(crate) strategy_fails: u32,
    /// After a restart a market is not shown any more.
    pub(crate) market_away: u32,
    /// After a restart a strategy is not loaded, until it is reloaded or the faults end.
    pub(crate) strategy_away: u32,
}

impl Faults {
    /// What one seed has to bear.
    pub(crate) fn draw(random: &mut Random) -> Self {
        // 0: calm, 1: some, 2: much.
        let force = [0, 1, 1, 2][random.below(4)];
        let mut upto = |most: [u32; 3]| {
            let most = most[force];
            if most == 0 || random.chance(300) {
                0
            } else {
                random.range(1, i64::from(most)) as u32
            }
        };
        let mut faults = Self {
            request_lost: upto([0, 60, 250]),
            request_slow: upto([10, 60, 250]),
            answer_lost: upto([0, 100, 300]),
            answer_slow: upto([0, 60, 200]),
            refused: upto([20, 60, 200]),
            unsent: upto([10, 40, 150]),
            word_twice: upto([50, 200, 500]),
            word_slow: upto([50, 200, 500]),
            bet_hidden: upto([0, 900, 1_000]),
            listing_lost: upto([0, 200, 600]),
            listing_out: upto([0, 600, 900]),
            listing_slow: upto([50, 200, 500]),
            listing_misses: upto([0, 600, 900]),
            commit_fails: upto([0, 3, 12]),
            crash_between: upto([0, 10, 40]),
            time_jumps: upto([0, 10, 50]),
            strategy_fails: upto([0, 5, 60]),
            market_away: upto([0, 300, 400]),
            strategy_away: upto([0, 200, 300]),
            ..Self::default()
        };
        faults.listing_lag_ms = [0, 3_000, 15_000][random.below(3)];
        faults.filled = [20, 80, 250][random.below(3)];
        faults.cancels_silent = random.chance(300);
        let mut every = |most: [i64; 3]| most[force] / (1 + random.below(3) as i64);
        faults.crash_every_ms = every([0, 200_000, 60_000]);
        faults.deaf_every_ms = every([0, 200_000, 60_000]);
        faults.operator_every_ms = every([200_000, 60_000, 20_000]);
        faults.foreign_every_ms = every([0, 120_000, 60_000]);
        // Now and then nothing can be asked for a long time, so that orders get stuck.
        if force == 2 && random.chance(250) {
            faults.listing_lost = 1_000;
        }
        faults
    }
}
