"""Slices over all workers: who came in on one connection belongs to one worker, and others run it as well."""

import contextlib
import hashlib
import pathlib
import time

from harness import h2, wire
from harness.box import Box, eventually, scratch
from harness.case import BoxCase
from harness.catalog import guests
from test_outbound import Peer


def work(rounds: int, size: int) -> bytes:
    """What the guests work and http_work write."""
    lines = []
    for number in range(rounds):
        letter = chr(ord("a") + number % 26)
        lines.append(("round %d " % number).ljust(size - 1, letter) + "\n")
    return "".join(lines).encode()


class Client(h2.Peer):
    """One connection, and so one worker's, for many requests at once."""

    WINDOW = (1 << 31) - 1

    def __init__(self, box: Box):
        super().__init__(box.address, initial_window_size=self.WINDOW)
        self.send(h2.frame(h2.WINDOW_UPDATE, payload=(self.WINDOW - 65535).to_bytes(4, "big")))
        self.bodies = {}  # by stream
        self.whole = set()  # streams that ended well
        self._streams = 0

    def ask(self, target: str, trace: str | None = None) -> int:
        stream = 2 * self._streams + 1
        self._streams += 1
        fields = [h2.field("traceparent", f"00-{trace}-00f067aa0ba902b7-01")] if trace else []
        payload = h2.request_fields(target, "GET", *fields)
        self.send(h2.frame(h2.HEADERS, h2.END_HEADERS | h2.END_STREAM, stream, payload))
        return stream

    def reset(self, stream: int):
        self.send(h2.frame(h2.RST_STREAM, 0, stream, (8).to_bytes(4, "big")))

    def wait_for(self, count: int):
        """Until so many more streams have ended, one way or the other."""
        for kind, flags, stream, payload in self.frames():
            if kind == h2.DATA:
                self.bodies[stream] = self.bodies.get(stream, b"") + payload
            if kind in (h2.DATA, h2.HEADERS) and flags & h2.END_STREAM:
                self.whole.add(stream)
            elif kind != h2.RST_STREAM:
                continue
            count -= 1
            if count == 0:
                return
        raise AssertionError("the connection ended")


class SchedulingCase(BoxCase):
    workers = 2

    def client(self) -> Client:
        client = Client(self.box)
        self.addCleanup(client.close)
        return client

    def state_counts(self) -> dict:
        metrics = self.box.metrics()
        return {state: metrics.sum("wasabi_invocations", state=state)
                for state in ("queued", "loading", "runnable", "running", "parked")}

    def assert_all_over(self):
        eventually(lambda: sum(self.state_counts().values()) == 0, what="no invocation left")
        eventually(lambda: self.box.metrics().sum("wasabi_memory_bytes", kind="booked") == 0, what="nothing booked")

    def seconds_of_workers(self) -> list:
        """The CPU time of each worker's thread, less first."""
        seconds = []
        for task in pathlib.Path(f"/proc/{self.box.process.pid}/task").iterdir():
            if (task / "comm").read_text().strip() == "worker":
                seconds.append(int((task / "schedstat").read_text().split()[0]) / 1e9)
        return sorted(seconds)

    def assert_both_compute(self, seconds: float = 2):
        """Each worker's thread gets a good part of what they use together."""
        before = self.seconds_of_workers()
        eventually(lambda: sum(self.seconds_of_workers()) - sum(before) > seconds)
        used = [after - then for after, then in zip(self.seconds_of_workers(), before)]
        # Without slices for others it would be nothing; how much it is, is up to whoever else wants the cores.
        self.assertGreater(min(used), sum(used) / 20, used)

    def tearDown(self):
        self.assert_all_over()


