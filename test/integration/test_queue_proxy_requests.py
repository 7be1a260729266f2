"""The queue-proxy: how requests come to the app, and its answers back."""

import http.client
import json
import pathlib
import shutil
import socket
import subprocess
import threading
import time
import unittest

from harness import h2, wire
from harness.box import eventually
from harness.queue_proxy import App, QueueProxy, free_port


class Proxied(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.app = App()
        cls.proxy = QueueProxy(cls.app.port).start()

    @classmethod
    def tearDownClass(cls):
        cls.proxy.close()
        cls.app.end()

    def headers_at_app(self, headers) -> dict:
        reply = self.proxy.call("/headers?x=1", headers=headers)
        self.assertEqual(reply.header("x-app"), "yes")
        fields = {}
        for name, value in json.loads(reply.body):
            fields.setdefault(name.lower(), []).append(value)
        return fields

    def test_methods_bodies_and_statuses_pass(self):
        for method in ("GET", "POST", "PUT", "DELETE", "OPTIONS"):
            self.assertEqual(self.proxy.call("/", method=method).text, "hello\n")
        self.assertEqual(self.proxy.call("/", method="HEAD").header("content-length"), "6")
        for status in (200, 204, 304, 404, 418, 500, 503):
            self.assertEqual(self.proxy.call(f"/status?{status}").status, status)
        body = bytes(range(256)) * 4096
        self.assertEqual(self.proxy.call("/echo", method="POST", body=body).body, body)

    def test_a_chunked_body_passes(self):
        with self.proxy.connect() as connection:
            connection.send("POST /echo HTTP/1.1\r\nHost: shop\r\nTransfer-Encoding: chunked\r\n\r\n")
            connection.send(wire.chunk(b"one ") + wire.chunk(b"two") + wire.chunk(b""))
            self.assertEqual(connection.reply().body, b"one two")

    def test_a_connection_serves_many_requests(self):
        with self.proxy.connect() as connection:
            for number in range(50):
                connection.send(wire.request_bytes("POST", "/echo", body=b"%d" % number))
                self.assertEqual(connection.reply().body, b"%d" % number)

    def test_the_host_of_the_activator_is_put_back(self):
        fields = self.headers_at_app({"Host": "10.1.2.3:8012", "K-Original-Host": "shop.example.com"})
        self.assertEqual(fields["host"], ["shop.example.com"])
        self.assertNotIn("k-original-host", fields)
        self.assertEqual(self.headers_at_app({"Host": "shop.example.org"})["host"], ["shop.example.org"])

    def test_who_was_there_before_is_told(self):
        fields = self.headers_at_app([("X-Forwarded-For", "1.2.3.4, 5.6.7.8"), ("X-Forwarded-Host", "shop.example.com"),
                                      ("X-Forwarded-Proto", "https")])
        self.assertEqual(fields["forwarded"], ["for=1.2.3.4;host=shop.example.com;proto=https, for=5.6.7.8"])
        self.assertEqual(fields["x-forwarded-for"], ["1.2.3.4, 5.6.7.8, 127.0.0.1"])
        kept = self.headers_at_app({"Forwarded": "for=me", "X-Forwarded-For": "1.2.3.4"})
        self.assertEqual(kept["forwarded"], ["for=me"])

    def test_fields_of_knative_itself_end_here(self):
        fields = self.headers_at_app({"Knative-Serving-Revision": "shop-00001", "Knative-Serving-Namespace": "default",
                                      "K-Proxy-Request": "activator", "X-Mine": "kept",
                                      "Connection": "X-Hop", "X-Hop": "gone"})
        self.assertNotIn("knative-serving-revision", fields)
        self.assertNotIn("knative-serving-namespace", fields)
        self.assertEqual(fields["k-proxy-request"], ["activator"])
        self.assertEqual(fields["x-mine"], ["kept"])
        self.assertNotIn("x-hop", fields)

    def test_no_compression_is_asked_for_by_the_proxy(self):
        self.assertNotIn("accept-encoding", self.headers_at_app({}))

    def test_an_answer_streams_as_it_is_made(self):
        with self.proxy.connect() as connection:
            connection.send(wire.request_bytes("GET", "/stream?3"))
            self.assertEqual(connection.head().status, 200)
            got = b""
            while b"piece 0" not in got:
                got += connection.read_some()
            self.assertNotIn(b"piece 1", got)
            self.app.go_on.set()
            self.assertIn(b"piece 2", got + connection.read_until_end_of_chunks())
        self.app.go_on.clear()

    def test_half_an_answer_is_not_taken_for_a_whole(self):
        self.assertFalse(self.proxy.call("/cut").complete)

    def test_who_expects_100_gets_it_when_the_app_reads(self):
        with self.proxy.connect() as connection:
            connection.send("POST /echo HTTP/1.1\r\nHost: shop\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n")
            self.assertEqual(connection.head().status, 100)
            connection.send("body")
            self.assertEqual(connection.reply().body, b"body")
        _, _, fields = [seen for seen in self.app.seen if seen[1] == "/echo"][-1]
        self.assertEqual({name.lower(): value for name, value in fields}["expect"], "100-continue")

    def test_an_upgraded_connection_is_a_tunnel(self):
        with self.proxy.connect() as connection:
            connection.send("GET /upgrade HTTP/1.1\r\nHost: shop\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
            head = connection.head()
            self.assertEqual((head.status, head.header("upgrade")), (101, "websocket"))
            for word in (b"one", b"two"):
                connection.send(word)
                self.assertEqual(connection.read_some(), b"<" + word + b">")
            connection.end()
            self.assertEqual(connection.read_until_closed(), b"")

    def test_a_client_that_goes_is_noticed_and_its_place_free(self):
        with App() as app, QueueProxy(app.port, CONTAINER_CONCURRENCY=1) as proxy:
            with proxy.connect() as connection:
                connection.send(wire.request_bytes("GET", "/hold"))
                eventually(lambda: app.running == 1, what="the request at the app")
            self.assertEqual(proxy.call("/").text, "hello\n")

    def test_a_large_answer_to_a_slow_reader_takes_no_memory(self):
        with App() as app, QueueProxy(app.port) as proxy:
            proxy.call("/")
            before = proxy.resident_bytes()
            body = bytes(1 << 20) * 64
            with proxy.connect() as connection:
                connection.send(b"POST /echo HTTP/1.1\r\nHost: shop\r\nContent-Length: %d\r\n\r\n" % len(body))
                connection.send(body)
                time.sleep(0.5)  # the app writes, nobody reads
                self.assertLess(proxy.resident_bytes() - before, 8 << 20)
                self.assertEqual(len(connection.reply().body), len(body))


class Unreachable(unittest.TestCase):
    def test_an_app_that_is_not_there_is_502_with_the_reason(self):
        with QueueProxy(free_port()) as proxy:
            reply = proxy.call("/")
            self.assertEqual(reply.status, 502)
            self.assertIn("refused", reply.text)

    def test_an_app_that_takes_no_connection_for_a_while_is_waited_for(self):
        # Its backlog is full: the kernel drops connections silently, for a second at first.
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            listener.listen(0)
            port = listener.getsockname()[1]
            fillers = []
            for _ in range(4):
                filler = socket.socket()
                filler.setblocking(False)
                filler.connect_ex(("127.0.0.1", port))
                fillers.append(filler)
            with QueueProxy(port) as proxy:
                replies = []
                caller = threading.Thread(target=lambda: replies.append(proxy.call("/")))
                caller.start()
                time.sleep(0.7)
                for filler in fillers:
                    filler.close()
                deadline = time.monotonic() + wire.WAIT_SECONDS
                listener.settimeout(1)
                while not replies and time.monotonic() < deadline:
                    try:
                        accepted, _ = listener.accept()
                    except TimeoutError:
                        continue
                    with accepted:
                        accepted.settimeout(1)
                        try:
                            if accepted.recv(65536):
                                accepted.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok")
                        except OSError:
                            pass
                    time.sleep(0.01)
                caller.join()
                self.assertEqual((replies[0].status, replies[0].text), (200, "ok"))

    def test_an_app_that_speaks_only_http1_is_not_asked_again_in_it(self):
        with App() as app, QueueProxy(app.port) as proxy:
            out = subprocess.run(["curl", "-q", "-sS", "--noproxy", "*", "--http2-prior-knowledge", "-w", "%{http_code}",
                                  "http://%s:%d/" % proxy.address], capture_output=True, check=True)
            self.assertTrue(out.stdout.endswith(b"502"), out.stdout)

    def test_nonsense_from_the_app_is_502(self):
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            listener.listen()

            def talk():
                accepted, _ = listener.accept()
                with accepted:
                    accepted.recv(65536)
                    accepted.sendall(b"this is no HTTP\r\n\r\n")
            threading.Thread(target=talk, daemon=True).start()
            with QueueProxy(listener.getsockname()[1]) as proxy:
                self.assertEqual(proxy.call("/").status, 502)


class GrpcApp:
    """An app that speaks cleartext HTTP/2: it answers each stream with what came, and trailers."""

    def __init__(self):
        self._listener = socket.socket()
        self._listener.bind(("127.0.0.1", 0))
        self._listener.listen(64)
        self.port = self._listener.getsockname()[1]
        self.connections = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                accepted, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._serve, args=(accepted,), daemon=True).start()

    def _serve(self, accepted):
        connection = wire.Connection.__new__(h2.Peer)
        connection.socket, connection._buffer = accepted, b""
        accepted.settimeout(wire.WAIT_SECONDS)
        if connection._exactly(len(h2.PREFACE)) != h2.PREFACE:
            return accepted.close()
        connection.send(h2.settings())
        for kind, flags, stream, payload in connection.frames():
            if kind == h2.SETTINGS and not flags & h2.ACK:
                connection.send(h2.frame(h2.SETTINGS, h2.ACK))
            elif kind == h2.PING and not flags & h2.ACK:
                connection.send(h2.frame(h2.PING, h2.ACK, 0, payload))
            elif kind == h2.HEADERS:
                fields = h2.field(":status", "200") + h2.field("content-type", "application/grpc")
                connection.send(h2.frame(h2.HEADERS, h2.END_HEADERS, stream, fields))
            elif kind == h2.DATA and payload:
                connection.send(h2.frame(h2.DATA, 0, stream, payload))
                credit = len(payload).to_bytes(4, "big")
                connection.send(h2.frame(h2.WINDOW_UPDATE, 0, 0, credit))
            if kind in (h2.HEADERS, h2.DATA) and flags & h2.END_STREAM:
                trailers = h2.field("grpc-status", "0") + h2.field("grpc-message", "fine")
                connection.send(h2.frame(h2.HEADERS, h2.END_HEADERS | h2.END_STREAM, stream, trailers))
        accepted.close()

    def end(self):
        self._listener.close()


class Http2(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        for tool in ("curl", "nghttp"):
            assert shutil.which(tool), f"{tool} is missing: install what scripts/packages names"
        cls.app = GrpcApp()
        cls.proxy = QueueProxy(cls.app.port).start()

    @classmethod
    def tearDownClass(cls):
        cls.proxy.close()
        cls.app.end()

    def test_a_call_of_grpc_passes_with_its_trailers(self):
        done = subprocess.run(["curl", "-q", "-sS", "-v", "--noproxy", "*", "--http2-prior-knowledge", "--data-binary", "message",
                               "-H", "content-type: application/grpc", "-H", "te: trailers",
                               "http://%s:%d/shop.Cart/Get" % self.proxy.address], capture_output=True, check=True)
        self.assertEqual(done.stdout, b"message")
        self.assertIn(b"grpc-status: 0", done.stderr)
        self.assertIn(b"grpc-message: fine", done.stderr)

    def test_both_directions_stream_at_once(self):
        with h2.Peer(self.proxy.address) as peer:
            peer.send(h2.request(1, "/shop.Cart/Chat", "POST", end=False))
            answers = iter(peer.frames())
            for word in (b"one", b"two", b"three"):
                peer.send(h2.frame(h2.DATA, 0, 1, word))
                got = next(payload for kind, _, stream, payload in answers
                           if kind == h2.DATA and stream == 1 and payload)
                self.assertEqual(got, word)
            peer.send(h2.frame(h2.DATA, h2.END_STREAM, 1, b""))
            self.assertTrue(any(kind == h2.HEADERS and flags & h2.END_STREAM for kind, flags, _, _ in answers))

    def test_many_streams_share_a_connection_to_the_app(self):
        before = self.app.connections
        with h2.Peer(self.proxy.address) as peer:
            streams = list(range(1, 201, 2))
            for stream in streams:
                peer.send(h2.request(stream, "/shop.Cart/Get"))
            self.assertEqual(len(peer.ended_streams(len(streams))), len(streams))
        self.assertLessEqual(self.app.connections - before, 2)

    def test_http1_on_the_same_port_stays_http1(self):
        with App() as app, QueueProxy(app.port) as proxy:
            self.assertEqual(proxy.call("/").text, "hello\n")


class Started(unittest.TestCase):
    def test_nothing_but_knatives_variables_is_needed(self):
        from harness.box import program
        with App() as app:
            proxy = QueueProxy(app.port, **{name: None for name in QueueProxy(1).environment if name.startswith("WASABI")},
                               QUEUE_SERVING_PORT=free_port())
            # The ports that Knative has no variable for are the usual ones, which another pod's may hold here.
            process = subprocess.Popen(["unshare", "-rn", "sh", "-c", 'ip link set lo up; exec "$0"',
                                        program("wasabi-queue-proxy")], env={**proxy.environment, "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"},
                                       stderr=subprocess.PIPE, text=True)
            told = ""
            for line in process.stderr:
                told += line
                if '"autoscaler"' in line:
                    break
            process.terminate()
            process.terminate()
            process.kill()
            process.wait()
            process.stderr.close()
            for port in (8022, 9090, int(proxy.environment["QUEUE_SERVING_PORT"])):
                self.assertIn(f":{port}\"", told)

    def test_without_an_address_it_is_reached_by_both_families(self):
        with App() as app, QueueProxy(app.port, WASABI_QP_BIND_ADDRESS=None) as proxy:
            peers = ["127.0.0.1"] + (["::1"] if "[::]" in proxy.log_text() else [])
            for peer in peers:
                asked = http.client.HTTPConnection(peer, proxy.address[1], timeout=wire.WAIT_SECONDS)
                asked.request("GET", "/headers")
                seen = {name.lower(): value for name, value in json.loads(asked.getresponse().read())}
                self.assertEqual(seen["x-forwarded-for"], peer, "an IPv4 address stays one")
                asked.close()

    def test_what_is_wrong_with_the_environment_is_told(self):
        proxy = QueueProxy(1, CONTAINER_CONCURRENCY="many", REVISION_TIMEOUT_SECONDS="-1")
        with self.assertRaises(AssertionError) as ended:
            proxy.start()
        for name in ("CONTAINER_CONCURRENCY", "REVISION_TIMEOUT_SECONDS"):
            self.assertIn(name, str(ended.exception))

    def test_help_and_version_need_no_environment(self):
        from harness.box import program
        for option in ("--help", "--version"):
            done = subprocess.run([program("wasabi-queue-proxy"), option], env={}, capture_output=True, check=True)
            self.assertTrue(done.stdout)
