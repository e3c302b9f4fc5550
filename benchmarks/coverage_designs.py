"""Designs of tables whose law is known, for `coverage.py` and its test.

A design makes tables: the law at fixed N and D, times errors drawn with a seed. It also knows what
an interval should cover: the parameters, the loss at ten times the largest scales (`ahead`), the
exponent of N* (`a`) and the result of a new run at the centre of the table (`run`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from scaling_lab.analysis import laws

LINE = {"E": 0.05, "A": 3.0, "alpha": 0.4}
FLOORED = {"E": 1.0, "A": 3.0, "alpha": 0.3}  # the floor is most of the loss
POWER = {"A": 3.0, "alpha": 0.4}
SURFACE = {"E": 1.82, "A": 478.0, "B": 2143.0, "alpha": 0.347, "beta": 0.367}
WIDE = 1.96
Truth = Mapping[str, float]


@dataclass(frozen=True)
class Design:
    """own, shared   standard deviations of the log errors of a row and of its group
    groups        the group of each row that shares an error
    tail          "normal", or "t3": Student's distribution with three degrees of freedom
    copies        near-copies of each row, apart by JITTER
    named         whether the table has a column `run` that names the groups
    """

    law: str
    truth: Truth
    x: Mapping[str, np.ndarray]
    groups: np.ndarray
    own: float
    shared: float = 0.0
    tail: str = "normal"
    copies: int = 1
    named: bool = False
    slope: float = 0.0

    def table(self, seed: int) -> pd.DataFrame:
        """A table; the row errors are `slope` times larger per unit of log x, if that is not 0."""
        random = np.random.default_rng([seed, 7])
        rows = pd.DataFrame(dict(self.x))
        rows["L"] = self.at(self.truth, self.x) * np.exp(self._errors(random))
        if self.named:
            rows["run"] = self.groups
        if self.copies > 1:
            rows = rows.loc[rows.index.repeat(self.copies)].reset_index(drop=True)
            rows["L"] *= np.exp(JITTER * random.standard_normal(len(rows)))
        return rows

    def new_run(self, seed: int) -> float:
        """The loss of another run at the centre of the table."""
        random = np.random.default_rng([seed, 8])
        error = self.own * _drawn(random, 1, self.tail)[0] + self.shared * random.standard_normal()
        return float(self.at(self.truth, self.centre)[0] * np.exp(error))

    def at(self, p: Mapping[str, float], x: Mapping[str, np.ndarray]) -> np.ndarray:
        """The law at columns D, or N and D."""
        law = laws.get(self.law)
        columns = {"x": x["D"]} if law.variables == ("x",) else x
        return np.asarray(law.loss(p, columns), dtype="float64")

    @property
    def centre(self) -> dict[str, np.ndarray]:
        """The geometric mean of each variable [1]."""
        return {name: np.exp(np.log(v).mean(keepdims=True)) for name, v in self.x.items()}

    @property
    def ahead(self) -> dict[str, np.ndarray]:
        """Ten times the largest value of each variable [1]."""
        return {name: 10 * v.max(keepdims=True) for name, v in self.x.items()}

    def quantities(self, p: Mapping[str, float]) -> dict[str, float]:
        """What follows from parameters: themselves, the loss ahead, the exponent of N*."""
        found = {name: float(p[name]) for name in self.truth}
        found["ahead"] = float(self.at(p, self.ahead)[0])
        if "beta" in self.truth:
            found["a"] = p["beta"] / (p["alpha"] + p["beta"])
        return found

    def oracle(self) -> dict[str, float]:
        """Widths of 95% intervals for one who knows the law's shape and all variances.

        Generalised least squares, to first order at the truth.
        """
        names = list(self.truth)
        steps = {name: 1e-5 * self.truth[name] for name in names}

        def slopes(of: Callable[[Mapping[str, float]], np.ndarray]) -> np.ndarray:
            columns = []
            for name in names:
                up, down = (
                    dict(self.truth) | {name: self.truth[name] + s * steps[name]} for s in (1, -1)
                )
                columns.append((of(up) - of(down)) / (2 * steps[name]))
            return np.stack(columns, axis=-1)

        jacobian = slopes(lambda p: np.log(self.at(p, self.x)))
        same = self.groups[:, None] == self.groups
        covariance = np.diag(self._sizes() ** 2) + self.shared**2 * same
        inverse = np.linalg.inv(jacobian.T @ np.linalg.solve(covariance, jacobian))
        outer = slopes(lambda p: np.array(list(self.quantities(p).values())))
        deviations = np.sqrt(np.einsum("qi,ij,qj->q", outer, inverse, outer))
        widths = dict(zip(self.quantities(self.truth), 2 * WIDE * deviations, strict=True))
        centre = float(self.at(self.truth, self.centre)[0])
        return widths | {"run": 2 * WIDE * centre * float(np.hypot(self.own, self.shared))}

    def _sizes(self) -> np.ndarray:
        """The standard deviation of each row's own error."""
        log = np.log(self.x["D"])
        return self.own * np.exp(self.slope * (log - log.mean()))

    def _errors(self, random: np.random.Generator) -> np.ndarray:
        own = self._sizes() * _drawn(random, len(self.groups), self.tail)
        return own + self.shared * random.standard_normal(self.groups.max() + 1)[self.groups]


