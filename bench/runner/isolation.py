"""The latency of a tenant with short requests beside a neighbour that takes what it can."""

from . import catalog, neighbours, servers
from .load import Samples, load
from .table import Row, fact

_LOAD = 0.2  # of the core, by the victim
_SLICE_MS = 1.0
_FACTOR = 1.5
_QUIET_MS = 1.0  # a p99 alone above this is the machine's: the bound would be one that anything meets
_SPINNING = 64
_SLOW_CONNECTIONS = 5000
_BURN_MS = 2
_FLOOD = 10  # times what the core can do
_VICTIM_CONNECTIONS = 64


def _cpu_us(place, box, path, requests):
    return load(place, box, path=path, requests=requests, duration="1h")["cpu_us_per_request"]


def burning(place, box, path, milliseconds):
    """The path whose request takes so much CPU time, found by trying."""
    box.get(f"{path}?rounds=1")  # loads it
    cpu_us = _cpu_us(place, box, f"{path}?rounds=100", 100)
    return f"{path}?rounds={round(100 * milliseconds * 1000 / cpu_us)}"


def _neighbours(place, folder):
    """What each does, by name: a function of the box that makes the block."""
    functions = folder / "catalog"

    def deploy(name, guest):
        return catalog.deploy(functions, name, place.guest(guest), tenant="neighbour", timeout="10m", memory="128MiB")

    spin, burn, grow, write = (deploy(name, name) for name in ("spin", "burn", "grow", "write"))

    def flood(box):
        rate = _FLOOD * 1000 / _BURN_MS
        return neighbours.loading(place, box, path=burning(place, box, burn, _BURN_MS), rate=rate, connections=1000,
                                  timeout="5s")

    def loops(box, path, connections):
        return neighbours.loading(place, box, path=path, connections=connections, timeout="1m")

    return {
        f"spins in {_SPINNING} invocations": lambda box: neighbours.held(box, spin, _SPINNING),
        f"floods with {_FLOOD}x the capacity, {_BURN_MS} ms each": flood,
        "grows to 64 MiB and ends, again and again": lambda box: loops(box, f"{grow}?mib=64", 8),
        "writes output as fast as it is read": lambda box: loops(box, f"{write}?mib=256", 4),
        f"holds {_SLOW_CONNECTIONS} slow connections": lambda box: neighbours.slow_clients(box, spin,
                                                                                          _SLOW_CONNECTIONS),
    }


def isolation(place):
    """p99 of a tenant at 20 % load, alone and beside neighbours that spin, flood, allocate, write, connect"""
    rounds, seconds = (1, 1) if place.quick else (3, 3)
    with place.scratch() as folder:
        kinds = _neighbours(place, folder)
        victim = catalog.deploy(folder / "catalog", "noop", place.guest("noop"), tenant="victim")
        with servers.box(place, folder, folder / "catalog") as box:
            rate = round(_LOAD * 1e6 / _cpu_us(place, box, victim, 20_000))
            yield fact("rate of the victim", f"{rate}/s", f"{100 * _LOAD:.0f} % of the core")

            def p99_ms():
                report = load(place, box, path=victim, rate=rate, arrivals="poisson", connections=_VICTIM_CONNECTIONS,
                              warmup="300ms", duration=f"{seconds}s", timeout="10s")
                return report["latency_us"]["p99"] / 1000

            for name, neighbour in kinds.items():
                alone, beside, turns = [], [], []
                for _ in range(rounds):
                    alone.append(p99_ms())
                    with neighbour(box):
                        box.metrics()  # the longest turn is that since the last look
                        beside.append(p99_ms())
                        turns.append(1000 * box.metrics()['wasabi_event_loop_longest_turn_seconds{worker="0"}'])
                    box.wait_until_idle(10)
                yield _row(name, Samples(tuple(alone)), Samples(tuple(beside)), max(turns))


def _row(name, alone, beside, longest_turn):
    bound = _FACTOR * alone.median + _SLICE_MS
    judged = alone.median <= _QUIET_MS
    return Row(f"victim's p99 beside a neighbour that {name}",
               f"{beside.median:.2f} ms" + ("" if judged else ", not judged: the machine is not quiet"),
               f"<= {_FACTOR:g}x {alone.median:.2f} alone + {_SLICE_MS:g} = {bound:.2f} ms",
               beside.median <= bound if judged else None,
               f"{beside.spread()}, longest turn {longest_turn:.1f} ms")
