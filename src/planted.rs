//! Faults planted on purpose, to show that the tests find such faults. Compiled to nothing in release builds,
//! except with the feature `planted-bugs`. Nothing but the tests that look for them can switch one on.
//!
//! One line at the place of each asks [`is`]. `tests/simulator` chooses the one that is switched on, see `docs/proof.md`; the
//! one of the disk is found by `tests/crash`, see `docs/proof-crash.md`.

/// A fault that a program like this one might well have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Bug {
    /// An order that timed out weighs nothing.
    TimeoutDropsReservation = 1,
    /// Requests leave before their records are durable.
    SendBeforeCommit,
    /// A failed commit is taken for one that succeeded.
    CommitErrorIgnored,
    /// Orders on their way weigh nothing.
    InFlightIsNothing,
    /// An order weighs nothing once its cancel is asked for.
    CancelSentReleases,
    /// One listing without an order shows that it is not there.
    NotFoundOnce,
    /// An order in doubt is taken for refused.
    DoubtIsRefusal,
    /// A listing counts that was asked for before the order could have arrived.
    StaleListing,
    /// The last word before sending is not asked for.
    KillOnlyInGate,
    /// Orders on their way when the program ended are forgotten.
    RecoveryForgetsSending,
    /// Recovered orders weigh nothing until their market is seen.
    RecoveredWeighsNothing,
    /// What a statement says is added to what is known.
    FillsAddedTwice,
    /// A halt cancels nothing.
    SweepCancelsNothing,
    /// Bets are placed before the venue has listed what it has.
    OpenBeforeListing,
    /// Ids of intents repeat in the next session.
    EpochNotInIds,
    /// A lay's liability is rounded down.
    LiabilityRoundedDown,
    /// Withdrawals are not reckoned with.
    WithdrawalsForgotten,
    /// Bets are placed although the venue cannot be heard.
    DeafnessIgnored,
    /// The exposure is checked without the order that is asked for.
    ProposedNotCounted,
    /// A halt is forgotten when the program ends.
    HaltForgotten,
    /// A halt cancels nothing of earlier sessions whose strategy or market is not there.
    StraysNotSwept,
    /// What was matched of such orders is not booked when their market is settled.
    StraysNotSettled,
    /// The last word before sending is not asked for when an order is to live longer.
    UpdatesUnguarded,
    /// What all strategies together could lose is not kept by scope.
    ScopesForgotten,
    /// What an earlier session booked is not taken back when its market is settled anew.
    EarlierStands,
    /// A commit counts before it has reached the disk. The simulator's disk knows no such thing.
    CommitsNotSynced,
}

impl Bug {
    /// Every one that the simulator must find.
    pub const ALL: [Self; 25] = [
        Self::TimeoutDropsReservation,
        Self::SendBeforeCommit,
        Self::CommitErrorIgnored,
        Self::InFlightIsNothing,
        Self::CancelSentReleases,
        Self::NotFoundOnce,
        Self::DoubtIsRefusal,
        Self::StaleListing,
        Self::KillOnlyInGate,
        Self::RecoveryForgetsSending,
        Self::RecoveredWeighsNothing,
        Self::FillsAddedTwice,
        Self::SweepCancelsNothing,
        Self::OpenBeforeListing,
        Self::EpochNotInIds,
        Self::LiabilityRoundedDown,
        Self::WithdrawalsForgotten,
        Self::DeafnessIgnored,
        Self::ProposedNotCounted,
        Self::HaltForgotten,
        Self::StraysNotSwept,
        Self::StraysNotSettled,
        Self::UpdatesUnguarded,
        Self::ScopesForgotten,
        Self::EarlierStands,
    ];
}

#[cfg(any(debug_assertions, feature = "planted-bugs"))]
thread_local!(static CHOSEN: std::cell::Cell<u8> = const { std::cell::Cell::new(0) });

/// Switches one fault on for this thread, or all off. For those tests alone.
#[cfg(any(debug_assertions, feature = "planted-bugs"))]
pub fn plant(bug: Option<Bug>) {
    CHOSEN.set(bug.map_or(0, |bug| bug as u8));
}

/// Whether this fault is switched on: never, in a release build.
#[inline]
#[must_use]
pub(crate) fn is(bug: Bug) -> bool {
    #[cfg(any(debug_assertions, feature = "planted-bugs"))]
    return CHOSEN.get() == bug as u8;
    #[cfg(not(any(debug_assertions, feature = "planted-bugs")))]
    {
        let _ = bug;
        false
    }
}
