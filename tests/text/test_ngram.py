"""The n-gram baseline against a worked example, a slow reference and real text."""

import math
from collections import Counter, defaultdict

import numpy as np
import pytest

from scaling_lab import LabError, Novels, Shakespeare
from scaling_lab.data import Tokens
from scaling_lab.text import ngram


def test_three_tokens_by_hand():
    """Bigrams on the text 0 0 1, which is too small to estimate discounts: 1/2, 1, 3/2.

    Different tokens before: 0 has two (the begin mark, 0), 1 has one. So
    p(0) = (2-1)/3 + (1+1/2)/3 / 2 = 7/12 and p(1) = 5/12. After 0 come 0 and 1:
    p(0|0) = (1-1/2)/2 + 1/2 7/12 = 13/24. The text begins with 0: 1/2 + 1/2 7/12 = 19/24. After 1
    comes nothing: p(0).
    """
    model = ngram.fit(np.array([0, 0, 1], np.uint8), vocabulary=2, order=2)
    found = model.probabilities(np.array([0, 0, 1, 0]))
    np.testing.assert_allclose(found, [19 / 24, 13 / 24, 11 / 24, 7 / 12])


def slow(train, text, vocabulary, order):
    """Modified Kneser-Ney, token by token and dictionary by dictionary."""
    begin = (vocabulary,) * (order - 1)
    stream = begin + tuple(train)
    counts = [Counter() for _ in range(order + 1)]
    for i in range(order - 1, len(stream)):
        counts[order][stream[i - order + 1 : i + 1]] += 1
    for n in range(order, 1, -1):
        counts[n - 1] = Counter(
            gram[1:] for gram in counts[n]
        )  # the number of different tokens before
    after = [defaultdict(list) for _ in range(order + 1)]
    taken = []
    for n in range(order + 1):
        for gram, count in counts[n].items():
            after[n][gram[:-1]].append(count)
        n1, n2, n3, n4 = (max(1e-9, list(counts[n].values()).count(k)) for k in (1, 2, 3, 4))
        y = n1 / (n1 + 2 * n2)
        found = (0, 1 - 2 * y * n2 / n1, 2 - 3 * y * n3 / n2, 3 - 4 * y * n4 / n3)
        usable = min(n1, n2, n3, n4) >= 1 and min(found) >= 0
        taken.append(found if usable else (0, 0.5, 1, 1.5))

    def p(gram):
        n = len(gram)
        if n == 0:
            return 1 / vocabulary
        seen = after[n][gram[:-1]]
        if not seen:
            return p(gram[1:])
        count = counts[n][gram]
        gamma = sum(taken[n][min(c, 3)] for c in seen) / sum(seen)
        return (count - taken[n][min(count, 3)]) / sum(seen) + gamma * p(gram[1:])

    whole = begin + tuple(text)
    return [p(whole[i : i + order]) for i in range(len(text))]


@pytest.fixture(scope="module")
def texts():
    """Two texts from one Markov chain over 12 tokens, one of which training lacks."""
    rng = np.random.default_rng(0)
    rows = rng.dirichlet(np.full(12, 0.15), 12)
    made = [0]
    for _ in range(2_000):
        made.append(rng.choice(12, p=rows[made[-1]]))
    train, test = np.array(made[:1_500]), np.array([*made[1_500:], 11, 11, 0])
    return train[train != 11], test


@pytest.mark.parametrize("order", [1, 2, 3, 5])
def test_it_matches_the_slow_reference(texts, order):
    train, test = texts
    fast = ngram.fit(train.astype(np.uint8), 12, order).probabilities(test.astype(np.uint8))
    np.testing.assert_allclose(fast, slow(train.tolist(), test.tolist(), 12, order), rtol=1e-12)


@pytest.mark.parametrize("order", [1, 2, 4])
def test_probabilities_sum_to_one_after_any_context(texts, order):
    train, test = texts
    model = ngram.fit(train, 12, order)
    for context in (
        [],
        [3],
        [11],
        [11, 11, 11, 11],
        *(test[i : i + 5].tolist() for i in range(20)),
    ):
        each = [model.probabilities(np.array([*context, w]))[-1] for w in range(12)]
        assert math.fsum(each) == pytest.approx(1, abs=1e-12)
        assert min(each) > 0


def test_discounts_match_chen_and_goodman():
    counts = np.repeat([1, 2, 3, 4, 9], [100, 40, 20, 10, 30])
    y = 100 / 180
    expected = [0, 1 - 2 * y * 0.4, 2 - 3 * y * 0.5, 3 - 4 * y * 0.5]
    np.testing.assert_allclose(ngram.discounts(counts), expected)
    np.testing.assert_array_equal(ngram.discounts(np.array([1, 1, 2])), ngram.FALLBACK)


def test_nats_and_bits_agree():
    ids = np.tile(np.arange(4, dtype=np.uint8), 300)
    found = ngram.score(ngram.fit(ids, 4), Tokens(ids, bytes=2 * len(ids)))
    assert found.nats < 0.05
    assert found.bits_per_byte == pytest.approx(found.nats / math.log(2) / 2)
    uniform = ngram.fit(np.random.default_rng(0).integers(0, 4, 40_000), 4)
    test = np.random.default_rng(1).integers(0, 4, 1_000)
    assert ngram.score(uniform, Tokens(test, 1_000)).bits_per_byte == pytest.approx(2, abs=0.05)


def test_bad_input_is_a_one_line_error():
    with pytest.raises(LabError, match="order is 0"):
        ngram.fit(np.array([1]), 2, order=0)
    with pytest.raises(LabError, match="the text is empty"):
        ngram.fit(np.array([], np.uint8), 2)


@pytest.mark.usefixtures("own_cache")
def test_longer_contexts_help_on_shakespeare():
    if Shakespeare().location() is None:
        pytest.skip("tiny Shakespeare is not available: set SCALING_LAB_DATA")
    splits = Shakespeare().load()
    nats = [
        ngram.score(ngram.fit(splits.train.ids, Shakespeare().spec.outputs, n), splits.valid).nats
        for n in (1, 2, 3, 5)
    ]
    assert nats == sorted(nats, reverse=True)
    assert nats[0] == pytest.approx(3.327, abs=0.05)  # the entropy of English letters and spaces
    assert nats[-1] == pytest.approx(1.6907, abs=0.001)


@pytest.mark.slow
@pytest.mark.usefixtures("own_cache")
def test_the_baseline_of_the_novels():
    if Novels().location() is None:
        pytest.skip("the novels are not available: set SCALING_LAB_DATA")
    splits = Novels().load()
    model = ngram.fit(splits.train.ids, Novels().spec.outputs)
    found = ngram.score(model, splits.test)
    assert found.nats == pytest.approx(1.3935, abs=0.001)
    assert found.bits_per_byte == pytest.approx(2.0104, abs=0.001)
