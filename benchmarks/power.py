"""P(decided) as `scaling-lab plan` prints it, against what happens.

    python benchmarks/power.py [--experiments 200] [--quick] [--only heavy fixed] [--to power.json]

A run that was stopped goes on: what is in the file already is printed as it was found.

In each setting, experiments are simulated and given their verdict by `claims.evaluate` with its
gate; the share that is held or refuted stands beside the P(decided) that was printed before. In the
settings without a pilot the truth is drawn, for each experiment, from what the plan thinks
possible. With a pilot, the plan knows one table of the truth; PILOTS truths are drawn, each with a
pilot and as many experiments, and P is the mean over pilots. In six of them the truth is not as the
plan takes it to be: errors with heavy tails, errors that cells share, a noise that depends on the
scale, and three laws other than the claim's. Two settings, called fixed, have one truth, in the
middle of the predicted range: where a pilot cannot know that, P has to be below what happens.
"""

from __future__ import annotations

import argparse
import json
import warnings
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from rich.console import Console
from rich.progress import track

from scaling_lab import Claim
from scaling_lab.analysis import claims, experiment_tables, laws
from scaling_lab.analysis.design import chances, measured
from scaling_lab.analysis.design.belief import NOISE
from scaling_lab.analysis.design.planned_cells import of_rows
from scaling_lab.analysis.fitting import residuals

PILOTS, QUICK = 25, 50
Truth = Callable[[pd.DataFrame, np.random.Generator], np.ndarray]


@dataclass(frozen=True)
class Setting:
    """A claim and a design; with a `truth`, one pilot of it is known, else the plan guesses.

    truth      rows and a generator -> the expected loss of each row under a truth
    noise      of a run's logarithm; `shared` of its cell
    tails      degrees of freedom of Student's distribution; 0 for normal errors
    steep      the noise is multiplied by (D / least D)^-steep
    """

    claim: Mapping[str, Any]
    levels: Mapping[str, np.ndarray]
    seeds: int
    truth: Truth | None = None
    noise: float = NOISE
    shared: float = 0.0
    tails: int = 0
    steep: float = 0.0

    @property
    def rows(self) -> pd.DataFrame:
        """The planned runs."""
        grid = np.meshgrid(*self.levels.values(), np.arange(self.seeds), indexing="ij")
        rows = pd.DataFrame(dict(zip((*self.levels, "seed"), map(np.ravel, grid), strict=True)))
        fixed = {"N": 1e5, "D": 1e4}
        rows = rows.assign(**{k: v for k, v in fixed.items() if k not in rows})
        rows["C"], rows["steps"], rows["model"] = 6 * rows["N"] * rows["D"], 1000, "mlp"
        return rows.assign(learning_rate=1e-3, batch_size=32)

    def losses(self, expected: np.ndarray, rows: pd.DataFrame, seed: int) -> pd.DataFrame:
        """The run table of one experiment."""
        random = np.random.default_rng([seed, 11])
        cell = rows.groupby(list(self.levels)).ngroup().to_numpy()
        own = random.standard_normal(len(rows))
        if self.tails:
            scale = np.sqrt((self.tails - 2) / self.tails)
            own = scale * random.standard_t(self.tails, len(rows))
        own = own * self.noise * (rows["D"] / rows["D"].min()).to_numpy() ** -self.steep
        own = own + self.shared * random.standard_normal(cell.max() + 1)[cell]
        loss = expected * np.exp(own)
        return rows.assign(
            run=[f"r{i}" for i in range(len(rows))],
            status="done",
            best_test_loss=loss,
            best_valid_loss=loss,
            best_step=900,
        )


class Found(NamedTuple):
    """What the plan said, and what happened."""

    planned: float
    happened: float
    words: dict[str, int]


