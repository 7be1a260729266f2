"""Memory that gets short: growth waits, nothing is killed, nothing is lost."""

import concurrent.futures
import secrets
import signal
import threading
import time
import unittest

from harness import wire
from harness.box import Box, box_toml, eventually, scratch
from harness.peer import Peer

MIB = 1 << 20
CAPACITY = 256


class Overbooked(unittest.TestCase):
    """Functions that lie: they need little for a hundred requests and more, then all of their limit at once."""

    LIMIT = 120
    PEAK = 100
    TOGETHER = 16

    def box(self, mode: str):
        box = Box(*box_toml('[capacity]\nmemory = "%dMiB"\n[memory]\n%s\n' % (CAPACITY, mode)))
        for name in ("a/grow", "b/grow"):
            box.put(name, "grow", limits={"memory": "%dMiB" % self.LIMIT, "timeout": "120s"})
        return box

    def lie(self, mode: str):
        with self.box(mode) as box:
            with concurrent.futures.ThreadPoolExecutor(self.TOGETHER) as pool:
                small = list(pool.map(lambda n: box.call("/%s/grow?mib=2" % "ab"[n % 2]).status, range(300)))
                self.assertEqual(set(small), {200})
                watch = Watch(box)
                large = list(pool.map(lambda n: box.call("/%s/grow?mib=%d&hold_ms=20" % ("ab"[n % 2], self.PEAK)), range(40)))
                peak = watch.stop()
            self.assertEqual([reply.status for reply in large], [200] * 40, [reply.text for reply in large])
            self.assertEqual({reply.text for reply in large}, {"grown=%d\n" % self.PEAK})
            # The process itself, and what ends while its successor begins.
            self.assertLess(peak, (CAPACITY + 96) * MIB)
            eventually(lambda: box.metrics().sum("wasabi_invocations") == 0)
            eventually(lambda: box.metrics().sum("wasabi_memory_bytes", kind="booked") == 0)
            return box.metrics()

    def test_declared(self):
        metrics = self.lie('mode = "declared"')
        self.assertEqual(metrics.sum("wasabi_evictions_total"), 0)

    def test_by_ratio(self):
        self.lie('mode = "ratio"\nratio = 4.0')

    def test_at_risk(self):
        metrics = self.lie('mode = "risk"\nrisk = 1e-2')
        self.assertGreater(metrics.sum("wasabi_evictions_total"), 0)


class Short(unittest.TestCase):
    """A box of 64 MiB that books by ratio, so that more is admitted than fits."""

    CAPACITY = 64
    TIMEOUT = "60s"

    def box(self, memory='mode = "ratio"\nratio = 8.0', capacity=CAPACITY, options=(), **functions):
        self.config = scratch.new("config") / "box.toml"
        self.write_config(capacity, memory)
        box = Box("--config", str(self.config), *options)
        for name, settings in {"one_grow": {}, "two_grow": {}, **functions}.items():
            tenant, function = name.split("_", 1)
            settings = dict(settings)
            limits = {"memory": "60MiB", "timeout": self.TIMEOUT, **settings.pop("limits", {})}
            box.put(f"{tenant}/{function}", settings.pop("guest", "grow"), limits=limits, **settings)
        self.enterContext(box)
        for name in ("one_grow", "two_grow", *functions):
            box.call("/" + name.replace("_", "/", 1) + "?mib=0")  # its program is there from now on
        return box

    def write_config(self, capacity, memory):
        self.config.write_text('[capacity]\nmemory = "%dMiB"\n[memory]\ndefault_limit = "16MiB"\n%s\n' % (capacity, memory))

    def start(self, box, target, body=None, method="GET", headers=()):
        """A request whose answer is looked at later; with the id that the logs name it by."""
        connection = box.connect()
        self.addCleanup(connection.close)
        trace, traceparent = wire.new_trace()
        connection.send(wire.request_bytes(method, target, [traceparent, *headers], body or b""))
        return connection, trace

    def until_waiting(self, box, count=1):
        eventually(lambda: box.metrics().sum("wasabi_growth_waits") == count, what=f"{count} whose growth waits")

    def holding(self, box, mib, hold_ms, tenant="one"):
        """Somebody who has taken so much, and keeps it for so long."""
        held = box.metrics().sum("wasabi_memory_bytes", kind="grown")
        connection, trace = self.start(box, f"/{tenant}/grow?mib={mib}&hold_ms={hold_ms}")
        eventually(lambda: box.metrics().sum("wasabi_memory_bytes", kind="grown") >= held + mib * MIB)
        return connection, trace

    def assert_nothing_left(self, box):
        def left():
            metrics = box.metrics()
            return {"waits": metrics.sum("wasabi_growth_waits"), "invocations": metrics.sum("wasabi_invocations"),
                    **{kind: metrics.sum("wasabi_memory_bytes", kind=kind) for kind in ("booked", "grown", "instances")}}
        try:
            eventually(lambda: not any(left().values()))
        except AssertionError as error:
            raise AssertionError(str(left())) from error

    def evicted(self, box) -> list:
        return [line["request"] for line in box.function_lines() if "evicted" in line["line"]]


