"""A running wasabi-queue-proxy with the environment that Knative's controller gives it, and who stands around it: the
app behind it, the activator and kubelet that probe it, the autoscaler that scrapes it."""

import http.client
import http.server
import json
import os
import re
import signal
import socket
import struct
import subprocess
import threading
import time

from . import wire
from .box import ALARMS, eventually, program, scratch
from .wire import WAIT_SECONDS

# As in a pod, but for the ports: many run side by side here, so the kernel chooses them.
_KNATIVE = {
    "CONTAINER_CONCURRENCY": "0",
    "QUEUE_SERVING_PORT": "0",
    "QUEUE_SERVING_TLS_PORT": "0",
    "REVISION_TIMEOUT_SECONDS": "300",
    "SERVING_LOGGING_CONFIG": "",
    "SERVING_LOGGING_LEVEL": "",
    "SERVING_NAMESPACE": "default",
    "SERVING_SERVICE": "shop",
    "SERVING_CONFIGURATION": "shop",
    "SERVING_REVISION": "shop-00001",
    "SERVING_POD": "shop-00001-deployment-5d4f8b-x2x9q",
    "SERVING_POD_IP": "127.0.0.1",
    "WASABI_QP_ADMIN_PORT": "0",
    "WASABI_QP_AUTOSCALER_PORT": "0",
    "WASABI_QP_USER_METRICS_PORT": "0",
    "WASABI_QP_BIND_ADDRESS": "127.0.0.1",
    # Long enough to see it, short enough to wait for it.
    "WASABI_QP_DRAIN_QUIET": "1s",
    "WASABI_QP_CERTIFICATE_FILE": "/nonexistent",
    "WASABI_QP_KEY_FILE": "/nonexistent",
    "WASABI_QP_ANNOTATIONS_FILE": "/nonexistent",
}


class QueueProxy:
    def __init__(self, user_port: int, annotations: dict | None = None, **environment):
        """`environment` changes what Knative says; None leaves a variable out."""
        self.directory = scratch.new("queue-proxy")
        self._log = self.directory / "queue-proxy.log"
        self.output = self.directory / "stdout"  # the request log
        chosen = {**_KNATIVE, "USER_PORT": str(user_port), **environment}
        if annotations is not None:
            file = self.directory / "annotations"
            file.write_text("".join(f"{key}={json.dumps(value)}\n" for key, value in annotations.items()))
            chosen["WASABI_QP_ANNOTATIONS_FILE"] = str(file)
        self.environment = {key: str(value) for key, value in chosen.items() if value is not None}
        self.process = None
        self.addresses = {}

    # ---- life

    def start(self):
        with open(self._log, "ab") as log, open(self.output, "ab") as output:
            self.process = subprocess.Popen([program("wasabi-queue-proxy")], env=self.environment,
                                            stdin=subprocess.DEVNULL, stdout=output, stderr=log)
        eventually(self._has_started, what="addresses of the queue-proxy")
        return self

    def _has_started(self) -> bool:
        if self.process.poll() is not None:
            raise AssertionError(f"the queue-proxy ended with {self.process.returncode}:\n{self.log_text()}")
        told = re.findall(r'"event":"listening","for":"([^"]+)","address":"([^"]+):(\d+)"', self.log_text())
        self.addresses = {what: (host, int(port)) for what, host, port in told}
        return "autoscaler" in self.addresses

    @property
    def address(self) -> tuple:
        return self.addresses["data"]

    def begin_to_end(self):
        self.process.send_signal(signal.SIGTERM)

    def wait(self, seconds: float = WAIT_SECONDS) -> int:
        return self.process.wait(seconds)

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()

    def close(self):
        """Ends it in a hurry, by more signals than one; it must end well and have said nothing alarming."""
        def has_ended() -> bool:
            if self.process.poll() is None:
                self.begin_to_end()
            return self.process.poll() is not None
        eventually(has_ended, what="the end of the queue-proxy")
        code = self.process.returncode
        text = self.log_text()
        for alarm in ALARMS:
            if alarm in text:
                raise AssertionError(f"the queue-proxy's log has {alarm!r}:\n{text}")
        if code != 0:
            raise AssertionError(f"the queue-proxy ended with {code}:\n{text}")

    def __enter__(self):
        return self.start()

    def __exit__(self, kind, *_):
        if kind is None:
            self.close()
        elif self.process is not None:
            self.kill()

    def log_text(self) -> str:
        return self._log.read_text(errors="replace") if self._log.exists() else ""

    def resident_bytes(self) -> int:
        with open(f"/proc/{self.process.pid}/statm", encoding="ascii") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    # ---- requests

    def call(self, target: str = "/", **options) -> wire.Reply:
        return wire.call(self.address, target, **options)

    def connect(self) -> wire.Connection:
        return wire.Connection(self.address)


# ---- who asks -------------------------------------------------------------------------------------------------------


def activator_probe(proxy: QueueProxy, **headers) -> wire.Reply:
    """As Knative's activator probes a pod before it routes to it; it takes status 200 with the body `queue` only."""
    return proxy.call("/healthz", headers={"User-Agent": "Knative-Activator-Probe", "K-Network-Probe": "queue",
                                           **headers})


def kubelet_probe(proxy: QueueProxy) -> wire.Reply:
    return proxy.call("/", headers={"User-Agent": "kube-probe/1.34", "K-Network-Probe": "queue"})


def is_ready(proxy: QueueProxy) -> bool:
    reply = activator_probe(proxy)
    return reply.status == 200 and reply.body == b"queue"


