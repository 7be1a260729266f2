"""The table a run prints: what was promised, what was measured."""

from dataclasses import dataclass
from typing import Optional


@dataclass(frozen=True)
class Row:
    what: str
    measured: str
    promise: str
    held: Optional[bool]  # None: not measured
    spread: str = ""


def at_most(what, samples, bound, unit="", digits=2):
    """The promise that a median is at most `bound`."""
    return Row(what, f"{samples.median:.{digits}f}{unit}", f"<= {bound:g}{unit}", samples.median <= bound,
               samples.spread(digits))


def at_least(what, samples, bound, unit="", digits=2):
    return Row(what, f"{samples.median:.{digits}f}{unit}", f">= {bound:g}{unit}", samples.median >= bound,
               samples.spread(digits))


def fact(what, measured, spread=""):
    """A figure that nothing is promised about, to read the others by."""
    return Row(what, measured, "", None, spread)


def failed(what, reason):
    return Row(what, f"failed: {reason}", "", False)


def not_measured(what, reason):
    return Row(what, f"not measured: {reason}", "", None)


def render(rows):
    header = ("what", "measured", "promise", "held", "spread")
    cells = [header] + [(r.what, r.measured, r.promise, _word(r), r.spread) for r in rows]
    # A long message in one cell does not push the columns of all rows apart.
    widths = [max(min(len(line[column]), 64) for line in cells) for column in range(len(header))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip() for line in cells]
    return "\n".join([lines[0], "-" * len(lines[0]), *lines[1:]])


def _word(row):
    if row.held is None:
        return ""
    return "yes" if row.held else "NO"