class Eviction(Short):
    """Two that grow step by step until neither finds room: the younger one has to go."""

    def meet(self, box, younger, **options):
        """The older one's answer, and what became of the younger one, which grows at the target `younger`."""
        older, _ = self.start(box, "/one/grow?mib=55&step_ms=10")
        eventually(lambda: box.metrics().sum("wasabi_memory_bytes", kind="grown") > 2 * MIB)
        connection, trace = self.start(box, younger, **options)
        eventually(lambda: trace in self.evicted(box), what="the eviction of the younger one")
        reply = older.reply()
        self.assertEqual((reply.status, reply.text), (200, "grown=55\n"))
        return connection, trace

    def box(self, **settings):
        return super().box(options=("--allow-private-networks",), one_act={"guest": "http_act", **settings})

    def test_one_that_has_shown_nothing_runs_again(self):
        box = self.box()
        connection, trace = self.meet(box, "/one/act?mib=50&step_ms=10")
        self.assertEqual(connection.reply().status, 200)
        line = box.access_line(trace)
        self.assertEqual((line["status"], line["waited_for"]), (200, "evicted.memory_pressure"))
        self.assertEqual(self.evicted(box), [trace])
        ours = [line["line"] for line in box.function_lines() if line["request"] == trace and line["stream"] == "runtime"]
        self.assertEqual([line.split(",")[0].split(":")[0] for line in ours], ["evicted", "begins anew"])
        # By the declared limits nobody else fits beside the older one, so it waited in the queue, and is counted there.
        self.assertEqual(box.metrics().sum("wasabi_queue_wait_seconds_count"), 1)
        self.assert_nothing_left(box)

    def test_one_whose_head_is_out_is_cut(self):
        box = self.box()
        connection, trace = self.meet(box, "/one/act?mib=50&step_ms=10&first=head")
        reply = connection.reply()
        self.assertEqual((reply.status, reply.body, reply.complete), (200, b"", False))
        self.assertEqual(box.access_line(trace)["reason"], "evicted.memory_pressure")
        self.assert_nothing_left(box)

    def test_one_that_has_called_out_is_not_run_twice(self):
        peer = Peer()
        self.addCleanup(peer.end)
        box = self.box(outbound=[peer.authority])
        connection, trace = self.meet(box, f"/one/act?mib=50&step_ms=10&first=call&url=http://{peer.authority}/once")
        reply = connection.reply()
        self.assertEqual((reply.status, reply.text.split()[0]), (503, "evicted.memory_pressure"))
        self.assertIsNotNone(reply.header("retry-after"))
        self.assertIn("evicted.memory_pressure", reply.header("proxy-status"))
        self.assertEqual(box.access_line(trace)["reason"], "evicted.memory_pressure")
        self.assertEqual(peer.seen, ["/once"])
        self.assert_nothing_left(box)

    def test_a_body_that_was_kept_is_there_again(self):
        for size in (1, 40_000, 65_536):
            with self.subTest(size):
                box = self.box()
                body = secrets.token_bytes(size)
                connection, trace = self.meet(box, f"/one/act?mib=50&step_ms=10&read={size}", method="POST", body=body)
                reply = connection.reply()
                self.assertEqual(reply.status, 200, reply.text)
                self.assertTrue(reply.body == body, f"{len(reply.body)} bytes of {size}")
                self.assertEqual(box.access_line(trace)["bytes_in"], size)
                self.assert_nothing_left(box)

    def test_the_rest_of_a_body_may_come_after_the_eviction(self):
        box = self.box()
        body = secrets.token_bytes(60_000)
        connection, _ = self.meet(box, "/one/act?mib=50&step_ms=10&read=30000", method="POST", body=body[:30_000],
                                  headers=[("Content-Length", "60000")])
        connection.send(body[30_000:45_000])
        connection.send(body[45_000:])
        reply = connection.reply()
        self.assertEqual(reply.status, 200, reply.text)
        self.assertTrue(reply.body == body, f"{len(reply.body)} bytes")
        self.assert_nothing_left(box)

    def test_a_longer_body_is_not_kept(self):
        chunked = [("Transfer-Encoding", "chunked")], wire.chunk(b"x" * 100_000) + b"0\r\n\r\n"
        for headers, body in (([], b"x" * 65_537), chunked):
            with self.subTest(size=len(body)):
                box = self.box()
                connection, _ = self.meet(box, "/one/act?mib=50&step_ms=10&read=65537", method="POST", body=body,
                                          headers=headers)
                reply = connection.reply()
                self.assertEqual((reply.status, reply.text.split()[0]), (503, "evicted.memory_pressure"))
                self.assert_nothing_left(box)

    def test_a_client_that_goes_away_after_the_eviction_leaves_nothing(self):
        box = self.box()
        older, _ = self.start(box, "/one/grow?mib=55&step_ms=10&hold_ms=2000")
        eventually(lambda: box.metrics().sum("wasabi_memory_bytes", kind="grown") > 2 * MIB)
        connection, trace = self.start(box, "/one/act?mib=50&step_ms=10")
        eventually(lambda: trace in self.evicted(box))
        connection.close()
        self.assertEqual(older.reply().status, 200)
        self.assert_nothing_left(box)

    def test_who_hogs_goes_and_not_its_neighbour(self):
        box = self.box()
        hogs = [self.start(box, "/one/grow?mib=55&step_ms=10")]
        eventually(lambda: box.metrics().sum("wasabi_memory_bytes", kind="grown") > 0)  # so that it is the older one
        hogs.append(self.start(box, "/one/grow?mib=55&step_ms=10"))
        eventually(lambda: box.metrics().sum("wasabi_memory_bytes", kind="grown") > 4 * MIB)
        neighbour, trace = self.start(box, "/two/grow?mib=10&step_ms=100")  # the youngest of all
        self.assertEqual(neighbour.reply().text, "grown=10\n")
        self.assertEqual([connection.reply().text for connection, _ in hogs], ["grown=55\n"] * 2)
        self.assertEqual(set(self.evicted(box)), {hogs[1][1]})
        self.assertNotIn(trace, self.evicted(box))
        self.assert_nothing_left(box)


