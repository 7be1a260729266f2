"""Runs the load generator on its core, and repeats measurements in interleaved rounds."""

import json
import os
import statistics
import subprocess
from dataclasses import dataclass

from .workplace import LOAD_CORE

_LONGEST_RUN_SECONDS = 3600


class Broken(Exception):
    """A server answered wrongly under load: a promise about its speed is not held."""


def load_command(place, server, **options):
    """The options are flags of wasabi-load: `warmup="1s"` for `--warmup 1s`, a list for a flag given several times."""
    command = [str(place.program("wasabi-load")), "--target", server.address, "--pid", str(server.pid)]
    for name, value in options.items():
        flag = "--" + name.replace("_", "-")
        for one in value if isinstance(value, list) else [value]:
            command += [flag] if one is True else [flag, str(one)]
    return command


def load(place, server, *, allow_errors=False, **options):
    """One run of wasabi-load, with options as in load_command(). Returns its report."""
    command = load_command(place, server, **options)
    done = subprocess.run(command, capture_output=True, text=True, timeout=_LONGEST_RUN_SECONDS, check=False,
                          preexec_fn=lambda: os.sched_setaffinity(0, {LOAD_CORE}))
    if done.returncode != 0:
        raise Broken(f"{done.stderr.strip()} ({server.complaint()})")
    report = json.loads(done.stdout)
    if not allow_errors and (report["errors"] or report["requests"] == 0):
        raise Broken(f"{report['errors'] or 'no request finished'}: {report.get('first_error', '')}")
    return report


@dataclass(frozen=True)
class Samples:
    values: tuple

    @property
    def median(self):
        return statistics.median(self.values)

    def spread(self, digits=2):
        return f"{min(self.values):.{digits}f} - {max(self.values):.{digits}f}"

    def less(self, other):
        return Samples(tuple(a - b for a, b in zip(self.values, other.values)))

    def over(self, other):
        """The ratios round by round: what slows the machine for a while slows both."""
        return Samples(tuple(a / b for a, b in zip(self.values, other.values)))


def interleaved(rounds, subjects):
    """Calls each of `subjects` (name -> function that returns a number) once per round. Returns name -> Samples."""
    values = {name: [] for name in subjects}
    for _ in range(rounds):
        for name, measure in subjects.items():
            values[name].append(measure())
    return {name: Samples(tuple(taken)) for name, taken in values.items()}
