"""The best rate against width: known slopes are found, and a sweep that is too short is refused."""

import json

import numpy as np
import pandas as pd
import pytest

from scaling_lab.analysis import experiment_tables, figures, studies
from scaling_lab.analysis.claims import evaluate
from scaling_lab.analysis.studies import mup_optimum
from scaling_lab.errors import LabError, NotApplicable

WIDTHS = (32, 64, 128, 256, 512, 1024)
SLOPES = {"standard": -0.8, "mup": 0.05}
CLAIM = {
    "kind": "parameter",
    "name": "muP",
    "law": "mup_optimum",
    "parameter": "mlp.mup",
    "low": -0.2,
    "high": 0.2,
    "quantity": 0.4,
    "gate": {"equivalence": 0.5},
    "reason": "half of the other slope",
    "loss": "best_test_loss",
}


def swept(seeds=4, noise=0.02, bend=0.0, reach=12):
    """Sweeps in half octaves whose loss is a parabola about a best rate that is a power of width.

    noise: of log2 of the best rate of a seed at a width. bend: of the law, at the middle widths.
    """
    random = np.random.default_rng(0)
    runs = []
    for name, slope in SLOPES.items():
        for width in WIDTHS:
            x = np.log2(width / WIDTHS[0])
            law = -5 + slope * x + bend * x * (5 - x)
            for seed in range(seeds):
                best = law + noise * random.standard_normal()
                for half in range(round(2 * law) - reach // 2, round(2 * law) + reach // 2 + 1):
                    loss = np.exp(0.1 * (half / 2 - best) ** 2)
                    runs.append(
                        {"model": "mlp", "model.parametrization": name, "model.width": width}
                        | {"seed": seed, "learning_rate": 2.0 ** (half / 2), "status": "done"}
                        | {"N": 2 * width**2, "D": 1000, "steps": 100, "best_step": 100}
                        | {"best_valid_loss": loss, "best_test_loss": loss}
                    )
    frame = pd.DataFrame(runs)
    frame["run"] = [f"run {i}" for i in range(len(frame))]
    return frame


def tables(frame):
    families = {"model.parametrization": "standard"}
    return experiment_tables.tables(frame, pd.DataFrame(), families=families)


def test_known_slopes_are_found_within_their_intervals():
    found = mup_optimum.analyse(tables(swept()))
    for name, slope in (SLOPES | {"difference": 0.85}).items():
        one = found.params[f"mlp.{name}"]
        assert one.low < slope < one.high
        assert one.high - one.low < 0.1
    json.dumps(found.card(), allow_nan=False)


def test_intervals_hold_the_truth_as_often_as_they_say():
    """Of noise that seeds share over the widths, and of noise that they do not."""
    random = np.random.default_rng(1)
    x = np.log2(WIDTHS)
    held = []
    for shared in (0.0, 1.0):
        for _ in range(200):
            own = (1 - shared) * random.standard_normal((5, 6))
            tilt = shared * random.standard_normal((5, 1)) * (x - x.mean()) / 3
            best = pd.DataFrame(0.3 * x + 0.1 * (own + tilt), columns=WIDTHS)
            one = mup_optimum.slope(best)
            held.append(one.low < 0.3 < one.high)
    assert np.mean(held[:200]) > 0.93
    assert np.mean(held[200:]) > 0.91


def test_a_law_that_bends_has_a_wide_interval():
    straight, bent = (mup_optimum.analyse(tables(swept(bend=b))) for b in (0.0, 0.1))
    one, other = (found.params["mlp.mup"] for found in (straight, bent))
    assert other.high - other.low > 4 * (one.high - one.low)


def test_a_claim_about_it_passes_the_gate_with_levels_seeds_and_a_margin():
    made = tables(swept())
    found = {"mup_optimum": studies.attempt(mup_optimum, made)}
    verdict = evaluate(CLAIM, made, {}, found, {"choose": ["learning_rate"]})
    assert verdict.word == "held", (verdict.why, verdict.gate)
    lines = {line.name: line for line in verdict.gate}
    assert lines["levels"].found == "6 of width"
    assert lines["clusters"].found == "24"
    assert lines["margin"].found.startswith("25%")
    small = evaluate({**CLAIM, "gate": {}}, made, {}, found, {})
    assert small.word == "insufficient"
    assert "margin" in small.why


def test_two_widths_or_one_seed_are_too_few():
    frame = swept()
    for few in (frame[frame["model.width"] < 100], frame[frame["seed"] == 0]):
        with pytest.raises(LabError, match="needs three widths and two seeds"):
            mup_optimum.analyse(tables(few))


def test_a_sweep_that_ends_at_its_best_rate_is_named():
    frame = swept()
    wide = (frame["model.width"] == 1024) & (frame["model.parametrization"] == "standard")
    cut = frame[~wide | (frame["learning_rate"] < 2.0**-9)]
    with pytest.raises(LabError, match=r"mlp under standard at width 1024 .* lies above its sweep"):
        mup_optimum.analyse(tables(cut))


def test_a_family_without_enough_sweeps_does_not_hide_the_others():
    frame = swept()
    few = frame[frame["model.width"] < 40].assign(model="transformer")
    both = pd.concat([frame, few.assign(run="t" + few["run"])], ignore_index=True)
    found = mup_optimum.analyse(tables(both))
    assert set(found.params) == {"mlp.mup", "mlp.standard", "mlp.difference"}
    assert set(found.sweeps["family"]) == {"mlp"}
    assert "needs three widths" in found.card()["without"][0]


def test_runs_of_one_parametrisation_have_no_such_study():
    frame = swept()
    for one in (
        frame[frame["model.parametrization"] == "mup"],
        frame.drop(columns="model.parametrization"),
    ):
        with pytest.raises(NotApplicable, match="these runs have one"):
            mup_optimum.analyse(tables(one))


def test_the_figure_has_a_panel_for_each_parametrisation_and_a_dot_at_each_optimum():
    made = tables(swept())
    found = mup_optimum.analyse(made)
    drawn = figures.get("width_transfer").draw(made, {}, {"mup_optimum": found})
    drawn.draw_without_rendering()
    left, right = drawn.axes
    assert "standard: slope -0.8" in left.get_title()
    assert "muP: slope 0.0" in right.get_title()
    for panel, slope in zip((left, right), SLOPES.values(), strict=True):
        dots = [line for line in panel.lines if line.get_marker() == "o"]
        at = np.log2([float(dot.get_xdata()[0]) for dot in dots])
        assert np.polyfit(np.log2(WIDTHS), at, 1)[0] == pytest.approx(slope, abs=0.03)
