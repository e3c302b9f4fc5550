"""Looks: the error that they spend is 5% in all, however many of them are taken."""

import itertools

import numpy as np
import pytest
from scipy import special

from scaling_lab import LabError, Looks
from scaling_lab.cli import until_decided
from scaling_lab.registration import path
from scaling_lab.registration.texts import Texts


@pytest.mark.parametrize("spending", ["pocock", "obrien_fleming"])
def test_the_parts_of_the_error_add_up(spending):
    looks = Looks(budget=1, spending=spending)
    for count in range(1, 5):
        for taken in itertools.combinations(looks.shares, count):
            ends = (0.0, *taken)
            parts = [1 - looks.level(b, a) for a, b in itertools.pairwise(ends)]
            assert min(parts) > 0
            assert sum(parts) == pytest.approx(looks.spent(taken[-1]))
            assert looks.spent(taken[-1]) <= 0.05 + 1e-12
    assert looks.spent(1) == pytest.approx(0.05)


def misled(looks, steps=20, points=401):
    """How often some interval misses, if every look is timed to make it do so.

    The estimate is a Brownian motion over its time. After each look, whoever knows it picks the
    time of the next, at the next registered share or later: dynamic programming from the end.
    """
    b = np.linspace(-5, 5, points)
    times = [round((i + 1) / steps, 9) for i in range(steps)]

    def missed(now, before):
        end = special.ndtri(0.5 + looks.level(now, before) / 2) * np.sqrt(now)
        return np.clip((np.abs(b) - end) / (b[1] - b[0]) + 0.5, 0, 1)

    def moved(start, by):
        weight = np.exp(-0.5 * ((b - start) / np.sqrt(by)) ** 2)
        return weight / weight.sum(axis=-1, keepdims=True)

    after = {1.0: np.zeros(points)}
    for now in reversed([0.0, *times[:-1]]):
        first = min(share for share in looks.shares if share > now)
        start = b[:, None] if now else np.zeros((1, 1))
        ways = []
        for then in (time for time in times if time >= first):
            miss = missed(then, now)
            ways.append(moved(start, then - now) @ (miss + (1 - miss) * after[then]))
        after[now] = np.max(ways, axis=0)
    return float(after[0.0][0])


@pytest.mark.parametrize(
    ("looks", "most"),
    [
        (Looks(budget=1), 0.051),
        (Looks(budget=1, spending="obrien_fleming"), 0.051),
        (Looks(budget=1, shares=tuple(i / 10 for i in range(1, 11))), 0.053),
    ],
)
def test_looks_that_are_timed_by_results_mislead_little(looks, most):
    assert 0.0499 < misled(looks) < most


def test_looks_without_spending_would_mislead():
    class Naive(Looks):
        def level(self, share, before=0.0):
            return 0.95

    assert misled(Naive(budget=1)) > 0.1


def test_obrien_and_fleming_spend_little_at_first():
    # Lan & DeMets 1983, two-sided 5%: z 4.33 and 2.97 after a quarter and a half of the data.
    spent = Looks(budget=1, spending="obrien_fleming").spent
    assert spent(0.25) == pytest.approx(8.86e-5, rel=0.01)
    assert spent(0.5) == pytest.approx(0.00557, rel=0.01)


def test_a_look_is_due_once_its_share_is_spent():
    looks = Looks(budget=100)
    assert looks.due(24) is None
    assert looks.due(25) == 0.25
    assert looks.due(30, before=0.25) is None
    assert looks.due(80, before=0.25) == 0.75  # two shares, one look


@pytest.mark.parametrize(
    "wrong", [{"shares": (0.5,)}, {"shares": (0.5, 0.5, 1)}, {"budget": 0}, {"unit": "h"}]
)
def test_looks_that_make_no_sense_are_refused(wrong):
    with pytest.raises(LabError):
        Looks(**{"budget": 1, **wrong})


def test_looks_are_part_of_what_is_registered():
    without, with_looks = Texts("q", "p", ()), Texts("q", "p", (), {"budget": 1})
    assert without.digest == Texts("q", "p", (), None).digest != with_looks.digest


def test_a_share_is_looked_at_once_and_the_chain_shows_changes(tmp_path):
    one = path.Look(share=0.5, spent=5, rows=4, level=0.98, claims=({"name": "a", "word": "held"},))
    path.append(tmp_path, one)
    with pytest.raises(LabError, match="50% of the budget was taken"):
        path.append(tmp_path, one)
    path.append(tmp_path, path.Look(share=1, spent=9, rows=8, level=0.98, claims=()))
    assert [look.share for look in path.read(tmp_path).looks] == [0.5, 1]
    assert path.read(tmp_path).broken == ()
    file = tmp_path / path.LOOKS
    file.write_text(file.read_text().replace("held", "fell"))
    assert path.read(tmp_path).broken == ("the chain of looks.jsonl is broken at line 2",)


def test_a_budget_has_a_unit():
    assert until_decided.budget("1e14") == (1e14, "FLOP")
    assert until_decided.budget("600s") == (600, "s")
    for wrong in ("", "much", "0", "6h", "1.2.3"):
        with pytest.raises(LabError, match="--budget"):
            until_decided.budget(wrong)
