"""WASI p1 commands: stdin and stdout as bodies, exit codes as statuses, CGI variables, both output modes."""

import concurrent.futures
import os
import pathlib

from harness import wire
from harness.box import eventually
from harness.case import BoxCase

FILES = pathlib.Path(__file__).parent / "files"


class Plain(BoxCase):
    functions = {
        "acme/hello": ("hello", {}),
        "acme/noop": ("noop", {}),
        "acme/small": ("noop_small", {}),
        "acme/echo": ("echo", {"limits": {"timeout": "600s"}}),
        "acme/exit": ("exit", {}),
        "acme/trap": ("trap", {}),
        "acme/write": ("write", {}),
        "acme/sleep": ("sleep", {}),
        "acme/stderr": ("stderr", {}),
        "acme/flood": ("many_lines", {"limits": {"log": "32KiB"}}),
        "acme/clock": ("clock", {}),
        "acme/random": ("random", {}),
        "acme/args": ("args", {"args": ["one", "two words", ""]}),
    }

    def test_stdout_is_the_body(self):
        reply = self.box.call("/acme/hello")
        self.assertEqual((reply.status, reply.text), (200, "hello, world\n"))

    def test_no_output_is_an_empty_200(self):
        for name in ("noop", "small"):
            reply = self.box.call("/acme/" + name)
            self.assertEqual((reply.status, reply.body, reply.complete), (200, b"", True))

    def test_stdin_is_the_body(self):
        body = os.urandom(300_000)
        reply = self.box.call("/acme/echo", method="POST", body=body)
        self.assertEqual(reply.status, 200)
        self.assertEqual(reply.body, body)

    def test_chunked_body(self):
        with self.box.connect() as connection:
            connection.send(wire.request_bytes("POST", "/acme/echo", {"Transfer-Encoding": "chunked"}))
            connection.send(wire.chunk(b"one ") + wire.chunk(b"two") + b"0\r\n\r\n")
            self.assertEqual(connection.reply().body, b"one two")

    def test_no_body_is_empty_stdin(self):
        self.assertEqual(self.box.call("/acme/echo").body, b"")

    def test_echo_streams_both_ways(self):
        """Output comes back while the request is still being sent: the head is due with the first 64 KiB."""
        piece = os.urandom(64 * 1024)
        with self.box.connect() as connection:
            connection.send(wire.request_bytes("POST", "/acme/echo", {"Transfer-Encoding": "chunked"}))
            connection.send(wire.chunk(piece) + wire.chunk(piece))
            self.assertEqual(connection.head().status, 200)
            self.assertNotEqual(connection.read_some(), b"")
            connection.send(b"0\r\n\r\n")

    def test_large_bodies_run_in_constant_memory(self):
        mib = 192
        self.box.call("/acme/echo", method="POST", body=bytes(1 << 20))
        before = peak = self.box.resident_bytes()

        def send(connection):
            connection.send(wire.request_bytes("POST", "/acme/echo", {"Content-Length": str(mib << 20)}))
            for _ in range(mib):
                connection.send(bytes(1 << 20))

        with self.box.connect() as connection, concurrent.futures.ThreadPoolExecutor(1) as pool:
            sending = pool.submit(send, connection)
            self.assertEqual(connection.head().status, 200)
            received, end = 0, b""
            while end != b"0\r\n\r\n" and (piece := connection.read_some(1 << 20)):
                received += len(piece)
                end = (end + piece)[-5:]
                peak = max(peak, self.box.resident_bytes())
            sending.result()
        self.assertGreater(received, mib << 20)
        self.assertLess(peak - before, 16 << 20)

    def test_exit_code_other_than_zero_is_500(self):
        reply = self.assert_failed("/acme/exit?code=3&output=half", "function.exit_code")
        self.assertNotIn("half", reply.text)

    def test_exit_code_zero_with_output(self):
        reply = self.box.call("/acme/exit?code=0&output=all")
        self.assertEqual((reply.status, reply.text), (200, "all"))

    def test_failure_before_64_kib_is_a_clean_500(self):
        reply = self.assert_failed("/acme/trap?bytes=60000", "function.trap")
        self.assertTrue(reply.complete)
        self.assertNotIn("xxx", reply.text)

    def test_failure_after_64_kib_cuts_the_response(self):
        reply = self.box.call("/acme/trap?bytes=200000")
        self.assertEqual(reply.status, 200)
        self.assertFalse(reply.complete)
        self.assertEqual(self.box.access_line(reply.trace)["reason"], "function.trap")

    def test_every_kind_of_trap(self):
        for how in ("unreachable", "bounds", "divide", "indirect"):
            with self.subTest(how):
                self.assert_failed("/acme/trap?how=" + how, "function.trap")

    def test_small_output_has_a_length_and_large_output_is_chunked(self):
        self.assertEqual(self.box.call("/acme/write?bytes=1000").header("content-length"), "1000")
        reply = self.box.call("/acme/write?mib=3")
        self.assertEqual((len(reply.body), reply.complete), (3 << 20, True))
        self.assertEqual(reply.header("transfer-encoding"), "chunked")

    def test_head_has_no_body(self):
        with self.box.connect() as connection:
            connection.send(wire.request_bytes("HEAD", "/acme/hello"))
            reply = connection.reply("HEAD")
            self.assertEqual(reply.status, 200)
            connection.send(wire.request_bytes("GET", "/acme/hello"))
            self.assertEqual(connection.reply().text, "hello, world\n")

    def test_sleeping(self):
        reply = self.box.call("/acme/sleep?ms=30")
        self.assertEqual(reply.text, "slept 30\n")
        self.assertGreaterEqual(self.box.access_line(reply.trace)["wall_us"], 30_000)

    def test_arguments(self):
        lines = self.box.call("/acme/args").text.splitlines()
        self.assertEqual(lines[1:], ["1: one", "2: two words", "3: "])

    def test_clocks(self):
        values = dict(line.split("=") for line in self.box.call("/acme/clock").text.splitlines())
        self.assertEqual(values["advances"], "1")
        self.assertGreater(int(values["realtime"]), 1_700_000_000)

    def test_clock_is_coarse(self):
        values = dict(line.split("=") for line in self.box.call("/acme/clock").text.splitlines())
        self.assertGreaterEqual(int(values["resolution"]), 1000)

    def test_random_differs(self):
        first, second = (self.box.call("/acme/random?bytes=32").text for _ in range(2))
        self.assertEqual(len(first), 65)
        self.assertNotEqual(first, second)

    def test_random_has_a_cap(self):
        self.box.call("/acme/random?bytes=33554432")
        self.assertEqual(self.box.call("/acme/random").status, 200)

    def test_stderr_goes_to_the_function_log(self):
        traceparent = "00-11223344556677889900aabbccddeeff-0011223344556677-01"
        self.assertEqual(self.box.call("/acme/stderr?lines=3", headers={"traceparent": traceparent}).text, "done\n")

        def lines():
            found = [line for line in self.box.function_lines() if line["request"] == "11223344556677889900aabbccddeeff"]
            return found if len(found) == 3 else None

        found = eventually(lines, what="three lines in the function log")
        self.assertEqual([line["line"] for line in found], ["line 1", "line 2", "line 3"])
        self.assertEqual({(line["tenant"], line["function"], line["stream"]) for line in found},
                         {("acme", "stderr", "stderr")})
        self.assertRegex(found[0]["version"], "^[0-9a-f]{12}$")

    def test_log_rate_is_limited(self):
        self.assertEqual(self.box.call("/acme/flood?kib=4096").text, "done\n")

        def dropped():
            """What the log says by the next line that it has room for: the log has been written as far as there."""
            self.box.call("/acme/flood?kib=1")
            return [line for line in self.flood_lines() if "lines were dropped" in line["line"]]

        eventually(dropped)
        self.assertLess(sum(len(line["line"]) for line in self.flood_lines()), 2 << 20)

    def flood_lines(self):
        return [line for line in self.box.function_lines() if line["function"] == "flood"]


