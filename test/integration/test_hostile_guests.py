"""Guests that ask the host for too much: each is ended or refused, and others are served meanwhile."""

import concurrent.futures
import contextlib
import pathlib
import time

from harness import wire
from harness.box import eventually
from harness.case import BoxCase

FILES = pathlib.Path(__file__).resolve().parent / "files"


class Abuse(BoxCase):
    @classmethod
    def prepare(cls, box):
        files = box.catalog.put_files("t/abuse", FILES)
        folder = box.catalog.directory / "t" / files
        (folder / "link_outside").symlink_to("/etc/passwd")
        (folder / "link_up").symlink_to("../..")
        (folder / "link_loop").symlink_to("link_loop")
        (folder / "device").symlink_to("/dev/zero")
        limits = {"memory": "128MiB", "timeout": "600s", "concurrency": 1000}
        box.put("t/abuse", "abuse", files=files, limits=limits)
        box.put("t/endless", "abuse", files=files, limits=limits | {"timeout": "700ms"})
        box.put("t/http", "http_abuse", limits={"memory": "2MiB", "timeout": "600s", "concurrency": 1000},
                outbound=["127.0.0.1"])
        box.put("t/hello", "hello")

    def setUp(self):
        for name in ("abuse", "hello"):
            self.box.call("/t/" + name)  # loaded from here on: a time limit is the guest's own

    def abuse(self, how):
        """The reply; a neighbour was answered all the while."""
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            reply = pool.submit(self.box.call, "/t/abuse?how=" + how)
            while not reply.done():
                self.assertEqual(self.box.call("/t/hello").status, 200)
                time.sleep(0.01)
        return reply.result()

    def neighbours_are_served_beside(self, *ways):
        """All at once, for longer than anybody waits for an answer; a neighbour may come to any worker."""
        with contextlib.ExitStack() as connections:
            for how in ways:
                connection = connections.enter_context(self.box.connect())
                connection.send(wire.request_bytes("GET", "/t/abuse?how=" + how))
            eventually(lambda: self.box.metrics().sum("wasabi_invocations") == len(ways))
            for _ in range(20):
                self.assertEqual(self.box.call("/t/hello").status, 200)
        eventually(lambda: self.box.metrics().sum("wasabi_invocations") == 0, what="an end of all whose clients are gone")

    def test_what_never_ends_is_ended(self):
        for how in ("poll_for_ever", "spin_poll", "spin_clock", "spin_yield", "spin_sleep", "flood_stderr",
                    "flood_stderr_lines"):
            with self.subTest(how):
                self.neighbours_are_served_beside(how)
                reply = self.box.call("/t/endless?how=" + how)
                self.assertEqual(reply.status, 504)
                self.assertEqual(self.box.access_line(reply.trace)["reason"], "timeout.function")

    def test_many_at_once_leave_room_for_others(self):
        self.neighbours_are_served_beside(*("spin_yield", "spin_poll", "flood_stderr", "spin_sleep") * 10)

    def test_caps_of_the_host(self):
        for how in ("many_files", "random_of_all", "poll_many&count=100000"):
            with self.subTest(how):
                reply = self.abuse(how)
                self.assertEqual((reply.status, reply.text.split("\n")[0]), (500, "function.resource_limit"))
        self.assertEqual(self.abuse("outside").text.split("\n")[0], "function.trap")

    def test_odd_paths_lead_nowhere(self):
        told = dict(line.rsplit(" ", 1) for line in self.abuse("odd_paths").text.splitlines())
        self.assertGreater(len(told), 15)
        self.assertEqual([path for path, answer in told.items() if answer == "opened"], ["folder/.."])
        for size in (1 << 20, 60 << 20):
            self.assertEqual(self.abuse(f"long_path&bytes={size}").text, "refused=1\n")

    def test_descriptors_and_directories(self):
        self.assertEqual(self.abuse("renumber").status, 200)
        self.assertEqual(self.abuse("tiny_readdir").text.split("\n")[0], "calls=1000")

    def test_a_flood_of_lines_costs_what_the_log_writes(self):
        before = (self.box.directory / "function.log").stat().st_size
        start = time.monotonic()
        self.box.call("/t/endless?how=flood_stderr_lines")
        time.sleep(1)  # the log is written behind
        grown = (self.box.directory / "function.log").stat().st_size - before
        self.assertLess(grown, (64 << 10) * (time.monotonic() - start + 2) * 2)

    def test_handles_and_header_maps(self):
        """What the host holds for a guest is no part of the guest's memory: it has limits of its own."""
        self.box.call("/t/http?how=none")
        before = self.box.resident_bytes()
        for how in ("fields", "clones", "pollables", "calls&url=http://127.0.0.1:9/"):
            with self.subTest(how), concurrent.futures.ThreadPoolExecutor(8) as pool:
                replies = [pool.submit(self.box.call, "/t/http?how=" + how) for _ in range(8)]
                self.assertEqual({reply.result().text.split("\n")[0] for reply in replies}, {"function.resource_limit"})
        # What is freed stays with the process for a while, so this sees the peak.
        self.assertLess(self.box.resident_bytes() - before, 100 << 20)
        eventually(lambda: self.box.metrics().sum("wasabi_invocations") == 0)
