"""The registry client, over a real registry and over ones that misbehave."""

import io
import tarfile
import unittest

from harness.box import scratch
from harness.catalog import guests
from harness.registry_case import Artifact, DockerRegistry, FakeRegistry, RegistryCase, digest_of


def tar_of(name: str, content: bytes) -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as archive:
        entry = tarfile.TarInfo(name)
        entry.size = len(content)
        archive.addfile(entry, io.BytesIO(content))
    return made.getvalue()


class RealRegistry(RegistryCase):
    def test_what_was_pushed_is_pulled_by_tag_and_by_digest(self):
        registry = self.started(DockerRegistry())
        module = guests() / "hello.wasm"
        pushed = self.probe("push-wasm", f"oci://{registry.host}/team/app:1.0", module)
        ok, manifest, content = pushed.split()
        self.assertEqual((ok, content), ("ok", digest_of(module.read_bytes())))
        for reference in (f"{registry.host}/team/app:1.0", f"{registry.host}/team/app@{manifest}"):
            layout = scratch.new("layout") / "layout"
            self.assertEqual(self.probe("pull-wasm", reference, layout), pushed)
            blob = layout / "blobs/sha256" / content.removeprefix("sha256:")
            self.assertEqual(blob.read_bytes(), module.read_bytes())
        # The same again, of which the registry has everything.
        self.assertEqual(self.probe("push-wasm", f"{registry.host}/team/app:1.0", module), pushed)

    def test_images_and_modules_in_images(self):
        registry = self.started(DockerRegistry())
        image = Artifact.of_image(tar_of("app", b"#!"), tar_of("data", b"x" * 100_000))
        registry.put("team/image", "1", image)
        self.assertEqual(self.probe("pull-image", f"{registry.host}/team/image:1"),
                         f"ok {image.digest} {image.config_digest}")
        self.assertIn("there is no .wasm file in it", self.probe("pull-wasm", f"{registry.host}/team/image:1"))
        module = (guests() / "hello.wasm").read_bytes()
        packed = Artifact.of_image(tar_of("app.wasm", module))
        registry.put("team/packed", "1", packed)
        self.assertEqual(self.probe("pull-wasm", f"{registry.host}/team/packed:1"),
                         f"ok {packed.digest} {digest_of(module)}")

    def test_what_is_not_there_is_said(self):
        registry = self.started(DockerRegistry())
        told = self.probe("pull-wasm", f"{registry.host}/team/nothing:1")
        self.assertRegex(told, "^not.found: .*team/nothing")

    def test_basic_auth(self):
        registry = self.started(DockerRegistry.with_basic_auth("me", "secret"))
        reference, module = f"{registry.host}/team/app:1", guests() / "hello.wasm"
        self.assertRegex(self.probe("push-wasm", reference, module), "^denied: ")
        told = self.probe("push-wasm", reference, module, "me", "wrong-password")
        self.assertRegex(told, "^denied: ")
        self.assertNotIn("wrong-password", told)
        pushed = self.probe("push-wasm", reference, module, "me", "secret")
        self.assertRegex(pushed, "^ok ")
        self.assertEqual(self.probe("pull-wasm", reference, None, "me", "secret"), pushed)


