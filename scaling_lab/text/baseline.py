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
from ..learners.language import Language
from . import ngram


def scores(run: Run, data: Sequence[int], order: int = 5) -> Iterator[tuple[int, float]]:
    """For each D the loss of an n-gram on the run's test tokens, nats a token.

    It learns from the blocks that a run of so many training tokens sees. Raises LabError for a run
    that is not of a language model.
    """
    if not isinstance(run.learner, Language):
        raise LabError("n-grams are a baseline of language models; this experiment has another")
    splits = run.data.load()
    chosen = run.learner.judged(splits.test)
    for D in data:
        ids = run.learner.learnt(splits.train, D)
        model = ngram.fit(ids, run.data.tokenizer().size, order)
        yield D, -float(np.log(model.probabilities(splits.test.ids)[chosen]).mean())


def table(found: Sequence[tuple[int, float]], order: int = 5) -> pd.DataFrame:
    """What `scores` gave, as the figures take it."""
    rows = [{"name": f"{order}-gram", "D": D, "L": loss} for D, loss in found]
    return pd.DataFrame(rows)
