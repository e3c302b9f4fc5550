"""Selection: how far each rule of choosing a learning rate moves the chosen run's loss.

    python benchmarks/selection.py [--tables 1000]

A loss is curve(log rate) plus noise of standard deviation 0.01 that validation and test share. The
curves are a parabola of curvature 0.04, one ten times flatter, and exp(x) - x - 1 (scaled), which
rises faster above the best rate than below. The sweep's place relative to the best rate is random.
Figures are in standard deviations of one run: optimism (chosen loss less the truth at the chosen
rate), regret (the truth there less the sweep's best), and their sum, the bias of the reported loss.
"""

from __future__ import annotations

import argparse

import numpy as np
import pandas as pd
from rich.console import Console
from rich.table import Table

from scaling_lab.analysis.recipes import LOWEST, OTHER_SEEDS, SMOOTH_FIT, chosen

NOISE = 0.01
CURVES = {
    "parabola": lambda x: 0.02 * x**2,
    "flat": lambda x: 0.002 * x**2,
    "one-sided": lambda x: 0.04 * (np.exp(x) - x - 1),
}
RULES = (LOWEST, SMOOTH_FIT, OTHER_SEEDS)


def biases(curve, step, values, seeds, tables, rule) -> tuple[float, float, float] | None:
    """Optimism, regret and their sum, in standard deviations of a run; None if not applicable."""
    rng = np.random.default_rng(0)
    x = (np.arange(values) - (values - 1) / 2 + rng.uniform(-0.5, 0.5, (tables, 1))) * step
    truth = curve(x)
    noise = NOISE * rng.standard_normal((tables, values, seeds))
    n, v, s = (a.ravel() for a in np.indices(noise.shape))
    frame = pd.DataFrame({"N": n, "D": 1, "learning_rate": np.exp(x[n, v]), "seed": s})
    frame["best_valid_loss"] = 1 + (truth[:, :, None] + noise).ravel()
    frame["truth"], frame["status"] = 1 + truth[n, v], "done"
    best = chosen(frame, rule=rule)
    if rule.split()[0] not in best.attrs["chosen_by"] and rule != SMOOTH_FIT:
        return None
    if rule == SMOOTH_FIT and "smooth" not in best.attrs["chosen_by"]:
        return None
    means = best.groupby("N")[["best_valid_loss", "truth"]].mean()
    optimism = float((means["best_valid_loss"] - means["truth"]).mean()) / NOISE
    regret = float((means["truth"] - 1 - truth.min(1)).mean()) / NOISE
    return optimism, regret, optimism + regret


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tables", type=int, default=1000)
    tables = parser.parse_args().tables
    shown = Table("curve", "rates apart", "rates", "seeds", *RULES, box=None)
    for name, curve in CURVES.items():
        for step in (np.log(2), np.log(10) / 2):
            for values, seeds in ((3, 1), (5, 1), (7, 1), (3, 3), (5, 3)):
                found = [biases(curve, step, values, seeds, tables, rule) for rule in RULES]
                texts = [
                    f"{a:+.2f} {b:+.2f} = {c:+.2f}" if f else ""
                    for f in found
                    for a, b, c in [f or (0, 0, 0)]
                ]
                shown.add_row(name, f"{np.exp(step):.2g}", str(values), str(seeds), *texts)
    Console(width=120).print(shown)


if __name__ == "__main__":
    main()
