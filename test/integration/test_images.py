"""Our container images: what they hold, that they are reproducible, and that they run where a cluster runs them."""

import json
import pathlib
import subprocess
import tarfile
import unittest

from harness import wire
from harness.box import eventually, program, scratch
from harness.catalog import Catalog
from harness.image_containers import (Image, ImageContainer, folder_for, free_address, layout_of, make_images,
                                      readable_copy, wait_for_log)
from harness.registry_case import DockerRegistry
from harness.serve import Serve
from harness.wire import WAIT_SECONDS

PROGRAMS = {"wasabi-box": {"wasabi-box", "wasabi-compile"}, "wasabi-companion": {"wasabi-companion", "wasabi-compile"},
            "wasabi-queue-proxy": {"wasabi-queue-proxy"}}


class Contents(unittest.TestCase):
    def test_the_same_input_makes_the_same_bytes(self):
        first, second = layout_of("wasabi-box").parent, make_images("wasabi-box")
        digests = {Image(out / "wasabi-box").digest for out in (first, second)}
        self.assertEqual(len(digests), 1)
        for name in ("wasabi-box.tar", "wasabi-box.spdx.json"):
            self.assertEqual((first / name).read_bytes(), (second / name).read_bytes(), name)

    def test_a_numbered_user_and_nothing_that_is_not_needed(self):
        for name, programs in PROGRAMS.items():
            image = Image(layout_of(name))
            self.assertRegex(image.config["User"], r"^[1-9]\d*:[1-9]\d*$")
            self.assertEqual(image.config["Entrypoint"], [f"/usr/bin/{name}"])
            members = image.names()
            for member in members:
                self.assertEqual(member.mtime, 0, member.name)
                self.assertFalse(member.mode & 0o6000, f"{member.name} would give rights away")
                self.assertTrue(member.isfile() or member.isdir() or member.issym(), member.name)
            names = [member.name for member in members]
            self.assertEqual(len(set(names)), len(names))
            self.assertFalse([one for one in names if one.rpartition("/")[2] in ("sh", "bash", "busybox", "dpkg")])
            self.assertEqual({one.removeprefix("usr/bin/") for one in names if one.startswith("usr/bin/")}, programs)

    def test_the_bill_of_materials_names_what_is_in_it(self):
        for name, programs in PROGRAMS.items():
            out = layout_of(name).parent
            bill = json.loads((out / f"{name}.spdx.json").read_text())
            self.assertEqual((bill["spdxVersion"], bill["dataLicense"]), ("SPDX-2.3", "CC0-1.0"))
            ids = [package["SPDXID"] for package in bill["packages"]]
            self.assertEqual(len(set(ids)), len(ids))
            known = {package["name"] for package in bill["packages"]}
            self.assertLessEqual({"libc6", "libstdc++6", "libssl3", "nlohmann-json3-dev"}, known)
            self.assertEqual("wasmtime" in known, "wasabi-compile" in programs)
            for relation in bill["relationships"]:
                self.assertIn(relation["relatedSpdxElement"], ids)
            root = Image(out / name).unpack()
            self.assertEqual(json.loads((root / f"usr/share/sbom/{name}.spdx.json").read_text()), bill)
            libraries = [path for path in (root / "lib").rglob("*.so*")]
            self.assertGreater(len(libraries), 3)
            contained = {one["relatedSpdxElement"] for one in bill["relationships"] if one["relationshipType"] == "CONTAINS"}
            self.assertLessEqual(len(contained), len(libraries) + 1)

    def test_an_image_that_is_not_known_is_refused(self):
        done = subprocess.run([pathlib.Path(__file__).parents[2] / "scripts/images", program("."), scratch.new("out"), "box"],
                              capture_output=True, text=True)
        self.assertEqual(done.returncode, 2)
        self.assertIn("wasabi-box", done.stderr)


