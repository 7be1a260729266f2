"""Memory that gets short: growth waits, nothing is killed, nothing is lost."""

import concurrent.futures
import threading
import unittest

from harness.box import Box, eventually, scratch

MIB = 1 << 20
CAPACITY = 256


class Overbooked(unittest.TestCase):
    """Functions that lie: they need little for a hundred requests and more, then all of their limit at once."""

    LIMIT = 120
    PEAK = 100
    TOGETHER = 16

    def box(self, mode: str):
        file = scratch.new("config") / "box.toml"
        file.write_text('[capacity]\nmemory = "%dMiB"\n[memory]\n%s\n' % (CAPACITY, mode))
        box = Box("--config", str(file))
        for name in ("a/grow", "b/grow"):
            box.put(name, "grow", limits={"memory": "%dMiB" % self.LIMIT, "timeout": "120s"})
        return box

    def lie(self, mode: str):
        with self.box(mode) as box:
            with concurrent.futures.ThreadPoolExecutor(self.TOGETHER) as pool:
                small = list(pool.map(lambda n: box.call("/%s/grow?mib=2" % "ab"[n % 2]).status, range(300)))
                self.assertEqual(set(small), {200})
                watch = Watch(box)
                large = list(pool.map(lambda n: box.call("/%s/grow?mib=%d&hold_ms=20" % ("ab"[n % 2], self.PEAK)), range(40)))
                peak = watch.stop()
            self.assertEqual([reply.status for reply in large], [200] * 40, [reply.text for reply in large])
            self.assertEqual({reply.text for reply in large}, {"grown=%d\n" % self.PEAK})
            # The process itself, and what ends while its successor begins.
            self.assertLess(peak, (CAPACITY + 96) * MIB)
            eventually(lambda: box.metrics().sum("wasabi_invocations") == 0)
            eventually(lambda: box.metrics().sum("wasabi_memory_bytes", kind="booked") == 0)
            return box.metrics()

    def test_declared(self):
        metrics = self.lie('mode = "declared"')
        self.assertEqual(metrics.sum("wasabi_evictions_total"), 0)

    def test_by_ratio(self):
        self.lie('mode = "ratio"\nratio = 4.0')

    def test_at_risk(self):
        metrics = self.lie('mode = "risk"\nrisk = 1e-2')
        self.assertGreater(metrics.sum("wasabi_evictions_total"), 0)


class Watch:
    """The most anonymous memory that a box holds while this looks."""

    def __init__(self, box):
        self.box = box
        self.most = 0
        self.over = threading.Event()
        self.thread = threading.Thread(target=self.look)
        self.thread.start()

    def look(self):
        while not self.over.wait(0.002):
            self.most = max(self.most, self.box.resident_bytes())

    def stop(self) -> int:
        self.over.set()
        self.thread.join()
        return self.most
