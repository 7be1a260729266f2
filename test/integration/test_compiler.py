"""wasabi-compile and the store: hostile modules, damaged and foreign compiled modules."""

import concurrent.futures
import contextlib
import hashlib
import os
import pathlib
import threading
import time
import unittest

from harness import wasm
from harness.box import Box, eventually, scratch
from harness.case import BoxCase
from harness.catalog import guests

# The kernel lets a writer through after that, whoever holds the file (45 s, unless the machine says otherwise).
LEASE_BREAK_SECONDS = int(pathlib.Path("/proc/sys/fs/lease-break-time").read_text())


class Bombs(BoxCase):
    @classmethod
    def prepare(cls, box):
        box.put("bomb/deep", wasm.deep_bomb())
        box.put("bomb/branches", wasm.branch_bomb())
        box.put("bomb/wide", wasm.wide_bomb(), limits={"timeout": "600s"})
        box.put("good/hello", "hello")
        box.put("good/exit", "exit")

    def test_others_are_served_while_a_bomb_compiles(self):
        with self.box.connect() as connection:
            connection.send("GET /bomb/wide HTTP/1.1\r\nHost: a\r\n\r\n")
            eventually(lambda: self.box.metrics().sum("wasabi_programs_loading") == 1)
            for _ in range(10):
                self.assertEqual(self.box.call("/good/hello").text, "hello, world\n")
            self.assertEqual(self.box.call("/good/exit?code=0").status, 200)
            self.assertEqual(self.box.metrics().sum("wasabi_programs_loading"), 1)

    def test_a_bomb_ends_in_an_answer(self):
        for name in ("deep", "branches"):
            with self.subTest(name):
                self.assertIn(self.box.call("/bomb/" + name, timeout=120).status, (200, 500, 503, 504))
                self.assertEqual(self.box.call("/good/hello").text, "hello, world\n")


