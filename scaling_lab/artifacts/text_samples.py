"""Text sampled from an experiment's language models, from their kept parameters."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

from .. import config, models
from ..errors import LabError
from ..experiment import Experiment
from ..learners.language import Language
from ..storage import parameters
from ..text import sampling
from . import kept_runs


def generate(
    experiment: Experiment,
    results: Path,
    named: str,
    prompt: str,
    length: int,
    count: int,
    **options: Any,
) -> Iterator[dict[str, Any]]:
    """Rows with model, N, D, run and text, smallest model first.

    named: part of a run's name or a prefix of its fingerprint. length: tokens. options: the
    keyword arguments of `sampling.sample`. Raises LabError for impossible options, or if no run
    has kept parameters to sample from.
    """
    sampling.check(length, count, options.get("temperature", 1.0), options.get("top_p", 1.0))
    if not isinstance(experiment.base.learner, Language):
        raise LabError(f"{experiment.name} trains no language models; name an experiment that does")
    folder = results / experiment.name
    for planned in kept_runs.runs(experiment, results, named):
        run = planned.cell.run
        models.expect(run.model, "tokens", "language")
        learner = cast(Language, run.learner)
        tokenizer = run.data.tokenizer()
        samples = sampling.sample(
            run.model.network(learner.spec(run).outputs),
            parameters.load(folder, config.fingerprint(run)),
            tokenizer.encode(prompt),
            length,
            learner.context,
            count=count,
            **options,
        )
        for ids in samples:
            yield {
                "model": config.flat(run)["model"],
                "N": planned.cost.parameters,
                "D": run.D,
                "run": planned.name,
                "text": tokenizer.decode(ids),
            }
