"""How the booking policy fares in simulation. Nothing is timed."""

import json
import subprocess

from .load import Broken
from .table import Row, fact


def overbooking(place):
    """simulated: is the accepted risk kept, and how many more are admitted than by declared limits"""
    command = [str(place.program("wasabi-overbooking"))]
    if place.quick:
        command += ["--admissions", "20000", "--seeds", "2"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    if done.returncode != 0:
        raise Broken(done.stderr.strip())
    report = json.loads(done.stdout)
    yield from map(_risk_row, report["risk"])
    declared = {row["peaks"]: row["mean_admitted"] for row in report["concurrency"] if row["mode"] == "declared"}
    for row in report["concurrency"]:
        yield _concurrency_row(row, declared[row["peaks"]])


def _risk_row(row):
    """The bound is of the frequency, per admission; the spread tells the seed with the most and the greatest demand."""
    what = f"risk {row['risk']:g}, demand {row['demand']}: exceeded, 95 % upper bound"
    measured = f"{row['upper_bound_95']:.1e} ({row['exceeded']} of {row['admissions']})"
    spread = (f"{row['part_of_time']:.1e} of the time, worst seed {row['worst_seed']:.1e}, greatest demand {row['worst_demand']:.2f}x, "
              f"{row['mean_admitted']:.0f} admitted")
    if not row["promised"]:
        return fact(what, measured, spread)
    return Row(what, measured, f"< {row['risk']:g}", row["upper_bound_95"] < row["risk"], spread)


def _concurrency_row(row, declared):
    what = f"paper-like functions, peaks x{row['peaks']:g}, {row['mode']}: admitted at once"
    times = row["mean_admitted"] / declared
    measured = f"{row['mean_admitted']:.0f} ({times:.1f}x)"
    spread = f"real demand {row['mean_demand']:.2f}x, exceeded {row['exceeded']}"
    if row["mode"].startswith("risk") and row["peaks"] == 1:
        return Row(what, measured, ">= 3x", times >= 3, spread)
    return fact(what, measured, spread)
