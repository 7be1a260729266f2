//! Clocks for guests, coarse on purpose: a fine clock lets one tenant time what another one does to the caches.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use wasmtime_wasi::{HostMonotonicClock, HostWallClock};

const RESOLUTION: Duration = Duration::from_micros(100);

pub struct CoarseWallClock;

impl HostWallClock for CoarseWallClock {
    fn resolution(&self) -> Duration {
        RESOLUTION
    }

    fn now(&self) -> Duration {
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        let coarse = now.subsec_nanos() - now.subsec_nanos() % RESOLUTION.subsec_nanos();
        Duration::new(now.as_secs(), coarse)
    }
}

/// Counts from the engine's start, so that guests do not learn the machine's uptime.
#[derive(Clone, Copy)]
pub struct CoarseMonotonicClock {
    start: Instant,
}

impl CoarseMonotonicClock {
    pub fn new() -> CoarseMonotonicClock {
        CoarseMonotonicClock {
            start: Instant::now(),
        }
    }
}

impl HostMonotonicClock for CoarseMonotonicClock {
    fn resolution(&self) -> u64 {
        u64::from(RESOLUTION.subsec_nanos())
    }

    fn now(&self) -> u64 {
        let elapsed = u64::try_from(self.start.elapsed().as_nanos()).unwrap_or(u64::MAX);
        elapsed - elapsed % self.resolution()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clocks_move_in_coarse_steps() {
        let monotonic = CoarseMonotonicClock::new();
        std::thread::sleep(Duration::from_millis(1));
        assert_eq!(monotonic.now() % 100_000, 0);
        assert!(monotonic.now() >= 1_000_000);
        assert_eq!(CoarseWallClock.now().subsec_nanos() % 100_000, 0);
        assert_eq!(CoarseWallClock.resolution(), Duration::from_micros(100));
    }
}
