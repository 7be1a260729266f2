"""The text format of Prometheus, as far as tests look into it."""

import re

_SAMPLE = re.compile(r"^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)$")
_LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\.)*)"')


class Metrics:
    def __init__(self, text: str):
        self.text = text
        self.samples = []  # (name, labels, value)
        for line in text.splitlines():
            if not line or line.startswith("#"):
                continue
            match = _SAMPLE.match(line)
            if match is None:
                raise AssertionError(f"not a sample: {line!r}")
            self.samples.append((match[1], dict(_LABEL.findall(match[2] or "")), float(match[3])))

    def names(self) -> set:
        return {name for name, _, _ in self.samples}

    def sum(self, name: str, **labels) -> float:
        """Sum over all series of that name that carry these labels; 0 if there is none."""
        return sum(value for sample, have, value in self.samples
                   if sample == name and all(have.get(key) == wanted for key, wanted in labels.items()))