class Taken(unittest.TestCase):
    """By programs that did not make them."""

    def test_a_registry_takes_the_layout_and_a_machine_runs_it_from_there(self):
        registry = DockerRegistry()
        self.addCleanup(registry.close)
        layout = layout_of("wasabi-box")
        image = Image(layout)
        for blob in [image.manifest["config"], *image.manifest["layers"]]:
            begun = registry.request("POST", "/v2/wasabi/wasabi-box/blobs/uploads/")
            self.assertEqual(begun.status, 202)
            place = begun.getheader("location").partition(registry.host)[2]
            put = registry.request("PUT", f"{place}&digest={blob['digest']}", image.blob(blob).read_bytes())
            self.assertEqual(put.status, 201)
        manifest = image.blob({"digest": image.digest}).read_bytes()
        put = registry.request("PUT", "/v2/wasabi/wasabi-box/manifests/1", manifest, image.manifest["mediaType"])
        self.assertEqual((put.status, put.getheader("docker-content-digest")), (201, image.digest))
        with Serve("--private-registries") as serve:
            self.serves_the_box(serve, f"oci://{registry.host}/wasabi/wasabi-box:1")

    def serves_the_box(self, serve: Serve, image: str):
        serve.run("tenant", "create", "acme")
        folder = scratch.new("deployed")
        (folder / "wasabi.toml").write_text(
            f'image = "{image}"\nargs = ["--catalog=/tmp", "--store=/tmp/store", "--listen=0.0.0.0:8080", "--admin=none", '
            '"--history=none", "--key=/tmp/key"]\nreadiness = "/-/readyz"\n[limits]\nmemory = "512MiB"\n')
        self.assertEqual(serve.json("deploy", str(folder), "--name", "acme/box")["state"], "ready")
        reply = serve.call("/acme/box/nothing")
        self.assertEqual(reply.status, 404, reply.text)
        self.assertIn("refused.no_route", reply.text)

    def test_the_archive_is_one_of_docker_save_and_a_layout(self):
        archive = layout_of("wasabi-box").parent / "wasabi-box.tar"
        with tarfile.open(archive) as tar:
            listed, = json.load(tar.extractfile("manifest.json"))
            self.assertEqual(json.load(tar.extractfile("index.json"))["schemaVersion"], 2)
            for name in [listed["Config"], *listed["Layers"]]:
                self.assertTrue(tar.getmember(name).isfile())
        self.assertRegex(listed["RepoTags"][0], r"^wasabi-box:\d")

    def test_wasabi_serve_takes_the_archive_of_the_box(self):
        with Serve() as serve:
            self.serves_the_box(serve, str(layout_of("wasabi-box").parent / "wasabi-box.tar"))


class Running(unittest.TestCase):
    def started(self, container: ImageContainer) -> ImageContainer:
        self.addCleanup(container.remove)
        return container.start()

    def test_a_box_alone_compiles_and_answers(self):
        catalog = Catalog(scratch.new("catalog") / "catalog")
        catalog.put("acme/hello", "hello")
        address = free_address()
        box = self.started(ImageContainer(
            "wasabi-box", "--catalog=/catalog", "--store=/wasabi/store", "--listen=%s:%d" % address, "--admin=none",
            mounts=[(readable_copy(catalog.directory), "/catalog", "ro"), (folder_for(65532), "/wasabi", "rw")]))
        wait_for_log(box, '"event":"listening"')
        self.assertEqual(wire.call(address, "/acme/hello").status, 200, box.log_text())
        self.assertNotIn("no Landlock", box.log_text())
        self.assertEqual(box.stop(), 0)

    def test_box_and_companion_as_in_a_pod(self):
        catalog = Catalog(scratch.new("catalog") / "catalog")
        catalog.put("acme/hello", "hello")
        catalog.put("shop/echo", "echo")
        shared, keys, cache, address = folder_for(65532), folder_for(65532), folder_for(65532), free_address()
        box = self.started(ImageContainer(
            "wasabi-box", "--catalog=/wasabi/catalog", "--store=/wasabi/store", "--verify-key=/wasabi/builder.pub",
            "--compile=never", "--await=60s", "--listen=%s:%d" % address, "--admin=none", "--history=none",
            mounts=[(shared, "/wasabi", "ro")]))
        companion = self.started(ImageContainer(
            "wasabi-companion", "--catalog=/catalog", "--shared=/wasabi", "--key=/keys/builder.key", "--cache=/cache",
            mounts=[(readable_copy(catalog.directory), "/catalog", "ro"), (shared, "/wasabi", "rw"), (keys, "/keys", "rw"),
                    (cache, "/cache", "rw")]))
        eventually(lambda: '"event":"listening"' in box.log_text(), what=box.log_text() + companion.log_text())
        self.assertEqual(wire.call(address, "/acme/hello").status, 200, box.log_text())
        self.assertEqual(wire.call(address, "/shop/echo", method="POST", body=b"x").body, b"x")
        self.assertEqual((companion.stop(), box.stop()), (0, 0))


if __name__ == "__main__":
    unittest.main()
