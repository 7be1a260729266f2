"""The queue-proxy: what is told of requests: log, figures for users, spans; and its port with TLS."""

import http.server
import json
import pathlib
import socket
import ssl
import threading
import unittest

from harness import wire
from harness.box import eventually, scratch
from harness.certificates import Authority
from harness.queue_proxy import App, QueueProxy, activator_probe

TRACE = "0af7651916cd43dd8448eb211c80319c"
PARENT = "b7ad6b7169203331"


def observing(**settings) -> dict:
    return {"OBSERVABILITY_CONFIG": json.dumps(settings)}


class RequestLog(unittest.TestCase):
    def lines(self, proxy: QueueProxy, count: int) -> list:
        def enough():
            lines = proxy.output.read_text().splitlines()
            return lines if len(lines) >= count else None
        return eventually(enough, what=f"{count} lines")

    def test_each_request_is_a_line_of_the_template(self):
        template = '{{.Request.Method}} {{.Request.RequestURI}} {{.Response.Code}} {{.Response.Size}} {{.Revision.Name}}'
        with App() as app, QueueProxy(app.port, **observing(EnableRequestLog=True, RequestLogTemplate=template,
                                                            enableRequestLog=True, requestLogTemplate=template)) as proxy:
            proxy.call("/a?b=c")
            proxy.call("/status?418", method="POST")
            activator_probe(proxy)
            proxy.call("/last")
            lines = self.lines(proxy, 3)
            self.assertEqual(lines, ["GET /a?b=c 200 6 shop-00001", "POST /status?418 418 6 shop-00001",
                                     "GET /last 200 6 shop-00001"])

    def test_the_older_variables_do_the_same_and_probes_too_where_asked_for(self):
        with App() as app, QueueProxy(app.port, SERVING_ENABLE_REQUEST_LOG="true",
                                      SERVING_REQUEST_LOG_TEMPLATE="{{.Response.Code}}",
                                      SERVING_ENABLE_PROBE_REQUEST_LOG="true") as proxy:
            proxy.call("/status?404")
            activator_probe(proxy)
            self.assertEqual(sorted(self.lines(proxy, 2)), ["200", "404"])

    def test_nothing_is_logged_unless_asked_for(self):
        with App() as app, QueueProxy(app.port) as proxy:
            proxy.call("/")
        self.assertEqual(proxy.output.read_text(), "")


class UserMetrics(unittest.TestCase):
    def test_dashboards_are_told_of_each_request(self):
        with App() as app, QueueProxy(app.port, CONTAINER_CONCURRENCY=5,
                                      **observing(requestMetrics={"protocol": "prometheus"})) as proxy:
            for _ in range(3):
                proxy.call("/")
            proxy.call("/status?500", headers={"Knative-Serving-Tag": "blue"})

            def counts():
                text = wire.call(proxy.addresses["user-metrics"], "/metrics").text
                found = [line for line in text.splitlines() if "_count{" in line]
                return text if len(found) >= 2 else None
            text = eventually(counts, what="the figures")
            invocations = [line for line in text.splitlines()
                           if line.startswith("kn_serving_invocation_duration") and "_count{" in line]
            self.assertEqual(sum(float(line.rsplit(" ", 1)[1]) for line in invocations), 4, text)
            self.assertIn("kn_serving_queue_depth", text)
            self.assertIn("blue", text)

    def test_without_that_the_port_is_closed(self):
        with App() as app, QueueProxy(app.port) as proxy:
            self.assertNotIn("user-metrics", proxy.addresses)


class Collector(http.server.ThreadingHTTPServer):
    """Takes spans, and knows as much of protobuf as to find names and ids in them."""

    daemon_threads = True

    def __init__(self):
        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                self.server.taken.append((self.path, self.headers["Content-Type"], body))
                self.send_response(self.server.status)
                self.send_header("Content-Length", "0")
                self.end_headers()

        super().__init__(("127.0.0.1", 0), Handler)
        self.taken = []
        self.status = 200
        threading.Thread(target=self.serve_forever, daemon=True, kwargs={"poll_interval": 0.02}).start()

    def tracing(self, rate: float = 1) -> dict:
        endpoint = "http://127.0.0.1:%d/v1/traces" % self.server_address[1]
        return observing(tracing={"protocol": "http/protobuf", "endpoint": endpoint, "samplingRate": rate})

    def __exit__(self, *_):
        self.shutdown()
        self.server_close()


