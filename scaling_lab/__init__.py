"""scaling_lab: train grids of Flax models over parameters N, data D and compute C.

It offers what an experiment file needs: the names in `__all__` of the modules below, and every
model, dataset, learner and environment. Each name, and jax with it, is imported on first use.
"""

from __future__ import annotations

from .exports import Exports

EXPORTS = Exports(
    __name__,
    __file__,
    core=(
        "claim",
        "config",
        "engine.rerun",
        "engine.runner",
        "errors",
        "experiment",
        "grid",
        "lineage",
        "looks",
        "recipe",
        "registry",
        "selection",
        "snapshots",
        "storage.records",
        "sweeps",
    ),
    rooms=("models", "data", "learners", "environments"),
)
__getattr__, __dir__ = EXPORTS.get, EXPORTS.names
