"""The API: as its OpenAPI document says, for each role, whatever is sent."""

import json
import unittest

from harness import wire
from harness.box import eventually, scratch
from harness.catalog import guests
from harness.openapi import Document
from harness.serve import Serve


class ApiCase(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.serve = Serve().start()
        for tenant in ("acme", "other"):
            cls.serve.run("tenant", "create", tenant)
        cls.tokens = {tenant: cls.serve.json("token", "create", "of " + tenant, "--tenant", tenant)["token"]
                      for tenant in ("acme", "other")}

    @classmethod
    def tearDownClass(cls):
        cls.serve.close()

    def api(self, method: str, path: str, body=None, tenant: str | None = None, status: int | None = None):
        data = json.dumps(body).encode() if body is not None and not isinstance(body, bytes) else body or b""
        reply = self.serve.api(method, path, data, self.tokens[tenant] if tenant else None)
        if status is not None:
            self.assertEqual(reply.status, status, reply.text)
        return reply


class Described(ApiCase):
    # What each call is tried with; in this order, since they build on each other.
    BODIES = {
        "POST /tenants": {"name": "third", "cpu_weight": 2, "hosts": ["shop.example.com"]},
        "PATCH /tenants/{tenant}": {"concurrency": 100},
        "POST /tokens": {"name": "one more", "tenant": "acme"},
        "PUT /tenants/{tenant}/secrets/{secret}": b"value",
        "PUT /functions/{tenant}/{function}/traffic": {"1": 50, "2": 50},
        "PATCH /functions/{tenant}/{function}/settings": {"visibility": "public", "scale_max": 3},
    }
    LAST = ("DELETE /functions/{tenant}/{function}/versions/{version}", "DELETE /functions/{tenant}/{function}",
            "DELETE /tokens/{token}", "DELETE /tenants/{tenant}/secrets/{secret}")

    def test_every_call_answers_as_described(self):
        module = (guests() / "hello.wasm").read_bytes()
        digest = json.loads(self.api("POST", "/uploads", module, status=201).text)["digest"]
        self.BODIES["POST /uploads"] = module
        self.BODIES["POST /functions/{tenant}/{function}/versions"] = {"module": digest, "manifest": ""}
        self.BODIES["POST /backup"] = {"to": str(scratch.new("backup") / "copy")}
        self.serve.deploy("hello", "acme/hello")
        self.serve.deploy("hello", "acme/hello", '[env]\nA = "2"\n')
        self.assertEqual(self.serve.call("/acme/hello").status, 200)
        values = {"tenant": "acme", "function": "hello", "version": "1", "secret": "PASSWORD",
                  "token": json.loads(self.api("POST", "/tokens", {"name": "x", "tenant": "acme"}).text)["id"]}
        document = Document()
        operations = {f"{method} {path}": operation for method, path, operation in document.operations()}
        order = sorted(operations, key=lambda name: (name in self.LAST, self.LAST.index(name) if name in self.LAST else 0))
        answered = 0
        for name in order:
            method, _, path = name.partition(" ")
            if name == "DELETE /tenants/{tenant}":
                values_here = {**values, "tenant": "third"}
            elif name.endswith("versions/{version}") and method == "DELETE":
                values_here = {**values, "version": self._version_without_traffic()}
            else:
                values_here = values
            reply = self.api(method, path.format(**values_here), self.BODIES.get(name))
            self.assertEqual(document.check_reply(operations[name], reply), [], f"{name}: {reply.status} {reply.text}")
            if reply.status < 300:
                answered += 1
            else:
                # Only a version that has not failed cannot be tried again.
                self.assertEqual((name, reply.status), (name, 409), reply.text)
                self.assertTrue(name.endswith("/retry"), name)
        self.assertEqual(answered, len(operations) - 1)

    def _version_without_traffic(self) -> str:
        told = self.serve.deploy("hello", "acme/hello", '[env]\nA = "3"\n', "--no-traffic")
        return str(told["number"])

    def test_nothing_else_is_there(self):
        known = {(method, path) for method, path, _ in Document().operations()}
        for path in ("", "/", "/function", "/functions/acme", "/functions/acme/hello/versions/1/2", "/status/x"):
            self.assertEqual(self.api("GET", path).status, 404, path)
        reply = self.api("POST", "/status")
        self.assertEqual((reply.status, reply.header("allow")), (405, "GET"))
        self.assertIn(("GET", "/status"), known)


class Roles(ApiCase):
    def test_without_a_token_nobody_is_told_anything(self):
        for token in ("", "wsb_" + "A" * 43, "x" * 5000):
            reply = self.serve.api("GET", "/functions", token=token)
            self.assertEqual(reply.status, 401)
            self.assertIn("bearer", reply.header("www-authenticate").lower())
        reply = self.serve.call("/-/api/v1/functions")
        self.assertEqual(reply.status, 401)

    def test_a_tenant_sees_and_touches_only_its_own(self):
        self.serve.deploy("hello", "acme/private")
        self.api("PUT", "/tenants/acme/secrets/HERS", b"x", status=200)
        for method, path, body in [
                ("GET", "/functions/acme/private", None), ("DELETE", "/functions/acme/private", None),
                ("GET", "/functions/acme/private/versions/1", None), ("GET", "/functions/acme/private/logs", None),
                ("PUT", "/functions/acme/private/traffic", {"1": 100}), ("GET", "/functions/acme/private/why", None),
                ("POST", "/functions/acme/private/rollback", None), ("GET", "/tenants/acme", None),
                ("POST", "/functions/acme/new/versions", {"module": "sha256:" + "0" * 64}),
                ("GET", "/tenants/acme/secrets", None), ("PUT", "/tenants/acme/secrets/HERS", b"y"),
                ("DELETE", "/tenants/acme/secrets/HERS", None), ("POST", "/tokens", {"name": "x", "tenant": "acme"})]:
            self.api(method, path, body, tenant="other", status=404)
        self.assertEqual(json.loads(self.api("GET", "/functions", tenant="other").text)["functions"], [])
        listed = json.loads(self.api("GET", "/tenants", tenant="other").text)["tenants"]
        self.assertEqual([tenant["name"] for tenant in listed], ["other"])
        tokens = json.loads(self.api("GET", "/tokens", tenant="other").text)["tokens"]
        self.assertEqual({token["tenant"] for token in tokens}, {"other"})
        self.assertNotIn("superpods", json.loads(self.api("GET", "/status", tenant="other").text))
        self.api("GET", "/functions/acme/private", tenant="acme", status=200)

    def test_only_operators_run_the_machine(self):
        for method, path, body in [("POST", "/tenants", {"name": "mine"}), ("DELETE", "/tenants/acme", None),
                                   ("PATCH", "/tenants/acme", {"cpu_weight": 100}), ("GET", "/metrics", None),
                                   ("POST", "/backup", {"to": "/tmp/x"}),
                                   ("POST", "/tokens", {"name": "x", "role": "operator"})]:
            self.api(method, path, body, tenant="acme", status=403)

    def test_a_revoked_token_opens_nothing(self):
        made = json.loads(self.api("POST", "/tokens", {"name": "short", "tenant": "acme"}, status=201).text)
        self.assertEqual(self.serve.api("GET", "/whoami", token=made["token"]).status, 200)
        self.assertNotIn(made["token"], self.api("GET", "/tokens").text)
        self.api("DELETE", "/tokens/" + made["id"], tenant="other", status=404)
        self.api("DELETE", "/tokens/" + made["id"], tenant="acme", status=200)
        self.assertEqual(self.serve.api("GET", "/whoami", token=made["token"]).status, 401)

    def test_who_guesses_tokens_is_slowed_down(self):
        serve = Serve().start()
        self.addCleanup(serve.close)
        statuses = [serve.api("GET", "/whoami", token="wsb_guess").status for _ in range(40)]
        self.assertEqual(statuses[0], 401)
        self.assertEqual(statuses[-1], 429)
        eventually(lambda: serve.api("GET", "/whoami").status == 200, what="another try")


class BadInput(ApiCase):
    def test_each_is_refused_for_its_cause(self):
        self.serve.deploy("hello", "acme/hello")
        path = "/functions/acme/hello"
        for method, target, body, status, words in [
                ("POST", "/tenants", b"{", 400, "no JSON object"), ("POST", "/tenants", b"[1]", 400, "no JSON object"),
                ("POST", "/tenants", b"[" * 10_000, 400, "no JSON object"),
                ("POST", "/tenants", {}, 400, "'name' is missing"),
                ("POST", "/tenants", {"name": "Bad Name"}, 400, "name"),
                ("POST", "/tenants", {"name": "ok", "hostss": []}, 400, "did you mean 'hosts'"),
                ("POST", "/tenants", {"name": "ok", "cpu_weight": -1}, 400, ""),
                ("POST", "/tenants", {"name": "acme"}, 409, ""), ("DELETE", "/tenants/acme", None, 409, "functions"),
                ("PUT", path + "/traffic", {"1": 101}, 400, ""), ("PUT", path + "/traffic", {"9": 100}, 404, ""),
                ("PUT", path + "/traffic", {"1": "all"}, 400, "whole number"),
                ("POST", path + "/versions", {"module": "sha256:12"}, 400, ""),
                ("POST", path + "/versions", {"module": "sha256:" + "0" * 64}, 404, ""),
                ("POST", "/functions/acme/Bad_Name/versions", {"module": "sha256:" + "0" * 64}, 400, "not a name"),
                ("POST", path + "/rollback", None, 404, ""), ("GET", path + "/versions/x", None, 404, ""),
                ("GET", path + "/versions/1?wait=soon", None, 400, "soon"),
                ("PATCH", path + "/settings", {"visibility": "all"}, 400, "public, token, tenant"),
                ("PUT", "/tenants/acme/secrets/1BAD", b"x", 400, ""),
                ("PUT", "/tenants/acme/secrets/LARGE", b"x" * (65 << 10), 413, "bytes"),
                ("POST", "/tenants", b" " * (2 << 20), 413, "bytes"), ("POST", "/uploads", b"", 400, "empty"),
                ("POST", "/backup", {"to": "relative"}, 400, "absolute")]:
            with self.subTest(f"{method} {target}"):
                reply = self.api(method, target, body)
                self.assertEqual(reply.status, status, reply.text)
                problem = json.loads(reply.text)
                self.assertEqual(reply.header("content-type"), "application/problem+json")
                self.assertIn(words, problem["detail"])

    def test_an_upload_that_is_cut_leaves_nothing(self):
        with wire.Connection(self.serve.address) as connection:
            connection.send(f"POST /-/api/v1/uploads HTTP/1.1\r\nhost: a\r\nauthorization: Bearer {self.serve.token}\r\n"
                            "content-length: 1000000\r\n\r\n" + "x" * 1000)
            eventually(lambda: list((self.serve.data / "incoming").iterdir()), what="the upload on disk")
        eventually(lambda: not list((self.serve.data / "incoming").iterdir()), what="its end")

    def test_what_changes_something_is_in_the_audit_log_without_secrets(self):
        self.api("PUT", "/tenants/acme/secrets/AUDITED", b"very secret", tenant="acme", status=200)
        self.api("POST", "/tenants", {"name": "mine"}, tenant="acme", status=403)
        lines = [json.loads(line) for line in (self.serve.data / "audit.log").read_text().splitlines()]
        line = next(line for line in lines if line["path"].endswith("/secrets/AUDITED"))
        self.assertEqual((line["tenant"], line["status"], line["method"]), ("acme", 200, "PUT"))
        self.assertTrue(any(line["status"] == 403 for line in lines), "refusals are written too")
        self.assertNotIn("very secret", json.dumps(lines))
        self.assertNotIn(self.tokens["acme"], json.dumps(lines))


class Accounts(unittest.TestCase):
    def test_what_a_tenant_uses_is_counted_and_outlives_the_server(self):
        with Serve() as serve:
            for tenant in ("acme", "idle"):
                serve.run("tenant", "create", tenant)
            serve.deploy("burn", "acme/burn")

            def used(tenant):
                told = json.loads(serve.api("GET", "/usage").text)["usage"]
                return next((one for one in told if one["tenant"] == tenant),
                            {"requests": 0, "cpu_seconds": 0, "gb_seconds": 0})

            before = used("acme")
            rounds = 1000
            while serve.call(f"/acme/burn?rounds={rounds}").status == 200 and used("acme")["cpu_seconds"] < 0.2:
                rounds *= 2
            eventually(lambda: used("acme")["cpu_seconds"] >= before["cpu_seconds"] + 0.2, 30, "the use of CPU")
            self.assertGreater(used("acme")["gb_seconds"], before["gb_seconds"])
            self.assertEqual(used("idle")["cpu_seconds"], 0)
            # What was used just before the end counts too.
            serve.call(f"/acme/burn?rounds={rounds}")
            counted = used("acme")
            self.assertEqual(serve.terminate(), 0)
            serve.start()
            after = used("acme")
            self.assertGreater(after["cpu_seconds"], counted["cpu_seconds"])
            self.assertGreaterEqual(after["requests"], counted["requests"])
