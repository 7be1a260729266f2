//! When the host is told to poll again: at most once between two polls, and never for what a poll sees itself.

use std::sync::atomic::{AtomicU8, Ordering};

/// Nobody asked to be polled.
const IDLE: u8 = 0;
/// Asked, and the host told, or about to poll anyway.
const NOTIFIED: u8 = 1;
/// A poll is under way and nobody has asked since it began its round.
const POLLING: u8 = 2;
/// A poll is under way and has to go round once more.
const POLLING_AGAIN: u8 = 3;

pub struct WakeState(AtomicU8);

impl WakeState {
    /// The host polls after the start without being told.
    pub fn new() -> WakeState {
        WakeState(AtomicU8::new(NOTIFIED))
    }

    /// Somebody asks. True: the host is to be told.
    pub fn request(&self) -> bool {
        let mut seen = self.0.load(Ordering::Relaxed);
        loop {
            let next = match seen {
                IDLE => NOTIFIED,
                POLLING => POLLING_AGAIN,
                _ => return false,
            };
            match self
                .0
                .compare_exchange_weak(seen, next, Ordering::AcqRel, Ordering::Relaxed)
            {
                Ok(_) => return seen == IDLE,
                Err(now) => seen = now,
            }
        }
    }

    /// A round of polling begins: what was asked until now is served by it.
    pub fn begin_round(&self) {
        self.0.swap(POLLING, Ordering::AcqRel);
    }

    /// The round ended without anything left to do. False: somebody asked meanwhile, so another round is due.
    pub fn park(&self) -> bool {
        self.0
            .compare_exchange(POLLING, IDLE, Ordering::AcqRel, Ordering::Relaxed)
            .is_ok()
    }

    /// The poll ends with work left: the host polls again by itself.
    pub fn leave_runnable(&self) {
        self.0.store(NOTIFIED, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_once_between_two_polls() {
        let state = WakeState::new();
        assert!(!state.request(), "the first poll comes by itself");
        state.begin_round();
        assert!(state.park());
        assert!(state.request());
        assert!(!state.request());
        state.begin_round();
        assert!(state.park());
        assert!(state.request());
    }

    #[test]
    fn a_request_during_a_poll_asks_for_another_round_and_not_the_host() {
        let state = WakeState::new();
        state.begin_round();
        assert!(!state.request());
        assert!(!state.park());
        state.begin_round();
        assert!(state.park());
    }

    #[test]
    fn a_runnable_invocation_is_not_announced() {
        let state = WakeState::new();
        state.begin_round();
        state.leave_runnable();
        assert!(!state.request());
    }
}
