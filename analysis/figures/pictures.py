"""Samples of generative models by size, with reconstructions and interpolations of the largest."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from scaling_lab.errors import LabError, NotApplicable

from .. import style
from ..experiment_tables import Tables, makes_pictures
from ..numbers import human

PLACE = 6.1
TITLE = "Pictures"
CAPTION = (
    "Samples of models of increasing size N, drawn with the same random numbers. Below, for the "
    "largest model of each family: test images with their reconstructions, and interpolations in "
    "latent space between two of them (for GANs, between two noise vectors)."
)
ROW, GAP, LEFT = 0.42, 0.08, 1.5  # inches


def draw(tables: Tables, fits: Mapping[str, Any], studies: Mapping[str, Any]) -> Figure:
    found = tables.auxiliary.get("pictures")
    if not found:
        kind = LabError if makes_pictures(tables.runs) else NotApplicable
        raise kind("pictures need to be made first: scaling-lab pictures EXPERIMENT")
    if not all(key.count("|") == 2 for key in found):
        raise LabError("pictures.npz does not hold pictures; run: scaling-lab pictures EXPERIMENT")
    strips = [(title, sheet, *_size(sheet, rows)) for title, rows, sheet in _strips(found)]
    height = sum(tall + GAP for *_, tall in strips)
    with style.theme():
        made = Figure(figsize=(style.DOUBLE, height))
        top = height
        for title, sheet, wide, tall in strips:
            bottom = top - tall
            area = (LEFT / style.DOUBLE, bottom / height, wide / style.DOUBLE, tall / height)
            axes = made.add_axes(area)
            axes.imshow(
                sheet, cmap="gray", vmin=0, vmax=255, interpolation="nearest", aspect="auto"
            )
            axes.set_axis_off()
            middle = (top + bottom) / 2 / height
            made.text(0.01, middle, title, fontsize=7, va="center", parse_math=False)
            top = bottom - GAP
    return made


def _size(sheet: np.ndarray, rows: int) -> tuple[float, float]:
    """Width and height in inches: rows of ROW, or less where they would not fit in the width."""
    across = sheet.shape[1] / sheet.shape[0]
    tall = min(ROW * rows, (style.DOUBLE - LEFT) / across)
    return tall * across, tall


def _strips(found: Mapping[str, np.ndarray]) -> list[tuple[str, int, np.ndarray]]:
    """Title, rows and sheet: samples by size, then what the largest of each model does."""
    keys = sorted((model, int(n), kind) for kind, model, n in (key.split("|") for key in found))
    strips, largest = [], {}
    for model, n, kind in keys:
        largest[model] = n
        if kind == "samples":
            title = f"{model}, N = {human(n)}"
            strips.append((title, found[f"{kind}|{model}|{n}"]))
    for model, n in largest.items():
        for kind in ("reconstructions", "interpolations"):
            if f"{kind}|{model}|{n}" in found:
                strips.append((f"{model}, {kind}", found[f"{kind}|{model}|{n}"]))
    return [(title, len(rows), _sheet(rows)) for title, rows in strips]


def _sheet(rows: np.ndarray) -> np.ndarray:
    """Pictures (rows, columns, H, W[, C]) side by side as one, with a line between them."""
    if rows.ndim == 4:
        rows = rows[..., None]
    count, columns, high, wide, colours = rows.shape
    framed = np.pad(rows, [(0, 0), (0, 0), (0, 1), (0, 1), (0, 0)], constant_values=255)
    sheet = framed.transpose(0, 2, 1, 3, 4).reshape(
        count * (high + 1), columns * (wide + 1), colours
    )
    return sheet[..., 0] if colours == 1 else sheet
