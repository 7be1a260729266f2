"""Bad input that can be repeated at will. Each case does its worst `count` times, and sees that the answer is right.

The tests repeat it for seconds, test/integration/soak for as long as one likes: a box holds no more after it than before.
"""

import concurrent.futures
import contextlib
import hashlib
import itertools
import os
import resource
import shutil

from . import wasm, wire
from .box import eventually
from .catalog import guests

CLIENTS = 8
TIMEOUT = "50ms"
# A module that no other box has: its compiled one is spoiled again and again.
SPOILED = wasm.distinct(1 << 20)
CONNECTIONS_AT_ONCE = 300

FUNCTIONS = {
    "t/hello": ("hello", {}),
    "t/echo": ("echo", {}),
    "t/loops": ("start_loop", {"limits": {"timeout": TIMEOUT}}),
    "t/recurses": ("start_recursion", {}),
    "t/grows": ("start_grow", {"limits": {"memory": "16MiB"}}),
    "t/writes": ("start_write", {"limits": {"response_body": "128KiB", "timeout": "5s"}}),
    "t/traps": ("trap", {}),
    "t/stream": ("http_stream", {}),
    "t/spoiled": (SPOILED, {}),
    "bad/text": (b"this is not a module\n", {}),
    "bad/import": ("unknown_import", {}),
}

_numbers = itertools.count()


def _many(count: int, act):
    """`act(number)` so many times, by some clients at once. The first failure is raised."""
    with concurrent.futures.ThreadPoolExecutor(CLIENTS) as pool:
        for _ in pool.map(act, range(count)):
            pass


def _expect(condition: bool, what):
    if not condition:
        raise AssertionError(what)


def _fails(box, target: str, reason: str, status: int = 500):
    reply = box.call(target)
    _expect(reply.status == status and reason in reply.text, f"{target}: {reply.status} {reply.text}")


def start_that_loops(box, count):
    # The first one may spend its time on being compiled.
    eventually(lambda: "timeout.function" in box.call("/t/loops").text)
    _many(count, lambda _: _fails(box, "/t/loops", "timeout.function", 504))


def start_that_recurses(box, count):
    _many(count, lambda _: _fails(box, "/t/recurses", "function.stack_overflow"))


def start_that_grows(box, count):
    _many(count, lambda _: _fails(box, "/t/grows", "function.memory_limit"))


def start_that_writes(box, count):
    def write(_):
        reply = box.call("/t/writes")
        _expect(not (reply.status == 200 and reply.complete), reply.status)
    _many(count, write)


def traps(box, count):
    _many(count, lambda _: _fails(box, "/t/traps", "function.trap"))


def refused_module(box, count):
    """A module that was refused once is asked for again."""
    _many(count, lambda n: _fails(box, ("/bad/text", "/bad/import")[n % 2], "program.invalid"))