class NoStat(Exception):
    """What the scraper would take for no data."""


def scrape(proxy: QueueProxy) -> dict:
    """As the autoscaler scrapes: within 3 s, at most 336 bytes, this very content type."""
    connection = http.client.HTTPConnection(*proxy.addresses["autoscaler"], timeout=3)
    try:
        connection.request("GET", "/metrics", headers={"Accept": "application/protobuf"})
        response = connection.getresponse()
        body = response.read()
    finally:
        connection.close()
    if not 200 <= response.status < 300:
        raise NoStat(f"status {response.status}")
    if response.getheader("Content-Type") != "application/protobuf":
        raise NoStat(f"content type {response.getheader('Content-Type')}")
    if len(body) > 336:
        raise NoStat(f"{len(body)} bytes")
    return decode_stat(body)


_STAT_FIELDS = {1: "pod_name", 2: "concurrency", 3: "proxied_concurrency", 4: "requests", 5: "proxied_requests",
                6: "uptime", 7: "timestamp"}


def decode_stat(body: bytes) -> dict:
    """proto3: a field that is absent is zero."""
    stat = {"pod_name": "", **{name: 0.0 for number, name in _STAT_FIELDS.items() if number > 1}}
    at = 0
    while at < len(body):
        number, kind = body[at] >> 3, body[at] & 7
        name, wanted = _STAT_FIELDS[number], {1: 2, 7: 0}.get(number, 1)
        if kind != wanted:
            raise NoStat(f"wrong wireType = {kind} for field {name}")
        at += 1
        if kind == 1:
            stat[name], = struct.unpack("<d", body[at:at + 8])
            at += 8
        elif kind == 2:
            stat[name] = body[at + 1:at + 1 + body[at]].decode()
            at += 1 + body[at]
        else:
            stat[name], at = body[at], at + 1
    return stat


# ---- the app --------------------------------------------------------------------------------------------------------


class AppHandler(http.server.BaseHTTPRequestHandler):
    """What requests wish: /sleep?S, /status?N, /headers, /echo, /stream?N (pieces, each when `go_on` is set)."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_GET(self):
        app = self.server
        path, _, wish = self.path.partition("?")
        with app.lock:
            app.seen.append((self.command, self.path, self.headers.items()))
            app.running += 1
            app.most_running = max(app.most_running, app.running)
        try:
            handler = getattr(self, "answer_" + path.strip("/").replace("-", "_"), self.answer_text)
            handler(wish)
        finally:
            with app.lock:
                app.running -= 1

    do_POST = do_PUT = do_DELETE = do_HEAD = do_OPTIONS = do_GET

    def answer_text(self, wish: str = "", status: int = 200, text: bytes = b"hello\n", headers=()):
        if self.path.startswith("/healthz"):
            status = self.server.health
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        # What has no body must not have one: the bytes would be taken for the answer to the next request.
        if self.command != "HEAD" and status not in (204, 304):
            self.wfile.write(text)

    def answer_status(self, wish: str):
        self.answer_text(status=int(wish))

    def answer_sleep(self, wish: str):
        time.sleep(float(wish))
        self.answer_text()

    def answer_hold(self, wish: str):
        """Until the test lets it go."""
        self.server.release.wait(WAIT_SECONDS)
        self.answer_text()

    def answer_headers(self, wish: str):
        self.answer_text(text=json.dumps(self.headers.items()).encode(), headers=[("X-App", "yes")])

    def answer_echo(self, wish: str):
        self.answer_text(text=self._body())

    def answer_stream(self, wish: str):
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for number in range(int(wish)):
            self.wfile.write(wire.chunk(b"piece %d\n" % number))
            self.wfile.flush()
            self.server.go_on.wait(WAIT_SECONDS)
        self.wfile.write(wire.chunk(b""))

    def answer_cut(self, wish: str):
        """Half an answer."""
        self.send_response(200)
        self.send_header("Content-Length", "100")
        self.end_headers()
        self.wfile.write(b"half")
        self.close_connection = True

    def answer_upgrade(self, wish: str):
        self.send_response(101)
        self.send_header("Connection", "Upgrade")
        self.send_header("Upgrade", self.headers.get("Upgrade", "websocket"))
        self.end_headers()
        self.close_connection = True
        while piece := self.connection.recv(65536):
            self.connection.sendall(b"<" + piece + b">")

    def _body(self) -> bytes:
        if "chunked" not in self.headers.get("Transfer-Encoding", ""):
            return self.rfile.read(int(self.headers.get("Content-Length", "0")))
        body = b""
        while size := int(self.rfile.readline(), 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body


class App(http.server.ThreadingHTTPServer):
    """An app behind a queue-proxy. Serves from its making to end()."""

    daemon_threads = True
    request_queue_size = 1024

    def __init__(self, port: int = 0, handler=AppHandler):
        super().__init__(("127.0.0.1", port), handler)
        self.seen = []  # (method, target, header fields)
        self.lock = threading.Lock()
        self.running = 0
        self.most_running = 0
        self.health = 200  # of /healthz
        self.release = threading.Event()
        self.go_on = threading.Event()
        threading.Thread(target=self.serve_forever, daemon=True, kwargs={"poll_interval": 0.02}).start()

    @property
    def port(self) -> int:
        return self.server_address[1]

    def handle_error(self, request, client_address):
        pass  # a client that went

    def end(self):
        self.release.set()
        self.go_on.set()
        self.shutdown()
        self.server_close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.end()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
