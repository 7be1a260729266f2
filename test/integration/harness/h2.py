"""HTTP/2 frame by frame, for peers that no library would play: tests say which bytes go out, and in which order."""

import struct

from .wire import WAIT_SECONDS, Connection

DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = range(10)
END_STREAM = ACK = 0x1
END_HEADERS = 0x4
INITIAL_WINDOW_SIZE = 4
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"


def frame(kind: int, flags: int = 0, stream: int = 0, payload: bytes = b"") -> bytes:
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload


def settings(**values) -> bytes:
    """settings(initial_window_size=0)"""
    numbers = {"initial_window_size": INITIAL_WINDOW_SIZE}
    return frame(SETTINGS, payload=b"".join(struct.pack(">HI", numbers[name], value) for name, value in values.items()))


def _integer(value: int, bits: int, first: int = 0) -> bytes:
    most = (1 << bits) - 1
    if value < most:
        return bytes([first | value])
    out = [first | most]
    value -= most
    while value >= 128:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes(out + [value])


def field(name: str, value: str, indexed: bool = False) -> bytes:
    """A literal, which the peer keeps in its table only if `indexed`."""
    text = b"".join(_integer(len(part), 7) + part.encode() for part in (name, value))
    return (b"\x40" if indexed else b"\x00") + text


def table_entry(index: int) -> bytes:
    """A field that is in the table: 62 is the one added last."""
    return _integer(index, 7, 0x80)


def request_fields(target: str, method: str = "GET", *more: bytes) -> bytes:
    pairs = ((":method", method), (":scheme", "http"), (":path", target), (":authority", "box.test"))
    return b"".join(field(name, value) for name, value in pairs) + b"".join(more)


def request(stream: int, target: str, method: str = "GET", end: bool = True) -> bytes:
    return frame(HEADERS, END_HEADERS | (END_STREAM if end else 0), stream, request_fields(target, method))


class Peer(Connection):
    """A client's end of one connection; the preface and the settings have been sent."""

    def __init__(self, address, timeout: float = WAIT_SECONDS, **its_settings):
        super().__init__(address, timeout)
        self.send(PREFACE + settings(**its_settings))

    def frames(self):
        """(type, flags, stream, payload) of each frame that comes, until the connection ends."""
        while True:
            while len(self._buffer) < 9 or len(self._buffer) < 9 + int.from_bytes(self._buffer[:3], "big"):
                try:
                    piece = self.socket.recv(1 << 16)
                except ConnectionError:
                    return
                if not piece:
                    return
                self._buffer += piece
            size = int.from_bytes(self._buffer[:3], "big")
            kind, flags = self._buffer[3], self._buffer[4]
            stream = int.from_bytes(self._buffer[5:9], "big") & 0x7FFFFFFF
            payload, self._buffer = self._buffer[9:9 + size], self._buffer[9 + size:]
            yield kind, flags, stream, payload

    def ended_streams(self, count: int) -> set:
        """Waits until the peer has ended so many streams."""
        ended = set()
        for kind, flags, stream, _ in self.frames():
            if kind == RST_STREAM or (kind in (DATA, HEADERS) and flags & END_STREAM):
                ended.add(stream)
                if len(ended) == count:
                    break
        return ended

    def is_ended(self) -> bool:
        """Whether the box ends the connection within the time limit of the socket."""
        try:
            for _ in self.frames():
                pass
            return True
        except TimeoutError:
            return False
