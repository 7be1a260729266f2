"""Requests that functions make: the allow-list, private addresses, relaying both ways, failures."""

import ssl
import threading
import unittest

from harness import peer
from harness.box import Box, UnusedPort, eventually, mounting, scratch
from harness.case import BoxCase
from harness.certificates import Authority

# wasi:http error codes
REFUSED, NO_TLS, CERTIFICATE, DENIED = 6, 12, 13, 15
MACHINE_CERTIFICATES = "/etc/ssl/certs/ca-certificates.crt"


class Peer(peer.Peer):
    """What functions call: /hello, /echo (POST), /slow, /headers, /cut."""

    def __init__(self, certificate: tuple = ()):
        self.ended = threading.Event()
        super().__init__(_Handler)
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*certificate)
            # Not in accept(): a handshake that fails is none of the server's loop.
            self.socket = context.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)

    def handle_error(self, request, client_address):
        """Callers that go away are part of the tests."""

    def end(self):
        self.ended.set()
        super().end()


class _Handler(peer.Echo):
    def do_GET(self):
        self.server.seen.append((self.path, {name.lower(): value for name, value in self.headers.items()}))
        if self.path == "/slow":
            self.server.ended.wait()
        if self.path == "/cut":
            self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
            self.close_connection = True
            return
        self.answer(200 if self.path != "/missing" else 404, b"peer says " + self.path.encode())


class Allowed(BoxCase):
    options = ("--allow-private-networks",)

    @classmethod
    def prepare(cls, box):
        cls.peer = Peer()
        cls.nobody = UnusedPort()
        box.put("t/call", "http_outbound", outbound=[cls.peer.authority, cls.nobody.authority])
        box.put("t/localhost", "http_outbound", outbound=["localhost:%d" % cls.peer.server_address[1]])
        box.put("t/none", "http_outbound")
        box.put("t/short", "http_outbound", outbound=[cls.peer.authority], limits={"timeout": "500ms"})

    @classmethod
    def tearDownClass(cls):
        super().tearDownClass()
        cls.nobody.close()
        cls.peer.end()

    def through(self, function, path, authority=None, **options):
        return self.box.call(f"/t/{function}?url=http://{authority or self.peer.authority}{path}", **options)

    def test_relays_status_and_body(self):
        reply = self.through("call", "/hello")
        self.assertEqual((reply.status, reply.text), (200, "peer says /hello"))
        self.assertEqual(self.through("call", "/missing").status, 404)

    def test_relays_a_request_body(self):
        body = bytes(range(256)) * 2000
        self.assertEqual(self.through("call", "/echo", method="POST", body=body).body, body)

    def test_by_name(self):
        reply = self.through("localhost", "/hello", "localhost:%d" % self.peer.server_address[1])
        self.assertEqual(reply.text, "peer says /hello")

    def test_nothing_is_allowed_by_default(self):
        before = len(self.peer.seen)
        reply = self.through("none", "/hello")
        self.assertEqual((reply.status, reply.text), (502, f"error {DENIED}\n"))
        self.assertEqual(len(self.peer.seen), before)

    def test_what_is_not_on_the_list(self):
        for authority in ("localhost:%d" % self.peer.server_address[1], "127.0.0.1:1", "example.com",
                          "127.0.0.1.example.com:%d" % self.peer.server_address[1]):
            with self.subTest(authority):
                self.assertEqual(self.through("call", "/hello", authority).text, f"error {DENIED}\n")

    def test_the_log_says_why_a_call_failed(self):
        trace = self.through("call", "/hello", self.nobody.authority).trace
        line, = eventually(lambda: [line for line in self.box.function_lines() if line["request"] == trace])
        self.assertEqual(line["stream"], "runtime")
        self.assertIn(f"call to {self.nobody.authority}: ", line["line"])
        self.assertIn("refused", line["line"])

    def test_nobody_listens(self):
        self.assertEqual(self.through("call", "/hello", self.nobody.authority).text, f"error {REFUSED}\n")

    def test_a_peer_that_cuts_its_answer(self):
        self.assertFalse(self.through("call", "/cut").complete)

    def test_the_functions_timeout_ends_a_slow_call(self):
        self.through("call", "/hello")  # so that the program is there
        reply = self.through("short", "/slow")
        self.assertEqual(reply.status, 504)
        self.assertEqual(self.box.access_line(reply.trace)["reason"], "timeout.function")

    def test_the_peer_sees_no_internal_headers(self):
        self.through("call", "/headers")
        _, headers = next(seen for seen in reversed(self.peer.seen) if seen[0] == "/headers")
        self.assertEqual([name for name in headers if name.startswith("wasabi-")], [])
        self.assertEqual(headers["host"], self.peer.authority)

    def test_many_calls_leave_no_descriptors(self):
        for _ in range(20):
            self.through("call", "/hello")
        before = self.box.open_descriptors()
        for _ in range(300):
            self.assertEqual(self.through("call", "/hello").status, 200)
        eventually(lambda: self.box.open_descriptors() <= before + 4)


class PrivateRefused(BoxCase):
    """Being on the list is not enough to reach what stands inside: that is refused after name resolution."""

    @classmethod
    def prepare(cls, box):
        cls.peer = Peer()
        port = cls.peer.server_address[1]
        cls.port = port
        hosts = cls.hosts = ["localhost", "127.0.0.1", "169.254.169.254", "10.0.0.1", "192.168.1.1", "0.0.0.0"]
        for number, host in enumerate(hosts):
            box.put(f"t/f{number}", "http_outbound", outbound=[f"{host}:{port}"])

    @classmethod
    def tearDownClass(cls):
        super().tearDownClass()
        cls.peer.end()

    def test_refused_after_name_resolution(self):
        for number, host in enumerate(self.hosts):
            with self.subTest(host):
                reply = self.box.call(f"/t/f{number}?url=http://{host}:{self.port}/hello")
                self.assertEqual((reply.status, reply.text), (502, f"error {DENIED}\n"))
        self.assertEqual(self.peer.seen, [])


class Tls(unittest.TestCase):
    """Of a box that is locked in, whose machine believes an authority of the test."""

    def test_certificates_are_verified(self):
        authority = Authority(scratch.new("certificates"))
        peers = {"good": Peer(authority.signed("localhost")), "other": Peer(authority.signed("other.test")),
                 "itself": Peer(authority.self_signed("localhost")), "plain": Peer()}
        box = Box("--allow-private-networks")
        box.prefix = mounting(f"mount --bind {authority.certificate} {MACHINE_CERTIFICATES}")
        for name, one in peers.items():
            self.addCleanup(one.end)
            box.put("t/" + name, "http_outbound", outbound=["localhost:%d" % one.server_address[1]])
        with box:
            def call(name):
                return box.call(f"/t/{name}?url=https://localhost:{peers[name].server_address[1]}/hello")
            for _ in range(3):
                self.assertEqual((call("good").status, call("good").text), (200, "peer says /hello"))
            for name, code in (("other", CERTIFICATE), ("itself", CERTIFICATE), ("plain", NO_TLS)):
                self.assertEqual((call(name).status, call(name).text), (502, f"error {code}\n"))
                self.assertEqual(peers[name].seen, [])
            for reason in ("certificate is not accepted: hostname mismatch", "certificate is not accepted: self-signed"):
                eventually(lambda: any(reason in line["line"] for line in box.function_lines()), what=reason)
