"""The commands as such: their help against docs/cli.md, shells, exit codes, what is kept where."""

import base64
import hashlib
import http.server
import json
import os
import pathlib
import re
import subprocess
import threading
import unittest
import urllib.parse

from harness.box import eventually, program, scratch
from harness.catalog import guests
from harness.serve import Serve
from harness.wire import WAIT_SECONDS

DOCUMENT = pathlib.Path(__file__).resolve().parents[2] / "docs/cli.md"
OF_ALL = {"--help", "--server", "--token", "--ca", "--json"}


def wasabi(*arguments: str, **options) -> subprocess.CompletedProcess:
    environment = {key: value for key, value in os.environ.items() if not key.startswith("WASABI_")}
    environment["XDG_CONFIG_HOME"] = str(scratch.new("config"))
    return subprocess.run([program("wasabi"), *arguments], env=environment | options.pop("environment", {}),
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=WAIT_SECONDS, **options)


def commands_of(*path: str) -> list[str]:
    listed = wasabi(*path, "--help").stdout.partition("Subcommands:\n")[2].partition("\n\n")[0]
    return re.findall(r"^  ([a-z]+)\s", listed, re.MULTILINE)


def options_of(*path: str) -> set[str]:
    return set(re.findall(r"^\s+(?:-\w,)?(--[a-z-]+)", wasabi(*path, "--help").stdout, re.MULTILINE))


class Reference(unittest.TestCase):
    def setUp(self):
        # What stands under each heading of a command; `serve` has a document of its own.
        self.sections = {}
        for section in DOCUMENT.read_text().split("\n### ")[1:]:
            section = section.partition("\n## ")[0]
            for name in re.findall(r"`wasabi ([a-z]+)", section.partition("\n")[0]):
                self.sections[name] = section
        # So have these two.
        superpods, _, without = DOCUMENT.with_name("knative.md").read_text().partition("\n## Without Knative")
        self.sections |= {"knative": superpods, "kubernetes": superpods.partition("\n## Pods")[2] + without}

    def test_every_command_has_its_place_and_no_other_is_told(self):
        self.assertEqual(sorted(commands_of()), sorted(self.sections))
        for group in ("tenant", "token", "secret"):
            told = re.findall(r"`([a-z]+)(?: [A-Z ]+)?`", self.sections[group])
            self.assertEqual(sorted(set(told)), sorted(commands_of(group)), group)

    def test_every_option_is_told_and_no_other(self):
        for command in set(self.sections) - {"serve"}:
            options = options_of(command).union(*(options_of(command, one) for one in commands_of(command)))
            told = set(re.findall(r"(?<![\w-])(--[a-z][a-z-]*)", self.sections[command]))
            if command in ("list", "describe", "versions"):
                told -= {"--tenant"} - options
            self.assertEqual(options - told - OF_ALL, set(), f"{command}: not in the document")
            self.assertEqual(told - options, set(), f"{command}: not in the program")

    def test_every_command_of_users_has_examples(self):
        for command in set(self.sections) - {"serve", "version"}:
            self.assertIn(f"wasabi {command} ", wasabi(command, "--help").stdout.partition("Examples:")[2], command)


class Shells(unittest.TestCase):
    def complete(self, *words: str) -> list[str]:
        script = scratch.new("completion") / "bash"
        script.write_text(wasabi("completion", "bash").stdout)
        quoted = " ".join(f"'{word}'" for word in words)
        done = subprocess.run(["bash", "-c", f". {script}; COMP_WORDS=(wasabi {quoted}); COMP_CWORD={len(words)}; "
                                             "_wasabi; printf '%s\\n' \"${COMPREPLY[@]}\""],
                              capture_output=True, text=True, timeout=WAIT_SECONDS, check=True)
        self.assertEqual(done.stderr, "")
        return done.stdout.split()

    def test_bash_completes_what_the_program_has(self):
        self.assertEqual(self.complete(""), commands_of())
        self.assertEqual(self.complete("tok"), ["token"])
        self.assertEqual(self.complete("secret", ""), commands_of("secret"))
        self.assertEqual(set(self.complete("deploy", "--")), options_of("deploy"))
        self.assertEqual(self.complete("logs", "acme/app", "--fol"), ["--follow"])
        self.assertEqual(self.complete("deploy", "--manifest", ""), [])

    def test_the_other_shells_have_scripts(self):
        for shell in ("zsh", "fish"):
            self.assertIn("rollback", wasabi("completion", shell).stdout)
        refused = wasabi("completion", "tcsh")
        self.assertEqual(refused.returncode, 2)
        self.assertIn("bash, zsh, fish", refused.stderr)


