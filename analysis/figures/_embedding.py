"""Words of an embedding in the plane of their two largest principal components."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.transforms import Bbox

from scaling_lab.errors import LabError

from .. import style
from ..studies.embedding import Embedding, components

# Where a label may be placed around its point: right, left, above, below, then the corners.
SIDES = ((1, 0), (-1, 0), (0, 1), (0, -1), (1, 1), (-1, 1), (1, -1), (-1, -1))


def picture(
    space: Embedding,
    groups: Mapping[str, Sequence[str]],
    links: Iterable[tuple[str, str]] = (),
) -> Figure:
    """Words in the plane of their two largest principal components, one colour per group.

    links: pairs of words to join by a line, such as countries and their capitals.
    """
    words = [word for group in groups.values() for word in group]
    drawable(words)
    points, shares = components(space.directions[[space.place(word) for word in words]])
    at = dict(zip(words, points, strict=True))
    palette = style.colours(len(groups), "D")
    with style.theme():
        made = style.figure(style.DOUBLE, 4.2)
        axes = made.subplots()
        for a, b in links:
            axes.plot(*zip(at[a], at[b], strict=True), color=style.GREY, lw=0.5, alpha=0.6)
        for (name, group), colour in zip(groups.items(), palette, strict=True):
            axes.plot(*np.transpose([at[word] for word in group]), "o", color=colour, label=name)
        axes.set_xlabel(f"first principal component ({shares[0]:.0%} of the variance)")
        axes.set_ylabel(f"second principal component ({shares[1]:.0%})")
        axes.margins(0.1, 0.08)
        if len(groups) > 1:
            marks = [style.mark(colour, marker="o", ls="") for colour in palette]
            style.key(made, "", [(n, [m]) for n, m in zip(groups, marks, strict=True)])
        colour_of = {w: c for g, c in zip(groups.values(), palette, strict=True) for w in g}
        _label(axes, at, colour_of)
    return made


def drawable(words: Iterable[str]) -> None:
    """Raise LabError for fewer than three different words, which span no plane."""
    if (count := len(set(words))) < 3:
        raise LabError(f"a picture needs three words or more, and there are {count}; name more")


def _label(axes: Axes, at: Mapping[str, np.ndarray], colours: Mapping[str, str]) -> None:
    """Label each point on the side where the label overlaps least with what is already there."""
    made = axes.get_figure()
    assert isinstance(made, Figure)
    made.draw_without_rendering()  # fixes the position of every point on the page
    taken = [
        Bbox.from_bounds(x - 3, y - 3, 6, 6) for x, y in axes.transData.transform([*at.values()])
    ]
    page = axes.get_window_extent()
    for word, point in at.items():
        best, least = None, math.inf
        for x, y in SIDES:
            text = axes.annotate(
                word,
                tuple(point),
                xytext=(4 * x, 4 * y),
                textcoords="offset points",
                ha={-1: "right", 0: "center", 1: "left"}[x],
                va={-1: "top", 0: "center", 1: "bottom"}[y],
                fontsize=7,
                color=colours[word],
                in_layout=False,
            )
            box = text.get_window_extent()
            cost = sum(_area(Bbox.intersection(box, other)) for other in taken)
            cost += 2 * (_area(box) - _area(Bbox.intersection(box, page)))
            if cost < least:
                if best:
                    best.remove()
                best, least = text, cost
            else:
                text.remove()
        if best:
            taken.append(best.get_window_extent())


def _area(box: Bbox | None) -> float:
    return box.width * box.height if box else 0.0
