"""What one invocation leaves behind is never seen by another, and one guest's trouble is not another's."""

import concurrent.futures
import time

from harness import wire
from harness.box import eventually
from harness.case import BoxCase


class Slots(BoxCase):
    workers = 1  # so that slots are used again at once
    functions = {
        "a/secrets": ("leave_secrets", {}),
        "a/table": ("fill_table", {}),
        "b/scan": ("scan_memory", {}),
        "b/table": ("scan_table", {}),
    }

    def scan(self):
        reply = self.box.call("/b/scan")
        self.assertEqual(reply.status, 200)
        found = dict(field.split("=") for field in reply.text.split())
        self.assertGreater(int(found["looked_at"]), 4 << 20)
        self.assertEqual(int(found["dirty"]), 0, reply.text)

    def test_memory_is_clean_in_turn(self):
        self.scan()
        for mib in (0, 1, 8):
            for _ in range(20):
                self.assertEqual(self.box.call(f"/a/secrets?mib={mib}").text, "secrets written\n")
                self.scan()

    def test_memory_is_clean_under_load(self):
        def one(number):
            if number % 2:
                return self.box.call("/a/secrets?mib=1").text == "secrets written\n"
            self.scan()
            return True

        with concurrent.futures.ThreadPoolExecutor(16) as pool:
            self.assertTrue(all(pool.map(one, range(200))))

    def test_tables_are_clean(self):
        for _ in range(30):
            self.assertEqual(self.box.call("/a/table").status, 200)
            self.assertEqual(self.box.call("/b/table").status, 200)


class Neighbours(BoxCase):
    workers = 1
    functions = {
        "loud/spin": ("spin", {"limits": {"timeout": "600s"}}),
        "loud/loop": ("start_loop", {"limits": {"timeout": "600s"}}),
        "loud/fill": ("bulk_fill", {"limits": {"timeout": "600s"}}),
        "quiet/noop": ("noop", {}),
    }

    def beside(self, target, seconds):
        """A neighbour is answered while two loud guests run, which they do for longer than anybody waits for an answer.

        Three quarters of its answers tell how long a slice is, roughly: some may be late because the machine was busy.
        """
        with self.box.connect() as one, self.box.connect() as other:
            for loud in (one, other):
                loud.send(wire.request_bytes("GET", target))
            eventually(lambda: self.box.metrics().sum("wasabi_invocations", state="runnable") == 2)
            took = []
            for _ in range(40):
                start = time.monotonic()
                self.assertEqual(self.box.call("/quiet/noop").status, 200)
                took.append(time.monotonic() - start)
            self.assertEqual(self.box.metrics().sum("wasabi_invocations"), 2)
        self.assertLess(sorted(took)[len(took) * 3 // 4], seconds)
        eventually(lambda: self.box.metrics().sum("wasabi_invocations") == 0)

    def test_a_looping_guest_blocks_nobody(self):
        self.beside("/loud/spin", 0.25)

    def test_a_looping_start_function_blocks_nobody(self):
        self.beside("/loud/loop", 0.25)

    def test_large_bulk_operations_delay_by_one_operation(self):
        self.beside("/loud/fill", 1)
