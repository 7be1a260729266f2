"""Registries on loopback: a real one, and ones that misbehave as a test wants; and the client as a program."""

import base64
import crypt
import hashlib
import http.client
import http.server
import json
import subprocess
import threading
import time
import unittest
import urllib.parse
import warnings

from .box import UnusedPort, eventually, program, scratch
from .wire import WAIT_SECONDS

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar"
WASM_CONFIG = "application/vnd.wasm.config.v0+json"
WASM = "application/wasm"


def digest_of(content: bytes) -> str:
    return "sha256:" + hashlib.sha256(content).hexdigest()


def descriptor(content: bytes, kind: str) -> dict:
    return {"mediaType": kind, "digest": digest_of(content), "size": len(content)}


class Artifact:
    """A manifest with its blobs, as a registry holds them."""

    def __init__(self, config: bytes, config_type: str, layers: list, layer_type: str):
        self.manifest = json.dumps({"schemaVersion": 2, "mediaType": MANIFEST,
                                    "config": descriptor(config, config_type),
                                    "layers": [descriptor(one, layer_type) for one in layers]}).encode()
        self.blobs = {digest_of(one): one for one in [config, *layers]}
        self.digest = digest_of(self.manifest)
        self.config_digest = digest_of(config)
        self.content_digest = digest_of(layers[0])

    @staticmethod
    def of_module(module: bytes):
        return Artifact(b'{"architecture":"wasm","os":"wasip2"}', WASM_CONFIG, [module], WASM)

    @staticmethod
    def of_image(*tars: bytes):
        config = {"os": "linux", "architecture": "amd64", "config": {"Cmd": ["/app"]},
                  "rootfs": {"type": "layers", "diff_ids": [digest_of(tar) for tar in tars]}}
        return Artifact(json.dumps(config).encode(), CONFIG, list(tars), LAYER)


class DockerRegistry:
    """Debian's docker-registry with a storage of its own. `auth`: its section of the configuration, as lines."""

    def __init__(self, auth: str = ""):
        self.directory = scratch.new("registry")
        port = UnusedPort()
        self.host = port.authority
        configuration = (f"version: 0.1\nlog: {{level: error}}\nstorage:\n  filesystem: {{rootdirectory: "
                         f"{self.directory}/storage}}\nhttp: {{addr: {self.host}}}\n{auth}")
        (self.directory / "config.yml").write_text(configuration)
        port.close()
        with open(self.directory / "registry.log", "wb") as log:
            self.process = subprocess.Popen(["docker-registry", "serve", str(self.directory / "config.yml")],
                                            stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        eventually(self.answers, WAIT_SECONDS, "readiness of docker-registry")

    @classmethod
    def with_basic_auth(cls, user: str, password: str):
        file = scratch.new("htpasswd") / "htpasswd"
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            hashed = crypt.crypt(password, crypt.mksalt(crypt.METHOD_BLOWFISH, rounds=1 << 5))
        # The registry knows bcrypt by its older name only.
        file.write_text(f"{user}:{hashed.replace('$2b$', '$2y$')}\n")
        return cls(f"auth:\n  htpasswd: {{realm: test, path: {file}}}\n")

    def answers(self) -> bool:
        if self.process.poll() is not None:
            raise AssertionError((self.directory / "registry.log").read_text())
        try:
            return self.request("GET", "/v2/").status in (200, 401)
        except OSError:
            return False

    def request(self, method: str, target: str, body: bytes | None = None, kind: str = "application/octet-stream"):
        connection = http.client.HTTPConnection(self.host, timeout=WAIT_SECONDS)
        try:
            connection.request(method, target, body, {"content-type": kind})
            reply = connection.getresponse()
            reply.read()
            return reply
        finally:
            connection.close()

    def put(self, repository: str, tag: str, artifact: Artifact):
        for digest, content in artifact.blobs.items():
            begun = self.request("POST", f"/v2/{repository}/blobs/uploads/")
            place = urllib.parse.urlsplit(begun.getheader("location"))
            assert self.request("PUT", f"{place.path}?{place.query}&digest={digest}", content).status == 201
        assert self.request("PUT", f"/v2/{repository}/manifests/{tag}", artifact.manifest, MANIFEST).status == 201

    def close(self):
        self.process.terminate()
        self.process.wait(WAIT_SECONDS)


class FakeRegistry:
    """Serves one artifact under any name and tag. A test makes it misbehave by `on_manifest` and `on_blob`: each gets
    the handler, and answers in place of it where it returns True. `requests`: method, path and headers of all."""

    def __init__(self, artifact: Artifact):
        self.artifact, self.requests = artifact, []
        self.on_manifest = self.on_blob = lambda handler: False
        self.wanted = None
        self.challenge = 'Basic realm="test"'
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"registry": self}))
        self.server.daemon_threads = True
        self.host = f"127.0.0.1:{self.server.server_port}"
        self._thread = threading.Thread(target=self.server.serve_forever, args=(0.05,))
        self._thread.start()

    def paths(self, part: str) -> list:
        return [headers for _, path, headers in self.requests if part in path]

    def close(self):
        self.server.shutdown()
        self._thread.join()
        self.server.server_close()


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        registry = self.registry
        registry.requests.append((self.command, self.path, dict(self.headers.items())))
        if self.path.startswith("/token"):
            return self.answer(200, json.dumps({"token": "of-the-test", "expires_in": 300}).encode())
        if registry.wanted not in (None, self.headers["authorization"]):
            return self.answer(401, b"", www_authenticate=registry.challenge)
        if "/manifests/" in self.path:
            return registry.on_manifest(self) or self.answer(200, registry.artifact.manifest, content_type=MANIFEST)
        content = registry.artifact.blobs.get(self.path.rpartition("/")[2])
        if content is None:
            return self.answer(404, b"{}")
        return registry.on_blob(self) or self.part_of(content)

    def part_of(self, content: bytes):
        asked = self.headers["range"]
        if not asked:
            return self.answer(200, content)
        begin = int(asked.removeprefix("bytes=").partition("-")[0])
        return self.answer(206, content[begin:], content_range=f"bytes {begin}-{len(content) - 1}/{len(content)}")

    def answer(self, status: int, body: bytes, **fields: str):
        self.send_response(status)
        for name, value in fields.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        return True

    def begin(self, status: int, length: int | None):
        self.send_response(status)
        if length is not None:
            self.send_header("content-length", str(length))
        self.end_headers()
        self.close_connection = True

    def endless(self, piece: bytes = b"x" * 65536) -> bool:
        """Until the client goes; the number of pieces is bounded all the same."""
        self.begin(200, None)
        try:
            for _ in range(100_000):
                self.wfile.write(piece)
        except OSError:
            pass
        return True

    def silent(self, seconds: float) -> bool:
        self.begin(200, 1000)
        self.wfile.flush()
        time.sleep(seconds)
        return True

    def log_message(self, *_):
        pass


class RegistryCase(unittest.TestCase):
    def started(self, registry):
        self.addCleanup(registry.close)
        return registry

    def probe(self, command: str, reference: str, path=None, user: str = "", password: str = "") -> str:
        path = path or scratch.new("layout") / "layout"
        arguments = [program("oci-registry-probe"), command, reference, str(path)]
        if user:
            arguments += [user, password]
        begin = time.monotonic()
        done = subprocess.run(arguments, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=WAIT_SECONDS)
        self.assertIn(done.returncode, (0, 1), done.stderr)
        self.seconds = time.monotonic() - begin
        return done.stdout.strip()

    @staticmethod
    def basic(user: str, password: str) -> str:
        return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()
