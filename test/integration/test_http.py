"""HTTP as it comes over the wire: framing, limits, smuggling, both versions."""

import shutil
import socket
import struct
import subprocess
import time

from harness import wire
from harness.box import eventually
from harness.case import BoxCase

# What must be answered 400 (or another refusal) and then closed, because two parsers could disagree on it.
SMUGGLING = {
    "both framings": b"POST /t/echo HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "two lengths": b"POST /t/echo HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello!",
    "list of lengths": b"POST /t/echo HTTP/1.1\r\nHost: a\r\nContent-Length: 5, 6\r\n\r\nhello!",
    "signed length": b"POST /t/echo HTTP/1.1\r\nHost: a\r\nContent-Length: +5\r\n\r\nhello",
    "negative length": b"POST /t/echo HTTP/1.1\r\nHost: a\r\nContent-Length: -5\r\n\r\nhello",
    "length in hex": b"POST /t/echo HTTP/1.1\r\nHost: a\r\nContent-Length: 0x5\r\n\r\nhello",
    "length beyond 64 bits": b"POST /t/echo HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999\r\n\r\n",
    "chunked is not last": b"POST /t/echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n",
    "chunked twice": b"POST /t/echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
    "unknown coding": b"POST /t/echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "coding in HTTP/1.0": b"POST /t/echo HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "space before the colon": b"POST /t/echo HTTP/1.1\r\nHost: a\r\nContent-Length : 5\r\n\r\nhello",
    "folded header": b"POST /t/echo HTTP/1.1\r\nHost: a\r\nX-A: a\r\n Content-Length: 5\r\n\r\n",
    "NUL in a header": b"GET /t/echo HTTP/1.1\r\nHost: a\r\nX-A: a\0b\r\n\r\n",
    "bare CR in a header": b"GET /t/echo HTTP/1.1\r\nHost: a\r\nX-A: a\rX-B: b\r\n\r\n",
    "chunk size with a sign": b"POST /t/echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n+5\r\nhello\r\n0\r\n\r\n",
    "chunk size in 0x": b"POST /t/echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0x5\r\nhello\r\n0\r\n\r\n",
    "chunk size beyond 64 bits": b"POST /t/echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
                                 b"fffffffffffffffff\r\nhello\r\n0\r\n\r\n",
    "chunk without its end": b"POST /t/echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhelloXX0\r\n\r\n",
    "no host": b"GET /t/echo HTTP/1.1\r\n\r\n",
    "two hosts": b"GET /t/echo HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
    "not HTTP": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
    "space in the target": b"GET /t/ec ho HTTP/1.1\r\nHost: a\r\n\r\n",
}
SMUGGLED = b"GET /t/hello HTTP/1.1\r\nHost: a\r\n\r\n"


