//! The allocator of the whole program, and what the present thread has allocated with it.
//!
//! It is jemalloc because that counts the bytes of each thread exactly and for almost nothing, which the memory limit
//! of scripts needs. Installed here, it is the allocator of the program, its tests and its benchmarks alike; a program
//! that embeds this library has it too.

use tikv_jemalloc_ctl::thread::{ThreadLocal, allocatedp, deallocatedp};

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// Reads how many bytes the thread it was made on holds.
#[derive(Clone, Copy)]
pub struct Meter {
    allocated: ThreadLocal<u64>,
    freed: ThreadLocal<u64>,
}

impl Meter {
    /// A meter of the present thread; it stays on it. `None` where the allocator does not count.
    #[must_use]
    pub fn of_this_thread() -> Option<Self> {
        Some(Self {
            allocated: allocatedp::read().ok()?,
            freed: deallocatedp::read().ok()?,
        })
    }

    /// Bytes ever allocated on this thread.
    #[inline]
    #[must_use]
    pub fn allocated(&self) -> u64 {
        self.allocated.get()
    }

    /// Bytes allocated on this thread less those freed on it; below 0 if it freed what others allocated.
    #[inline]
    #[must_use]
    pub fn held(&self) -> i64 {
        self.allocated
            .get()
            .wrapping_sub(self.freed.get())
            .cast_signed()
    }
}

impl std::fmt::Debug for Meter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Meter").field(&self.held()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::hint::black_box;

    #[test]
    fn what_is_allocated_is_counted_until_it_is_freed() {
        let meter = Meter::of_this_thread().expect("the allocator counts");
        let before = meter.held();
        let bytes = black_box(vec![1_u8; 1 << 20]);
        let grown = meter.held() - before;
        assert!((1 << 20..1 << 21).contains(&grown), "{grown}");
        drop(bytes);
        assert_eq!(meter.held(), before);
    }

    #[test]
    fn what_other_threads_allocate_is_theirs() {
        let meter = Meter::of_this_thread().expect("the allocator counts");
        let before = meter.held();
        let there = std::thread::spawn(|| black_box(vec![1_u8; 1 << 22])).join();
        let grown = meter.held() - before;
        assert!(grown < 1 << 20, "{grown}");
        drop(there);
    }
}