class GrowthWaits(Short):
    """Somebody holds memory and goes on, so whoever finds no room waits."""

    def wait(self, box, hold_ms=600_000, target="/two/grow?mib=40", **options):
        holder, holder_trace = self.holding(box, 40, hold_ms)
        waiting, trace = self.start(box, target, **options)
        self.until_waiting(box)
        return holder, holder_trace, waiting, trace

    def assert_only_the_holder_is_left(self, box, holder_trace):
        eventually(lambda: box.metrics().sum("wasabi_growth_waits") == 0)
        eventually(lambda: box.metrics().sum("wasabi_invocations") == 1)
        self.assertLess(box.metrics().sum("wasabi_memory_bytes", kind="instances"), 42 * MIB)
        self.assertEqual(box.admin("/-/cancel?request=" + holder_trace, method="POST").status, 200)
        self.assertEqual(self.evicted(box), [])
        self.assert_nothing_left(box)

    def test_it_goes_on_when_the_holder_ends(self):
        box = self.box(two_idle={"guest": "hello"})  # whose slot stays warm
        holder, _, waiting, _ = self.wait(box, hold_ms=1000)
        self.assertEqual(holder.reply().text, "grown=40\n")
        self.assertEqual(waiting.reply().text, "grown=40\n")
        self.assertEqual(self.evicted(box), [])
        self.assert_nothing_left(box)

    def test_a_client_that_goes_away(self):
        box = self.box()
        _, holder_trace, waiting, trace = self.wait(box)
        waiting.close()
        self.assert_only_the_holder_is_left(box, holder_trace)
        self.assertEqual(box.access_line(trace)["outcome"], "cancelled")

    def test_its_timeout(self):
        box = self.box(two_short={"limits": {"timeout": "1s"}})
        _, holder_trace, waiting, _ = self.wait(box, target="/two/short?mib=40")
        reply = waiting.reply()
        self.assertEqual((reply.status, reply.text.split()[0]), (504, "timeout.function"))
        self.assert_only_the_holder_is_left(box, holder_trace)

    def test_cancel(self):
        box = self.box()
        _, holder_trace, waiting, trace = self.wait(box)
        self.assertEqual(box.admin("/-/cancel?request=" + trace, method="POST").status, 200)
        self.assertIn("operator.cancelled", waiting.reply().text)
        self.assert_only_the_holder_is_left(box, holder_trace)

    def test_drain(self):
        box = self.box()
        holder, _, waiting, _ = self.wait(box, hold_ms=1500)
        box.process.send_signal(signal.SIGTERM)
        self.assertEqual(holder.reply().text, "grown=40\n")
        self.assertEqual(waiting.reply().text, "grown=40\n")
        self.assertEqual(box.process.wait(wire.WAIT_SECONDS), 0)

    def test_less_capacity_than_is_held(self):
        box = self.box()
        holder, _, waiting, _ = self.wait(box, hold_ms=2000)
        self.write_config(44, 'mode = "ratio"\nratio = 8.0')
        box.process.send_signal(signal.SIGHUP)
        eventually(lambda: "configuration reloaded" in box.log_text())
        self.assertEqual(holder.reply().text, "grown=40\n")
        self.assertEqual(waiting.reply().text, "grown=40\n")
        self.assertEqual(self.evicted(box), [])
        self.assert_nothing_left(box)

    def test_nobody_else_holds_what_is_over_a_lowered_capacity(self):
        box = self.box()
        growing, trace = self.start(box, "/one/grow?mib=50&step_ms=100")
        eventually(lambda: box.metrics().sum("wasabi_memory_bytes", kind="grown") > 10 * MIB)
        self.write_config(16, 'mode = "ratio"\nratio = 8.0')
        box.process.send_signal(signal.SIGHUP)
        reply = growing.reply()
        self.assertEqual((reply.status, reply.text.split()[0]), (503, "evicted.memory_pressure"))
        self.assertEqual(box.call("/one/grow?mib=1").status, 503)  # it may use more than there is
        self.assert_nothing_left(box)


