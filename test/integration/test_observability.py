"""Access log, metrics, load: what operators see."""

import json
import shutil
import subprocess

from harness import wire
from harness.box import eventually
from harness.case import BoxCase


class Observability(BoxCase):
    functions = {
        "one/hello": ("hello", {}),
        "one/echo": ("echo", {"limits": {"timeout": "600s"}}),
        "one/sleep": ("sleep", {}),
        "two/exit": ("exit", {}),
        "two/grow": ("grow", {"limits": {"memory": "32MiB"}}),
    }

    def test_an_access_line_has_everything(self):
        line = self.box.access_line(self.box.call("/one/echo", method="POST", body=b"x" * 1000).trace)
        self.assertLessEqual({"time", "request", "tenant", "function", "version", "method", "path", "status", "outcome",
                              "bytes_in", "bytes_out", "wall_us", "cpu_us", "wait_us", "peak_memory", "cold"}, set(line))
        self.assertEqual((line["tenant"], line["function"], line["method"], line["status"], line["outcome"]),
                         ("one", "echo", "POST", 200, "ok"))
        self.assertEqual((line["bytes_in"], line["bytes_out"]), (1000, 1000))
        self.assertRegex(line["time"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")
        self.assertGreaterEqual(line["peak_memory"], 65536)

    def test_a_query_may_hold_secrets_and_stays_out_of_the_log(self):
        line = self.box.access_line(self.box.call("/one/hello/below?token=hush").trace)
        self.assertEqual(line["path"], "/one/hello/below")

    def test_cold_only_the_first_time(self):
        self.box.call("/two/exit")
        self.assertFalse(self.box.access_line(self.box.call("/two/exit").trace)["cold"])

    def test_request_id_is_made_when_traceparent_is_wrong(self):
        for bad in ("00-" + "0" * 32 + "-b7ad6b7169203331-01", "hello", "ff-" + "1" * 32 + "-b7ad6b7169203331-01"):
            with self.subTest(bad):
                self.box.access_line(self.box.call("/one/hello").trace)  # the log is written as far as there
                before = len(self.box.access_lines())
                self.box.call("/one/hello", headers={"traceparent": bad})
                line = eventually(lambda: self.box.access_lines()[before:])[0]
                self.assertRegex(line["request"], "^[0-9a-f]{32}$")
                self.assertNotIn(line["request"], bad)

    def test_refusals_are_logged(self):
        line = self.box.access_line(self.box.call("/nobody/here").trace)
        self.assertEqual((line["status"], line["outcome"], line["reason"]), (404, "refused", "refused.no_route"))

    def test_what_is_no_request_is_logged(self):
        def refused():
            return [line["status"] for line in self.box.access_lines() if line.get("reason") == "refused.malformed"]
        self.box.access_line(self.box.call("/one/hello").trace)  # the log is written as far as there
        before = len(refused())
        self.box.call("/one/hello", headers={"X-Long": "v" * 40_000})
        with self.box.connect() as connection:
            connection.send(b"GET /one/hello HTTP/1.1\r\n\r\n")
            connection.read_until_closed()
        eventually(lambda: refused()[before:] == [431, 400], what="a line for each")
        self.assertGreaterEqual(self.box.metrics().sum("wasabi_request_reasons_total", reason="refused.malformed"), 2)

    def test_odd_bytes_in_a_path_do_not_break_the_log(self):
        with self.box.connect() as connection:
            connection.send(b'GET /one/hello/odd"\\%00\xff\xfe HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n')
            connection.read_until_closed()
        self.box.access_line(self.box.call("/one/hello").trace)  # every line before it was JSON

    def test_promtool_finds_nothing(self):
        self.assertIsNotNone(shutil.which("promtool"), "promtool is needed (./dev setup installs it)")
        for target in ("/one/hello", "/two/exit?code=1", "/none", "/two/grow?mib=4"):
            self.box.call(target)
        checked = subprocess.run(["promtool", "check", "metrics"], input=self.box.admin("/-/metrics").text, text=True,
                                 capture_output=True)
        self.assertEqual((checked.returncode, checked.stdout, checked.stderr), (0, "", ""))

    def test_requests_are_counted_by_outcome(self):
        def count(outcome):
            return self.box.metrics().sum("wasabi_requests_total", tenant="two", function="exit", outcome=outcome)
        good, bad = count("ok"), count("function_failed")
        for _ in range(3):
            self.box.call("/two/exit?code=0")
        self.box.call("/two/exit?code=9")
        eventually(lambda: (count("ok"), count("function_failed")) == (good + 3, bad + 1))

    def test_the_issue_s_figures_are_there(self):
        self.box.call("/one/hello")
        names = self.box.metrics().names()
        for wanted in ("requests_total", "request_duration_seconds_bucket", "request_cpu_seconds_bucket", "cold_starts_total",
                       "invocations", "memory_bytes", "mappings", "programs_loaded", "event_loop_longest_turn_seconds",
                       "tenant_requests_total", "log_dropped_lines_total"):
            self.assertIn("wasabi_" + wanted, names)

    def test_live_invocations_and_booked_memory(self):
        with self.box.connect() as connection:
            connection.send(wire.request_bytes("POST", "/one/echo", {"Content-Length": "4"}))
            eventually(lambda: self.box.metrics().sum("wasabi_invocations", state="parked") == 1)
            self.assertGreater(self.box.metrics().sum("wasabi_memory_bytes", kind="booked"), 0)
            connection.send("body")
            self.assertEqual(connection.reply().status, 200)
        eventually(lambda: self.box.metrics().sum("wasabi_invocations") == 0)

    def test_load_is_cumulative(self):
        def load():
            return json.loads(self.box.admin("/-/load").text)
        before = load()
        self.box.call("/one/sleep?ms=300")
        after = eventually(lambda: (lambda now: now if now["requests"] > before["requests"] and now["booked_units"] == 0
                                    else None)(load()))
        self.assertGreater(after["booked_unit_seconds"], before["booked_unit_seconds"])

    def test_the_public_listener_tells_nothing(self):
        for path in ("/-/metrics", "/-/load", "/-/functions", "/-/"):
            self.assertEqual(self.box.call(path).status, 404, path)


class ManyFunctions(BoxCase):
    """Labels have an end, however many functions there are."""

    count, named = 520, 500
    functions = {f"many/f{number}": ("noop", {}) for number in range(count)}

    def test_cardinality_is_bounded_and_nothing_is_lost(self):
        for number in range(self.count):
            self.assertEqual(self.box.call(f"/many/f{number}").status, 200)
        eventually(lambda: self.box.metrics().sum("wasabi_invocations") == 0)
        metrics = self.box.metrics()
        named = {labels["function"] for name, labels, _ in metrics.samples if name == "wasabi_requests_total"}
        self.assertLessEqual(len(named), self.named + 1)
        self.assertEqual(metrics.sum("wasabi_requests_total", outcome="ok"), self.count)
        self.assertEqual(metrics.sum("wasabi_tenant_requests_total", tenant="many", outcome="ok"), self.count)
