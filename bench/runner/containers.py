"""Wasm functions against functions that are containers, on the same server: how fast they start, what they hold."""

import contextlib
import os
import pathlib
import shutil
import statistics
import subprocess
import time

from . import python_image
from .load import Samples
from .table import at_most, fact, not_measured
from .workplace import NotMeasured

_IDLE = 300
_STARTS = 10
_PATIENCE = 120
_ROOT = pathlib.Path(__file__).resolve().parents[2]


def _until(condition, what):
    deadline = time.monotonic() + _PATIENCE
    while not condition():
        if time.monotonic() > deadline:
            raise NotMeasured(f"{what}: not within {_PATIENCE} s")
        time.sleep(0.1)


def _image(place, folder, manifest):
    """A folder to deploy from: a static server in C, the smallest container that there is."""
    program = place.guests / "container_server"
    if not program.exists():
        raise NotMeasured("the guest container_server is not built; run ./dev build guests")
    subprocess.run([_ROOT / "scripts/make-image", program, folder / "image"], check=True)
    (folder / "wasabi.toml").write_text('image = "image"\n' + manifest)
    return folder


def _first_answers(platform, paths):
    taken = []
    for path in paths:
        begin = time.monotonic()
        status, _ = platform.get(path)
        if status != 200:
            raise NotMeasured(f"{path} answered {status}")
        taken.append((time.monotonic() - begin) * 1000)
    return taken


def _replicas(platform):
    return [one for version in platform.json("top")["containers"] for one in version["replicas"]]


def _proportional(pids):
    """Bytes that the processes hold, what they share divided among those who share it."""
    total = 0
    for pid in pids:
        with contextlib.suppress(OSError):
            for line in pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
                if line.startswith("Pss:"):
                    total += int(line.split()[1]) * 1024
    return total


def _with_descendants(pids):
    children = {}
    for status in pathlib.Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            after_name = status.read_text().rsplit(")", 1)[1].split()
            children.setdefault(int(after_name[1]), []).append(int(status.parent.name))
    found, todo = [], list(pids)
    while todo:
        pid = todo.pop()
        found.append(pid)
        todo += children.get(pid, [])
    return found


def starts(place, running):
    """First answers of functions at zero."""
    with place.scratch() as folder:
        with running(place, folder, "--container-idle", "6s", cores=(0, 1)) as platform:
            platform.run("tenant", "create", "acme")
            deployed = _image(place, folder, '[limits]\nmemory = "32MiB"\n')
            manifest = folder / "module.toml"
            for i in range(_STARTS):
                platform.run("deploy", deployed, "--name", f"acme/container-{i}")
                manifest.write_text(f'[env]\nI = "{i}"\n')
                platform.run("deploy", place.guest("http_noop"), "--name", f"acme/module-{i}", "--manifest", manifest)
            _until(lambda: not _replicas(platform), "scale to zero")
        # After a restart nothing of what was deployed runs, and a spare superpod is there.
        with running(place, folder, cores=(0, 1)) as platform:
            _until(lambda: any(one["state"] == "ready" for one in platform.superpods()), "a spare")
            modules = _first_answers(platform, [f"/acme/module-{i}" for i in range(_STARTS)])
            containers = _first_answers(platform, [f"/acme/container-{i}/" for i in range(_STARTS)])
    module, container = statistics.median(modules), statistics.median(containers)
    yield fact("first answer of a container function at zero, p50", f"{container:.1f} ms")
    yield at_most("a Wasm function at zero over a container at zero, first answer", Samples((module / container,)), 0.3,
                  "x", 3)


def _idle_containers(platform, deployed, name, many):
    """What so many containers of the folder's image hold, each called once: with their runtimes, and without."""
    for i in range(many):
        platform.run("deploy", deployed, "--name", f"acme/{name}-{i}")
    _first_answers(platform, [f"/acme/{name}-{i}/" for i in range(many)])
    runtimes = [one["pid"] for one in _replicas(platform)]
    if len(runtimes) != many:
        raise NotMeasured(f"{len(runtimes)} containers run instead of {many}")
    everything = _proportional(_with_descendants(runtimes))
    return everything, everything - _proportional(runtimes)


def _idle_modules(place, platform, folder, many):
    manifest = folder / "module.toml"
    for i in range(many):
        manifest.write_text(f'[env]\nI = "{i}"\n')
        platform.run("deploy", place.guest("http_noop"), "--name", f"acme/module-{i}", "--manifest", manifest)
    _first_answers(platform, [f"/acme/module-{i}" for i in range(many)])
    return _proportional(one["pid"] for one in platform.superpods() if one["versions"] > 0)


def _mebibytes(size):
    return f"{size / (1 << 20):.1f} MiB"


def idle(place, running):
    """What so many idle functions hold, each called once."""
    many = 30 if place.quick else _IDLE

    def measured(what):
        with place.scratch() as folder, running(place, folder, "--container-idle", "1h", cores=(0, 1)) as platform:
            platform.run("tenant", "create", "acme")
            return what(platform, folder)

    def in_c(platform, folder):
        return _idle_containers(platform, _image(place, folder, '[limits]\nmemory = "16MiB"\n'), "c", many)

    def in_python(platform, folder):
        python_image.make(folder / "image")
        (folder / "wasabi.toml").write_text('image = "image"\n[limits]\nmemory = "32MiB"\n')
        return _idle_containers(platform, folder, "python", many)

    pods = measured(lambda platform, folder: _idle_modules(place, platform, folder, many))
    yield fact(f"{many} idle Wasm functions, their superpods", _mebibytes(pods))
    everything, programs = measured(in_c)
    yield fact(f"{many} idle containers of a static C server", _mebibytes(everything),
               f"{_mebibytes(programs)} without their runtimes; superpods take {pods / everything:.3f} of it")
    if why_not := python_image.can_make():
        yield not_measured("against containers of a Python server", why_not)
        return
    everything, programs = measured(in_python)
    yield fact(f"{many} idle containers of a small Python server", _mebibytes(everything),
               f"{_mebibytes(programs)} without their runtimes")
    yield at_most("superpods over containers of a Python server, memory", Samples((pods / everything,)), 0.02, "x", 4)


def can_run():
    """Why containers cannot be measured here; empty where they can."""
    if os.geteuid() != 0:
        return "only root can start containers"
    return "" if shutil.which("runc") else "runc is not installed"