class Cgi(BoxCase):
    functions = {
        "acme/env": ("env", {"env": {"GREETING": "moin", "EMPTY": ""}, "routes": [{"host": "env.test"}]}),
        "acme/cgi": ("cgi", {"http": "cgi"}),
    }

    def environment(self, target="/acme/env", **options) -> dict:
        reply = self.box.call(target, **options)
        self.assertEqual(reply.status, 200)
        return dict(line.split("=", 1) for line in reply.text.splitlines())

    def test_request_metadata(self):
        variables = self.environment("/acme/env/some/p%61th?a=1&b=%20", method="POST", body=b"12345",
                                     headers={"Host": "example.test:8080", "Content-Type": "text/x"})
        expected = {
            "GATEWAY_INTERFACE": "CGI/1.1", "REQUEST_METHOD": "POST", "SCRIPT_NAME": "/acme/env",
            "PATH_INFO": "/some/path", "QUERY_STRING": "a=1&b=%20", "SERVER_NAME": "example.test",
            "SERVER_PORT": "8080", "SERVER_PROTOCOL": "HTTP/1.1", "CONTENT_TYPE": "text/x", "CONTENT_LENGTH": "5",
            "REMOTE_ADDR": "127.0.0.1", "HTTP_HOST": "example.test:8080",
        }
        self.assertEqual({name: variables.get(name) for name in expected}, expected)

    def test_headers_become_variables(self):
        variables = self.environment(headers=[("X-One", "1"), ("Accept", "a"), ("Accept", "b"), ("Cookie", "c=1"),
                                              ("Cookie", "d=2")])
        self.assertEqual(variables["HTTP_X_ONE"], "1")
        self.assertEqual(variables["HTTP_ACCEPT"], "a, b")
        self.assertEqual(variables["HTTP_COOKIE"], "c=1; d=2")

    def test_dangerous_headers_do_not(self):
        variables = self.environment(headers=[("Proxy", "http://evil.test/"), ("X_Forwarded_For", "1.2.3.4"),
                                              ("Connection", "keep-alive")])
        for name in ("HTTP_PROXY", "HTTP_X_FORWARDED_FOR", "HTTP_CONNECTION"):
            self.assertNotIn(name, variables)

    def test_manifest_environment(self):
        variables = self.environment()
        self.assertEqual((variables["GREETING"], variables["EMPTY"]), ("moin", ""))

    def test_nothing_of_the_host_environment(self):
        self.assertFalse({"PATH", "HOME", "WASABI_BIN", "LD_LIBRARY_PATH"} & set(self.environment()))

    def test_script_name_of_a_host_route(self):
        variables = self.environment("/deep/path", headers={"Host": "env.test"})
        self.assertEqual((variables["SCRIPT_NAME"], variables["PATH_INFO"]), ("", "/deep/path"))

    def cgi(self, case):
        return self.box.call("/acme/cgi?case=" + case)

    def test_status_and_headers(self):
        reply = self.cgi("status")
        self.assertEqual((reply.status, reply.header("x-guest"), reply.text), (418, "yes", "short and stout\n"))
        self.assertIsNone(reply.header("status"))

    def test_carriage_returns(self):
        reply = self.cgi("crlf")
        self.assertEqual((reply.status, reply.header("content-type"), reply.text), (201, "application/json", "{}\n"))

    def test_default_status(self):
        reply = self.cgi("default")
        self.assertEqual((reply.status, reply.header("content-type")), (200, "text/html"))

    def test_location_alone_redirects(self):
        reply = self.cgi("location")
        self.assertEqual((reply.status, reply.header("location")), (302, "/elsewhere"))

    def test_repeated_headers(self):
        self.assertEqual(self.cgi("cookies").all("set-cookie"), ["a=1", "b=2"])

    def test_hop_by_hop_and_internal_headers_are_dropped(self):
        reply = self.cgi("hop")
        self.assertEqual((reply.status, reply.text), (200, "ok\n"))
        for name in ("upgrade", "keep-alive", "wasabi-internal"):
            self.assertIsNone(reply.header(name), name)
        self.assertIsNone(reply.header("transfer-encoding"))

    def test_bad_heads_are_500(self):
        for case in ("empty", "unfinished", "garbage", "bad_status", "injection", "huge"):
            with self.subTest(case):
                self.assert_failed("/acme/cgi?case=" + case, "function.bad_response")


