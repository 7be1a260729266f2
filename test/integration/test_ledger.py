"""The ledger against what the kernel says of the process."""

import concurrent.futures
import time
import unittest

from harness import ledger_soak
from harness.box import eventually

MIB = 1 << 20


class LedgerAndTruth(unittest.TestCase):
    def setUp(self):
        self.box = ledger_soak.start()
        self.addCleanup(self.box.kill)

    def test_never_less_than_the_kernel_says(self):
        sampler = ledger_soak.soak(self.box, 6)
        self.assertGreater(len(sampler.samples), 30)
        self.assertGreater(max(one.anonymous for one in sampler.samples), 150 * MIB)
        worst = sampler.worst()
        self.assertLessEqual(worst.excess, 0, worst)
        self.assertLessEqual(set(sampler.statuses), {200, 500, 503})
        self.box.close()

    def test_the_same_where_guests_touch_all(self):
        with concurrent.futures.ThreadPoolExecutor(3) as pool:
            calls = [pool.submit(self.box.call, "/a/grow?mib=90&hold_ms=2000") for _ in range(3)]
            eventually(lambda: self.box.metrics().sum("wasabi_memory_bytes", kind="instances") > 270 * MIB)
            time.sleep(0.2)  # the last pages are touched
            held = ledger_soak.sample(self.box)
            self.assertLessEqual(held.distance, 0, held)
            self.assertEqual([call.result().text for call in calls], ["grown=90\n"] * 3)
        self.box.close()
