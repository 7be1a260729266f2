"""One catalog folder, unchanged: deployed to `wasabi serve`, and in the images as in a pod."""

import unittest

from harness import wire
from harness.box import eventually, scratch
from harness.catalog import Catalog, guests
from harness.image_containers import ImageContainer, folder_for, free_address, readable_copy
from harness.registry_case import Artifact, DockerRegistry
from harness.serve import Serve

SECRET = "only-for-acme"


class SameCatalog(unittest.TestCase):
    def setUp(self):
        self.registry = DockerRegistry()
        self.addCleanup(self.registry.close)
        self.catalog = Catalog(scratch.new("catalog") / "catalog")
        self.catalog.put("acme/near", "hello")
        self.catalog.put("acme/env", "env", secrets=["API_KEY"], env={"GREETING": "Good day"})
        files = scratch.new("files")
        (files / "page.txt").write_text("from a file")
        self.catalog.put("shop/files", "files", files=self.catalog.put_files("shop/files", files))
        module = (guests() / "echo.wasm").read_bytes()
        artifact = Artifact.of_module(module)
        self.registry.put("team/echo", "1", artifact)
        far = self.catalog.manifest("shop/far")
        far.write_text(f'module = "oci://{self.registry.host}/team/echo@{artifact.digest}"\n[limits]\nmemory = "8MiB"\n')

    def look(self, address: tuple):
        """The same answers, wherever it runs."""
        self.assertEqual(wire.call(address, "/acme/near").status, 200)
        environment = wire.call(address, "/acme/env").text
        self.assertIn("GREETING=Good day", environment)
        self.assertIn(f"API_KEY={SECRET}", environment)
        self.assertEqual(wire.call(address, "/shop/files?path=/page.txt").text, "from a file")
        self.assertEqual(wire.call(address, "/shop/far", method="POST", body=b"ping").body, b"ping")
        self.assertEqual(wire.call(address, "/shop/nothing").status, 404)

    def test_on_the_single_machine(self):
        with Serve("--private-registries") as serve:
            serve.run("tenant", "create", "acme")
            serve.run("secret", "set", "acme", "API_KEY", stdin=SECRET)
            told = serve.run("deploy", "--catalog", str(self.catalog.directory))
            for name in ("acme/near", "acme/env", "shop/files", "shop/far"):
                self.assertIn(f"{name}@1 is ready", told)
            self.look(serve.address)
            self.assertIn("as before", serve.run("deploy", "--catalog", str(self.catalog.directory)))
            self.catalog.manifest("shop/far").write_text('module = "oci://127.0.0.1:1/nobody:1"\n')
            told = serve.run("deploy", "--catalog", str(self.catalog.directory), code=5)
            self.assertIn("1 of 4 functions were not deployed", told)
            self.look(serve.address)

    def test_in_the_images_as_in_a_pod(self):
        secrets = scratch.new("secrets")
        (secrets / "acme").mkdir()
        (secrets / "acme" / "API_KEY").write_text(SECRET)
        shared, address = folder_for(65532), free_address()
        box = ImageContainer(
            "wasabi-box", "--catalog=/wasabi/catalog", "--store=/wasabi/store", "--verify-key=/wasabi/builder.pub",
            "--compile=never", "--await=60s", "--listen=%s:%d" % address, "--admin=127.0.0.1:0", "--access-log=-",
            "--function-log=-", "--history=none", "--secrets=/secrets",
            mounts=[(shared, "/wasabi", "ro"), (readable_copy(secrets), "/secrets", "ro")])
        companion = ImageContainer(
            "wasabi-companion", "--catalog=/catalog", "--shared=/wasabi", "--key=/keys/builder.key", "--cache=/cache",
            mounts=[(readable_copy(self.catalog.directory), "/catalog", "ro"), (shared, "/wasabi", "rw"),
                    (folder_for(65532), "/keys", "rw"), (folder_for(65532), "/cache", "rw")])
        for container in (box, companion):
            self.addCleanup(container.remove)
            container.start()
        eventually(lambda: '"event":"listening"' in box.log_text(), what=box.log_text() + companion.log_text())
        self.look(address)
        self.assertEqual((companion.stop(), box.stop()), (0, 0))


if __name__ == "__main__":
    unittest.main()
