"""CPU per request and requests per second, against the yardstick and against others."""

import contextlib

from . import catalog, servers
from .load import interleaved, load
from .table import at_least, at_most, fact

_CONNECTIONS = 32
_LOW_RATE = 3000


def _rounds(place):
    return 2 if place.quick else 5


def _load_options(place):
    # The generator never sleeps: a server that has to wake its client would pay for that, a faster one would not.
    window = {"warmup": "300ms", "duration": "700ms"} if place.quick else {"warmup": "1s", "duration": "3s"}
    return {**window, "connections": _CONNECTIONS, "busy_poll": True}


def _noop_catalog(place, folder):
    functions = folder / "catalog"
    return functions, {
        "p1": catalog.deploy(functions, "noop", place.guest("noop")),
        "wasi:http": catalog.deploy(functions, "http-noop", place.guest("http_noop")),
    }


def _against_raw(place, bounds, title, **load_options):
    """CPU per request of both kinds of no-op over that of the raw server, both under the same load."""
    options = {**_load_options(place), **load_options}

    def cpu(server, path):
        return lambda: load(place, server, path=path, **options)["cpu_us_per_request"]

    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(place.scratch())
        functions, paths = _noop_catalog(place, folder)
        raw = stack.enter_context(servers.raw_epoll(place, folder))
        box = stack.enter_context(servers.box(place, folder, functions))
        subjects = {"raw": cpu(raw, "/"), **{kind: cpu(box, path) for kind, path in paths.items()}}
        taken = interleaved(_rounds(place), subjects)
    for name, samples in taken.items():
        yield fact(f"CPU per request, {name}, {title}", f"{samples.median:.1f} us", samples.spread(1))
    for kind, bound in bounds.items():
        yield at_most(f"{kind} no-op over raw epoll, {title}", taken[kind].over(taken["raw"]), bound, "x")


def noop(place):
    """saturated: CPU per request against a raw epoll server"""
    return _against_raw(place, {"p1": 2.5, "wasi:http": 4.5}, "saturated")


def lowrate(place):
    """at 3,000 requests per second: CPU per request against a raw epoll server"""
    return _against_raw(place, {"p1": 3, "wasi:http": 5}, f"at {_LOW_RATE}/s", rate=_LOW_RATE)


def _against_other(place, kind, other, open_other, bound):
    """Requests per second on one core, over those of another server. Counted per second that the server really had
    the core: what neighbours took of it would be noise."""
    options = _load_options(place)

    def rate(server, path):
        return lambda: 1e6 / load(place, server, path=path, **options)["cpu_us_per_request"]

    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(place.scratch())
        functions, paths = _noop_catalog(place, folder)
        rival = stack.enter_context(open_other(folder))
        box = stack.enter_context(servers.box(place, folder, functions))
        taken = interleaved(_rounds(place), {other: rate(rival, "/"), "ours": rate(box, paths[kind])})
    for name, samples in taken.items():
        yield fact(f"requests per second of one core, {kind} no-op, {name}", f"{samples.median:.0f}",
                   samples.spread(0))
    yield at_least(f"{kind} no-op over {other}, requests per second", taken["ours"].over(taken[other]), bound, "x")


def serve(place):
    """requests per second against `wasmtime serve`"""
    return _against_other(place, "wasi:http", "wasmtime serve",
                          lambda folder: servers.wasmtime_serve(place, folder, place.guest("http_noop")), 2.5)


def workerd(place):
    """requests per second against workerd, a new instance per request"""
    return _against_other(place, "p1", "workerd",
                          lambda folder: servers.workerd(place, folder, place.guest("noop")), 5)


def workers(place):
    """CPU per request of two workers against one"""
    options = _load_options(place)
    del options["busy_poll"]  # the generator shares a core with the second worker

    def cpu(server, path):
        return lambda: load(place, server, path=path, **options)["cpu_us_per_request"]

    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(place.scratch())
        functions, paths = _noop_catalog(place, folder)
        boxes = {count: stack.enter_context(
            servers.box(place, folder, functions, workers=count, store=folder / f"store-{count}")) for count in (1, 2)}
        subjects = {(count, kind): cpu(box, path) for kind, path in paths.items() for count, box in boxes.items()}
        taken = interleaved(_rounds(place), subjects)
    for kind in paths:
        yield at_most(f"{kind} no-op, two workers over one, CPU per request",
                      taken[2, kind].over(taken[1, kind]), 1.1, "x")
