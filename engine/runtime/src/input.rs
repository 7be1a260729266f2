//! What the host pushes for the guest to read: a request's body or stdin.

use crate::byte_queue::ByteQueue;
use crate::session::Session;
use bytes::Bytes;
use http_body::{Body, Frame};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use wasmtime_wasi_http::Error;

/// Bytes pushed and not yet read. The host bounds them: it hears of every byte taken by `input_consumed`.
pub struct Input {
    bytes: ByteQueue,
    /// More may come.
    open: bool,
    /// Counts the invocations of the instance, so that a body kept from an earlier one does not read this one's.
    generation: u64,
}

pub enum Read {
    Chunk(Bytes),
    /// Nothing now; more may come.
    Empty,
    Ended,
}

impl Input {
    pub fn ended() -> Input {
        Input {
            bytes: ByteQueue::default(),
            open: false,
            generation: 0,
        }
    }

    /// Forgets what is left of the invocation before.
    pub fn restart(&mut self, has_input: bool) {
        self.bytes.clear();
        self.open = has_input;
        self.generation += 1;
    }

    pub fn generation(&self) -> u64 {
        self.generation
    }

    pub fn push(&mut self, data: &[u8]) {
        if self.open {
            self.bytes.push(data);
        }
    }

    pub fn end(&mut self) {
        self.open = false;
    }

    pub fn read(&mut self, size: usize) -> Read {
        match self.bytes.pop(size) {
            Some(chunk) => Read::Chunk(chunk),
            None if self.open => Read::Empty,
            None => Read::Ended,
        }
    }

    pub fn would_wait(&self) -> bool {
        self.bytes.is_empty() && self.open
    }
}

/// The input as the body of a wasi:http request. Only the guest's own calls poll it, so waking the invocation is
/// enough and no waker is kept.
pub struct InputBody {
    session: Arc<Session>,
    generation: u64,
}

impl InputBody {
    pub fn new(session: Arc<Session>) -> InputBody {
        let generation = session.input().generation();
        InputBody {
            session,
            generation,
        }
    }
}

impl Body for InputBody {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        _context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let read = {
            let mut input = self.session.input();
            if input.generation() != self.generation {
                return Poll::Ready(None);
            }
            input.read(usize::MAX)
        };
        match read {
            Read::Chunk(chunk) => {
                if let Some(host) = self.session.host() {
                    host.input_consumed(chunk.len());
                }
                Poll::Ready(Some(Ok(Frame::data(chunk))))
            }
            Read::Empty => Poll::Pending,
            Read::Ended => Poll::Ready(None),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open() -> Input {
        let mut input = Input::ended();
        input.restart(true);
        input
    }

    #[test]
    fn reads_in_the_reader_s_sizes() {
        let mut input = open();
        input.push(b"hello");
        assert!(matches!(input.read(2), Read::Chunk(c) if c == "he"));
        assert!(matches!(input.read(10), Read::Chunk(c) if c == "llo"));
        assert!(matches!(input.read(10), Read::Empty));
        assert!(input.would_wait());
    }

    #[test]
    fn ends_only_after_what_was_pushed() {
        let mut input = open();
        input.push(b"x");
        input.end();
        assert!(matches!(input.read(10), Read::Chunk(_)));
        assert!(matches!(input.read(10), Read::Ended));
    }

    #[test]
    fn an_ended_input_takes_nothing() {
        let mut input = Input::ended();
        input.push(b"x");
        assert!(matches!(input.read(10), Read::Ended));
        assert!(!input.would_wait());
    }
}
