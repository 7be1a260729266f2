"""Quotas of tenants on the single machine: what they get of what is short, and what they may not have."""

import json
import os
import shutil
import threading
import time
import unittest

from harness import images
from harness.box import eventually, scratch
from harness.serve import Load, Serve


class Weights(unittest.TestCase):
    def test_they_hold_inside_a_superpod_and_change_while_it_runs(self):
        with Serve("--superpods", "1") as serve:
            for tenant in ("a", "b"):
                serve.run("tenant", "create", tenant)
                serve.deploy("burn", f"{tenant}/burn", '[limits]\nmemory = "2MiB"\n')
                self.assertEqual(serve.call(f"/{tenant}/burn").status, 200)
            serve.run("tenant", "set", "a", "--cpu-weight", "6")
            host = serve.hosts()[0]["name"]
            with Load(serve, "/a/burn?rounds=1000") as a, Load(serve, "/b/burn?rounds=1000") as b:
                def answered(seconds):
                    before = (a.counts.get(200, 0), b.counts.get(200, 0))
                    time.sleep(seconds)
                    return a.counts.get(200, 0) - before[0], b.counts.get(200, 0) - before[1]

                eventually(lambda: a.counts.get(200, 0) > 10 and b.counts.get(200, 0) > 10)
                of_a, of_b = answered(2)
                self.assertGreater(of_a, 3 * of_b)
                serve.run("tenant", "set", "a", "--cpu-weight", "1")
                serve.run("tenant", "set", "b", "--cpu-weight", "6")
                time.sleep(1)
                of_a, of_b = answered(2)
                self.assertGreater(of_b, 3 * of_a)
            self.assertEqual((a.failures(), b.failures()), ({}, {}))
            self.assertEqual([one["name"] for one in serve.hosts()], [host])
            self.assertIn("6", serve.run("tenant", "set", "b", "--cpu-weight", "6", "--json"))
            self.assertIn("cpu_weight must be", serve.run("tenant", "set", "b", "--cpu-weight", "0", code=2))
            self.assertIn("at least one quota", serve.run("tenant", "set", "b", code=2))


class Waiting:
    """Requests that were sent at once, each by a thread of its own."""

    def __init__(self, serve: Serve, targets: list):
        self.replies = []
        self._threads = [threading.Thread(target=lambda target=target: self.replies.append(serve.call(target)))
                         for target in targets]
        for thread in self._threads:
            thread.start()

    def statuses(self) -> list:
        for thread in self._threads:
            thread.join()
        return [reply.status for reply in self.replies]


class MemoryQuota(unittest.TestCase):
    """Each request is booked what its function declares, so that what fits is known."""

    def setUp(self):
        folder = scratch.new("quota")
        self.access = folder / "access.log"
        config = folder / "serve.toml"
        config.write_text(f'[memory]\nmode = "declared"\n[logs]\naccess = "{self.access}"\n')
        self.serve = Serve("--config", str(config), *self.options()).start()
        self.addCleanup(self.serve.close)
        for tenant in ("acme", "other"):
            self.serve.run("tenant", "create", tenant)
        self.serve.run("tenant", "set", "acme", "--memory", "64MiB")

    def options(self) -> tuple:
        return ("--superpods", "1")

    def tenant(self, name: str = "acme") -> dict:
        told = json.loads(self.serve.api("GET", "/status").text)["tenants"]
        return next((one for one in told if one["name"] == name), {})

    def why(self, function: str) -> str:
        return self.serve.run("why", function)

    def deploy_sleepers(self):
        self.serve.deploy("sleep", "acme/nap", '[limits]\nmemory = "32MiB"\n')
        self.serve.deploy("sleep", "other/nap", '[limits]\nmemory = "32MiB"\n')
        for tenant in ("acme", "other"):
            self.assertEqual(self.serve.call(f"/{tenant}/nap?ms=1").status, 200)


