"""An ordering compares cell by cell."""

import numpy as np
import pandas as pd

from scaling_lab.analysis.claims import ordering
from scaling_lab.analysis.claims.contrast import named
from scaling_lab.analysis.claims.verdict import HELD, REFUTED
from scaling_lab.analysis.experiment_tables import Tables

SIDES = {"where": "N == 1000 and D >= 60", "against": "N == 10 and D >= 60"}


def tables(large_at_600: float) -> Tables:
    """Two sizes at three D, four seeds each: the larger one is ahead by 0.1, except at D = 600."""
    noise = np.random.default_rng(0)
    rows = [
        {"N": n, "D": d, "steps": 100, "seed": seed, "status": "done"}
        | {"best_test_loss": loss + noise.normal(0, 0.005)}
        for n in (10, 1000)
        for d in (60, 600, 6000)
        for seed in range(4)
        for loss in [2 / d**0.2 - (0.1 if n == 1000 else 0.0)]
    ]
    frame = pd.DataFrame(rows)
    frame.loc[(frame["N"] == 1000) & (frame["D"] == 600), "best_test_loss"] += large_at_600
    return Tables(frame, frame, frame.iloc[:0], families=frame)


def claim(**sides: str) -> dict:
    return {
        "kind": "ordering",
        "name": "x",
        "loss": "best_test_loss",
        "at": {},
        "options": {},
    } | sides


def test_a_clause_that_both_sides_share_tells_no_cells_apart():
    assert named(SIDES) == {"N"}
    verdict = ordering.evaluate(claim(**SIDES), tables(0.0), {}, {})
    assert verdict.word == HELD
    assert verdict.support is not None
    assert len(verdict.support.cells) == 6


def test_one_cell_behind_refutes():
    verdict = ordering.evaluate(claim(**SIDES), tables(0.3), {}, {})
    assert verdict.word == REFUTED
    assert "D = 600" in verdict.quantity


def test_a_verdict_names_the_pairs_it_rests_on():
    """A reader must see at which D both sizes were trained; what all pairs share is left out."""
    verdict = ordering.evaluate(claim(**SIDES), tables(0.0), {}, {})
    assert "all 3 pairs of cells (D = 60, 600 and 6000)" in verdict.why
    pairs = [f"N = {n}, D = {d}" for n in (1, 2) for d in (3, 4)]
    assert ordering.listed(pairs[:2]) == "D = 3 and 4"
    assert ordering.listed(pairs) == "; ".join(f"{p}" for p in pairs[:3]) + f" and {pairs[3]}"
    assert ordering.listed(["D = 5"]) == "D = 5"
    assert ordering.listed([f"D = {d}" for d in range(12)]).endswith("7 and 4 more")
