"""A box behind a gateway: it is told which version serves a request and for whom, and keeps nobody waiting."""

import json
import subprocess
import unittest

from harness import wire
from harness.box import Box, box_toml, eventually, program, scratch


class GatewayBox(Box):
    """The tests speak to it as the gateway does."""

    def __init__(self, *options: str, **settings):
        super().__init__("--behind-gateway", *options, **settings)
        self.socket = str(self.directory / "box.sock")

    def _listen(self) -> str:
        return "unix:" + self.socket

    def _address_told(self) -> str:
        return self.socket

    def ask(self, version: str, target: str = "/", prefix: int = 0, headers=(), **options) -> wire.Reply:
        fields = [("wasabi-route", f"{version};prefix={prefix}"), *headers]
        return self.call(target, headers=fields, **options)


class BehindGateway(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.secrets = scratch.new("secrets")
        (cls.secrets / "acme").mkdir()
        (cls.secrets / "acme" / "PASSWORD").write_text("not for logs")
        cls.box = GatewayBox("--secrets", str(cls.secrets))
        cls.box.put("acme/env@1", "env", env={"WHICH": "first"}, secrets=["PASSWORD"])
        cls.box.put("acme/env@2", "env", env={"WHICH": "second"})
        cls.box.put("acme/lost@1", "env", secrets=["MISSING"])
        cls.box.put("acme/hello@10", "http_headers")
        cls.box.start()

    @classmethod
    def tearDownClass(cls):
        cls.box.close()

    def test_versions_of_one_function_are_served_side_by_side(self):
        self.assertIn("WHICH=first", self.box.ask("acme/env@1").text)
        self.assertIn("WHICH=second", self.box.ask("acme/env@2").text)

    def test_guests_are_told_what_the_gateway_says_of_the_client(self):
        said = [("wasabi-client", "203.0.113.7:5555"), ("wasabi-scheme", "https")]
        text = self.box.ask("acme/env@1", "/acme/env/a%20b?q=1", 9, said).text
        self.assertIn("REMOTE_ADDR=203.0.113.7\n", text)
        self.assertIn("SERVER_PORT=443\n", text)
        self.assertIn("SCRIPT_NAME=/acme/env\n", text)
        self.assertIn("PATH_INFO=/a b\n", text)
        self.assertNotIn("WASABI", text)

    def test_words_of_the_gateway_do_not_reach_components(self):
        text = self.box.ask("acme/hello@10", headers=[("wasabi-client", "203.0.113.7:5555"), ("x-mine", "1")]).text
        self.assertIn("x-mine", text)
        self.assertNotIn("wasabi-", text)

    def test_what_a_function_answers_says_what_it_was_booked(self):
        self.assertGreater(int(self.box.ask("acme/hello@10").header("wasabi-booked")), 0)
        self.assertIsNone(self.box.ask("acme/env@3").header("wasabi-booked"))

    def test_a_version_that_is_not_there_is_said_to_be_elsewhere(self):
        reply = self.box.ask("acme/env@3")
        self.assertEqual((reply.status, reply.header("wasabi-no-room")), (503, "not_here"))

    def test_a_route_that_makes_no_sense_is_refused(self):
        for route in ("acme/env@1", "acme;prefix=1", "acme/env@1;prefix=-1", "acme/env@1;prefix=99", ""):
            reply = self.box.call("/acme", headers=[("wasabi-route", route)])
            self.assertEqual(reply.status, 400, route)
            self.assertIsNone(reply.header("wasabi-no-room"))

    def test_without_a_route_nothing_is_served(self):
        for target in ("/acme/env@1", "/acme/env", "/"):
            reply = self.box.call(target)
            self.assertEqual(reply.status, 404, target)
            self.assertIn("refused.no_route", reply.text)
        self.assertEqual(self.box.call("/-/readyz").status, 200)

    def test_a_version_that_is_put_there_is_served_once_the_box_was_told(self):
        self.box.put("acme/late@1", "hello")
        self.assertEqual(json.loads(self.box.admin("/-/reload", method="POST").text)["functions"], 4)
        self.assertEqual(self.box.ask("acme/late@1").status, 200)
        self.box.catalog.manifest("acme/late@1").unlink()
        self.box.admin("/-/reload", method="POST")
        self.assertEqual(self.box.ask("acme/late@1").header("wasabi-no-room"), "not_here")

    def test_secrets_are_in_the_environment_and_nowhere_else(self):
        self.assertIn("PASSWORD=not for logs", self.box.ask("acme/env@1").text)
        for told in ("/-/functions", "/-/metrics", "/-/invocations", "/-/why?function=acme/env@1"):
            self.assertNotIn("not for logs", self.box.admin(told).text)
        self.assertNotIn("not for logs", self.box.log_text())

    def test_a_version_without_its_secret_is_not_served_and_says_why(self):
        self.assertEqual(self.box.ask("acme/lost@1").header("wasabi-no-room"), "not_here")
        problem, = json.loads(self.box.admin("/-/functions").text)["problems"]
        self.assertIn("MISSING", problem["reason"])

    def test_a_new_value_of_a_secret_holds_once_the_manifest_is_replaced(self):
        (self.secrets / "acme" / "OTHER").write_text("old")
        self.box.put("acme/fresh@1", "env", secrets=["OTHER"])
        self.box.admin("/-/reload", method="POST")
        self.assertIn("OTHER=old", self.box.ask("acme/fresh@1").text)
        (self.secrets / "acme" / "OTHER").write_text("new")
        self.box.put("acme/fresh@1", "env", secrets=["OTHER"])
        self.box.admin("/-/reload", method="POST")
        self.assertIn("OTHER=new", self.box.ask("acme/fresh@1").text)
        self.box.catalog.manifest("acme/fresh@1").unlink()
        self.box.admin("/-/reload", method="POST")


class Load(unittest.TestCase):
    def test_it_tells_which_versions_run_and_what_tenants_have_used(self):
        with GatewayBox() as box:
            box.put("t/idle@1", "hello")
            box.put("t/sleep@2", "sleep", limits={"memory": "40MiB"})
            box.admin("/-/reload", method="POST")

            def load():
                return json.loads(box.admin("/-/load").text)
            self.assertEqual((load()["versions"], load()["tenants"]), ([], []))
            running = box.connect()
            running.send(wire.request_bytes("GET", "/?ms=1000", {"wasabi-route": "t/sleep@2;prefix=0"}))
            busy = {"version": "t/sleep@2", "running": 1, "limits_bytes": 40 << 20, "loaded": True}
            eventually(lambda: load()["versions"] == [busy])
            self.assertEqual(running.reply("GET").status, 200)
            eventually(lambda: load()["tenants"])
            version, = load()["versions"]
            self.assertEqual((version["running"], version["loaded"]), (0, True))
            tenant, = load()["tenants"]
            self.assertEqual(tenant["tenant"], "t")
            self.assertGreater(tenant["cpu_seconds"], 0)
            self.assertLess(tenant["cpu_seconds"], 1)
            # At least a page of WebAssembly for the second that it slept, at most its limit for rather longer.
            self.assertGreater(tenant["memory_byte_seconds"], 64 << 10)
            self.assertLess(tenant["memory_byte_seconds"], 10 * (40 << 20))

    def test_a_box_alone_tells_neither(self):
        with Box() as box:
            told = json.loads(box.admin("/-/load").text)
            self.assertNotIn("versions", told)
            self.assertNotIn("tenants", told)


class NoRoom(unittest.TestCase):
    def test_what_would_wait_goes_elsewhere_before_its_body_is_read(self):
        with GatewayBox(*box_toml('[capacity]\nmemory = "64MiB"\n')) as box:
            box.put("t/half@1", "sleep", limits={"memory": "40MiB"})
            box.admin("/-/reload", method="POST")
            first = box.connect()
            first.send(wire.request_bytes("GET", "/?ms=60000", {"wasabi-route": "t/half@1;prefix=0"}))
            eventually(lambda: json.loads(box.admin("/-/invocations").text)["invocations"])
            second = box.connect()
            second.send("POST /?ms=1 HTTP/1.1\r\nhost: a\r\nwasabi-route: t/half@1;prefix=0\r\n"
                        "content-length: 5\r\nexpect: 100-continue\r\n\r\n")
            reply = second.reply("POST")
            self.assertEqual((reply.status, reply.header("wasabi-no-room")), (503, "queue.memory"))
            self.assertEqual(json.loads(box.admin("/-/load").text)["waiting_units"], 0)
            self.assertEqual(box.ask("t/nobody@1").status, 503)
            metrics = box.metrics()
            self.assertEqual(metrics.sum("wasabi_turned_away_total", reason="queue.memory"), 1)
            self.assertEqual(metrics.sum("wasabi_turned_away_total", reason="not_here"), 1)
            self.assertEqual(metrics.sum("wasabi_turned_away_total"), 2)
            first.close()
            eventually(lambda: not json.loads(box.admin("/-/invocations").text)["invocations"])
            third = box.connect()
            third.send("POST /?ms=1 HTTP/1.1\r\nhost: a\r\nwasabi-route: t/half@1;prefix=0\r\n"
                       "content-length: 5\r\nexpect: 100-continue\r\n\r\n")
            self.assertEqual(third.head().status, 100)


class Refused(unittest.TestCase):
    def test_it_listens_where_only_the_gateway_can_reach_it(self):
        ended = subprocess.run(
            [program("wasabi-box"), "--behind-gateway", "--catalog", str(scratch.new("c")), "--store",
             str(scratch.new("s")), "--listen", "127.0.0.1:0"], capture_output=True, text=True)
        self.assertEqual(ended.returncode, 2)
        self.assertIn("unix:/path", ended.stderr)

    def test_clients_of_a_box_alone_cannot_say_such_things(self):
        with Box() as box:
            box.put("t/env", "env")
            box.put("t/env@1", "env")
            eventually(lambda: box.call("/t/env").status == 200)
            text = box.call("/t/env", headers=[("wasabi-route", "t/env@1;prefix=0"),
                                               ("wasabi-client", "203.0.113.7:5555")]).text
            self.assertIn("REMOTE_ADDR=127.0.0.1\n", text)
            self.assertIn("SCRIPT_NAME=/t/env\n", text)
            problems = json.loads(box.admin("/-/functions").text)["problems"]
            self.assertIn("is not a name", problems[0]["reason"])
