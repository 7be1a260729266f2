//! wasi:http towards the guest: the request it is given and the response it makes.

use crate::ffi::abi::Output;
use crate::outbound;
use crate::session::Session;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri};
use http_body::Body;
use http_body_util::{BodyExt, Empty};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use wasmtime::component::Resource;
use wasmtime_wasi_http::p2::bindings::http::types::{ErrorCode, Scheme};
use wasmtime_wasi_http::p2::body::HyperOutgoingBody;
use wasmtime_wasi_http::p2::types::{HostIncomingRequest, HostResponseOutparam};
use wasmtime_wasi_http::{
    DEFAULT_FORBIDDEN_HEADERS, Error, ForbiddenHeaderFilter, RequestOptions, WasiBody,
    WasiHttpCtxView, WasiHttpHooks,
};

/// One write of a guest into a body; two of them may wait in the engine.
const BODY_CHUNK_BYTES: usize = 64 << 10;
const LEAST_BODY_CHUNK_BYTES: usize = 4 << 10;
/// No limit of the guest's own memory counts what its header maps and bodies hold here. So many may each be of full
/// size; of more each is smaller, so that all that its resource table has room for stay within some megabytes.
const FULL_SIZE_COUNT: usize = 16;

/// The request of a wasi:http invocation, checked.
pub struct Request {
    pub scheme: Scheme,
    pub head: http::Request<()>,
}

/// What became of the response.
pub enum Response {
    /// The guest has not answered.
    Missing,
    /// The head has been handed to the host; the body is to be drained.
    Body(HyperOutgoingBody),
    /// The body was complete and is with the host.
    Complete,
    /// The guest answered with an error, or cut its body short.
    Failed(String),
}

impl Request {
    pub fn new<'a>(
        method: &[u8],
        tls: bool,
        authority: &[u8],
        path: &[u8],
        headers: impl ExactSizeIterator<Item = (&'a [u8], &'a [u8])>,
    ) -> Result<Request, String> {
        let (scheme, uri_scheme) = match tls {
            true => (Scheme::Https, http::uri::Scheme::HTTPS),
            false => (Scheme::Http, http::uri::Scheme::HTTP),
        };
        let uri = Uri::builder()
            .scheme(uri_scheme)
            .authority(authority)
            .path_and_query(path)
            .build()
            .map_err(|error| format!("authority or path of the request: {error}"))?;
        let mut head = http::Request::new(());
        *head.method_mut() = Method::from_bytes(method)
            .map_err(|error| format!("method of the request: {error}"))?;
        *head.uri_mut() = uri;
        *head.headers_mut() = header_map(headers)?;
        Ok(Request { scheme, head })
    }

    /// The two arguments of the guest's handler.
    pub fn into_resources(
        self,
        mut http: WasiHttpCtxView<'_>,
        session: &Arc<Session>,
        has_input: bool,
    ) -> wasmtime::Result<(
        Resource<HostIncomingRequest>,
        Resource<HostResponseOutparam>,
    )> {
        let body = if has_input {
            crate::input::InputBody::new(Arc::clone(session)).boxed_unsync()
        } else {
            Empty::new().map_err(|never| match never {}).boxed_unsync()
        };
        let request = http.new_incoming_request(self.scheme, self.head.map(|()| body))?;
        let session = Arc::clone(session);
        let outparam =
            http.new_response_outparam_from_callback(move |answer| take_answer(&session, answer))?;
        Ok((request, outparam))
    }
}

fn take_answer(session: &Session, answer: Result<http::Response<HyperOutgoingBody>, ErrorCode>) {
    let response = match answer {
        Ok(response) => {
            let (head, body) = response.into_parts();
            if let Some(host) = session.host() {
                host.response_head(head.status.as_u16(), &head.headers);
            }
            Response::Body(body)
        }
        Err(code) => Response::Failed(format!("the guest answered with the error {code:?}")),
    };
    *session.response() = response;
}

/// How far the response's body has come to the host.
#[derive(PartialEq, Eq)]
pub enum Drained {
    /// There is no body to drain: none yet, or it has come to its end.
    Nothing,
    /// The host has no room.
    NoRoom,
    /// The guest has not written more.
    Starved,
}

