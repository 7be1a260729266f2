"""Requests that are admitted, wait or are refused."""

import json

from . import wire
from .box import box_toml, eventually
from .case import BoxCase


class AdmissionCase(BoxCase):
    def occupy(self, target: str):
        """A connection whose request runs until it is closed."""
        connection = self.box.connect()
        connection.send(wire.request_bytes("GET", target + "?ms=600000"))
        self.addCleanup(connection.close)
        eventually(lambda: self.states(target).count("parked") > self.parked.get(target, 0), what="a place for " + target)
        self.parked[target] = self.parked.get(target, 0) + 1
        return connection

    def wait_for(self, target: str, *headers):
        """A connection whose request waits for its admission; `trace` of it is the request's id."""
        before = self.states(target).count("queued")
        connection = self.box.connect()
        connection.trace, traceparent = wire.new_trace()
        connection.send(wire.request_bytes("GET", target + "?ms=1", headers=[traceparent, *headers]))
        self.addCleanup(connection.close)
        eventually(lambda: self.states(target).count("queued") > before, what="one more that waits for " + target)
        return connection

    def use_up_quota(self, target: str):
        """Requests that compute until they are closed, of a function with a quota of 100m, so many that some wait."""
        self.load(target + "?ms=1")
        sent = 0

        def one_more():
            nonlocal sent
            connection = self.box.connect()
            self.addCleanup(connection.close)
            connection.send(wire.request_bytes("GET", target))
            sent += 1

        def some_wait():
            states = self.states(target)
            if len(states) < sent:
                return False
            if "queued" not in states:
                one_more()
            return "queued" in states

        # Slices of 1 ms are 10 ms of the quota each: more than five do not fit into the bound of 50 ms. Those that come
        # before the first of them was charged go in all the same.
        for _ in range(12):
            one_more()
        eventually(some_wait, what="one that waits for the quota")

    def states(self, target: str) -> list:
        listed = json.loads(self.box.admin("/-/invocations").text)["invocations"]
        return [one["state"] for one in listed if "/%s/%s" % (one["tenant"], one["function"]) == target]

    def setUp(self):
        self.parked = {}
        self.addCleanup(lambda: eventually(lambda: self.box.metrics().sum("wasabi_invocations") == 0))


class ScarceMemory(AdmissionCase):
    """Room for two halves or one large one, booked as declared. A tenant may have all of it."""

    options = box_toml('[capacity]\nmemory = "64MiB"\n[memory]\nmode = "declared"\nfor_others = 0\n')
    functions = {
        "t/half": ("sleep", {"limits": {"memory": "30MiB", "timeout": "600s"}}),
        "t/large": ("sleep", {"limits": {"memory": "64MiB", "timeout": "600s"}}),
        "t/never": ("sleep", {"limits": {"memory": "65MiB"}}),
        "other/half": ("sleep", {"limits": {"memory": "30MiB", "timeout": "600s"}}),
    }
