"""The admin listener: where it is when nobody says, and what it can be told to do."""

import json
import os
import signal
import stat
import time
import unittest

from harness import wire
from harness.box import Box, eventually, scratch
from harness.case import BoxCase


class UsualPlace(unittest.TestCase):
    def setUp(self):
        self.runtime = scratch.new("run")

    def box(self):
        """A box that is not told where its admin listener shall be."""
        box = Box()
        box.admin_arguments = []
        box.environment = {**os.environ, "XDG_RUNTIME_DIR": str(self.runtime)}
        box.keep_address = True
        box.put("t/hello", "hello")
        return box

    def path(self, box):
        return str(self.runtime / "wasabi" / "{}:{}.sock".format(*box.address))

    def test_each_box_has_a_socket_that_is_its_user_s_alone(self):
        with self.box() as one, self.box() as other:
            for box in (one, other):
                box.admin_path = self.path(box)
                self.assertEqual(box.admin("/-/healthz").status, 200)
                self.assertEqual(stat.S_IMODE(os.stat(box.admin_path).st_mode), 0o600)
                eventually(lambda box=box: box.admin_path in box.log_text(), what="the admin address in the log")
            self.assertEqual(stat.S_IMODE(os.stat(self.runtime / "wasabi").st_mode), 0o700)
            one.call("/t/hello")
            self.assertEqual(one.metrics().sum("wasabi_invocations_started_total"), 1)
            self.assertEqual(other.metrics().sum("wasabi_invocations_started_total"), 0)

    def test_that_of_a_killed_box_is_taken_over(self):
        box = self.box()
        box.start().kill()
        box.admin_path = self.path(box)
        self.assertTrue(stat.S_ISSOCK(os.stat(box.admin_path).st_mode))
        with box:
            self.assertEqual(box.admin("/-/healthz").status, 200)

    def test_that_of_a_living_box_is_not(self):
        with self.box() as one:
            one.admin_path = self.path(one)
            other = self.box()
            other.admin_arguments = ["--admin", "unix:" + one.admin_path]
            other.start(wait=False)
            self.assertEqual(other.process.wait(wire.WAIT_SECONDS), 1)
            self.assertIn("another process listens there", other.log_text())
            self.assertEqual(one.admin("/-/healthz").status, 200)

    def test_where_there_is_no_place_the_box_says_how_to_mend_it(self):
        (self.runtime / "wasabi").write_text("in the way")
        box = self.box()
        box.start(wait=False)
        self.assertEqual(box.process.wait(wire.WAIT_SECONDS), 1)
        for wanted in (str(self.runtime / "wasabi"), "--admin unix:/path", "--admin none"):
            self.assertIn(wanted, box.log_text())

    def test_none(self):
        box = self.box()
        box.admin_arguments = ["--admin", "none"]
        with box:
            self.assertEqual(box.call("/t/hello").status, 200)
            self.assertEqual(os.listdir(self.runtime), [])
            self.assertNotIn("admin", box.log_text())


