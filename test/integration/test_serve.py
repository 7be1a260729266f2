"""wasabi serve: deploy, call, versions and traffic, as a user does it."""

import json
import subprocess
import time
import unittest

from harness import wire
from harness.box import eventually, scratch
from harness.catalog import guests
from harness.serve import Load, Serve


class ServeCase(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.serve = Serve().start()
        cls.serve.run("tenant", "create", "acme")

    @classmethod
    def tearDownClass(cls):
        cls.serve.close()


class Deploying(ServeCase):
    def test_a_module_is_a_url_after_one_command(self):
        told = self.serve.deploy("hello", "acme/hello")
        self.assertEqual((told["state"], told["number"], told["percent"], told["is_new"]), ("ready", 1, 100, True))
        self.assertGreater(told["first_ms"], 0)
        self.assertEqual(self.serve.call("/acme/hello").text, "hello, world\n")
        self.assertEqual(self.serve.call("/acme/hello@1/").status, 200)
        again = self.serve.deploy("hello", "acme/hello")
        self.assertEqual((again["number"], again["is_new"]), (1, False))

    def test_a_folder_with_a_manifest(self):
        folder = scratch.new("app")
        (folder / "app.wasm").write_bytes((guests() / "env.wasm").read_bytes())
        (folder / "wasabi.toml").write_text('module = "app.wasm"\n[env]\nGREETING = "hi"\n')
        self.serve.run("deploy", str(folder), "--name", "acme/folder")
        self.assertIn("GREETING=hi", self.serve.call("/acme/folder").text)
        (folder / "wasabi.toml").write_text('module = "app.wasm"\nmemroy = 1\n')
        self.assertIn("wasabi.toml:2", self.serve.run("deploy", str(folder), "--name", "acme/folder", code=2))

    def test_what_cannot_run_is_refused_for_its_cause_and_the_last_good_one_stays(self):
        self.serve.deploy("hello", "acme/kept")
        bad = scratch.new("bad") / "bad.wasm"
        bad.write_bytes(b"not a module")
        refusal = self.serve.run("deploy", str(bad), "--name", "acme/kept", code=2)
        self.assertIn("module", refusal)
        self.assertEqual(self.serve.call("/acme/kept").status, 200)
        versions = self.serve.json("versions", "acme/kept")["versions"]
        self.assertEqual([version["state"] for version in versions], ["ready", "failed"])
        self.assertEqual(self.serve.call("/acme/kept@2").status, 503)
        self.assertIn("there is no tenant", self.serve.run("deploy", str(guests() / "hello.wasm"), "--name",
                                                           "nobody/hello", code=3))
        self.assertIn("cannot read", self.serve.run("deploy", "/nowhere.wasm", "--name", "acme/kept", code=3))

    def test_a_check_is_answered_before_traffic_comes(self):
        self.serve.deploy("hello", "acme/checked", '[check]\npath = "/health"\n')
        bad = self.serve.run("deploy", str(guests() / "exit.wasm"), "--name", "acme/checked", "--manifest",
                             self._manifest('[check]\npath = "/?code=3"\n'), code=2)
        self.assertIn("was answered 500", bad)
        self.assertEqual(self.serve.call("/acme/checked").text, "hello, world\n")

    def _manifest(self, text: str) -> str:
        file = scratch.new("manifest") / "wasabi.toml"
        file.write_text(text)
        return str(file)

    def test_traffic_is_divided_moved_and_rolled_back_without_a_failed_request(self):
        self.serve.deploy("env", "acme/split", '[env]\nWHICH = "one"\n')
        with Load(self.serve, "/acme/split", expect="WHICH=") as load:
            self.serve.deploy("env", "acme/split", '[env]\nWHICH = "two"\n', "--no-traffic")
            self.assertIn("WHICH=one", self.serve.call("/acme/split").text)
            self.serve.run("traffic", "acme/split", "v1=50", "v2=50")
            seen = eventually(lambda: self._both(), what="answers of both versions")
            self.assertEqual(seen, {"one", "two"})
            self.serve.run("traffic", "acme/split", "v2=100")
            self.assertIn("WHICH=two", self.serve.call("/acme/split").text)
            self.serve.run("rollback", "acme/split")
            self.serve.run("rollback", "acme/split")
            self.assertIn("WHICH=one", self.serve.call("/acme/split").text)
        self.assertEqual(load.failures(), {})
        self.assertIn("sum to 100", self.serve.run("traffic", "acme/split", "v1=50", code=2))
        self.serve.run("traffic", "acme/split", "v9=100", code=3)

    def _both(self):
        texts = "".join(self.serve.call("/acme/split").text for _ in range(20))
        seen = {which for which in ("one", "two") if f"WHICH={which}" in texts}
        return seen if len(seen) == 2 else None

    def test_what_is_deleted_is_gone(self):
        self.serve.deploy("hello", "acme/gone")
        self.assertEqual(self.serve.call("/acme/gone").status, 200)
        self.serve.run("delete", "acme/gone")
        self.assertEqual(self.serve.call("/acme/gone").status, 404)
        self.serve.run("describe", "acme/gone", code=3)
        self.assertEqual(self.serve.deploy("hello", "acme/gone")["number"], 2)

    def test_invoke_sends_what_curl_would(self):
        self.serve.deploy("echo", "acme/echo")
        self.assertEqual(self.serve.run("invoke", "acme/echo", "-d", "some text"), "some text")
        self.assertEqual(self.serve.run("invoke", "acme/echo@1", "-d", "-", stdin="piped"), "piped")
        self.serve.deploy("exit", "acme/exit")
        self.assertIn("function.exit_code", self.serve.run("invoke", "acme/exit", "/?code=3", code=1))

    def test_logs_are_read_and_followed(self):
        self.serve.deploy("http_log", "acme/chatty")
        self.assertEqual(self.serve.call("/acme/chatty").status, 200)
        lines = eventually(lambda: self.serve.run("logs", "acme/chatty"), what="lines of the function")
        self.assertIn("acme/chatty@1 stderr: ", lines)
        follower = subprocess.Popen([self._program(), "logs", "-f", "acme/chatty", "--json"],
                                    env=self.serve.environment, stdout=subprocess.PIPE, text=True)
        try:
            first = json.loads(follower.stdout.readline())
            self.assertEqual((first["function"], first["version"]), ("acme/chatty", 1))
            reply = self.serve.call("/acme/chatty", headers=[("traceparent", "00-" + "ab" * 16 + "-00f067aa0ba902b7-01")])
            self.assertEqual(reply.status, 200)
            while json.loads(follower.stdout.readline())["request"] != "ab" * 16:
                pass
        finally:
            follower.kill()
            follower.wait()
        self.assertNotIn("stderr", self.serve.run("logs", "acme/chatty", "--request", "cd" * 16))

    def _program(self) -> str:
        from harness.box import program
        return program("wasabi")

    def test_why_is_answered_by_who_serves_it(self):
        self.serve.deploy("hello", "acme/asked")
        self.serve.call("/acme/asked")
        self.assertIn("would run now", self.serve.run("why", "acme/asked"))
        self.assertIn("no function", self.serve.run("why", "acme/nobody", code=3))


class Calling(ServeCase):
    def test_routes_and_refusals(self):
        self.assertEqual(self.serve.call("/acme/nobody").status, 404)
        self.assertIn("refused.no_route", self.serve.call("/").header("proxy-status"))
        self.assertEqual(self.serve.call("/-/healthz").text, "ok\n")
        self.assertEqual(self.serve.call("/-/anything").status, 404)

    def test_a_large_body_goes_through_both_ways(self):
        self.serve.deploy("echo", "acme/large")
        body = bytes(range(256)) * (16 << 10)
        reply = self.serve.call("/acme/large", method="POST", body=body)
        self.assertEqual(reply.body, body)

    def test_the_deadline_is_the_callers_or_the_functions(self):
        self.serve.deploy("sleep", "acme/sleep", '[limits]\ntimeout = "1s"\n')
        began = time.monotonic()
        self.assertEqual(self.serve.call("/acme/sleep?ms=60000").status, 504)
        self.assertLess(time.monotonic() - began, 5)
        self.assertEqual(self.serve.call("/acme/sleep?ms=60000", headers=[("wasabi-timeout", "100ms")]).status, 504)
        self.assertEqual(self.serve.call("/acme/sleep", headers=[("wasabi-timeout", "soon")]).status, 400)

    def test_a_function_that_no_superpod_can_hold_is_refused_at_once(self):
        self.serve.deploy("hello", "acme/huge", '[limits]\nmemory = "2GiB"\n')
        reply = self.serve.call("/acme/huge")
        self.assertEqual(reply.status, 503)
        self.assertIn("refused.not_started", reply.text)

    def test_secrets_reach_the_function_and_change_while_it_runs(self):
        self.serve.run("secret", "set", "acme", "PASSWORD", stdin="first")
        self.serve.deploy("env", "acme/secretive", 'secrets = ["PASSWORD"]\n')
        self.assertIn("PASSWORD=first", self.serve.call("/acme/secretive").text)
        self.serve.run("secret", "set", "acme", "PASSWORD", stdin="second")
        eventually(lambda: "PASSWORD=second" in self.serve.call("/acme/secretive").text, what="the new value")
        listed = self.serve.run("secret", "list", "acme")
        self.assertIn("PASSWORD", listed)
        self.assertNotIn("second", listed + self.serve.log_text())
        refused = self.serve.run("deploy", str(guests() / "env.wasm"), "--name", "acme/lacking", "--manifest",
                                 self._needs_secret("MISSING"), code=3)
        self.assertIn("MISSING", refused)

    def _needs_secret(self, name: str) -> str:
        file = scratch.new("manifest") / "wasabi.toml"
        file.write_text(f'secrets = ["{name}"]\n')
        return str(file)

    def test_only_who_may_call_does(self):
        self.serve.deploy("hello", "acme/inner", 'visibility = "tenant"\n')
        self.assertEqual(self.serve.call("/acme/inner").status, 403)
        self.serve.deploy("http_headers", "acme/guarded", 'visibility = "token"\n')
        self.assertEqual(self.serve.call("/acme/guarded").status, 401)
        token = self.serve.json("token", "create", "ci", "--tenant", "acme")["token"]
        reply = self.serve.call("/acme/guarded", headers=[("authorization", "Bearer " + token), ("x-mine", "1")])
        self.assertEqual(reply.status, 200)
        self.assertIn("x-mine", reply.text)
        self.assertNotIn(token, reply.text)


class FirstScreen(unittest.TestCase):
    def test_it_says_what_is_where_and_the_token_once(self):
        with Serve() as serve:
            self.assertIn(str(serve.data), serve.screen)
            self.assertIn(serve.token, serve.screen)
            config = serve.directory / "config/wasabi/config.toml"
            self.assertEqual(config.stat().st_mode & 0o777, 0o600)
            self.assertEqual(serve.data.stat().st_mode & 0o777, 0o700)
            self.assertNotIn(serve.token, serve.log_text())
            serve.terminate()
            serve.start()
            self.assertNotIn("token", serve.screen)

    def test_what_stands_in_the_way_is_named(self):
        with Serve() as serve:
            second = Serve()
            second.data = serve.data
            second.start(wait=False)
            self.assertNotEqual(second.process.wait(60), 0)
            self.assertIn(str(serve.process.pid), second.log_text())