class Store(unittest.TestCase):
    """Compiled modules are native code: only an intact file of our own compiler is ever run."""

    def setUp(self):
        self.store = scratch.new_store()
        self.box = Box(store=self.store)
        self.box.put("t/hello", "hello")
        with self.box:
            self.assertEqual(self.box.call("/t/hello").status, 200)
        self.compiled, = self.store.rglob("*.cwasm")

    def restart_and_call(self):
        self.box.start()
        reply = self.box.call("/t/hello")
        self.box.close()
        self.assertEqual(reply.text, "hello, world\n")

    def spoil(self, change):
        """Replaces the compiled module by what `change` makes of its bytes."""
        data = change(self.compiled.read_bytes())
        self.compiled.unlink()
        self.compiled.write_bytes(data)
        return data

    def test_an_intact_one_is_used_again(self):
        before = self.compiled.stat().st_mtime_ns
        self.restart_and_call()
        self.assertEqual(self.compiled.stat().st_mtime_ns, before)

    def test_a_damaged_one_is_rebuilt(self):
        changes = {
            "a flipped bit in the middle": lambda d: d[: len(d) // 2] + bytes([d[len(d) // 2] ^ 1]) + d[len(d) // 2 + 1:],
            "a flipped bit at the end": lambda d: d[:-1] + bytes([d[-1] ^ 1]),
            "truncated": lambda d: d[: len(d) // 2],
            "empty": lambda d: b"",
            "zeros": lambda d: bytes(len(d)),
            "longer": lambda d: d + b"x",
        }
        for name, change in changes.items():
            with self.subTest(name):
                spoiled = self.spoil(change)
                self.restart_and_call()
                self.assertNotEqual(self.compiled.read_bytes(), spoiled)

    def test_one_signed_by_another_store_is_rebuilt(self):
        other = Box(store=scratch.new_store())
        other.put("t/hello", "hello")
        with other:
            self.assertEqual(other.call("/t/hello").status, 200)
        foreign, = other.store.rglob("*.cwasm")
        spoiled = self.spoil(lambda _: foreign.read_bytes())
        self.restart_and_call()
        self.assertNotEqual(self.compiled.read_bytes(), spoiled)

    def test_another_modules_code_under_this_name_is_rebuilt(self):
        self.box.put("t/exit", "exit")
        with self.box:
            self.assertEqual(self.box.call("/t/exit?output=x").status, 200)
        wrong, = [path for path in self.store.rglob("*.cwasm") if path != self.compiled]
        self.spoil(lambda _: wrong.read_bytes())
        self.restart_and_call()

    def test_replaced_under_the_running_box(self):
        with self.box:
            self.assertEqual(self.box.call("/t/hello").status, 200)
            self.spoil(lambda data: data[:100])
            for _ in range(20):
                self.assertEqual(self.box.call("/t/hello").text, "hello, world\n")

    def test_truncated_under_the_running_box(self):
        """In place, under requests that run on it: the writer waits until the box has let go."""
        self.write_under_the_running_box(lambda path: os.truncate(path, 100))

    def test_overwritten_under_the_running_box(self):
        def overwrite(path):
            with open(path, "r+b") as file:
                file.write(b"\0" * path.stat().st_size)
        self.write_under_the_running_box(overwrite)

    def write_under_the_running_box(self, write):
        waiting = {"command": "sleep", "component": "http_sleep", "computing": "spin"}
        kept = {"reused": "http_counter"}  # only an instance of it is left when the writer comes
        kinds = waiting | kept
        for name, guest in kinds.items():
            self.box.put("w/" + name, guest, reuse=1000 if name in kept else 0,
                         limits={"memory": "100MiB", "timeout": "600s"})
        self.box.put("t/hello", "hello", limits={"memory": "2MiB"})
        with self.box, concurrent.futures.ThreadPoolExecutor(8) as pool, contextlib.ExitStack() as ended:
            for name in kinds:
                self.assertEqual(self.box.call(f"/w/{name}?ms=1").status, 200)
            stop = threading.Event()
            ended.callback(stop.set)
            others = [pool.submit(self.call_until, stop, "/t/hello") for _ in range(2)]
            for name, guest in kinds.items():
                with self.subTest(name):
                    compiled = self.compiled_of(guest)
                    compiled.chmod(0o644)
                    running = [pool.submit(self.box.call, f"/w/{name}?ms=600000") for _ in range(3 * (name in waiting))]
                    booked = len(running) * 100 << 20
                    eventually(lambda: self.box.metrics().sum("wasabi_memory_bytes", kind="booked") >= booked)
                    start = time.monotonic()
                    write(compiled)
                    self.assertLess(time.monotonic() - start, LEASE_BREAK_SECONDS, "the box did not let go")
                    for reply in (future.result() for future in running):
                        self.assertEqual(reply.status, 503)
                        self.assertIn("program.withdrawn", reply.text)
                    for _ in range(5):
                        self.assertEqual(self.box.call(f"/w/{name}?ms=1").status, 200)
                    eventually(lambda digest=compiled.stem: digest in self.box.log_text())
            stop.set()
            for served in others:
                statuses = served.result()
                self.assertEqual(set(statuses), {200})
                self.assertGreater(len(statuses), 10)
            self.assertEqual(self.box.metrics().sum("wasabi_request_reasons_total", reason="program.withdrawn"), 9)

    def call_until(self, stop, target):
        statuses = []
        while not stop.is_set():
            statuses.append(self.box.call(target).status)
        return statuses

    def compiled_of(self, guest):
        digest = hashlib.sha256((guests() / (guest + ".wasm")).read_bytes()).hexdigest()
        path, = self.store.rglob(digest + ".cwasm")
        return path

    def test_written_again_and_again_under_load(self):
        with self.box, concurrent.futures.ThreadPoolExecutor(4) as pool, contextlib.ExitStack() as ended:
            stop = threading.Event()
            ended.callback(stop.set)
            callers = [pool.submit(self.call_until, stop, "/t/hello") for _ in range(4)]
            for _ in range(20):
                self.compiled.chmod(0o644)
                os.truncate(self.compiled, 4096)
                self.assertEqual(self.box.call("/t/hello").status, 200)
            stop.set()
            statuses = [status for caller in callers for status in caller.result()]
        self.assertLessEqual(set(statuses), {200, 503})
        self.assertGreater(statuses.count(200), 20)

    def test_the_key_is_private(self):
        self.assertEqual((self.store.parent / "builder.key").stat().st_mode & 0o777, 0o600)


class Upgrade(unittest.TestCase):
    """The store of a box that had another engine, which its folder's name tells."""

    def setUp(self):
        self.store = scratch.new_store()
        box = Box(store=self.store)
        for name in ("hello", "exit", "env"):
            box.put("t/" + name, name)
        with box:
            for name in ("hello", "exit", "env"):
                self.assertEqual(box.call(f"/t/{name}?code=0").status, 200)
        self.engine, = (path for path in self.store.iterdir() if path.is_dir())
        self.old = self.engine.with_name("older-engine")
        self.engine.rename(self.old)

    def names(self, folder):
        return {path.name for path in folder.glob("*.cwasm")}

    def of(self, *names):
        return {hashlib.sha256((guests() / (name + ".wasm")).read_bytes()).hexdigest() + ".cwasm" for name in names}

    def test_what_was_compiled_before_is_compiled_again_unasked(self):
        box = Box(store=self.store)
        box.put("t/hello", "hello")
        box.put("t/exit", "exit")
        for number in range(50):
            box.put(f"fresh/f{number}", wasm.distinct(number))
        with box:
            eventually(lambda: self.names(self.engine) == self.of("hello", "exit"), what="both compiled again")
            eventually(lambda: self.names(self.old) == self.of("env"), what="the old ones collected")
            box.put("t/env", "env")
            eventually(lambda: not self.old.exists(), what="the one that was deployed later")
            self.assertEqual(self.names(self.engine), self.of("hello", "exit", "env"))
            self.assertEqual(box.metrics().sum("wasabi_program_loads_total"), 0)
            self.assertEqual(box.call("/t/hello").text, "hello, world\n")

    def test_one_that_cannot_be_compiled_is_tried_once_and_said(self):
        broken = b"not a module"
        old = self.old / (hashlib.sha256(broken).hexdigest() + ".cwasm")
        old.write_bytes(b"was one for the older engine")
        box = Box(store=self.store)
        box.put("t/broken", broken)
        box.put("t/hello", "hello")
        with box:
            eventually(lambda: self.names(self.engine) == self.of("hello"))
            eventually(lambda: '"failed":1' in box.log_text())
            box.put("t/late", "noop")
            box.wait_for_catalog("/t/late")
            time.sleep(0.5)
            self.assertEqual(box.log_text().count('"failed":1'), 1)
            self.assertTrue(old.exists())

    def test_never_without_a_builder(self):
        key = str(self.store.parent / "builder.key.pub")
        box = Box("--compile=never", "--verify-key", key, store=self.store)
        box.put("t/hello", "hello")
        with box:
            time.sleep(1)
            self.assertEqual(box.call("/t/hello").status, 503)
            self.assertFalse(self.engine.exists())


class CompileNever(unittest.TestCase):
    def test_runs_only_what_is_compiled(self):
        store = scratch.new_store()
        builder = Box(store=store)
        builder.put("t/hello", "hello")
        with builder:
            self.assertEqual(builder.call("/t/hello").status, 200)
        box = Box("--compile=never", "--verify-key", str(store.parent / "builder.key.pub"), store=store)
        box.put("t/hello", "hello")
        box.put("t/exit", "exit")
        with box:
            self.assertEqual(box.call("/t/hello").text, "hello, world\n")
            reply = box.call("/t/exit")
            self.assertEqual(reply.status, 503)
            self.assertIn("program.not_compiled", reply.text)
            children = pathlib.Path(f"/proc/{box.process.pid}/task/{box.process.pid}/children").read_text().split()
            self.assertEqual(children, [])
