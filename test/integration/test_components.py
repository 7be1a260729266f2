"""wasi:http/proxy components and wasi:cli/command components."""

import os

from harness import wire
from harness.box import eventually
from harness.case import BoxCase


class Http(BoxCase):
    functions = {
        "web/noop": ("http_noop", {}),
        "web/echo": ("http_echo", {}),
        "web/stream": ("http_stream", {"limits": {"timeout": "600s"}}),
        "web/headers": ("http_headers", {"env": {"GREETING": "moin"}}),
        "web/fail": ("http_fail", {}),
        "web/sleep": ("http_sleep", {}),
        "web/spin": ("http_spin", {}),
        "web/big": ("http_big", {}),
        "web/log": ("http_log", {}),
        "web/counter": ("http_counter", {}),
        "web/reused": ("http_counter", {"reuse": 3}),
        "web/grow": ("http_grow", {"limits": {"memory": "16MiB"}}),
    }

    def test_no_op(self):
        reply = self.box.call("/web/noop")
        self.assertEqual((reply.status, reply.text, reply.complete), (200, "ok\n", True))

    def test_sees_the_request(self):
        reply = self.box.call("/web/headers/deep?status=203&x=1", method="PUT", headers={"X-One": "1"})
        lines = reply.text.splitlines()
        self.assertEqual(reply.status, 203)
        self.assertTrue(lines[0].startswith("PUT ") and lines[0].endswith("/deep?status=203&x=1"), lines[0])
        self.assertIn("x-one: 1", lines)
        self.assertIn("GREETING=moin", lines)

    def test_response_headers(self):
        reply = self.box.call("/web/headers")
        self.assertEqual(reply.header("x-guest"), "yes")
        self.assertEqual(reply.all("set-cookie"), ["a=1", "b=2"])
        self.assertIsNone(reply.header("wasabi-internal"))
        self.assertIsNone(reply.header("proxy-status"))

    def test_echo(self):
        body = os.urandom(1 << 20)
        reply = self.box.call("/web/echo", method="POST", body=body)
        self.assertEqual(reply.body, body)

    def test_echo_streams_both_ways(self):
        with self.box.connect() as connection:
            connection.send(wire.request_bytes("POST", "/web/echo", {"Transfer-Encoding": "chunked"}))
            connection.send(wire.chunk(b"first"))
            self.assertEqual(connection.head().status, 200)
            self.assertIn(b"first", connection.read_some())
            connection.send(wire.chunk(b"second"))
            self.assertIn(b"second", connection.read_some())
            connection.send(b"0\r\n\r\n")
            self.assertIn(b"0\r\n", connection.read_some())

    def test_head_goes_out_before_the_body(self):
        with self.box.connect() as connection:
            connection.send(wire.request_bytes("GET", "/web/stream?chunks=1&ms=600000"))
            self.assertEqual(connection.head().status, 200)
        with self.box.connect() as connection:
            connection.send(wire.request_bytes("GET", "/web/stream?chunks=2&ms=20"))
            self.assertEqual(connection.head().status, 200)
            self.assertTrue(connection.read_until_end_of_chunks().endswith(b"\n\r\n0\r\n\r\n"))

    def test_large_response(self):
        reply = self.box.call("/web/big?mib=20")
        self.assertEqual((len(reply.body), reply.complete), (20 << 20, True))

    def test_failures_before_the_head(self):
        for how, reason in (("no_response", "function.no_response"), ("error", "function.error"),
                            ("trap", "function.trap"), ("recursion", "function.stack_overflow")):
            with self.subTest(how):
                self.assert_failed("/web/fail?how=" + how, reason)

    def test_failures_after_the_head_cut_the_response(self):
        for how in ("trap_after_head", "unfinished"):
            with self.subTest(how):
                reply = self.box.call("/web/fail?how=" + how)
                self.assertEqual((reply.status, reply.complete), (200, False))

    def test_trap_after_the_end_spoils_nothing(self):
        reply = self.box.call("/web/fail?how=trap_after_end")
        self.assertEqual((reply.status, reply.text, reply.complete), (200, "so far so good\n", True))

    def test_computing_and_waiting(self):
        replies = [self.box.call(f"/web/{name}?ms=1000") for name in ("spin", "sleep")]
        self.assertEqual([reply.text for reply in replies], ["done\n", "slept\n"])
        # What the spinning one gets of its second is the machine's affair.
        computing, waiting = (self.box.access_line(reply.trace)["cpu_us"] for reply in replies)
        self.assertGreater(computing, 4 * waiting)

    def test_memory_limit(self):
        reply = self.box.call("/web/grow?mib=100")
        self.assertEqual(reply.status, 200)
        self.assertTrue(10 <= int(reply.text) <= 16, reply.text)

    def test_log(self):
        self.box.call("/web/log?lines=2")
        eventually(lambda: sum(line["function"] == "log" for line in self.box.function_lines()) == 2)

    def test_instances_are_fresh(self):
        for _ in range(5):
            self.assertEqual(self.box.call("/web/counter").text, "1\n")

    def test_reuse_as_far_as_asked(self):
        counts = [int(self.box.call("/web/reused").text) for _ in range(40)]
        self.assertEqual(max(counts), 4)  # one request, and three further ones

    def test_head_request(self):
        with self.box.connect() as connection:
            connection.send(wire.request_bytes("HEAD", "/web/noop"))
            self.assertEqual(connection.reply("HEAD").status, 200)
            connection.send(wire.request_bytes("GET", "/web/noop"))
            self.assertEqual(connection.reply().text, "ok\n")


class Evicted(BoxCase):
    """One program has room: every other request lets go of it."""

    options = ("--max-programs", "1")
    workers = 1
    functions = {"web/reused": ("http_counter", {"reuse": 100}), "web/noop": ("http_noop", {})}

    def test_an_instance_is_reused_on_its_own_program_only(self):
        for _ in range(5):
            self.assertEqual(self.box.call("/web/reused").text, "1\n")
            self.assertEqual(self.box.call("/web/reused").text, "2\n")
            self.assertEqual(self.box.call("/web/noop").text, "ok\n")


class Cli(BoxCase):
    functions = {
        "acme/hello": ("cli_hello", {}),
        "acme/echo": ("cli_echo", {}),
        "acme/exit": ("cli_exit", {}),
    }

    def test_same_contract_as_p1(self):
        self.assertEqual(self.box.call("/acme/hello").text, "hello, world\n")
        body = os.urandom(200_000)
        self.assertEqual(self.box.call("/acme/echo", method="POST", body=body).body, body)

    def test_exit_code(self):
        self.assert_failed("/acme/exit?code=1", "function.exit_code")
        self.assertEqual(self.box.call("/acme/exit?code=0&output=good").text, "good")
