"""What the box says a request would meet, and that the request then meets it."""

import json
import os
import subprocess
import time

from harness import wire
from harness.admission import AdmissionCase, ScarceMemory
from harness.box import Box, box_toml, eventually, program, scratch
from harness.case import BoxCase


class WhyCase(AdmissionCase):
    def why(self, function: str, **query) -> dict:
        query = "".join("&%s=%s" % pair for pair in query.items())
        reply = self.box.admin("/-/why?function=" + function + query)
        self.assertEqual((reply.status, reply.header("content-type")), (200, "application/json"), reply.text)
        return json.loads(reply.text)

    def assert_meets(self, told: dict, target: str, **headers):
        """A request to the target is refused as `told` says."""
        reply = self.box.call(target, headers=headers)
        self.assertEqual((told["answer"], told["status"]), ("refused", reply.status))
        self.assertIn(told["reason"], reply.header("proxy-status"))
        waits = reply.header("retry-after")
        self.assertEqual(told["retry_after_seconds"], None if waits is None else int(waits))


class Memory(WhyCase, ScarceMemory):
    def test_before_any_load_it_runs(self):
        self.assertIs(self.why("t/large")["program_loaded"], False)
        told = self.why("other/half")
        self.assertEqual((told["answer"], told["reason"], told["obstacles"]), ("runs", None, []))
        self.assertEqual(told["words"]["answer"], "a request to other/half would run now")
        self.assertEqual((told["words"]["to_run"], told["tenants"]), ([], []))
        self.assertEqual((told["memory"]["booked_bytes"], told["memory"]["charge_bytes"]), (0, 30 << 20))
        reply = self.box.call("/other/half?ms=1")
        self.assertEqual(reply.status, 200)
        self.assertNotIn("waited_for", self.box.access_line(reply.trace))

    def test_when_memory_is_full(self):
        held = self.occupy("/t/half")
        self.occupy("/t/half")
        told = self.why("other/half")
        self.assertEqual((told["answer"], told["reason"], told["status"]), ("waits", "queue.memory", None))
        self.assertEqual(told["obstacles"], ["queue.memory"])
        memory = told["memory"]
        self.assertEqual((memory["booked_bytes"], memory["bookable_bytes"] + memory["unbooked_bytes"]), (60 << 20, 64 << 20))
        self.assertEqual(told["tenants"], [{"tenant": "t", "running": 2, "limits_bytes": 60 << 20, "waiting": 0}])
        # 26 MiB, and what programs and warm slots hold.
        self.assertRegex(told["words"]["to_run"][0], r"^2[67](\.\d+)? MiB of booked memory come free")
        waiter = self.wait_for("/other/half")

        told = self.why("t/large")
        self.assertEqual((told["answer"], told["queue"]["ahead"]), ("waits", 1))
        self.assertEqual(told["queue"]["waiting"], {"function": 0, "tenant": 0, "box": 1})
        self.assertEqual(told["queue"]["blocked_head"]["function"], "other/half")
        self.assertEqual(told["queue"]["blocked_head"]["reason"], "queue.memory")
        self.assertIn("other/half waits for memory", " ".join(told["words"]["because"]))
        self.assertEqual({one["tenant"]: one["waiting"] for one in told["tenants"]}, {"t": 0, "other": 1})

        held.close()
        self.assertEqual(waiter.reply("GET").status, 200)
        self.assertEqual(self.box.access_line(waiter.trace)["waited_for"], "queue.memory")

    def test_behind_a_large_one_that_may_not_be_overtaken(self):
        small = self.occupy("/t/half")
        large = self.wait_for("/t/large")
        time.sleep(0.2)
        told = self.why("other/half")
        self.assertEqual((told["answer"], told["reason"], told["obstacles"]), ("waits", "queue.order", []))
        self.assertIs(told["queue"]["blocked_head"]["may_be_overtaken"], False)
        self.assertEqual(told["words"]["to_run"], ["the 1 that come before it are admitted"])
        waiter = self.wait_for("/other/half")
        small.close()
        self.assertEqual((large.reply("GET").status, waiter.reply("GET").status), (200, 200))

    def test_what_never_fits(self):
        told = self.why("t/never")
        self.assert_meets(told, "/t/never?ms=1")
        self.assertEqual(told["reason"], "refused.over_capacity")
        self.assertIn("capacity.memory is 65 MiB or more", told["words"]["to_run"][0])

    def test_nobody_is_booked_or_queued_by_the_question(self):
        self.occupy("/t/large")
        for _ in range(20):
            self.why("t/half")
        told = self.why("t/half")
        self.assertEqual((told["queue"]["waiting"]["box"], told["memory"]["booked_bytes"]), (0, 64 << 20))

    def test_what_cannot_be_asked(self):
        reply = self.box.admin("/-/why?function=t/hlaf")
        self.assertEqual(reply.status, 404)
        self.assertIn("did you mean t/half?", reply.text)
        for query in ("", "?function", "?function=", "?function=half", "?function=T/half", "?function=t/half&timeout=5",
                      "?function=t/half%zz"):
            self.assertEqual(self.box.admin("/-/why" + query).status, 400, query)
        self.assertEqual(self.box.admin("/-/why?function=t/half", method="POST").status, 405)

    def test_waits_are_counted_by_reason_and_end_no_request(self):
        def waits(what):
            return self.box.metrics().sum("wasabi_queue_wait_seconds_" + what, reason="queue.memory")
        before, seconds = waits("count"), waits("sum")
        held = self.occupy("/t/large")
        waiter = self.wait_for("/t/half")
        metrics = self.box.metrics()
        self.assertEqual(metrics.sum("wasabi_queue_length"), 1)
        self.assertEqual(metrics.sum("wasabi_queue_memory_bytes"), 30 << 20)
        self.assertEqual(metrics.sum("wasabi_memory_bytes", kind="booked"), 64 << 20)
        self.assertEqual(metrics.sum("wasabi_capacity_memory_bytes"), 64 << 20)
        self.assertEqual(metrics.sum("wasabi_bookable_memory_bytes") + metrics.sum("wasabi_unbooked_memory_bytes"), 64 << 20)
        time.sleep(0.1)
        held.close()
        self.assertEqual(waiter.reply("GET").status, 200)
        eventually(lambda: waits("count") == before + 1)
        self.assertGreater(waits("sum"), seconds + 0.1)
        self.parked.clear()
        self.occupy("/t/large")
        self.wait_for("/t/half").close()
        eventually(lambda: waits("count") == before + 2, what="who left without its turn is counted too")
        metrics = self.box.metrics()
        ends = [labels["reason"] for name, labels, _ in metrics.samples if name == "wasabi_request_reasons_total"]
        self.assertIn("refused.deadline", ends)
        self.assertEqual([reason for reason in ends if reason.startswith("queue.")], [])


