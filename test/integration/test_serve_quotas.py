"""Quotas of tenants on the single machine: what they get of what is short, and what they may not have."""

import time
import unittest

from harness.box import eventually
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