class Control(BoxCase):
    functions = {
        "t/hello": ("hello", {}),
        "t/echo": ("echo", {"limits": {"timeout": "600s"}}),
        "t/sleep": ("sleep", {"limits": {"timeout": "600s"}}),
        "t/spin": ("spin", {"limits": {"timeout": "600s"}}),
        "t/stream": ("http_stream", {"limits": {"timeout": "600s"}}),
    }

    def post(self, target):
        return self.box.admin(target, method="POST")

    def invocations(self):
        return json.loads(self.box.admin("/-/invocations").text)

    def running(self, path):
        """What the list says of the one invocation at that path."""
        return next((one for one in self.invocations()["invocations"] if one["path"] == path), None)

    def start_call(self, target, *headers):
        """A request that is running by now: its connection, and its id."""
        connection = self.box.connect()
        self.addCleanup(connection.close)
        trace, traceparent = wire.new_trace()
        connection.send(wire.request_bytes("GET", target, headers=[traceparent, *headers]))
        eventually(lambda: self.running(target.partition("?")[0]), what="invocation of " + target)
        return connection, trace

    def start_waiting(self, path):
        """The same, of a guest that waits for the one byte of its body and then answers with it."""
        return self.start_call("/t/echo/" + path, ("Content-Length", "1"))

    def test_what_runs_is_listed_and_then_is_not(self):
        connection, trace = self.start_waiting("here")
        one = eventually(lambda: (lambda now: now if now["state"] == "parked" else None)(self.running("/t/echo/here")))
        self.assertEqual((one["request"], one["tenant"], one["function"], one["method"]), (trace, "t", "echo", "GET"))
        self.assertGreater(one["age_seconds"], 0)
        self.assertGreater(one["cpu_seconds"], 0)
        self.assertGreater(one["memory_bytes"], 0)
        connection.send("x")
        self.assertEqual(connection.reply().status, 200)
        eventually(lambda: self.running("/t/echo/here") is None)

    def test_a_computing_guest_is_listed_with_what_it_has_used(self):
        _, trace = self.start_call("/t/spin/long")
        eventually(lambda: self.running("/t/spin/long")["cpu_seconds"] > 0.05)
        self.assertEqual(self.running("/t/spin/long")["state"], "runnable")
        self.assertEqual(self.post("/-/cancel?request=" + trace).status, 200)

    def test_cancel_ends_a_guest_whatever_it_does_and_no_other(self):
        bystander, _ = self.start_waiting("bystander")
        for target in ("/t/sleep/c?ms=600000", "/t/spin/c"):
            with self.subTest(target):
                connection, trace = self.start_call(target)
                self.assertEqual(json.loads(self.post("/-/cancel?request=" + trace).text), {"cancelled": 1})
                reply = connection.reply()
                self.assertEqual(reply.status, 503)
                self.assertIn("operator.cancelled", reply.text)
                self.assertIsNone(reply.header("retry-after"))
                line = self.box.access_line(trace)
                self.assertEqual((line["outcome"], line["reason"]), ("cancelled", "operator.cancelled"))
        bystander.send("x")
        self.assertEqual(bystander.reply().text, "x")

    def test_cancel_cuts_a_response_that_has_begun(self):
        connection, trace = self.start_call("/t/stream/c?chunks=100000&ms=20")
        self.assertEqual(connection.head().status, 200)
        self.assertEqual(self.post("/-/cancel?request=" + trace).status, 200)
        self.assertFalse(connection.read_until_closed().endswith(b"0\r\n\r\n"))
        self.assertEqual(self.box.access_line(trace)["reason"], "operator.cancelled")

    def test_cancel_of_what_does_not_run(self):
        self.assertEqual(self.post("/-/cancel?request=" + "0" * 32).status, 404)
        self.assertEqual(self.post("/-/cancel").status, 400)

    def test_reload_is_in_force_when_it_answers(self):
        for number in range(5):
            self.box.put(f"t/new{number}", "hello")
            answer = self.post("/-/reload")
            self.assertEqual(answer.status, 200, answer.text)
            self.assertEqual(self.box.call(f"/t/new{number}").status, 200)

    def test_reload_tells_what_is_broken(self):
        manifest = self.box.catalog.manifest("t/broken")
        manifest.write_text("module = [\n")
        self.addCleanup(manifest.unlink)
        problems = json.loads(self.post("/-/reload").text)["problems"]
        self.assertEqual([problem["file"] for problem in problems], [str(manifest)])
        self.assertGreater(problems[0]["line"], 0)
        self.assertTrue(problems[0]["reason"])

    def test_an_unloaded_program_is_loaded_anew(self):
        self.box.call("/t/hello")
        self.assertFalse(self.box.access_line(self.box.call("/t/hello").trace)["cold"])
        self.assertEqual(json.loads(self.post("/-/unload?function=t/hello").text), {"unloaded": True})
        self.assertEqual(json.loads(self.post("/-/unload?function=t%2Fhello").text), {"unloaded": False})
        reply = self.box.call("/t/hello")
        self.assertEqual(reply.text, "hello, world\n")
        self.assertTrue(self.box.access_line(reply.trace)["cold"])
        self.assertEqual(self.post("/-/unload?function=t/nobody").status, 404)

    def test_unloading_leaves_what_runs_alone(self):
        connection, _ = self.start_waiting("u")
        self.assertEqual(json.loads(self.post("/-/unload?function=t/echo").text), {"unloaded": True})
        connection.send("x")
        self.assertEqual(connection.reply().text, "x")

    def test_wrong_methods_and_paths(self):
        refused = self.box.admin("/-/drain")
        self.assertEqual((refused.status, refused.header("allow")), (405, "POST"))
        self.assertEqual(self.post("/-/load").status, 405)
        self.assertIn("/-/", self.box.admin("/metrics").text)
        index = self.box.admin("/-/").text
        for line in index.splitlines():
            self.assertNotEqual(self.box.admin(line.split()[1]).status, 404, line)


class Drain(unittest.TestCase):
    def waiting(self, box, connection):
        """A request that runs until it is sent the one byte of its body."""
        connection.send(wire.request_bytes("POST", "/t/echo", {"Content-Length": "1"}))
        eventually(lambda: box.metrics().sum("wasabi_invocations", state="parked") == 1)

    def listeners_are_closed(self, box):
        try:
            box.connect().close()
            return False
        except OSError:
            return True

    def test_what_runs_is_finished_then_the_box_ends(self):
        box = Box("--drain-timeout", "600s")
        box.put("t/echo", "echo", limits={"timeout": "600s"})
        with box, box.connect() as connection:
            self.waiting(box, connection)
            # Often is once: only a second signal cuts the drain short.
            for _ in range(3):
                self.assertEqual(box.admin("/-/drain", method="POST").status, 200)
            eventually(lambda: self.listeners_are_closed(box))
            connection.send("x")
            self.assertEqual(connection.reply().text, "x")
            self.assertEqual(box.process.wait(wire.WAIT_SECONDS), 0)

    def test_in_the_delay_it_serves_on_but_is_not_ready(self):
        box = Box("--drain-delay", "600s")
        box.put("t/hello", "hello")
        with box:
            for _ in range(3):
                self.assertEqual(box.admin("/-/drain", method="POST").status, 200)
            eventually(lambda: '"draining"' in box.log_text())
            time.sleep(0.2)  # without the delay the listeners would be closed by now
            self.assertEqual(box.call("/-/readyz").status, 503)
            self.assertEqual(box.call("/t/hello").status, 200)

    def test_a_signal_cuts_it_short(self):
        box = Box("--drain-timeout", "600s")
        box.put("t/spin", "spin", limits={"timeout": "600s"})
        with box, box.connect() as connection:
            connection.send(wire.request_bytes("GET", "/t/spin"))
            eventually(lambda: box.metrics().sum("wasabi_invocations") == 1)
            box.admin("/-/drain", method="POST")
            eventually(lambda: self.listeners_are_closed(box))
            self.assertIsNone(box.process.poll())
            box.process.send_signal(signal.SIGTERM)
            self.assertEqual(box.process.wait(wire.WAIT_SECONDS), 0)
