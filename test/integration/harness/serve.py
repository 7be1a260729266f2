"""A running `wasabi serve` with a data directory of its own, and the commands that speak to it."""

import json
import os
import re
import signal
import subprocess
import threading
import time

from . import wire
from .box import ALARMS, eventually, program, scratch
from .catalog import guests
from .wire import WAIT_SECONDS


class Serve:
    def __init__(self, *options: str):
        self.directory = scratch.new("serve")
        self.data = self.directory / "data"
        self.options = list(options)
        self.process = None
        self.address = None
        # The commands' configuration is the test's own, and no server of the user's.
        self.environment = {key: value for key, value in os.environ.items() if not key.startswith("WASABI_")}
        self.environment["XDG_CONFIG_HOME"] = str(self.directory / "config")

    # ---- life

    def start(self, wait: bool = True):
        log = open(self.directory / "serve.log", "ab")
        port = self.address[1] if self.address else 0
        self.process = subprocess.Popen(
            [program("wasabi"), "serve", "--data", str(self.data), "--listen", f"127.0.0.1:{port}",
             "--superpod-memory", "512MiB", "--superpod-workers", "1", *self.options],
            env=self.environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log, text=True)
        log.close()
        self.screen = ""
        self._reader = threading.Thread(target=self._read_screen, args=(self.process.stdout,), daemon=True)
        self._reader.start()
        if wait:
            eventually(self.is_ready, WAIT_SECONDS, "readiness of wasabi serve")
        return self

    def _read_screen(self, stream):
        for line in stream:
            self.screen += line

    def is_ready(self) -> bool:
        if self.process.poll() is not None:
            raise AssertionError(f"wasabi serve ended with {self.process.returncode}:\n{self.log_text()}")
        told = re.search(r"listens at\s+127\.0\.0\.1:(\d+)", self.screen)
        if not told:
            return False
        self.address = ("127.0.0.1", int(told[1]))
        try:
            return wire.call(self.address, "/-/readyz").status == 200
        except (OSError, wire.Closed):
            return False

    @property
    def token(self) -> str:
        return re.search(r"token = \"(\S+)\"", (self.directory / "config/wasabi/config.toml").read_text())[1]

    def terminate(self) -> int:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(WAIT_SECONDS)

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()

    def close(self):
        if self.process is not None and self.process.poll() is None and self.terminate() != 0:
            raise AssertionError(f"wasabi serve did not end well:\n{self.log_text()}")
        for alarm in ALARMS:
            if alarm in self.log_text():
                raise AssertionError(f"the log has {alarm!r}:\n{self.log_text()}")

    def __enter__(self):
        return self.start()

    def __exit__(self, kind, *_):
        if kind is None:
            self.close()
        elif self.process is not None:
            self.kill()

    def log_text(self) -> str:
        return (self.directory / "serve.log").read_text(errors="replace")

    # ---- what one does with it

    def run(self, *arguments: str, stdin: str = "", code: int = 0) -> str:
        """The output of `wasabi ...`, which must end with that code."""
        done = subprocess.run([program("wasabi"), *arguments], env=self.environment, input=stdin,
                              capture_output=True, text=True, timeout=WAIT_SECONDS)
        if done.returncode != code:
            raise AssertionError(f"wasabi {' '.join(arguments)} ended with {done.returncode}, not {code}:\n"
                                 f"{done.stdout}{done.stderr}")
        return done.stdout + done.stderr

    def json(self, *arguments: str, **options) -> dict:
        return json.loads(self.run(*arguments, "--json", **options))

    def deploy(self, guest: str, name: str, manifest: str = "", *options: str) -> dict:
        return self.json(*self._deploy_arguments(guest, name, manifest, *options))

    def deploy_fails(self, guest: str, name: str, manifest: str = "", code: int = 1) -> str:
        """What it says."""
        return self.run(*self._deploy_arguments(guest, name, manifest), code=code)

    def _deploy_arguments(self, guest: str, name: str, manifest: str, *options: str) -> list:
        arguments = ["deploy", str(guests() / (guest + ".wasm")), "--name", name, *options]
        if not manifest:
            return arguments
        file = scratch.new("manifest") / "wasabi.toml"
        file.write_text(manifest)
        return [*arguments, "--manifest", str(file)]

    def call(self, target: str, **options) -> wire.Reply:
        return wire.call(self.address, target, **options)

    def api(self, method: str, path: str, body: bytes = b"", token: str | None = None) -> wire.Reply:
        headers = [("authorization", "Bearer " + (self.token if token is None else token))]
        return self.call("/-/api/v1" + path, method=method, headers=headers, body=body)

    def superpods(self) -> list:
        return self.json("top")["superpods"]

    def hosts(self) -> list:
        """Those that host something."""
        return [one for one in self.superpods() if one["versions"] > 0]


class Load:
    """Requests from several clients until it is stopped; counts what was answered."""

    def __init__(self, serve: Serve, target: str, clients: int = 4, expect: str = ""):
        self.serve, self.target, self.expect = serve, target, expect
        self.counts = {}
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._run) for _ in range(clients)]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _run(self):
        connection = None
        while not self._stop.is_set():
            try:
                connection = connection or wire.Connection(self.serve.address)
                connection.send(wire.request_bytes("GET", self.target))
                reply = connection.reply("GET")
                what = reply.status
                if reply.status == 200 and self.expect not in reply.text:
                    what = "wrong answer"
                elif reply.status != 200:
                    what = f"{reply.status} {reply.text.splitlines()[0]}"
            except (OSError, wire.Closed) as error:
                what = repr(error)
                connection = None
            with self._lock:
                self.counts[what] = self.counts.get(what, 0) + 1

    def kill_meanwhile(self, serving, times: int):
        """Kills so many of those that `serving` lists, the next one once answers have come after the last death."""
        killed = set()
        while len(killed) < times:
            one = eventually(lambda: next((one for one in serving() if one["pid"] not in killed), None),
                             what="one that serves")
            answered = self.counts.get(200, 0)
            os.kill(one["pid"], signal.SIGKILL)
            killed.add(one["pid"])
            eventually(lambda: self.counts.get(200, 0) > answered + 100, what="answers after the death")

    def failures(self) -> dict:
        return {what: count for what, count in self.counts.items() if what != 200}
