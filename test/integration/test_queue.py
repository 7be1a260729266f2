"""Admission: what runs, what waits and for what, what is refused."""

import json
import time

from harness.admission import AdmissionCase, ScarceMemory
from harness.box import box_toml, eventually


class Memory(ScarceMemory):
    def test_one_that_does_not_fit_waits_until_another_ends(self):
        first = self.occupy("/t/half")
        self.occupy("/t/half")
        third = self.wait_for("/t/half")
        load = json.loads(self.box.admin("/-/load").text)
        self.assertAlmostEqual(load["booked_units"], 60 / 200)
        self.assertAlmostEqual(load["waiting_units"], 30 / 200)
        first.close()
        reply = third.reply("GET")
        self.assertEqual(reply.status, 200)
        self.assertIn('desc="queue.memory"', reply.header("server-timing"))
        line = self.box.access_line(third.trace)
        self.assertEqual(line["waited_for"], "queue.memory")
        self.assertGreater(line["wait_us"], 0)

    def test_a_deadline_that_passes_while_waiting(self):
        self.occupy("/t/large")
        waiter = self.wait_for("/t/half", ("Wasabi-Timeout", "300ms"))
        reply = waiter.reply("GET")
        self.assertEqual(reply.status, 503)
        self.assertIn("refused.deadline", reply.header("proxy-status"))
        self.assertEqual(reply.header("retry-after"), "1")
        self.assertEqual(self.box.access_line(waiter.trace)["waited_for"], "queue.memory")
        self.assertEqual(self.states("/t/half"), [])

    def test_who_goes_away_leaves_its_place(self):
        occupied = self.occupy("/t/large")
        self.wait_for("/t/half").close()
        eventually(lambda: self.states("/t/half") == [])
        occupied.close()
        self.assertEqual(self.box.call("/t/half?ms=1").status, 200)

    def test_a_large_one_is_not_starved_by_small_ones(self):
        small = [self.occupy("/t/half"), self.occupy("/other/half")]
        large = self.wait_for("/t/large")
        time.sleep(0.2)  # by now nobody may overtake it
        others = [self.wait_for("/other/half") for _ in range(3)]
        small[0].close()
        eventually(lambda: self.states("/t/half") == [])
        # There would be room for one, and it does not get it.
        self.assertEqual(self.states("/other/half").count("queued"), 3)
        small[1].close()
        self.assertEqual(large.reply("GET").status, 200)
        self.assertEqual([other.reply("GET").status for other in others], [200] * 3)

    def test_what_never_fits_is_refused_at_once(self):
        reply = self.box.call("/t/never?ms=1")
        self.assertEqual(reply.status, 503)
        self.assertIn("refused.over_capacity", reply.header("proxy-status"))
        self.assertIsNone(reply.header("retry-after"))

    def test_a_timeout_that_is_none(self):
        reply = self.box.call("/t/half?ms=1", headers={"Wasabi-Timeout": "soon"})
        self.assertEqual(reply.status, 400)
        self.assertIn("refused.bad_timeout", reply.header("proxy-status"))
        self.assertIn("wasabi-timeout", reply.text)

    def test_the_caller_may_shorten_the_time_to_run(self):
        reply = self.box.call("/t/half?ms=600000", headers={"Grpc-Timeout": "200m"})
        self.assertEqual(reply.status, 504)
        self.assertIn("timeout.function", reply.header("proxy-status"))