class OwnLimits(WhyCase):
    options = box_toml('[queue]\nper_function = 1\n[tenants.few]\nconcurrency = 1\n')
    functions = {
        "t/sleep": ("sleep", {"limits": {"concurrency": 2, "timeout": "600s"}}),
        "few/sleep": ("sleep", {"limits": {"timeout": "600s"}}),
        "few/other": ("sleep", {}),
    }

    def test_of_a_function(self):
        self.occupy("/t/sleep")
        self.occupy("/t/sleep")
        told = self.why("t/sleep")
        self.assertEqual((told["answer"], told["reason"]), ("waits", "queue.function_concurrency"))
        self.assertEqual(told["concurrency"]["function"], {"running": 2, "most": 2})
        self.wait_for("/t/sleep")
        told = self.why("t/sleep")
        self.assertEqual((told["reason"], told["queue"]["bounds"]["function"]), ("refused.function_concurrency", 1))
        self.assert_meets(told, "/t/sleep?ms=1")

    def test_of_a_tenant(self):
        self.occupy("/few/sleep")
        told = self.why("few/other")
        self.assertEqual((told["answer"], told["reason"]), ("waits", "queue.tenant_concurrency"))
        self.assertEqual(told["concurrency"]["tenant"], {"running": 1, "most": 1})
        self.assertIn("tenants.few.concurrency is 1", told["words"]["to_run"][0])
        self.wait_for("/few/other")
        told = self.why("few/sleep")
        self.assertEqual((told["queue"]["waiting"]["tenant"], told["answer"]), (1, "waits"))