class OneConnection(SchedulingCase):
    options = ("--allow-private-networks",)
    functions = {
        "t/spin": ("spin", {"limits": {"timeout": "600s"}}),
        "t/short": ("spin", {"limits": {"timeout": "200ms"}}),
        "t/work": ("work", {"limits": {"timeout": "600s", "memory": "100MiB"}}),
        "t/http": ("http_work", {"limits": {"timeout": "600s"}, "reuse": 3}),
    }

    @classmethod
    def prepare(cls, box):
        cls.peer = Peer()
        cls.addClassCleanup(cls.peer.end)
        box.put("t/call", "http_work", outbound=[cls.peer.authority], limits={"timeout": "600s"})

    def setUp(self):
        self.load("/t/short?ms=1")
        for target in ("spin?ms=1", "work", "http", "call"):
            self.assertEqual(self.box.call("/t/" + target).status, 200)

    @contextlib.contextmanager
    def spinners(self, count: int = 2):
        """Others on the same connection, so that slices go to the other worker all the time."""
        client = self.client()
        streams = [client.ask("/t/spin") for _ in range(count)]
        eventually(lambda: self.state_counts()["runnable"] + self.state_counts()["running"] > 0)
        yield client
        for stream in streams:
            client.reset(stream)

    def test_both_workers_compute(self):
        with self.spinners(3):
            self.assert_both_compute()

    def test_both_workers_compute_for_two(self):
        with self.spinners(2):
            self.assert_both_compute()

    def test_one_that_has_called_is_given_away_too(self):
        client = self.client()
        url = f"http://{self.peer.authority}/hello"
        for _ in range(2):
            client.ask(f"/t/call?url={url}&once=1&bytes=0&ms=600000")
        eventually(lambda: len(self.peer.seen) >= 2)
        self.assert_both_compute()
        client.close()

    def exact(self, target: str, rounds: int, size: int, count: int = 4):
        with self.spinners() as client:
            streams = [client.ask(f"{target}?rounds={rounds}&ms=2&bytes={size}") for _ in range(count)]
            client.wait_for(count)
            for stream in streams:
                self.assertIn(stream, client.whole)
                self.assertEqual(client.bodies[stream], work(rounds, size))

    def test_output_of_a_command_is_exact(self):
        self.exact("/t/work", 40, 3000)

    def test_output_of_a_component_is_exact(self):
        self.exact("/t/http", 40, 3000)

    def test_output_larger_than_what_is_sent_at_once(self):
        self.exact("/t/work", 20, 64 * 1024)
        self.exact("/t/http", 20, 64 * 1024)

    def test_instances_are_used_again(self):
        for _ in range(5):
            self.exact("/t/http", 3, 100)

    def test_calls_between_computing(self):
        url = f"http://{self.peer.authority}/hello"
        with self.spinners() as client:
            streams = [client.ask(f"/t/call?rounds=15&ms=2&bytes=100&url={url}") for _ in range(4)]
            client.wait_for(4)
            for stream in streams:
                self.assertEqual(client.bodies[stream], work(15, 100))

    def test_memory_grows_wherever_it_runs(self):
        with self.spinners() as client:
            streams = [client.ask("/t/work?rounds=30&ms=2&bytes=50&mib=2") for _ in range(3)]
            client.wait_for(3)
            for stream in streams:
                self.assertEqual(client.bodies[stream], work(30, 50))

    def test_the_log_is_complete_and_in_order(self):
        trace, _ = wire.new_trace()
        with self.spinners() as client:
            client.ask("/t/work?rounds=200&ms=0&bytes=0&log=1", trace)
            client.wait_for(1)
        def lines():
            return [line["line"] for line in self.box.function_lines() if line["request"] == trace]
        eventually(lambda: len(lines()) >= 200, what="200 lines")
        self.assertEqual(lines(), ["round %d" % number for number in range(200)])

    def test_timeouts(self):
        for _ in range(5):
            with self.spinners() as client:
                streams = [client.ask("/t/short") for _ in range(4)]
                client.wait_for(4)
                for stream in streams:
                    self.assertIn(b"timeout.function", client.bodies[stream])

    def test_cancelling(self):
        for _ in range(10):
            with self.spinners() as client:
                traces = [wire.new_trace()[0] for _ in range(3)]
                streams = [client.ask("/t/spin", trace) for trace in traces]
                for trace in traces:
                    eventually(lambda: self.box.admin("/-/cancel?request=" + trace, method="POST").text.strip()
                               == '{"cancelled":1}', what="one that is cancelled")
                client.wait_for(3)
                for stream in streams:
                    self.assertIn(b"operator.cancelled", client.bodies[stream])

    def test_clients_that_go(self):
        for _ in range(10):
            client = self.client()
            for _ in range(6):
                client.ask("/t/spin")
            eventually(lambda: sum(self.state_counts().values()) >= 6)
            client.close()
            self.assert_all_over()

    def test_streams_that_are_reset(self):
        client = self.client()
        for _ in range(20):
            streams = [client.ask("/t/spin") for _ in range(4)]
            time.sleep(0.01)
            for stream in streams:
                client.reset(stream)
        self.assert_all_over()
        client.ask("/t/work")
        client.wait_for(1)


class Written(SchedulingCase):
    functions = {
        "t/spin": ("spin", {"limits": {"timeout": "600s"}}),
        "t/work": ("work", {"limits": {"timeout": "600s"}}),
    }

    @classmethod
    def prepare(cls, box):
        box.use_store(scratch.new_store())  # it is going to be spoiled

    def test_what_runs_on_it_ends(self):
        digest = hashlib.sha256((guests() / "work.wasm").read_bytes()).hexdigest()
        for _ in range(3):
            self.assertEqual(self.box.call("/t/work").status, 200)
            compiled, = self.box.store.rglob(digest + ".cwasm")
            client = self.client()
            spinner = client.ask("/t/spin")
            streams = [client.ask("/t/work?ms=600000") for _ in range(4)]
            eventually(lambda: sum(self.state_counts().values()) == 5)
            compiled.chmod(0o644)
            with open(compiled, "ab") as file:
                file.write(b"x")
            client.wait_for(4)
            for stream in streams:
                self.assertIn(b"program.withdrawn", client.bodies[stream])
            client.reset(spinner)


class Stop(SchedulingCase):
    options = ("--drain-timeout", "300ms")
    functions = {"t/spin": ("spin", {"limits": {"timeout": "600s"}})}

    def tearDown(self):
        """The box is gone."""

    def test_what_computes_is_cut_when_the_box_stops(self):
        self.load("/t/spin?ms=1")
        clients = [self.client() for _ in range(3)]
        for client in clients:
            for _ in range(5):
                client.ask("/t/spin")
        eventually(lambda: sum(self.state_counts().values()) == 15)
        self.assertEqual(self.box.terminate(), 0)
        reasons = [line["reason"] for line in self.box.access_lines() if "reason" in line]
        self.assertEqual(reasons, ["host.stopped"] * 15)
