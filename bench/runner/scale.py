"""What many functions, many invocations and large bodies cost."""

import threading
import time

from . import catalog, servers
from .load import Broken, Samples, load
from .table import Row, at_most, fact

_KIB = 1024
_MIB = 1024 * _KIB
# Of the whole process: what the box may map of programs by default.
_BUDGET_MIB = 2048


class Peak:
    """The greatest value of a figure while a block runs, sampled on a thread."""

    def __init__(self, figure, interval_seconds):
        self._figure = figure
        self._interval = interval_seconds
        self._over = threading.Event()
        self._sampler = threading.Thread(target=self._sample)
        self.value = figure()

    def _sample(self):
        while not self._over.wait(self._interval):
            self.value = max(self.value, self._figure())

    def __enter__(self):
        self._sampler.start()
        return self

    def __exit__(self, *_):
        self._over.set()
        self._sampler.join()
        self.value = max(self.value, self._figure())


def _peak_memory(server):
    return Peak(server.resident_bytes, 0.01)


class _Distinct:
    """A kept catalog of many different functions, with its store: compiled once for all later runs."""

    def __init__(self, place, count, size=0):
        self.count = count
        folder = place.kept / f"distinct-{count}-{size}"
        self.catalog = folder / "catalog"
        self.store = folder / "store"
        self.paths = folder / "paths"
        lines = catalog.deploy_distinct(self.catalog, count, size)
        self.paths.write_text("".join(lines), encoding="ascii")

    def box(self, place, folder, **options):
        return servers.box(place, folder, self.catalog, store=self.store, **options)

    def call(self, place, server, requests, seed=1, **options):
        """In rounds of random order, each function once per round, all answers checked."""
        return load(place, server, paths=self.paths, requests=requests, seed=seed, duration="1h", timeout="60s",
                    **options)

    def call_each(self, place, server, **options):
        return self.call(place, server, self.count, **options)

    def compile_all(self, place, folder):
        with self.box(place, folder, workers=2) as box:
            self.call_each(place, box, connections=4)


def coldstart(place):
    """latency of the first request of a function whose compiled module (of 1 MB) is in the store"""
    functions = _Distinct(place, 8 if place.quick else 40, 1_000_000)
    calls = 2 * functions.count if place.quick else 10 * functions.count
    one_by_one = {"rate": 20, "connections": 1}
    with place.scratch() as folder:
        functions.compile_all(place, folder)
        ever, warm = [], []
        for seed in range(2 if place.quick else 5):
            with functions.box(place, folder) as box:
                for p50 in (ever, warm):
                    report = functions.call_each(place, box, seed=seed, **one_by_one)
                    p50.append(report["latency_us"]["p50"] / 1e3)
        with functions.box(place, folder, options=("--max-programs", 1)) as box:
            functions.call_each(place, box, **one_by_one)
            again = functions.call(place, box, calls, **one_by_one)["latency_us"]
            let_go = box.metrics()["wasabi_program_evictions_total"]
    if let_go < calls:
        raise Broken(f"only {let_go:.0f} programs were let go before their next call: nothing cold was measured")
    warm = Samples(tuple(warm))
    yield fact("any later request at the same pace (20/s), p50", f"{warm.median:.2f} ms", warm.spread())
    yield at_most("first request ever of a 1 MB module, p50", Samples(tuple(ever)), 3, " ms")
    yield at_most("first request of a 1 MB module verified before, p50", Samples((again["p50"] / 1e3,)), 1, " ms")
    yield at_most(f"the same, p99 of {calls}", Samples((again["p99"] / 1e3,)), 5, " ms")


