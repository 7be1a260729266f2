"""box.toml: what is read, what is refused, what a signal changes."""

import json
import os
import pathlib
import signal
import unittest

from harness.box import Box, eventually, scratch

MIB = 1 << 20


class ConfigCase(unittest.TestCase):
    def setUp(self):
        self.folder = scratch.new("config")
        self.file = self.folder / "box.toml"

    def box(self, text, *options):
        self.file.write_text(text)
        box = Box("--config", str(self.file), *options)
        box.put("t/hello", "hello")
        return box

    def events(self, box, event):
        """The lines of the box's own log about that."""
        lines = [json.loads(line) for line in box.log_text().split("\n") if line.startswith("{")]
        return [line for line in lines if line["event"] == event]

    def event(self, box, event):
        found, = eventually(lambda: self.events(box, event), 5, "log line " + event)
        return found

    def load(self, box):
        return json.loads(box.admin("/-/load").text)


class Good(ConfigCase):
    def test_what_it_says_holds_and_is_told(self):
        box = self.box('[capacity]\nmemory = "96MiB"\ncpu = "1500m"\n'
                       '[memory]\nmode = "declared"\ndefault_limit = "32MiB"\n')
        with box:
            told = self.event(box, "capacity")
            self.assertEqual((told["memory"], told["cpu"], told["mode"]), ("96MiB", "1500m", "declared"))
            load = self.load(box)
            self.assertEqual((load["capacity_memory_bytes"], load["capacity_cpu"]), (96 * MIB, 1.5))

    def test_a_function_without_a_limit_gets_the_operator_s(self):
        box = self.box('[memory]\ndefault_limit = "16MiB"\n[defaults]\ntimeout = "200ms"\n')
        box.put("t/grow", "grow", limits={"timeout": "20s"})
        box.put("t/roomy", "grow", limits={"timeout": "20s", "memory": "64MiB"})
        box.put("t/sleep", "sleep")
        with box:
            self.assertEqual(box.call("/t/sleep?ms=5000").status, 504)
            self.assertIn(self.grown(box, "/t/grow"), (14, 15))
            self.assertIn(self.grown(box, "/t/roomy"), (62, 63))

    def test_without_one_a_function_has_the_documented_limit(self):
        box = self.box("")
        box.put("t/grow", "grow")
        with box:
            self.assertIn(self.grown(box, "/t/grow"), (198, 199))

    def grown(self, box, target):
        """By how many MiB it could grow."""
        return int(box.call(target + "?mib=300").text.removeprefix("grown="))

    def test_the_command_line_comes_first(self):
        box = self.box('workers = 1\n')
        with box:
            self.assertEqual(self.load(box)["workers"], box.workers)

    def test_paths_start_at_its_folder(self):
        box = self.box('catalog = "functions"\n')
        with box:
            pass
        os.rename(box.catalog.directory, self.folder / "functions")
        os.makedirs(box.catalog.directory)
        with box:  # named on the command line as well, where nothing is now
            self.assertEqual(box.call("/t/hello").status, 404)
        box.named_arguments = ["--store", str(box.store)]
        with box:
            self.assertEqual(box.call("/t/hello").status, 200)

    def test_the_limits_of_the_container_are_read(self):
        box = self.box("")
        with box:
            told = self.event(box, "capacity")
            self.assertIn(told["container_memory_from"], ("machine", "cgroup v1", "cgroup v2"))
            total = next(int(line.split()[1]) << 10 for line in pathlib.Path("/proc/meminfo").read_text().split("\n")
                         if line.startswith("MemTotal:"))
            capacity = self.load(box)["capacity_memory_bytes"]
            self.assertLess(capacity, total)
            self.assertGreater(capacity, 0)
            self.assertLessEqual(self.load(box)["capacity_cpu"], len(os.sched_getaffinity(0)))
            if told["container_memory_from"] == "machine":
                self.assertGreaterEqual(capacity, total - (1 << 30) - MIB)

    def test_fewer_processors_are_less_capacity(self):
        box = Box(prefix=("taskset", "-c", str(min(os.sched_getaffinity(0)))))
        with box:
            self.assertEqual(self.load(box)["capacity_cpu"], min(1, self.load(box)["capacity_cpu"]))


