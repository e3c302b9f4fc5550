"""Parameters kept from finished runs, for sampling, decoding and showing pictures.

    results/EXPERIMENT/parameters/FINGERPRINT.npz      one array a leaf, named by its path

An experiment selects the runs whose parameters are kept by a condition, `keep = "seed == 0"`, or a
function, `keep = lambda point: point["seed"] == 0`.
"""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import LabError
from . import pull
from .atomic import write_whole

FOLDER = "parameters"


def path(folder: Path, fingerprint: str) -> Path:
    """The file for the parameters of a run in the results `folder`; it need not exist."""
    return folder / FOLDER / f"{fingerprint}.npz"


def kept(folder: Path) -> set[str]:
    """Fingerprints of the runs whose parameters were kept."""
    names = pull.names(folder / FOLDER)
    return {name.removesuffix(".npz") for name in names if name.endswith(".npz")}


def save(folder: Path, fingerprint: str, params: Mapping[str, Any]) -> None:
    """Write a tree of arrays (nested dicts). Raises LabError if the file cannot be written."""
    buffer = io.BytesIO()
    leaves: dict[str, Any] = {"/".join(names): leaf for names, leaf in _leaves(params)}
    np.savez(buffer, **leaves)
    write_whole(path(folder, fingerprint), buffer.getvalue())


def load(folder: Path, fingerprint: str) -> dict[str, Any]:
    """The tree of arrays. Raises LabError if it was not kept or cannot be read."""
    file = path(folder, fingerprint)
    pull.file(file)
    try:
        with np.load(io.BytesIO(file.read_bytes())) as archive:
            leaves = {name: archive[name] for name in archive.files}
    except FileNotFoundError as error:
        raise LabError(
            f"{file} does not exist: the run's parameters were not kept; select the run in the "
            "experiment's 'keep' and train it into another --results, or choose another run"
        ) from error
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise LabError(
            f"{file} cannot be read ({error}); delete it and train the run again"
        ) from error
    tree: dict[str, Any] = {}
    for name, leaf in leaves.items():
        *parents, last = name.split("/")
        inner = tree
        for parent in parents:
            inner = inner.setdefault(parent, {})
        inner[last] = leaf
    return tree


def _leaves(tree: object, names: tuple[str, ...] = ()) -> list[tuple[tuple[str, ...], np.ndarray]]:
    if isinstance(tree, dict):
        return [leaf for name, inner in tree.items() for leaf in _leaves(inner, (*names, name))]
    return [(names, np.asarray(tree))]
