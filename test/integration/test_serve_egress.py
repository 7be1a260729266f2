"""Calls that functions make on the single machine: by the gateway to peers, and from function to function."""

import json
import re
import unittest

from harness import peer
from harness.box import eventually, scratch
from harness.serve import Serve

# wasi:http error codes
REFUSED, DENIED = 6, 15


class Handler(peer.Echo):
    def do_GET(self):
        self.server.seen.append({name.lower(): value for name, value in self.headers.items()})
        self.answer(200, b"peer says " + self.path.encode())


class Called(unittest.TestCase):
    options = ("--backend", "process")

    @classmethod
    def setUpClass(cls):
        cls.peer = peer.Peer(Handler)
        cls.access_log = scratch.new("egress") / "access.log"
        cls.serve = Serve("--allow-private-networks", "--access-log", str(cls.access_log), *cls.options).start()
        for tenant in ("acme", "other"):
            cls.serve.run("tenant", "create", tenant)
        cls.serve.deploy("http_outbound", "acme/call",
                         f'outbound = ["{cls.peer.authority}", "*.acme.internal", "*.other.internal"]\n'
                         '[limits]\nmemory = "16MiB"\n')
        cls.serve.deploy("http_outbound", "acme/listed", 'outbound = ["only.acme.internal"]\n')
        cls.serve.deploy("hello", "acme/hello")
        cls.serve.deploy("hello", "acme/private", 'visibility = "tenant"\n')
        cls.serve.deploy("hello", "acme/guarded", 'visibility = "token"\n')
        cls.serve.deploy("hello", "other/private", 'visibility = "tenant"\n')
        cls.serve.deploy("hello", "other/guarded", 'visibility = "token"\n')
        cls.serve.deploy("hello", "other/open")

    @classmethod
    def tearDownClass(cls):
        cls.serve.close()
        cls.peer.end()

    def through(self, url, function="acme/call", **options):
        return self.serve.call(f"/{function}?url={url}", **options)

    def test_a_peer_is_called_and_its_answer_comes_back(self):
        reply = self.through(f"http://{self.peer.authority}/hello")
        self.assertEqual((reply.status, reply.text), (200, "peer says /hello"))
        headers = self.peer.seen[-1]
        self.assertEqual([name for name in headers if name.startswith("wasabi-")], [])

    def test_bodies_go_both_ways(self):
        body = bytes(range(256)) * 8192
        reply = self.through(f"http://{self.peer.authority}/echo", method="POST", body=body)
        self.assertEqual((reply.status, reply.body), (200, body))

    def test_only_whom_the_manifest_allows(self):
        seen = len(self.peer.seen)
        for url in (f"http://{self.peer.authority}/", "http://hello.acme.internal/", "http://example.com/"):
            self.assertEqual(self.through(url, "acme/listed").text, f"error {DENIED}\n", url)
        self.assertEqual(len(self.peer.seen), seen)

    def test_functions_call_each_other(self):
        self.assertEqual(self.through("http://hello.acme.internal/").text, "hello, world\n")
        self.assertEqual(self.through("http://open.other.internal/").text, "hello, world\n")
        # Where the address names nobody, the caller is told so as any client is.
        self.assertEqual(self.through("http://nobody.acme.internal/").status, 404)
        self.assertEqual(self.through("https://hello.acme.internal/").text, f"error {REFUSED}\n")

    def test_visibility_is_between_tenants(self):
        self.assertEqual(self.serve.call("/acme/private").status, 403)
        self.assertEqual(self.through("http://private.acme.internal/").text, "hello, world\n")
        self.assertEqual(self.through("http://guarded.acme.internal/").text, "hello, world\n")
        self.assertEqual(self.through("http://private.other.internal/").status, 403)
        self.assertEqual(self.through("http://guarded.other.internal/").status, 401)

    def test_a_circle_of_calls_ends(self):
        again = "http://call.acme.internal/?url="
        self.assertEqual(self.through(again * 8 + "http://hello.acme.internal/").status, 508)
        self.assertEqual(self.through(again * 6 + "http://hello.acme.internal/").text, "hello, world\n")

    def test_a_call_is_part_of_its_callers_trace(self):
        trace = "4bf92f3577b34da6a3ce929d0e0e4736"
        self.through("http://hello.acme.internal/", headers=[("traceparent", f"00-{trace}-00f067aa0ba902b7-01")])

        def lines():
            return [line for line in map(json.loads, self.access_log.read_text().splitlines())
                    if line["request"] == trace]
        eventually(lambda: len(lines()) == 2, 10, "the lines of both requests")
        self.assertEqual(sorted(line["function"] for line in lines()), ["call", "hello"])

    def test_calls_are_counted_by_tenant(self):
        self.through(f"http://{self.peer.authority}/counted")
        calls = r'wasabi_gateway_outbound_calls_total\{tenant="acme"\} (\d+)'
        eventually(lambda: re.search(calls, self.metrics()), 10, "calls in the metrics")

    def metrics(self):
        return self.serve.api("GET", "/metrics").text


class CalledFromContainers(Called):
    options = ("--backend", "runc")


class PrivateRefused(unittest.TestCase):
    def test_addresses_of_this_machine_are_refused_after_resolution(self):
        a_peer = peer.Peer(Handler)
        self.addCleanup(a_peer.end)
        with Serve() as serve:
            serve.run("tenant", "create", "acme")
            port = a_peer.server_address[1]
            serve.deploy("http_outbound", "acme/call", f'outbound = ["127.0.0.1:{port}", "localhost:{port}"]\n')
            for host in ("127.0.0.1", "localhost"):
                self.assertEqual(serve.call(f"/acme/call?url=http://{host}:{port}/").text, f"error {DENIED}\n")
            self.assertEqual(a_peer.seen, [])


if __name__ == "__main__":
    unittest.main()
