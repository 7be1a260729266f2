"""What functions are deployed from besides files of the caller's: registries, and archives of files."""

import io
import json
import os
import shutil
import tarfile
import threading

from harness.box import eventually, scratch
from harness.catalog import guests
from harness.registry_case import Artifact, DockerRegistry, FakeRegistry, RegistryCase
from harness.serve import Serve


def tar_of(*entries) -> bytes:
    """Of (name, content), or of (name, target, type)."""
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as archive:
        for name, content, *kind in entries:
            entry = tarfile.TarInfo(name)
            if kind:
                entry.type, entry.linkname = kind[0], content
            else:
                entry.size = len(content)
            archive.addfile(entry, None if kind else io.BytesIO(content))
    return made.getvalue()


class SourceCase(RegistryCase):
    def served(self, *options: str) -> Serve:
        serve = Serve(*options).start()
        self.addCleanup(serve.close)
        serve.run("tenant", "create", "acme")
        return serve

    def post(self, serve: Serve, path: str, body: dict | bytes, status: int) -> dict:
        reply = serve.api("POST", path, body if isinstance(body, bytes) else json.dumps(body).encode())
        self.assertEqual(reply.status, status, reply.text)
        return json.loads(reply.text)


class FromRegistries(SourceCase):
    def test_a_module_that_was_pushed_is_deployed(self):
        registry = self.started(DockerRegistry.with_basic_auth("me", "secret"))
        serve = self.served("--private-registries")
        reference = f"oci://{registry.host}/team/hello:1"
        pushed = self.probe("push-wasm", reference, guests() / "hello.wasm", "me", "secret").split()
        login = scratch.new("login") / "config.json"
        login.write_text(json.dumps({"auths": {registry.host: {"username": "me", "password": "secret"}}}))
        told = serve.json("deploy", reference, "--name", "acme/hello", "--credentials", str(login))
        self.assertEqual((told["state"], told["module"], told["source"]),
                         ("ready", pushed[2], f"{reference}@{pushed[1]}"))
        self.assertGreater(told["stages"]["pull_ms"], 0)
        self.assertEqual(serve.call("/acme/hello").status, 200)
        again = serve.json("deploy", reference, "--name", "acme/hello", "--credentials", str(login))
        self.assertFalse(again["is_new"])
        self.assertIn("it wants credentials", serve.run("deploy", reference, "--name", "acme/hello", code=4))
        self.assertNotIn("secret", serve.log_text() + (serve.data / "audit.log").read_text())

    def test_what_cannot_be_had_makes_no_version(self):
        registry = self.started(FakeRegistry(Artifact.of_module(b"\0asm\1\0\0\0")))
        serve = self.served("--private-registries")
        registry.on_blob = lambda handler: handler.answer(200, b"\0asm\1\0\0!")
        path, reference = "/functions/acme/app/versions", f"oci://{registry.host}/app:1"
        self.assertIn("digest", self.post(serve, path, {"oci": reference}, 502)["detail"])
        self.post(serve, path, {"oci": "nginx"}, 400)
        self.post(serve, path, {"oci": reference, "manifest": "nonsense = 1"}, 400)
        self.post(serve, path, {"oci": reference, "module": "sha256:" + "ab" * 32}, 400)
        self.post(serve, path, {"oci": reference, "oci_username": "me"}, 400)
        self.assertEqual(json.loads(serve.api("GET", "/functions").text)["functions"], [])
        self.assertEqual(list((serve.data / "modules").iterdir()) + list((serve.data / "incoming").iterdir()), [])

    def test_nobodys_own_network_is_asked_unless_that_is_allowed(self):
        registry = self.started(FakeRegistry(Artifact.of_module(b"\0asm\1\0\0\0")))
        serve = self.served()
        self.post(serve, "/functions/acme/app/versions", {"oci": f"oci://{registry.host}/app:1"}, 403)
        self.assertEqual(registry.requests, [])

    def test_an_end_in_the_midst_of_a_pull_leaves_nothing(self):
        registry = self.started(FakeRegistry(Artifact.of_module(b"\0asm\1\0\0\0" + bytes(1 << 20))))
        registry.on_blob = lambda handler: handler.silent(5)
        serve = Serve("--private-registries").start()
        serve.run("tenant", "create", "acme")
        told = []
        client = threading.Thread(target=lambda: told.append(serve.api(
            "POST", "/functions/acme/app/versions", json.dumps({"oci": f"oci://{registry.host}/app:1"}).encode())))
        client.start()
        eventually(lambda: registry.paths("/blobs/"), what="the pull")
        serve.kill()
        client.join()
        serve.start()
        self.addCleanup(serve.close)
        self.assertEqual(list((serve.data / "incoming").iterdir()), [])
        self.assertEqual(json.loads(serve.api("GET", "/functions").text)["functions"], [])