class Shares(AdmissionCase):
    """Room for two, of which one is kept for the other tenant."""

    options = box_toml('[capacity]\nmemory = "64MiB"\n[memory]\nmode = "declared"\nfor_others = 0.25\n')
    functions = {name + "/half": ("sleep", {"limits": {"memory": "30MiB", "timeout": "600s"}}) for name in ("t", "other")}

    def test_a_tenant_cannot_hold_what_is_kept_for_others(self):
        first = self.occupy("/t/half")
        waiter = self.wait_for("/t/half")
        told = json.loads(self.box.admin("/-/why?function=t/half").text)
        self.assertEqual((told["answer"], told["reason"], told["obstacles"]), ("waits", "queue.tenant_share", ["queue.tenant_share"]))
        self.assertEqual(told["share"]["memory"]["held_bytes"], 60 << 20)
        self.assertIn("memory.for_others", told["words"]["to_run"][0])
        # Another comes in at once, though somebody waits.
        self.occupy("/other/half")
        self.assertEqual(self.states("/t/half").count("queued"), 1)
        first.close()
        reply = waiter.reply("GET")
        self.assertEqual(reply.status, 200)
        self.assertIn('desc="queue.tenant_share"', reply.header("server-timing"))
        self.assertEqual(self.box.access_line(waiter.trace)["waited_for"], "queue.tenant_share")

    def test_one_that_has_the_box_for_itself_may_have_all(self):
        self.occupy("/t/half")
        waiter = self.wait_for("/t/half")
        self.box.catalog.remove("other/half")
        self.addCleanup(self.box.wait_for_catalog, "/other/half?ms=1")
        self.addCleanup(self.box.catalog.put, "other/half", "sleep", **self.functions["other/half"][1])
        self.assertEqual(waiter.reply("GET").status, 200)


class Concurrency(AdmissionCase):
    options = box_toml('[queue]\nper_function = 1\n[tenants.few]\nconcurrency = 1\n')
    functions = {
        "t/sleep": ("sleep", {"limits": {"concurrency": 2, "timeout": "600s"}}),
        "few/sleep": ("sleep", {"limits": {"timeout": "600s"}}),
    }

    def test_of_a_function(self):
        first = self.occupy("/t/sleep")
        self.occupy("/t/sleep")
        waiter = self.wait_for("/t/sleep")
        for _ in range(4):
            refused = self.box.call("/t/sleep?ms=1")
            self.assertEqual(refused.status, 429)
            self.assertIn("refused.function_concurrency", refused.header("proxy-status"))
            self.assertIn("in the way: queue.function_concurrency", refused.text)
            line = self.box.access_line(refused.trace)
            self.assertEqual((line["in_the_way"], line.get("waited_for")), ("queue.function_concurrency", None))
            self.assertGreaterEqual(int(refused.header("retry-after")), 1)
        first.close()
        reply = waiter.reply("GET")
        self.assertEqual(reply.status, 200)
        self.assertIn('desc="queue.function_concurrency"', reply.header("server-timing"))

    def test_of_a_tenant(self):
        self.occupy("/few/sleep")
        self.wait_for("/few/sleep")
        refused = self.box.call("/few/sleep?ms=1")
        self.assertEqual(refused.status, 429)
        self.assertIn("refused.tenant_concurrency", refused.header("proxy-status"))


class Quota(AdmissionCase):
    workers = 1
    functions = {
        "t/spin": ("spin", {"limits": {"cpu": "100m", "timeout": "600s"}}),
        "other/hello": ("hello", {}),
    }

    def test_what_a_quota_has_no_room_for_waits_and_no_other_does(self):
        self.use_up_quota("/t/spin")
        reply = self.box.call("/t/spin?ms=1", headers={"Wasabi-Timeout": "300ms"})
        self.assertEqual(reply.status, 503)
        self.assertIn("refused.deadline", reply.header("proxy-status"))
        # It waited for that, or was refused before it did.
        line = self.box.access_line(reply.trace)
        self.assertEqual(line.get("waited_for", line.get("in_the_way")), "queue.cpu_quota")
        self.assertNotEqual("waited_for" in line, "in_the_way" in line)
        reply = self.box.call("/other/hello")
        self.assertEqual(reply.status, 200)
        # It goes through the queue that the others are in, and is not held back there.
        self.assertIn(self.box.access_line(reply.trace).get("waited_for"), ("queue.order", None))
