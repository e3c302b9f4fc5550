"""Which law forecasts a learning curve? Published laws, and the one chosen for each curve.

    python benchmarks/learning_curves.py benchmark.vision.csv

The table is that of Alabdulmohsin et al. 2022 (github.com/google-research/google-research,
revisiting_neural_scaling_laws): 72 curves of image classifiers, error against examples seen. The
first part of each curve is for fitting, the rest for forecasting. Laws are fitted by least squares
on log error; the choice among them uses the first part only (`analysis.studies.selection`). Scores
are root mean square errors of the log on the rest, averaged over curves.
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
    parser.add_argument("--curves", type=int, help="use only the first ones")
    asked = parser.parse_args()
    curves = list(tables.load(asked.table).groupby(["Task", "Model"]))[: asked.curves]
    errors = []
    for (task, model), curve in curves:
        errors.append({"task": task, "model": model} | scores(curve))
        print(*(f"{v:.4f}" if isinstance(v, float) else v for v in errors[-1].values()), flush=True)
    frame = pd.DataFrame(errors)
    print(f"\nmean of {len(frame)} curves; share of curves on which a law was chosen")
    for name in (*LAWS, "chosen", "combined"):
        print(f"{name:<18} {frame[name].mean():.4f}  {(frame['law'] == name).mean():.0%}")


def scores(curve: pd.DataFrame) -> dict[str, float | str]:
    """Forecast error of each law, of the chosen one and of the weighted average."""
    columns = {"D": "Seen Examples", "L": "Loss"}
    first = tables.checked(curve, columns, where="Training == 1")
    rest = tables.checked(curve, columns, where="Training == 0").frame
    # Errors are at most one, and these laws need few starts.
    found = selection.choose(
        LAWS, first, bounds={"E_0": (0.0, 1.0)}, penalty="squares", starts=16, bootstrap=0
    )

    def error(predicted: np.ndarray) -> float:
        return float(np.sqrt(np.mean(np.log(predicted / rest["L"].to_numpy()) ** 2)))

    at = {"D": rest["D"].to_numpy()}
    # A law with as many parameters as the curve has points is not fitted.
    alone = {name: error(fit.predict(at).center) for name, fit in found.fits.items()}
    return {name: alone.get(name, np.nan) for name in LAWS} | {
        "chosen": alone[found.law.name],
        "combined": error(found.combined(at)),
        "law": found.law.name,
    }


if __name__ == "__main__":
    main()
