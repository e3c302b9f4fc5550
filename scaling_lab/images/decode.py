"""Decoding image files into arrays, in threads: the decoders release Python's global lock.

Files of any kind are decoded by Pillow. The JPEGs of a pack, whose size is known, are decoded whole
or at 1/2, 1/4 or 1/8 of it, by simplejpeg if it is installed and otherwise by Pillow. Both use
libjpeg-turbo and give the same pixels, to the last bit.
"""

from __future__ import annotations

import io
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

try:
    import simplejpeg
except ImportError:
    simplejpeg = None

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
            for i, result in enumerate(pool.map(lambda file: picture(file, size, fit), batch)):
                if isinstance(result, str):
                    failures.append((start + i, result))
                else:
                    out[start + i] = np.asarray(result)
    return failures


def decode_jpeg(jpeg: bytes, size: int) -> np.ndarray:
    """A square JPEG as (size, size, 3), RGB from 0 to 255.

    size: its side, or 1/2, 1/4 or 1/8 of it. Raises ValueError for another one, and the decoder's
    own errors.
    """
    if simplejpeg is not None:
        pixels = simplejpeg.decode_jpeg(jpeg, "RGB", min_height=size, min_width=size, min_factor=1)
    else:
        with Image.open(io.BytesIO(jpeg)) as image:
            image.draft("RGB", (size, size))
            pixels = np.asarray(image)
    if pixels.shape != (size, size, 3):
        raise ValueError(f"it is decoded as {pixels.shape[1]} by {pixels.shape[0]} pixels")
    return pixels


def picture(file: Path | bytes, size: int, fit: bool = True, draft: int = 0) -> Image.Image | str:
    """A file as an RGB picture of that side, or the reason why it cannot be decoded.

    fit: see `decode`. draft: a JPEG more than twice this side may be decoded at a reduced scale,
    which is faster and gives slightly other pixels; 0 for never.
    """
    try:
        with Image.open(io.BytesIO(file) if isinstance(file, bytes) else file) as image:
            if draft:
                image.draft("RGB", (2 * draft, 2 * draft))
            if image.mode.startswith(DEEP):
                return f"its values exceed 0 to 255 (mode {image.mode}); save it with 8 bits"
            found = image.convert("RGB")
    except Image.UnidentifiedImageError:
        return "it is not a picture"
    except Exception as error:  # each format raises its own errors for broken files
        return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
    if found.size != (size, size):
        if not fit:
            return "it is {} by {} pixels, not {size} by {size}".format(*found.size, size=size)
        found = ImageOps.fit(found, (size, size), Image.Resampling.BICUBIC)
    return found
