"""MNIST: 50,000 training, 10,000 validation and 10,000 test images of digits, 28x28.

Read from $SCALING_LAB_DATA/mnist/mnist.npz (Keras's layout), else downloaded from OpenML through
scikit-learn into the user's cache.
"""

from __future__ import annotations

import hashlib
import io
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np

from ..errors import LabError
from ..registry import register
from ..storage.atomic import write_local
from ..storage.cache import cache_path, provided_file
from . import Spec, Split, Splits, order

FIELDS = ("x_train", "y_train", "x_test", "y_test")
# SHA-256 of the bytes of the four arrays as uint8, in the order of FIELDS.
DIGEST = "06b0d1f124c4e5fa796686ade41a9b778edacc8622f2195a352ef479ad44fc16"


@register("data", "mnist")
@dataclass(frozen=True, kw_only=True)
class Mnist:
    """The MNIST database (LeCun, Cortes & Burges 1998), split 50,000 / 10,000 / 10,000."""

    spec: ClassVar[Spec] = Spec(
        shape=(28, 28), outputs=10, examples=50_000, unit="images", mean=33.3184, std=78.5675
    )
    origin: ClassVar[str] = "$SCALING_LAB_DATA/mnist/mnist.npz, or OpenML 'mnist_784'"
    licence: ClassVar[str] = "CC BY-SA 3.0"
    content: ClassVar[str] = DIGEST[:12]  # whatever the file: `load` accepts nothing else

    def location(self) -> Path | None:
        cached = cache_path("data", "mnist.npz")
        return provided_file("mnist", "mnist.npz") or (cached if cached.exists() else None)

    def fetch(self) -> None:
        """Download from OpenML, check, and cache. Raises LabError if that fails."""
        if self.location():
            return
        from sklearn.datasets import fetch_openml

        try:
            x, y = fetch_openml(
                "mnist_784", version=1, return_X_y=True, as_frame=False, parser="liac-arff"
            )
        except Exception as error:
            raise LabError(
                f"MNIST was not found and OpenML did not answer ({type(error).__name__}: {error}); "
                "go online and run 'scaling-lab data mnist', or put mnist.npz (x_train, y_train, "
                "x_test, y_test) into $SCALING_LAB_DATA/mnist/"
            ) from error
        images, labels = x.reshape(-1, 28, 28).astype(np.uint8), y.astype(np.uint8)
        arrays: dict[str, np.ndarray] = dict(
            zip(
                FIELDS,
                (images[:60_000], labels[:60_000], images[60_000:], labels[60_000:]),
                strict=True,
            )
        )
        _check(arrays, "OpenML's 'mnist_784'")
        buffer = io.BytesIO()
        np.savez_compressed(buffer, allow_pickle=False, **arrays)
        path = cache_path("data", "mnist.npz")
        write_local(path, buffer.getvalue(), "set SCALING_LAB_CACHE")

    def load(self) -> Splits:
        path = self.location()
        if path is None:
            self.fetch()
            path = cache_path("data", "mnist.npz")
        try:
            with np.load(path) as file:
                arrays = {name: file[name] for name in FIELDS}
        except Exception as error:
            raise LabError(
                f"{path} cannot be read as MNIST ({error}); delete it and run "
                "'scaling-lab data mnist', or put an intact mnist.npz there"
            ) from error
        _check(arrays, str(path))
        shuffled = order(60_000)
        arrays = {name: array.astype(np.uint8) for name, array in arrays.items()}
        x, y = arrays["x_train"].reshape(-1, 28, 28), arrays["y_train"].reshape(-1)
        x, y = x[shuffled], y[shuffled].astype(np.int32)
        return Splits(
            Split(x[:50_000], y[:50_000]),
            Split(x[50_000:], y[50_000:]),
            Split(arrays["x_test"].reshape(-1, 28, 28), arrays["y_test"].astype(np.int32)),
        )


def _check(arrays: dict[str, np.ndarray], where: str) -> None:
    digest = hashlib.sha256()
    for name in FIELDS:
        digest.update(np.ascontiguousarray(arrays[name], dtype=np.uint8).tobytes())
    if digest.hexdigest() != DIGEST:
        raise LabError(
            f"{where} does not hold the 60,000 + 10,000 images of MNIST in their order; "
            "replace it with an unaltered copy"
        )
