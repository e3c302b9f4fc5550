"""Expected risk of one-pass SGD on a linear model with Gaussian inputs, exact at every step.

In the eigenbasis of the inputs' covariance, with eigenvalues l_j, m_j = E (theta_j - theta*_j)^2
obeys (Paquette et al. 2024, "4+3 phases of compute-optimal neural scaling laws", section 2)

    m_j <- m_j (1 - 2 g l_j + g^2 l_j^2 (1 + 1/B)) + (g^2/B) l_j (sum_i l_i m_i + floor)

with g the step along (y - f) x, B the batch size and floor the error of theta*. The map is affine,
m <- A m + c with A = diag + (g^2/B) l l' symmetric, so one eigendecomposition gives every step.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from scaling_lab.errors import LabError

VARIABLES = ("N", "steps", "batch_size", "learning_rate", "epochs")
FEW = 1e-6  # passes beyond 1 that are rounding


class Risk:
    """step -> expected squared error, from theta = 0.

    eigenvalues, start: l_j and m_j(0), float64 [features]. Raises LabError if the risk diverges.
    """

    def __init__(
        self, eigenvalues: np.ndarray, start: np.ndarray, floor: float, g: float, batch_size: float
    ) -> None:
        noise = g**2 / batch_size
        matrix = noise * np.outer(eigenvalues, eigenvalues)
        matrix[np.diag_indices_from(matrix)] += (1 - g * eigenvalues) ** 2
        matrix[np.diag_indices_from(matrix)] += noise * eigenvalues**2
        self.values, vectors = np.linalg.eigh(matrix)
        if self.values[-1] >= 1:
            raise LabError(
                f"one-pass SGD of {len(eigenvalues)} features in batches of {batch_size:g} "
                f"diverges at a learning rate of {g / 2:g}; give a smaller one"
            )
        self.start = vectors.T @ start
        self.driven = noise * floor * (vectors.T @ eigenvalues)
        self.read, self.floor = vectors.T @ eigenvalues, floor

    def __call__(self, steps: float) -> float:
        power = self.values**steps
        driven = self.driven * (1 - power) / (1 - self.values)
        return float(self.read @ (power * self.start + driven)) + self.floor


def over_points(
    columns: Mapping[str, np.ndarray],
    spectrum: Callable[..., tuple[np.ndarray, np.ndarray, float]],
    *further: str,
) -> np.ndarray:
    """The expected risk at points given by the columns VARIABLES.

    spectrum: number of features, and whole numbers of the `further` columns -> eigenvalues, m(0),
    floor. Raises LabError for runs of several passes.
    """
    require(columns)
    names = ("steps", "batch_size", "learning_rate", "N", *further)
    points = np.stack(np.broadcast_arrays(*(columns[name] for name in names)), -1)
    known: dict[tuple[float, ...], Risk] = {}
    found = []
    for steps, *setting in points.reshape(-1, len(names)):
        batch_size, rate, *features = setting
        if (key := tuple(setting)) not in known:
            # The gradient of the squared error is twice that of the recursion.
            known[key] = Risk(*spectrum(*map(round, features)), 2 * rate, batch_size)
        found.append(known[key](steps))
    return np.reshape(found, points.shape[:-1])


def require(columns: Mapping[str, np.ndarray]) -> None:
    """Raise LabError unless every run reads each of its examples once."""
    epochs = np.asarray(columns["epochs"])
    if (several := epochs > 1 + FEW).any():
        raise LabError(
            f"this theory is of one pass over the data and a run makes {epochs[several][0]:g}; "
            "give D of at least steps x batch_size"
        )
