"""Minor ticks stand where the view is, once, and are none of the figure's lines."""

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from scaling_lab.analysis.minor_ticks import minor_ticks


@pytest.fixture
def axes():
    axes = Figure(figsize=(3, 2), dpi=100).add_axes((0.2, 0.3, 0.7, 0.6))
    axes.set(xscale="log", yscale="log", xlim=(1, 100), ylim=(1, 10))
    axes.set_xticks([1, 10, 100], ["", "", ""])
    axes.tick_params(which="both", length=0, labelleft=False)
    axes.spines["bottom"].set_visible(False)
    return axes


def marks(axes):
    """Centres, in data, of the marks just below the axes."""
    canvas = FigureCanvasAgg(axes.figure)
    canvas.draw()
    dark = np.asarray(canvas.buffer_rgba())[::-1, :, 0] < 200
    row = dark[int(axes.bbox.y0) - 2]
    left = np.flatnonzero(np.diff(row.astype(int), prepend=0) == 1)
    right = np.flatnonzero(np.diff(row.astype(int), append=0) == -1)
    middle = (left + right + 1) / 2
    found = axes.transData.inverted().transform(np.stack([middle, middle * 0], axis=1))
    return found[:, 0]


def test_a_mark_at_each_digit_but_those_that_have_a_tick(axes):
    minor_ticks(axes.xaxis)
    expected = [*range(2, 10), *range(20, 100, 10)]
    assert marks(axes) == pytest.approx(expected, rel=0.03)


def test_they_follow_the_view_and_do_not_gather(axes):
    minor_ticks(axes.xaxis)
    minor_ticks(axes.xaxis)
    assert len(axes.artists) == 1
    assert not axes.lines
    minor_ticks(axes.yaxis)
    assert len(axes.artists) == 2
    axes.set_xlim(20, 200)
    assert marks(axes) == pytest.approx([*range(20, 100, 10), 200], rel=0.03)


def test_a_long_axis_has_none(axes):
    minor_ticks(axes.xaxis)
    axes.set_xlim(1, 1e8)
    assert not len(marks(axes))
