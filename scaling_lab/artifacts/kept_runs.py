"""The finished runs of an experiment that kept their parameters."""

from __future__ import annotations

from pathlib import Path

from .. import sweeps
from ..errors import LabError
from ..experiment import Experiment
from ..plan import PlannedRun, make
from ..storage import parameters
from ..storage.records import Store

SHOWN = 6  # runs listed in an error message


def runs(experiment: Experiment, results: Path, named: str = "") -> list[PlannedRun]:
    """The finished runs that kept their parameters, those that sweeps added too, smallest first.

    named: part of a run's name or a prefix of its fingerprint. Raises LabError if no run matches.
    """
    folder = results / experiment.name
    store = Store(folder, experiment.name)
    experiment = sweeps.extended(experiment, store.survey(sweeps.metric_of(experiment)).rows)
    plan = make(experiment.name, experiment.cells, store)
    done = [run for run in plan.runs if run.state == "done"]
    if not done:
        raise LabError(f"{folder} holds no finished run; run: scaling-lab run {experiment.name}")
    there = parameters.kept(folder)
    kept = [run for run in done if run.fingerprint in there]
    if not kept:
        raise LabError(
            f"no run of {experiment.name} kept its parameters; select runs with 'keep' in "
            f"{experiment.file} and train them into another folder: "
            f"scaling-lab run {experiment.name} --results FOLDER"
        )
    kept.sort(key=lambda run: (run.cost.parameters, run.name))
    matching = [run for run in kept if named in run.name or run.fingerprint.startswith(named)]
    if not matching:
        raise LabError(
            f"no run of {experiment.name} with kept parameters is named '{named}'; "
            f"name one of {_short(kept)}, or leave the name out"
        )
    return matching


def _short(runs: list[PlannedRun]) -> str:
    """Fingerprint and size of the first few runs, and how many more there are."""
    shown = [f"{run.fingerprint} (N = {run.cost.parameters:,})" for run in runs[:SHOWN]]
    more = len(runs) - len(shown)
    return ", ".join([*shown, f"{more} more"] if more else shown)