JITTER = 1e-4


def _drawn(random: np.random.Generator, count: int, tail: str) -> np.ndarray:
    """Errors of variance one."""
    if tail == "t3":
        return random.standard_t(3, count) / np.sqrt(3)
    return random.standard_normal(count)


def line(levels: int, seeds: int, law: str, truth: Truth, **more: object) -> Design:
    """Levels of D over four decades (three where the floor is most of the loss)."""
    ends = (1e3, 1e6) if truth is FLOORED else (1e2, 1e6)
    D = np.geomspace(*ends, levels).repeat(seeds)
    given = {"own": 0.01} | more
    return Design(law, truth, {"D": D}, np.arange(levels).repeat(seeds), **given)  # pyright: ignore


def surface(
    N: np.ndarray, D: np.ndarray, groups: np.ndarray | None = None, **more: object
) -> Design:
    """Rows of a Chinchilla surface."""
    own = np.arange(len(N)) if groups is None else groups
    return Design("chinchilla", SURFACE, {"N": N, "D": D}, own, **({"own": 0.01} | more))  # pyright: ignore


def crossed(sizes: int, data: int, times: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """All pairs of some N and D, each `times` times."""
    N, D = np.meshgrid(np.geomspace(3e7, 1e10, sizes), np.geomspace(1e9, 4e11, data))
    return N.ravel().repeat(times), D.ravel().repeat(times)


def designs() -> dict[str, Design]:
    """The designs by name."""
    floor, power = "power_law_floor", "power_law"
    found: dict[str, Design] = {}
    for levels, seeds in ((4, 1), (5, 1), (5, 3), (8, 3)):
        found[f"floor law, {levels} levels x {seeds}"] = line(levels, seeds, floor, LINE)
    for levels, seeds in ((4, 1), (5, 1), (5, 3), (8, 3)):
        found[f"power law, {levels} levels x {seeds}"] = line(levels, seeds, power, POWER)
    for levels, seeds in ((5, 3), (8, 3)):
        found[f"large floor, {levels} levels x {seeds}"] = line(levels, seeds, floor, FLOORED)
    found["floor law, 8 x 3, cells share"] = line(8, 3, floor, LINE, own=0.005, shared=0.01)
    found["floor law, 8 x 3, t3"] = line(8, 3, floor, LINE, tail="t3")
    found["floor law, 50 levels"] = line(50, 1, floor, LINE)
    N, D = np.geomspace(3e7, 5e9, 8).repeat(5), np.tile(np.geomspace(2e9, 2e11, 5), 8)
    each = np.arange(8).repeat(5)
    found["8 runs x 5 checkpoints"] = surface(N, D, each, own=0.003, shared=0.01, named=True)
    found["8 runs x 5, run not named"] = surface(N, D, each, own=0.003, shared=0.01)
    order = [5, 1, 8, 3, 0, 9, 6, 2, 7, 4]
    N, D = np.geomspace(3e7, 5e9, 10), np.geomspace(2e9, 2e11, 10)[order]
    each = np.arange(10).repeat(4)
    found["10 cells x 4 seeds"] = surface(N.repeat(4), D.repeat(4), each, own=0.005, shared=0.01)
    C = np.geomspace(1e18, 1e22, 10).repeat(5)
    N = np.sqrt(C / 120) * np.tile(np.geomspace(0.2, 5, 5), 10)
    each = np.arange(10).repeat(5)
    found["10 budgets x 5 sizes"] = surface(N, C / 6 / N, each, own=0.005, shared=0.01)
    found["10 budgets x 5, half as much"] = surface(N, C / 6 / N, each, own=0.005, shared=0.005)
    each = np.arange(16).repeat(20)
    found["320 rows on 16 cells"] = surface(*crossed(4, 4, 20), each, own=0.0012, shared=0.01)
    found["surface 5 x 5"] = surface(*crossed(5, 5))
    found["surface 5 x 5, t3"] = surface(*crossed(5, 5), tail="t3")
    found["surface 5 x 5, 5 near-copies"] = surface(*crossed(5, 5), copies=5)
    found["surface 5 x 5, noise grows"] = surface(*crossed(5, 5), slope=-0.2)
    found["surface 6 x 8"] = surface(*crossed(6, 8))
    found["surface 6 x 8, t3"] = surface(*crossed(6, 8), tail="t3")
    found["surface 6 x 8, noise grows"] = surface(*crossed(6, 8), slope=-0.2)
    return found
