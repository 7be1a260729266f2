"""CPU quotas of functions and weights of tenants: who gets how much of a core.

What functions used is what the box metered; beside it stands what the kernel charged to the box's threads."""

import contextlib
import time
from dataclasses import dataclass

from . import catalog, neighbours, servers
from .load import Broken, load
from .table import Row

_QUOTAS_ON_ONE_WORKER = (10, 25, 50, 90)  # per cent of a core
_QUOTA_ON_TWO_WORKERS = 150
_TOLERANCE = 0.02
_MOST_KEPT_OUT = 0.005  # of a window: with less, a miss is ours
_MOST_WINDOWS = 4
_SETTLING_SECONDS = 0.5  # a quota that was not used begins with one period of it saved
# The fair share of the tenant with quotas is above all of them: what holds it back is the quota.
_WEIGHTS = '[tenants.limited]\nweight = 100\n[tenants.one]\nweight = 1\n[tenants.three]\nweight = 3\n'


@dataclass(frozen=True)
class _Used:
    seconds: float  # by the clock
    by_tenant: dict
    by_threads: float
    kept_out: float  # the threads wanted to run, and other processes had the core

    def cores(self, tenant):
        return self.by_tenant[tenant] / self.seconds

    def share(self, tenant):
        return self.by_tenant[tenant] / sum(self.by_tenant.values())

    def metered(self):
        """What the box charged to its tenants, over what the kernel charged to the box's threads."""
        return sum(self.by_tenant.values()) / self.by_threads

    def disturbed(self):
        return self.kept_out > _MOST_KEPT_OUT * self.seconds


def _reading(box):
    began = time.monotonic()
    invocations = box.invocations()
    now = (began + time.monotonic()) / 2
    used = {}
    for invocation in invocations:
        used[invocation["tenant"]] = used.get(invocation["tenant"], 0) + invocation["cpu_seconds"]
    return now, used, *box.worker_times()


def _used(box, seconds):
    """What all who run use in a window; nobody comes or goes meanwhile."""
    time.sleep(_SETTLING_SECONDS)
    began, before, *threads_before = _reading(box)
    time.sleep(seconds)
    ended, after, *threads_after = _reading(box)
    return _Used(ended - began, {tenant: after[tenant] - before[tenant] for tenant in after},
                 *(late - early for early, late in zip(threads_before, threads_after)))


def _row(what, got, wanted, used):
    within = _within(got, wanted)
    spread = (f"metered {used.metered():.3f} of the threads' CPU time; other processes had the core for "
              f"{used.kept_out:.2f} s of {used.seconds:.1f}")
    promise = f"{100 * wanted:g} %, within 2 % of it"
    if not within and used.disturbed():
        return Row(what, f"{100 * got:.2f} %, not judged", promise, None, spread)
    return Row(what, f"{100 * got:.2f} %", promise, within, spread)


@contextlib.contextmanager
def _box(place, folder, workers):
    config = folder / "box.toml"
    config.write_text(_WEIGHTS, encoding="ascii")
    functions = folder / "catalog"
    for per_cent in (*_QUOTAS_ON_ONE_WORKER, _QUOTA_ON_TWO_WORKERS):
        catalog.deploy(functions, f"spin-{per_cent}", place.guest("spin"), tenant="limited", cpu=f"{10 * per_cent}m",
                       timeout="10m")
    for tenant in ("neighbour", "one", "three"):
        catalog.deploy(functions, "spin", place.guest("spin"), tenant=tenant, timeout="10m")
    with servers.box(place, folder, functions, workers=workers, options=("--config", config)) as box:
        yield box


def _measure(box, seconds, running, good):
    """`running`: path -> how many invocations spin. A window that other processes spoiled is taken again."""
    with contextlib.ExitStack() as stack:
        for path, count in running.items():
            stack.enter_context(neighbours.held(box, path, count))
        for _ in range(_MOST_WINDOWS):
            used = _used(box, seconds)
            if good(used) or not used.disturbed():
                break
    if not box.wait_until_idle(10):
        raise Broken("spinning invocations outlive their clients")
    return used


def _within(got, wanted):
    return abs(got - wanted) <= _TOLERANCE * wanted


class _Windows:
    """Rows of measured windows of one box."""

    def __init__(self, box, seconds):
        self._box = box
        self._seconds = seconds
        self.taken = []

    def quota(self, what, running, per_cent):
        used = self._measure(running, lambda used: _within(used.cores("limited"), per_cent / 100))
        return _row(what, used.cores("limited"), per_cent / 100, used)

    def shares(self, running, shares):
        used = self._measure(running, lambda used: all(_within(used.share(t), share) for t, share in shares.items()))
        for tenant, share in shares.items():
            yield _row(f"two tenants that spin, weights 1 and 3: the share of {tenant}", used.share(tenant), share, used)

    def _measure(self, running, good):
        used = _measure(self._box, self._seconds, running, good)
        self.taken.append(used)
        return used


def _memory_work(place):
    """Guests that grow to 64 MiB and end: most of their time is the kernel's, and a third of it after their last
    instruction."""
    with place.scratch() as folder:
        path = catalog.deploy(folder / "catalog", "grow", place.guest("grow"), memory="128MiB")
        with servers.box(place, folder, folder / "catalog") as box:
            box.get(f"{path}?mib=1")  # loads it
            metered, (ran, _) = box.metrics()["wasabi_cpu_seconds_total"], box.worker_times()
            load(place, box, path=f"{path}?mib=64", connections=2, duration="1s" if place.quick else "3s")
            metered = box.metrics()["wasabi_cpu_seconds_total"] - metered
            share = metered / (box.worker_times()[0] - ran)
    return Row("CPU metered over the threads' own, functions that grow to 64 MiB and end", f"{share:.3f}", "0.95 to 1.02",
               0.95 <= share <= 1 + _TOLERANCE)


def quota(place):
    """CPU quotas and weights: what spinning functions really get"""
    seconds = 2 if place.quick else 10
    with place.scratch() as folder, _box(place, folder, 1) as box:
        one = _Windows(box, seconds)
        for per_cent in _QUOTAS_ON_ONE_WORKER:
            path = f"/limited/spin-{per_cent}"
            yield one.quota(f"quota {per_cent} % of one worker, alone", {path: 1}, per_cent)
            yield one.quota(f"quota {per_cent} % of one worker, 3 beside 4 of a neighbour",
                            {path: 3, "/neighbour/spin": 4}, per_cent)
        yield from one.shares({"/one/spin": 2, "/three/spin": 2}, {"one": 0.25, "three": 0.75})
    with place.scratch() as folder, _box(place, folder, 2) as box:
        two = _Windows(box, seconds)
        path = f"/limited/spin-{_QUOTA_ON_TWO_WORKERS}"
        yield two.quota(f"quota {_QUOTA_ON_TWO_WORKERS} % of two workers, 4 alone", {path: 4}, _QUOTA_ON_TWO_WORKERS)
        yield two.quota(f"quota {_QUOTA_ON_TWO_WORKERS} % of two workers, 4 beside 4 of a neighbour",
                        {path: 4, "/neighbour/spin": 4}, _QUOTA_ON_TWO_WORKERS)
    yield _memory_work(place)
    worst = max(one.taken + two.taken, key=lambda used: abs(1 - used.metered())).metered()
    yield Row("CPU metered over the threads' own, the worst of all windows", f"{worst:.3f}", "0.98 to 1.02",
              _within(worst, 1))
