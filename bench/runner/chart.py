"""Line charts as SVG."""

from dataclasses import dataclass
from html import escape

_WIDTH, _HEIGHT = 720, 400
_LEFT, _RIGHT, _TOP, _BOTTOM = 70, 20, 50, 50
_COLOURS = ("#1f6fb4", "#c4491b", "#3a8a3a", "#7a4fa3")
_TICKS = 5


@dataclass(frozen=True)
class Line:
    name: str
    xs: list
    ys: list


def lines(title, x_name, drawn):
    """One chart of `drawn` lines over the same axes, both from zero."""
    most_x = max(max(line.xs) for line in drawn)
    most_y = max(max(line.ys) for line in drawn) * 1.05 or 1

    def x_at(value):
        return _LEFT + value / most_x * (_WIDTH - _LEFT - _RIGHT)

    def y_at(value):
        return _HEIGHT - _BOTTOM - value / most_y * (_HEIGHT - _TOP - _BOTTOM)

    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" font-family="sans-serif" '
             'font-size="12">', f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="white"/>',
             _text(_LEFT, 20, title, size=14), _text(_WIDTH / 2, _HEIGHT - 10, x_name, anchor="middle")]
    for step in range(_TICKS + 1):
        x, y = most_x * step / _TICKS, most_y * step / _TICKS
        parts += [f'<path d="M{_LEFT} {y_at(y):.1f}H{_WIDTH - _RIGHT}" stroke="#ddd"/>',
                  _text(_LEFT - 6, y_at(y) + 4, f"{y:.0f}", anchor="end"),
                  _text(x_at(x), _HEIGHT - _BOTTOM + 18, f"{x:.0f}", anchor="middle")]
    for number, line in enumerate(drawn):
        colour = _COLOURS[number % len(_COLOURS)]
        points = [(x_at(x), y_at(y)) for x, y in zip(line.xs, line.ys)]
        way = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        parts.append(f'<polyline points="{way}" fill="none" stroke="{colour}" stroke-width="2"/>')
        parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>' for x, y in points]
        parts.append(_text(_LEFT + 250 * number, 38, line.name, colour=colour))
    return "\n".join(parts + ["</svg>"]) + "\n"


def _text(x, y, words, anchor="start", size=12, colour="black"):
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}" fill="{colour}">{escape(words)}</text>'
