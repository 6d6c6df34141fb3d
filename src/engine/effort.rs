//! How much work the calls of strategies are, by size.

/// Upper ends of the sizes, in operations of a script; the last is the most that a call may take.
pub const EFFORT_ENDS: [u64; 10] = [
    10, 30, 100, 300, 1_000, 3_000, 10_000, 30_000, 100_000, 200_000,
];

/// Calls counted by how many operations they took. Native code takes none that is known, and is not counted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Effort {
    /// Calls of each size, those beyond the last end left out.
    pub within: [u64; EFFORT_ENDS.len()],
    /// Calls of any size.
    pub calls: u64,
    /// Operations of all of them.
    pub operations: u64,
}

impl Effort {
    /// Counts a call.
    pub fn count(&mut self, operations: u64) {
        if operations == 0 {
            return;
        }
        self.calls += 1;
        self.operations = self.operations.saturating_add(operations);
        if let Some(at) = EFFORT_ENDS.iter().position(|end| operations <= *end) {
            self.within[at] += 1;
        }
    }

    /// Adds those of somebody else.
    pub fn add(&mut self, other: &Self) {
        self.calls += other.calls;
        self.operations = self.operations.saturating_add(other.operations);
        for (sum, more) in self.within.iter_mut().zip(other.within) {
            *sum += more;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_counted_by_size_and_added_up() {
        let mut effort = Effort::default();
        for operations in [0, 1, 10, 11, 1_000_000] {
            effort.count(operations);
        }
        assert_eq!((effort.calls, effort.operations), (4, 1_000_022));
        assert_eq!(effort.within[..2], [2, 1]);
        let other = effort.clone();
        effort.add(&other);
        assert_eq!((effort.calls, effort.within[0]), (8, 4));
    }
}
