//! Requests that guests make: handed to the host, which carries them out and pushes the answers back.

use crate::byte_queue::ByteQueue;
use crate::ffi::abi::{self, OutboundFailure};
use crate::ffi::host::OutboundRequest;
use crate::session::{Session, lock};
use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use http_body::{Body, Frame};
use http_body_util::BodyExt;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::sync::oneshot;
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody};

const DEFAULT_TIMEOUT: Duration = Duration::from_secs(600);

type Answer = (
    http::Response<WasiBody>,
    Box<dyn Future<Output = Result<(), Error>> + Send>,
);
/// What the engine awaits on a tokio thread: it only waits for the head and calls nobody.
pub type SendFuture = Box<dyn Future<Output = Result<Answer, Error>> + Send>;

/// The requests under way of one instance.
pub struct Exchanges {
    next_id: u64,
    live: Vec<Exchange>,
}

/// One request, until the host has ended it or the guest has given it up.
struct Exchange {
    id: u64,
    head: Option<oneshot::Sender<Result<Head, Error>>>,
    request_body: Option<WasiBody>,
    response: Arc<Mutex<ResponseState>>,
}

struct Head {
    status: StatusCode,
    headers: HeaderMap,
}

/// The response's body as far as it came. The host bounds it: it hears of every byte taken by `outbound_consumed`.
struct ResponseState {
    bytes: ByteQueue,
    end: Option<Result<HeaderMap, Error>>,
    /// The guest dropped the response, or the future of it, possibly on a tokio thread.
    given_up: bool,
}

impl Exchanges {
    pub fn new() -> Exchanges {
        Exchanges {
            next_id: 1,
            live: Vec::new(),
        }
    }

    /// Forgets all and says which ones the host still believes in.
    pub fn give_up_all(&mut self) -> Vec<u64> {
        self.live.drain(..).map(|exchange| exchange.id).collect()
    }

    fn find(&mut self, id: u64) -> Option<&mut Exchange> {
        self.live.iter_mut().find(|exchange| exchange.id == id)
    }

    fn remove(&mut self, id: u64) -> Option<Exchange> {
        let index = self.live.iter().position(|exchange| exchange.id == id)?;
        Some(self.live.swap_remove(index))
    }

    pub fn head(&mut self, id: u64, status: u16, headers: HeaderMap) {
        let Some(sender) = self.find(id).and_then(|exchange| exchange.head.take()) else {
            return;
        };
        let head = StatusCode::from_u16(status)
            .map(|status| Head { status, headers })
            .map_err(|_| Error::HttpProtocolError);
        // Nobody waits any more if the guest gave up; the next poll tells the host.
        let _given_up = sender.send(head);
    }

    pub fn push(&mut self, id: u64, data: &[u8]) {
        if let Some(exchange) = self.find(id) {
            lock(&exchange.response).bytes.push(data);
        }
    }

    pub fn end(&mut self, id: u64, trailers: HeaderMap) {
        if let Some(exchange) = self.remove(id) {
            lock(&exchange.response).end = Some(Ok(trailers));
        }
    }

    pub fn fail(&mut self, id: u64, failure: OutboundFailure) {
        if let Some(mut exchange) = self.remove(id) {
            lock(&exchange.response).end = Some(Err(error_of(failure)));
            if let Some(sender) = exchange.head.take() {
                let _given_up = sender.send(Err(error_of(failure)));
            }
        }
    }

    fn take_given_up(&mut self) -> Vec<u64> {
        let mut ids = Vec::new();
        self.live.retain(|exchange| {
            let given_up = lock(&exchange.response).given_up;
            if given_up {
                ids.push(exchange.id);
            }
            !given_up
        });
        ids
    }
}

/// Offers the request to the host. Called by the guest's own call, so inside a poll.
pub fn send(
    session: &Arc<Session>,
    request: http::Request<WasiBody>,
    options: RequestOptions,
) -> SendFuture {
    let (head, body) = request.into_parts();
    let body = (!body.is_end_stream()).then_some(body);
    let response = Arc::new(Mutex::new(ResponseState {
        bytes: ByteQueue::default(),
        end: None,
        given_up: false,
    }));
    let (sender, receiver) = oneshot::channel();
    let id = {
        let mut exchanges = session.exchanges();
        exchanges.next_id += 1;
        exchanges.next_id
    };
    let Some(host) = session.host() else {
        return Box::new(async { Err(Error::ConnectionTerminated) });
    };
    let offer = OutboundRequest {
        method: head.method.as_str(),
        tls: head.uri.scheme() == Some(&http::uri::Scheme::HTTPS),
        authority: head.uri.authority().map_or("", |a| a.as_str()),
        path: head.uri.path_and_query().map_or("/", |p| p.as_str()),
        headers: &head.headers,
        has_body: body.is_some(),
        connect_timeout: nanoseconds(options.connect_timeout),
        first_byte_timeout: nanoseconds(options.first_byte_timeout),
        between_bytes_timeout: nanoseconds(options.between_bytes_timeout),
    };
    if let Err(failure) = host.outbound_start(id, &offer) {
        return Box::new(async move { Err(error_of(failure)) });
    }
    session.exchanges().live.push(Exchange {
        id,
        head: Some(sender),
        request_body: body,
        response: Arc::clone(&response),
    });
    let body = ResponseBody {
        session: Arc::clone(session),
        id,
        state: response,
    };
    Box::new(async move {
        let head = receiver.await.unwrap_or(Err(Error::ConnectionTerminated))?;
        let mut response = http::Response::new(body.boxed_unsync());
        *response.status_mut() = head.status;
        *response.headers_mut() = head.headers;
        let nothing_more: Box<dyn Future<Output = _> + Send> = Box::new(async { Ok(()) });
        Ok((response, nothing_more))
    })
}

