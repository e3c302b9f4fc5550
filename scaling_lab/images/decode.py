"""Decoding image files into arrays, by Pillow in threads (it releases Python's global lock)."""

from __future__ import annotations

import io
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

# Pillow's modes with more than 8 bits a channel; converting them to RGB would clip at 255.
DEEP = ("I", "F")
BATCH = 4_096  # pictures in flight


def decode(
    files: Sequence[Path | bytes], out: np.ndarray, fit: bool = True
) -> list[tuple[int, str]]:
    """Decode files into `out` (pictures, size, size, 3), RGB from 0 to 255.

    fit: scale pictures of other sizes to cover the square and crop them to the centre; otherwise
    they are errors. Returns (index, reason) for each file that could not be decoded; its entry in
    `out` is left unchanged.
    """
    size = out.shape[1]
    failures = []
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for start in range(0, len(files), BATCH):
            batch = files[start : start + BATCH]
            for i, result in enumerate(pool.map(lambda file: _pixels(file, size, fit), batch)):
                if isinstance(result, str):
                    failures.append((start + i, result))
                else:
                    out[start + i] = result
    return failures


def _pixels(file: Path | bytes, size: int, fit: bool) -> np.ndarray | str:
    """The picture, or the reason why it cannot be decoded."""
    try:
        with Image.open(io.BytesIO(file) if isinstance(file, bytes) else file) as image:
            if image.mode.startswith(DEEP):
                return f"its values exceed 0 to 255 (mode {image.mode}); save it with 8 bits"
            picture = image.convert("RGB")
    except Image.UnidentifiedImageError:
        return "it is not a picture"
    except Exception as error:  # each format raises its own errors for broken files
        return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
    if picture.size != (size, size):
        if not fit:
            return "it is {} by {} pixels, not {size} by {size}".format(*picture.size, size=size)
        picture = ImageOps.fit(picture, (size, size), Image.Resampling.BICUBIC)
    return np.asarray(picture)
