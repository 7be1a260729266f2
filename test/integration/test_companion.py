"""A companion and its box, as in one pod: the box has no network for modules, no compiler and no signing key."""

import signal
import subprocess
import unittest

from harness.box import Box, eventually, program, scratch
from harness.catalog import Catalog, guests
from harness.registry_case import Artifact, DockerRegistry
from harness.wire import WAIT_SECONDS


class Companion:
    def __init__(self, *options: str):
        self.directory = scratch.new("companion")
        self.catalog = Catalog(self.directory / "in")
        self.shared = self.directory / "shared"
        self.options = options
        self.process = None

    def start(self):
        with open(self.directory / "companion.log", "ab") as log:
            self.process = subprocess.Popen(
                [program("wasabi-companion"), "--catalog", str(self.catalog.directory), "--shared", str(self.shared),
                 "--key", str(self.directory / "builder.key"), "--cache", str(self.directory / "cache"), *self.options],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        return self

    def log_text(self) -> str:
        return (self.directory / "companion.log").read_text(errors="replace")

    def wait_for(self, text: str):
        eventually(lambda: text in self.log_text(), what=f"{text!r} in the companion's log:\n{self.log_text()}")

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(WAIT_SECONDS)

    def close(self):
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()


class ServedBox(Box):
    """A box that waits for a companion."""

    def __init__(self, companion: Companion, *options: str):
        super().__init__("--compile=never", "--verify-key", str(companion.shared / "builder.pub"), "--await", "60s", *options)
        self.named_arguments = ["--catalog", str(companion.shared / "catalog"), "--store", str(companion.shared / "store")]


class CompanionAndBox(unittest.TestCase):
    def setUp(self):
        self.companion = Companion()
        self.addCleanup(self.companion.close)
        self.registry = None

    def module_in_registry(self, name: str, guest: str) -> str:
        if self.registry is None:
            self.registry = DockerRegistry()
            self.addCleanup(self.registry.close)
        repository, _, tag = name.partition(":")
        self.registry.put(repository, tag, Artifact.of_module((guests() / f"{guest}.wasm").read_bytes()))
        return f"oci://{self.registry.host}/{name}"

    def put_remote(self, name: str, reference: str, extra: str = ""):
        manifest = self.companion.catalog.manifest(name)
        manifest.parent.mkdir(parents=True, exist_ok=True)
        manifest.write_text(f'module = "{reference}"\n{extra}')

    def started_box(self, *options: str) -> ServedBox:
        box = ServedBox(self.companion, *options)
        box.start(wait=False)
        self.addCleanup(box.kill)
        return box

    def wait_until_ready(self, box: ServedBox):
        eventually(box.is_ready, what="readiness of the box:\n" + box.log_text() + self.companion.log_text())

    def test_modules_of_registries_and_of_the_folder_are_served_by_a_box_that_waited_for_them(self):
        self.put_remote("acme/far", self.module_in_registry("team/hello:1", "hello"))
        self.companion.catalog.put("acme/near", "hello")
        box = self.started_box()
        eventually(lambda: "waiting for a companion" in box.log_text(), what="a box that waits")
        self.companion.start()
        self.wait_until_ready(box)
        for target in ("/acme/far", "/acme/near"):
            self.assertEqual(box.call(target).status, 200, box.log_text())
        self.assertEqual(self.companion.stop(), 0)
        self.assertEqual(box.call("/acme/far").status, 200, "the box needs the companion for nothing that it has")
        box.close()

    def test_the_box_takes_new_functions_and_versions_as_they_come_and_loses_those_that_are_removed(self):
        self.companion.catalog.put("acme/first", "hello")
        self.companion.start()
        box = self.started_box()
        self.wait_until_ready(box)
        self.put_remote("acme/second", self.module_in_registry("team/echo:1", "echo"))
        box.wait_for_catalog("/acme/second")
        self.assertEqual(box.call("/acme/second", method="POST", body=b"ping").body, b"ping")
        self.put_remote("acme/second", self.module_in_registry("team/hello:2", "hello"))
        eventually(lambda: box.call("/acme/second", method="POST", body=b"ping").body != b"ping", what="the new module")
        self.assertEqual(box.call("/acme/second").status, 200)
        self.companion.catalog.remove("acme/first")
        box.wait_for_catalog("/acme/first", 404)
        box.close()

    def test_what_cannot_be_fetched_is_told_and_holds_up_nobody_else(self):
        self.module_in_registry("team/hello:1", "hello")
        self.put_remote("acme/lost", f"oci://{self.registry.host}/team/lost:1")
        self.companion.catalog.put("acme/here", "hello")
        self.companion.start()
        box = self.started_box()
        self.wait_until_ready(box)
        self.assertEqual((box.call("/acme/here").status, box.call("/acme/lost").status), (200, 404))
        self.companion.wait_for("team/lost")
        self.module_in_registry("team/lost:1", "hello")
        box.wait_for_catalog("/acme/lost")
        box.close()

    def test_bytes_that_are_not_what_their_digest_says_are_not_compiled(self):
        reference = self.module_in_registry("team/hello:1", "hello")
        self.put_remote("acme/app", f"{reference.rsplit(':', 1)[0]}@sha256:{'0' * 64}")
        self.companion.start()
        self.companion.wait_for('"function not ready","function":"acme/app"')
        self.assertEqual(list(self.companion.shared.glob("store/*/*.cwasm")), [])

    def test_files_and_settings_come_along(self):
        files = scratch.new("files")
        (files / "hello.txt").write_text("from a file")
        catalog = self.companion.catalog
        catalog.directory.joinpath("acme").mkdir()
        catalog.put("acme/reader", "files", files=catalog.put_files("acme/reader", files))
        self.companion.start()
        box = self.started_box()
        self.wait_until_ready(box)
        reply = box.call("/acme/reader?path=/hello.txt")
        self.assertEqual((reply.status, reply.text), (200, "from a file"))
        box.close()

    def test_a_companion_that_comes_back_goes_on_where_it_was(self):
        self.companion.catalog.put("acme/stays", "hello")
        self.companion.catalog.put("acme/goes", "hello")
        self.companion.start()
        box = self.started_box()
        self.wait_until_ready(box)
        compiled, = self.companion.shared.glob("store/*/*.cwasm")
        built = compiled.stat().st_mtime_ns
        self.companion.close()
        self.companion.catalog.remove("acme/goes")
        self.companion.start()
        box.wait_for_catalog("/acme/goes", 404)
        self.companion.wait_for("function ready")
        self.assertEqual(box.call("/acme/stays").status, 200)
        self.assertEqual(compiled.stat().st_mtime_ns, built, "it was compiled a second time")
        box.close()

    def test_the_key_stays_with_the_companion(self):
        self.companion.catalog.put("acme/app", "hello")
        self.companion.start()
        eventually((self.companion.shared / "catalog").exists, what="the catalog")
        key = self.companion.directory / "builder.key"
        self.assertEqual(key.stat().st_mode & 0o777, 0o600)
        shared = [path for path in self.companion.shared.rglob("*") if path.is_file()]
        self.assertFalse([path for path in shared if b"PRIVATE" in path.read_bytes()])
        self.assertIn(self.companion.shared / "builder.pub", shared)

    def test_a_box_that_waits_in_vain_says_for_what(self):
        box = ServedBox(self.companion)
        box.options[box.options.index("60s")] = "300ms"
        box.start(wait=False)
        self.assertEqual(box.process.wait(WAIT_SECONDS), 1)
        self.assertIn("builder.pub", box.log_text())

    def test_a_box_that_waits_ends_when_it_is_told_to(self):
        box = self.started_box()
        eventually(lambda: "waiting for a companion" in box.log_text(), what="a box that waits")
        self.assertEqual(box.terminate(), 0)

    def test_a_box_alone_says_who_fetches(self):
        box = Box("--no-lockdown")
        box.put("acme/near", "hello")
        manifest = box.catalog.manifest("acme/far")
        manifest.write_text('module = "oci://registry.example.com/app:1"\n')
        with box:
            self.assertEqual(box.call("/acme/far").status, 404)
            self.assertIn("wasabi-companion", box.log_text())


if __name__ == "__main__":
    unittest.main()
