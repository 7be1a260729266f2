"""Start, stop, drain, crash, and machines that lack what a box needs."""

import os
import pathlib
import signal
import socket
import stat
import subprocess
import threading
import time
import unittest

from harness import wire
from harness.box import Box, eventually, mounting, program, scratch


def box_with(*options, **functions):
    box = Box(*options)
    for name, guest in functions.items():
        box.put("t/" + name, guest)
    return box


class Stop(unittest.TestCase):
    def test_sigterm_lets_running_requests_finish(self):
        box = box_with("--drain-timeout", "600s", echo="echo", stream="http_echo")
        with box, box.connect() as waiting, box.connect() as streaming, box.connect() as idle:
            idle.send(wire.request_bytes("GET", "/-/healthz"))
            idle.reply()
            waiting.send(wire.request_bytes("POST", "/t/echo", {"Content-Length": "4"}))
            streaming.send(wire.request_bytes("POST", "/t/stream", {"Transfer-Encoding": "chunked"}))
            self.assertEqual(streaming.head().status, 200)
            eventually(lambda: box.metrics().sum("wasabi_invocations", state="parked") == 2)
            box.process.send_signal(signal.SIGTERM)
            self.assertEqual(idle.read_some(), b"")  # the drain has begun
            waiting.send("body")
            self.assertEqual(waiting.reply().text, "body")
            streaming.send(wire.chunk(b"piece") + b"0\r\n\r\n")
            self.assertTrue(streaming.read_until_end_of_chunks().endswith(b"piece\r\n0\r\n\r\n"))
            self.assertEqual(box.process.wait(wire.WAIT_SECONDS), 0)

    def test_not_ready_while_draining(self):
        box = box_with("--drain-delay", "600s", hello="hello")
        with box:
            box.process.send_signal(signal.SIGTERM)
            eventually(lambda: box.call("/-/readyz").status == 503)
            self.assertEqual(box.call("/t/hello").status, 200)
            box.process.send_signal(signal.SIGTERM)
            self.assertEqual(box.process.wait(wire.WAIT_SECONDS), 0)

    def test_the_drain_delay_ends(self):
        box = box_with("--drain-delay", "300ms", hello="hello")
        with box:
            box.process.send_signal(signal.SIGTERM)
            self.assertEqual(box.process.wait(wire.WAIT_SECONDS), 0)

    def test_requests_that_never_end_are_cut_at_the_drain_timeout(self):
        box = Box("--drain-timeout", "1s")
        box.put("t/spin", "spin", limits={"timeout": "600s"})
        with box, box.connect() as connection:
            connection.send(wire.request_bytes("GET", "/t/spin"))
            eventually(lambda: box.metrics().sum("wasabi_invocations") == 1)
            box.process.send_signal(signal.SIGTERM)
            self.assertEqual(box.process.wait(wire.WAIT_SECONDS), 0)

    def test_nothing_is_left_behind(self):
        box = box_with(hello="hello")
        with box:
            box.call("/t/hello")
            children = pathlib.Path(f"/proc/{box.process.pid}/task/{box.process.pid}/children").read_text().split()
        for child in children:
            eventually(lambda: not pathlib.Path("/proc", child).exists(), what=f"end of child {child}")

    def test_kill_9_and_restart(self):
        box = box_with(hello="hello", sleep="sleep")
        box.start()
        box.call("/t/hello")
        threads = [threading.Thread(target=self._call_whatever, args=(box,)) for _ in range(8)]
        for thread in threads:
            thread.start()
        time.sleep(0.2)
        children = pathlib.Path(f"/proc/{box.process.pid}/task/{box.process.pid}/children").read_text().split()
        box.kill()
        for thread in threads:
            thread.join()
        for child in children:
            eventually(lambda: not pathlib.Path("/proc", child).exists(), what=f"end of child {child}")
        with box:
            self.assertEqual(box.call("/t/hello").text, "hello, world\n")

    @staticmethod
    def _call_whatever(box):
        try:
            box.call("/t/sleep?ms=3000")
        except (OSError, wire.Closed):
            pass  # the box was killed under it


