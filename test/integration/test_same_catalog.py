"""One catalog folder, unchanged: deployed to `wasabi serve`, in a pod of the plain Deployment, and in one of Knative, both
out of the manifests that the generator writes and of our images."""

import json
import pathlib
import re
import unittest

from harness import wire
from harness.box import eventually, scratch
from harness.catalog import Catalog, guests
from harness.image_containers import ImageContainer, folder_for
from harness.pod import Pod, manifests
from harness.queue_proxy import QueueProxy, is_ready, scrape
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

    def pod(self, command: str) -> Pod:
        documents = manifests(command, "--catalog", self.catalog.directory, "--secrets", "acme=acme-secrets")
        pod = Pod(documents, {"acme-secrets": {"API_KEY": SECRET}})
        self.addCleanup(pod.remove)
        return pod.start()

    def test_in_a_pod_of_the_deployment(self):
        pod = self.pod("kubernetes")
        self.look(pod.address)
        self.assertEqual(pod.stop(), {"box": 0, "companion": 0})

    def test_in_a_pod_of_knative_behind_the_queue_proxy(self):
        pod = self.pod("knative")
        annotations = {key: value for key, value in pod.template["metadata"]["annotations"].items()
                       if key.startswith("wasabi.dev/")}
        annotations["wasabi.dev/box-admin"] = "%s:%d" % pod.admin
        told = QueueProxy(pod.address[1], annotations, CONTAINER_CONCURRENCY=pod.template["spec"]["containerConcurrency"],
                          SERVING_READINESS_PROBE=json.dumps({"httpGet": {"path": "/-/readyz", "port": pod.address[1]}}))
        file = pathlib.Path(told.environment["WASABI_QP_ANNOTATIONS_FILE"])
        told.environment["WASABI_QP_ANNOTATIONS_FILE"] = "/etc/podinfo/annotations"
        podinfo = folder_for(0)
        (podinfo / "annotations").write_text(file.read_text())
        (podinfo / "annotations").chmod(0o644)
        container = ImageContainer("wasabi-queue-proxy", mounts=[(podinfo, "/etc/podinfo", "ro")],
                                   environment=[f"{key}={value}" for key, value in told.environment.items()])
        self.addCleanup(container.remove)
        container.start()

        def addresses() -> dict:
            found = re.findall(r'"event":"listening","for":"([^"]+)","address":"([^"]+):(\d+)"', container.log_text())
            return {what: (host, int(port)) for what, host, port in found}
        told.addresses = eventually(lambda: "autoscaler" in addresses() and addresses(), what=container.log_text())
        eventually(lambda: is_ready(told), what=container.log_text() + pod.log_text())
        self.look(told.address)
        self.assertNotIn('"level":"warn"', container.log_text())
        self.assertEqual(scrape(told)["pod_name"], told.environment["SERVING_POD"])
        self.assertEqual(pod.stop(), {"box": 0, "companion": 0})


if __name__ == "__main__":
    unittest.main()
