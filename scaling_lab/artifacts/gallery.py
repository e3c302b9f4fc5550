"""Pictures of an experiment's trained generative models, for its report.

    results/EXPERIMENT/pictures.npz      KIND|MODEL|N -> array

A generative learner has `shown(run, params, count, seed)`, which gives arrays of pixels from 0 to
1, (rows, columns, height, width[, colours]), under the names `samples`, `reconstructions` (first
row: what was to be encoded) and `interpolations`; and perhaps a `map` (points, 2) of the latent
space with the `classes` of its points.
"""

from __future__ import annotations

import io
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from .. import config, registry
from ..errors import LabError
from ..experiment import Experiment
from ..plan import PlannedRun
from ..storage import parameters
from ..storage.atomic import write_whole
from ..storage.records import Store
from . import kept_runs

FILE = "pictures.npz"


def make(
    experiment: Experiment,
    results: Path,
    count: int = 10,
    seed: int = 0,
    say: Callable[[str], None] = lambda line: None,
) -> Path:
    """Show what trained models make, `count` pictures a row; give the file.

    Of the runs of one model and N that kept their parameters it is the one of the best objective,
    on validation data.
    Raises LabError if there is none, or if its learner makes no pictures.
    """
    if count < 2:
        raise LabError(f"count is {count}; give 2 pictures a row or more")
    found: dict[str, Any] = {}
    folder = results / experiment.name
    for cell in experiment.cells:
        if not hasattr(cell.run.learner, "shown"):
            learner = registry.name_of(cell.run.learner)
            raise LabError(
                f"learner {learner} of {experiment.name} makes no pictures; name an experiment "
                "whose learner is generative"
            )
    for name, planned in _best(kept_runs.runs(experiment, results), folder).items():
        run = planned.cell.run
        say(planned.name)
        params = parameters.load(folder, planned.fingerprint)
        for kind, array in run.learner.shown(run, params, count, seed).items():
            found[f"{kind}|{name}"] = np.asarray(array, np.float32)
    buffer = io.BytesIO()
    # A grey value in 256 is what a page can show.
    small = {
        name: np.round(255 * array).astype(np.uint8) if array.ndim > 2 else array
        for name, array in found.items()
    }
    np.savez_compressed(buffer, **small)
    write_whole(folder / FILE, buffer.getvalue())
    return folder / FILE


def _best(runs: list[PlannedRun], folder: Path) -> dict[str, PlannedRun]:
    """MODEL|N -> the run of it that came out best."""
    table = Store(folder).runs().set_index("run")
    found: dict[str, tuple[float, PlannedRun]] = {}
    for planned in runs:
        run, flat = planned.cell.run, config.flat(planned.cell.run)
        side = f" {flat['learner.side']}" if "learner.side" in flat else ""
        name = f"{flat['model']}{side}|{planned.cost.parameters}"
        loss = float(table.loc[planned.name, f"best_{run.learner.objective}"])
        loss = math.inf if math.isnan(loss) else loss
        loss = -loss if run.learner.direction == "max" else loss
        if name not in found or loss < found[name][0]:
            found[name] = loss, planned
    return {name: planned for name, (_, planned) in found.items()}
