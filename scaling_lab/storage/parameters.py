"""Parameters kept from finished runs, for sampling, decoding and showing pictures.

    results/EXPERIMENT/parameters/FINGERPRINT.npz      one array a leaf, named by its path

An experiment selects the runs whose parameters are kept by a condition, `keep = "seed == 0"`, or a
function, `keep = lambda point: point["seed"] == 0`.
"""

from __future__ import annotations

import io
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import LabError
from . import arrays
from .atomic import write_whole

FOLDER = "parameters"


def path(folder: Path, fingerprint: str) -> Path:
    """The file for the parameters of a run in the results `folder`; it need not exist.

    Raises LabError for a fingerprint that is not the name of a file.
    """
    if not re.fullmatch(r"\w[\w.-]*", fingerprint):
        raise LabError(f"'{fingerprint}' is no fingerprint; give its hexadecimal digits")
    return folder / FOLDER / f"{fingerprint}.npz"


def save(folder: Path, fingerprint: str, params: Mapping[str, Any]) -> None:
    """Write a tree of arrays (nested dicts). Raises LabError if the file cannot be written."""
    buffer = io.BytesIO()
    leaves: dict[str, Any] = {"/".join(names): leaf for names, leaf in _leaves(params)}
    np.savez(buffer, **leaves)
    write_whole(path(folder, fingerprint), buffer.getvalue())


def load(folder: Path, fingerprint: str) -> dict[str, Any]:
    """The tree of arrays. Raises LabError if it was not kept or cannot be read."""
    file = path(folder, fingerprint)
    try:
        return _tree(arrays.load(file))
    except FileNotFoundError as error:
        raise LabError(
            f"{file} does not exist: the run's parameters were not kept; select the run in the "
            "experiment's 'keep' and train it into another --results, or choose another run"
        ) from error
    except (LabError, ValueError) as error:
        told = str(error) if isinstance(error, LabError) else f"{file} cannot be read ({error})"
        raise LabError(f"{told}; delete it and train the run again") from error


def _tree(leaves: Mapping[str, np.ndarray]) -> dict[str, Any]:
    """The tree of leaves named by their paths. Raises ValueError if a leaf is also a branch."""
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


def _leaves(tree: object, names: tuple[str, ...] = ()) -> list[tuple[tuple[str, ...], np.ndarray]]:
    if isinstance(tree, dict):
        return [leaf for name, inner in tree.items() for leaf in _leaves(inner, (*names, name))]
    return [(names, np.asarray(tree))]
