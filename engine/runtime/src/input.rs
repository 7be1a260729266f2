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
    state: State,
    /// Counts the invocations of the instance, so that a body kept from an earlier one does not read this one's.
    generation: u64,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Open,
    Ended,
    Failed,
}

pub enum Read {
    Chunk(Bytes),
    /// Nothing now; more may come.
    Empty,
    Ended,
    /// The sender vanished half-way.
    Failed,
}

impl Input {
    pub fn ended() -> Input {
        Input {
            bytes: ByteQueue::default(),
            state: State::Ended,
            generation: 0,
        }
    }

    /// Forgets what is left of the invocation before.
    pub fn restart(&mut self, has_input: bool) {
        self.bytes.clear();
        self.state = if has_input { State::Open } else { State::Ended };
        self.generation += 1;
    }

    pub fn generation(&self) -> u64 {
        self.generation
    }

    pub fn push(&mut self, data: &[u8]) {
        if self.state == State::Open {
            self.bytes.push(data);
        }
    }

    pub fn end(&mut self) {
        if self.state == State::Open {
            self.state = State::Ended;
        }
    }

    pub fn fail(&mut self) {
        if self.state == State::Open {
            self.state = State::Failed;
        }
    }

    pub fn read(&mut self, size: usize) -> Read {
        match self.bytes.pop(size) {
            Some(chunk) => Read::Chunk(chunk),
            None => match self.state {
                State::Open => Read::Empty,
                State::Ended => Read::Ended,
                State::Failed => Read::Failed,
            },
        }
    }

    pub fn would_wait(&self) -> bool {
        self.bytes.is_empty() && self.state == State::Open
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
            Read::Failed => Poll::Ready(Some(Err(Error::ConnectionTerminated))),
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
    fn ends_and_fails_only_after_what_was_pushed() {
        let mut input = open();
        input.push(b"x");
        input.end();
        assert!(matches!(input.read(10), Read::Chunk(_)));
        assert!(matches!(input.read(10), Read::Ended));

        let mut input = open();
        input.push(b"x");
        input.fail();
        input.end();
        assert!(matches!(input.read(10), Read::Chunk(_)));
        assert!(matches!(input.read(10), Read::Failed));
    }

    #[test]
    fn an_ended_input_takes_nothing() {
        let mut input = Input::ended();
        input.push(b"x");
        assert!(matches!(input.read(10), Read::Ended));
        assert!(!input.would_wait());
    }
}
