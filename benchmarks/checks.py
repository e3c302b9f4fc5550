"""Checks: how often they speak on clean tables, and how often on tables with a fault.

    python benchmarks/checks.py [--tables 200] [--only chinchilla] [--faults]

Clean tables come from a power law with a floor and from Chinchilla's law, with normal noise of the
logarithm and a hold-out beyond the table. A finding there is a false alarm: at most 5% of tables
may be doubted by a check, and 1% called invalid. `identifiability` is listed apart, as few levels
do leave a floor or an exponent undetermined. With --faults, the tables have known faults of a given
size, and the share is the check's power.
"""

from __future__ import annotations

import argparse
import warnings
from collections import Counter
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pandas as pd
from rich.console import Console
from rich.table import Table

from scaling_lab.analysis import fit
from scaling_lab.analysis.checks import Finding, Severity, found

DRAWS, STARTS = 100, 16
NOISES = (0.005, 0.01, 0.02)
GRIDS = {"5 x 5": (5, 5, 1), "6 x 8": (6, 8, 1), "5 x 5 x 3 seeds": (5, 5, 3)}
LEVELS = {"6 levels": (6, 1), "8 levels": (8, 1), "5 x 3 seeds": (5, 3), "8 x 3 seeds": (8, 3)}
Rng = np.random.Generator


class Design(NamedTuple):
    """A kind of table: the law it is fitted with, a hold-out, and how to make one."""

    law: str
    holdout: str
    make: Callable[[Rng], pd.DataFrame]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tables", type=int, default=200, help="tables of each design")
    parser.add_argument("--only", default="", help="designs whose name has this in it")
    parser.add_argument("--faults", action="store_true", help="tables with faults instead")
    asked = parser.parse_args()
    warnings.simplefilter("ignore")
    chosen = faults() if asked.faults else clean()
    chosen = {name: one for name, one in chosen.items() if asked.only in name}
    names = [name for name, check in found().items() if check.of == "fit"]
    names = [name for name in names if name != "left_out"]
    shown = Table("design", *names, title=f"doubted / invalid, % of {asked.tables} tables")
    doubted, invalid = Counter(), Counter()
    for name, design in chosen.items():
        counts = alarms(design, asked.tables)
        cells = [share(counts, check, asked.tables) for check in names]
        shown.add_row(name, *cells)
        for check in names:
            doubted[check] += counts[check, Severity.DOUBT]
            invalid[check] += counts[check, Severity.INVALID]
    whole = asked.tables * len(chosen)
    total = [f"{doubted[one] / whole:.1%} / {invalid[one] / whole:.1%}" for one in names]
    shown.add_row("all", *total)
    Console(width=240).print(shown)


def alarms(design: Design, tables: int) -> Counter[tuple[str, Severity]]:
    """How many tables each check doubts (or worse), and how many it calls invalid."""
    counts: Counter[tuple[str, Severity]] = Counter()
    for seed in range(tables):
        for check, severity in worst(design, seed).items():
            counts[check, Severity.DOUBT] += severity >= Severity.DOUBT
            counts[check, Severity.INVALID] += severity >= Severity.INVALID
    return counts


def worst(design: Design, seed: int) -> dict[str, Severity]:
    """The worst that each check finds in one table of a design."""
    frame = design.make(np.random.default_rng([seed, 17]))
    how = {"bootstrap": DRAWS, "starts": STARTS, "holdout": design.holdout}
    findings: list[Finding] = fit(design.law, frame, **how).findings
    said: dict[str, Severity] = {}
    for one in findings:
        said[one.check] = max(said.get(one.check, Severity.NOTE), one.severity)
    return said


def share(counts: Counter[tuple[str, Severity]], check: str, tables: int) -> str:
    doubt, invalid = (counts[check, one] / tables for one in (Severity.DOUBT, Severity.INVALID))
    return f"{100 * doubt:.3g} / {100 * invalid:.3g}" if doubt else "-"


def clean() -> dict[str, Design]:
    """Tables from the law that is fitted to them."""
    designs = {}
    for noise in NOISES:
        for name, (sizes, data, seeds) in GRIDS.items():
            made = surface(sizes, data, seeds, noise)
            designs[f"chinchilla, {name}, {noise:.1%}"] = Design("chinchilla", "N > 4e9", made)
        for name, (levels, seeds) in LEVELS.items():
            made = curve(levels, seeds, noise)
            designs[f"floor law, {name}, {noise:.1%}"] = Design(
                "power_law_floor", "D > 1.1e6", made
            )
    return designs


