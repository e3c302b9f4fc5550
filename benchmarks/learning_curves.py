"""Which law forecasts a learning curve? Each law of the field, and the one chosen per curve.

    python benchmarks/learning_curves.py benchmark.vision.csv

The table is that of Alabdulmohsin et al. 2022 (github.com/google-research/google-research,
revisiting_neural_scaling_laws): 72 curves of image classifiers, error against examples seen, their
first part to fit and the rest to forecast. Every law is fitted to the first part by least squares
of the logarithm of the error; the choice among them is made inside it (`analysis.selection`).
Figures are root mean square errors of the logarithm on the rest, averaged over curves.
"""

from __future__ import annotations

import argparse

import numpy as np
import pandas as pd

from scaling_lab.analysis import tables
from scaling_lab.analysis.studies import selection

LAWS = ("m1", "m2", "m3", "m4", "broken_power_law")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("table", help="benchmark.vision.csv")
    parser.add_argument("--curves", type=int, help="judge so many of them")
    asked = parser.parse_args()
    curves = list(tables.load(asked.table).groupby(["Task", "Model"]))[: asked.curves]
    errors = []
    for (task, model), curve in curves:
        errors.append({"task": task, "model": model} | judged(curve))
        print(*(f"{v:.4f}" if isinstance(v, float) else v for v in errors[-1].values()), flush=True)
    frame = pd.DataFrame(errors)
    print(f"\nmean of {len(frame)} curves; share of curves on which a law was chosen")
    for name in (*LAWS, "chosen", "combined"):
        print(f"{name:<18} {frame[name].mean():.4f}  {(frame['law'] == name).mean():.0%}")


def judged(curve: pd.DataFrame) -> dict[str, float | str]:
    """Error of every law on the rest of the curve, of the chosen one and of all together."""
    columns = {"D": "Seen Examples", "L": "Loss"}
    first = tables.checked(curve, columns, where="Training == 1")
    rest = tables.checked(curve, columns, where="Training == 0").frame
    # An error is at most one. Many starts are for laws harder than these.
    found = selection.choose(
        LAWS, first, bounds={"E_0": (0.0, 1.0)}, penalty="squares", starts=16, bootstrap=0
    )

    def error(told: np.ndarray) -> float:
        return float(np.sqrt(np.mean(np.log(told / rest["L"].to_numpy()) ** 2)))

    at = {"D": rest["D"].to_numpy()}
    # A law with as many parameters as a curve has points forecasts nothing.
    alone = {name: error(fit.predict(at).center) for name, fit in found.fits.items()}
    return {name: alone.get(name, np.nan) for name in LAWS} | {
        "chosen": alone[found.law.name],
        "combined": error(found.combined(at)),
        "law": found.law.name,
    }


if __name__ == "__main__":
    main()