class Http1(BoxCase):
    functions = {
        "t/hello": ("hello", {}),
        "t/echo": ("echo", {}),
        "t/web": ("http_echo", {}),
        "t/stream": ("http_stream", {}),
    }

    def test_no_request_smuggling(self):
        """Each is refused, and whatever follows on that connection is never served."""
        for name, request in SMUGGLING.items():
            with self.subTest(name), self.box.connect() as connection:
                connection.send(request)
                try:
                    connection.send(SMUGGLED)
                    answer = connection.read_until_closed()
                except (BrokenPipeError, ConnectionResetError):
                    answer = b""
                self.assertNotIn(b"hello, world", answer)
                self.assertNotIn(b" 200 ", answer.split(b"\r\n")[0])
        self.assertEqual(self.box.call("/t/hello").status, 200)

    def test_same_length_twice_is_refused_or_one_length(self):
        with self.box.connect() as connection:
            connection.send(b"POST /t/echo HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\nhello")
            reply = connection.reply()
            self.assertTrue(reply.status == 400 or reply.body == b"hello")

    def test_keep_alive_and_pipelining(self):
        with self.box.connect() as connection:
            connection.send(wire.request_bytes("GET", "/t/hello") * 20)
            for _ in range(20):
                self.assertEqual(connection.reply().text, "hello, world\n")

    def test_pipelined_bodies_keep_their_order(self):
        with self.box.connect() as connection:
            connection.send(b"".join(wire.request_bytes("POST", "/t/echo", body=b"%d" % i) for i in range(10)))
            self.assertEqual([connection.reply().body for _ in range(10)], [b"%d" % i for i in range(10)])

    def test_close_when_asked(self):
        with self.box.connect() as connection:
            connection.send(wire.request_bytes("GET", "/t/hello", {"Connection": "close"}))
            self.assertEqual(connection.reply().status, 200)
            self.assertEqual(connection.read_some(), b"")

    def test_http_1_0(self):
        with self.box.connect() as connection:
            connection.send(b"GET /t/hello HTTP/1.0\r\n\r\n")
            self.assertTrue(connection.read_until_closed().endswith(b"hello, world\n"))

    def test_expect_100_continue(self):
        with self.box.connect() as connection:
            connection.send(wire.request_bytes("POST", "/t/echo", {"Expect": "100-continue", "Content-Length": "5"}))
            self.assertEqual(connection.head().status, 100)
            connection.send(b"hello")
            self.assertEqual(connection.reply().body, b"hello")

    def test_trailers_after_a_chunked_body(self):
        with self.box.connect() as connection:
            connection.send(wire.request_bytes("POST", "/t/web", {"Transfer-Encoding": "chunked"}))
            connection.send(wire.chunk(b"hello") + b"0\r\nX-Sum: 1\r\n\r\n")
            self.assertEqual(connection.reply().body, b"hello")
            connection.send(wire.request_bytes("GET", "/t/hello"))
            self.assertEqual(connection.reply().status, 200)

    def test_upgrades_are_refused_politely(self):
        reply = self.box.call("/t/hello", headers={"Connection": "Upgrade", "Upgrade": "websocket"})
        self.assertNotEqual(reply.status, 101)

    def test_no_route(self):
        for target in ("/", "/t", "/t/nothing", "/nobody/hello", "/-/metrics", "/-/admin"):
            self.assertEqual(self.box.call(target).status, 404, target)

    def test_health(self):
        self.assertEqual(self.box.call("/-/healthz").status, 200)
        self.assertEqual(self.box.call("/-/readyz").status, 200)

    def test_too_many_headers(self):
        headers = [(f"X-{i}", "v") for i in range(100_000)]
        with self.box.connect() as connection:
            try:
                connection.send(wire.request_bytes("GET", "/t/hello", headers))
            except (BrokenPipeError, ConnectionResetError):
                pass
            try:
                self.assertEqual(connection.reply().status, 431)
            except wire.Closed:
                pass  # the answer was overtaken by the reset that our unread bytes cause
        self.assertEqual(self.box.call("/t/hello").status, 200)

    def test_header_too_long(self):
        self.assertEqual(self.box.call("/t/hello", headers={"X-Long": "v" * 40_000}).status, 431)

    def test_target_too_long(self):
        self.assertIn(self.box.call("/t/hello?" + "v" * 20_000).status, (414, 431))

    def test_a_byte_a_second_is_ended(self):
        """The head has a time limit as a whole; trickling does not stretch it. Others are served meanwhile."""
        with self.box.connect() as connection:
            connection.socket.settimeout(0.5)
            answer = b""
            # Five times as long as the limit.
            for byte in b"GET /t/hello HTTP/1.1\r\nHost: " + b"a" * 70:
                try:
                    connection.send(bytes([byte]))
                except ConnectionError:
                    pass  # ended meanwhile; the answer is still there to be read
                try:
                    answer = connection.read_some()
                    break
                except TimeoutError:
                    self.assertEqual(self.box.call("/t/hello").status, 200)
            self.assertIn(b"408", answer.split(b"\r\n")[0])

    def test_a_stalled_reader_stops_the_guest(self):
        """What nobody reads is not produced: the box holds at most some buffers of it."""
        self.box.call("/t/stream?chunks=1&ms=0&size=65536")
        before = self.box.resident_bytes()
        connections = []
        for _ in range(20):
            connection = self.box.connect()
            connection.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            connection.send(wire.request_bytes("GET", "/t/stream?chunks=2000&ms=0&size=65536"))
            connections.append(connection)
        time.sleep(1.5)
        growth = self.box.resident_bytes() - before
        for connection in connections:
            connection.close()
        self.assertLess(growth, 40 << 20)


class Http2(BoxCase):
    functions = {"t/hello": ("hello", {}), "t/echo": ("echo", {}), "t/web": ("http_headers", {})}

    def setUp(self):
        for tool in ("curl", "h2load"):
            self.assertIsNotNone(shutil.which(tool), f"{tool} is needed (./dev setup installs it)")

    def url(self, target):
        return "http://%s:%d%s" % (*self.box.address, target)

    def curl(self, *arguments, **options):
        # Neither a .curlrc nor a proxy of the machine's counts.
        done = subprocess.run(["curl", "-q", "-sS", "--noproxy", "*", "--max-time", str(wire.WAIT_SECONDS),
                               "--http2-prior-knowledge", *arguments],
                              capture_output=True, check=True, **options)
        return done.stdout

    def test_get(self):
        out = self.curl("-w", "%{http_version} %{http_code}", self.url("/t/hello"))
        self.assertEqual(out, b"hello, world\n2 200")

    def test_post(self):
        body = bytes(range(256)) * 4000
        self.assertEqual(self.curl("--data-binary", "@-", self.url("/t/echo"), input=body), body)

    def test_the_guest_sees_an_ordinary_request(self):
        lines = self.curl(self.url("/t/web/x?y=1")).decode().splitlines()
        self.assertTrue(lines[0].startswith("GET /"), lines)
        self.assertFalse([line for line in lines if line.startswith(":")], lines)

    def test_many_streams_on_few_connections(self):
        done = subprocess.run(["h2load", "-n", "2000", "-c", "4", "-m", "50", self.url("/t/hello")],
                              capture_output=True, text=True, check=True)
        self.assertIn("2000 succeeded, 0 failed", done.stdout)

    def test_both_versions_on_one_port(self):
        self.assertEqual(self.box.call("/t/hello").status, 200)
        self.assertIn(b"hello", self.curl(self.url("/t/hello")))