class Start(unittest.TestCase):
    def fails(self, *arguments):
        """Ends at once, not with 0, and says why in a line."""
        done = subprocess.run([program("wasabi-box"), *arguments], capture_output=True, text=True,
                              timeout=wire.WAIT_SECONDS)
        self.assertNotEqual(done.returncode, 0)
        self.assertGreater(done.returncode, 0, "ended by a signal")
        return done.stderr + done.stdout

    def arguments(self, **changes):
        directory = scratch.new("start")
        (directory / "catalog").mkdir()
        values = {"--catalog": str(directory / "catalog"), "--store": str(directory / "store"),
                  "--listen": "unix:" + str(directory / "listen.sock")}
        values.update({"--" + name: value for name, value in changes.items()})
        return [part for pair in values.items() for part in pair]

    def test_wrong_arguments_are_named(self):
        self.assertIn("/nowhere/at/all", self.fails(*self.arguments(catalog="/nowhere/at/all")))
        self.assertIn("not-an-address", self.fails(*self.arguments(listen="not-an-address")))
        self.assertIn("--colour", self.fails(*self.arguments(colour="red")))

    def test_address_in_use(self):
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            address = "127.0.0.1:%d" % taken.getsockname()[1]
            self.assertIn(address, self.fails(*self.arguments(listen=address)))

    def test_unix_sockets(self):
        box = Box()
        path = str(box.directory / "public.sock")
        box.options += ["--listen", "unix:" + path]
        box.put("t/hello", "hello")
        with box:
            self.assertEqual(wire.call(path, "/t/hello").text, "hello, world\n")
            self.assertEqual(box.call("/t/hello").text, "hello, world\n")

    def test_others_cannot_connect_to_the_admin_socket(self):
        box = Box()
        with box:
            self.assertEqual(os.stat(box.admin_path).st_mode & stat.S_IWOTH, 0)  # to write is to connect

    def test_a_stale_socket_is_replaced(self):
        box = Box()
        with socket.socket(socket.AF_UNIX) as stale:
            stale.bind(box.admin_path)
        self.assertTrue(stat.S_ISSOCK(os.stat(box.admin_path).st_mode))
        with box:
            self.assertEqual(box.admin("/-/metrics").status, 200)