class Files(SourceCase):
    def test_a_function_sees_the_files_that_were_uploaded(self):
        serve = self.served()
        archive = tar_of(("greeting.txt", b"from a file"), ("also.txt", "greeting.txt", tarfile.SYMTYPE))
        files = self.post(serve, "/uploads?kind=files", archive, 201)
        self.assertEqual(files["bytes"], 11)
        module = self.post(serve, "/uploads", (guests() / "files.wasm").read_bytes(), 201)
        told = self.post(serve, "/functions/acme/app/versions",
                         {"module": module["digest"], "files": files["digest"], "manifest": 'files = "public"\n'}, 202)
        self.assertEqual(told["bytes"], files["bytes"] + module["bytes"])
        built = json.loads(serve.api("GET", "/functions/acme/app/versions/1?wait=30s").text)
        self.assertEqual(built["state"], "ready", built)
        self.assertEqual(serve.call("/acme/app/?path=/also.txt").text, "from a file")

    def test_the_files_beside_a_manifest_are_sent_with_it(self):
        serve = self.served()
        folder = scratch.new("app")
        (folder / "app.wasm").write_bytes((guests() / "files.wasm").read_bytes())
        (folder / "wasabi.toml").write_text('module = "app.wasm"\nfiles = "public"\n')
        (folder / "public/deep/empty").mkdir(parents=True)
        (folder / "public/deep/greeting.txt").write_text("from a folder")
        (folder / "public/also.txt").symlink_to("deep/greeting.txt")
        serve.run("deploy", str(folder), "--name", "acme/folder")
        self.assertEqual(serve.call("/acme/folder/?path=/also.txt").text, "from a folder")
        self.assertFalse(serve.json("deploy", str(folder), "--name", "acme/folder")["is_new"])
        (folder / "public/deep/greeting.txt").write_text("changed")
        self.assertEqual(serve.json("deploy", str(folder), "--name", "acme/folder")["number"], 2)
        self.assertEqual(serve.call("/acme/folder/?path=/deep/greeting.txt").text, "changed")
        os.mkfifo(folder / "public/pipe")
        self.assertIn("public/pipe is no file", serve.run("deploy", str(folder), "--name", "acme/folder", code=2))
        (folder / "public/pipe").unlink()
        shutil.rmtree(folder / "public")
        self.assertIn("public", serve.run("deploy", str(folder), "--name", "acme/folder", code=3))

    def test_what_leads_out_of_an_archive_or_is_none_is_refused(self):
        serve = self.served()
        for archive in (tar_of(("../x", b"1")), tar_of(("etc", "/etc", tarfile.SYMTYPE)),
                        tar_of(("pipe", "", tarfile.FIFOTYPE)), b"no archive at all", b""):
            self.post(serve, "/uploads?kind=files", archive, 400)
        self.post(serve, "/uploads?kind=nothing", b"x", 400)
        self.assertEqual(list((serve.data / "files").iterdir()) + list((serve.data / "incoming").iterdir()), [])
