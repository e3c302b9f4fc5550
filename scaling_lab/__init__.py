"""scaling_lab: train grids of Flax models over parameters N, data D and compute C.

The names an experiment needs are here: those in `__all__` of the modules below, and every model,
dataset, learner and environment. Each is imported, and jax with it, when it is first used.
"""

from __future__ import annotations

from .exports import Exports

EXPORTS = Exports(
    __name__,
    __file__,
    core=(
        "claim",
        "config",
        "engine.runner",
        "errors",
        "experiment",
        "grid",
        "recipe",
        "registry",
        "storage.records",
    ),
    rooms=("models", "data", "learners", "environments"),
)
__getattr__, __dir__ = EXPORTS.get, EXPORTS.names
