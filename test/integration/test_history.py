"""What was seen of functions, and what of it the next box knows."""

import time
import unittest

from harness import wasm, wire
from harness.box import Box, box_toml, eventually, scratch
from harness.catalog import guests

CAPACITY = 256
LIMIT = 120
TOGETHER = 6
# By its limits two run at once; by what they need, all.
BY_LIMIT = CAPACITY // LIMIT
WRITTEN_SECONDS = 60


def risky_box(**options) -> Box:
    config = box_toml('[capacity]\nmemory = "%dMiB"\n[memory]\nmode = "risk"\n' % CAPACITY)
    box = Box(*config, "--drain-timeout", "1s", **options)
    for name in ("t/grow", "t/other"):
        deploy(box, name)
    return box


def deploy(box: Box, name: str, note: bytes = b""):
    """With another note it is another module, which does the same."""
    module = (guests() / "grow.wasm").read_bytes() + (wasm.custom_section(note) if note else b"")
    box.put(name, module, limits={"memory": "%dMiB" % LIMIT, "timeout": "600s"})


def teach(box: Box, *names: str):
    for name in names:
        for _ in range(120):
            assert box.call("/%s?mib=2" % name).status == 200


def together(box: Box, name: str) -> int:
    """How many of some requests run, while the others wait for memory."""
    connections = [box.connect() for _ in range(TOGETHER)]
    for connection in connections:
        connection.send(wire.request_bytes("GET", "/%s?mib=2&hold_ms=600000" % name))

    def running():
        metrics = box.metrics()
        parked = metrics.sum("wasabi_invocations", state="parked")
        return parked if parked + metrics.sum("wasabi_invocations", state="queued") == TOGETHER else None

    def settled():
        # They are admitted one after another.
        count = running()
        time.sleep(0.3)
        return count if count == running() else None
    try:
        return int(eventually(settled, what="requests that run or wait"))
    finally:
        for connection in connections:
            connection.close()
        eventually(lambda: box.metrics().sum("wasabi_invocations") == 0)


class History(unittest.TestCase):
    def test_a_restart_keeps_it(self):
        box = risky_box()
        with box:
            self.assertEqual(together(box, "t/grow"), BY_LIMIT)
            teach(box, "t/grow")
            self.assertEqual(together(box, "t/grow"), TOGETHER)
        with box:
            self.assertEqual(together(box, "t/grow"), TOGETHER)
            self.assertEqual(together(box, "t/other"), BY_LIMIT)

    def test_a_kill_loses_the_last_minute_at_most(self):
        box = risky_box()
        box.start()
        teach(box, "t/grow")
        eventually(box.history.exists, WRITTEN_SECONDS + wire.WAIT_SECONDS, "a file of histories")
        teach(box, "t/other")
        box.kill()
        with box:
            self.assertEqual(together(box, "t/grow"), TOGETHER)
            self.assertEqual(together(box, "t/other"), BY_LIMIT)
            kept = box.history.read_bytes()
            box.kill()
        self.assertEqual(box.history.read_bytes(), kept)

    def test_a_damaged_file_is_told_and_replaced(self):
        box = risky_box()
        with box:
            teach(box, "t/grow")
        whole = box.history.read_bytes()
        for damaged, reason in ((whole[:-20], "it was cut"), (b"", "it is empty"), (b"\x7fELF", "it is no file of histories")):
            box.history.write_bytes(damaged)
            with box:
                self.assertIn(reason, box.log_text())
                self.assertEqual(together(box, "t/grow"), BY_LIMIT)
                teach(box, "t/grow")
            with box:
                self.assertEqual(together(box, "t/grow"), TOGETHER)

    def test_another_module_begins_anew(self):
        box = risky_box()
        with box:
            teach(box, "t/grow", "t/other")
        deploy(box, "t/grow", b"changed")
        with box:
            self.assertEqual(together(box, "t/grow"), BY_LIMIT)
            self.assertEqual(together(box, "t/other"), TOGETHER)
            # While it runs as well, and what it had before the change does not come back with the module.
            deploy(box, "t/other", b"changed")
            eventually(lambda: together(box, "t/other") == BY_LIMIT, what="the changed module")
            deploy(box, "t/grow")
            box.admin("/-/reload", method="POST")
            self.assertEqual(together(box, "t/grow"), BY_LIMIT)


class Places(unittest.TestCase):
    def test_by_default_in_the_store(self):
        box = risky_box(store=scratch.new_store())
        box.history_arguments = []
        with box:
            teach(box, "t/grow")
        self.assertIn("\nt/grow ", (box.store / "history" / "demand-history").read_text())
        with box:
            self.assertEqual(together(box, "t/grow"), TOGETHER)

    def test_none(self):
        box = risky_box(store=scratch.new_store())
        box.history_arguments = ["--history", "none"]
        with box:
            teach(box, "t/grow")
        self.assertFalse((box.store / "history").exists())

    def test_where_it_cannot_be_written_the_box_goes_on(self):
        box = risky_box()
        box.history.parent.mkdir()
        box.history.parent.chmod(0o500)  # root has no more rights than others once it is locked in
        with box:
            teach(box, "t/grow")
            self.assertEqual(together(box, "t/grow"), TOGETHER)
        self.assertEqual(box.log_text().count("histories of functions cannot be written"), 1)
        self.assertFalse(box.history.exists())

    def test_where_it_cannot_be_made_the_box_goes_on(self):
        box = risky_box()
        box.history.parent.write_text("in the way")
        with box:
            teach(box, "t/grow")
        self.assertEqual(box.log_text().count("histories of functions cannot be kept"), 1)

    def test_not_where_compiled_modules_are(self):
        box = risky_box(store=scratch.new_store())
        with box:
            box.call("/t/grow?mib=1")
        box.history_arguments = ["--history", str(box.store / "demand-history")]
        box.start(wait=False)
        self.assertEqual(box.process.wait(wire.WAIT_SECONDS), 1)
        self.assertIn("give the history a folder of its own", box.log_text())