class Memory(MemoryQuota):
    def test_what_finds_no_room_waits_and_delays_no_other_tenant(self):
        self.deploy_sleepers()
        sleeping = Waiting(self.serve, ["/acme/nap?ms=8000"] * 6)
        eventually(lambda: self.tenant().get("waiting") == 4, what="four that wait")
        told = self.tenant()
        self.assertEqual((told["running"], told["booked_bytes"], told["memory_quota_bytes"]), (2, 64 << 20, 64 << 20))
        told = self.why("acme/nap")
        self.assertIn("its tenant's memory quota has no room", told)
        self.assertIn("64 MiB of acme's 64 MiB are held: acme/nap 64 MiB", told)
        self.assertIn("end that hold 32 MiB together", told)
        others = [self.serve.call("/other/nap?ms=1") for _ in range(20)]
        self.assertEqual([reply.status for reply in others], [200] * 20)
        self.assertGreaterEqual(self.tenant()["waiting"], 1, "the others came before any of these had ended")
        metrics = self.serve.api("GET", "/metrics").text
        self.assertIn('wasabi_gateway_tenant_memory_quota_bytes{tenant="acme"} 67108864', metrics)
        self.assertIn('wasabi_gateway_tenant_booked_bytes{tenant="acme"} 67108864', metrics)
        self.assertIn("64.0 MiB", self.serve.run("top", "--once"))
        self.assertEqual(sleeping.statuses(), [200] * 6)
        eventually(lambda: self.tenant()["booked_bytes"] == 0, what="all charges back")

        def waits():
            lines = [json.loads(line) for line in self.access.read_text().splitlines()]
            return sum(line.get("waited_for") == "queue.tenant_memory" for line in lines)
        eventually(lambda: waits() == 4, what="the lines of the four that waited")

    def test_a_large_one_is_not_starved_by_small_ones_of_its_tenant(self):
        self.serve.deploy("sleep", "acme/small", '[limits]\nmemory = "8MiB"\n')
        self.serve.deploy("sleep", "acme/large", '[limits]\nmemory = "64MiB"\ntimeout = "20s"\n')
        with Load(self.serve, "/acme/small?ms=50", clients=16) as load:
            eventually(lambda: self.tenant().get("waiting", 0) > 0, what="small ones that wait")
            self.assertEqual(self.serve.call("/acme/large?ms=10").status, 200)
        self.assertEqual(load.failures(), {})

    def test_what_could_never_run_is_refused_with_the_mend(self):
        told = self.serve.deploy_fails("hello", "acme/big", '[limits]\nmemory = "65MiB"\n', code=4)
        self.assertIn("limits.memory is 65MiB", told)
        self.assertIn("ask the operator for a larger memory quota", told)
        self.deploy_sleepers()
        waiting = Waiting(self.serve, ["/acme/nap?ms=4000"] * 3)
        eventually(lambda: self.tenant().get("waiting") == 1, what="one that waits")
        self.serve.run("tenant", "set", "acme", "--memory", "16MiB")
        reply = self.serve.call("/acme/nap?ms=1")
        self.assertEqual(reply.status, 429)
        self.assertIn("refused.tenant_memory", reply.header("proxy-status"))
        self.assertIsNone(reply.header("retry-after"))
        self.assertIn("it may need 32MiB (limits.memory)", reply.text)
        self.assertIn("it would be refused", self.why("acme/nap"))
        # Those that ran finish; the one that waited is told at once that it never will.
        self.assertEqual(sorted(waiting.statuses()), [200, 200, 429])
        self.serve.run("tenant", "set", "acme", "--memory", "64MiB")
        self.assertEqual(self.serve.call("/acme/nap?ms=1").status, 200)

    def test_without_time_or_a_place_to_wait_it_is_refused(self):
        self.deploy_sleepers()
        sleeping = Waiting(self.serve, ["/acme/nap?ms=4000"] * 2)
        eventually(lambda: self.tenant().get("running") == 2, what="two that run")
        reply = self.serve.call("/acme/nap?ms=1", headers=[("wasabi-timeout", "300ms")])
        self.assertEqual((reply.status, "refused.deadline" in reply.header("proxy-status")), (503, True))
        self.assertEqual(sleeping.statuses(), [200] * 2)

    def test_a_call_between_functions_waits_by_its_deadline_at_most(self):
        self.serve.deploy("sleep", "acme/nap", '[limits]\nmemory = "32MiB"\n')
        self.serve.deploy("http_outbound", "acme/caller",
                          'outbound = ["*.acme.internal"]\n[limits]\nmemory = "40MiB"\ntimeout = "2s"\n')
        # Both do not fit: the called one gets no room while the calling one waits for it.
        reply = self.serve.call("/acme/caller?url=http://nap.acme.internal/?ms=1")
        self.assertGreaterEqual(reply.status, 500)
        eventually(lambda: self.tenant()["booked_bytes"] == 0 and self.tenant()["waiting"] == 0, what="nothing left")
        self.serve.run("tenant", "set", "acme", "--memory", "72MiB")
        reply = self.serve.call("/acme/caller?url=http://nap.acme.internal/?ms=1")
        self.assertEqual((reply.status, reply.text), (200, "slept 1\n"))

    def test_the_check_of_a_new_version_waits_like_any_request(self):
        self.deploy_sleepers()
        sleeping = Waiting(self.serve, ["/acme/nap?ms=15000"] * 2)
        eventually(lambda: self.tenant().get("running") == 2, what="two that run")
        checked = '[limits]\nmemory = "32MiB"\n[check]\npath = "/?ms=2"\ntimeout = "500ms"\n'
        self.assertIn("no answer to GET /?ms=2 within 500ms",
                      self.serve.deploy_fails("sleep", "acme/checked", checked, code=2))
        self.assertEqual(sleeping.statuses(), [200] * 2)
        again = self.serve.deploy("sleep", "acme/checked", checked.replace("ms=2", "ms=3"))
        self.assertEqual(again["state"], "ready")

    def test_charges_return_when_superpods_die_and_clients_leave(self):
        self.deploy_sleepers()
        sleeping = Waiting(self.serve, ["/acme/nap?ms=4000"] * 4)
        eventually(lambda: self.tenant().get("waiting") == 2, what="two that wait")
        os.kill(self.serve.hosts()[0]["pid"], 9)
        self.assertEqual(sleeping.statuses(), [200] * 4)
        for _ in range(4):
            impatient = self.serve.call("/acme/nap?ms=3000", headers=[("wasabi-timeout", "100ms")])
            self.assertIn(impatient.status, (503, 504))
        eventually(lambda: self.tenant()["booked_bytes"] == 0, what="all charges back")


