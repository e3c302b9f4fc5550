"""Samples of the finished runs of an experiment that kept their parameters."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from .. import config, kept, models
from ..errors import LabError
from ..experiment import Experiment
from ..learners.language import Language
from ..plan import Planned, make
from ..records import Store
from . import sampling


def of(
    experiment: Experiment,
    results: Path,
    named: str,
    prompt: str,
    length: int,
    count: int,
    **how: Any,
) -> Iterator[dict[str, Any]]:
    """Model, N, D, run and text of each sample, the smallest model first.

    named: part of the run's name, or the beginning of its fingerprint. how: as `sampling.sample`
    takes it. Raises LabError if there is nothing to sample from, or no way.
    """
    sampling.check(length, count, how.get("temperature", 1.0), how.get("top_p", 1.0))
    if not isinstance(experiment.base.learner, Language):
        raise LabError(f"{experiment.name} trains no language models; sample from one that does")
    folder = results / experiment.name
    for planned in kept_runs(experiment, results, named):
        run = planned.cell.run
        models.expect(run.model, "tokens", "language")
        tokenizer = run.data.tokenizer()
        made = sampling.sample(
            run.model.network(run.learner.spec(run).outputs),
            kept.load(folder, config.fingerprint(run)),
            tokenizer.encode(prompt),
            length,
            run.learner.context,
            count=count,
            **how,
        )
        for ids in made:
            yield {
                "model": config.flat(run)["model"],
                "N": planned.cost.parameters,
                "D": run.D,
                "run": planned.name,
                "text": tokenizer.decode(ids),
            }


def kept_runs(experiment: Experiment, results: Path, named: str = "") -> list[Planned]:
    """The finished runs that kept their parameters, the smallest first.

    named: part of a run's name, or the beginning of its fingerprint. Raises LabError if none is.
    """
    folder = results / experiment.name
    plan = make(experiment.name, experiment.cells, Store(folder))
    done = [run for run in plan.runs if run.state == "done"]
    if not done:
        raise LabError(f"{folder} holds no finished run; scaling-lab run {experiment.name}")
    there = [run for run in done if kept.path(folder, run.fingerprint).exists()]
    wanted = [run for run in there if named in run.name or run.fingerprint.startswith(named)]
    if not wanted:
        names = ", ".join(run.name for run in there[:3]) or "none"
        raise LabError(
            f"no run of {experiment.name} with kept parameters is named '{named}'; kept: {names}"
        )
    return sorted(wanted, key=lambda run: (run.cost.parameters, run.name))
