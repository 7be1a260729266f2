"""The catalog directory: routes, changes while requests run, manifests and modules that are wrong."""

import concurrent.futures
import contextlib
import json
import os
import shutil
import threading
import unittest

from harness import wasm, wire
from harness.box import NOTICED_SECONDS, Box, eventually, scratch
from harness.case import BoxCase
from harness.catalog import guests, manifest_text, write_atomically


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

    def test_added_and_removed(self):
        self.box.put("new/hello", "hello")
        self.box.wait_for_catalog("/new/hello")
        self.box.catalog.remove("new/hello")
        self.box.wait_for_catalog("/new/hello", 404)

    def test_changed_settings(self):
        self.box.put("t/env", "env", env={"V": "2"})
        eventually(lambda: "V=2" in self.box.call("/t/env").text, NOTICED_SECONDS)

    def test_a_running_request_finishes_on_its_version(self):
        self.box.put("t/long", "echo", limits={"timeout": "600s"})
        self.box.wait_for_catalog("/t/long")
        with self.box.connect() as running:
            running.send(wire.request_bytes("POST", "/t/long", {"Content-Length": "4"}))
            eventually(lambda: self.box.metrics().sum("wasabi_invocations", state="parked") == 1)
            self.box.put("t/long", "hello")
            eventually(lambda: self.box.call("/t/long").text == "hello, world\n", NOTICED_SECONDS)
            running.send("body")
            self.assertEqual(running.reply().text, "body")

    def test_reload_under_load_drops_nothing(self):
        stop = threading.Event()
        statuses = []

        def load():
            with self.box.connect() as connection:
                while not stop.is_set():
                    connection.send(wire.request_bytes("GET", "/t/hello"))
                    statuses.append(connection.reply().status)

        with concurrent.futures.ThreadPoolExecutor(4) as pool, contextlib.ExitStack() as ended:
            ended.callback(stop.set)
            futures = [pool.submit(load) for _ in range(4)]
            for round_number in range(20):
                self.box.put("t/hello", "hello", env={"ROUND": str(round_number)})
                self.box.put(f"churn/f{round_number}", "noop")
                self.box.wait_for_catalog(f"/churn/f{round_number}")
            stop.set()
            for future in futures:
                future.result()
        self.assertGreater(len(statuses), 20)
        self.assertEqual(set(statuses), {200})

    def test_a_broken_manifest_keeps_the_last_good_version(self):
        self.box.put("t/kept", "hello")
        self.box.wait_for_catalog("/t/kept")
        manifest = self.box.catalog.manifest("t/kept")
        write_atomically(manifest, b'module = "kept.wasm"\n[limits]\nmemori = "1MiB"\n')
        told = eventually(lambda: [p for p in self.problems() if "t/kept.toml" in p["file"]], NOTICED_SECONDS)
        self.assertEqual(told[0]["line"], 3)
        self.assertIn("memory", told[0]["reason"])  # what was meant
        self.assertEqual(self.box.call("/t/kept").text, "hello, world\n")
        eventually(lambda: "memori" in self.box.log_text())
        self.box.put("t/kept", "hello", env={"A": "1"})
        eventually(lambda: not [p for p in self.problems() if "t/kept.toml" in p["file"]], NOTICED_SECONDS)

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
                eventually(lambda: [p for p in self.problems() if f"broken/{name}.toml" in p["file"] and p["reason"]],
                           NOTICED_SECONDS)
                self.assertEqual(self.box.call("/broken/" + name).status, 404)
        self.assertEqual(self.box.call("/t/hello").status, 200)


class ConfigMap:
    """A folder as kubelet writes a ConfigMap: entries are links into `..data`, which is a link to a folder with a time in
    its name; an update makes a new folder, turns `..data` by a rename and removes the old folder."""

    def __init__(self, directory):
        self.directory = directory
        self.current = None
        self.updates = 0

    def update(self, files: dict):
        """`files` maps paths below the folder to their content."""
        self.updates += 1
        fresh = self.directory / f"..2026_01_01_00_00_{self.updates:02}.123456789"
        for name, content in files.items():
            (fresh / name).parent.mkdir(parents=True, exist_ok=True)
            (fresh / name).write_bytes(content)
        (self.directory / "..data_tmp").symlink_to(fresh.name)
        os.rename(self.directory / "..data_tmp", self.directory / "..data")
        entries = {path.split("/")[0] for path in files}
        for name in entries:
            if not (self.directory / name).is_symlink():
                (self.directory / name).symlink_to("..data/" + name)
        for path in self.directory.iterdir():
            if not path.name.startswith("..") and path.name not in entries:
                path.unlink()
        if self.current is not None:
            shutil.rmtree(self.current)
        self.current = fresh


def function_files(prefix: str, guest: str, **settings) -> dict:
    return {prefix + ".toml": manifest_text({"module": prefix.split("/")[-1] + ".wasm", **settings}).encode(),
            prefix + ".wasm": (guests() / (guest + ".wasm")).read_bytes()}


