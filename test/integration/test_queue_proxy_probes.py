"""The queue-proxy: who is told that the pod is ready, and what the autoscaler is told of its load."""

import threading
import time
import unittest

from harness import wire
from harness.box import eventually
from harness.queue_proxy import App, NoStat, QueueProxy, activator_probe, free_port, is_ready, kubelet_probe, scrape

HTTP_PROBE = '{"httpGet":{"path":"/healthz","host":"127.0.0.1","port":%d,"scheme":"HTTP"},"successThreshold":1}'


class Probed(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.app = App()
        cls.proxy = QueueProxy(cls.app.port, SERVING_READINESS_PROBE=HTTP_PROBE % cls.app.port).start()

    @classmethod
    def tearDownClass(cls):
        cls.proxy.close()
        cls.app.end()

    def test_the_activator_gets_the_word_it_wants(self):
        reply = activator_probe(self.proxy)
        self.assertEqual((reply.status, reply.body), (200, b"queue"))

    def test_kubelet_and_autoscaler_are_answered_alike_whatever_the_path(self):
        self.assertEqual(kubelet_probe(self.proxy).body, b"queue")
        reply = self.proxy.call("/any/path", headers={"User-Agent": "Knative-Autoscaling-Probe",
                                                      "K-Network-Probe": "queue"})
        self.assertEqual((reply.status, reply.body), (200, b"queue"))

    def test_another_value_is_refused(self):
        for value in ("", "activator", "Queue"):
            reply = self.proxy.call("/", headers={"User-Agent": "kube-probe/1.34", "K-Network-Probe": value})
            self.assertEqual(reply.status, 400)
        self.assertIn("unexpected probe header value: Queue", reply.text)

    def test_who_is_no_prober_reaches_the_app_with_that_field(self):
        reply = self.proxy.call("/headers", headers={"User-Agent": "curl/8", "K-Network-Probe": "queue"})
        self.assertEqual(reply.header("x-app"), "yes")

    def test_a_path_probe_is_echoed(self):
        reply = self.proxy.call("/", headers={"K-Network-Probe": "probe", "K-Network-Hash": "abc123"})
        self.assertEqual((reply.status, reply.header("k-network-hash")), (200, "abc123"))
        self.assertEqual(self.proxy.call("/", headers={"K-Network-Probe": "probe"}).status, 400)

    def test_probes_are_no_load(self):
        def silence():
            stat = scrape(self.proxy)
            return stat["uptime"] > 0 and stat["requests"] == 0
        eventually(silence, what="a second without requests")
        end = time.monotonic() + 2.5
        while time.monotonic() < end:
            activator_probe(self.proxy)
            kubelet_probe(self.proxy)
            stat = scrape(self.proxy)
            self.assertEqual((stat["concurrency"], stat["requests"]), (0, 0))

    def test_an_app_that_is_not_healthy_is_not_ready(self):
        # One app for itself: health is the app's.
        with App() as app:
            app.health = 500
            single = ('{"httpGet":{"path":"/healthz","host":"127.0.0.1","port":%d,"scheme":"HTTP"},"periodSeconds":1,'
                      '"timeoutSeconds":1}' % app.port)
            with QueueProxy(app.port, SERVING_READINESS_PROBE=single) as proxy:
                reply = activator_probe(proxy)
                self.assertEqual((reply.status, reply.body), (503, b""))
                app.health = 302
                self.assertTrue(is_ready(proxy))
                probe = [fields for _, target, fields in app.seen if target == "/healthz"][-1]
                self.assertTrue(dict(probe)["user-agent"].startswith("kube-probe/"), probe)


class Awaited(unittest.TestCase):
    """Probes without a period: the app is waited for."""

    def test_a_probe_waits_for_an_app_that_comes_later(self):
        port = free_port()
        tcp = '{"tcpSocket":{"host":"127.0.0.1","port":%d},"successThreshold":1}' % port
        with QueueProxy(port, SERVING_READINESS_PROBE=tcp) as proxy:
            replies = []
            probers = [threading.Thread(target=lambda: replies.append(activator_probe(proxy))) for _ in range(8)]
            for prober in probers:
                prober.start()
            time.sleep(0.3)
            self.assertEqual(replies, [])
            with App(port):
                for prober in probers:
                    prober.join(wire.WAIT_SECONDS)
                self.assertEqual([(reply.status, reply.body) for reply in replies], [(200, b"queue")] * 8)

    def test_many_who_probe_share_one_probe(self):
        with App() as app:
            app.health = 503
            with QueueProxy(app.port, SERVING_READINESS_PROBE=HTTP_PROBE % app.port) as proxy:
                replies = []
                probers = [threading.Thread(target=lambda: replies.append(activator_probe(proxy))) for _ in range(50)]
                for prober in probers:
                    prober.start()
                eventually(lambda: len(app.seen) >= 2, what="two tries")
                app.health = 200
                for prober in probers:
                    prober.join(wire.WAIT_SECONDS)
                self.assertEqual([reply.body for reply in replies], [b"queue"] * 50)
                # A try each 50 ms, and not one for each prober.
                self.assertLess(len(app.seen), 50)

    def test_a_prober_that_goes_hurts_nobody(self):
        port = free_port()
        tcp = '{"tcpSocket":{"host":"127.0.0.1","port":%d}}' % port
        with QueueProxy(port, SERVING_READINESS_PROBE=tcp) as proxy:
            for _ in range(20):
                with proxy.connect() as connection:
                    connection.send(wire.request_bytes("GET", "/healthz", {"User-Agent": "Knative-Activator-Probe",
                                                                           "K-Network-Probe": "queue"}))
            with App(port):
                self.assertTrue(is_ready(proxy))

    def test_several_successes_may_be_wanted(self):
        with App() as app:
            probe = ('{"httpGet":{"path":"/healthz","port":%d,"scheme":"HTTP"},"successThreshold":3}' % app.port)
            with QueueProxy(app.port, SERVING_READINESS_PROBE=probe) as proxy:
                self.assertTrue(is_ready(proxy))
            self.assertEqual(len([1 for _, target, _ in app.seen if target == "/healthz"]), 3)

    def test_an_exec_probe_is_whether_the_app_takes_connections(self):
        with App() as app, QueueProxy(app.port, SERVING_READINESS_PROBE='{"exec":{"command":["true"]}}') as proxy:
            self.assertTrue(is_ready(proxy))

    def test_all_containers_must_be_ready(self):
        with App() as app, App() as beside:
            beside.health = 500
            both = '[{"httpGet":{"path":"/healthz","port":%d},"periodSeconds":1},' % app.port
            both += '{"httpGet":{"path":"/healthz","port":%d},"periodSeconds":1}]' % beside.port
            with QueueProxy(app.port, SERVING_READINESS_PROBE=both, ENABLE_MULTI_CONTAINER_PROBES="true") as proxy:
                self.assertFalse(is_ready(proxy))
                beside.health = 200
                self.assertTrue(is_ready(proxy))


class Stat(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.app = App()
        cls.proxy = QueueProxy(cls.app.port).start()

    @classmethod
    def tearDownClass(cls):
        cls.proxy.close()
        cls.app.end()

    def test_before_the_first_second_only_the_name_is_told(self):
        with QueueProxy(self.app.port) as proxy:
            stat = scrape(proxy)
            self.assertEqual(stat["pod_name"], "shop-00001-deployment-5d4f8b-x2x9q")
            self.assertEqual(stat["concurrency"], 0)
            eventually(lambda: scrape(proxy)["uptime"] >= 1, what="the first report")

    def test_concurrency_is_weighted_by_time(self):
        held = [threading.Thread(target=lambda: self.proxy.call("/sleep?4")) for _ in range(5)]
        for thread in held:
            thread.start()
        eventually(lambda: abs(scrape(self.proxy)["concurrency"] - 5) < 0.01, what="five requests all second long")
        stat = scrape(self.proxy)
        self.assertEqual((stat["proxied_concurrency"], stat["timestamp"]), (0, 0))
        for thread in held:
            thread.join()
        eventually(lambda: scrape(self.proxy)["concurrency"] == 0, what="no load")

    def test_what_comes_by_the_activator_is_told_apart(self):
        marked = {"K-Proxy-Request": "activator"}
        # From an address of its own, as the activator has one: who sends both kinds is not believed.
        with QueueProxy(self.app.port) as proxy:
            thread = threading.Thread(target=lambda: proxy.call("/sleep?3", headers=marked))
            thread.start()
            eventually(lambda: scrape(proxy)["proxied_concurrency"] > 0.99, what="the proxied request")
            stat = scrape(proxy)
            self.assertAlmostEqual(stat["concurrency"], stat["proxied_concurrency"])
            thread.join()

    def test_a_client_does_not_hide_its_load(self):
        with QueueProxy(self.app.port) as proxy:
            proxy.call("/")  # a peer that forwards what is not marked
            threads = [threading.Thread(target=lambda name=name, value=value: proxy.call("/sleep?3", headers={name: value}))
                       for name, value in (("K-Proxy-Request", "activator"), ("K-Kubelet-Probe", "x"))]
            for thread in threads:
                thread.start()
            eventually(lambda: scrape(proxy)["concurrency"] > 1.99, what="both requests as load")
            self.assertEqual(scrape(proxy)["proxied_concurrency"], 0)
            for thread in threads:
                thread.join()

    def test_only_that_path_is_there(self):
        self.assertEqual(wire.call(self.proxy.addresses["autoscaler"], "/").status, 404)
        self.assertEqual(wire.call(self.proxy.addresses["admin"], "/").status, 404)

    def test_the_strict_scraper_knows_what_is_no_stat(self):
        with self.assertRaises(NoStat):
            proxy = QueueProxy(self.app.port)
            proxy.addresses = {"autoscaler": self.proxy.address}  # text of the app
            scrape(proxy)
