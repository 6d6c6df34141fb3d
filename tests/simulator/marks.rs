//! Coverage marks: rare branches that a long run must have gone through, or it has proved less than it says.

macro_rules! marks {
    ($($mark:ident $name:literal),* $(,)?) => {
        /// A rare thing that happened.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum Mark { $($mark),* }

        impl Mark {
            pub(crate) const ALL: &'static [Self] = &[$(Self::$mark),*];

            pub(crate) const fn name(self) -> &'static str {
                match self { $(Self::$mark => $name),* }
            }
        }
    };
}

marks! {
    Bets "bets accepted",
    Fills "fills",
    AcceptThenTimeout "accepted, answer lost",
    RequestLost "request lost",
    LateAnswer "answer after the timeout",
    RepeatedWord "word said twice",
    StaleWord "words out of order",
    Refused "refused by the venue",
    NotSent "proven unsent",
    NotPlaced "shown never to have arrived",
    FoundInDoubt "doubt found to stand",
    FoundMatched "doubt found matched",
    Stuck "stuck",
    CancelRace "fill before a cancel",
    CancelLost "cancel lost",
    ReplaceInDoubt "replacement in doubt",
    SweepAgain "cancel asked again by a sweep",
    Foreign "bet of others",
    Deaf "deaf",
    DeafInDoubt "deaf while in doubt",
    ListingLost "listing lost",
    ListingLate "listing late",
    ListingMisses "listing without a bet that stands",
    FoundLate "doubt shown by a listing alone, after the window",
    MissedLate "doubt missed by a listing, after the window",
    CrashBetween "crash between commit and send",
    CrashAfterSend "crash with a request on its way",
    CommitFailedKept "failed commit that was kept",
    CommitFailedGone "failed commit that was not",
    RecoveredMatched "recovered with a matched bet",
    RecoveredSending "recovered with an order on its way",
    KilledAtTheLastMoment "stopped at the last moment",
    Halted "halted",
    HaltedOverCrash "halt that outlived a crash",
    Reduced "reducing",
    Fenced "fenced",
    Reloaded "strategy reloaded",
    Quarantined "strategy quarantined",
    Removed "runner withdrawn with bets in the market",
    TimeBackwards "market time backwards",
    SettledInDoubt "settled with an order in doubt",
    SettledDeaf "settled while down or deaf",
    MarketAway "market not shown after a restart",
    StrategyAway "strategy not loaded after a restart",
    StraySwept "order of an unseen market cancelled by a halt",
    TakenBack "settlement taken back",
    StrayTakenBack "settlement of an earlier session taken back",
    StraySettled "unseen market settled with bets of ours",
    Prolonged "order let live longer",
    ProlongingStopped "longer life stopped at the last moment",
}

/// How often each was seen.
#[derive(Clone, Debug)]
pub(crate) struct Marks(Vec<u64>);

impl Default for Marks {
    fn default() -> Self {
        Self(vec![0; Mark::ALL.len()])
    }
}

impl Marks {
    pub(crate) fn hit(&mut self, mark: Mark) {
        self.0[mark as usize] += 1;
    }

    pub(crate) fn count(&self, mark: Mark) -> u64 {
        self.0[mark as usize]
    }

    pub(crate) fn add(&mut self, other: &Self) {
        for (mine, theirs) in self.0.iter_mut().zip(&other.0) {
            *mine += theirs;
        }
    }

    /// Those that were never seen.
    pub(crate) fn missing(&self) -> Vec<&'static str> {
        let all = Mark::ALL.iter();
        all.filter(|mark| self.count(**mark) == 0)
            .map(|mark| mark.name())
            .collect()
    }
}
