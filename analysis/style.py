"""The style of all figures: sizes for a two-column paper, colours, log axes with clean ticks.

A figure is drawn inside `theme()`, on its own `matplotlib.figure.Figure`, so that it leaves nothing
behind in pyplot or in the user's settings. `save` is deterministic: its bytes contain no date and
no random identifiers.
"""

from __future__ import annotations

import io
import math
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib import colormaps, font_manager
from matplotlib import style as looks
from matplotlib.axes import Axes
from matplotlib.axis import Axis, XAxis
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.legend_handler import HandlerTuple
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedFormatter, FixedLocator

from scaling_lab.errors import LabError, unknown
from scaling_lab.storage.atomic import write_whole

from . import encoding
from .minor_ticks import minor_ticks
from .numbers import human

RING = "#c2255c"  # colour of points that were not fitted
DPI = 200  # of a PNG
COLUMN, DOUBLE = 3.4, 7.0  # inches: one and two columns of a paper
INK, GREY, GRID = "#1b1f24", "#6b7280", "#e4e6ea"

# One colour map for each variable, so that the colour says which it is. Lightness is uniform, which
# every kind of colour vision and black-and-white prints preserve; the pale end, invisible on white
# paper, is cut off.
PALETTES = {"N": ("viridis", 0.0, 0.8), "D": ("plasma", 0.02, 0.81), "C": ("cividis", 0.0, 0.85)}

# Model families differ in hue at equal lightness; safe for every kind of colour vision.
FAMILIES = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#8c6d1f")

LABELS = {
    "N": "parameters N",
    "D": "training examples D",
    "C": "compute C (FLOP)",
    "step": "optimiser step",
    "loss": "test loss (nats)",
}

# Fonts of equal widths first, so that a figure keeps its layout on other machines.
FACES = ("Helvetica Neue", "Helvetica", "Arial", "Liberation Sans", "DejaVu Sans")
ACROSS, UP = 0.15, 0.05  # share of a horizontal and of a vertical axis that a label takes


@contextmanager
def theme() -> Iterator[None]:
    """Draw and save in this style, whatever the user's matplotlib settings are."""
    with looks.context(["default", _settings()]):
        yield


def figure(width: float = COLUMN, height: float = 2.55) -> Figure:
    """An empty figure of that size in inches, with constrained layout."""
    made = Figure(figsize=(width, height), layout="constrained")
    made.get_layout_engine().set(w_pad=0.03, h_pad=0.03, wspace=0.03)  # type: ignore[union-attr]
    return made


def colours(count: int, variable: str) -> list[str]:
    """Colours for `count` values of "N", "D" or "C" in increasing order, as hexadecimal text."""
    name, low, high = PALETTES.get(variable, PALETTES["N"])
    where = [(low + high) / 2] if count == 1 else np.linspace(low, high, count)
    return [to_hex(colormaps[name](x)) for x in where]


def log_axes(axes: Axes, x: str, y: str = "loss") -> None:
    """Set log scales, ticks and labels for variables `x` and `y`, after the data are drawn.

    A loss that reaches zero or below, as that of a density can, keeps a linear axis.
    """
    lowest = axes.dataLim.y0
    axes.set_xscale("log")
    axes.set_yscale("log" if lowest > 0 else "linear")
    axes.set_xlabel(LABELS.get(x, x))
    axes.set_ylabel(LABELS.get(y, y))
    if lowest > 0:
        widen(axes.yaxis)
        log_ticks(axes.yaxis, plain=True)
    log_ticks(axes.xaxis, plain=x != "C")


def widen(axis: Axis) -> None:
    """Let a log axis span at least a factor of 1.3, so that noise does not look like a trend."""
    low, high = axis.get_view_interval()
    if low > 0 and high / low < 1.3:
        centre = math.sqrt(low * high)
        axis._set_lim(centre / math.sqrt(1.3), centre * math.sqrt(1.3), auto=False)  # type: ignore[attr-defined]


