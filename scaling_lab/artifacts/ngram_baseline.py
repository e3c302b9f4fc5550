"""The classical baseline of an experiment on text: n-grams trained on as much text as its models.

    results/EXPERIMENT/baselines.csv      name, D, L: nats a token

They are evaluated on the same tokens as the models. A model starts each block of tokens without
context; an n-gram also sees the tokens before the block.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd

from .. import registry
from ..config import Run
from ..errors import LabError
from ..experiment import Experiment
from ..learners.language import Language
from ..stream import streams
from ..text import ngram


def score_experiment(experiment: Experiment, order: int = 5) -> Iterator[tuple[int, float]]:
    """D and test loss (nats a token) of an n-gram, for each D that the experiment's runs see.

    Raises LabError for an experiment that trains no language models.
    """
    runs = [cell.run for cell in experiment.cells]
    if not all(isinstance(run.learner, Language) for run in runs):
        raise LabError(
            f"{experiment.name} trains no language models, so n-grams are not a baseline for it; "
            "name an experiment whose learner is Language"
        )
    data = {run.learner.cost(run).seen(run.D, run.steps) for run in runs}
    yield from score_run(runs[0], sorted(data), order)


def score_run(run: Run, data: Sequence[int], order: int = 5) -> Iterator[tuple[int, float]]:
    """Each D of `data` with the loss of an n-gram on the test tokens that `run` is evaluated on.

    The n-gram learns from the blocks that a run with D training tokens sees.
    """
    if streams(run.data):
        raise LabError(
            f"n-grams are fitted in memory and {registry.name_of(run.data)} streams its text; "
            "take a source that does not, such as text"
        )
    splits = run.data.load()
    learner = run.learner
    assert isinstance(learner, Language)
    chosen = learner.evaluated(splits.test)
    for D in data:
        ids = learner.learnt(splits.train, D, run.data_seed)
        model = ngram.fit(ids, run.data.tokenizer().size, order)
        yield D, -float(np.log(model.probabilities(splits.test.ids)[chosen]).mean())


def table(scores: Sequence[tuple[int, float]], order: int = 5) -> pd.DataFrame:
    """The scores as a table with columns name, D and L, as in baselines.csv."""
    rows = [{"name": f"{order}-gram", "D": D, "L": loss} for D, loss in scores]
    return pd.DataFrame(rows)
