"""Memory, time, concurrency, sizes: what a manifest limits holds, with the right status and reason."""

import concurrent.futures
import time

from harness import wire
from harness.box import eventually
from harness.case import BoxCase


class Memory(BoxCase):
    functions = {
        "acme/grow": ("grow", {"limits": {"memory": "16MiB"}}),
        "acme/roomy": ("grow", {"limits": {"memory": "128MiB"}}),
        "acme/hog": ("hog", {"limits": {"memory": "16MiB"}}),
        "acme/table": ("table_grow", {"limits": {"memory": "16MiB"}}),
        "acme/start": ("start_grow", {"limits": {"memory": "16MiB"}}),
        "acme/born-big": ("bulk_fill", {"limits": {"memory": "16MiB"}}),
        "acme/hello": ("hello", {"limits": {"memory": "1MiB"}}),
    }

    def grown(self, target):
        reply = self.box.call(target)
        self.assertEqual(reply.status, 200)
        self.trace = reply.trace
        return int(reply.text.strip().removeprefix("grown="))

    def test_growth_within_the_limit(self):
        self.assertEqual(self.grown("/acme/grow?mib=8"), 8)
        self.assertEqual(self.grown("/acme/roomy?mib=100"), 100)

    def test_growth_beyond_the_limit_fails_in_the_guest(self):
        self.assertIn(self.grown("/acme/grow?mib=64"), (14, 15))

    def test_peak_is_in_the_access_log(self):
        self.grown("/acme/roomy?mib=50")
        peak = self.box.access_line(self.trace)["peak_memory"]
        self.assertTrue(50 << 20 <= peak <= 52 << 20, peak)

    def test_a_program_that_does_not_check_is_ended_for_memory(self):
        self.assert_failed("/acme/hog", "function.memory_limit")
        self.assert_failed("/acme/start", "function.memory_limit")

    def test_an_initial_memory_beyond_the_limit(self):
        self.assert_failed("/acme/born-big", "function.memory_limit")

    def test_log_names_limit_and_peak(self):
        self.box.call("/acme/hog?once")
        eventually(lambda: [line for line in self.box.function_lines()
                            if line["function"] == "hog" and "16MiB" in line["line"]],
                   what="a line in the function log that names the limit")

    def test_tables_end_too(self):
        self.assertEqual(self.box.call("/acme/table").status, 200)

    def test_little_memory_is_enough_for_little(self):
        self.assertEqual(self.box.call("/acme/hello").text, "hello, world\n")

    def test_memory_comes_back(self):
        for _ in range(5):
            self.assertEqual(self.grown("/acme/roomy?mib=60"), 60)
        eventually(lambda: self.box.metrics().sum("wasabi_memory_bytes", kind="grown") == 0)
        self.assertEqual(self.box.metrics().sum("wasabi_memory_bytes", kind="booked"), 0)


class Time(BoxCase):
    functions = {
        "acme/spin": ("spin", {"limits": {"timeout": "500ms"}}),
        "acme/sleep": ("sleep", {"limits": {"timeout": "500ms"}}),
        "acme/write": ("write", {"limits": {"timeout": "2s"}}),
        "acme/echo": ("echo", {"limits": {"timeout": "500ms"}}),
        "acme/start": ("start_loop", {"limits": {"timeout": "500ms"}}),
        "acme/start-write": ("start_write", {"limits": {"timeout": "500ms"}}),
        "web/spin": ("http_spin", {"limits": {"timeout": "500ms"}}),
        "web/sleep": ("http_sleep", {"limits": {"timeout": "500ms"}}),
        "web/stream": ("http_stream", {"limits": {"timeout": "2s"}}),
    }

    def assert_times_out(self, target):
        self.load(target)
        start = time.monotonic()
        self.assert_failed(target, "timeout.function", status=504)
        self.assertGreater(time.monotonic() - start, 0.45)

    def test_computing(self):
        self.assert_times_out("/acme/spin")
        self.assert_times_out("/web/spin")
        self.assert_times_out("/acme/start")

    def test_waiting(self):
        self.assert_times_out("/acme/sleep?ms=600000")
        self.assert_times_out("/web/sleep?ms=600000")

    def test_in_mid_response(self):
        for target in ("/acme/write?mib=100&ms=50", "/web/stream?chunks=100&ms=50"):
            with self.subTest(target):
                self.load(target.partition("?")[0] + "?bytes=1&chunks=1&ms=1")
                reply = self.box.call(target)
                self.assertEqual((reply.status, reply.complete), (200, False))
                self.assertEqual(self.box.access_line(reply.trace)["reason"], "timeout.function")

    def test_waiting_for_a_body_that_does_not_come(self):
        with self.box.connect() as connection:
            connection.send(wire.request_bytes("POST", "/acme/echo", {"Content-Length": "100"}))
            self.assertEqual(connection.reply().status, 504)

    def test_writing_for_ever_at_the_start(self):
        reply = self.box.call("/acme/start-write")
        self.assertFalse(reply.status == 200 and reply.complete)