def log_ticks(axis: Axis, *, plain: bool) -> None:
    """Set a few labelled ticks: decades on a long axis, 1-2-5 and finer on a short one.

    `plain` labels read 10k; the others are powers of ten.
    """
    low, high = sorted(axis.get_view_interval())
    if not (0 < low < high < math.inf):
        return
    room = (ACROSS if isinstance(axis, XAxis) else UP) * math.log(high / low)
    labelled = _apart(_ticks(low, high, most=6 if plain else 3), room)
    tens = [10.0**k for k in range(-300, 300) if low <= 10.0**k <= high]
    if not plain and 2 <= len(tens) < len(labelled):  # 3 x 10^12 is wide
        labelled = tens
    axis.set_major_locator(FixedLocator(labelled))
    texts = [human(t) if plain else power(t) for t in labelled]
    axis.set_major_formatter(FixedFormatter(texts))
    minor_ticks(axis)


def _apart(ticks: Sequence[float], room: float) -> list[float]:
    """Of ticks whose labels would touch, keep the rounder: 1 before 5, 2, 3 and all others."""

    def rank(tick: float) -> int:
        digit = round(tick / 10 ** math.floor(math.log10(tick * 1.0001)), 3)
        return [1, 5, 2, 3, digit].index(digit)

    kept: list[float] = []
    for tick in sorted(ticks, key=rank):
        if all(abs(math.log(tick / other)) >= room for other in kept):
            kept.append(tick)
    return sorted(kept)


def key(
    made: Figure, title: str, entries: Sequence[tuple[str, Sequence[Line2D]]], *, columns: int = 1
) -> None:
    """A legend outside the axes, on the right. An entry is a text and its marks."""
    made.legend(
        handles=[tuple(marks) for _, marks in entries],  # type: ignore[arg-type]
        labels=[text for text, _ in entries],
        handler_map={tuple: HandlerTuple(ndivide=1, pad=0)},
        loc="outside right upper",
        title=title,
        ncols=columns,
        alignment="left",
    )


def mark(colour: str, **how: Any) -> Line2D:
    """A mark for a legend: a line or symbol without data."""
    return Line2D([], [], color=colour, **how)


def save(made: Figure, folder: Path, name: str) -> tuple[Path, Path]:
    """Write NAME.png (200 dpi) and NAME.svg (with text as text) and return both paths."""
    return write(*encoded(made), folder, name)


def encoded(made: Figure) -> tuple[bytes, bytes]:
    """The figure as PNG (200 dpi) and as SVG (with text as text)."""
    sink = io.BytesIO()
    with theme():
        made.set_dpi(DPI)
        pixels = FigureCanvasAgg(made)
        # Figure.savefig would lay out and draw each format twice.
        if engine := made.get_layout_engine():
            engine.execute(made)
            made.set_layout_engine("none")
        pixels.draw()
        FigureCanvasSVG(made).print_svg(sink, metadata={"Date": None})
        made.set_dpi(DPI)
    return encoding.png(np.asarray(pixels.buffer_rgba()), DPI), encoding.rounded(sink.getvalue())


def write(png: bytes, svg: bytes, folder: Path, name: str) -> tuple[Path, Path]:
    """Write NAME.png and NAME.svg and return both paths."""
    paths = folder / f"{name}.png", folder / f"{name}.svg"
    for path, data in zip(paths, (png, svg), strict=True):
        write_whole(path, data)
    return paths


def drawable(path: Path | None) -> None:
    """Raise LabError for a file that a figure cannot be written to."""
    if path is None:
        return
    kinds = Figure().canvas.get_supported_filetypes()
    if not path.suffix:
        raise LabError(f"the figure '{path}' has no format; write e.g. {path.name or 'x'}.png")
    if path.suffix[1:].lower() not in kinds:
        raise unknown("format of a figure", path.suffix[1:], kinds)
    if path.is_dir():
        raise LabError(f"the figure {path} is a folder; give a file")
    folder = next(folder for folder in path.absolute().parents if folder.exists())
    try:
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as error:
        raise LabError(
            f"cannot write the figure {path}: {error.strerror}; give a writable folder"
        ) from error