class Scarcity(unittest.TestCase):
    def test_more_connections_than_descriptors(self):
        box = Box(prefix=("prlimit", "--nofile=128:128"), workers=1)
        box.put("t/hello", "hello")
        with box:
            self.assertEqual(box.call("/t/hello").status, 200)
            held = []
            for _ in range(300):
                try:
                    held.append(wire.Connection(box.address, 1))
                except OSError:
                    break
            cpu = box.cpu_seconds()
            time.sleep(1)
            self.assertLess(box.cpu_seconds() - cpu, 0.5, "the box spins while it is out of descriptors")
            for connection in held:
                connection.close()
            def served():
                try:
                    return box.call("/t/hello", timeout=2).status == 200
                except (OSError, wire.Closed):
                    return False
            eventually(served)

    def test_a_full_disk(self):
        """The store has no room for a compiled module: a clear refusal, and what is compiled already is served."""
        box = Box(store=scratch.new_store())
        box.put("t/hello", "hello")
        with box:
            self.assertEqual(box.call("/t/hello").status, 200)
        box.put("t/exit", "exit")
        box.prefix = ["prlimit", "--fsize=4096:4096"]
        box.start()
        try:
            self.assertEqual(box.call("/t/hello").status, 200)
            self.assertIn(box.call("/t/exit").status, (500, 503))
            self.assertEqual(box.call("/t/hello").status, 200)
        finally:
            box.kill()

    def test_a_disk_without_room(self):
        box = Box(store=scratch.new_store())
        # Enough for the key and the compiled form of one of the two.
        box.prefix = mounting(f"mount -t tmpfs -o size=96k none {box.store.parent}")
        box.put("t/hello", "hello")
        box.put("t/large", "conformance")
        with box:
            self.assertEqual(box.call("/t/hello").status, 200)
            for _ in range(10):
                reply = box.call("/t/large")
                self.assertEqual(reply.status, 503)
                self.assertIn("program.unavailable", reply.text)
                self.assertEqual(box.call("/t/hello").status, 200)
            eventually(lambda: any("No space left on device" in line["line"] for line in box.function_lines()))

    def test_a_disk_that_cannot_be_written(self):
        box = Box(store=scratch.new_store())
        box.put("t/hello", "hello")
        with box:
            self.assertEqual(box.call("/t/hello").status, 200)
        box.prefix = mounting(*(f"mount --bind {path} {path}; mount -o remount,bind,ro {path}"
                                for path in (box.store.parent, box.catalog.directory)))
        with self.assertRaisesRegex(AssertionError, "cannot start.*store of compiled modules.*Read-only file system"):
            box.start()
        box.options += ["--compile=never", "--verify-key", str(box.store.parent / "builder.key.pub")]
        with box:
            self.assertEqual(box.call("/t/hello").text, "hello, world\n")

    def test_an_idle_box_sleeps(self):
        box = box_with(hello="hello")
        with box:
            box.call("/t/hello")
            time.sleep(0.5)
            cpu, wakes = box.cpu_seconds(), box.wakes()
            time.sleep(2)
            # How often it wakes does not depend on how fast the machine is; ticking would be 2,000 times.
            self.assertLess(box.wakes() - wakes, 100)
            self.assertLess(box.cpu_seconds() - cpu, 0.5, "it spins")


class Density(unittest.TestCase):
    def setUp(self):
        self.box = Box("--warm-memory", "8MiB", workers=1)
        self.box.put("t/sleep", "sleep", limits={"concurrency": 10000, "timeout": "600s", "memory": "1MiB"})

    def burst(self, count: int) -> int:
        """So many requests that park in their guests all at once, till their client goes away: what the box grew by."""
        self.assertEqual(self.box.call("/t/sleep?ms=1").status, 200)
        before = self.box.resident_bytes()
        with subprocess.Popen(self.h2load(count, 600_000), stdout=subprocess.DEVNULL) as load:
            try:
                eventually(lambda: self.box.metrics().sum("wasabi_invocations", state="parked") == count, what="all at once")
                return self.box.resident_bytes() - before
            finally:
                load.kill()

    def h2load(self, count: int, ms: int) -> list:
        """Few connections with many streams."""
        url = "http://%s:%d/t/sleep?ms=%d" % (*self.box.address, ms)
        return ["h2load", "-n", str(count), "-c", "4", "-m", str(count // 4), url]

    def test_thousands_parked_at_once(self):
        with self.box:
            growth = self.burst(2000)
            eventually(lambda: self.box.metrics().sum("wasabi_invocations") == 0, what="an end of all whose client is gone")
            done = subprocess.run(self.h2load(2000, 1000), capture_output=True, text=True)
        self.assertIn("2000 succeeded, 0 failed", done.stdout)
        self.assertLess(growth, 128 << 20)

    def test_memory_comes_back_after_a_burst(self):
        """The pool keeps what was used at once warm for the next burst, some 72 MiB; the box bounds that."""
        with self.box:
            self.burst(500)
            eventually(lambda: self.box.metrics().sum("wasabi_program_evictions_total") > 0, what="a program let go")
            eventually(lambda: self.box.metrics().sum("wasabi_memory_bytes", kind="warm") < 24 << 20,
                       what="most of the warm memory given back")
            self.assertEqual(self.box.call("/t/sleep?ms=1").status, 200)