/// Moves what guests wrote of their requests' bodies to the host, and tells it what they gave up.
pub fn pump(session: &Session, context: &mut Context<'_>) {
    let Some(host) = session.host() else {
        return;
    };
    if session.exchanges().live.is_empty() {
        return;
    }
    for id in session.exchanges().take_given_up() {
        host.outbound_cancel(id);
    }
    let sending: Vec<(u64, WasiBody)> = session
        .exchanges()
        .live
        .iter_mut()
        .filter_map(|exchange| Some((exchange.id, exchange.request_body.take()?)))
        .collect();
    for (id, mut body) in sending {
        let ended = loop {
            if host.outbound_room(id) == 0 {
                break None;
            }
            match Pin::new(&mut body).poll_frame(context) {
                Poll::Pending => break None,
                Poll::Ready(None) => break Some(true),
                Poll::Ready(Some(Err(_))) => break Some(false),
                Poll::Ready(Some(Ok(frame))) => {
                    // Trailers of a request are dropped: the host's client does not send any.
                    if let Ok(data) = frame.into_data() {
                        host.outbound_body(id, &data);
                    }
                }
            }
        };
        match ended {
            Some(complete) => host.outbound_body_end(id, complete),
            None => {
                if let Some(exchange) = session.exchanges().find(id) {
                    exchange.request_body = Some(body);
                }
            }
        }
    }
}

/// The answer's body. Polled by the guest's own calls only; dropped on any thread.
struct ResponseBody {
    session: Arc<Session>,
    id: u64,
    state: Arc<Mutex<ResponseState>>,
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        _context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let mut state = lock(&self.state);
        if let Some(chunk) = state.bytes.pop(usize::MAX) {
            drop(state);
            if self.session.exchanges().find(self.id).is_some()
                && let Some(host) = self.session.host()
            {
                host.outbound_consumed(self.id, chunk.len());
            }
            return Poll::Ready(Some(Ok(Frame::data(chunk))));
        }
        match state.end.take() {
            None => Poll::Pending,
            Some(Err(error)) => {
                state.end = Some(Ok(HeaderMap::new()));
                Poll::Ready(Some(Err(error)))
            }
            Some(Ok(trailers)) => {
                state.end = Some(Ok(HeaderMap::new()));
                Poll::Ready((!trailers.is_empty()).then(|| Ok(Frame::trailers(trailers))))
            }
        }
    }
}

impl Drop for ResponseBody {
    fn drop(&mut self) {
        let mut state = lock(&self.state);
        let ended = state.end.is_some();
        state.given_up = true;
        drop(state);
        if !ended {
            self.session.notify();
        }
    }
}

fn nanoseconds(timeout: Option<Duration>) -> u64 {
    u64::try_from(timeout.unwrap_or(DEFAULT_TIMEOUT).as_nanos()).unwrap_or(u64::MAX)
}

fn error_of(failure: OutboundFailure) -> Error {
    match failure {
        abi::OUTBOUND_DENIED => Error::HttpRequestDenied,
        abi::OUTBOUND_DNS => Error::DnsError {
            rcode: None,
            info_code: None,
        },
        abi::OUTBOUND_CONNECT => Error::ConnectionRefused,
        abi::OUTBOUND_TIMEOUT => Error::ConnectionTimeout,
        abi::OUTBOUND_TLS => Error::TlsProtocolError,
        abi::OUTBOUND_CERTIFICATE => Error::TlsCertificateError,
        abi::OUTBOUND_PROTOCOL => Error::HttpProtocolError,
        abi::OUTBOUND_DISCONNECTED => Error::ConnectionTerminated,
        abi::OUTBOUND_LIMIT => Error::ConnectionLimitReached,
        _ => Error::InternalError(None),
    }
}