class Handles(BoxCase):
    """Pollables are counted by themselves: one for each 4 KiB of memory besides the 1,000 handles of all kinds."""

    functions = {
        "acme/handles": ("http_handles", {"limits": {"memory": "64MiB"}}),
        "acme/small": ("http_handles", {"limits": {"memory": "1MiB"}}),
        "acme/huge": ("http_handles", {"limits": {"memory": "4GiB"}}),
    }

    def test_few_are_held_by_all(self):
        self.assertEqual(self.box.call("/acme/small?fields=900").text, "held\n")
        self.assertEqual(self.box.call("/acme/small?pollables=1200").text, "held\n")

    def test_pollables_go_by_memory(self):
        self.assertEqual(self.box.call("/acme/handles?pollables=17000&fields=300").text, "held\n")
        self.assertEqual(self.box.call("/acme/huge?pollables=66000").text, "held\n")
        self.assert_cut("/acme/small?pollables=1300")
        self.assert_cut("/acme/handles?pollables=17500")
        self.assert_cut("/acme/huge?pollables=67000")

    def test_other_kinds_do_not(self):
        self.assert_cut("/acme/handles?fields=5000")
        self.assert_cut("/acme/huge?pollables=5000&fields=5000")

    def assert_cut(self, target):
        reply = self.box.call(target)
        self.assertFalse(reply.status == 200 and reply.complete, reply.text)
        self.assertEqual(self.box.access_line(reply.trace)["reason"], "function.resource_limit")


class Sizes(BoxCase):
    functions = {
        "acme/echo": ("echo", {"limits": {"request_body": "1KiB"}}),
        "acme/write": ("write", {"limits": {"response_body": "100KiB"}}),
    }

    def test_request_body_announced_too_large(self):
        reply = self.box.call("/acme/echo", method="POST", body=bytes(1025))
        self.assertEqual(reply.status, 413)
        self.assertEqual(self.box.call("/acme/echo", method="POST", body=bytes(1024)).status, 200)

    def test_request_body_grown_too_large(self):
        with self.box.connect() as connection:
            connection.send(wire.request_bytes("POST", "/acme/echo", {"Transfer-Encoding": "chunked"}))
            connection.send(wire.chunk(bytes(600)) + wire.chunk(bytes(600)))
            self.assertEqual(connection.reply().status, 413)

    def test_response_body_too_large(self):
        self.assertEqual(len(self.box.call("/acme/write?bytes=102400").body), 102400)
        reply = self.box.call("/acme/write?bytes=102401")
        self.assertFalse(reply.status == 200 and reply.complete)
        self.assertEqual(self.box.access_line(reply.trace)["reason"], "function.response_body_limit")
        self.assertEqual(self.box.call("/acme/write?bytes=50000000&chunk=10").complete, False)


class Failures(BoxCase):
    functions = {
        "acme/deep": ("deep_recursion", {}),
        "acme/start": ("start_recursion", {}),
        "acme/trap": ("trap", {}),
        "acme/hello": ("hello", {}),
    }

    def test_stack_overflow(self):
        self.assert_failed("/acme/deep", "function.stack_overflow")
        self.assert_failed("/acme/start", "function.stack_overflow")
        self.assertEqual(self.box.call("/acme/deep?depth=1000").text, "1000\n")

    def test_reason_is_in_the_answer(self):
        reply = self.box.call("/acme/trap")
        self.assertIn("function.trap", reply.header("proxy-status"))
        self.assertIn("function.trap", reply.text)

    def test_the_trap_is_in_the_function_log(self):
        self.box.call("/acme/trap?how=divide")
        eventually(lambda: [line for line in self.box.function_lines()
                            if line["function"] == "trap" and "divide by zero" in line["line"]])

    def test_no_growth_over_many_failures(self):
        targets = ("/acme/trap", "/acme/deep", "/acme/start", "/acme/trap?bytes=70000")
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            def rounds(count):
                list(pool.map(lambda number: self.box.call(targets[number % len(targets)]), range(count)))
            rounds(400)
            before, descriptors = self.box.resident_bytes(), self.box.open_descriptors()
            rounds(3000)
        self.assertLess(self.box.resident_bytes() - before, 8 << 20)
        eventually(lambda: self.box.open_descriptors() <= descriptors + 2)
        self.assertEqual(self.box.call("/acme/hello").status, 200)