def save_as(made: Figure, path: Path) -> None:
    """Write one file in the format of its suffix. Raises LabError as `drawable` does."""
    drawable(path)
    sink = io.BytesIO()
    with theme():
        made.savefig(sink, format=path.suffix[1:].lower())
    write_whole(path, sink.getvalue())


@cache
def _settings() -> dict[str, Any]:
    installed = {font.name for font in font_manager.fontManager.ttflist}
    faces = [face for face in FACES if face in installed]
    return {
        "figure.dpi": DPI,
        "savefig.dpi": DPI,
        "svg.fonttype": "none",
        "svg.hashsalt": "scaling_lab",
        "font.family": "sans-serif",
        "font.sans-serif": faces or ["DejaVu Sans"],
        "mathtext.fontset": "custom",
        **{f"mathtext.{kind}": (faces or ["DejaVu Sans"])[0] for kind in _MATHS},
        "font.size": 8,
        "axes.titlesize": 8.5,
        "axes.labelsize": 8.5,
        "xtick.labelsize": 8,
        "ytick.labelsize": 8,
        "legend.fontsize": 7.5,
        "legend.title_fontsize": 8,
        "legend.frameon": False,
        "legend.handlelength": 1.3,
        "legend.handletextpad": 0.5,
        "legend.labelspacing": 0.35,
        "legend.borderpad": 0.2,
        "text.color": INK,
        "axes.labelcolor": INK,
        "axes.titlecolor": INK,
        "axes.edgecolor": GREY,
        "xtick.color": GREY,
        "ytick.color": GREY,
        "xtick.labelcolor": INK,
        "ytick.labelcolor": INK,
        "axes.linewidth": 0.6,
        "xtick.major.width": 0.6,
        "ytick.major.width": 0.6,
        "xtick.major.size": 3,
        "ytick.major.size": 3,
        "xtick.minor.width": 0.4,
        "ytick.minor.width": 0.4,
        "xtick.minor.size": 1.8,
        "ytick.minor.size": 1.8,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.grid": True,
        "axes.axisbelow": True,
        "grid.color": GRID,
        "grid.linewidth": 0.5,
        "lines.linewidth": 1.2,
        "lines.markersize": 3.6,
        "lines.solid_capstyle": "round",
        "axes.xmargin": 0.04,
        "axes.ymargin": 0.06,
    }


def _ticks(low: float, high: float, most: int) -> list[float]:
    """The densest set of round numbers between `low` and `high` that has at most `most`.

    Where one set has too many and the next none, as from 2.1 to 2.9, the former is thinned out.
    """
    found: list[float] = []
    for marks in (
        _TENTHS,
        _FIFTHS,
        _HALVES,
        (1, 1.5, 2, 3, 4, 5, 7),
        (1, 2, 3, 5),
        (1, 2, 5),
        (1, 3),
        (1,),
    ):
        decades = range(math.floor(math.log10(low)) - 1, math.ceil(math.log10(high)) + 1)
        denser, found = found, [m * 10.0**k for k in decades for m in marks]
        found = [t for t in found if low * 0.9999 <= t <= high * 1.0001]
        if 2 <= len(found) <= most:
            return found
        if len(found) < 2 < len(denser):
            return denser[:: math.ceil(len(denser) / most)]
    every = math.ceil(len(found) / most)
    exponents = [round(math.log10(t)) for t in found]
    return [10.0**k for k in exponents if k % every == 0] or found


_MATHS = ("rm", "it", "bf", "bfit", "sf", "tt", "cal")
_TENTHS = tuple(x / 10 for x in range(10, 100))
_FIFTHS = tuple(x / 5 for x in range(5, 50))
_HALVES = tuple(x / 2 for x in range(2, 20))


def power(value: float) -> str:
    """A power of ten as mathtext: 10^12, or 3 x 10^12."""
    exponent = math.floor(math.log10(value) + 1e-9)
    factor = value / 10.0**exponent
    ten = rf"10^{{{exponent}}}"
    return rf"${ten}$" if abs(factor - 1) < 1e-6 else rf"${factor:.3g} \times {ten}$"
