"""Where a model puts classes whose labels it never saw."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.figure import Figure

from scaling_lab.errors import NotApplicable

from .. import style
from ..experiment_tables import Tables

PLACE = 6.2
TITLE = "A map of the latent space"
CAPTION = (
    "Test images in the first two principal components of the largest model's latent space, one "
    "colour per class. The model was trained without labels: classes that separate here it has "
    "separated by itself."
)


def draw(tables: Tables, fits: Mapping[str, Any], studies: Mapping[str, Any]) -> Figure:
    found = tables.auxiliary.get("pictures") or {}
    maps = sorted(
        (int(key.split("|")[2]), key)
        for key in found
        if key.startswith("map|") and key.count("|") == 2
    )
    if not maps:
        # The figure of pictures says so where they have not been made yet.
        raise NotApplicable("a map needs pictures of a model that has a latent space")
    key = maps[-1][1]
    points, classes = found[key], found[key.replace("map|", "classes|", 1)].astype(int)
    names = np.unique(classes)
    with style.theme():
        made = style.figure()
        axes = made.add_subplot()
        entries = []
        for name, colour in zip(names, colormaps["tab10"](np.arange(len(names)) % 10), strict=True):
            mine = points[classes == name]
            axes.plot(mine[:, 0], mine[:, 1], ".", color=colour, ms=3, mew=0, alpha=0.8)
            entries.append((str(name), [style.mark(colour, marker="o", ls="", ms=3)]))
        axes.set(xlabel="first principal component", ylabel="second")
        style.key(made, "class", entries)
    return made