class Misbehaving(RegistryCase):
    def setUp(self):
        self.module = b"\0asm\1\0\0\0" + bytes(range(256)) * 4096
        self.artifact = Artifact.of_module(self.module)
        self.registry = self.started(FakeRegistry(self.artifact))
        self.ok = f"ok {self.artifact.digest} {digest_of(self.module)}"

    def pull(self, *login: str, reference: str = "") -> str:
        return self.probe("pull-wasm", reference or f"{self.registry.host}/team/app:1", None, *login)

    def blob_requests(self) -> list:
        return self.registry.paths("/blobs/" + digest_of(self.module))

    def test_a_download_that_was_cut_goes_on_where_it_was(self):
        half = len(self.module) // 2

        def cut(handler):
            if handler.headers["range"]:
                return False
            handler.begin(200, len(self.module))
            handler.wfile.write(self.module[:half])
            return True

        self.registry.on_blob = cut
        self.assertEqual(self.pull(), self.ok)
        self.assertEqual([one.get("Range") for one in self.blob_requests()], [None, f"bytes={half}-"])

    def test_one_that_is_cut_again_and_again_without_a_byte_ends(self):
        def cut(handler):
            handler.begin(200, len(self.module))
            return True

        self.registry.on_blob = cut
        self.assertRegex(self.pull(), "^unavailable: ")
        self.assertEqual(len(self.blob_requests()), 5)

    def test_other_bytes_than_the_digest_says_are_refused(self):
        self.registry.on_blob = lambda handler: handler.answer(200, self.module[:-1] + b"!")
        self.assertRegex(self.pull(), "^corrupt: ")
        self.registry.on_blob = lambda handler: False
        other = Artifact.of_module(b"\0asm other")
        told = self.pull(reference=f"{self.registry.host}/team/app@{other.digest}")
        self.assertRegex(told, "^corrupt: .*what came has the digest")

    def test_what_passes_is_tried_again(self):
        answers = iter([503, 429])

        def busy(handler):
            status = next(answers, None)
            return status is not None and handler.answer(status, b"", retry_after="0")

        self.registry.on_manifest = busy
        self.assertEqual(self.pull(), self.ok)
        self.assertEqual(len(self.registry.paths("/manifests/")), 3)

    def test_a_redirect_is_followed_without_the_credentials(self):
        elsewhere = self.started(FakeRegistry(self.artifact))
        self.registry.wanted = self.basic("me", "secret")
        self.registry.on_blob = lambda handler: handler.answer(
            307, b"", location=f"http://{elsewhere.host}{handler.path}?signature=x")
        elsewhere.on_blob = lambda handler: False
        elsewhere.artifact.blobs = {name + "?signature=x": blob for name, blob in self.artifact.blobs.items()} | (
            self.artifact.blobs)
        self.assertEqual(self.pull("me", "secret"), self.ok)
        self.assertEqual([one.get("Authorization") for one in elsewhere.paths("/blobs/")], [None])

    def test_redirects_in_a_circle_end(self):
        self.registry.on_blob = lambda handler: handler.answer(307, b"", location=handler.path)
        self.assertNotRegex(self.pull(), "^ok")
        self.assertLessEqual(len(self.blob_requests()), 6)

    def test_a_token_is_fetched_for_the_scope_and_then_used(self):
        self.registry.wanted = "Bearer of-the-test"
        self.registry.challenge = (f'Bearer realm="http://{self.registry.host}/token",service="test",'
                                   'scope="repository:team/app:pull"')
        self.assertEqual(self.pull("me", "secret"), self.ok)
        (token,) = [(path, headers) for _, path, headers in self.registry.requests if path.startswith("/token")]
        self.assertIn("service=test", token[0])
        self.assertIn("scope=repository%3Ateam%2Fapp%3Apull", token[0])
        self.assertEqual(token[1]["Authorization"], self.basic("me", "secret"))

    def test_bodies_without_an_end_are_not_read_to_it(self):
        self.registry.on_manifest = lambda handler: handler.endless()
        self.assertRegex(self.pull(), "^exhausted: .*more than")
        self.registry.on_manifest = lambda handler: False
        self.registry.on_blob = lambda handler: handler.endless()
        self.assertRegex(self.pull(), "^corrupt: ")

    def test_one_that_falls_silent_is_not_waited_for(self):
        self.registry.on_manifest = lambda handler: handler.silent(3)
        self.assertRegex(self.pull(), "^(timeout|unavailable): ")

    def test_larger_things_than_the_limits_are_not_asked_for(self):
        large = Artifact.of_module(b"\0asm" + bytes(9 << 20))
        self.registry.artifact = large
        self.assertRegex(self.pull(), "^exhausted: ")
        self.assertEqual(self.registry.paths("/blobs/"), [])

    def test_nor_many_that_are_too_large_together(self):
        tars = [tar_of(f"data-{i}", bytes([i]) * (6 << 20)) for i in range(2)]
        self.registry.artifact = Artifact.of_image(*tars)
        self.assertRegex(self.pull(), "^exhausted: .*more than 10.*in all")
        self.assertEqual(self.registry.paths("/blobs/"), [])


if __name__ == "__main__":
    unittest.main()
