"""Test perplexity against parameters on the Billion Word Benchmark: the talk's table."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.figure import Figure

from ... import style
from ..domains.language import PERPLEXITY
from . import COLOURS, Grid

PLACE = 5
TITLE = "Perplexity against parameters in 2016"
CAPTION = (
    "The talk's table of models of the Billion Word Benchmark: test perplexity against all "
    "parameters, including embedding and softmax. No power law is visible. Most parameters are "
    "tables of words (character inputs need none, at no cost in perplexity), and the kind of model "
    "matters more than its size."
)
KINDS = {  # by the first word of a model's name
    "LSTM": ("LSTM", COLOURS["machine"], "o"),
    "2-layer": ("LSTM", COLOURS["machine"], "o"),
    "Big": ("big LSTM with characters", "#c2410c", "s"),
    "": ("counts of n-grams, and others", style.GREY, "D"),
}
# Offset of a label from its mark in points, and its alignment, if not to the right.
PLACES = {
    "Interpolated KN 5-gram, 1.1 B n-grams (Chelba 2013)": (6, -10, "left"),
    "Sparse non-negative matrix LM (Shazeer 2015)": (0, 6, "center"),
    "RNN-1024 + MaxEnt 9-gram features (Chelba 2013)": (0, -11, "center"),
    "LSTM-2048-512": (6, -5, "left"),
    "Big LSTM + CNN inputs": (-6, -10, "left"),
    "Big LSTM + CNN inputs + char LSTM predictions": (-4, -10, "left"),
}


def draw(grids: Sequence[Grid]) -> Figure:
    with style.theme():
        made = style.figure(style.DOUBLE, 2.9)
        axes = made.add_subplot()
        for model in PERPLEXITY:
            _, colour, marker = _kind(model.name)
            axes.plot(model.billions * 1e9, model.perplexity, marker, color=colour, ms=4.4)
            right, up, side = PLACES.get(model.name, (6, -2.5, "left"))
            axes.annotate(
                model.name,
                (model.billions * 1e9, model.perplexity),
                xytext=(right, up),
                ha=side,
                textcoords="offset points",
                fontsize=6.5,
                color=colour,
            )
        axes.set(xlim=(1.6e8, 1.6e11), ylim=(26, 80))
        style.log_axes(axes, "N")
        axes.set_ylabel("test perplexity")
        seen = dict.fromkeys(KINDS.values())
        marks = [style.mark(colour, marker=marker, linestyle="") for _, colour, marker in seen]
        axes.legend(marks, [text for text, *_ in seen], loc="lower right")
    return made


def _kind(name: str) -> tuple[str, str, str]:
    return next(kind for start, kind in KINDS.items() if name.startswith(start))
