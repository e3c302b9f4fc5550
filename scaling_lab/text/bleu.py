"""BLEU of translations by sacrebleu, so that numbers compare: on text, with its own tokenisation.

Papineni et al. 2002 as Post 2018 settled it: n-grams to 4, brevity penalty, tokenisation "13a",
case counts, one reference a sentence.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..errors import LabError
from .pairs import END, PAD
from .tokenizers import Tokenizer


def bleu(translations: Sequence[str], references: Sequence[str]) -> float:
    """Corpus BLEU, 0 to 100. Raises LabError unless there is a reference for each translation."""
    import sacrebleu

    if len(translations) != len(references) or not references:
        raise LabError(
            f"{len(translations)} translations and {len(references)} references; give one "
            "reference for each, and one or more"
        )
    return float(sacrebleu.corpus_bleu(list(translations), [list(references)]).score)


def sentences(tokenizer: Tokenizer, ids: np.ndarray) -> list[str]:
    """The text of each row of ids, up to its END."""
    return [tokenizer.decode(row[: _length(row)]) for row in np.asarray(ids)]


def _length(row: np.ndarray) -> int:
    stops = np.flatnonzero((row == END) | (row == PAD))
    return int(stops[0]) if len(stops) else len(row)
