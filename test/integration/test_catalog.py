"""The catalog directory: routes, changes while requests run, manifests and modules that are wrong."""

import concurrent.futures
import json
import threading
import time

from harness import wasm, wire
from harness.box import eventually
from harness.case import BoxCase
from harness.catalog import guests, write_atomically


class Routes(BoxCase):
    functions = {
        "a/hello": ("hello", {"routes": [{"host": "hello.test"}, {"path": "/shared/hello"}]}),
        "a/env": ("env", {"routes": [{"host": "hello.test", "path": "/env"}, {"path": "/shared"}]}),
        "b/args": ("args", {"routes": [{"path": "/taken"}]}),
        "c/exit": ("exit", {"routes": [{"path": "/taken"}]}),
    }

    def test_default_route(self):
        self.assertEqual(self.box.call("/a/hello").status, 200)
        self.assertEqual(self.box.call("/a/hello/below").status, 200)
        self.assertEqual(self.box.call("/a/hellox").status, 404)

    def test_by_host(self):
        self.assertEqual(self.box.call("/", headers={"Host": "hello.test"}).text, "hello, world\n")
        self.assertEqual(self.box.call("/", headers={"Host": "HELLO.test:81"}).text, "hello, world\n")
        self.assertEqual(self.box.call("/", headers={"Host": "other.test"}).status, 404)

    def test_longest_path_wins(self):
        self.assertEqual(self.box.call("/shared/hello/x").text, "hello, world\n")
        self.assertIn("PATH_INFO=/hellox", self.box.call("/shared/hellox").text)
        self.assertIn("PATH_INFO=/x", self.box.call("/env/x", headers={"Host": "hello.test"}).text)

    def test_a_route_claimed_twice_is_nobodys_and_names_both_files(self):
        self.assertEqual(self.box.call("/taken").status, 404)
        self.assertEqual(self.box.call("/b/args").status, 200)
        problems = json.loads(self.box.admin("/-/functions").text)["problems"]
        told = json.dumps(problems)
        self.assertIn("b/args.toml", told)
        self.assertIn("c/exit.toml", told)


class Changes(BoxCase):
    functions = {"t/hello": ("hello", {}), "t/env": ("env", {"env": {"V": "1"}}), "t/sleep": ("sleep", {})}

    def problems(self):
        return json.loads(self.box.admin("/-/functions").text)["problems"]

    def test_added_and_removed_within_a_second(self):
        self.box.put("new/hello", "hello")
        start = time.monotonic()
        self.box.wait_for_catalog("/new/hello")
        self.assertLess(time.monotonic() - start, 1.5)
        self.box.catalog.remove("new/hello")
        self.box.wait_for_catalog("/new/hello", 404)

    def test_changed_settings(self):
        self.box.put("t/env", "env", env={"V": "2"})
        eventually(lambda: "V=2" in self.box.call("/t/env").text, 2)

    def test_a_running_request_finishes_on_its_version(self):
        self.box.put("t/long", "sleep")
        self.box.wait_for_catalog("/t/long?ms=1")
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            running = pool.submit(self.box.call, "/t/long?ms=1500&old")
            time.sleep(0.2)
            self.box.put("t/long", "hello")
            eventually(lambda: self.box.call("/t/long").text == "hello, world\n", 2)
            self.assertEqual(running.result().text, "slept 1500\n")

    def test_reload_under_load_drops_nothing(self):
        stop = threading.Event()
        statuses = []

        def load():
            with self.box.connect() as connection:
                while not stop.is_set():
                    connection.send(wire.request_bytes("GET", "/t/hello"))
                    statuses.append(connection.reply().status)

        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            futures = [pool.submit(load) for _ in range(4)]
            for round_number in range(20):
                self.box.put("t/hello", "hello", env={"ROUND": str(round_number)})
                self.box.put(f"churn/f{round_number}", "noop")
                time.sleep(0.15)
            stop.set()
            for future in futures:
                future.result()
        self.assertGreater(len(statuses), 100)
        self.assertEqual(set(statuses), {200})

    def test_a_broken_manifest_keeps_the_last_good_version(self):
        self.box.put("t/kept", "hello")
        self.box.wait_for_catalog("/t/kept")
        manifest = self.box.catalog.manifest("t/kept")
        write_atomically(manifest, b'module = "kept.wasm"\n[limits]\nmemori = "1MiB"\n')
        told = eventually(lambda: [p for p in self.problems() if "t/kept.toml" in p["file"]], 3)
        self.assertEqual(told[0]["line"], 3)
        self.assertIn("memory", told[0]["reason"])  # what was meant
        self.assertEqual(self.box.call("/t/kept").text, "hello, world\n")
        self.assertIn("memori", self.box.log_text())
        self.box.put("t/kept", "hello", env={"A": "1"})
        eventually(lambda: not [p for p in self.problems() if "t/kept.toml" in p["file"]], 3)

    def test_every_kind_of_broken_manifest_is_reported(self):
        cases = {
            "syntax": b"module = \n",
            "nomodule": b"[limits]\n",
            "badlimit": b'module = "x.wasm"\n[limits]\nmemory = "lots"\n',
            "missing": b'module = "not-there.wasm"\n',
            "outside": b'module = "../../../../etc/passwd"\n',
            "badtype": b'module = "x.wasm"\nargs = "one"\n',
            "nul": b'module = "x.wasm"\n[env]\nA = "a\\u0000b"\n',
            "binary": bytes(range(256)),
        }
        for name, text in cases.items():
            path = self.box.catalog.manifest("broken/" + name)
            path.parent.mkdir(exist_ok=True)
            write_atomically(path, text)
        for name in cases:
            with self.subTest(name):
                eventually(lambda: [p for p in self.problems() if f"broken/{name}.toml" in p["file"] and p["reason"]], 5)
                self.assertEqual(self.box.call("/broken/" + name).status, 404)
        self.assertEqual(self.box.call("/t/hello").status, 200)


