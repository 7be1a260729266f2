"""The queue-proxy: the end of a pod, without a failed request."""

import threading
import time
import unittest

from harness import wire
from harness.box import eventually
from harness.queue_proxy import App, QueueProxy, activator_probe, is_ready, kubelet_probe


class Client(threading.Thread):
    """Calls one of `addresses` after the other, on connections that it keeps, until told to stop."""

    def __init__(self, addresses):
        super().__init__(daemon=True)
        self.addresses = addresses  # changed by the test, as endpoints change
        self.stopped = threading.Event()
        self.answered = 0
        self.failures = []

    def run(self):
        connections = {}
        while not self.stopped.is_set():
            for address in list(self.addresses):
                if self.stopped.is_set():
                    break
                try:
                    connection = connections.get(address)
                    if connection is None:
                        connection = connections[address] = wire.Connection(address)
                    connection.send(wire.request_bytes("POST", "/echo", body=b"body"))
                    reply = connection.reply()
                    if reply.status != 200 or reply.body != b"body":
                        self.failures.append((reply.status, reply.text))
                    if reply.header("connection") == "close":
                        connections.pop(address).close()
                    self.answered += 1
                except (OSError, wire.Closed) as error:
                    self.failures.append(repr(error))
                    connections.pop(address, None)
        for connection in connections.values():
            connection.close()

    def stop(self):
        self.stopped.set()
        self.join(wire.WAIT_SECONDS)


class Drain(unittest.TestCase):
    def test_probes_fail_at_once_and_requests_are_served_until_they_cease(self):
        with App() as app:
            proxy = QueueProxy(app.port).start()
            self.assertTrue(is_ready(proxy))
            proxy.begin_to_end()
            eventually(lambda: not is_ready(proxy), what="probes that fail")
            for probe in (activator_probe(proxy), kubelet_probe(proxy)):
                self.assertEqual((probe.status, probe.text.strip()), (503, "shutting down"))
            path_probe = proxy.call("/", headers={"K-Network-Probe": "probe", "K-Network-Hash": "x"})
            self.assertEqual(path_probe.status, 503)
            # Requests put the end off, again and again; probes do not.
            end = time.monotonic() + 2.5
            while time.monotonic() < end:
                self.assertEqual(proxy.call("/").status, 200)
                activator_probe(proxy)
                time.sleep(0.1)
            self.assertIsNone(proxy.process.poll())
            stop_probing = threading.Event()

            def probe_on():
                while not stop_probing.wait(0.1):
                    try:
                        activator_probe(proxy)
                    except (OSError, wire.Closed):
                        pass
            threading.Thread(target=probe_on, daemon=True).start()
            self.assertEqual(proxy.wait(), 0)
            stop_probing.set()

    def test_what_is_open_ends_first(self):
        with App() as app:
            proxy = QueueProxy(app.port).start()
            replies = []
            caller = threading.Thread(target=lambda: replies.append(proxy.call("/hold")))
            caller.start()
            eventually(lambda: app.running == 1, what="the request")
            proxy.begin_to_end()
            eventually(lambda: "listeners closed" in proxy.log_text(), what="closed listeners")
            with self.assertRaises((OSError, wire.Closed)):
                proxy.call("/")
            time.sleep(0.5)
            self.assertIsNone(proxy.process.poll())
            app.release.set()
            caller.join()
            self.assertEqual((replies[0].status, replies[0].text), (200, "hello\n"))
            self.assertEqual(proxy.wait(), 0)

    def test_tunnels_are_left_some_time(self):
        with App() as app:
            proxy = QueueProxy(app.port).start()
            with proxy.connect() as connection:
                connection.send("GET /upgrade HTTP/1.1\r\nHost: s\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
                self.assertEqual(connection.head().status, 101)
                proxy.begin_to_end()
                eventually(lambda: "only upgraded connections" in proxy.log_text(), what="the last phase")
                connection.send("bye")
                self.assertEqual(connection.read_some(), b"<bye>")
            self.assertEqual(proxy.wait(), 0)

    def test_the_hook_of_the_app_waits_for_the_drain(self):
        with App() as app:
            proxy = QueueProxy(app.port).start()
            admin = proxy.addresses["admin"]
            replies = []
            hook = threading.Thread(target=lambda: replies.append(wire.call(admin, "/wait-for-drain")))
            hook.start()
            eventually(lambda: not is_ready(proxy), what="a drain by the hook")
            proxy.begin_to_end()
            proxy.call("/")
            self.assertEqual(replies, [])
            self.assertEqual(proxy.wait(), 0)
            hook.join()
            self.assertEqual(replies[0].status, 200)

    def test_a_hook_without_the_end_of_the_pod_is_taken_back(self):
        with App() as app, QueueProxy(app.port, WASABI_QP_DRAIN_QUIET="60s") as proxy:
            # Only the app's container is started anew.
            self.assertEqual(wire.call(proxy.addresses["admin"], "/wait-for-drain").status, 200)
            self.assertTrue(is_ready(proxy))

    def test_no_request_fails_in_a_drain_under_load(self):
        with App() as app:
            old = QueueProxy(app.port).start()
            new = QueueProxy(app.port).start()
            addresses = [old.address, new.address]
            clients = [Client(addresses) for _ in range(8)]
            for client in clients:
                client.start()
            eventually(lambda: min(client.answered for client in clients) > 20, what="load")
            old.begin_to_end()
            # As in a cluster: the probes fail, and some time later nobody sends anything new.
            eventually(lambda: not is_ready(old), what="probes that fail")
            time.sleep(0.5)
            addresses.remove(old.address)
            self.assertEqual(old.wait(), 0)
            for client in clients:
                client.stop()
            self.assertEqual([failure for client in clients for failure in client.failures], [])
            new.close()

    def test_no_request_fails_in_a_rollout_under_load(self):
        with App() as app:
            pods = [QueueProxy(app.port).start() for _ in range(3)]
            addresses = [pod.address for pod in pods]
            clients = [Client(addresses) for _ in range(6)]
            for client in clients:
                client.start()
            for old in pods:
                fresh = QueueProxy(app.port).start()
                eventually(lambda: is_ready(fresh), what="the new pod")
                addresses.append(fresh.address)
                self.addCleanup(fresh.kill)
                old.begin_to_end()
                eventually(lambda: not is_ready(old), what="probes that fail")
                time.sleep(0.3)
                addresses.remove(old.address)
                self.assertEqual(old.wait(), 0)
            for client in clients:
                client.stop()
            self.assertEqual([failure for client in clients for failure in client.failures], [])
            self.assertGreater(sum(client.answered for client in clients), 100)
