"""HTTP/1.1 by hand: tests say what goes over the wire and see what comes back, byte by byte."""

import dataclasses
import secrets
import socket

# Ends a broken test; times nothing.
WAIT_SECONDS = 60


@dataclasses.dataclass
class Reply:
    status: int
    headers: list  # (name in lower case, value), in order
    body: bytes
    complete: bool  # False: the connection ended before the body did
    trailers: list = dataclasses.field(default_factory=list)
    trace: str = ""  # the trace id the request was sent with: how the logs name it

    def header(self, name: str) -> str | None:
        values = [value for key, value in self.headers if key == name.lower()]
        return values[0] if values else None

    def all(self, name: str) -> list:
        return [value for key, value in self.headers if key == name.lower()]

    @property
    def text(self) -> str:
        return self.body.decode("utf-8", "replace")


class Closed(Exception):
    """The peer ended the connection where a reply was due."""


class Connection:
    """One connection to a box. `address` is (host, port) or the path of a unix socket."""

    def __init__(self, address, timeout: float = WAIT_SECONDS):
        family = socket.AF_INET if isinstance(address, tuple) else socket.AF_UNIX
        self.socket = socket.socket(family, socket.SOCK_STREAM)
        self.socket.settimeout(timeout)
        try:
            self.socket.connect(address)
        except OSError:
            self.socket.close()
            raise
        self._buffer = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.socket.close()

    def send(self, data: bytes | str):
        self.socket.sendall(data.encode() if isinstance(data, str) else data)

    def end(self):
        """No more bytes from us."""
        self.socket.shutdown(socket.SHUT_WR)

    def read_some(self, size: int = 65536) -> bytes:
        """What has come, at least a byte; empty at the end."""
        if self._buffer:
            data, self._buffer = self._buffer[:size], self._buffer[size:]
            return data
        try:
            return self.socket.recv(size)
        except ConnectionError:
            return b""

    def read_until_closed(self) -> bytes:
        return b"".join(iter(self.read_some, b""))

    def read_until_end_of_chunks(self) -> bytes:
        """The raw rest of a chunked body, its last chunk included."""
        data = b""
        while not data.endswith(b"0\r\n\r\n") and (piece := self.read_some()):
            data += piece
        return data

    def reply(self, to: str = "GET") -> Reply:
        """The next final response; interim ones are skipped."""
        while True:
            reply = self._one_reply(to)
            if reply.status >= 200:
                return reply

    def head(self) -> Reply:
        """Only the head of the next response, with an empty body."""
        status_line = self._line()
        parts = status_line.split(" ", 2)
        if len(parts) < 2 or not parts[0].startswith("HTTP/1."):
            raise AssertionError(f"not a status line: {status_line!r}")
        return Reply(int(parts[1]), self._fields(), b"", True)

    def _one_reply(self, to: str) -> Reply:
        reply = self.head()
        if to == "HEAD" or reply.status < 200 or reply.status in (204, 304):
            return reply
        if "chunked" in (reply.header("transfer-encoding") or ""):
            self._chunked(reply)
        elif reply.header("content-length") is not None:
            size = int(reply.header("content-length"))
            reply.body = self._exactly(size)
            reply.complete = len(reply.body) == size
        else:
            reply.body = self.read_until_closed()
        return reply

    def _chunked(self, reply: Reply):
        pieces = []
        try:
            while size := int(self._line().split(";")[0], 16):
                piece = self._exactly(size + 2)
                pieces.append(piece[:size])
                if len(piece) < size + 2:
                    raise Closed
            reply.trailers = self._fields()
        except (Closed, ValueError):
            reply.complete = False
        reply.body = b"".join(pieces)

    def _fields(self) -> list:
        fields = []
        while line := self._line():
            name, _, value = line.partition(":")
            fields.append((name.lower(), value.strip()))
        return fields

    def _line(self) -> str:
        while b"\n" not in self._buffer:
            self._fill()
        line, _, self._buffer = self._buffer.partition(b"\n")
        return line.rstrip(b"\r").decode("latin-1")

    def _exactly(self, size: int) -> bytes:
        pieces = []
        while size > 0 and (piece := self.read_some(min(size, 1 << 20))):
            pieces.append(piece)
            size -= len(piece)
        return b"".join(pieces)

    def _fill(self):
        try:
            piece = self.socket.recv(65536)
        except ConnectionError as error:
            raise Closed from error
        if not piece:
            raise Closed
        self._buffer += piece


def request_bytes(method: str, target: str, headers: dict | list | None = None, body: bytes = b"") -> bytes:
    fields = list(headers.items()) if isinstance(headers, dict) else list(headers or [])
    names = {name.lower() for name, _ in fields}
    if "host" not in names:
        fields.insert(0, ("Host", "box.test"))
    if body and "content-length" not in names and "transfer-encoding" not in names:
        fields.append(("Content-Length", str(len(body))))
    head = f"{method} {target} HTTP/1.1\r\n" + "".join(f"{name}: {value}\r\n" for name, value in fields)
    return head.encode("latin-1") + b"\r\n" + body


def new_trace() -> tuple:
    """A trace id, and the traceparent header that carries it."""
    trace = secrets.token_hex(16)
    return trace, ("traceparent", f"00-{trace}-{secrets.token_hex(8)}-01")


def call(address, target: str, method: str = "GET", headers=None, body: bytes = b"", timeout: float = WAIT_SECONDS) -> Reply:
    """One request on a connection of its own."""
    with Connection(address, timeout) as connection:
        connection.send(request_bytes(method, target, headers, body))
        return connection.reply(method)


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)
