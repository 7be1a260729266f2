"""The admin listener of a box whose load the test decides."""

import http.server
import json
import threading
import time

_MIB = 1 << 20


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_GET(self):
        status, text = self.server.load()
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)


class FakeBox(http.server.ThreadingHTTPServer):
    """`booked`, `waiting` (units of 200 MiB) and `cores` in use are what it tells, summed up over time."""

    daemon_threads = True

    def __init__(self, port: int = 0, memory_bytes: int = 9100 * _MIB, cores: float = 8):
        super().__init__(("127.0.0.1", port), _Handler)
        self.ready = True
        self.answers = True
        self._levels = {"booked": 0.0, "waiting": 0.0, "cpu": 0.0}
        self._sums = dict.fromkeys(self._levels, 0.0)
        self._since = time.monotonic()
        self._capacity = memory_bytes, cores
        self._lock = threading.Lock()
        threading.Thread(target=self.serve_forever, daemon=True, kwargs={"poll_interval": 0.02}).start()

    @property
    def admin(self) -> str:
        return "127.0.0.1:%d" % self.server_address[1]

    def _settle(self):
        now = time.monotonic()
        for name, level in self._levels.items():
            self._sums[name] += level * (now - self._since)
        self._since = now

    def set(self, **levels: float):
        with self._lock:
            self._settle()
            self._levels.update(levels)

    def load(self) -> tuple:
        with self._lock:
            self._settle()
            if not self.answers:
                return 500, b""
            told = {"booked_unit_seconds": self._sums["booked"], "waiting_unit_seconds": self._sums["waiting"],
                    "cpu_seconds": self._sums["cpu"], "requests": 0, "booked_units": self._levels["booked"],
                    "waiting_units": self._levels["waiting"], "capacity_memory_bytes": self._capacity[0],
                    "capacity_cpu": self._capacity[1], "ready": self.ready}
            return 200, json.dumps(told).encode()

    def handle_error(self, request, client_address):
        pass

    def end(self):
        self.shutdown()
        self.server_close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.end()