def settings() -> dict[str, Setting]:
    """By name."""
    eight, twelve = np.geomspace(300, 3e4, 8).round(), np.geomspace(300, 1e5, 12).round()
    eight_each = np.geomspace(1e4, 1e6, 8).round()

    def exponent(law: str, low: float, high: float) -> dict[str, Any]:
        made = Claim(
            name="exponent",
            law=law,
            x="D",
            parameter="alpha",
            low=low,
            high=high,
            reason="a setting",
        )
        return asdict(made)

    def line(x: pd.DataFrame, random: np.random.Generator) -> np.ndarray:
        return _power(x, random.uniform(0.36, 0.44))

    def middle(x: pd.DataFrame, random: np.random.Generator) -> np.ndarray:
        return _power(x, 0.4)

    def floored(x: pd.DataFrame, random: np.random.Generator) -> np.ndarray:
        return 0.05 + _power(x, random.uniform(0.25, 0.5))

    def wave(x: pd.DataFrame) -> np.ndarray:
        return np.exp(0.01 * np.sin(2.5 * np.log(x["D"].to_numpy())))

    def waved(x: pd.DataFrame, random: np.random.Generator) -> np.ndarray:
        return line(x, random) * wave(x)

    def bent(x: pd.DataFrame, random: np.random.Generator) -> np.ndarray:
        apart = np.logaddexp(0, 2 * np.log(x["D"].to_numpy() / 3000)) / 2
        return line(x, random) * np.exp(-random.uniform(0, 0.05) * apart)

    def raised(x: pd.DataFrame, random: np.random.Generator) -> np.ndarray:
        return line(x, random) + random.uniform(0, 0.003)

    d8, d12 = {"D": eight}, {"D": twelve}
    surface = asdict(Claim(name="beta", law="chinchilla", parameter="beta", low=0.25, high=0.45))
    value = asdict(
        Claim(name="value", kind="value", at={"N": 1e5, "D": float(eight[0])}, low=0.3, high=0.31)
    )
    ratio = asdict(
        Claim(
            name="ratio",
            kind="ratio",
            where=f"D == {eight[0]:.0f}",
            against=f"D == {eight[-1]:.0f}",
            at={"N": 1e5},
            low=6.0,
            high=6.3,
        )
    )
    wide, near = exponent("power_law", 0.3, 0.6), exponent("power_law", 0.38, 0.42)
    floor = exponent("power_law_floor", 0.3, 0.6)
    return {
        "power law, 8 x 3": Setting(wide, d8, 3),
        "power law, narrow range, 8 x 2": Setting(near, d8, 2),
        "floor, 8 x 3": Setting(floor, d8, 3),
        "floor, 12 x 3": Setting(floor, d12, 3),
        "surface, 8 x 8 x 2": Setting(surface, {"N": eight_each, "D": eight_each}, 2),
        "value, 3 seeds": Setting(value, {"D": eight[:1]}, 3),
        "ratio, 4 seeds": Setting(ratio, {"D": eight[[0, -1]]}, 4),
        "pilot, noise 4%, 8 x 3": Setting(near, d8, 3, line, 0.04),
        "pilot, floor, 12 x 3": Setting(floor, d12, 3, floored, 0.05),
        "heavy tails, 8 x 3": Setting(near, d8, 3, line, 0.02, tails=3),
        "correlated cells, 8 x 3": Setting(near, d8, 3, line, 0.01, shared=0.02),
        "another law: a wave, 8 x 3": Setting(near, d8, 3, waved, 0.02),
        "another law: a bend, 8 x 3": Setting(near, d8, 3, bent, 0.02),
        "another law: a floor, 8 x 3": Setting(near, d8, 3, raised, 0.02),
        "another noise, 12 x 3": Setting(floor, d12, 3, floored, 0.08, steep=0.15),
        "fixed, noise 4%, 8 x 3": Setting(near, d8, 3, middle, 0.04),
        "fixed, a wave, 8 x 3": Setting(near, d8, 3, lambda x, _: _power(x, 0.4) * wave(x), 0.02),
    }


def examined(setting: Setting, experiments: int, seed: int = 0) -> Found:
    """A setting's P(decided) beside the share of simulated experiments that are decided."""
    rows, claim = setting.rows, claims.completed(setting.claim)
    if setting.truth is None:
        planned = chances.of_claim(claim, rows, seed=seed).decided
        truths = _guessed(claim, rows, experiments, seed + 100)
    else:
        random = np.random.default_rng([seed, 12])
        drawn = [setting.truth(rows, random) for _ in range(PILOTS)]
        each = [
            chances.of_claim(claim, rows, (), setting.losses(expected, rows, 1000 + i)).decided
            for i, expected in enumerate(drawn)
        ]
        planned, truths = float(np.mean(each)), [drawn[i % PILOTS] for i in range(experiments)]
    words: dict[str, int] = {}
    for i, expected in enumerate(truths):
        runs = setting.losses(expected, rows, seed + i)
        made = experiment_tables.tables(runs, pd.DataFrame(), ())
        word = claims.evaluate(claim, made, {}, {}).word
        words[word] = words.get(word, 0) + 1
    decided = (words.get("held", 0) + words.get("refuted", 0)) / experiments
    return Found(planned, decided, words)


def _power(x: pd.DataFrame, exponent: float) -> np.ndarray:
    """A power law of D that is 0.2 in the middle of a grid."""
    return 0.2 * (x["D"].to_numpy() / 3000) ** -exponent


def _guessed(claim: dict[str, Any], rows: pd.DataFrame, count: int, seed: int) -> list[np.ndarray]:
    """Expected losses of each row under parameter vectors that a guess thinks possible."""
    if not claim["law"]:
        random, found = np.random.default_rng(seed), []
        first = rows["D"].to_numpy() == rows["D"].min()
        for _ in range(count):
            inside = measured.within(claim, random)
            found.append(np.where(first, inside, 1.0))
        return found
    law, cells = laws.get(claim["law"]), of_rows(claim, rows)
    x = {name: rows[column].to_numpy(float) for name, column in cells.columns.items()}
    found = []
    while len(found) < count:
        side = chances.sides_of(claim, [cells], [None], seed + len(found))[0]
        for theta in side.theta[: count - len(found)]:
            values = side.problem.values(theta)
            p = dict(zip(law.parameters, values, strict=True))
            found.append(residuals.predict(law, p, x))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description="P(decided) as planned, against what happens")
    parser.add_argument("--experiments", type=int, default=200)
    parser.add_argument("--quick", action="store_true", help=f"{QUICK} experiments a setting")
    parser.add_argument("--only", nargs="*", help="settings whose name has one of these in it")
    parser.add_argument("--to", type=Path, help="file for the figures, as JSON")
    asked = parser.parse_args()
    warnings.simplefilter("ignore")
    count = QUICK if asked.quick else asked.experiments
    every, only = settings(), asked.only or [""]
    chosen = {name: every[name] for name in every if any(part in name for part in only)}
    print("| setting | P(decided) as planned | decided | difference | words |")
    print("|---|---|---|---|---|", flush=True)
    found: dict[str, Any] = {}
    if asked.to and asked.to.exists():
        found = json.loads(asked.to.read_text())
    for name, one in track(chosen.items(), console=Console(stderr=True)):
        if name not in found:
            found[name] = examined(one, count)._asdict()
            if asked.to:
                asked.to.write_text(json.dumps(found, indent=1))
        planned, happened, words = Found(**found[name])
        said = ", ".join(f"{n} {word}" for word, n in sorted(words.items()))
        off = happened - planned
        print(f"| {name} | {planned:.2f} | {happened:.2f} | {off:+.2f} | {said} |", flush=True)


if __name__ == "__main__":
    main()
