"""Arrays in .npz files, read only if what they unpack to is in proportion to the file.

A file may state sizes that it does not hold, and a few kB of zip may unpack to gigabytes. So the
sizes are compared with the file and with the free memory before anything is allocated.
"""

from __future__ import annotations

import io
import math
import os
import re
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import IO, TypeVar

import numpy as np

from ..errors import LabError

T = TypeVar("T")

RATIO = 100  # bytes unpacked per byte of file; float32 noise has 1, pictures about 10
SMALL = 1 << 26  # bytes that are unpacked whatever the ratio


def load(path: Path) -> dict[str, np.ndarray]:
    """Name -> array of an .npz file.

    Raises FileNotFoundError if there is none, and LabError if it cannot be read or unpacks to more
    than is free in memory, or to more than RATIO times its size.
    """

    def read(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> np.ndarray:
        return _array(_bytes(archive, member))

    return _members(path, read)


def shapes(path: Path) -> dict[str, tuple[int, ...]]:
    """Name -> shape of each array of an .npz file; the numbers are not read. Raises as `load`."""

    def read(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> tuple[int, ...]:
        with archive.open(member) as file:
            return _header(file)[0]

    return _members(path, read)


def _members(path: Path, read: Callable[[zipfile.ZipFile, zipfile.ZipInfo], T]) -> dict[str, T]:
    try:
        with zipfile.ZipFile(path) as archive:
            size, room = path.stat().st_size, free_memory()
            whole = sum(member.file_size for member in archive.infolist())
            if whole > room or (whole > SMALL and whole > RATIO * size):
                raise ValueError(f"its {size} bytes unpack to {whole}; {room} bytes are free")
            return {
                member.filename.removesuffix(".npy"): read(archive, member)
                for member in archive.infolist()
            }
    except FileNotFoundError:
        raise
    except (
        # RuntimeError: encrypted. NotImplementedError: an unknown compression.
        *(OSError, ValueError, EOFError, RuntimeError, NotImplementedError, MemoryError),
        *(zipfile.BadZipFile, zlib.error),
    ) as error:
        why = str(error).strip().partition("\n")[0]
        raise LabError(f"{path} cannot be read ({why})") from error


def _bytes(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> bytes:
    """The bytes of a member. Raises BadZipFile if it unpacks to another size than it states."""
    with archive.open(member) as file:
        return file.read(member.file_size + 1)  # without a bound the stated size is not heeded


def _array(data: bytes) -> np.ndarray:
    """The array in the bytes of an .npy file. Raises ValueError if they are not exactly one."""
    file = io.BytesIO(data)
    shape, by_columns, dtype = _header(file)
    if dtype.hasobject:
        raise ValueError("it holds Python objects, which may run code")
    if math.prod(shape) * dtype.itemsize != len(data) - file.tell():
        raise ValueError(f"an array of shape {shape} is not in its {len(data)} bytes")
    flat = np.frombuffer(memoryview(data)[file.tell() :], dtype).copy()
    return flat.reshape(shape, order="F" if by_columns else "C")


def _header(file: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype]:
    """Shape, whether it is stored by columns, and dtype of the array in an .npy file."""
    major, _ = np.lib.format.read_magic(file)
    if major == 1:
        return np.lib.format.read_array_header_1_0(file)
    return np.lib.format.read_array_header_2_0(file)


def free_memory() -> int:
    """Bytes of memory that can be taken without swapping; all of it where that is not known."""
    try:
        text = Path("/proc/meminfo").read_text()
        return 1024 * int(re.findall(r"MemAvailable: *(\d+)", text)[0])
    except (OSError, IndexError):
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
