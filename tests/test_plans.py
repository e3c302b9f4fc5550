"""Every experiment's plan is golden text: a change of what would be run is seen beforehand."""

from dataclasses import is_dataclass
from pathlib import Path
from typing import Any

import pytest

from scaling_lab import Claim, LabError, Store, config, definition, experiment, plan
from scaling_lab.recipe import recorded_values

ROOT = Path(__file__).resolve().parent.parent
GOLDEN = ROOT / "tests" / "golden"
# What few experiments turn on.
OFF = {
    "recipe.ema_decay": 0.0,
    "data_seed": 0,
    "parent": None,
    "parent_experiment": None,
    "recipe.noise_decay": 0.0,
    "recipe.power_iterations": 0,
    "recipe.targets": [],
    "learner.loss": "cross_entropy",
}
EXPERIMENTS = sorted((ROOT / "experiments").rglob("e*.py"))


def written(value: Any) -> str:
    """A value of an axis; the fields of a part under the names that they are recorded by."""
    if not is_dataclass(value):
        return repr(value)
    fields = [f"{name}={field!r}" for name, field in recorded_values(value).items()]
    return f"{type(value).__name__}({', '.join(fields)})"


def described(name: str) -> str:
    """The plan of an experiment with nothing done, to the last digit."""
    found = experiment.load(name)
    made = plan.make(found.name, found.cells, Store(Path("none")))
    lines = [f"{found.name}: {len(made.runs)} runs, {len(made.programs)} programs"]
    for axis, values in definition.axes(found.cells).items():
        lines.append(f"{axis}: [{', '.join(map(written, values))}]")
    for runs in made.programs.values():
        flops = sum(run.flops for run in runs)
        lines.append(f"{runs[0].cell.run.model} N={runs[0].cost.parameters}")
        lines.append(f"  {len(runs)} runs, {flops:.6e} FLOP")
    first = config.flat(made.runs[0].cell.run)
    on = {name: value for name, value in first.items() if name not in OFF or value != OFF[name]}
    lines.append(f"first: {on}")
    lines.append(f"fingerprints: {config.digest({r.name: r.fingerprint for r in made.runs})}")
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize("path", EXPERIMENTS, ids=lambda path: path.stem)
def test_the_plan_is_what_it_was(path):
    golden = GOLDEN / f"{path.stem}.txt"
    text = described(str(path))
    assert text == (golden.read_text() if golden.exists() else ""), (
        f"the plan of {path.stem} is not what tests/golden holds. If its definition was meant to "
        "change, its results are stale: train them anew, then write the text with: make golden"
    )


def test_no_golden_text_is_left_behind():
    assert {p.stem for p in GOLDEN.glob("*.txt")} == {path.stem for path in EXPERIMENTS}


def test_a_claims_range_is_in_order():
    with pytest.raises(LabError, match=r"claim 'slope': low is 2\.0, above high, 1\.0; swap them"):
        Claim(name="slope", law="power_law", x="N", parameter="alpha", low=2.0, high=1.0)


def test_what_others_found_has_a_source():
    with pytest.raises(LabError, match=r"claim 'slope': give the source of published, 0\.24"):
        Claim(
            name="slope", law="power_law", x="N", parameter="alpha", low=0, high=1, published=0.24
        )


def test_a_claim_that_changes_the_gate_says_why():
    with pytest.raises(LabError, match=r"changes the gate \(levels\); say why in reason"):
        Claim(kind="value", name="slope", low=0, high=1, gate={"levels": 5})


def test_what_others_found_is_a_number():
    with pytest.raises(LabError, match="published is nan; give a number"):
        Claim(
            name="slope",
            law="power_law",
            x="N",
            parameter="alpha",
            low=0,
            high=1,
            published=float("nan"),
            source="Nobody",
        )


if __name__ == "__main__":
    GOLDEN.mkdir(exist_ok=True)
    for path in EXPERIMENTS:
        (GOLDEN / f"{path.stem}.txt").write_text(described(str(path)))
