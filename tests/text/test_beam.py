"""Beam search against exhaustive search, greedy search, and batching."""

import functools
import itertools
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from scaling_lab.text import beam
from scaling_lab.text.pairs import BEGIN, END, PAD

VOCABULARY, LENGTH = 6, 4  # PAD, BEGIN, END and three words
WORDS = range(3, VOCABULARY)


def language(seed):
    """Logits of the next token given the last two, (V, V, V)."""
    return 2 * jax.random.normal(jax.random.key(seed), (VOCABULARY,) * 3)


def extend_by(table_BVVV):
    """A model whose cache is each sentence's table and its token before the last."""

    def extend(ids_BT, cache):
        (last_B,) = ids_BT.T
        table, before = cache
        logits = table[jnp.arange(len(table)), before, last_B]
        return logits[:, None], (table, last_B)

    return extend, (table_BVVV, jnp.full(len(table_BVVV), PAD))


@functools.cache
def searcher(beams, alpha):
    def search(tables):
        extend, cache = extend_by(tables)
        return beam.search(extend, cache, LENGTH, beams=beams, alpha=alpha)

    return jax.jit(search)


def found(tables, beams, alpha=beam.ALPHA):
    return searcher(beams, alpha)(jnp.stack(tables))


def log_probability(table, sentence):
    logs = np.asarray(jax.nn.log_softmax(table))
    before, total = (PAD, BEGIN), 0.0
    for token in sentence:
        total += logs[(*before, token)]
        before = (before[1], token)
    return total


def every():
    """All sentences of at most LENGTH tokens, each ended by END."""
    for words in range(LENGTH):
        for sentence in itertools.product(WORDS, repeat=words):
            yield (*sentence, END)


@pytest.mark.parametrize("alpha", [0.0, beam.ALPHA, 1.0])
@pytest.mark.parametrize("seed", range(3))
def test_enough_beams_find_the_best_sentence(seed, alpha):
    def score(sentence):
        normal = ((5 + len(sentence)) / 6) ** alpha
        return log_probability(language(seed), sentence) / normal

    best = max(every(), key=score)
    ids, value = found([language(seed)], beams=64, alpha=alpha)
    assert ids[0].tolist() == [*best, *[PAD] * (LENGTH - len(best))]
    assert float(value[0]) == pytest.approx(score(best), rel=1e-5)


@pytest.mark.parametrize("seed", range(5))
def test_one_beam_is_greedy(seed):
    logs = np.asarray(jax.nn.log_softmax(language(seed)))
    before, sentence = (PAD, BEGIN), []
    while len(sentence) < LENGTH and END not in sentence:
        allowed = [END, *WORDS] if len(sentence) < LENGTH - 1 else [END]
        token = max(allowed, key=lambda t: logs[(*before, t)])
        sentence.append(token)
        before = (before[1], token)
    (ids,), _ = found([language(seed)], beams=1)
    assert ids.tolist() == [*sentence, *[PAD] * (LENGTH - len(sentence))]


def test_more_beams_are_no_worse():
    tables = [language(seed) for seed in range(20)]
    least, some, most = (float(found(tables, beams=k).score.mean()) for k in (1, 3, 64))
    assert least < some < most


def test_a_batch_gives_the_same_as_single_sentences():
    tables = [language(seed) for seed in range(4)]
    ids, scores = found(tables, beams=3)
    for i, table in enumerate(tables):
        alone = found([table], beams=3)
        np.testing.assert_array_equal(ids[i], alone.ids[0])
        assert float(scores[i]) == pytest.approx(float(alone.score[0]), rel=1e-5)


def test_normalisation_favours_length():
    """A word and END have probability 1/2 each: the shortest wins unless length is normalised."""
    logits = jnp.full((VOCABULARY,) * 3, -1e9).at[:, :, END].set(0.0).at[:, :, 3].set(0.0)
    assert float(found([logits], beams=8, alpha=0.0).score[0]) == pytest.approx(-math.log(2))
    ids, _ = found([logits], beams=8, alpha=4.0)
    assert ids[0].tolist() == [3, 3, 3, END]