class Refused(ConfigCase):
    def assert_refused(self, text, line, reason):
        box = self.box(text)
        box.start(wait=False)
        self.assertEqual(box.process.wait(20), 1, box.log_text())
        told, = self.events(box, "configuration problem")
        self.assertEqual((told["file"], told["line"]), (str(self.file), line))
        self.assertIn(reason, told["reason"])
        start, = self.events(box, "cannot start")
        self.assertIn(f"{self.file}:{line}: " if line else f"{self.file}: ", start["reason"])

    def test_an_unknown_key(self):
        self.assert_refused("\n[memory]\nrisc = 0.1\n", 3, "did you mean 'memory.risk'?")

    def test_a_wrong_unit(self):
        self.assert_refused('[capacity]\nmemory = "4Gi"\n', 2, 'write for example "64MiB"')

    def test_a_wrong_type(self):
        self.assert_refused("[capacity]\ncpu = 2\n", 2, 'write a string of cores, for example "250m" or "2"')

    def test_out_of_range(self):
        self.assert_refused("[tenants.acme]\nweight = 0\n", 2, "it must be 1 to 100000")

    def test_contradictory_values(self):
        self.assert_refused('[memory]\nmode = "declared"\n\nratio = 1.5\n', 4, 'write mode = "ratio"')

    def test_not_toml(self):
        self.assert_refused("[memory\n", 1, "not TOML")

    def test_no_file(self):
        box = self.box("")
        self.file.unlink()
        box.start(wait=False)
        self.assertEqual(box.process.wait(20), 1)
        self.assertIn("No such file", self.events(box, "cannot start")[0]["reason"])

    def test_all_at_once(self):
        box = self.box("workers = 0\n[queue]\ntotl = 1\n")
        box.start(wait=False)
        self.assertEqual(box.process.wait(20), 1)
        self.assertEqual([one["line"] for one in self.events(box, "configuration problem")], [1, 3])


