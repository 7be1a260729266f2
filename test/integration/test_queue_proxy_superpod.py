"""The queue-proxy before a box: memory in place of requests, and Knative's autoscaler by it."""

import subprocess
import threading
import unittest

from harness import wire
from harness.box import Box, eventually, program
from harness.fake_box import FakeBox
from harness.queue_proxy import App, NoStat, QueueProxy, free_port, is_ready, scrape


def before(box: FakeBox, app: App, annotations=None, **environment) -> QueueProxy:
    annotations = {"wasabi.dev/superpod": "true", "wasabi.dev/box-admin": box.admin, "wasabi.dev/memory-unit": "200MiB",
                   **(annotations or {})}
    return QueueProxy(app.port, annotations, **environment)


def units(proxy: QueueProxy) -> float:
    return scrape(proxy)["concurrency"]


class Units(unittest.TestCase):
    def setUp(self):
        self.app, self.box = App(), FakeBox()
        self.proxy = before(self.box, self.app).start()
        self.addCleanup(self.app.end)
        self.addCleanup(self.box.end)
        self.addCleanup(self.proxy.kill)

    def test_booked_and_waiting_memory_is_the_load(self):
        self.box.set(booked=30, waiting=12.5)
        eventually(lambda: abs(units(self.proxy) - 42.5) < 0.5, what="42.5 units")
        self.box.set(booked=0, waiting=0)
        eventually(lambda: units(self.proxy) < 0.01, what="no units")

    def test_where_processors_are_scarcer_they_are_the_load(self):
        # All of eight processors, and of 9,100 MiB hardly anything: 45.5 units.
        self.box.set(booked=1, cpu=8)
        eventually(lambda: units(self.proxy) > 40, what="a full pod")

    def test_requests_are_counted_as_such_all_the_same(self):
        self.box.set(booked=100)
        thread = threading.Thread(target=lambda: self.proxy.call("/sleep?3", headers={"K-Proxy-Request": "activator"}))
        thread.start()
        eventually(lambda: scrape(self.proxy)["proxied_concurrency"] > 0.99, what="one proxied request")
        self.assertLess(scrape(self.proxy)["proxied_concurrency"], 1.5)
        thread.join()

    def test_a_box_that_does_not_answer_is_not_ready_and_never_no_load(self):
        self.box.set(booked=20)
        eventually(lambda: is_ready(self.proxy), what="readiness")
        eventually(lambda: abs(units(self.proxy) - 20) < 0.5, what="20 units")
        self.box.answers = False
        eventually(lambda: not is_ready(self.proxy), what="no readiness")

        def told():
            try:
                return units(self.proxy)
            except NoStat:
                return None

        def is_silent():
            figure = told()
            self.assertTrue(figure is None or figure > 15, figure)
            return figure is None
        eventually(is_silent, what="no figure at all")
        self.box.answers = True
        eventually(lambda: is_ready(self.proxy), what="readiness again")
        eventually(lambda: abs((told() or 0) - 20) < 0.5, what="20 units again")

    def test_a_box_that_says_it_is_not_ready_is_not(self):
        eventually(lambda: is_ready(self.proxy), what="readiness")
        self.box.ready = False
        eventually(lambda: not is_ready(self.proxy), what="no readiness")


class Bounded(unittest.TestCase):
    def test_a_cold_burst_ends_in_refusals_that_say_when_to_come_again(self):
        with App() as app, FakeBox() as box:
            with before(box, app, {"wasabi.dev/queue-bound": "5"}) as proxy:
                replies = []
                threads = [threading.Thread(target=lambda: replies.append(proxy.call("/hold"))) for _ in range(20)]
                for thread in threads:
                    thread.start()
                eventually(lambda: len(replies) == 15, what="fifteen refusals")
                self.assertEqual({reply.status for reply in replies}, {503})
                self.assertTrue(all(reply.header("retry-after") for reply in replies))
                self.assertIn("refused.queue_full", replies[0].header("proxy-status"))
                app.release.set()
                for thread in threads:
                    thread.join()
                self.assertEqual(sorted(reply.status for reply in replies), [200] * 5 + [503] * 15)


class Limited(unittest.TestCase):
    def test_who_waits_in_the_queue_proxy_is_load_too(self):
        with App() as app, FakeBox() as box:
            with before(box, app, CONTAINER_CONCURRENCY=2) as proxy:
                box.set(booked=6)
                threads = [threading.Thread(target=lambda: proxy.call("/hold")) for _ in range(5)]
                for thread in threads:
                    thread.start()
                # Three wait for two that have three units each.
                eventually(lambda: abs(units(proxy) - 15) < 0.5, what="15 units")
                app.release.set()
                for thread in threads:
                    thread.join()
                eventually(lambda: abs(units(proxy) - 6) < 0.5, what="the box's own units")


