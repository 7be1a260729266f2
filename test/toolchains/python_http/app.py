"""A wasi:http function: tells about its request, relays another server's answer, or fails."""

import asyncio
import json
import os
from urllib.parse import parse_qs, urlsplit

import poll_loop
from componentize_py_types import Ok
from poll_loop import PollLoop, Sink, Stream
from wit_world import exports
from wit_world.imports.types import (Fields, IncomingRequest, OutgoingBody, OutgoingRequest, OutgoingResponse,
                                     ResponseOutparam, Scheme_Http)


class IncomingHandler(exports.IncomingHandler):
    def handle(self, request: IncomingRequest, response_out: ResponseOutparam) -> None:
        loop = PollLoop()
        asyncio.set_event_loop(loop)
        loop.run_until_complete(answer(request, response_out))


async def answer(request: IncomingRequest, response_out: ResponseOutparam):
    url = urlsplit(request.path_with_query() or "/")
    if url.path.endswith("/fail"):
        raise ValueError("asked to fail")
    if url.path.endswith("/relay"):
        fields, body = await relay(parse_qs(url.query)["url"][0])
    else:
        fields, body = await describe(request, url.path)
    response = OutgoingResponse(Fields.from_list(fields))
    outgoing = response.body()
    ResponseOutparam.set(response_out, Ok(response))
    sink = Sink(outgoing)
    await sink.send(body)
    sink.close()


async def describe(request: IncomingRequest, path: str):
    told = {
        "method": type(request.method()).__name__.removeprefix("Method_").upper(),
        "path": path,
        "header": b"".join(request.headers().get("x-test")).decode(),
        "greeting": os.environ["GREETING"],
        "body": (await read_all(request)).decode(),
    }
    return [("content-type", b"application/json")], json.dumps(told).encode()


async def relay(url: str):
    parts = urlsplit(url)
    request = OutgoingRequest(Fields())
    request.set_scheme(Scheme_Http())
    request.set_authority(parts.netloc)
    request.set_path_with_query(parts.path)
    OutgoingBody.finish(request.body(), None)
    peer = await poll_loop.send(request)
    return [("x-from", b"relay")], b"%d %s" % (peer.status(), await read_all(peer))


async def read_all(message) -> bytes:
    stream = Stream(message.consume())
    body = bytearray()
    while (chunk := await stream.next()) is not None:
        body += chunk
    return bytes(body)
