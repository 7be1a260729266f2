"""The walls that the box puts around itself once it is up, as the kernel reports them."""

import pathlib
import re
import unittest

from harness.box import Box


def status_of(pid: int) -> dict:
    lines = pathlib.Path(f"/proc/{pid}/status").read_text().splitlines()
    return dict(re.split(r":\s*", line, maxsplit=1) for line in lines)


class Lockdown(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.box = Box()
        cls.box.put("t/hello", "hello")
        cls.box.start()
        cls.box.call("/t/hello")
        cls.pid = cls.box.process.pid

    @classmethod
    def tearDownClass(cls):
        cls.box.close()

    def threads(self):
        """What the kernel says of each; a thread may end while it is asked."""
        found = []
        for entry in pathlib.Path(f"/proc/{self.pid}/task").iterdir():
            try:
                found.append((entry.name, status_of(int(entry.name))))
            except (FileNotFoundError, ProcessLookupError):
                pass
        self.assertGreater(len(found), 3)
        return found

    def test_every_thread_is_behind_seccomp(self):
        for thread, status in self.threads():
            with self.subTest(thread):
                self.assertEqual(status["Seccomp"], "2")
                self.assertEqual(status["NoNewPrivs"], "1")

    def test_no_capabilities(self):
        for _, status in self.threads():
            for kind in ("CapPrm", "CapEff", "CapAmb"):
                self.assertEqual(int(status[kind], 16), 0, kind)

    def test_still_serves_and_follows_the_catalog(self):
        self.box.put("t/late", "exit")
        self.box.wait_for_catalog("/t/late?code=0")