class Risk(unittest.TestCase):
    def test_what_functions_really_use_is_what_counts(self):
        with Serve("--superpods", "1") as serve:
            serve.run("tenant", "create", "acme")
            serve.run("tenant", "set", "acme", "--memory", "64MiB")
            serve.deploy("sleep", "acme/nap", '[limits]\nmemory = "32MiB"\n')
            for _ in range(200):
                self.assertEqual(serve.call("/acme/nap?ms=0").status, 200)
            self.assertIn("as its superpod last booked for one", serve.run("why", "acme/nap"))
            sleeping = Waiting(serve, ["/acme/nap?ms=3000"] * 6)
            eventually(lambda: serve.json("top")["tenants"][0]["running"] == 6, what="six at once")
            self.assertEqual(sleeping.statuses(), [200] * 6)


class ContainerMemory(MemoryQuota):
    """Container functions beside those of superpods. Needs root, and runc."""

    def setUp(self):
        if os.geteuid() != 0:
            self.skipTest("only root can start containers")
        if not shutil.which("runc"):
            self.skipTest("runc is not installed")
        super().setUp()

    def options(self) -> tuple:
        return ("--superpods", "1", "--containers", "runc")

    def test_a_container_counts_whole_while_requests_run_on_it(self):
        folder = images.folder("scale = { max = 3 }\n[limits]\nconcurrency = 2\nmemory = '40MiB'\n")
        self.serve.run("deploy", str(folder), "--name", "acme/shop")
        self.deploy_sleepers()
        sleeping = Waiting(self.serve, ["/acme/shop/sleep?6000"] * 4)
        eventually(lambda: self.tenant().get("waiting") == 2, what="two that wait")
        self.assertEqual((self.tenant()["running"], self.tenant()["booked_bytes"]), (2, 40 << 20))
        self.assertIn("acme/shop 40 MiB", self.why("acme/nap"))
        self.assertIn("its tenant's memory quota has no room", self.why("acme/nap"))
        time.sleep(1)
        ready = [one for version in self.serve.json("top")["containers"] for one in version["replicas"]]
        self.assertEqual(len(ready), 1, "more would be beyond the quota")
        self.assertEqual(sleeping.statuses(), [200] * 4)
        self.assertEqual(self.serve.call("/acme/nap?ms=1").status, 200)

    def test_more_kept_ready_than_the_quota_is_no_deploy(self):
        folder = images.folder("scale = { min = 2, max = 3 }\n[limits]\nmemory = '40MiB'\n")
        self.assertIn("2 containers (scale.min) of 40MiB each",
                      self.serve.run("deploy", str(folder), "--name", "acme/shop", code=4))