class Clients(BoxCase):
    functions = {
        "t/spin": ("spin", {"limits": {"timeout": "600s"}}),
        "t/sleep": ("sleep", {"limits": {"timeout": "600s"}}),
        "t/echo": ("echo", {}),
        "t/linger": ("http_linger", {}),
        "t/stream": ("http_stream", {"limits": {"timeout": "600s"}}),
        "t/late": ("read_late", {"limits": {"timeout": "600s"}}),
        "t/hello": ("hello", {}),
    }

    def live(self):
        return self.box.metrics().sum("wasabi_invocations")

    def test_client_gone_cancels(self):
        for target in ("/t/spin", "/t/sleep?ms=600000", "/t/stream?chunks=10000&ms=50"):
            with self.subTest(target):
                trace, header = wire.new_trace()
                with self.box.connect() as connection:
                    connection.send(wire.request_bytes("GET", target, [header]))
                    eventually(lambda: self.live() == 1, what="one live invocation")
                eventually(lambda: self.live() == 0, what="no live invocation")
                self.assertEqual(self.box.access_line(trace)["reason"], "client.gone")

    def test_a_client_that_leaves_with_the_whole_answer_cancels_nothing(self):
        trace, header = wire.new_trace()
        with self.box.connect() as connection:
            connection.send(wire.request_bytes("GET", "/t/linger?ms=300", [header]))
            reply = connection.reply()
            self.assertEqual((reply.text, reply.complete), ("whole\n", True))
        self.assertEqual(self.box.access_line(trace)["outcome"], "ok")
        eventually(lambda: any(line["line"] == "lingered" for line in self.box.function_lines()), what="the work after it")

    def test_client_gone_in_mid_body(self):
        trace, header = wire.new_trace()
        with self.box.connect() as connection:
            connection.send(wire.request_bytes("POST", "/t/echo", [header, ("Content-Length", "1000")], b"half"))
            eventually(lambda: self.live() == 1)
        eventually(lambda: self.live() == 0)
        self.assertEqual(self.box.access_line(trace)["reason"], "client.gone")

    def test_a_guest_that_does_not_read_parks_its_sender(self):
        size = 64 << 20
        before = self.box.resident_bytes()
        trace, header = wire.new_trace()
        with self.box.connect() as connection:
            request = [header, ("Content-Length", str(size))]
            connection.send(wire.request_bytes("POST", "/t/late?ms=600000", request))
            eventually(lambda: self.box.metrics().sum("wasabi_invocations", state="parked") == 1)
            connection.socket.settimeout(0.5)
            sent = 0
            try:
                while sent < size:
                    sent += connection.socket.send(bytes(1 << 20))
            except TimeoutError:
                pass
            self.assertLess(sent, size // 2)
            self.assertLess(self.box.resident_bytes() - before, 8 << 20)
            self.assertEqual(self.box.admin("/-/cancel?request=" + trace, method="POST").status, 200)
        self.assertEqual(self.box.call("/t/late?ms=300", method="POST", body=bytes(size)).text, f"{size}\n")

    def test_a_client_that_resets_while_its_body_is_not_read_cancels(self):
        trace, header = wire.new_trace()
        with self.box.connect() as connection:
            connection.send(wire.request_bytes("POST", "/t/late?ms=600000", [header, ("Content-Length", str(64 << 20))]))
            eventually(lambda: self.live() == 1, what="one live invocation")
            connection.socket.settimeout(0.5)
            with self.assertRaises(TimeoutError):
                while True:
                    connection.socket.send(bytes(1 << 20))
            connection.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        eventually(lambda: self.live() == 0, what="no live invocation")
        self.assertEqual(self.box.access_line(trace)["reason"], "client.gone")

    def test_no_growth_over_many_vanishing_clients(self):
        def vanish(count):
            # Few at once: how many there are decides how many slots of the pool stay warm.
            for _ in range(count // 50):
                for _ in range(50):
                    with self.box.connect() as connection:
                        connection.send(wire.request_bytes("POST", "/t/echo", {"Content-Length": "1000"}, b"half"))
                eventually(lambda: self.live() == 0)
        vanish(1000)
        before = self.box.resident_bytes()
        vanish(4000)
        self.assertLess(self.box.resident_bytes() - before, 8 << 20)
        self.assertEqual(self.box.call("/t/hello").status, 200)