def _bad_module(number: int) -> bytes:
    note = b"%d" % number
    good = (guests() / "conformance.wasm").read_bytes()
    return (
        b"this is not a module " + note,
        # In the midst of the code: at the end of a section a module may be whole again.
        good[: len(good) // 2 - number % (len(good) // 4)],
        (guests() / "unknown_import.wasm").read_bytes() + wasm.custom_section(note),
    )[number % 3]


def new_bad_modules(box, count, batch: int = 300):
    """Each is another one: deployed, compiled in vain, asked for, removed."""
    for start in range(0, count, batch):
        names = []
        for _ in range(min(batch, count - start)):
            number = next(_numbers)
            names.append(f"heap/f{number}")
            box.put(names[-1], _bad_module(number))
        eventually(lambda: box.call("/" + names[-1]).status != 404, what="the batch in the catalog")
        _many(len(names), lambda n: _fails(box, "/" + names[n], "program.invalid"))
        shutil.rmtree(box.catalog.directory / "heap")
        eventually(lambda: box.call("/" + names[-1]).status == 404, what="the batch out of the catalog")


def _send_and_read(box, data: bytes) -> bytes:
    """What is answered, as far as the reset lets it through that comes where the box does not read to the end."""
    with box.connect() as connection:
        try:
            connection.send(data)
        except OSError:
            pass
        return connection.read_until_closed()


def hundred_thousand_headers(box, count):
    head = b"GET /t/hello HTTP/1.1\r\nHost: a\r\n" + b"X-Header: v\r\n" * 100_000 + b"\r\n"

    def send(_):
        answer = _send_and_read(box, head)
        _expect(not answer or b" 431 " in answer.split(b"\r\n")[0], answer[:100])
    _many(count, send)


def malformed_requests(box, count):
    requests = (
        b"POST /t/echo HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"POST /t/echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
        b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\nHost: a\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"GET / HTTP/1.1\r\n\r\n",
    )

    def send(number):
        answer = _send_and_read(box, requests[number % len(requests)])
        _expect(b" 200 " not in answer.split(b"\r\n")[0], answer[:100])
    _many(count, send)


def trickling_heads(box, count):
    """A thousand at once, for each takes the head timeout: a byte now and then, and never the end of the head."""
    for start in range(0, count, 1000):
        connections = [box.connect() for _ in range(min(1000, count - start))]
        for connection in connections:
            connection.send(b"GET /t/hello HTTP/1.1\r\nX: ")

        def trickle():
            for connection in connections[:: max(1, len(connections) // 50)]:
                try:
                    connection.send(b"x")
                except OSError:
                    pass
            return box.metrics().sum("wasabi_http_connections") <= 1
        eventually(trickle, what="an end of the connections")
        for connection in connections:
            connection.close()


def vanishing_in_mid_body(box, count):
    def vanish(_):
        with box.connect() as connection:
            connection.send(wire.request_bytes("POST", "/t/echo", {"Content-Length": "1000"}, b"half"))
    # Few at once: who does not wait for an answer is faster than any box, and how many there are decides what stays.
    for _ in range(0, count, 50):
        _many(50, vanish)
        eventually(lambda: box.metrics().sum("wasabi_invocations") == 0, what="an end of those whose client is gone")


def vanishing_in_mid_response(box, count):
    def vanish(_):
        with box.connect() as connection:
            connection.send(wire.request_bytes("GET", "/t/stream?chunks=1000&ms=0&size=4096"))
            connection.read_some(100)
    _many(count, vanish)


def compiled_module_spoiled(box, count):
    """Truncated or overwritten in place while it is loaded, or replaced by another file: it is built anew each time."""
    box.call("/t/spoiled")
    compiled, = box.store.rglob(hashlib.sha256(SPOILED).hexdigest() + ".cwasm")

    def overwrite():
        with open(compiled, "r+b") as file:
            file.write(bytes(compiled.stat().st_size))

    def replace():
        other = compiled.with_name(".spoiled")
        other.write_bytes(compiled.read_bytes()[:-1] + b"x")
        os.replace(other, compiled)
        box.admin("/-/unload?function=t/spoiled", method="POST")

    ways = (lambda: os.truncate(compiled, 100), overwrite, replace)
    for number in range(count):
        compiled.chmod(0o644)
        ways[number % len(ways)]()
        _expect(box.call("/t/spoiled").status == 200, f"way {number % len(ways)}")


def more_connections_than_descriptors(box, count):
    limits = resource.prlimit(box.process.pid, resource.RLIMIT_NOFILE)
    few = box.open_descriptors() + CONNECTIONS_AT_ONCE // 3
    resource.prlimit(box.process.pid, resource.RLIMIT_NOFILE, (few, limits[1]))
    try:
        for start in range(0, count, CONNECTIONS_AT_ONCE):
            with contextlib.ExitStack() as held:
                for _ in range(min(CONNECTIONS_AT_ONCE, count - start)):
                    held.enter_context(box.connect())
            eventually(lambda: box.call("/t/hello").status == 200, what="an answer after they were gone")
    finally:
        resource.prlimit(box.process.pid, resource.RLIMIT_NOFILE, limits)


CASES = {
    "start function that loops": start_that_loops,
    "start function that recurses": start_that_recurses,
    "start function that grows for ever": start_that_grows,
    "start function that writes for ever": start_that_writes,
    "traps": traps,
    "a refused module, again": refused_module,
    "new bad modules": new_bad_modules,
    "100,000 headers": hundred_thousand_headers,
    "malformed requests": malformed_requests,
    "one byte now and then": trickling_heads,
    "client gone in mid-body": vanishing_in_mid_body,
    "client gone in mid-response": vanishing_in_mid_response,
    "compiled module spoiled": compiled_module_spoiled,
    "more connections than descriptors": more_connections_than_descriptors,
}


class Held:
    """What a box holds at rest."""

    def __init__(self, box):
        eventually(lambda: box.metrics().sum("wasabi_invocations") == 0, what="no live invocation")
        eventually(lambda: box.metrics().sum("wasabi_http_connections") <= 1, what="no open connection")
        self.resident = box.resident_bytes()
        self.descriptors = box.open_descriptors()
        self.mappings = box.mappings()
