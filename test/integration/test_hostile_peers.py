"""Clients that keep to HTTP/2, or nearly, and mean harm: the box answers the others and holds little for these."""

import socket
import struct
import time

from harness import h2, wire
from harness.box import eventually
from harness.case import BoxCase


class Http2(BoxCase):
    functions = {
        "t/hello": ("hello", {}),
        "t/sleep": ("sleep", {}),
        "t/echo": ("echo", {}),
        "t/write": ("write", {"limits": {"concurrency": 10_000}}),
    }

    def peer(self, timeout: float = wire.WAIT_SECONDS, **settings):
        return h2.Peer(self.box.address, timeout, **settings)

    def tearDown(self):
        self.assertEqual(self.box.call("/t/hello").text, "hello, world\n")
        eventually(lambda: self.box.metrics().sum("wasabi_invocations") == 0, what="no live invocation")

    def send(self, peer, data: bytes):
        try:
            peer.send(data)
        except OSError:
            pass  # ended under it, as it should be

    def ends(self, data: bytes):
        """For what it is: the time limit of a head (10 s) would be later."""
        with self.peer(8) as peer:
            self.send(peer, data)
            return peer.is_ended()

    def test_it_is_understood(self):
        with self.peer() as peer:
            peer.send(h2.request(1, "/t/hello"))
            self.assertEqual(peer.ended_streams(1), {1})

    def test_floods_end_the_connection(self):
        reset = [h2.request(i, "/t/sleep?ms=5000") + h2.frame(h2.RST_STREAM, 0, i, struct.pack(">I", 8))
                 for i in range(1, 10_001, 2)]
        reset_by_us = [h2.request(i, "/t/sleep?ms=5000") + h2.frame(h2.WINDOW_UPDATE, 0, i, bytes(4))
                       for i in range(1, 10_001, 2)]
        floods = {
            "rapid reset": b"".join(reset),
            "requests that we must reset": b"".join(reset_by_us),
            "continuations": h2.frame(h2.HEADERS, 0, 1, h2.request_fields("/t/hello")) +
            h2.frame(h2.CONTINUATION, 0, 1, h2.field("x", "y" * 100)) * 10_000,
            "empty continuations": h2.frame(h2.HEADERS, 0, 1, h2.request_fields("/t/hello")) +
            h2.frame(h2.CONTINUATION, 0, 1) * 10_000,
            "more streams than allowed": b"".join(h2.request(i, "/t/sleep?ms=3000") for i in range(1, 10_001, 2)),
        }
        for name, flood in floods.items():
            with self.subTest(name):
                self.assertTrue(self.ends(flood))

    def test_floods_that_are_not_read(self):
        before = self.box.resident_bytes()
        for kind in (h2.frame(h2.PING, payload=bytes(8)), h2.settings(), h2.frame(h2.PRIORITY, 0, 1, bytes(4) + b"\1"),
                     h2.frame(77, 0, 1, b"junk"), h2.frame(h2.WINDOW_UPDATE, payload=b"\0\0\0\1")):
            with self.peer(2) as peer:
                self.send(peer, kind * 200_000)
        self.assertLess(self.box.resident_bytes() - before, 8 << 20)

    def test_windows_that_stay_closed(self):
        """A thousand answers that nobody takes wait in their guests, not in the box."""
        with self.peer(initial_window_size=0) as peer:
            peer.send(b"".join(h2.request(i, "/t/write?bytes=300000&chunk=4096") for i in range(1, 2001, 2)))
            eventually(lambda: self.box.metrics().sum("wasabi_invocations") > 900)
            time.sleep(0.5)
            self.assertLess(self.box.metrics().sum("wasabi_http_buffered_bytes"), 160 << 20)

    def test_windows_that_open_by_a_byte(self):
        with self.peer(initial_window_size=0) as peer:
            peer.send(h2.request(1, "/t/write?bytes=5000") + h2.frame(h2.WINDOW_UPDATE, 0, 1, b"\0\0\0\1") * 5000)
            body = 0
            for kind, flags, _, payload in peer.frames():
                body += len(payload) if kind == h2.DATA else 0
                if kind == h2.DATA and flags & h2.END_STREAM:
                    break
            self.assertEqual(body, 5000)

    def test_a_head_that_never_ends(self):
        start = time.monotonic()
        with self.peer() as peer:
            peer.send(h2.frame(h2.HEADERS, h2.END_STREAM, 1, h2.request_fields("/t/hello")))
            self.assertTrue(peer.is_ended())
        self.assertGreater(time.monotonic() - start, 5)

    def test_a_head_that_explodes(self):
        with self.peer() as peer:
            entry = h2.field("x", "a" * 4000, indexed=True)
            block = h2.request_fields("/t/hello", "GET", entry, h2.table_entry(62) * 12_000)
            peer.send(h2.frame(h2.HEADERS, h2.END_HEADERS | h2.END_STREAM, 1, block) + h2.request(3, "/t/hello"))
            ends = {}
            for kind, flags, stream, _ in peer.frames():
                if stream != 0 and (kind == h2.RST_STREAM or flags & h2.END_STREAM):
                    ends[stream] = kind
                    if len(ends) == 2:
                        break
            self.assertEqual(ends, {1: h2.RST_STREAM, 3: h2.DATA})


class Http1(BoxCase):
    functions = {"t/hello": ("hello", {}), "t/write": ("write", {}), "t/late": ("read_late", {})}

    def stuck(self, count: int, data: bytes) -> list:
        """Connections that send as much of it as goes, and read nothing."""
        connections = []
        for _ in range(count):
            connection = self.box.connect()
            connection.socket.settimeout(0.3)
            connection.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            try:
                connection.send(data)
            except TimeoutError:
                pass
            connections.append(connection)
        return connections

    def test_pipelined_requests_whose_answers_nobody_reads(self):
        self.box.call("/t/write?bytes=1")
        before = self.box.resident_bytes()
        connections = self.stuck(20, wire.request_bytes("GET", "/t/write?bytes=200000") * 100)
        connections += self.stuck(20, wire.request_bytes("GET", "/t/hello") * 10_000)
        time.sleep(0.5)
        # Each holds its watermark and one answer more, some 0.5 MiB; and there are the slots of the guests.
        self.assertLess(self.box.resident_bytes() - before, 72 << 20)
        self.assertEqual(self.box.call("/t/hello").status, 200)
        for connection in connections:
            connection.close()

    def test_bodies_that_come_byte_by_byte(self):
        """A byte that waits for a guest must not cost many."""
        self.box.call("/t/late?ms=1")
        before = self.box.resident_bytes()
        head = b"POST /t/late?ms=3000 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
        connections = self.stuck(20, head + b"1\r\nx\r\n" * 300_000)
        time.sleep(0.7)
        self.assertLess(self.box.resident_bytes() - before, 60 << 20)
        for connection in connections:
            connection.close()
