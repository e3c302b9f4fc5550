"""Parameters kept from runs: for samples, pictures and translations, and for runs to start from.

    results/EXPERIMENT/parameters/FINGERPRINT.npz        at the end; one array a leaf, by its path
    results/EXPERIMENT/parameters/FINGERPRINT/STEP.npz   a snapshot, after that many steps

An experiment selects the runs whose parameters are kept by a condition, `keep = "seed == 0"`, or a
function, `keep = lambda point: point["seed"] == 0`; `snapshots` says when they are kept before the
end. In all functions a step of 0 means the end.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from ..errors import LabError
from . import arrays, file_digests
from .atomic import write_whole
from .objects import pull

FOLDER = "parameters"

T = TypeVar("T")


def path(folder: Path, fingerprint: str, step: int = 0) -> Path:
    """The file for the parameters of a run in the results `folder`; it need not exist.

    Raises LabError for a fingerprint that is not the name of a file.
    """
    if not re.fullmatch(r"\w[\w.-]*", fingerprint):
        raise LabError(f"'{fingerprint}' is no fingerprint; give its hexadecimal digits")
    if step:
        return folder / FOLDER / fingerprint / f"{step:012d}.npz"
    return folder / FOLDER / f"{fingerprint}.npz"


def kept(folder: Path) -> set[str]:
    """Fingerprints of the runs whose parameters were kept."""
    names = pull.names(folder / FOLDER)
    return {name.removesuffix(".npz") for name in names if name.endswith(".npz")}


def steps(folder: Path, fingerprint: str) -> list[int]:
    """After how many steps there are snapshots of a run, in order."""
    names = pull.names(path(folder, fingerprint).with_suffix(""))
    stems = [name.removesuffix(".npz") for name in names if name.endswith(".npz")]
    return sorted(int(stem) for stem in stems if stem.isdecimal())


def save(folder: Path, fingerprint: str, params: Mapping[str, Any], step: int = 0) -> None:
    """Write a tree of arrays (nested dicts). Raises LabError if the file cannot be written."""
    buffer = io.BytesIO()
    named: dict[str, Any] = {name: np.asarray(leaf) for name, leaf in leaves(params).items()}
    np.savez(buffer, **named)
    write_whole(path(folder, fingerprint, step), buffer.getvalue())


def load(folder: Path, fingerprint: str, step: int = 0) -> dict[str, Any]:
    """The tree of arrays. Raises LabError if it was not kept or cannot be read."""
    return _read(folder, fingerprint, step, lambda file: tree(arrays.load(file)))


def shapes(folder: Path, fingerprint: str, step: int = 0) -> dict[str, tuple[int, ...]]:
    """Path -> shape of each array; the numbers are not read. Raises LabError as `load` does."""
    return _read(folder, fingerprint, step, arrays.shapes)


def _read(folder: Path, fingerprint: str, step: int, read: Callable[[Path], T]) -> T:
    file = path(folder, fingerprint, step)
    pull.file(file)
    try:
        return read(file)
    except FileNotFoundError as error:
        if step:
            have = ", ".join(map(str, steps(folder, fingerprint))) or "none"
            raise LabError(
                f"{file} does not exist: the run has no snapshot after {step} steps; choose one "
                f"of those it has ({have})"
            ) from error
        raise LabError(
            f"{file} does not exist: the run's parameters were not kept; select the run in the "
            "experiment's 'keep' and train it into another --results, or choose another run"
        ) from error
    except (LabError, ValueError) as error:
        told = str(error) if isinstance(error, LabError) else f"{file} cannot be read ({error})"
        raise LabError(f"{told}; delete it and train the run again") from error


def content(folder: Path, fingerprint: str, step: int = 0) -> str | None:
    """Digest of the file's bytes, computed once for each state of it; None if it was not kept."""
    file = path(folder, fingerprint, step)
    pull.file(file)
    return file_digests.digest([file])


def leaves(params: Mapping[str, Any], before: str = "") -> dict[str, Any]:
    """The leaves of a tree of nested dicts by their paths, such as "head/kernel"."""
    found: dict[str, Any] = {}
    for name, inner in params.items():
        path = f"{before}{name}"
        found |= leaves(inner, f"{path}/") if isinstance(inner, Mapping) else {path: inner}
    return found


def tree(leaves: Mapping[str, Any]) -> dict[str, Any]:
    """The nested dicts that have these leaves: the inverse of `leaves`.

    Raises ValueError if a leaf is also a branch.
    """
    tree: dict[str, Any] = {}
    for name, leaf in leaves.items():
        *parents, last = name.split("/")
        inner = tree
        for parent in parents:
            inner = inner.setdefault(parent, {})
            if not isinstance(inner, dict):
                raise ValueError(f"{name} lies below an array")
        if last in inner:
            raise ValueError(f"{name} is an array and holds others")
        inner[last] = leaf
    return tree
