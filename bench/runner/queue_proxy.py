"""Our queue-proxy beside a Go reverse proxy that does the same work (bench/go_proxy), before the same app."""

import contextlib
import hashlib
import shutil
import subprocess
from pathlib import Path

from . import servers
from .load import Samples, interleaved, load
from .table import at_most, fact
from .workplace import LOAD_CORE, NotMeasured

_CONNECTIONS = 32
_MANY_CONNECTIONS = 256
_MOST_GROWTH = 1.2


def _go_proxy(place):
    """Built where Go is installed, once for each text of it."""
    if not shutil.which("go"):
        raise NotMeasured("go is not installed: the yardstick is written in it")
    sources = Path(__file__).parent.parent / "go_proxy"
    digest = hashlib.sha256((sources / "main.go").read_bytes()).hexdigest()[:12]
    program = place.kept / f"go-proxy-{digest}"
    if not program.exists():
        done = subprocess.run(["go", "build", "-o", str(program), "."], cwd=sources, capture_output=True, text=True,
                              check=False)
        if done.returncode != 0:
            raise NotMeasured(f"the Go proxy does not build: {done.stderr.strip()}")
    return program


def _app(place, folder):
    program = place.program("raw-epoll-server")
    return servers.running(lambda port: [program, "--port", port], folder, "/", cores=(LOAD_CORE,), name="app")


def _ours(place, folder, app):
    program = place.program("wasabi-queue-proxy")

    def command(port):
        settings = {"QUEUE_SERVING_PORT": port, "USER_PORT": app.port, "WASABI_QP_BIND_ADDRESS": "127.0.0.1",
                    "WASABI_QP_ADMIN_PORT": 0, "WASABI_QP_AUTOSCALER_PORT": 0, "WASABI_QP_DRAIN_QUIET": "0s"}
        return ["env", *(f"{name}={value}" for name, value in settings.items()), program]

    return servers.running(command, folder, "/", name="wasabi-queue-proxy")


def _theirs(place, folder, app):
    program = _go_proxy(place)
    return servers.running(lambda port: [program, "--listen", f"127.0.0.1:{port}", "--app", app.address], folder, "/",
                           name="go-proxy")


def _resident(server, kind):
    for line in Path(f"/proc/{server.pid}/status").read_text(encoding="ascii").splitlines():
        if line.startswith(f"{kind}:"):
            return int(line.split()[1]) * 1024
    raise NotMeasured(f"/proc/{server.pid}/status has no {kind}")


def _added_latency(place, app, subjects):
    """Of a request that meets an idle proxy, over one straight to the app."""
    window = {"warmup": "200ms", "duration": "500ms"} if place.quick else {"warmup": "1s", "duration": "4s"}
    options = {**window, "connections": 4, "rate": 2000}

    def median(server):
        return load(place, server, **options)["latency_us"]["p50"]

    taken = interleaved(2 if place.quick else 5, {"straight": lambda: median(app), **{
        name: lambda server=server: median(server) for name, server in subjects.items()}})
    added = {name: Samples(tuple(through - straight for through, straight in
                                 zip(taken[name].values, taken["straight"].values))) for name in subjects}
    for name, samples in added.items():
        yield fact(f"latency added at 2,000 requests per second, median, {name}", f"{samples.median:.0f} us",
                   samples.spread(0))
    yield at_most("latency added, queue-proxy over Go reverse proxy", added["ours"].over(added["go"]), 0.5, "x")


def _cost(place, subjects):
    window = {"warmup": "200ms", "duration": "500ms"} if place.quick else {"warmup": "1s", "duration": "4s"}
    taken = interleaved(2 if place.quick else 5, {
        name: lambda server=server: load(place, server, **window, connections=_CONNECTIONS)["cpu_us_per_request"]
        for name, server in subjects.items()})
    for name, samples in taken.items():
        yield fact(f"CPU per request, {_CONNECTIONS} connections, {name}", f"{samples.median:.1f} us",
                   samples.spread(1))
    ratio = taken["ours"].over(taken["go"])
    yield fact("CPU per request, queue-proxy over Go reverse proxy", f"{ratio.median:.2f}x", ratio.spread())


def _memory(place, subjects):
    """Compared is what a process has of its own: files of programs and libraries are there once for all pods of a node,
    and can be taken back."""
    requests = 20_000 if place.quick else 300_000
    own = {}
    for name, server in subjects.items():
        load(place, server, connections=_MANY_CONNECTIONS, requests=requests, duration="600s")
        own[name] = _resident(server, "RssAnon")
        yield fact(f"memory of its own after load of {_MANY_CONNECTIONS} connections, {name}",
                   f"{own[name] / 1e6:.1f} MB")
        yield fact(f"... with files, at its peak, {name}", f"{_resident(server, 'VmHWM') / 1e6:.1f} MB")
    yield at_most("memory of its own, queue-proxy over Go reverse proxy", Samples((own["ours"] / own["go"],)), 0.25,
                  "x")


def _flatness(place, ours):
    """A first load, after which all buffers are there, and a much longer one."""
    first, then = (20_000, 100_000) if place.quick else (200_000, 10_000_000)
    load(place, ours, connections=_CONNECTIONS, requests=first, duration="60s")
    before = ours.resident_exactly()
    load(place, ours, connections=_CONNECTIONS, requests=then, duration="3600s")
    after = ours.resident_exactly()
    yield at_most(f"resident memory after {then:,} more requests, over before", Samples((after / before,)),
                  _MOST_GROWTH, "x")


def queue_proxy(place):
    """latency and memory of the queue-proxy against a Go reverse proxy; memory over ten million requests"""
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(place.scratch())
        app = stack.enter_context(_app(place, folder))
        subjects = {"ours": stack.enter_context(_ours(place, folder, app)),
                    "go": stack.enter_context(_theirs(place, folder, app))}
        yield from _added_latency(place, app, subjects)
        yield from _cost(place, subjects)
        yield from _memory(place, subjects)
        yield from _flatness(place, subjects["ours"])