def idlememory(place):
    """memory of a deployed function, not loaded and loaded"""
    functions = _Distinct(place, 200 if place.quick else 10_000)
    with place.scratch() as folder:
        functions.compile_all(place, folder)
        (folder / "empty").mkdir()
        with servers.box(place, folder, folder / "empty") as box:
            empty = box.resident_exactly()
        with functions.box(place, folder) as box:
            deployed = box.resident_exactly()
            functions.call_each(place, box, connections=4)
            time.sleep(1)  # for whatever is given back late
            called = box.resident_exactly()
            metrics = box.metrics()
    loaded, warm = metrics["wasabi_programs_loaded"], metrics["wasabi_pool_warm_memories"]
    idle = (deployed - empty) / functions.count / 1e3
    ready = (called - deployed) / max(loaded, 1) / 1e3
    yield Row("memory per function deployed, not loaded", f"{idle:.1f} kB", "<= 10 kB", idle <= 10)
    yield Row("memory per function loaded and idle", f"{ready:.1f} kB", "<= 100 kB", ready <= 100,
              f"{loaded:.0f} loaded, {warm:.0f} slots warm")


def tenthousand(place):
    """many distinct functions in one box, each called in random order"""
    functions = _Distinct(place, 200 if place.quick else 10_000)
    with place.scratch() as folder:
        functions.compile_all(place, folder)
        with functions.box(place, folder) as box, _peak_memory(box) as memory:
            reports = [functions.call_each(place, box, seed=seed, connections=8) for seed in (1, 2)]
            metrics = box.metrics()
    slowest = max(report["latency_us"]["max"] for report in reports) / 1e3
    answered = sum(report["ok"] for report in reports)
    yield Row(f"{functions.count} functions, each called twice: right answers", f"{answered}", "all",
              answered == 2 * functions.count, f"slowest {slowest:.0f} ms")
    yield Row("  memory of the box, peak", f"{memory.value / _MIB:.0f} MiB", f"<= {_BUDGET_MIB} MiB",
              memory.value <= _BUDGET_MIB * _MIB, f"{metrics['wasabi_programs_loaded']:.0f} loaded in the end")
    yield Row("  mappings of the box in the end", f"{metrics['wasabi_mappings']:.0f}",
              f"<= {metrics['wasabi_mappings_max']:.0f}", metrics["wasabi_mappings"] <= metrics["wasabi_mappings_max"])


def parked(place):
    """10,000 invocations of one function parked at once, requests over h2c"""
    streams = 10 if place.quick else 100
    count = 100 * streams
    sleep_seconds = 2 if place.quick else 10
    with place.scratch() as folder:
        path = catalog.deploy(folder / "catalog", "sleep", place.guest("sleep"), concurrency=2 * count, timeout="60s")
        with servers.box(place, folder, folder / "catalog") as box:
            def resident_while_all_are_parked():
                parked_now = box.metrics()['wasabi_invocations{state="parked"}']
                return box.resident_bytes() if parked_now == count else 0

            with _peak_memory(box) as memory, Peak(resident_while_all_are_parked, 0.5) as memory_parked:
                report = load(place, box, h2c=True, connections=100, streams=streams, requests=count, timeout="60s",
                              duration="1h", path=f"{path}?ms={sleep_seconds * 1000}", expect_body="slept")
    if memory_parked.value == 0:
        raise Broken(f"the {count} invocations were never all parked at once")
    yield Row(f"{count} invocations parked at once, all finished; memory of the box, peak",
              f"{memory.value / _MIB:.0f} MiB", "<= 256 MiB", memory.value <= 256 * _MIB,
              f"{memory_parked.value / _MIB:.0f} MiB while parked")
    yield fact("  CPU of the box for each", f"{report['cpu_us_per_request']:.0f} us")


def gibibyte(place):
    """1 GiB through a function, in and out"""
    size = (64 if place.quick else 1024) * _MIB
    with place.scratch() as folder:
        path = catalog.deploy(folder / "catalog", "echo", place.guest("echo"), timeout="10m")
        with servers.box(place, folder, folder / "catalog") as box:
            def send(bytes_count):
                return load(place, box, method="POST", path=path, body_bytes=bytes_count, expect_bytes=bytes_count,
                            requests=1, duration="1h", timeout="10m")

            send(_KIB)  # loads the program
            before = box.resident_bytes()
            with _peak_memory(box) as memory:
                report = send(size)
    grown = (memory.value - before) / _MIB
    yield Row(f"{size // _MIB} MiB through a function, growth of the box's memory", f"{grown:.1f} MiB", "<= 8 MiB",
              grown <= 8)
    yield fact("  its speed, in and out", f"{size / _MIB / report['seconds']:.0f} MiB/s")
