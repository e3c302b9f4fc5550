"""Colours of a figure on a dark page."""

from __future__ import annotations

import re

from matplotlib.colors import to_hex, to_rgb

from ..style import GREY, GRID, INK

DARK = {"#ffffff": "#1b1f24", INK: "#e8e6e1", GREY: "#8d96a1", GRID: "#31373e"}


def colours(svg: str) -> dict[str, str]:
    """Colour on a light page -> on a dark page: paper and ink swap, other colours get lighter."""
    found = dict.fromkeys(re.findall(r"(?<=[ :\"])#[0-9a-f]{6}(?=[;\" ])", svg))
    return {colour: _lighter(colour) for colour in found}


def _lighter(colour: str) -> str:
    """A data colour mixed with white, more so if it is darker; neutrals are looked up in DARK."""
    if colour in DARK:
        return DARK[colour]
    red, green, blue = to_rgb(colour)
    white = 0.55 * (1 - (0.2126 * red + 0.7152 * green + 0.0722 * blue)) ** 2
    rest = 1 - white
    return to_hex((red * rest + white, green * rest + white, blue * rest + white))