/// Hands to the host what the guest has written of its response's body, as far as there is room.
pub fn drain_response(session: &Session, context: &mut Context<'_>) -> Drained {
    let Some(host) = session.host() else {
        return Drained::Nothing;
    };
    let mut slot = session.response();
    let Response::Body(body) = &mut *slot else {
        return Drained::Nothing;
    };
    loop {
        if host.output_room(Output::ResponseBody) == 0 {
            return Drained::NoRoom;
        }
        match Pin::new(&mut *body).poll_frame(context) {
            Poll::Pending => return Drained::Starved,
            Poll::Ready(Some(Ok(frame))) => match frame.into_data() {
                Ok(data) if data.is_empty() => {}
                Ok(data) => host.output(Output::ResponseBody, &data),
                Err(frame) => {
                    host.response_end(&frame.into_trailers().unwrap_or_default());
                    break;
                }
            },
            Poll::Ready(None) => {
                host.response_end(&HeaderMap::new());
                break;
            }
            Poll::Ready(Some(Err(error))) => {
                *slot = Response::Failed(format!("the guest cut its response short: {error}"));
                return Drained::Nothing;
            }
        }
    }
    *slot = Response::Complete;
    Drained::Nothing
}

pub fn header_map<'a>(
    fields: impl ExactSizeIterator<Item = (&'a [u8], &'a [u8])>,
) -> Result<HeaderMap, String> {
    let mut map = HeaderMap::try_with_capacity(fields.len()).map_err(|error| error.to_string())?;
    for (name, value) in fields {
        let name = HeaderName::from_bytes(name)
            .map_err(|_| format!("not a header name: {}", String::from_utf8_lossy(name)))?;
        let value = HeaderValue::from_bytes(value)
            .map_err(|_| format!("the value of header {name} has forbidden bytes"))?;
        map.try_append(name, value)
            .map_err(|error| error.to_string())?;
    }
    Ok(map)
}

fn is_forbidden(name: &HeaderName) -> bool {
    DEFAULT_FORBIDDEN_HEADERS.contains(name)
}

/// How large the next header map or body may become when so many are held.
pub fn share_of_many(full_size: usize, held: usize) -> usize {
    full_size * FULL_SIZE_COUNT / FULL_SIZE_COUNT.max(held + 1)
}

/// The engine's questions about wasi:http.
pub struct Hooks {
    session: Arc<Session>,
    /// Bodies begun by the invocation of this generation of the input.
    bodies: usize,
    generation: u64,
}

impl Hooks {
    pub fn new(session: Arc<Session>) -> Hooks {
        Hooks {
            session,
            bodies: 0,
            generation: 0,
        }
    }
}

impl WasiHttpHooks for Hooks {
    fn is_forbidden_header(&mut self, name: &HeaderName) -> bool {
        is_forbidden(name)
    }

    fn forbidden_header_filter(&mut self) -> ForbiddenHeaderFilter {
        Arc::new(is_forbidden)
    }

    fn p2_outgoing_body_chunk_size(&mut self) -> usize {
        let generation = self.session.input().generation();
        if generation != self.generation {
            self.generation = generation;
            self.bodies = 0;
        }
        self.bodies += 1;
        share_of_many(BODY_CHUNK_BYTES, self.bodies - 1).max(LEAST_BODY_CHUNK_BYTES)
    }

    fn send_request(
        &mut self,
        request: http::Request<WasiBody>,
        options: Option<RequestOptions>,
        _sent: Box<dyn Future<Output = Result<(), Error>> + Send>,
    ) -> outbound::SendFuture {
        outbound::send(&self.session, request, options.unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_header_maps_together_stay_small() {
        const MOST: usize = 128 << 10;
        let limits = (0..1000).map(|held| share_of_many(MOST, held));
        assert!(
            limits
                .clone()
                .take(FULL_SIZE_COUNT)
                .all(|limit| limit == MOST)
        );
        assert!(limits.sum::<usize>() < 12 << 20);
    }
}
