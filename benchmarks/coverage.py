"""Coverage: how often nominal 95% intervals hold the truth, and how wide they are.

    python benchmarks/coverage.py [--tables 600] [--peers 100] [--only "8 runs"] [--kept FILE]

For each design of `coverage_designs` it makes tables from a known law, fits them with default
options, and counts how often the interval of each quantity holds the truth: the parameters, the
loss at ten times the largest scales (`ahead`), the exponent of N* (`a`), and a new run's result in
the band "run". Coverage is of the determined intervals; beside it stand the share that is not
determined and the median width over that of an oracle, who knows the law's shape and all variances.

Peers, on the first tables of each design (skipped with a line if they are not installed):

    lmfit                   least squares, estimate +- 1.96 standard errors of the covariance
    plain bootstrap         rows resampled, Huber's penalty as in our fits, percentiles
    simple_scaling_laws     its own intervals; it is told the run column, or each row is a run

A fit's outcome is kept in FILE as soon as it is known; the same command goes on where it stopped,
and starts anew once the analysis has changed. `--tables 60` is a quick look.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from coverage_designs import Design, designs
from rich.console import Console
from rich.table import Table
from scipy import optimize

import scaling_lab.analysis
from scaling_lab.analysis import fit, laws
from scaling_lab.analysis.fitting import bootstrap, starts
from scaling_lab.analysis.fitting.penalty import Penalty
from scaling_lab.analysis.fitting.problem import Problem

LEVEL, DRAWS, STARTS = 0.95, 400, 16
Ends = dict[str, tuple[float, float]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tables", type=int, default=600, help="tables of each design")
    parser.add_argument("--peers", type=int, default=100, help="of these, tables for the peers")
    parser.add_argument("--only", default="", help="designs whose name has this in it")
    default = Path(tempfile.gettempdir()) / "scaling_lab_coverage.jsonl"
    parser.add_argument("--kept", type=Path, default=default, help="file of outcomes")
    asked = parser.parse_args()
    warnings.simplefilter("ignore")
    chosen = {name: one for name, one in designs().items() if asked.only in name}
    methods = {"here": here} | {one: peer for one, peer in PEERS.items() if _there(one)}
    wanted = [  # by table first, so that a run that was stopped has as many of each design
        (name, method, seed)
        for seed in range(asked.tables)
        for name in chosen
        for method in methods
        if method == "here" or seed < asked.peers
    ]
    known = _read(asked.kept)
    missing = [key for key in wanted if key not in known]
    began = time.monotonic()
    with asked.kept.open("a") as file:
        for done, key in enumerate(missing):
            name, method, seed = key
            found = _outcome(chosen[name], methods[method], seed)
            known[key] = found
            file.write(json.dumps({"of": _digest(), "key": key, "found": found}) + "\n")
            file.flush()
            if done % 20 == 0:
                left = (time.monotonic() - began) / (done + 1) * (len(missing) - done - 1)
                said = f"table {seed + 1}: {done + 1} of {len(missing)}, {left / 60:.0f} min left"
                print(f"\r{said:100}", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    _show(chosen, list(methods), wanted, known)


def here(design: Design, rows: pd.DataFrame) -> Ends:
    """Our intervals, with default options but for the number of starts."""
    found = fit(design.law, rows, bootstrap=DRAWS, starts=STARTS)
    ends = {name: (p.low, p.high) for name, p in found.params.items()}
    band = found.predict(design.ahead, LEVEL)
    ends["ahead"] = float(band.low[0]), float(band.high[0])
    run = found.predict(design.centre, LEVEL, band="run")
    ends["run"] = float(run.low[0]), float(run.high[0])
    if "beta" in ends:
        a = found.draws["beta"] / (found.draws["alpha"] + found.draws["beta"])
        ends["a"] = _ends(a, method="weibull")
    return ends


def lmfit(design: Design, rows: pd.DataFrame) -> Ends:
    """Least squares of log residuals by `lmfit`, with the intervals of its covariance."""
    import lmfit as package  # pyright: ignore[reportMissingImports]

    x = {name: rows[name].to_numpy() for name in design.x}
    target, given = np.log(rows["L"].to_numpy()), package.Parameters()
    for name, value in design.truth.items():  # started at the truth: its best case
        given.add(name, value=value, min=0)

    def residual(p: Any) -> np.ndarray:
        return np.log(design.at({name: p[name].value for name in p}, x)) - target

    found = package.minimize(residual, given)
    if not found.errorbars:
        return dict.fromkeys(design.truth, (np.nan, np.nan))
    return {
        name: (one.value - 1.96 * one.stderr, one.value + 1.96 * one.stderr)
        for name, one in found.params.items()
    }


def plain_bootstrap(design: Design, rows: pd.DataFrame) -> Ends:
    """Percentiles of refits to resampled rows, which is what most scripts do."""
    law = laws.get(design.law)
    x = (
        {"x": rows["D"].to_numpy()}
        if law.variables == ("x",)
        else {name: rows[name].to_numpy() for name in ("N", "D")}
    )
    problem, huber = Problem(law, x, rows["L"].to_numpy()), Penalty(1e-3)
    first = starts.spread(problem, STARTS)
    optima = starts.search(problem, huber, first)
    many = bootstrap.bootstrap(problem, huber, optima, first, None, count=DRAWS, seed=0)
    drawn = [
        design.quantities(dict(zip(law.parameters, p, strict=True)))
        for p in problem.values(many.theta)
    ]
    return {name: _ends(np.array([one[name] for one in drawn])) for name in drawn[0]}


def simple_scaling_laws(design: Design, rows: pd.DataFrame) -> Ends:
    """The intervals of the package of that name, of exponents and floor."""
    from simple_scaling_laws import fit as peer  # pyright: ignore[reportMissingImports]

    names = {"N": "model_size__n", "D": "dataset_size__d", "L": "test_loss__l"}
    run = rows["run"] if "run" in rows else np.arange(len(rows))
    table = rows.rename(columns=names).drop(columns="run", errors="ignore")
    found = peer(table.assign(training_run_id=run), n_draws=DRAWS).conf_int(names["L"], LEVEL)
    if "beta" not in design.truth:  # of D alone: its one term is called B, beta
        found = {"E": found["E"], "alpha": found.get("beta", found.get("alpha"))}
    exponents = {name: ends for name, ends in found.items() if name in ("E", "alpha", "beta")}
    return {name: ends for name, ends in exponents.items() if name in design.truth}


PEERS: dict[str, Callable[[Design, pd.DataFrame], Ends]] = {
    "lmfit": lmfit,
    "plain bootstrap": plain_bootstrap,
    "simple_scaling_laws": simple_scaling_laws,
}


def _outcome(design: Design, method: Callable[..., Ends], seed: int) -> dict[str, Any]:
    """For each quantity: whether the interval holds the truth, and its width (None: open)."""
    truth = design.quantities(design.truth) | {"run": design.new_run(seed)}
    try:
        ends = method(design, design.table(seed))
    except (ArithmeticError, ValueError, np.linalg.LinAlgError, optimize.OptimizeWarning):
        return {}
    found = {}
    for name, (low, high) in ends.items():
        width = float(high - low)
        found[name] = [bool(low <= truth[name] <= high), width if np.isfinite(width) else None]
    return found


def _show(
    chosen: dict[str, Design],
    methods: list[str],
    wanted: list[tuple[str, str, int]],
    known: dict[tuple[str, str, int], dict[str, Any]],
) -> None:
    shown = Table(title="coverage of determined 95% intervals")
    quantities = ("E", "A", "B", "alpha", "beta", "ahead", "a", "run")
    head = ("design", "method", "tables", *quantities, "open", "width / oracle")
    for name in head:
        shown.add_column(name)
    lines = [f"| {' | '.join(head)} |", "|" + "---|" * len(head)]
    for name, design in chosen.items():
        oracle = design.oracle()
        for method in methods:
            all_of = [known[key] for key in wanted if key[:2] == (name, method)]
            if not any(all_of):
                continue
            cells, ratios, open_ = [], [], []
            for quantity in quantities:
                some = [one[quantity] for one in all_of if quantity in one]
                closed = [(held, width) for held, width in some if width is not None]
                cells.append(f"{np.mean([h for h, _ in closed]):.3f}" if closed else "")
                open_ += [width is None for _, width in some]
                if closed and quantity in ("alpha", "beta"):
                    ratios.append(np.median([width for _, width in closed]) / oracle[quantity])
            row = [name, method, str(len(all_of)), *cells]
            row += [f"{np.mean(open_):.0%}" if open_ else ""]
            row += [" ".join(f"{ratio:.2f}" for ratio in ratios)]
            shown.add_row(*row)
            lines.append(f"| {' | '.join(row)} |")
    Console(width=170).print(shown)
    print("\n".join(lines))


def _ends(draws: np.ndarray, method: Any = "linear") -> tuple[float, float]:
    if not len(draws):
        return float("-inf"), float("inf")
    low, high = np.quantile(draws, [(1 - LEVEL) / 2, (1 + LEVEL) / 2], method=method)
    return float(low), float(high)


def _there(package: str) -> bool:
    if package == "plain bootstrap":
        return True
    try:
        __import__(package)
    except ImportError as error:
        print(f"{package}: skipped, not installed ({error})", file=sys.stderr)
        return False
    return True


def _read(path: Path) -> dict[tuple[str, str, int], dict[str, Any]]:
    """The outcomes that this version of the analysis left in the file."""
    found = {}
    for line in path.read_text().splitlines() if path.exists() else ():
        entry = json.loads(line)
        if entry["of"] == _digest():
            name, method, seed = entry["key"]
            found[name, method, seed] = entry["found"]
    return found


def _digest() -> str:
    """Of the source that the outcomes follow from."""
    if not DIGEST:
        home = Path(scaling_lab.analysis.__file__).parent
        files = [*sorted((home / "fitting").glob("*.py")), home / "clustering.py"]
        files += [home / "shared_error.py", Path(__file__).with_name("coverage_designs.py")]
        joined = b"".join(path.read_bytes() for path in files)
        DIGEST.append(hashlib.sha256(joined).hexdigest()[:12])
    return DIGEST[0]


DIGEST: list[str] = []


if __name__ == "__main__":
    main()
