//! Gives the memory of a guest that is done back to the system piece by piece.
//!
//! The pool clears a slot in one call to the kernel, which for 64 MiB that were touched takes 5 ms: longer than any
//! slice. Done before, as the last part of the guest's run, it is cut into slices and charged like the rest.

use crate::session::Session;
use std::future::poll_fn;
use std::task::Poll;
use wasmtime::{Memory, Store};

/// Some 75 us of the kernel's work.
const PIECE: usize = 1 << 20;
/// Memory up to this size is left to the pool.
const LITTLE: usize = 4 << 20;

/// `kept_resident`: so much at the beginning of the memory the pool keeps and clears itself. Nothing may read the
/// memory any more.
pub async fn give_back<T: Send>(
    memory: Memory,
    store: &mut Store<T>,
    kept_resident: usize,
    session: &Session,
) {
    let size = memory.data_size(&mut *store);
    if size <= LITTLE {
        return;
    }
    for offset in (kept_resident..size).step_by(PIECE) {
        let length = PIECE.min(size - offset);
        // SAFETY: whole pages of a mapping that is private to this instance, whose guest runs no more.
        unsafe {
            let piece = memory.data_ptr(&mut *store).add(offset);
            libc::madvise(piece.cast(), length, libc::MADV_DONTNEED);
        }
        if session.slice.has_passed() {
            end_of_slice(session).await;
        }
    }
}

/// Comes back with the next poll.
async fn end_of_slice(session: &Session) {
    session.slice.use_up();
    poll_fn(|_| {
        if session.slice.is_used_up() {
            Poll::Pending
        } else {
            Poll::Ready(())
        }
    })
    .await;
}
