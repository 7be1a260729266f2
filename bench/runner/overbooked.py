"""Functions that lie about the memory they need, in a box that lives in a memory-limited container."""

import collections
import concurrent.futures
import http.client
import re
import threading
import time

from . import catalog, container, servers
from .load import Broken
from .scale import Peak
from .table import Row, fact

_MIB = 1 << 20
_CONTAINER = 512 * _MIB
_LIMIT_MIB = 128
_USUAL_MIB = 8
_LIE_MIB = 120
_CALLERS = 64
_FUNCTIONS = 4
_MODES = {"declared": 'mode = "declared"', "ratio 4": 'mode = "ratio"\nratio = 4.0',
          "risk 1e-2": 'mode = "risk"\nrisk = 1e-2'}


def overbooked(place):
    """in a container of 512 MiB: functions that need 8 MiB a thousand times, then all of them 120 MiB at once"""
    for mode, config in _MODES.items():
        yield from _in_mode(place, mode, config)


def _in_mode(place, mode, config):
    requests = (200, 64) if place.quick else (1000, 512)
    with place.scratch() as folder, container.limited(_CONTAINER) as group:
        paths = [catalog.deploy(folder / "catalog", f"grow{number}", place.guest("grow"), tenant=f"t{number}",
                                memory=f"{_LIMIT_MIB}MiB", timeout="120s", concurrency=1000)
                 for number in range(_FUNCTIONS)]
        config_file = folder / "box.toml"
        config_file.write_text(f"[memory]\n{config}\n", encoding="ascii")
        with servers.box(place, folder, folder / "catalog", workers=2, options=("--config", config_file),
                         enter=group.enter) as box:
            capacity = _capacity(box)
            _call_all(box, requests[0], lambda n: f"{paths[n % _FUNCTIONS]}?mib={_USUAL_MIB}", _USUAL_MIB)
            with Peak(group.unreclaimable, 0.005) as held:
                started = time.monotonic()
                lies = _call_all(box, requests[1], lambda n: f"{paths[n % _FUNCTIONS]}?mib={_LIE_MIB}&hold_ms=20",
                                 _LIE_MIB)
                seconds = time.monotonic() - started
            figures = box.metrics()
            alive = not box.died()
        kills, peak = group.kills(), group.peak()
    evictions = figures["wasabi_evictions_total"]
    refused = sum(count for answer, count in lies.items() if answer != "answered")
    yield Row(f"{mode}: {requests[1]} calls that lie, {_CALLERS} at once: killed for memory", f"{kills}", "0",
              kills == 0 and alive, f"capacity {capacity}, the container {_CONTAINER // _MIB} MiB")
    yield fact("  answered; refused; evicted, of them run again",
               f"{lies['answered']}; {refused}; {evictions:.0f}, {max(evictions - lies['evicted.memory_pressure'], 0):.0f}",
               ", ".join(f"{count} {answer}" for answer, count in sorted(lies.items())) + f", in {seconds:.0f} s")
    yield Row("  answered or refused with a reason", f"{sum(lies.values()) - lies['no answer']}", f"{requests[1]}",
              lies["no answer"] == 0 and lies["no reason"] == 0)
    yield fact("  most that the container held, without page cache; with it", f"{held.value / _MIB:.0f} MiB; {peak / _MIB:.0f} MiB")


def _capacity(box):
    """What the box says it took as its capacity: by the limit of its container."""
    told = re.search(r'"event":"capacity","memory":"([^"]+)".*"container_memory_from":"([^"]+)"',
                     box.log.read_text(encoding="utf-8"))
    if not told or not told[2].startswith("cgroup"):
        raise Broken("the box does not take its capacity from the container")
    return told[1]


def _call_all(box, count, target, mib):
    """Calls by many callers at once; how they were answered: reason or "answered" -> how often."""
    connections = threading.local()

    def call(number):
        if not hasattr(connections, "own"):
            connections.own = http.client.HTTPConnection("127.0.0.1", box.port, timeout=300)
        try:
            connections.own.request("GET", target(number))
            response = connections.own.getresponse()
            body = response.read()
        except (OSError, http.client.HTTPException):
            connections.own.close()
            return "no answer"
        if response.status == 200:
            return "answered" if body == b"grown=%d\n" % mib else "no reason"
        reason = re.search(r'details="([^"]+)"', response.getheader("proxy-status") or "")
        return reason[1] if reason else "no reason"

    with concurrent.futures.ThreadPoolExecutor(_CALLERS) as pool:
        return collections.Counter(pool.map(call, range(count)))