class BeforeABox(unittest.TestCase):
    def test_the_figure_rises_with_what_requests_have_booked(self):
        port, admin = free_port(), free_port()
        box = Box("--admin", f"127.0.0.1:{admin}")
        box.address, box.keep_address = ("127.0.0.1", port), True
        box.admin_arguments = []
        box.put("t/sleep", "sleep", limits={"memory": "200MiB", "timeout": "60s"})
        with box:
            annotations = {"wasabi.dev/superpod": "true", "wasabi.dev/box-admin": f"127.0.0.1:{admin}"}
            with QueueProxy(port, annotations) as proxy:
                eventually(lambda: is_ready(proxy), what="readiness")
                self.assertEqual(proxy.call("/-/healthz").status, 200)
                eventually(lambda: units(proxy) == 0, what="no load")
                seen = [0.0]
                threads = []
                for count in (1, 2):
                    for _ in range(count):
                        threads.append(threading.Thread(target=lambda: proxy.call("/t/sleep?ms=8000")))
                        threads[-1].start()
                    eventually(lambda: units(proxy) > seen[-1] + 0.5, what=f"more units than {seen}")
                    seen.append(units(proxy))
                for thread in threads:
                    thread.join()
                eventually(lambda: units(proxy) < 0.01, what="no load again")


class Scaled(unittest.TestCase):
    """Pods of a fake cluster: each a queue-proxy before a fake box; the autoscaler is ours. Its seconds are counted by
    scrapes, so that a busy machine changes nothing."""

    TARGET, BURST, WINDOW = 45.5, 5, 60

    def setUp(self):
        self.app = App()
        self.addCleanup(self.app.end)
        self.pods = []
        self.second = 0
        self.autoscaler = None

    def begin(self, ready: int):
        self.autoscaler = subprocess.Popen(
            [program("autoscaler-probe"), str(self.TARGET), str(self.BURST), str(self.WINDOW), str(ready)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)
        self.addCleanup(self._end_autoscaler)
        self.scale_to(ready)

    def _end_autoscaler(self):
        self.autoscaler.stdin.close()
        self.autoscaler.wait()
        self.autoscaler.stdout.close()

    def scale_to(self, count: int):
        while len(self.pods) < count:
            box = FakeBox()
            proxy = before(box, self.app).start()
            self.addCleanup(box.end)
            self.addCleanup(proxy.kill)
            eventually(lambda: is_ready(proxy), what="the pod")
            self.pods.append((box, proxy))
        while len(self.pods) > count:
            box, proxy = self.pods.pop()
            proxy.close()

    def demand(self, wanted: float):
        """So many units, shared out evenly; waits until the pods tell it."""
        for box, _ in self.pods:
            box.set(booked=wanted / len(self.pods))
        eventually(lambda: abs(sum(units(proxy) for _, proxy in self.pods) - wanted) < 1, what=f"{wanted} units told")

    def scrape_all(self):
        """A second of the autoscaler's."""
        self.second += 1
        total = sum(units(proxy) for _, proxy in self.pods)
        if self.pods:
            self.autoscaler.stdin.write(f"record {self.second} {total}\n")

    def tick(self) -> tuple:
        """Two seconds, and a decision."""
        self.scrape_all()
        self.scrape_all()
        return self.decide()

    def decide(self) -> tuple:
        self.autoscaler.stdin.write(f"decide {self.second + 1.001} {len(self.pods)}\n")
        self.autoscaler.stdin.flush()
        replicas, mode = self.autoscaler.stdout.readline().split()
        return int(replicas), mode

    def test_a_flood_of_memory_takes_one_two_five_seven_pods(self):
        self.begin(1)
        counts, modes = [1], ["serve"]
        self.demand(25)  # 5,000 MB
        for _ in range(6):
            wanted, mode = self.tick()
            self.assertEqual((wanted, mode), (1, "serve"))
        self.scrape_all()
        self.demand(300)  # 60,000 MB, wanted within a second
        self.scrape_all()
        wanted, mode = self.decide()
        for _ in range(8):
            if wanted != counts[-1]:
                counts.append(wanted)
            if mode != modes[-1]:
                modes.append(mode)
            before = wanted
            wanted, mode = self.tick()  # while pods start, those that are there have it all
            self.scale_to(before)
            self.demand(300)
        self.assertEqual(counts, [1, 2, 5, 7])
        self.assertEqual(modes, ["serve", "proxy", "serve"])

    def test_no_load_leads_to_no_pod_and_the_first_request_back_to_one(self):
        self.begin(1)
        self.demand(25)
        self.tick()
        self.demand(0)
        for _ in range(2 * self.WINDOW):
            wanted, _ = self.tick()
            if wanted == 0:
                break
        self.assertEqual(wanted, 0)
        self.scale_to(0)
        # The activator, which holds the request, says so to the autoscaler at once.
        self.second += 1
        self.autoscaler.stdin.write(f"record {self.second} 1\n")
        self.assertEqual(self.tick()[0], 1)
        self.scale_to(1)
        self.assertEqual(self.pods[0][1].call("/").status, 200)
