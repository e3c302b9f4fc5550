"""BLEU by sacrebleu, computed on text so that scores compare across tokenisers and papers.

Papineni et al. 2002 with the settings of Post 2018: n-grams up to 4, brevity penalty, tokenisation
"13a", case-sensitive, one reference a sentence.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..errors import LabError
from .pairs import END, PAD
from .tokenizers import Tokenizer


def bleu(translations: Sequence[str], references: Sequence[str]) -> float:
    """Corpus BLEU, 0 to 100. Raises LabError unless each translation has its reference."""
    import sacrebleu

    if len(translations) != len(references) or not references:
        raise LabError(
            f"{len(translations)} translations and {len(references)} references; give at least one "
            "translation, each with one reference"
        )
    return float(sacrebleu.corpus_bleu(list(translations), [list(references)]).score)


def sentences(tokenizer: Tokenizer, ids: np.ndarray) -> list[str]:
    """The text of each row of ids, up to its first END or PAD."""
    return [tokenizer.decode(row[: _length(row)]) for row in np.asarray(ids)]


def _length(row: np.ndarray) -> int:
    stops = np.flatnonzero((row == END) | (row == PAD))
    return int(stops[0]) if len(stops) else len(row)