class Crowd(Short):
    TIMEOUT = "20s"

    def many(self, box, targets):
        def call(target):
            start = time.monotonic()
            reply = box.call(target)
            return reply, time.monotonic() - start
        with concurrent.futures.ThreadPoolExecutor(24) as pool:
            return list(pool.map(call, targets))

    def test_a_limit_of_exactly_the_capacity(self):
        # All but a page, since its table counts as well.
        box = self.box(one_whole={"limits": {"memory": "64MiB"}})
        answers = self.many(box, ["/one/whole?mib=1&until_pages=1023"] * 6)
        self.assertEqual({(reply.status, reply.text) for reply, _ in answers}, {(200, "grown=63\n")})
        self.assert_nothing_left(box)

    def test_instances_kept_for_reuse_give_their_memory_up(self):
        box = self.box(one_kept={"guest": "http_grow", "reuse": 1000})
        self.assertEqual(box.call("/one/kept?mib=40").text, "40\n")
        self.assertGreater(box.metrics().sum("wasabi_memory_bytes", kind="instances"), 40 * MIB)
        start = time.monotonic()
        self.assertEqual(box.call("/two/grow?mib=40").text, "grown=40\n")
        self.assertLess(time.monotonic() - start, 5)  # they would lie for ten seconds
        self.assertEqual(box.metrics().sum("wasabi_shelved_instances"), 0)
        self.assertEqual(self.evicted(box), [])
        self.assert_nothing_left(box)

    def test_guests_that_take_whatever_they_get(self):
        box = self.box(one_hog={"guest": "hog"}, two_hog={"guest": "hog"}, two_web={"guest": "http_grow"})
        targets = ["/one/hog", "/two/hog", "/two/web?mib=1000", "/one/grow?mib=1000"] * 12
        reasons = set()
        for reply, seconds in self.many(box, targets):
            self.assertLess(seconds, 30)
            reasons.add(reply.text.split()[0] if reply.status != 200 else "200")
        self.assertLessEqual(reasons, {"200", "59", "function.memory_limit", "evicted.memory_pressure", "timeout", "refused.deadline"})
        self.assertIn("function.memory_limit", reasons)
        self.assert_nothing_left(box)

    def test_hundreds_of_small_growths(self):
        box = self.box()
        answers = self.many(box, ["/%s/grow?mib=20&step_pages=1" % ("one", "two")[n % 2] for n in range(60)])
        self.assertEqual({(reply.status, reply.text) for reply, _ in answers}, {(200, "grown=20\n")})
        self.assert_nothing_left(box)

    def test_clients_that_go_away_at_any_moment(self):
        box = self.box(one_act={"guest": "http_act"})
        for number in range(150):
            connection, _ = self.start(box, ("/one/grow?mib=30&step_ms=1", "/two/grow?mib=45", "/one/act?mib=30")[number % 3])
            time.sleep(0.001 * (number % 17))
            if number % 4:
                connection.close()
        self.assert_nothing_left(box)
        self.assertEqual(box.call("/two/grow?mib=50").text, "grown=50\n")


class Watch:
    """The most anonymous memory that a box holds while this looks."""

    def __init__(self, box):
        self.box = box
        self.most = 0
        self.over = threading.Event()
        self.thread = threading.Thread(target=self.look)
        self.thread.start()

    def look(self):
        while not self.over.wait(0.002):
            self.most = max(self.most, self.box.resident_bytes())

    def stop(self) -> int:
        self.over.set()
        self.thread.join()
        return self.most