class Spans(unittest.TestCase):
    def test_the_app_is_told_the_span_above_it_and_the_collector_all(self):
        with Collector() as collector, App() as app:
            proxy = QueueProxy(app.port, CONTAINER_CONCURRENCY=1, **collector.tracing()).start()
            reply = proxy.call("/headers", headers={"traceparent": f"00-{TRACE}-{PARENT}-01", "tracestate": "a=b",
                                                    "baggage": "user=ada"})
            fields = {name.lower(): value for name, value in json.loads(reply.body)}
            version, trace, span, flags = fields["traceparent"].split("-")
            self.assertEqual((version, trace, flags), ("00", TRACE, "01"))
            self.assertNotEqual(span, PARENT)
            self.assertEqual((fields["tracestate"], fields["baggage"]), ("a=b", "user=ada"))
            activator_probe(proxy)
            # What is left is sent at the end.
            proxy.begin_to_end()
            self.assertEqual(proxy.wait(), 0)
            (path, kind, body), = collector.taken
            self.assertEqual((path, kind), ("/v1/traces", "application/x-protobuf"))
            for name in (b"queue", b"kn.queueproxy.wait", b"kn.queueproxy.proxy", b"shop-00001"):
                self.assertIn(name, body)
            self.assertEqual(body.count(bytes.fromhex(TRACE)), 3)
            self.assertIn(bytes.fromhex(PARENT), body)
            self.assertIn(bytes.fromhex(span), body)

    def test_what_was_decided_elsewhere_is_kept_to(self):
        with Collector() as collector, App() as app:
            proxy = QueueProxy(app.port, **collector.tracing()).start()
            proxy.call("/", headers={"traceparent": f"00-{TRACE}-{PARENT}-00"})
            proxy.begin_to_end()
            self.assertEqual(proxy.wait(), 0)
            self.assertEqual(collector.taken, [])

    def test_a_collector_that_takes_nothing_delays_nobody(self):
        with socket.socket() as silent, App() as app:
            silent.bind(("127.0.0.1", 0))
            silent.listen()
            endpoint = "http://127.0.0.1:%d" % silent.getsockname()[1]
            tracing = observing(tracing={"protocol": "http/protobuf", "endpoint": endpoint, "samplingRate": 1})
            with QueueProxy(app.port, **tracing) as proxy:
                with proxy.connect() as connection:
                    for _ in range(3000):
                        connection.send(wire.request_bytes("GET", "/"))
                        self.assertEqual(connection.reply().status, 200)
                proxy.begin_to_end()
                self.assertEqual(proxy.wait(), 0)

    def test_without_tracing_the_context_passes_as_it_came(self):
        with App() as app, QueueProxy(app.port) as proxy:
            context = f"00-{TRACE}-{PARENT}-01"
            reply = proxy.call("/headers", headers={"traceparent": context})
            fields = {name.lower(): value for name, value in json.loads(reply.body)}
            self.assertEqual(fields["traceparent"], context)


class Tls(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.authority = Authority(pathlib.Path(scratch.new("authority")))
        cls.certificate, cls.key = cls.authority.signed("shop.default.svc")
        cls.app = App()
        cls.proxy = QueueProxy(cls.app.port, WASABI_QP_CERTIFICATE_FILE=cls.certificate,
                               WASABI_QP_KEY_FILE=cls.key).start()

    @classmethod
    def tearDownClass(cls):
        cls.proxy.close()
        cls.app.end()

    def context(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=str(self.authority.certificate))

    def ask(self, context: ssl.SSLContext, fields: str = "") -> bytes:
        with socket.create_connection(self.proxy.addresses["data-tls"], wire.WAIT_SECONDS) as plain:
            with context.wrap_socket(plain, server_hostname="shop.default.svc") as secure:
                secure.sendall(b"GET / HTTP/1.1\r\nHost: shop\r\nConnection: close\r\n" + fields.encode() + b"\r\n")
                return b"".join(iter(lambda: secure.recv(65536), b""))

    def test_requests_and_probes_pass_over_tls_and_the_plain_port_stays(self):
        self.assertIn(b"hello\n", self.ask(self.context()))
        probe = "User-Agent: Knative-Activator-Probe\r\nK-Network-Probe: queue\r\n"
        self.assertTrue(self.ask(self.context(), probe).endswith(b"queue"))
        self.assertEqual(self.proxy.call("/").text, "hello\n")

    def test_only_the_newest_version_unless_told_otherwise(self):
        old = self.context()
        old.maximum_version = ssl.TLSVersion.TLSv1_2
        with self.assertRaises((ssl.SSLError, ConnectionError)):
            self.ask(old)
        with QueueProxy(self.app.port, WASABI_QP_CERTIFICATE_FILE=self.certificate, WASABI_QP_KEY_FILE=self.key,
                        QUEUE_PROXY_TLS_MIN_VERSION="1.2") as proxy:
            kept, self.proxy = self.proxy, proxy
            try:
                self.assertIn(b"hello\n", self.ask(old))
            finally:
                self.proxy = kept

    def test_files_that_are_of_no_use_are_said_at_the_start(self):
        with self.assertRaises(AssertionError) as ended:
            QueueProxy(self.app.port, WASABI_QP_CERTIFICATE_FILE=self.key, WASABI_QP_KEY_FILE=self.key).start()
        self.assertIn("certificate", str(ended.exception))