class Quota(WhyCase):
    workers = 1
    functions = {"t/spin": ("spin", {"limits": {"cpu": "100m", "timeout": "600s"}})}

    def test_when_the_quota_is_used_up(self):
        self.use_up_quota("/t/spin")

        def used_up():
            told = self.why("t/spin")
            waits = told["obstacles"] == ["queue.cpu_quota"] and told["queue"]["waiting"]["function"] > 0
            return told if waits and told["answer"] == "waits" else None
        told = eventually(used_up, what="no room in the quota")
        self.assertEqual((told["answer"], told["reason"]), ("waits", "queue.cpu_quota"))
        self.assertEqual(told["cpu"]["quota_cores"], 0.1)
        self.assertGreater(told["cpu"]["quota_refill_seconds"], told["cpu"]["backlog_bound_seconds"])
        self.assertIn("quota of 100m", " ".join(told["words"]["because"]))
        self.assertIn("is refilled", told["words"]["to_run"][0])
        eventually(lambda: self.box.metrics().sum("wasabi_run_queue_length", state="aside") > 0)
        reply = self.box.call("/t/spin?ms=1", headers={"Wasabi-Timeout": "300ms"})
        self.assertIn("refused.deadline", reply.header("proxy-status"))


class Command(BoxCase):
    options = box_toml('[capacity]\nmemory = "64MiB"\n')
    functions = {"t/never": ("sleep", {"limits": {"memory": "65MiB"}}), "t/hello": ("hello", {})}

    def ask(self, *arguments, environment=None):
        return subprocess.run([program("wasabi"), "why", *arguments], text=True, capture_output=True,
                              env={**os.environ, **(environment or {})}, timeout=wire.WAIT_SECONDS)

    def test_says_what_the_listener_says(self):
        admin = ("--admin", "unix:" + self.box.admin_path)
        told = json.loads(self.box.admin("/-/why?function=t/never").text)
        asked = self.ask("t/never", *admin)
        self.assertEqual((asked.returncode, asked.stderr), (0, ""))
        lines = [line.strip() for line in asked.stdout.splitlines()]
        self.assertEqual(lines[0], told["words"]["answer"])
        self.assertIn("it runs when", lines)
        self.assertEqual(lines[-1], told["words"]["to_run"][-1])
        as_json = json.loads(self.ask("t/never", "--json", "--timeout", "250ms", *admin).stdout)
        self.assertEqual((as_json["reason"], as_json["patience_seconds"]), ("refused.over_capacity", 0.25))

    def test_what_goes_wrong(self):
        admin = ("--admin", "unix:" + self.box.admin_path)
        asked = self.ask("t/helo", *admin)
        self.assertEqual((asked.returncode, asked.stdout), (1, ""))
        self.assertIn("did you mean t/hello?", asked.stderr)
        self.assertEqual(self.ask("t/hello", "--admin", "unix:/nowhere").returncode, 1)
        self.assertEqual(self.ask().returncode, 2)

    def test_finds_the_box_by_itself(self):
        runtime = scratch.new("run")
        environment = {"XDG_RUNTIME_DIR": str(runtime)}
        self.assertIn(str(runtime), self.ask("t/hello", environment=environment).stderr)
        box = Box()
        box.admin_arguments = []
        box.environment = {**os.environ, **environment}
        box.put("t/hello", "hello")
        with box:
            asked = self.ask("t/hello", environment=environment)
            self.assertEqual(asked.stdout.splitlines()[0], "a request to t/hello would run now", asked.stderr)
