"""Goodput and refusals from half to ten times of what the box can do."""

import time

from . import catalog, chart, servers
from .isolation import burning
from .load import load
from .scale import Peak
from .table import Row, fact

_BURN_MS = 2
_TIMES = (0.5, 1, 2, 5, 10)
_DEADLINE_MS = 500
_CLIENT_TIMEOUT = "10s"  # who waits so long was forgotten
_MIB = 1024 * 1024
_FLAT_SHARE, _FLAT_BYTES = 1.1, 16 * _MIB
_CONFIG = '[capacity]\nmemory = "1GiB"\n'


class _Point:
    """What came of one offered load."""

    def __init__(self, times, offered, report, memory, idle):
        self.times = times
        self.offered = offered
        self.requests = report["requests"]
        self.served = report["ok"]
        self.goodput = report["ok"] / report["seconds"]
        self.reasons = report.get("reasons", {})
        latency = report["ok_latency_us"] or {"p50": 0, "p99": 0}
        self.p50_ms, self.p99_ms = latency["p50"] / 1000, latency["p99"] / 1000
        self.unanswered = sum(count for name, count in report["errors"].items() if name != "wrong_status")
        self.memory = memory
        self.idle = idle

    def row(self):
        refused = ", ".join(f"{reason} {count}" for reason, count in sorted(self.reasons.items())) or "nothing"
        return fact(f"{self.times:g}x: {self.offered:.0f}/s offered, goodput", f"{self.goodput:.0f}/s",
                    f"p50 {self.p50_ms:.1f} ms, p99 {self.p99_ms:.1f} ms, memory {self.memory / _MIB:.0f} MiB, "
                    f"refused: {refused}")


def _functions(place, folder):
    """(path, share of the load). Large ones declare a quarter of the box's memory each."""
    kinds = {"small-a": ("16MiB", 0.4), "small-b": ("32MiB", 0.4), "large": ("256MiB", 0.2)}
    return [(catalog.deploy(folder / "catalog", name, place.guest("burn"), memory=memory, timeout=f"{_DEADLINE_MS}ms"),
             share) for name, (memory, share) in kinds.items()]


def _offer(place, box, flows, times, capacity, seconds):
    offered = times * capacity
    with Peak(box.resident_bytes, 0.05) as memory:
        report = load(place, box, flow=[f"{share * offered} {path}" for path, share in flows], arrivals="poisson",
                      connections=4000, warmup="500ms", duration=f"{seconds}s", timeout=_CLIENT_TIMEOUT,
                      allow_errors=True)
    return _Point(times, offered, report, memory.value, box.wait_until_idle(5))


def overload(place):
    """goodput, latency and refusals at 0.5x to 10x of the capacity, functions of 2 ms CPU"""
    seconds = 1 if place.quick else 4
    with place.scratch() as folder:
        functions = _functions(place, folder)
        config = folder / "box.toml"
        config.write_text(_CONFIG, encoding="ascii")
        with servers.box(place, folder, folder / "catalog", options=("--config", config)) as box:
            flows = [(burning(place, box, path, _BURN_MS), share) for path, share in functions]
            capacity = 1000 / _BURN_MS
            points = []
            for times in _TIMES:
                points.append(_offer(place, box, flows, times, capacity, seconds))
                yield points[-1].row()
                time.sleep(0.2)
    picture = place.results / "overload.svg"
    picture.write_text(_drawing(points), encoding="ascii")
    yield from _promises(points)
    yield fact("the curve", str(picture))


def _promises(points):
    peak = max(point.goodput for point in points)
    for point in points:
        if point.times >= 2:
            share = point.goodput / peak
            yield Row(f"goodput at {point.times:g}x over its peak", f"{share:.2f}", ">= 0.9", share >= 0.9)
    slowest = max(point.p99_ms for point in points)
    yield Row("p99 of what is served, the worst", f"{slowest:.0f} ms", f"<= {_DEADLINE_MS} ms", slowest <= _DEADLINE_MS)
    silent = sum(point.reasons.get("none", 0) for point in points)
    yield Row("refusals without a reason", f"{silent}", "0", silent == 0)
    unanswered = sum(point.unanswered for point in points)
    idle = all(point.idle for point in points)
    yield Row("requests without an answer", f"{unanswered}", "0, and nothing runs in the end", unanswered == 0 and idle)
    at_capacity = next(point.memory for point in points if point.times == 1)
    most = max(point.memory for point in points)
    bound = _FLAT_SHARE * at_capacity + _FLAT_BYTES
    yield Row("memory of the box, peak", f"{most / _MIB:.0f} MiB",
              f"<= {_FLAT_SHARE:g}x that at 1x + {_FLAT_BYTES // _MIB} MiB = {bound / _MIB:.0f} MiB", most <= bound)


def _drawing(points):
    offered = [point.offered for point in points]
    return chart.lines("Goodput under overload, functions of 2 ms CPU, one worker", "offered, requests per second", [
        chart.Line("goodput, per second", offered, [point.goodput for point in points]),
        chart.Line("p99 of what is served, ms", offered, [point.p99_ms for point in points]),
    ])