class Conformance(BoxCase):
    @classmethod
    def prepare(cls, box):
        manifest = {"args": ["one", "two words"], "env": {"WASABI_CASE": "conformance"}}
        for name, guest in (("conformance", "conformance"), ("files", "files")):
            files = box.catalog.put_files("acme/" + name, FILES)
            (box.catalog.directory / "acme" / files / "link_outside").symlink_to("/etc/passwd")
            box.put("acme/" + name, guest, files=files, **manifest)

    def test_every_call_of_p1(self):
        reply = self.box.call("/acme/conformance", method="POST", body=b"0123456789")
        failed = [line for line in reply.text.splitlines() if not line.startswith("ok ")]
        self.assertEqual(failed, [])
        self.assertEqual(reply.status, 200)
        self.assertGreaterEqual(reply.text.count("ok "), 40)

    def test_files_of_the_version(self):
        self.assertEqual(self.box.call("/acme/files?path=/folder/inner.txt").text, "inner\n")
        self.assertIn("hello.txt", self.box.call("/acme/files").text.splitlines())

    def test_no_way_out_of_the_files(self):
        for path in ("../conformance.toml", "/../../../etc/passwd", "/etc/passwd", "link_outside", "folder/../../conformance.wasm"):
            with self.subTest(path):
                self.assertEqual(self.box.call("/acme/files?path=" + path).status, 500)
