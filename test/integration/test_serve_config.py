"""serve.toml: what is read, what wins, what is refused, what a signal tells."""

import signal
import subprocess
import unittest

from harness.box import eventually, program, scratch
from harness.serve import Serve
from harness.wire import WAIT_SECONDS


class Config(unittest.TestCase):
    def setUp(self):
        self.folder = scratch.new("serve-config")
        self.file = self.folder / "serve.toml"

    def refused(self, text: str) -> str:
        self.file.write_text(text)
        done = subprocess.run([program("wasabi"), "serve", "--data", str(self.folder / "data"), "--config", str(self.file)],
                              capture_output=True, text=True, timeout=WAIT_SECONDS, check=False)
        self.assertEqual(done.returncode, 2, done.stderr)
        self.assertFalse((self.folder / "data").exists())
        return done.stderr

    def test_the_file_is_used_and_options_come_before_it(self):
        self.file.write_text('[logs]\naccess = "access.log"\n[superpods]\nmost = 7\nmemory = "64MiB"\n'
                             '[memory]\nmode = "declared"\n[defaults]\nmemory = "32MiB"\n')
        # The harness names --superpod-memory 512MiB.
        with Serve("--config", str(self.file)) as serve:
            self.assertIn("7 at most, 512MiB of memory each", serve.screen)
            serve.run("tenant", "create", "acme")
            self.assertEqual(serve.deploy("hello", "acme/hello")["state"], "ready")
            self.assertEqual(serve.call("/acme/hello").status, 200)
            eventually(lambda: '"hello"' in (self.folder / "access.log").read_text(), what="a line in the access log")
            told = [path.read_text() for path in serve.data.glob("superpods/*/config/box.toml")]
            self.assertTrue(told)
            for text in told:
                self.assertIn('mode = "declared"', text)
            self.assertIn("32.0 MiB", serve.run("describe", "acme/hello"))

    def test_what_is_wrong_is_named_by_line_all_at_once(self):
        told = self.refused('workers = 0\n[superpods]\nspares = "2"\n[memroy]\n')
        self.assertIn(f"{self.file}:1: 'workers' ", told)
        self.assertIn(f"{self.file}:3: 'superpods.spares' ", told)
        self.assertIn(f"{self.file}:4: ", told)
        self.assertIn("'memory'", told)

    def test_what_contradicts_itself_is_refused(self):
        self.assertIn("serve.toml:3: 'superpods.spares' is 5", self.refused("[superpods]\nmost = 3\nspares = 5\n"))

    def test_a_file_that_is_not_there(self):
        self.file.write_text("")
        self.file.unlink()
        done = subprocess.run([program("wasabi"), "serve", "--config", str(self.file)], capture_output=True, text=True,
                              timeout=WAIT_SECONDS, check=False)
        self.assertEqual(done.returncode, 2)
        self.assertIn(f"{self.file}: it cannot be read: No such file", done.stderr)

    def test_a_signal_tells_what_takes_a_restart(self):
        self.file.write_text("[superpods]\nmost = 3\n")
        with Serve("--config", str(self.file)) as serve:
            self.file.write_text("[superpods]\nmost = \n")
            serve.process.send_signal(signal.SIGHUP)
            eventually(lambda: "configuration refused" in serve.log_text(), what="the refusal in the log")
            self.file.write_text("[superpods]\nmost = 5\n")
            serve.process.send_signal(signal.SIGHUP)
            eventually(lambda: "superpods.most: 3 -> 5" in serve.log_text(), what="the change in the log")
            self.assertTrue(serve.is_ready())
