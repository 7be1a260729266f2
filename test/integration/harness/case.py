"""Base classes of the tests."""

import unittest

from .box import Box, eventually


class BoxCase(unittest.TestCase):
    """All tests of a class share one box. `functions` maps "tenant/function" to (guest, settings)."""

    functions: dict = {}
    options: tuple = ()
    workers = 2
    box: Box

    @classmethod
    def prepare(cls, box: Box):
        """Whatever else must lie in the catalog before the start."""

    @classmethod
    def setUpClass(cls):
        cls.box = Box(*cls.options, workers=cls.workers)
        for name, (guest, settings) in cls.functions.items():
            cls.box.put(name, guest, **settings)
        cls.prepare(cls.box)
        try:
            cls.box.start()
        except BaseException:
            if cls.box.process is not None:
                cls.box.kill()
            raise

    @classmethod
    def tearDownClass(cls):
        cls.box.close()

    def load(self, target: str):
        """Calls it until its program is there: from then on the function's time limit is its own."""
        eventually(lambda: "timeout.loading" not in self.box.call(target).text, what="the program of " + target)

    def assert_failed(self, target: str, reason: str, status: int = 500, **options):
        """The request gets that status, and the access log that reason; the box serves on."""
        reply = self.box.call(target, **options)
        self.assertEqual(reply.status, status, reply.text)
        self.assertEqual(self.box.access_line(reply.trace)["reason"], reason)
        self.assertEqual(self.box.call("/-/healthz").status, 200)
        return reply
