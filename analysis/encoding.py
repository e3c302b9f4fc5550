"""Compact encodings of figures without visible loss, so that a page of many figures stays small."""

from __future__ import annotations

import io
import re
from urllib.parse import quote

import numpy as np
from PIL import Image

COLOURS = 256
SEEN = 24  # of 255: a colour error that might be visible, as in photographs with few colours
PLACES = 2  # decimals of a point: finer than any screen shows

_KEPT = " !$()*+,-./:;=?@[]^_`{|}~'"


def png(pixels: np.ndarray, dpi: float) -> bytes:
    """A PNG of pixels [height, width, RGBA], 8 bits each.

    It uses a palette, unless that would be visible or a pixel is transparent.
    """
    made = Image.fromarray(pixels)
    if pixels[..., 3].min() == 255:
        made = _with_palette(pixels) or made.convert("RGB")
    sink = io.BytesIO()
    made.save(sink, "PNG", dpi=(dpi, dpi))
    return sink.getvalue()


def _with_palette(pixels: np.ndarray) -> Image.Image | None:
    """The opaque picture in COLOURS colours; None if that would show.

    A chart's hundreds of thousands of pixels are runs of a few thousand colours, so the palette is
    made of these, each once, and looked up for the runs.
    """
    codes = np.ascontiguousarray(pixels).view("<u4").ravel() & 0xFFFFFF
    starts = np.flatnonzero(np.diff(codes, prepend=~codes[:1]))
    lengths = np.diff(starts, append=len(codes))
    colours, which = np.unique(codes[starts], return_inverse=True)
    full = colours.view(np.uint8).reshape(-1, 4)[:, :3]
    # This method spreads the palette over the colours there are, however small their area.
    method = Image.Quantize.MAXCOVERAGE
    few = Image.fromarray(full[None]).quantize(COLOURS, method, dither=Image.Dither.NONE)
    groups = np.asarray(few)[0]
    palette = np.array(few.getpalette(), np.uint8).reshape(-1, 3)
    # A group of colours is shown as the mean of its pixels, unless one would be too far from it.
    pixels_of = np.bincount(which, lengths)
    sums = [np.bincount(groups, pixels_of * channel, len(palette)) for channel in full.T]
    area = np.maximum(1, np.bincount(groups, pixels_of, len(palette)))
    means = np.rint(np.transpose(sums) / area[:, None])
    far = groups[np.abs(means[groups] - full).max(axis=1) > SEEN]
    means[far] = palette[far]
    if np.abs(means[groups] - full).max() > SEEN:
        return None
    places = np.repeat(groups[which], lengths)
    made = Image.fromarray(places.reshape(pixels.shape[:2]))
    made.putpalette(means.astype(np.uint8).tobytes())
    return made


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
