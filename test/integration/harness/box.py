"""A running wasabi-box with a catalog of its own, started and torn down by one test or one class of tests."""

import json
import os
import pathlib
import re
import shlex
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time

from . import prometheus, wire
from .catalog import Catalog
from .wire import WAIT_SECONDS

# A box looks at its whole catalog every 30 s in any case: what shows earlier was noticed.
NOTICED_SECONDS = 20

# Words in the box's own log that mean it is broken, whatever else a test looked at.
ALARMS = ("AddressSanitizer", "ThreadSanitizer", "runtime error:", "panicked", "WASABI_CHECK", "terminate called")


def program(name: str) -> str:
    return str(pathlib.Path(os.environ["WASABI_BIN"]) / name)


class UnusedPort:
    """A port that nobody listens at and nobody else gets, until it is closed."""

    def __init__(self):
        self._socket = socket.socket()
        self._socket.bind(("127.0.0.1", 0))

    @property
    def authority(self) -> str:
        return "127.0.0.1:%d" % self._socket.getsockname()[1]

    def close(self):
        self._socket.close()


def eventually(condition, seconds: float = WAIT_SECONDS, what: str = "condition"):
    """The first true value of `condition`, which must come within `seconds`."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds} s: {what}")
        time.sleep(0.02)


class Scratch:
    """One temporary folder per test run; compiled modules in it are shared by boxes that do not spoil them."""

    def __init__(self):
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="wasabi-test-"))

    def new(self, name: str) -> pathlib.Path:
        return pathlib.Path(tempfile.mkdtemp(prefix=name + "-", dir=self.directory))

    def new_store(self) -> pathlib.Path:
        """A store with a signing key of its own, which lies beside it."""
        return self.new("stores") / "store"

    def shared_store(self) -> pathlib.Path:
        return self.directory / "store"

    def remove(self):
        shutil.rmtree(self.directory, ignore_errors=True)


scratch = Scratch()


def mounting(*commands: str) -> list:
    """A prefix that starts a box behind these mounts, which nobody else sees."""
    separate = "-m" if os.geteuid() == 0 else "-rm"
    return ["unshare", separate, "sh", "-ec", "; ".join(commands) + '; exec "$@"', "sh"]


def box_toml(text: str) -> tuple:
    """Options for a box that is configured by that text."""
    file = scratch.new("config") / "box.toml"
    file.write_text(text)
    return ("--config", str(file))


class Box:
    def __init__(self, *options: str, workers: int = 2, store: pathlib.Path | None = None, prefix=()):
        """`prefix` is a command that starts the box, such as ("prlimit", "--nofile=100")."""
        self.directory = scratch.new("box")
        self.catalog = Catalog(self.directory / "catalog")
        self.use_store(store or scratch.shared_store())
        self.admin_path = str(self.directory / "admin.sock")
        self.admin_arguments = ["--admin", "unix:" + self.admin_path]
        # Not in the store, which other boxes share: what they have seen of a function is no business of this one.
        self.history = self.directory / "history" / "demand"
        self.history_arguments = ["--history", str(self.history)]
        self.environment = None  # that of the tests
        self.keep_address = False
        self.workers = workers
        self.options = list(options)
        self.prefix = list(prefix)
        self.address = None  # as the kernel chose it, from readiness on
        self.process = None
        self._log_start = 0
        self._lock = threading.Lock()

    def use_store(self, store: pathlib.Path):
        self.store = store
        self.named_arguments = ["--catalog", str(self.catalog.directory), "--store", str(store)]

    def put(self, name: str, guest, **settings):
        self.catalog.put(name, guest, **settings)

    # ---- life

    def start(self, wait: bool = True):
        if not self.keep_address:
            self.address = None
        log = open(self.directory / "box.log", "ab")
        self._log_start = os.fstat(log.fileno()).st_size
        self.process = subprocess.Popen(
            self.prefix + [
                program("wasabi-box"),
                "--listen", self._listen(),
                "--access-log", str(self.directory / "access.log"),
                "--function-log", str(self.directory / "function.log"),
                "--workers", str(self.workers),
            ] + self.named_arguments + self.admin_arguments + self.history_arguments
            + shlex.split(os.environ.get("WASABI_BOX_OPTIONS", "")) + self.options,
            env=self.environment,
            stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        log.close()
        if wait:
            eventually(self.is_ready, WAIT_SECONDS, "readiness of the box; its log: " + str(self.directory / "box.log"))
        return self

    def _listen(self) -> str:
        return "%s:%d" % (self.address or ("127.0.0.1", 0))

    def is_ready(self) -> bool:
        if self.process.poll() is not None:
            raise AssertionError(f"the box ended with {self.process.returncode}:\n{self.log_text()}")
        self.address = self.address or self._address_told()
        try:
            return self.address is not None and wire.call(self.address, "/-/readyz").status == 200
        except (OSError, wire.Closed):
            return False

    def _address_told(self) -> tuple | None:
        """The first address that the box says in its log it listens at."""
        with open(self.directory / "box.log", "rb") as log:
            log.seek(self._log_start)
            told = re.search(rb'"event":"listening","address":"([^"]+):(\d+)"', log.read())
        return (told[1].decode(), int(told[2])) if told else None

    def terminate(self) -> int:
        """SIGTERM, and the exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(WAIT_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"the box did not stop within {WAIT_SECONDS} s of SIGTERM:\n{self.log_text()}")

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()

    def close(self):
        """Ends the box, which must end well and have nothing alarming in its log."""
        if self.process is None or self.process.returncode is not None:
            return self._check_log()
        code = self.terminate()
        if code != 0:
            raise AssertionError(f"the box ended with {code}:\n{self.log_text()}")
        self._check_log()

    def __enter__(self):
        return self.start()

    def __exit__(self, kind, *_):
        if kind is None:
            self.close()
        elif self.process is not None:
            self.kill()

    def _check_log(self):
        text = self.log_text()
        for alarm in ALARMS:
            if alarm in text:
                raise AssertionError(f"the box's log has {alarm!r}:\n{text}")

    # ---- requests

    def call(self, target: str, headers=(), **options) -> wire.Reply:
        """One request, with a trace id of its own unless the headers bring one."""
        trace, traceparent = wire.new_trace()
        fields = list(headers.items()) if isinstance(headers, dict) else list(headers)
        if "traceparent" not in [name for name, _ in fields]:
            fields.append(traceparent)
        reply = wire.call(self.address, target, headers=fields, **options)
        reply.trace = trace
        return reply

    def connect(self, timeout: float = WAIT_SECONDS) -> wire.Connection:
        return wire.Connection(self.address, timeout)

    def admin(self, target: str, **options) -> wire.Reply:
        return wire.call(self.admin_path, target, **options)

    def wait_for_catalog(self, target: str, status: int = 200):
        eventually(lambda: self.call(target).status == status, NOTICED_SECONDS, f"status {status} at {target}")

    # ---- what it tells

    def metrics(self) -> prometheus.Metrics:
        return prometheus.Metrics(self.admin("/-/metrics").text)

    def log_text(self) -> str:
        return (self.directory / "box.log").read_text(errors="replace") if self.process else ""

    def access_lines(self) -> list:
        return self._json_lines("access.log")

    def function_lines(self) -> list:
        return self._json_lines("function.log")

    def access_line(self, trace: str) -> dict:
        """The access-log line of the request with that trace id."""
        def find():
            return [line for line in self.access_lines() if line["request"] == trace]
        line, = eventually(find, what=f"an access-log line of request {trace}")
        return line

    def _json_lines(self, name: str) -> list:
        path = self.directory / name
        if not path.exists():
            return []
        return [json.loads(line) for line in path.read_text().split("\n")[:-1]]

    # ---- what the kernel tells

    def resident_bytes(self) -> int:
        pages = pathlib.Path(f"/proc/{self.process.pid}/statm").read_text().split()[1]
        return int(pages) * os.sysconf("SC_PAGE_SIZE")

    def mappings(self) -> int:
        return len(pathlib.Path(f"/proc/{self.process.pid}/maps").read_text().splitlines())

    def cpu_seconds(self) -> float:
        fields = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def wakes(self) -> int:
        """How often its threads have slept and gone on."""
        statuses = [path.read_text() for path in pathlib.Path(f"/proc/{self.process.pid}/task").glob("*/status")]
        return sum(int(re.search(r"^voluntary_ctxt_switches:\s*(\d+)", text, re.M)[1]) for text in statuses)

    def open_descriptors(self) -> int:
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))