class Ends(unittest.TestCase):
    def refused(self, code: int, *arguments: str, **options) -> str:
        done = wasabi(*arguments, **options)
        self.assertEqual(done.returncode, code, done.stderr)
        return done.stderr

    def test_without_a_server_the_next_step_is_told(self):
        self.assertIn("wasabi serve", self.refused(3, "list"))
        self.assertIn("wasabi serve", self.refused(5, "list", "--server", "http://127.0.0.1:1"))
        self.assertIn("http://host:port", self.refused(2, "list", "--server", "localhost"))
        self.refused(2, "no-such-command")
        self.refused(2, "deploy", "--no-such-option")

    def test_codes_say_what_was_in_the_way(self):
        with Serve() as serve:
            serve.run("tenant", "create", "acme")
            server = f"http://{serve.address[0]}:{serve.address[1]}"
            self.assertIn("nothing", self.refused(3, "describe", "acme/nothing", "--server", server,
                                                  "--token", serve.token))
            self.refused(4, "list", "--server", server, "--token", "wsb_wrong")
            self.refused(2, "describe", "nothing", "--server", server, "--token", serve.token)
            listed = wasabi("tenant", "list", "--json", environment={"WASABI_SERVER": server,
                                                                    "WASABI_TOKEN": serve.token})
            self.assertEqual([one["name"] for one in json.loads(listed.stdout)["tenants"]], ["acme"])


class Trust(unittest.TestCase):
    def test_a_certificate_of_ones_own_is_believed_where_it_is_named(self):
        folder = scratch.new("certificate")
        certificate, key = folder / "server.crt", folder / "server.key"
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                        "-days", "1", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost",
                        "-keyout", str(key), "-out", str(certificate)], check=True, capture_output=True)
        with Serve("--listen-tls", "127.0.0.1:0", "--certificate", f"{certificate},{key}") as serve:
            ports = eventually(lambda: set(re.findall(r"127\.0\.0\.1:(\d+)", serve.screen)) - {str(serve.address[1])},
                               what="the address with TLS")
            server = f"https://localhost:{ports.pop()}"
            listed = ("tenant", "list", "--server", server, "--token", serve.token)
            refused = wasabi(*listed)
            self.assertEqual(refused.returncode, 5)
            self.assertIn("certificate", refused.stderr)
            for done in (wasabi(*listed, "--ca", str(certificate)),
                         wasabi(*listed, environment={"WASABI_CA": str(certificate)})):
                self.assertEqual(done.returncode, 0, done.stderr)


class Deploying(unittest.TestCase):
    def test_environment_from_the_command_line(self):
        with Serve() as serve:
            serve.run("tenant", "create", "acme")
            serve.deploy("env", "acme/env", '[env]\nFIRST = "1"\n', "--env", "SECOND=two words")
            text = serve.call("/acme/env").text
            self.assertIn("FIRST=1", text)
            self.assertIn("SECOND=two words", text)


class Pushing(unittest.TestCase):
    def push(self, *arguments: str) -> subprocess.CompletedProcess:
        return wasabi("push", *arguments, environment={"DOCKER_CONFIG": str(self.folder)})

    def setUp(self):
        self.folder = scratch.new("docker")
        self.registry = Registry()
        self.addCleanup(self.registry.close)
        self.host = f"127.0.0.1:{self.registry.server.server_port}"

    def test_a_module_is_in_the_registry_under_its_tag(self):
        module = guests() / "hello.wasm"
        done = self.push(str(module), f"oci://{self.host}/team/app:1.0", "--json")
        self.assertEqual(done.returncode, 0, done.stderr)
        told = json.loads(done.stdout)
        digest = "sha256:" + hashlib.sha256(module.read_bytes()).hexdigest()
        self.assertEqual(told["module"], digest)
        self.assertEqual(self.registry.blobs[digest], module.read_bytes())
        manifest = self.registry.manifests["/v2/team/app/manifests/1.0"]
        self.assertEqual(json.loads(manifest)["layers"][0]["digest"], digest)
        self.assertEqual(told["reference"],
                         f"oci://{self.host}/team/app:1.0@sha256:{hashlib.sha256(manifest).hexdigest()}")

    def test_credentials_come_from_where_others_write_them(self):
        self.registry.wanted = "Basic " + base64.b64encode(b"me:secret").decode()
        arguments = (str(guests() / "hello.wasm"), f"{self.host}/team/app:1")
        self.assertEqual(self.push(*arguments).returncode, 4)
        (self.folder / "config.json").write_text(json.dumps(
            {"auths": {self.host: {"auth": base64.b64encode(b"me:secret").decode()}}}))
        done = self.push(*arguments)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertTrue(done.stdout.startswith(f"oci://{self.host}/team/app:1@sha256:"))

    def test_it_says_what_is_in_the_way(self):
        by_digest = f"oci://{self.host}/team/app@sha256:" + "ab" * 32
        self.assertEqual(self.push(str(guests() / "hello.wasm"), by_digest).returncode, 2)
        self.assertEqual(self.push("/nowhere.wasm", f"{self.host}/team/app:1").returncode, 3)
        no_module = self.folder / "no.wasm"
        no_module.write_text("text")
        self.assertEqual(self.push(str(no_module), f"{self.host}/team/app:1").returncode, 2)
        self.assertEqual(self.registry.blobs, {})


