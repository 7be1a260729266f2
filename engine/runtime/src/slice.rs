//! The stretch of uninterrupted execution a poll grants.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Instant;

/// Written by the thread that polls, read by the guest's epoch check on the same thread; atomics only because the
/// owner is shared with wakers.
pub struct Slice {
    origin: Instant,
    start: AtomicU64,
    length: AtomicU64,
    used_up: AtomicBool,
}

impl Slice {
    /// `origin`: any moment before; spares a look at the clock.
    pub fn new(origin: Instant) -> Slice {
        Slice {
            origin,
            start: AtomicU64::new(0),
            length: AtomicU64::new(0),
            used_up: AtomicBool::new(false),
        }
    }

    pub fn begin(&self, nanoseconds: u64) {
        self.start.store(self.now(), Ordering::Relaxed);
        self.length.store(nanoseconds, Ordering::Relaxed);
        self.used_up.store(false, Ordering::Relaxed);
    }

    /// Called at a tick, which falls anywhere into the slice: past its half it ends now, since waiting for the next
    /// tick would overrun it by more than ending now falls short. True: the guest is to yield.
    pub fn ends_at_tick(&self) -> bool {
        let ends = self.elapsed() >= self.length.load(Ordering::Relaxed) / 2;
        if ends {
            self.use_up();
        }
        ends
    }

    pub fn use_up(&self) {
        self.used_up.store(true, Ordering::Relaxed);
    }

    pub fn is_used_up(&self) -> bool {
        self.used_up.load(Ordering::Relaxed)
    }

    /// True once the whole slice has passed, ticks or not.
    pub fn has_passed(&self) -> bool {
        self.elapsed() >= self.length.load(Ordering::Relaxed)
    }

    fn elapsed(&self) -> u64 {
        self.now()
            .saturating_sub(self.start.load(Ordering::Relaxed))
    }

    fn now(&self) -> u64 {
        u64::try_from(self.origin.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }
}
