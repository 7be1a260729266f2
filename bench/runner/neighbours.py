"""What tenants do to each other: requests that are held open, floods, slow clients. Each is a block that runs beside
whatever is measured in it. Their generators share the load's core and get of it only what nobody else wants, so that
they do not delay the generator that measures."""

import contextlib
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

from .load import Broken, load_command
from .workplace import LOAD_CORE

_START_SECONDS = 20


@contextlib.contextmanager
def held(server, path, count):
    """`count` requests whose answers nobody waits for; the block begins when all of them are alive."""
    before = len(server.invocations())
    with contextlib.ExitStack() as stack:
        for _ in range(count):
            client = stack.enter_context(socket.create_connection(("127.0.0.1", server.port)))
            client.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        deadline = time.monotonic() + _START_SECONDS
        while len(server.invocations()) < before + count:
            if time.monotonic() > deadline:
                raise Broken(f"{count} requests to {path} were not all running after {_START_SECONDS} s")
            time.sleep(0.02)
        yield


def _only_spare_time():
    os.sched_setaffinity(0, {LOAD_CORE})
    os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))


@contextlib.contextmanager
def _beside(command):
    process = subprocess.Popen([str(word) for word in command], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                               preexec_fn=_only_spare_time, text=True)
    try:
        time.sleep(0.5)
        yield
        if process.poll() is not None:
            raise Broken(f"a neighbour's load ended too early: {process.stderr.read().strip()}")
    finally:
        process.kill()
        process.communicate()


def loading(place, server, **options):
    """A run of wasabi-load that lasts as long as the block."""
    return _beside(load_command(place, server, duration="1h", **options))


def slow_clients(server, path, count):
    program = Path(__file__).parent / "slow_clients.py"
    return _beside([sys.executable, program, server.port, path, count])
