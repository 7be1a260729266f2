"""The queue-proxy: the concurrency of a revision, and its times."""

import threading
import time
import unittest

from harness import wire
from harness.box import eventually
from harness.queue_proxy import App, QueueProxy, scrape


def together(count: int, call) -> list:
    """The results of so many calls at once."""
    results = []
    threads = [threading.Thread(target=lambda: results.append(call())) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


class Breaker(unittest.TestCase):
    def test_one_at_once_ten_wait_and_the_rest_is_refused(self):
        with App() as app, QueueProxy(app.port, CONTAINER_CONCURRENCY=1) as proxy:
            replies = []
            threads = [threading.Thread(target=lambda: replies.append(proxy.call("/hold"))) for _ in range(14)]
            for thread in threads:
                thread.start()
            eventually(lambda: len(replies) == 3, what="three refusals")
            self.assertEqual([reply.status for reply in replies], [503] * 3)
            self.assertIn("pending request queue full", replies[0].text)
            eventually(lambda: scrape(proxy)["concurrency"] > 10.9, what="those who wait, as load")
            app.release.set()
            for thread in threads:
                thread.join()
            self.assertEqual(sorted(reply.status for reply in replies), [200] * 11 + [503] * 3)
            self.assertEqual(app.most_running, 1)

    def test_the_revisions_concurrency_is_reached_and_not_passed(self):
        with App() as app, QueueProxy(app.port, CONTAINER_CONCURRENCY=4) as proxy:
            replies = together(40, lambda: proxy.call("/sleep?0.05"))
            self.assertEqual([reply.status for reply in replies], [200] * 40)
            self.assertEqual(app.most_running, 4)

    def test_nobody_passes_it_by_a_header(self):
        with App() as app, QueueProxy(app.port, CONTAINER_CONCURRENCY=1) as proxy:
            for name, value in (("K-Kubelet-Probe", "x"), ("K-Proxy-Request", "activator")):
                together(5, lambda: proxy.call("/sleep?0.05", headers={name: value}))
            self.assertEqual(app.most_running, 1)

    def test_who_waits_and_goes_leaves_its_place_in_the_line(self):
        with App() as app, QueueProxy(app.port, CONTAINER_CONCURRENCY=1) as proxy:
            holder = threading.Thread(target=lambda: proxy.call("/hold"))
            holder.start()
            eventually(lambda: app.running == 1, what="the first request")
            for _ in range(5):
                gone = [proxy.connect() for _ in range(10)]
                for connection in gone:
                    connection.send(wire.request_bytes("GET", "/never"))
                for connection in gone:
                    connection.close()
                eventually(lambda: scrape(proxy)["concurrency"] == 1, what="only the one that runs")
            app.release.set()
            holder.join()
            self.assertEqual(proxy.call("/").status, 200)
            self.assertFalse([1 for _, target, _ in app.seen if target == "/never"])

    def test_probes_do_not_wait_behind_requests(self):
        with App() as app, QueueProxy(app.port, CONTAINER_CONCURRENCY=1) as proxy:
            holder = threading.Thread(target=lambda: proxy.call("/hold"))
            holder.start()
            eventually(lambda: app.running == 1, what="the request")
            reply = proxy.call("/", headers={"User-Agent": "kube-probe/1", "K-Network-Probe": "queue"})
            self.assertEqual(reply.status, 200)
            app.release.set()
            holder.join()

    def test_an_app_that_is_gone_holds_no_place(self):
        with App() as app:
            with QueueProxy(app.port, CONTAINER_CONCURRENCY=1) as proxy:
                for _ in range(20):
                    self.assertFalse(proxy.call("/cut").complete)
                self.assertEqual(proxy.call("/").status, 200)


class Times(unittest.TestCase):
    def status_of(self, target: str, overall, start="", idle="") -> wire.Reply:
        with App() as app:
            app.go_on.set()
            with QueueProxy(app.port, REVISION_TIMEOUT_SECONDS=overall, REVISION_RESPONSE_START_TIMEOUT_SECONDS=start,
                            REVISION_IDLE_TIMEOUT_SECONDS=idle) as proxy:
                return proxy.call(target)

    def test_each_time_ends_a_request_that_has_no_answer(self):
        for times, sleep, status in (((10, "", ""), 0.2, 200), ((1, "", ""), 30, 504), ((10, 7, ""), 0.4, 200),
                                     ((20, 1, ""), 30, 504), ((15, "", 1), 30, 504)):
            with self.subTest(times=times, sleep=sleep):
                reply = self.status_of(f"/sleep?{sleep}", *times)
                self.assertEqual(reply.status, status)
                if status == 504:
                    self.assertEqual(reply.text, "request timeout")

    def test_pauses_shorter_than_the_idle_time_are_fine(self):
        with App() as app, QueueProxy(app.port, REVISION_IDLE_TIMEOUT_SECONDS=2) as proxy:
            def feed():
                for _ in range(3):
                    time.sleep(1)
                    app.go_on.set()
                    app.go_on.clear()
                app.go_on.set()
            threading.Thread(target=feed, daemon=True).start()
            reply = proxy.call("/stream?3")
            self.assertEqual((reply.status, reply.complete), (200, True))

    def test_an_answer_that_has_begun_is_cut(self):
        with App() as app, QueueProxy(app.port, REVISION_TIMEOUT_SECONDS=1) as proxy:
            reply = proxy.call("/stream?2")
            self.assertEqual((reply.status, reply.complete), (200, False))
            self.assertEqual(reply.body, b"piece 0\n")

    def test_the_time_in_the_line_counts(self):
        with App() as app, QueueProxy(app.port, CONTAINER_CONCURRENCY=1, REVISION_TIMEOUT_SECONDS=2) as proxy:
            first = threading.Thread(target=lambda: proxy.call("/hold"))
            first.start()
            eventually(lambda: app.running == 1, what="the first request")
            time.sleep(1)
            # It has a place once the first one's time is over, and then less time than the app takes.
            self.assertEqual(proxy.call("/sleep?1.7").status, 504)
            first.join()
            app.release.set()
            self.assertEqual(proxy.call("/").status, 200)

    def test_a_tunnel_has_no_time(self):
        with App() as app, QueueProxy(app.port, REVISION_TIMEOUT_SECONDS=1, REVISION_IDLE_TIMEOUT_SECONDS=1) as proxy:
            with proxy.connect() as connection:
                connection.send("GET /upgrade HTTP/1.1\r\nHost: s\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
                self.assertEqual(connection.head().status, 101)
                time.sleep(1.5)
                connection.send("still there")
                self.assertEqual(connection.read_some(), b"<still there>")
