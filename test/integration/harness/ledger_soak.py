"""Mixed functions in a small box, and what its ledger says against what the kernel says, all the time."""

import concurrent.futures
import dataclasses
import random
import secrets
import threading
import time

from .box import Box, box_toml

MIB = 1 << 20
CAPACITY_MIB = 384
CALLERS = 24
INTERVAL_SECONDS = 0.05

FUNCTIONS = {
    "a/grow": ("grow", {"limits": {"memory": "100MiB"}}),
    "a/hog": ("hog", {"limits": {"memory": "40MiB"}}),
    "a/table": ("fill_table", {}),
    "b/web": ("http_grow", {"limits": {"memory": "60MiB"}, "reuse": 5}),
    "b/act": ("http_act", {"limits": {"memory": "60MiB"}}),
    "c/echo": ("echo", {}),
    "c/sleep": ("sleep", {"limits": {"concurrency": 1000}}),
}


@dataclasses.dataclass
class Sample:
    ledger: float  # instances, warm slots, stacks, programs, buffers
    anonymous: float

    @property
    def allowance(self):
        return 0.1 * self.ledger + 16 * MIB

    @property
    def excess(self):
        """By how much the kernel's figure is above what the ledger may be wrong by; bad above 0."""
        return self.anonymous - self.ledger - self.allowance

    @property
    def distance(self):
        """The same, whichever is more."""
        return abs(self.anonymous - self.ledger) - self.allowance


def start() -> Box:
    box = Box(*box_toml(f'[capacity]\nmemory = "{CAPACITY_MIB}MiB"\n[memory]\ndefault_limit = "64MiB"\nmode = "ratio"\nratio = 3.0\n'))
    for name, (guest, settings) in FUNCTIONS.items():
        box.put(name, guest, **settings)
    return box.start()


def sample(box) -> Sample:
    metrics = box.metrics()
    kind = lambda name: metrics.sum("wasabi_memory_bytes", kind=name)
    # What the ledger adds because the kernel says so would prove nothing, and page tables are not anonymous memory.
    counted = kind("instances") + kind("other") - kind("uncounted") - kind("page_tables")
    return Sample(counted, metrics.sum("wasabi_process_anonymous_bytes"))


class Sampler:
    """Samples while a block runs."""

    def __init__(self, box):
        self.samples = []
        self._box = box
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look)

    def _look(self):
        while not self._over.wait(INTERVAL_SECONDS):
            self.samples.append(sample(self._box))

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._over.set()
        self._thread.join()

    def worst(self) -> Sample:
        return max(self.samples, key=lambda one: one.excess)


def one_call(box, chance: random.Random) -> int:
    """A status."""
    def body(size):
        return {"method": "POST", "body": secrets.token_bytes(size)}

    kind = chance.randrange(8)
    if kind < 2:
        return box.call(f"/a/grow?mib={chance.choice((1, 2, 10, 90))}&step_ms={chance.choice((0, 1))}&hold_ms=20").status
    if kind == 2:
        return box.call("/a/hog").status
    if kind == 3:
        return box.call("/a/table").status
    if kind == 4:
        return box.call(f"/b/web?mib={chance.randrange(1, 55)}").status
    if kind == 5:
        return box.call(f"/b/act?mib={chance.randrange(1, 50)}&read=60000", **body(60_000)).status
    if kind == 6:
        return box.call("/c/echo", **body(chance.choice((10, 1 << 20)))).status
    with concurrent.futures.ThreadPoolExecutor(20) as burst:
        return max(burst.map(lambda _: box.call("/c/sleep?ms=100").status, range(40)))


def soak(box, seconds: float) -> Sampler:
    until = time.monotonic() + seconds

    def caller(seed):
        chance = random.Random(seed)
        statuses = []
        while time.monotonic() < until:
            statuses.append(one_call(box, chance))
        return statuses

    with Sampler(box) as sampler, concurrent.futures.ThreadPoolExecutor(CALLERS) as pool:
        sampler.statuses = [status for statuses in pool.map(caller, range(CALLERS)) for status in statuses]
    return sampler
