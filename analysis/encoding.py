"""Compact encodings of figures without visible loss, so that a page of many figures stays small."""

from __future__ import annotations

import io
import re
from urllib.parse import quote

import numpy as np
from PIL import Image, ImageChops

COLOURS = 256
SEEN = 24  # of 255: a colour error that might be visible, as photographs have with few colours
PLACES = 2  # decimals of a point: finer than any screen shows

_KEPT = " !$()*+,-./:;=?@[]^_`{|}~'"


def png(pixels: np.ndarray, dpi: float) -> bytes:
    """A PNG of pixels [height, width, RGBA], 8 bits each.

    It has a palette of colours, unless that would show or a pixel is transparent.
    """
    full = Image.fromarray(pixels)
    sink = io.BytesIO()
    if pixels[..., 3].min() == 255:
        full = full.convert("RGB")
        # This method spreads the palette over the colours there are, however small their area.
        few = full.quantize(COLOURS, Image.Quantize.MAXCOVERAGE, kmeans=3, dither=Image.Dither.NONE)
        if np.max(ImageChops.difference(full, few.convert("RGB")).getextrema()) <= SEEN:
            full = few
    full.save(sink, "PNG", optimize=True, dpi=(dpi, dpi))
    return sink.getvalue()


def rounded(svg: bytes) -> bytes:
    """The SVG with coordinates and paths to a hundredth of a point, and without indentation.

    Transforms keep their digits, since they may scale, and so does all text.
    """

    def tag(found: re.Match[str]) -> str:
        return re.sub(r'(?<=\s)(?:d|x|y|width|height)="[^"]*"', attribute, found[0])

    def attribute(found: re.Match[str]) -> str:
        return re.sub(r"\s+", " ", re.sub(r"-?\d+\.\d+(?!\d|e)", number, found[0]))

    def number(found: re.Match[str]) -> str:
        text = f"{float(found[0]):.{PLACES}f}".rstrip("0").rstrip(".")
        return "0" if text == "-0" else text

    text = re.sub(r"\n +(?=<)", "\n", svg.decode())
    return re.sub(r"<[^>]+>", tag, text).encode()


def svg_uri(svg: str) -> str:
    """The SVG as a data URI of text: two thirds the size of base64."""
    return "data:image/svg+xml," + quote(svg.replace("\n", " "), safe=_KEPT)