class Reload(ConfigCase):
    FIRST = '[capacity]\nmemory = "1GiB"\ncpu = "2"\n[tenants.acme]\nweight = 2\n'
    SECOND = '[capacity]\nmemory = "512MiB"\ncpu = "1"\n[tenants.acme]\nweight = 3\n[limits]\nstreams = 7\n'

    def reload(self, box, text, times=1):
        """Replaces the file, as editors do."""
        new = self.folder / "box.toml.new"
        new.write_text(text)
        os.rename(new, self.file)
        box.process.send_signal(signal.SIGHUP)
        eventually(lambda: len(self.events(box, "configuration reloaded")) >= times, 5, "the reload")

    def capacity(self, box):
        load = self.load(box)
        return load["capacity_memory_bytes"] // MIB, load["capacity_cpu"]

    def test_what_is_live_changes_and_the_rest_is_named(self):
        box = self.box(self.FIRST)
        with box:
            self.assertEqual(self.capacity(box), (1024, 2))
            self.reload(box, self.SECOND)
            eventually(lambda: self.capacity(box) == (512, 1))
            self.assertEqual([one["change"] for one in self.events(box, "configuration changed")], [
                'capacity.memory: "1GiB" -> "512MiB"', 'capacity.cpu: "2" -> "1"', "tenants.acme.weight: 2 -> 3"])
            self.assertEqual([one["change"] for one in self.events(box, "configuration change needs a restart")],
                             ["limits.streams: 1024 -> 7"])
            self.assertEqual(box.call("/t/hello").status, 200)
            self.reload(box, self.FIRST, times=2)
            eventually(lambda: self.capacity(box) == (1024, 2))

    def test_a_broken_file_changes_nothing(self):
        box = self.box(self.FIRST)
        with box:
            self.file.write_text(self.SECOND + "strems = 8\n")
            box.process.send_signal(signal.SIGHUP)
            kept = self.event(box, "configuration not reloaded, the one before stays in force")
            self.assertIn(f"{self.file}:8: unknown key 'limits.strems'", kept["reason"])
            self.assertEqual(self.event(box, "configuration problem")["line"], 8)
            self.assertEqual(self.capacity(box), (1024, 2))
            self.assertEqual(box.call("/t/hello").status, 200)
            self.reload(box, self.SECOND)
            eventually(lambda: self.capacity(box) == (512, 1))

    def test_the_admin_listener_reads_it_again(self):
        box = self.box(self.FIRST)
        with box:
            def reload(text):
                (self.folder / "box.toml.new").write_text(text)
                os.rename(self.folder / "box.toml.new", self.file)
                reply = box.admin("/-/reload", method="POST")
                self.assertEqual(reply.status, 200, reply.text)
                return json.loads(reply.text)["problems"]

            self.assertEqual(reload(self.SECOND), [])
            self.assertEqual(self.capacity(box), (512, 1))
            self.assertEqual(reload(self.SECOND), [])
            self.assertEqual(len(self.events(box, "configuration reloaded")), 1)
            # The rest is read all the same.
            box.put("t/added", "hello")
            problems = reload(self.FIRST + "[limits]\nstrems = 8\n")
            self.assertEqual([(one["file"], one["line"]) for one in problems], [(str(self.file), 7)])
            self.assertIn("unknown key 'limits.strems'", problems[0]["reason"])
            self.assertEqual(self.capacity(box), (512, 1))
            self.assertEqual(box.call("/t/added").status, 200)
            self.assertEqual(reload(self.FIRST), [])
            self.assertEqual(self.capacity(box), (1024, 2))

    def test_what_is_gone_has_its_default_again(self):
        box = self.box("")
        with box:
            usual = self.capacity(box)
            self.reload(box, self.FIRST)
            eventually(lambda: self.capacity(box) == (1024, 2))
            self.reload(box, "", times=2)
            eventually(lambda: self.capacity(box) == usual)

    def test_links_as_a_config_map_has_them(self):
        for version, text in (("..1", self.FIRST), ("..2", self.SECOND)):
            (self.folder / version).mkdir()
            (self.folder / version / "box.toml").write_text(text)
        os.symlink("..1", self.folder / "..data")
        os.symlink("..data/box.toml", self.file)
        box = Box("--config", str(self.file))
        with box:
            self.assertEqual(self.capacity(box), (1024, 2))
            os.symlink("..2", self.folder / "..new")
            os.rename(self.folder / "..new", self.folder / "..data")
            box.process.send_signal(signal.SIGHUP)
            eventually(lambda: self.capacity(box) == (512, 1))

    def test_beside_a_secret_only_the_file_itself_stays_readable(self):
        (self.folder / "secret").touch(0o600)
        box = self.box(self.FIRST)
        with box:
            self.assertIn("give it a folder of its own", box.log_text())
            self.file.write_text(self.SECOND)
            box.process.send_signal(signal.SIGHUP)
            eventually(lambda: self.capacity(box) == (512, 1))
            (self.folder / "new").write_text(self.FIRST)
            os.rename(self.folder / "new", self.file)
            box.process.send_signal(signal.SIGHUP)
            kept = self.event(box, "configuration not reloaded, the one before stays in force")
            self.assertIn("Permission denied", kept["reason"])
            self.assertEqual(self.capacity(box), (512, 1))

    def test_while_draining_the_signal_cuts_nothing_short(self):
        box = self.box(self.FIRST, "--drain-delay", "1s")
        box.put("t/sleep", "sleep", limits={"timeout": "20s"})
        with box:
            box.process.send_signal(signal.SIGTERM)
            eventually(lambda: self.events(box, "draining"))
            box.process.send_signal(signal.SIGHUP)
            self.assertEqual(box.call("/t/sleep?ms=500").status, 200)

    def test_without_a_file_the_signal_ends_the_box(self):
        box = Box()
        box.start()
        box.process.send_signal(signal.SIGHUP)
        self.assertEqual(box.process.wait(10), -signal.SIGHUP)