def faults() -> dict[str, Design]:
    """Tables with one fault each."""
    grid, line = surface(6, 8, 1, 0.01), curve(8, 3, 0.01)

    def changed(
        make: Callable[[Rng], pd.DataFrame], change: Callable[[pd.DataFrame, Rng], pd.Series]
    ) -> Callable[[Rng], pd.DataFrame]:
        def made(rng: Rng) -> pd.DataFrame:
            frame = make(rng)
            return frame.assign(L=change(frame, rng))

        return made

    def of_each(frame: pd.DataFrame, role: str, size: float, rng: Rng) -> pd.Series:
        error = {value: size * rng.standard_normal() for value in frame[role].unique()}
        return frame["L"] * np.exp(frame[role].map(error))

    def crashed(frame: pd.DataFrame, rng: Rng) -> pd.Series:
        return frame["L"].where(frame.index != rng.integers(len(frame) - 4), frame["L"] * 1.5)

    changes = {
        "N and D interact, 1%": (
            grid,
            lambda f, r: f["L"] * np.exp(0.01 * np.log(f["N"] / 3e8) * np.log(f["D"] / 2e10) / 2.5),
        ),
        "an exponent that drifts": (
            grid,
            lambda f, r: (
                f["L"]
                + 330 * (f["N"] ** -(0.33 + 0.01 * np.log10(f["D"] / 2e10)))
                - 330 * f["N"] ** -0.33
            ),
        ),
        "hold-out 5% off": (grid, lambda f, r: f["L"] * np.where(f["N"] > 4e9, 1.05, 1)),
        "one error of 2% per N": (grid, lambda f, r: of_each(f, "N", 0.02, r)),
        "one error of 2% per D": (grid, lambda f, r: of_each(f, "D", 0.02, r)),
        "a crashed run, 1.5 times": (grid, crashed),
    }
    lines = {
        "a plateau at the end": lambda f, r: np.maximum(f["L"], f["L"].where(f["D"] < 2e5).min()),
        "bent by 3%": lambda f, r: f["L"] * np.exp(0.03 * np.cos(2.2 * np.log10(f["D"]))),
        "one level 4% off": lambda f, r: f["L"] * np.where(f["D"].between(1.5e4, 3e4), 1.04, 1),
        "hold-out 8% off ": lambda f, r: f["L"] * np.where(f["D"] > 1.1e6, 1.08, 1),
    }
    designs = {
        name: Design("chinchilla", "N > 4e9", changed(make, change))
        for name, (make, change) in changes.items()
    }
    designs |= {
        name: Design("power_law_floor", "D > 1.1e6", changed(line, change))
        for name, change in lines.items()
    }
    return designs


def surface(sizes: int, data: int, seeds: int, noise: float) -> Callable[[Rng], pd.DataFrame]:
    """Makes tables of Chinchilla's law, with four larger runs."""

    def make(rng: Rng) -> pd.DataFrame:
        axes = np.meshgrid(np.geomspace(3e7, 3e9, sizes), np.geomspace(2e9, 2e11, data))
        N, D = (np.repeat(axis.ravel(), seeds) for axis in axes)
        N, D = np.append(N, [6e9, 6e9, 1e10, 1e10]), np.append(D, [5e10, 2e11] * 2)
        loss = 1.75 + 330 * N**-0.33 + 910 * D**-0.31
        return pd.DataFrame({"N": N, "D": D, "L": loss * scatter(rng, noise, len(N))})

    return make


def curve(levels: int, seeds: int, noise: float) -> Callable[[Rng], pd.DataFrame]:
    """Makes tables of a power law with a floor, with two more levels of data."""

    def make(rng: Rng) -> pd.DataFrame:
        D = np.repeat(np.append(np.geomspace(1e3, 1e6, levels), [2e6, 4e6]), seeds)
        loss = 0.3 + 20 * D**-0.4
        return pd.DataFrame({"D": D, "L": loss * scatter(rng, noise, len(D))})

    return make


def scatter(rng: Rng, noise: float, count: int) -> np.ndarray:
    return np.exp(noise * rng.standard_normal(count))


if __name__ == "__main__":
    main()
