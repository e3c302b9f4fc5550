"""Samples of the finished runs of an experiment that kept their parameters."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from .. import config, models
from ..errors import LabError
from ..experiment import Experiment
from ..learners.language import Language
from ..storage import parameters
from ..text import sampling
from . import kept_runs


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
    for planned in kept_runs.runs(experiment, results, named):
        run = planned.cell.run
        models.expect(run.model, "tokens", "language")
        tokenizer = run.data.tokenizer()
        made = sampling.sample(
            run.model.network(run.learner.spec(run).outputs),
            parameters.load(folder, config.fingerprint(run)),
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
