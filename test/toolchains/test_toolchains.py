"""Output of componentize-js, componentize-py, Go and clang++ runs unchanged, in the memory that docs/guests.md says."""

import json
import os
import pathlib
import subprocess
import threading

import build
from harness import peer, wire
from harness.box import eventually, program
from harness.case import BoxCase

SETTINGS = {"limits": {"memory": "64MiB", "timeout": "60s"}, "env": {"GREETING": "moin"}}
ANSWER_SECONDS = 120
# Compiling 20 MB takes a processor 13 s, at the lowest priority of a machine that may have much else to do.
COMPILING_SECONDS = 1200


class _Handler(peer.Handler):
    def do_GET(self):
        self.send_response(203)
        self.end_headers()
        self.wfile.write(b"peer says " + self.path.encode())


class ToolchainCase(BoxCase):
    """`toolchain` is a recipe of build.py; the function is at /t/guest, and at /t/denied without outbound hosts."""

    toolchain = ""
    settings: dict = {}
    options = ("--allow-private-networks",)

    @classmethod
    def prepare(cls, box):
        cls.peer = peer.Peer(_Handler)
        cls.addClassCleanup(cls.peer.end)
        cls.guest = build.built(cls.toolchain)
        settings = SETTINGS | cls.settings
        box.put("t/guest", cls.guest, outbound=[cls.peer.authority], **settings)
        box.put("t/denied", cls.guest, **settings)

    def setUp(self):
        eventually(lambda: "timeout.loading" not in self.call("/t/guest").text, COMPILING_SECONDS, "the compiled module")

    def call(self, target: str, **options) -> wire.Reply:
        return self.box.call(target, timeout=ANSWER_SECONDS, **options)

    def described(self, target: str, body: bytes) -> dict:
        reply = self.call(target, method="PUT", headers={"X-Test": "yes"}, body=body)
        self.assertEqual((reply.status, reply.complete), (200, True), reply.text)
        self.assertIn("application/json", reply.header("content-type"))
        self.assertEqual(self.box.access_line(reply.trace)["outcome"], "ok")
        return json.loads(reply.text)

    def inspected(self) -> dict:
        module = self.box.catalog.manifest("t/guest").with_suffix(".wasm")
        done = subprocess.run([program("wasabi"), "inspect", "--json", str(module)], capture_output=True, text=True,
                              timeout=60, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        return json.loads(done.stdout)


class HttpCase(ToolchainCase):
    """What the wasi:http functions of all languages have in common."""

    kind = "wasi-http-proxy"

    def describes_the_request(self):
        self.assertEqual(self.inspected()["kind"], self.kind)
        told = self.described("/t/guest/a/b?x=1", "grüezi".encode())
        self.assertEqual(told, {"method": "PUT", "path": "/t/guest/a/b", "header": "yes", "greeting": "moin",
                                "body": "grüezi"})

    def relays(self):
        url = f"http://{self.peer.authority}/hello"
        reply = self.call(f"/t/guest/relay?url={url}")
        self.assertEqual((reply.status, reply.text, reply.header("x-from")), (200, "203 peer says /hello", "relay"))
        self.assertEqual(self.call(f"/t/denied/relay?url={url}").status, 500)

    def fails_with_a_reason(self, reason: str):
        reply = self.call("/t/guest/fail")
        self.assertEqual(reply.status, 500)
        self.assertEqual(self.box.access_line(reply.trace)["reason"], reason)
        eventually(lambda: any("asked to fail" in line["line"] and line["request"] == reply.trace
                               for line in self.box.function_lines()), what="the exception in the function log")


class JavaScript(HttpCase):
    toolchain = "javascript"

    def test_sees_request_and_environment(self):
        self.describes_the_request()

    def test_calls_out(self):
        self.relays()

    def test_an_exception_is_in_the_log(self):
        self.fails_with_a_reason("function.error")

    def test_streams_a_body_larger_than_its_memory(self):
        body = os.urandom(1 << 20) * 100
        with self.box.connect(ANSWER_SECONDS) as connection:
            # Nothing more is taken from who does not read what comes back.
            request = wire.request_bytes("POST", "/t/guest/stream", body=body)
            sender = threading.Thread(target=connection.send, args=(request,), daemon=True)
            sender.start()
            reply = connection.reply()
            sender.join(ANSWER_SECONDS)
        self.assertEqual((reply.status, reply.complete, len(reply.body)), (200, True, len(body)))
        self.assertTrue(reply.body == body)


class Python(HttpCase):
    toolchain = "python_http"

    def test_sees_request_and_environment(self):
        self.describes_the_request()

    def test_calls_out(self):
        self.relays()

    def test_an_exception_is_in_the_log(self):
        self.fails_with_a_reason("function.trap")


class PythonCommand(ToolchainCase):
    toolchain = "python_command"
    settings = {"http": "cgi", "args": ["one"]}

    def test_sees_request_and_environment(self):
        self.assertEqual(self.inspected()["kind"], "wasi-cli-command")
        told = self.described("/t/guest/a/b?x=1", "grüezi".encode())
        self.assertEqual(told, {"method": "PUT", "path": "/a/b", "header": "yes", "greeting": "moin",
                                "arguments": ["guest", "one"], "body": "grüezi"})


class Go(ToolchainCase):
    toolchain = "go"
    settings = {"http": "cgi"}

    def test_sees_its_request(self):
        self.assertEqual(self.inspected()["kind"], "wasi-p1-command")
        told = self.described("/t/guest/a/b?name=Ada", b"")
        self.assertEqual((told["greeting"], told["path"]), ("Hello, Ada", "/a/b"))
        self.assertIn("go1.", told["made_with"])


class Clang(BoxCase):
    """C is what all guests of the other tests are written in; this is C++ with its library."""

    @classmethod
    def prepare(cls, box):
        examples = pathlib.Path(os.environ["WASABI_BUILD_DIR"]) / "examples" / "catalog"
        box.put("t/words", (examples / "acme" / "word-count.wasm").read_bytes())

    def test_c_plus_plus(self):
        reply = self.box.call("/t/words?top=1", method="POST", body=b"to be, or to sleep")
        self.assertEqual((reply.status, reply.text.split()), (200, ["2", "to"]))