class Registry:
    """As much of a registry as a push asks for."""

    def __init__(self):
        self.blobs, self.manifests, self.wanted = {}, {}, None
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (Handler,), {"registry": self}))
        self.thread = threading.Thread(target=self.server.serve_forever)
        self.thread.start()

    def close(self):
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self, status: int, **fields: str):
        self.send_response(status)
        for name, value in fields.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("content-length", "0")
        self.end_headers()

    def is_let_in(self) -> bool:
        if self.registry.wanted in (None, self.headers["authorization"]):
            return True
        self.answer(401, www_authenticate='Basic realm="test"')
        return False

    def body(self) -> bytes:
        return self.rfile.read(int(self.headers["content-length"] or 0))

    def do_HEAD(self):
        if self.is_let_in():
            self.answer(200 if self.path.rpartition("/")[2] in self.registry.blobs else 404)

    def do_POST(self):
        self.body()
        if self.is_let_in():
            self.answer(202, location="/upload?state=1")

    def do_PUT(self):
        content = self.body()
        if not self.is_let_in():
            return
        if "/manifests/" in self.path:
            self.registry.manifests[self.path] = content
        else:
            digest = urllib.parse.parse_qs(self.path.partition("?")[2])["digest"][0]
            self.registry.blobs[digest] = content
        self.answer(201)

    def log_message(self, *_):
        pass


class Logs(unittest.TestCase):
    def test_lines_outlive_a_restart_and_go_with_their_function(self):
        serve = Serve().start()
        self.addCleanup(serve.close)
        serve.run("tenant", "create", "acme")
        serve.deploy("http_log", "acme/chatty")
        trace = "ab" * 16
        serve.call("/acme/chatty", headers=[("traceparent", f"00-{trace}-00f067aa0ba902b7-01")])
        before = eventually(lambda: self.lines(serve, trace), what="lines of the request")
        self.assertEqual(serve.terminate(), 0)
        kept = serve.data / "logs/acme/chatty.log"
        self.assertEqual(kept.stat().st_mode & 0o777, 0o600)
        serve.start()
        # More of them may have come before the end.
        self.assertEqual(self.lines(serve, trace)[:len(before)], before)
        self.assertEqual(self.lines(serve, trace, "--version", "2"), [])
        serve.run("delete", "acme/chatty")
        eventually(lambda: not kept.exists(), what="the end of the log")
        serve.deploy("http_log", "acme/chatty")
        self.assertEqual(self.lines(serve, trace), [])

    def test_a_follower_goes_on_over_a_restart(self):
        serve = Serve().start()
        self.addCleanup(serve.close)
        serve.run("tenant", "create", "acme")
        serve.deploy("http_log", "acme/chatty")
        follower = subprocess.Popen([program("wasabi"), "logs", "-f", "acme/chatty", "--json"],
                                    env=serve.environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        try:
            seen = [json.loads(follower.stdout.readline())]
            self.assertEqual(serve.terminate(), 0)
            serve.start()
            trace = "cd" * 16
            serve.call("/acme/chatty", headers=[("traceparent", f"00-{trace}-00f067aa0ba902b7-01")])
            while seen[-1]["request"] != trace:
                seen.append(json.loads(follower.stdout.readline()))
        finally:
            follower.kill()
            follower.communicate()
        ids = [line["id"] for line in seen]
        self.assertEqual(ids, sorted(set(ids)))

    def lines(self, serve: Serve, trace: str, *options: str) -> list:
        told = serve.run("logs", "acme/chatty", "--json", "--request", trace, *options)
        return [json.loads(line) for line in told.splitlines()]
