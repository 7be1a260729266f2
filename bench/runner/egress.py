"""What an outbound call of a function costs when the gateway carries it, against a box that makes it itself."""

import contextlib

from . import catalog, servers
from .load import interleaved, load
from .platform import running
from .table import fact
from .workplace import LOAD_CORE

_CONNECTIONS = 32
_ALLOWED = "--allow-private-networks"


def egress(place):
    """Outbound calls: CPU and latency through the gateway, over those of a box alone."""
    window = {"warmup": "300ms", "duration": "700ms"} if place.quick else {"warmup": "1s", "duration": "3s"}
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(place.scratch())
        peer = stack.enter_context(servers.raw_epoll(place, folder, core=LOAD_CORE))
        outbound = f"outbound = ['{peer.address}']\n"
        functions = folder / "catalog"
        for name in ("outbound", "noop"):
            catalog.deploy(functions, name, place.guest(f"http_{name}"), more=outbound)
        box = stack.enter_context(servers.box(place, folder, functions, options=[_ALLOWED]))
        platform = stack.enter_context(running(place, folder, _ALLOWED))
        platform.run("tenant", "create", "bench")
        manifest = folder / "function.toml"
        manifest.write_text(outbound, encoding="ascii")
        for name in ("outbound", "noop"):
            platform.run("deploy", place.guest(f"http_{name}"), "--name", f"bench/{name}", "--manifest", manifest)
            platform.get(f"/bench/{name}")
        pods = [one["pid"] for one in platform.superpods() if one["versions"] > 0]
        call = f"/bench/outbound?url=http://{peer.address}/"

        def cpu(server, path, **more):
            return load(place, server, path=path, connections=_CONNECTIONS, **window, **more)["cpu_us_per_request"]

        def latency(server, path):
            return load(place, server, path=path, connections=1, **window)["latency_us"]["p50"]

        taken = interleaved(2 if place.quick else 5, {
            "alone": lambda: cpu(box, call),
            "through": lambda: cpu(platform, call, pid=pods),
            "alone, no call": lambda: cpu(box, "/bench/noop"),
            "through, no call": lambda: cpu(platform, "/bench/noop", pid=pods),
            "alone, p50": lambda: latency(box, call),
            "through, p50": lambda: latency(platform, call)})
    yield from _rows(taken)


def _rows(taken):
    for name, samples in taken.items():
        yield fact(f"outbound call, {name}", f"{samples.median:.1f} us", samples.spread(1))
    yield fact("request with a call through the gateway, over a box alone, CPU",
               f"{taken['through'].over(taken['alone']).median:.2f}x", taken["through"].over(taken["alone"]).spread())
    own = taken["through"].less(taken["through, no call"]).over(taken["alone"].less(taken["alone, no call"]))
    yield fact("the call alone, likewise", f"{own.median:.2f}x", own.spread())
    wait = taken["through, p50"].over(taken["alone, p50"])
    yield fact("p50 of a request with a call, likewise", f"{wait.median:.2f}x", wait.spread())
