"""Manifests for Kubernetes and Knative: those in deploy/, and what the generator writes, against the published schemas."""

import pathlib
import subprocess
import unittest

import yaml

from harness.box import program, scratch
from harness.catalog import Catalog

ROOT = pathlib.Path(__file__).resolve().parents[2]
CHECK = ROOT / "scripts/check-manifests"
EXAMPLE = ["--catalog", str(ROOT / "deploy/catalog"), "--images", "registry.example.com/wasabi", "--namespace", "superpods",
           "--memory", "4GiB", "--cpu", "2", "--secrets", "shop=shop-secrets"]


def generate(command: str, *arguments: str, code: int = 0) -> str:
    done = subprocess.run([program("wasabi"), command, *arguments], capture_output=True, text=True)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout if code == 0 else done.stderr


def mistakes(text: str) -> str:
    return subprocess.run([CHECK, "-"], input=text, capture_output=True, text=True).stdout


class Tree(unittest.TestCase):
    def test_every_manifest_in_the_tree(self):
        found = sorted(ROOT.glob("deploy/*/*.yaml"))
        self.assertGreater(len(found), 8)
        done = subprocess.run([CHECK, *found], capture_output=True, text=True)
        self.assertEqual((done.returncode, done.stdout), (0, ""))

    def test_the_superpods_in_the_tree_are_what_the_generator_writes(self):
        for command, options in (("knative", []), ("kubernetes", ["--replicas", "2"])):
            with self.subTest(command):
                kept = (ROOT / f"deploy/{command}/superpod.yaml").read_text()
                self.assertEqual(kept, generate(command, *EXAMPLE, *options))


class Generated(unittest.TestCase):
    def check(self, text: str) -> list:
        self.assertEqual(mistakes(text), "")
        return list(yaml.safe_load_all(text))

    def test_pods_of_every_size(self):
        for memory in ("192MiB", "512MiB", "4GiB", "14GiB", "256GiB"):
            for options in ([], ["--smallest-request", "4MiB"], ["--registry-secret", "modules", "--plain-http"],
                            ["--max-scale", "7", "--target-burst-capacity", "1", "--longest-function", "5m"]):
                with self.subTest(memory, options=options):
                    arguments = ["--catalog", str(ROOT / "deploy/catalog"), "--images", "r.example/w", "--memory", memory,
                                 "--cpu", "500m", *options]
                    self.check(generate("knative", *arguments))

    def test_a_catalog_larger_than_a_config_map(self):
        catalog = Catalog(scratch.new("catalog"))
        for index in range(5):
            catalog.put(f"acme/f{index}", b"\0asm" + bytes([index]) * 300_000, env={"TEXT": "a: 'b' \"c\"\t\u00fc #\n"})
        for command in ("knative", "kubernetes"):
            documents = self.check(generate(command, "--catalog", str(catalog.directory), "--images", "r.example/w",
                                            "--memory", "1GiB", "--cpu", "1"))
            maps = [one for one in documents if one["kind"] == "ConfigMap"]
            self.assertGreater(len(maps), 1)
            texts = {key: value for one in maps for key, value in one.get("data", {}).items()}
            self.assertEqual(texts["acme_f0.toml"], catalog.manifest("acme/f0").read_text())

    def test_what_would_bind_in_the_wrong_place_is_refused(self):
        arguments = ["--catalog", str(ROOT / "deploy/catalog"), "--images", "r.example/w", "--memory", "4GiB", "--cpu", "2"]
        for options, why in ((["--target-burst-capacity", "-1"], "never scale"), (["--target", "inf"], "above 0"),
                             (["--target", "nan"], "above 0"), (["--container-concurrency", "3"], "by requests"),
                             (["--target-utilization-percentage", "70"], "write 100"), (["--timeout", "10s"], "30s or more")):
            with self.subTest(options):
                self.assertIn(why, generate("knative", *arguments, *options, code=2))

    def test_catalogs_that_a_box_would_refuse(self):
        catalog = scratch.new("catalog")
        (catalog / "acme").mkdir()
        (catalog / "acme/shop.toml").write_text('image = "oci://r.example/shop:1"\n')
        arguments = ["--catalog", str(catalog), "--images", "r.example/w", "--memory", "1GiB", "--cpu", "1"]
        self.assertIn("shop.toml", generate("knative", *arguments, code=2))


class Broken(unittest.TestCase):
    """What the check must find, each by one change to a manifest that is right."""

    @classmethod
    def setUpClass(cls):
        cls.right = (ROOT / "deploy/knative/superpod.yaml").read_text()
        cls.plain = (ROOT / "deploy/kubernetes/superpod.yaml").read_text()

    def test_it_is_found(self):
        for text, old, new in (
                (self.right, "containerConcurrency: ", "containerConcurency: "),
                (self.right, "containerConcurrency: ", "containerConcurrency: -"),
                (self.right, 'target-burst-capacity: "0"', 'target-burst-capacity: "-1"'),
                (self.right, 'autoscaling.knative.dev/target: "', 'autoscaling.knative.dev/target: "1e'),
                (self.right, 'target-utilization-percentage: "100"', 'target-utilization-percentage: "70"'),
                (self.right, "timeoutSeconds: ", "timeoutSeconds: 1#"),
                (self.right, "readOnlyRootFilesystem: true", 'readOnlyRootFilesystem: "yes"'),
                (self.right, "name: shared, mountPath", "name: shred, mountPath"),
                (self.right, 'key: "acme_hello.toml"', 'key: "acme_helo.toml"'),
                (self.right, "memory: 4096Mi", "memory: 4096Mb"),
                (self.right, 'memory-unit: "200MiB"', 'memory-unit: "200"'),
                (self.plain, "kind: Deployment", "kind: Deploiment"),
                (self.plain, "apiVersion: apps/v1", "apiVersion: apps/v2"),
                (self.plain, "replicas: 2", 'replicas: "2"'),
                (self.plain, "maxUnavailable: 1\n", "maxUnavailable: [1]\n"),
                (self.plain, "  selector: {matchLabels: {app: superpod}}\n  # The old", "  # The old"),
                (self.plain, "---", "--- ]")):
            with self.subTest(new):
                self.assertIn(old, text)
                self.assertNotEqual(mistakes(text.replace(old, new)), "")
        self.assertEqual(mistakes(self.right) + mistakes(self.plain), "")


if __name__ == "__main__":
    unittest.main()
