"""The classical baseline of an experiment on text: n-grams with as much text as its models had.

    results/EXPERIMENT/baselines.csv      name, D, L: nats a token

They are judged on the very tokens that the models are; but a model begins each block of them with
no context and an n-gram knows what stood before.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd

from ..config import Run
from ..errors import LabError
from ..experiment import Experiment
from ..learners.language import Language
from ..text import ngram


def of(experiment: Experiment, order: int = 5) -> Iterator[tuple[int, float]]:
    """D and loss of an n-gram, nats a token, for each D that the experiment's runs see.

    Raises LabError for an experiment that trains no language models.
    """
    runs = [cell.run for cell in experiment.cells]
    if not all(isinstance(run.learner, Language) for run in runs):
        raise LabError(
            f"{experiment.name} trains no language models, of which n-grams are the baseline; "
            "name an experiment whose learner is Language"
        )
    data = {run.learner.cost(run).seen(run.D, run.steps) for run in runs}
    yield from scores(runs[0], sorted(data), order)


def scores(run: Run, data: Sequence[int], order: int = 5) -> Iterator[tuple[int, float]]:
    """For each D the loss of an n-gram on the test tokens of a language model's run.

    It learns from the blocks that a run of so many training tokens sees.
    """
    splits = run.data.load()
    chosen = run.learner.evaluated(splits.test)
    for D in data:
        ids = run.learner.learnt(splits.train, D)
        model = ngram.fit(ids, run.data.tokenizer().size, order)
        yield D, -float(np.log(model.probabilities(splits.test.ids)[chosen]).mean())


def table(found: Sequence[tuple[int, float]], order: int = 5) -> pd.DataFrame:
    """What `scores` gave, as the figures take it."""
    rows = [{"name": f"{order}-gram", "D": D, "L": loss} for D, loss in found]
    return pd.DataFrame(rows)