class Links(unittest.TestCase):
    """Links that are turned while the box is locked in."""

    def follow(self, config_map: ConfigMap, box: Box, prefix: str):
        """Settings, a module and a further function change by updates; no request is lost meanwhile."""
        config_map.update(function_files(prefix + "f", "env", env={"V": "1"}))
        box.start()
        self.assertIn("V=1", box.call("/t/f").text)
        stop = threading.Event()
        statuses = []

        def load():
            while not stop.is_set():
                statuses.append(box.call("/t/f").status)

        caller = threading.Thread(target=load)
        caller.start()
        try:
            config_map.update(function_files(prefix + "f", "env", env={"V": "2"}))
            eventually(lambda: "V=2" in box.call("/t/f").text, NOTICED_SECONDS, "changed settings")
            config_map.update(function_files(prefix + "f", "hello") | function_files(prefix + "g", "env"))
            eventually(lambda: box.call("/t/f").text == "hello, world\n", NOTICED_SECONDS, "the other module")
            box.wait_for_catalog("/t/g")
            config_map.update(function_files(prefix + "f", "hello"))
            box.wait_for_catalog("/t/g", 404)
        finally:
            stop.set()
            caller.join()
        self.assertEqual(set(statuses), {200})
        self.assertEqual(json.loads(box.admin("/-/functions").text)["problems"], [])
        self.assertNotIn("is a link", box.log_text())
        box.close()

    def test_a_config_map_as_the_catalog(self):
        """Keys with paths (`items`): the tenants are links."""
        box = Box(store=scratch.new_store())
        self.follow(ConfigMap(box.catalog.directory), box, "t/")

    def test_a_config_map_as_a_tenant(self):
        """Keys without paths, mounted at the tenant's folder: the files are links."""
        box = Box(store=scratch.new_store())
        (box.catalog.directory / "t").mkdir()
        self.follow(ConfigMap(box.catalog.directory / "t"), box, "")

    def test_versions_inside_the_catalog(self):
        box = Box()
        root = box.catalog.directory
        for version in ("1", "2"):
            for name, content in function_files(f".v{version}/t/f", "env", env={"V": version}).items():
                (root / name).parent.mkdir(parents=True, exist_ok=True)
                (root / name).write_bytes(content)
        (root / ".current").symlink_to(".v1")
        (root / "t").symlink_to(".current/t")
        with box:
            self.assertIn("V=1", box.call("/t/f").text)
            (root / ".next").symlink_to(".v2")
            os.rename(root / ".next", root / ".current")
            eventually(lambda: "V=2" in box.call("/t/f").text, NOTICED_SECONDS)

    def test_the_catalog_itself_is_a_link(self):
        """The box says at its start that it will not follow, and serves the last state on."""
        box = Box()
        root = box.catalog.directory
        for version in ("1", "2"):
            for name, content in function_files(f"v{version}/t/f", "env", env={"V": version}).items():
                (root.parent / name).parent.mkdir(parents=True, exist_ok=True)
                (root.parent / name).write_bytes(content)
        root.rmdir()
        root.symlink_to("v1")
        with box:
            self.assertIn("V=1", box.call("/t/f").text)
            self.assertIn("the catalog directory is a link", box.log_text())
            (root.parent / "next").symlink_to("v2")
            os.rename(root.parent / "next", root)
            eventually(lambda: "the last state stays in force" in box.log_text(), NOTICED_SECONDS)
            self.assertIn("V=1", box.call("/t/f").text)
            # What lies in the directory it began with is followed all the same once the link is back.
            (root.parent / "next").symlink_to("v1")
            os.rename(root.parent / "next", root)
            write_atomically(root.parent / "v1/t/f.toml", manifest_text({"module": "f.wasm", "env": {"V": "3"}}).encode())
            eventually(lambda: "V=3" in box.call("/t/f").text, NOTICED_SECONDS)


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

    def test_refused_again_without_another_build(self):
        def failed_loads():
            return self.box.metrics().sum("wasabi_program_load_failures_total")
        self.box.call("/bad/import")
        before = failed_loads()
        self.assertGreater(before, 0)
        for _ in range(50):
            self.assertEqual(self.box.call("/bad/import").status, 500)
        self.assertEqual(failed_loads(), before)


class Many(BoxCase):
    count = 300

    @classmethod
    def prepare(cls, box):
        for number in range(cls.count):
            box.put(f"many/f{number}", wasm.distinct(number), limits={"timeout": "600s"})

    def test_first_requests_at_once(self):
        """All functions are called for the first time together, each by three clients."""
        with concurrent.futures.ThreadPoolExecutor(24) as pool:
            targets = [f"/many/f{number}" for number in range(self.count)] * 3
            statuses = list(pool.map(lambda target: self.box.call(target, timeout=600).status, targets))
        self.assertEqual(set(statuses), {200})
        self.assertEqual(self.box.metrics().sum("wasabi_program_loads_total"), self.count)


class Budget(unittest.TestCase):
    """There is room for two programs of three: the one that was used longest ago goes."""

    def serve(self, *options):
        box = Box(*options, workers=1)
        for number in range(3):
            box.put(f"t/f{number}", wasm.distinct(number))
        return box

    def goes(self, *options):
        with self.serve(*options) as box:
            def loads(number):
                before = box.metrics().sum("wasabi_program_loads_total")
                self.assertEqual(box.call(f"/t/f{number}").status, 200)
                return box.metrics().sum("wasabi_program_loads_total") - before
            self.assertEqual([loads(number) for number in (0, 1, 0, 2)], [1, 1, 0, 1])
            self.assertEqual(box.metrics().sum("wasabi_programs_loaded"), 2)
            self.assertEqual([loads(number) for number in (0, 2, 1)], [0, 0, 1])

    def test_by_number(self):
        self.goes("--max-programs", "2")

    def test_by_bytes(self):
        with self.serve() as box:
            self.assertEqual(box.call("/t/f0").status, 200)
            size = int(box.metrics().sum("wasabi_memory_bytes", kind="code"))
        self.goes("--program-memory", f"{size * 5 // 2}B")


class Empty(BoxCase):
    def test_an_empty_catalog_is_ready(self):
        self.assertEqual(self.box.call("/-/readyz").status, 200)
        self.assertEqual(self.box.call("/a/b").status, 404)
