//! What one call may use of the machine: steps of native work, and memory. Counted, never timed, so that a call that
//! is too much is too much on every machine.

use std::cell::Cell;
use std::rc::Rc;

use super::maths::{Checked, Wrong};
use crate::memory::Meter;

/// What native functions may still do in the present call. Counted in steps of about 5 ns.
#[derive(Clone, Debug)]
pub(super) struct Work {
    left: Rc<Cell<u64>>,
    most: u64,
}

impl Work {
    /// So many steps for each call.
    pub(super) fn new(most: u64) -> Self {
        let left = Rc::new(Cell::new(most));
        Self { left, most }
    }

    /// A new call begins.
    pub(super) fn renew(&self) {
        self.left.set(self.most);
    }

    /// Whether nothing is left.
    pub(super) fn is_spent(&self) -> bool {
        self.left.get() == 0
    }

    /// Takes steps from what is left.
    pub(super) fn spend(&self, steps: usize) -> Checked<()> {
        let left = self.left.get().checked_sub(steps as u64);
        self.left.set(left.unwrap_or(0));
        left.map(drop).ok_or_else(|| {
            Wrong::new(format!(
                "maths, searches and comparisons of the call took more than {} steps, so it was stopped\ncalculate less often, or keep results in `this`",
                self.most
            ))
        })
    }
}

/// The most bytes a call may hold, and ask for.
#[derive(Clone, Copy, Debug)]
pub(super) struct MemoryLimits {
    /// At any one time, beyond what was held before it.
    pub(super) held: u64,
    /// In all, given back or not: copying large values over and over is slow before it is large.
    pub(super) allocated: u64,
}

/// What the present call holds and has allocated. Stays on the thread it was made on.
#[derive(Clone, Debug)]
pub(super) struct Memory(Rc<Readings>);

#[derive(Debug)]
struct Readings {
    meter: Option<Meter>,
    limits: MemoryLimits,
    held_before: Cell<i64>,
    most_allocated: Cell<u64>,
    peak: Cell<i64>,
}

impl Memory {
    /// So much for each call.
    pub(super) fn new(limits: MemoryLimits) -> Self {
        let memory = Self(Rc::new(Readings {
            meter: Meter::of_this_thread(),
            limits,
            held_before: Cell::default(),
            most_allocated: Cell::default(),
            peak: Cell::default(),
        }));
        memory.renew();
        memory
    }

    /// Whether there is a limit at all: the allocator counts.
    pub(super) fn is_counted(&self) -> bool {
        self.0.meter.is_some()
    }

    /// A new call begins.
    pub(super) fn renew(&self) {
        if let Some(meter) = self.0.meter {
            self.0.held_before.set(meter.held());
            let most = meter.allocated().saturating_add(self.0.limits.allocated);
            self.0.most_allocated.set(most);
        }
    }

    /// What is exceeded, if anything is.
    #[inline]
    pub(super) fn exceeded(&self) -> Option<Exceeded> {
        let Readings {
            meter,
            limits,
            held_before,
            most_allocated,
            peak,
        } = &*self.0;
        let meter = (*meter)?;
        let held = meter.held() - held_before.get();
        if held > peak.get() {
            peak.set(held);
            if held.unsigned_abs() > limits.held {
                return Some(Exceeded::Held(limits.held));
            }
        } else if held > limits.held.cast_signed() {
            return Some(Exceeded::Held(limits.held));
        }
        (meter.allocated() > most_allocated.get()).then_some(Exceeded::Allocated(limits.allocated))
    }

    /// The most that was seen held in any call.
    pub(super) fn peak(&self) -> u64 {
        self.0.peak.get().try_into().unwrap_or(0)
    }
}

/// A limit on memory that a call went past.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Exceeded {
    /// It held more than this at one time.
    Held(u64),
    /// It allocated more than this in all.
    Allocated(u64),
}

impl Exceeded {
    /// For a person; the second line is what to do.
    pub(super) fn message(self) -> String {
        const MIB: u64 = 1 << 20;
        match self {
            Self::Held(most) => format!(
                "the call held more than {} MiB of memory and was stopped\nkeep less in arrays, maps and texts",
                most / MIB
            ),
            Self::Allocated(most) => format!(
                "the call copied and made more than {} MiB of values and was stopped\npass and copy large arrays, maps and texts less often",
                most / MIB
            ),
        }
    }
}
