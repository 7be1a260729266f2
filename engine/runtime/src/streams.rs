//! Standard input and output of a guest: no buffer and no task of their own, straight to the host.

use crate::ffi::abi::Output;
use crate::input::Read;
use crate::session::Session;
use bytes::Bytes;
use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;
use tokio::io::{AsyncRead, AsyncWrite};
use wasmtime_wasi::cli::{IsTerminal, StdinStream, StdoutStream};
use wasmtime_wasi::p2::{InputStream, OutputStream, Pollable, StreamError, StreamResult};

/// Streams of the WASI 0.3 interfaces, which are not linked.
const NOT_LINKED: &str = "WASI 0.3 is not linked";

pub struct Stdin(pub Arc<Session>);

impl IsTerminal for Stdin {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdinStream for Stdin {
    fn async_stream(&self) -> Box<dyn AsyncRead + Send + Sync> {
        unreachable!("{NOT_LINKED}")
    }

    fn p2_stream(&self) -> Box<dyn InputStream> {
        Box::new(InputPipe(Arc::clone(&self.0)))
    }
}

struct InputPipe(Arc<Session>);

#[wasmtime_wasi::async_trait]
impl Pollable for InputPipe {
    /// No waker is kept: whatever is pushed wakes the whole invocation.
    async fn ready(&mut self) {
        poll_fn(|_| {
            if self.0.input().would_wait() {
                Poll::Pending
            } else {
                Poll::Ready(())
            }
        })
        .await
    }
}

#[wasmtime_wasi::async_trait]
impl InputStream for InputPipe {
    fn read(&mut self, size: usize) -> StreamResult<Bytes> {
        if size == 0 {
            return Ok(Bytes::new());
        }
        let read = self.0.input().read(size);
        match read {
            Read::Chunk(chunk) => {
                if let Some(host) = self.0.host() {
                    host.input_consumed(chunk.len());
                }
                Ok(chunk)
            }
            Read::Empty => Ok(Bytes::new()),
            Read::Ended => Err(StreamError::Closed),
        }
    }
}

#[derive(Clone)]
pub struct Stdout {
    pub session: Arc<Session>,
    pub stream: Output,
}

impl IsTerminal for Stdout {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for Stdout {
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        unreachable!("{NOT_LINKED}")
    }

    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(self.clone())
    }
}

impl Stdout {
    /// None once the invocation is over.
    fn room(&self) -> Option<usize> {
        self.session
            .host()
            .map(|host| host.output_room(self.stream))
    }

    async fn room_to_write(&self) -> StreamResult<usize> {
        poll_fn(|_| match self.room() {
            None => Poll::Ready(Err(StreamError::Closed)),
            Some(0) => Poll::Pending,
            Some(room) => Poll::Ready(Ok(room)),
        })
        .await
    }

    fn send(&self, data: &[u8]) -> StreamResult<()> {
        let host = self.session.host().ok_or(StreamError::Closed)?;
        host.output(self.stream, data);
        Ok(())
    }
}

#[wasmtime_wasi::async_trait]
impl Pollable for Stdout {
    async fn ready(&mut self) {
        // A closed stream is ready: the next write says so.
        let _closed = self.room_to_write().await;
    }
}

#[wasmtime_wasi::async_trait]
impl OutputStream for Stdout {
    fn write(&mut self, data: Bytes) -> StreamResult<()> {
        if data.is_empty() {
            return Ok(());
        }
        if data.len() > self.room().ok_or(StreamError::Closed)? {
            return Err(StreamError::trap("write without the room for it"));
        }
        self.send(&data)
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        self.room().ok_or(StreamError::Closed)
    }

    async fn blocking_write_and_flush(&mut self, mut data: Bytes) -> StreamResult<()> {
        while !data.is_empty() {
            let room = self.room_to_write().await?;
            let chunk = data.split_to(data.len().min(room));
            self.send(&chunk)?;
        }
        Ok(())
    }
}
