"""The finished runs of an experiment that kept their parameters."""

from __future__ import annotations

from pathlib import Path

from ..errors import LabError
from ..experiment import Experiment
from ..plan import PlannedRun, make
from ..storage.parameters import path
from ..storage.records import Store

SHOWN = 6  # runs that a message names


def runs(experiment: Experiment, results: Path, named: str = "") -> list[PlannedRun]:
    """The finished runs that kept their parameters, the smallest first.

    named: part of a run's name, or the beginning of its fingerprint. Raises LabError if none is.
    """
    folder = results / experiment.name
    plan = make(experiment.name, experiment.cells, Store(folder))
    done = [run for run in plan.runs if run.state == "done"]
    if not done:
        raise LabError(f"{folder} holds no finished run; scaling-lab run {experiment.name}")
    there = [run for run in done if path(folder, run.fingerprint).exists()]
    if not there:
        raise LabError(
            f"no run of {experiment.name} kept its parameters; let 'keep' in {experiment.file} ask "
            "for them, and train what is done already into another folder: "
            f"scaling-lab run {experiment.name} --results FOLDER"
        )
    there.sort(key=lambda run: (run.cost.parameters, run.name))
    wanted = [run for run in there if named in run.name or run.fingerprint.startswith(named)]
    if not wanted:
        raise LabError(
            f"no run of {experiment.name} with kept parameters is named '{named}'; "
            f"name one of {_short(there)}, or none at all"
        )
    return wanted


def _short(found: list[PlannedRun]) -> str:
    """Fingerprint and size of a few runs."""
    told = [f"{run.fingerprint} (N = {run.cost.parameters:,})" for run in found[:SHOWN]]
    more = len(found) - len(told)
    return ", ".join([*told, f"{more} more"] if more else told)
