"""The admin listener: where it is when nobody says."""

import os
import stat
import unittest

from harness.box import Box, scratch


class UsualPlace(unittest.TestCase):
    def setUp(self):
        self.runtime = scratch.new("run")

    def box(self):
        """A box that is not told where its admin listener shall be."""
        box = Box()
        box.admin_arguments = []
        box.environment = {**os.environ, "XDG_RUNTIME_DIR": str(self.runtime)}
        box.keep_address = True
        box.put("t/hello", "hello")
        return box

    def path(self, box):
        return str(self.runtime / "wasabi" / "{}:{}.sock".format(*box.address))

    def test_each_box_has_a_socket_that_is_its_user_s_alone(self):
        with self.box() as one, self.box() as other:
            for box in (one, other):
                box.admin_path = self.path(box)
                self.assertEqual(box.admin("/-/healthz").status, 200)
                self.assertEqual(stat.S_IMODE(os.stat(box.admin_path).st_mode), 0o600)
                self.assertIn(box.admin_path, box.log_text())
            self.assertEqual(stat.S_IMODE(os.stat(self.runtime / "wasabi").st_mode), 0o700)
            one.call("/t/hello")
            self.assertEqual(one.metrics().sum("wasabi_invocations_started_total"), 1)
            self.assertEqual(other.metrics().sum("wasabi_invocations_started_total"), 0)

    def test_that_of_a_killed_box_is_taken_over(self):
        box = self.box()
        box.start().kill()
        box.admin_path = self.path(box)
        self.assertTrue(stat.S_ISSOCK(os.stat(box.admin_path).st_mode))
        with box:
            self.assertEqual(box.admin("/-/healthz").status, 200)

    def test_that_of_a_living_box_is_not(self):
        with self.box() as one:
            one.admin_path = self.path(one)
            other = self.box()
            other.admin_arguments = ["--admin", "unix:" + one.admin_path]
            other.start(wait=False)
            self.assertEqual(other.process.wait(20), 1)
            self.assertIn("another process listens there", other.log_text())
            self.assertEqual(one.admin("/-/healthz").status, 200)

    def test_where_there_is_no_place_the_box_says_how_to_mend_it(self):
        (self.runtime / "wasabi").write_text("in the way")
        box = self.box()
        box.start(wait=False)
        self.assertEqual(box.process.wait(20), 1)
        for wanted in (str(self.runtime / "wasabi"), "--admin unix:/path", "--admin none"):
            self.assertIn(wanted, box.log_text())

    def test_none(self):
        box = self.box()
        box.admin_arguments = ["--admin", "none"]
        with box:
            self.assertEqual(box.call("/t/hello").status, 200)
            self.assertEqual(os.listdir(self.runtime), [])
            self.assertNotIn("admin", box.log_text())