class Modules(BoxCase):
    """Modules that cannot run: the answer and the log say what is wrong, the others are served on."""

    @classmethod
    def prepare(cls, box):
        module = (guests() / "hello.wasm").read_bytes()
        box.put("bad/text", b"this is not a module\n")
        box.put("bad/empty", b"")
        box.put("bad/truncated", module[: len(module) // 2])
        box.put("bad/flipped", module[:60] + bytes([module[60] ^ 0xFF]) + module[61:])
        box.put("bad/import", "unknown_import")
        box.put("bad/reactor", "reactor")
        box.put("good/hello", "hello")

    def test_refused_with_a_reason(self):
        wanted = {"text": "", "empty": "", "truncated": "", "import": "launch_missiles", "reactor": "_start"}
        for name, word in wanted.items():
            with self.subTest(name):
                reply = self.assert_failed("/bad/" + name, "program.invalid")
                self.assertIn("program.invalid", reply.text)
                told = eventually(lambda: [line for line in (self.box.log_text() + json.dumps(self.box.function_lines())
                                                             ).splitlines() if "bad" in line and name in line])
                self.assertIn(word, " ".join(told))

    def test_a_damaged_module_never_harms(self):
        self.assertIn(self.box.call("/bad/flipped").status, (200, 500))
        self.assertEqual(self.box.call("/good/hello").text, "hello, world\n")

    def test_refused_again_at_once(self):
        self.box.call("/bad/import")
        start = time.monotonic()
        for _ in range(50):
            self.assertEqual(self.box.call("/bad/import").status, 500)
        self.assertLess(time.monotonic() - start, 5)


class Many(BoxCase):
    count = 300

    @classmethod
    def prepare(cls, box):
        for number in range(cls.count):
            box.put(f"many/f{number}", wasm.distinct(number))

    def test_first_requests_at_once(self):
        """All functions are called for the first time together, each by three clients."""
        with concurrent.futures.ThreadPoolExecutor(24) as pool:
            targets = [f"/many/f{number}" for number in range(self.count)] * 3
            statuses = list(pool.map(lambda target: self.box.call(target, timeout=60).status, targets))
        self.assertEqual(set(statuses), {200})
        self.assertEqual(self.box.metrics().sum("wasabi_program_loads_total"), self.count)


class Empty(BoxCase):
    def test_an_empty_catalog_is_ready(self):
        self.assertEqual(self.box.call("/-/readyz").status, 200)
        self.assertEqual(self.box.call("/a/b").status, 404)
