"""Pictures from files to arrays: decoded by Pillow in threads (it works outside Python's lock)."""

from __future__ import annotations

import io
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

# What Pillow calls pictures of more than 8 bits a channel; made RGB they would be cut off at 255.
DEEP = ("I", "F")
BATCH = 4_096  # pictures on their way at a time


def decode(
    files: Sequence[Path | bytes], out: np.ndarray, fit: bool = True
) -> list[tuple[int, str]]:
    """Fill `out` (pictures, size, size, 3) with the pictures of the files, in RGB, 0 to 255.

    To fit, a picture of another size is scaled until it covers the square, and what stands over is
    cut off on both sides alike. Gives (place, reason) for each file that holds no such picture;
    its rows of `out` are left as they are.
    """
    size = out.shape[1]
    wrong = []
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for start in range(0, len(files), BATCH):
            batch = files[start : start + BATCH]
            for i, found in enumerate(pool.map(lambda file: _pixels(file, size, fit), batch)):
                if isinstance(found, str):
                    wrong.append((start + i, found))
                else:
                    out[start + i] = found
    return wrong


def _pixels(file: Path | bytes, size: int, fit: bool) -> np.ndarray | str:
    """The picture, or why there is none."""
    try:
        with Image.open(io.BytesIO(file) if isinstance(file, bytes) else file) as image:
            if image.mode.startswith(DEEP):
                return f"its values leave 0 to 255 (mode {image.mode}); save it with 8 bits"
            whole = image.convert("RGB")
    except Image.UnidentifiedImageError:
        return "it is no picture"
    except Exception as error:  # what a broken file raises is as varied as the formats are
        return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
    if whole.size != (size, size):
        if not fit:
            return "it is {} by {} pixels, not {size} by {size}".format(*whole.size, size=size)
        whole = ImageOps.fit(whole, (size, size), Image.Resampling.BICUBIC)
    return np.asarray(whole)
