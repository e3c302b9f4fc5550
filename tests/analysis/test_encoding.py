"""Pictures in few bytes: what is seen stays."""

import io
import xml.etree.ElementTree as ET
from urllib.parse import unquote

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from scaling_lab.analysis import encoding


def seen(data):
    with Image.open(io.BytesIO(data)) as picture:
        return np.asarray(picture.convert("RGB")).astype(int), picture


@pytest.fixture
def chart():
    """A figure of lines, text and one small dot of a colour that nothing else has."""
    made = Figure(figsize=(3, 2), dpi=200)
    axes = made.add_subplot()
    for i in range(6):
        axes.plot(np.arange(50), np.sin(np.arange(50) / (3 + i)), lw=1)
    axes.plot(25, 0, ".", color="#c2255c", ms=2)
    axes.set(title='x="1.23456" 0.123456')
    return made


def saved(made, kind):
    sink = io.BytesIO()
    made.savefig(sink, format=kind)
    return sink.getvalue()


def test_a_chart_has_a_palette_that_does_not_show(chart):
    full = saved(chart, "png")
    few = encoding.png(np.asarray(Image.open(io.BytesIO(full)).convert("RGBA")), 200)
    assert len(few) < 0.6 * len(full)
    (before, one), (after, other) = seen(full), seen(few)
    assert other.mode == "P"
    assert np.abs(before - after).max() <= encoding.SEEN
    assert other.info["dpi"] == pytest.approx(one.info["dpi"], rel=1e-3)


@pytest.mark.parametrize("alpha", [128, 255])
def test_a_photograph_and_a_see_through_picture_keep_their_pixels(alpha):
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 4), dtype=np.uint8)
    noise[..., 3] = alpha
    kept = Image.open(io.BytesIO(encoding.png(noise, 200))).convert("RGBA")
    assert np.array_equal(np.asarray(kept), noise)


def test_an_svg_keeps_its_text_its_transforms_and_its_places(chart):
    chart.axes[0].imshow(np.eye(3), extent=(10, 20, -1, 1))
    full = saved(chart, "svg")
    few = encoding.rounded(full)
    assert len(few) < 0.9 * len(full)
    before, after = (list(ET.fromstring(text).iter()) for text in (full, few))
    assert len(before) == len(after)
    for one, other in zip(before, after, strict=True):
        assert (one.text or "").split() == (other.text or "").split()
        assert one.attrib.keys() == other.attrib.keys()
        for name, value in one.attrib.items():
            if name not in ("d", "x", "y", "width", "height") or value.endswith("pt"):
                assert other.attrib[name] == value
                continue
            for a, b in zip(value.split(), other.attrib[name].split(), strict=True):
                assert a == b or float(a) == pytest.approx(float(b), abs=0.00501)


def test_an_address_holds_the_svg_and_ends_no_attribute():
    svg = "<svg a=\"#1 100%\"\nb='&amp;'>é</svg>"
    uri = encoding.svg_uri(svg)
    assert not set('"<>&#\n') & set(uri)
    assert unquote(uri.split(",", 1)[1]) == svg.replace("\n", " ")
