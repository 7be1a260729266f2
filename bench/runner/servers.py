"""The servers that are measured, each a child process on the server's core."""

import contextlib
import http.client
import json
import os
import signal
import socket
import subprocess
import time
from pathlib import Path

from .workplace import SERVER_CORE, NotMeasured

_START_SECONDS = 60
_STOP_SECONDS = 40


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("localhost", timeout=10)
        self._path = str(path)

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


class Server:
    """A running server: its pid, its address, and what its memory is."""

    def __init__(self, process, port, log):
        self.process = process
        self.pid = process.pid
        self.address = f"127.0.0.1:{port}"
        self.port = port
        self.log = log
        self.folder = log.parent

    def get(self, path, timeout=10):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        with contextlib.closing(connection):
            connection.request("GET", path)
            response = connection.getresponse()
            return response.status, response.read()

    def metrics(self):
        """The box's own figures by series: 'name{labels}' -> value."""
        text = self.admin("/-/metrics").decode()
        series = (line.rsplit(" ", 1) for line in text.splitlines() if line and not line.startswith("#"))
        return {name: float(value) for name, value in series}

    def admin(self, path):
        connection = _UnixConnection(_admin_socket(self.folder, self.port))
        with contextlib.closing(connection):
            connection.request("GET", path)
            return connection.getresponse().read()

    def invocations(self):
        """Those that run, as the admin listener lists them."""
        return json.loads(self.admin("/-/invocations"))["invocations"]

    def wait_until_idle(self, seconds):
        """Whether nothing runs any more, within so many seconds."""
        deadline = time.monotonic() + seconds
        while self.invocations():
            if time.monotonic() > deadline:
                return False
            time.sleep(0.02)
        return True

    def worker_times(self):
        """Seconds that the threads which serve requests have run, and that they wanted to and had no core, by the
        kernel."""
        ran, waited = 0, 0
        for thread in Path(f"/proc/{self.pid}/task").iterdir():
            if (thread / "comm").read_text(encoding="ascii").strip() == "worker":
                times = (thread / "schedstat").read_text(encoding="ascii").split()
                ran, waited = ran + int(times[0]), waited + int(times[1])
        return ran / 1e9, waited / 1e9

    def resident_bytes(self):
        """Resident memory, files mapped by the process included."""
        return self._kilobytes("status", "VmRSS:") * 1024

    def resident_exactly(self):
        """The same without the kernel's per-CPU rounding; slow with many mappings."""
        return self._kilobytes("smaps_rollup", "Rss:") * 1024

    def _kilobytes(self, file, name):
        for line in Path(f"/proc/{self.pid}/{file}").read_text(encoding="ascii").splitlines():
            if line.startswith(name):
                return int(line.split()[1])
        raise NotMeasured(f"/proc/{self.pid}/{file} has no {name}")

    def died(self):
        return self.process.poll() is not None

    def complaint(self):
        lines = self.log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        return lines[-1] if lines else "it said nothing"


def _free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _admin_socket(folder, port):
    return folder / f"admin-{port}"


def _stop(process):
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


@contextlib.contextmanager
def running(command_for_port, folder, ready_path, cores=(SERVER_CORE,), name="server", enter=None):
    """Starts what `command_for_port(port)` says, waits until `ready_path` answers 200, stops it at the end. `enter` is
    called in the new process first."""
    def prepare():
        os.sched_setaffinity(0, cores)
        if enter:
            enter()

    port = _free_port()
    log = folder / f"{name}-{port}.log"
    with open(log, "wb") as output:
        process = subprocess.Popen([str(word) for word in command_for_port(port)], stdout=output, stderr=output,
                                   stdin=subprocess.DEVNULL, cwd=folder,
                                   preexec_fn=prepare)
    server = Server(process, port, log)
    try:
        _wait_until_ready(server, ready_path, name)
        yield server
    finally:
        _stop(process)


def _wait_until_ready(server, path, name):
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        if server.died():
            raise NotMeasured(f"{name} ended at its start with {server.process.returncode}: {server.complaint()}")
        try:
            if server.get(path)[0] == 200:
                return
        except (OSError, http.client.HTTPException):
            pass
        time.sleep(0.01)
    raise NotMeasured(f"{name} was not ready after {_START_SECONDS} s: {server.complaint()}")


def raw_epoll(place, folder, core=SERVER_CORE):
    program = place.program("raw-epoll-server")
    return running(lambda port: [program, "--port", port], folder, "/", cores=(core,), name="raw-epoll-server")


def box(place, folder, catalog, workers=1, options=(), store=None, enter=None):
    """Our box as people run it: limits, metrics and access log on. `enter` is called in its process at the start."""
    program = place.program("wasabi-box")
    store = store or folder / "store"
    store.mkdir(mode=0o700, parents=True, exist_ok=True)
    cores = (SERVER_CORE,) if workers == 1 else range(workers)

    def command(port):
        return [program, "--catalog", catalog, "--store", store, "--listen", f"127.0.0.1:{port}", "--workers", workers,
                "--access-log", folder / f"access-{port}.log", "--admin",
                f"unix:{_admin_socket(folder, port)}", *options]

    return running(command, folder, "/-/readyz", cores=cores, name="wasabi-box", enter=enter)


def wasmtime_serve(place, folder, component):
    """With its pool and what it can keep resident; one core makes its runtime use one thread."""
    program = place.wasmtime()
    pool = ("pooling-allocator=y,pooling-memory-keep-resident=262144,pooling-table-keep-resident=8192,"
            "pooling-async-stack-keep-resident=32768,pooling-max-unused-warm-slots=1000")
    return running(lambda port: [program, "serve", "-O", pool, "--addr", f"127.0.0.1:{port}", component], folder, "/",
                   name="wasmtime serve")


_WORKERD_CONFIG = """using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [(name = "main", worker = .worker)],
  sockets = [(name = "http", address = "127.0.0.1:{port}", http = (), service = "main")]
);
const worker :Workerd.Worker = (
  modules = [(name = "worker.js", esModule = embed "worker.js"), (name = "command.wasm", wasm = embed "command.wasm")],
  compatibilityDate = "2026-01-01"
);
"""


def workerd(place, folder, command_module):
    """A worker that runs the WASI p1 command in a new instance for each request (bench/workerd_worker.js)."""
    program = place.workerd()
    worker = Path(__file__).parent.parent / "workerd_worker.js"
    (folder / "worker.js").write_bytes(worker.read_bytes())
    (folder / "command.wasm").write_bytes(command_module.read_bytes())

    def command(port):
        config = folder / f"workerd-{port}.capnp"
        config.write_text(_WORKERD_CONFIG.format(port=port), encoding="ascii")
        return [program, "serve", config]

    return running(command, folder, "/", name="workerd")
