"""`wasabi serve` as a whole: what its gateway costs, how fast it starts things, and what it loses when they die."""

import contextlib
import http.client
import json
import os
import re
import signal
import statistics
import subprocess
import threading
import time

from . import catalog, containers, modules, servers
from .load import Samples, interleaved, load
from .table import at_most, fact, not_measured
from .workplace import SERVER_CORE, NotMeasured

_CONNECTIONS = 32
_KILLS = 100
_MANY = 10_000
_MANY_TENANTS = 100
_DEPLOYERS = 8  # tokens that deploy side by side: one may call 100 times a second


class _Platform(servers.Server):
    """A running server, spoken to as users do."""

    def __init__(self, place, folder, process, port, log, environment):
        super().__init__(process, port, log)
        self._place, self._environment = place, environment

    def run(self, *arguments):
        done = subprocess.run([str(self._place.program("wasabi")), *map(str, arguments)], env=self._environment,
                              capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise NotMeasured(f"wasabi {arguments[0]}: {done.stderr.strip()}")
        return done.stdout

    def json(self, *arguments):
        return json.loads(self.run(*arguments, "--json"))

    def superpods(self):
        return self.json("top")["superpods"]

    def token(self, name):
        return self.json("token", "create", name)["token"]


@contextlib.contextmanager
def running(place, folder, *options, cores=(SERVER_CORE,), data=None):
    environment = {key: value for key, value in os.environ.items() if not key.startswith("WASABI_")}
    environment["XDG_CONFIG_HOME"] = str(folder / "config")

    def command(port):
        return ["env", f"XDG_CONFIG_HOME={folder / 'config'}", place.program("wasabi"), "serve", "--data",
                data or folder / "data", "--listen", f"127.0.0.1:{port}", "--access-log", folder / f"access-{port}.log",
                "--superpod-memory", "1GiB", "--workers", "1", "--superpod-workers", len(cores), *options]

    with servers.running(command, folder, "/-/readyz", cores=cores, name="wasabi serve") as server:
        config = folder / "config" / "wasabi" / "config.toml"
        deadline = time.monotonic() + 5
        while not config.exists() and time.monotonic() < deadline:
            time.sleep(0.01)  # it is ready before it has told so
        text = re.sub(r"127\.0\.0\.1:\d+", server.address, config.read_text(encoding="ascii"))
        config.write_text(text, encoding="ascii")
        yield _Platform(place, folder, server.process, server.port, server.log, environment)


def _rounds(place):
    return 2 if place.quick else 5


def _window(place):
    return {"warmup": "300ms", "duration": "700ms"} if place.quick else {"warmup": "1s", "duration": "3s"}


def _gateway(place):
    """CPU per request, superpod included, over that of a box alone."""
    options = {**_window(place), "connections": _CONNECTIONS, "busy_poll": True}
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(place.scratch())
        functions = folder / "catalog"
        alone_path = catalog.deploy(functions, "http-noop", place.guest("http_noop"))
        box = stack.enter_context(servers.box(place, folder, functions))
        platform = stack.enter_context(running(place, folder))
        platform.run("tenant", "create", "acme")
        platform.run("deploy", place.guest("http_noop"), "--name", "acme/noop")
        platform.get("/acme/noop")
        pods = [one["pid"] for one in platform.superpods() if one["versions"] > 0]
        taken = interleaved(_rounds(place), {
            "alone": lambda: load(place, box, path=alone_path, **options)["cpu_us_per_request"],
            "through": lambda: load(place, platform, path="/acme/noop", pid=pods, **options)["cpu_us_per_request"]})
    for name, samples in taken.items():
        yield fact(f"CPU per request, wasi:http no-op, {name}", f"{samples.median:.1f} us", samples.spread(1))
    yield at_most("gateway and box over box alone, CPU per request", taken["through"].over(taken["alone"]), 1.8, "x")


def _first_answer(platform, path):
    begin = time.monotonic()
    status, _ = platform.get(path)
    if status != 200:
        raise NotMeasured(f"{path} answered {status}")
    return (time.monotonic() - begin) * 1000


def _starts(place):
    """Functions at zero, and a deployment as a user sees it."""
    count = 20 if place.quick else 100
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(place.scratch())
        platform = stack.enter_context(running(place, folder, cores=(0, 1)))
        platform.run("tenant", "create", "acme")
        token = platform.token("bench")
        digest = _upload(platform, token, place.guest("http_noop").read_bytes())
        for i in range(count):
            _deploy(platform, token, f"acme/fn-{i}", digest, f'[env]\nI = "{i}"\n')
        first = [_first_answer(platform, f"/acme/fn-{i}") for i in range(count)]
        module = folder / "large.wasm"
        deployed = []
        for i in range(_rounds(place)):
            module.write_bytes(modules.answering("hello", size=1 << 20, seed=i))
            begin = time.monotonic()
            platform.run("deploy", module, "--name", f"acme/large-{i}")
            deployed.append(time.monotonic() - begin)
    yield at_most("first answer of a function at zero, p50", Samples((statistics.median(first),)), 3, " ms")
    yield at_most("deploy of a 1 MB module, its calls included", Samples(tuple(deployed)), 2, " s")


def _call(platform, token, method, path, body):
    connection = http.client.HTTPConnection("127.0.0.1", platform.port, timeout=60)
    with contextlib.closing(connection):
        connection.request(method, "/-/api/v1" + path, body, {"authorization": "Bearer " + token})
        response = connection.getresponse()
        told = response.read()
        if response.status >= 300:
            raise NotMeasured(f"{method} {path}: {response.status} {told.decode()}")
        return json.loads(told)


def _upload(platform, token, module):
    return _call(platform, token, "POST", "/uploads", module)["digest"]


def _deploy(platform, token, name, digest, manifest):
    body = json.dumps({"module": digest, "manifest": manifest})
    made = _call(platform, token, "POST", f"/functions/{name}/versions", body)
    while made["state"] == "building":
        made = _call(platform, token, "GET", f"/functions/{name}/versions/{made['number']}?wait=30s", None)
    if made["state"] != "ready":
        raise NotMeasured(f"{name}: {made.get('reason')}")


def _many(place):
    """10,000 functions of 100 tenants: what the server holds, and how long it takes to start again."""
    many = 500 if place.quick else _MANY
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(place.scratch())
        with running(place, folder, cores=(0, 1)) as platform:
            tokens = [platform.token(f"bench-{i}") for i in range(_DEPLOYERS)]
            for tenant in range(_MANY_TENANTS):
                _call(platform, tokens[tenant % _DEPLOYERS], "POST", "/tenants", json.dumps({"name": f"t{tenant}"}))
            digest = _upload(platform, tokens[0], place.guest("http_noop").read_bytes())
            _deploy_all(platform, tokens, digest, many)
            platform.get("/t0/fn-0")
            memory = platform.resident_bytes()
        begin = time.monotonic()
        with running(place, folder, cores=(0, 1)) as platform:
            started = time.monotonic() - begin
            status, _ = platform.get(f"/t{(many - 1) % _MANY_TENANTS}/fn-{many - 1}")
            if status != 200:
                raise NotMeasured(f"after the restart a function answers {status}")
    yield at_most(f"memory of the server, {many} functions", Samples((memory / (1 << 20),)), 256, " MiB", 0)
    yield at_most(f"start with {many} functions", Samples((started,)), 5, " s")


def _deploy_all(platform, tokens, digest, many):
    failures = []

    def some(part):
        try:
            for i in range(part, many, len(tokens)):
                _deploy(platform, tokens[part], f"t{i % _MANY_TENANTS}/fn-{i}", digest, f'[env]\nI = "{i}"\n')
                time.sleep(0.02)  # below the rate of a token
        except (NotMeasured, OSError) as failure:
            failures.append(failure)

    threads = [threading.Thread(target=some, args=(part,)) for part in range(len(tokens))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise NotMeasured(str(failures[0]))


def _deaths(place):
    """Superpods killed under load: what of idempotent requests was lost."""
    kills = 10 if place.quick else _KILLS
    lost, answered, over = [], [0], threading.Event()

    def ask(platform):
        connection = None
        while not over.is_set():
            try:
                connection = connection or http.client.HTTPConnection("127.0.0.1", platform.port, timeout=60)
                connection.request("GET", "/acme/hello")
                response = connection.getresponse()
                text = response.read()
                if response.status == 200:
                    answered[0] += 1
                else:
                    lost.append(text)
            except (OSError, http.client.HTTPException) as failure:
                lost.append(repr(failure))
                connection = None

    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(place.scratch())
        platform = stack.enter_context(running(place, folder, cores=(0, 1)))
        platform.run("tenant", "create", "acme")
        platform.run("deploy", place.guest("hello"), "--name", "acme/hello")
        clients = [threading.Thread(target=ask, args=(platform,)) for _ in range(8)]
        for client in clients:
            client.start()
        killed = set()
        deadline = time.monotonic() + 10 * kills
        while len(killed) < kills and time.monotonic() < deadline:
            host = next((one for one in platform.superpods() if one["versions"] > 0 and one["pid"] not in killed), None)
            if host:
                os.kill(host["pid"], signal.SIGKILL)
                killed.add(host["pid"])
            time.sleep(0.1)
        over.set()
        for client in clients:
            client.join()
    yield fact(f"requests answered while {len(killed)} superpods were killed", f"{answered[0]}")
    yield at_most(f"idempotent requests lost in {len(killed)} kills", Samples((len(lost),)), 0, "", 0)


def platform(place):
    """wasabi serve: cost of the gateway, starts, 10,000 functions, superpods killed under load, against containers"""
    for part in (_gateway, _starts, _many, _deaths):
        yield from part(place)
    if why_not := containers.can_run():
        yield not_measured("against containers", why_not)
        return
    for part in (containers.starts, containers.idle):
        yield from part(place, running)
