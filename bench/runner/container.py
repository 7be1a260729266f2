"""A memory-limited control group for a server, version 1 or 2, where this user may make one."""

import contextlib
import os
import time
from pathlib import Path

from .workplace import NotMeasured

_ROOT = Path("/sys/fs/cgroup")


class _Version1:
    folder = _ROOT / "memory"
    peak_file = "memory.max_usage_in_bytes"
    kills_file = "memory.oom_control"

    @staticmethod
    def limit(group, size):
        (group / "memory.limit_in_bytes").write_text(str(size), encoding="ascii")
        _write_if_there(group / "memory.memsw.limit_in_bytes", size)

    @staticmethod
    def unreclaimable(group):
        kernel = int((group / "memory.kmem.usage_in_bytes").read_text(encoding="ascii"))
        return _number(group / "memory.stat", "rss") + _number(group / "memory.stat", "shmem") + kernel


class _Version2:
    folder = _ROOT
    peak_file = "memory.peak"
    kills_file = "memory.events"

    @staticmethod
    def limit(group, size):
        (group / "memory.max").write_text(str(size), encoding="ascii")
        _write_if_there(group / "memory.swap.max", 0)

    @staticmethod
    def unreclaimable(group):
        return sum(_number(group / "memory.stat", name) for name in ("anon", "shmem", "kernel"))


class Container:
    def __init__(self, version, group):
        self._version = version
        self._group = group

    def enter(self):
        """The calling process, and whatever it starts, belongs to it from now on."""
        (self._group / "cgroup.procs").write_text(str(os.getpid()), encoding="ascii")

    def peak(self):
        """The most it was ever charged with, page cache that could go at any time included."""
        return int((self._group / self._version.peak_file).read_text(encoding="ascii"))

    def unreclaimable(self):
        """What it holds now that the kernel could not take back: without page cache."""
        return self._version.unreclaimable(self._group)

    def kills(self):
        return _number(self._group / self._version.kills_file, "oom_kill")


def _number(file, name):
    for line in file.read_text(encoding="ascii").splitlines():
        key, _, value = line.partition(" ")
        if key == name:
            return int(value)
    raise NotMeasured(f"{file.name} of the control group has no {name}")


def _write_if_there(file, value):
    if file.exists():
        file.write_text(str(value), encoding="ascii")


def _version():
    if (_Version1.folder / "memory.limit_in_bytes").exists():
        return _Version1
    if "memory" in _text(_ROOT / "cgroup.subtree_control").split():
        return _Version2
    raise NotMeasured("there is no memory controller of control groups here")


def _text(file):
    try:
        return file.read_text(encoding="ascii")
    except OSError:
        return ""


@contextlib.contextmanager
def limited(size):
    """A group that may use `size` bytes and no swap. It is removed when its processes have ended."""
    version = _version()
    group = version.folder / f"wasabi-bench-{os.getpid()}"
    try:
        group.mkdir()
    except OSError as error:
        raise NotMeasured(f"no control group can be made here: {error.strerror}") from error
    try:
        version.limit(group, size)
        yield Container(version, group)
    finally:
        _remove(group)


def _remove(group):
    for _ in range(200):
        try:
            return group.rmdir()
        except OSError:  # somebody in it is still ending
            time.sleep(0.05)
    return group.rmdir()
