"""Choosing the runs of a budget: error at a costly target, ours against the usual ways to choose.

    python benchmarks/design.py [--repeats 10] [--pools chinchilla ...] [--to design.csv]

A pool is a table of finished runs with their costs; its costliest tenth is the target, and the rest
may be bought. Each method buys runs for 1, 5 and 10% of what the rest costs in all, the same law is
fitted to what it bought, and the error is the root mean square of the log residuals at the target.
In each repeat the pool is another random four fifths. Methods that learn as they buy (D-optimal,
V-optimal, ours) look at the losses bought so far three times. No method sees a loss it has not
bought, nor any loss of the target. Ours was tuned on simulated pools with seed 100 (`--seed 100`,
and rougher ones), never on the published tables or on seed 0.

Pools: Chinchilla's 240 points (Besiroglu et al. 2024), Gemstones (McLeish et al. 2025), Porian et
al. 2024, the parallel task of ScaleBench (Li et al. 2026), from the folder SCALING_LAB_PUBLISHED;
and simulated ones, half of which are not of the law that is fitted.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from rich.console import Console
from rich.progress import track

from scaling_lab import analysis
from scaling_lab.analysis import laws
from scaling_lab.analysis.design.belief import DRAWS, Belief
from scaling_lab.analysis.design.choice import ENOUGH, choose
from scaling_lab.analysis.design.field import WEAK, Field
from scaling_lab.analysis.fitting import residuals
from scaling_lab.analysis.fitting.problem import Problem
from scaling_lab.errors import LabError

SHARES = (0.01, 0.05, 0.10)
LOOKS = (0.15, 0.45, 1.0)  # of the budget, when an adaptive method looks again
PUBLISHED = Path(os.environ.get("SCALING_LAB_PUBLISHED", "../shared/published"))


class Pool(NamedTuple):
    """Columns by role, log-loss noise unknown; costs [points]; `target`: mask of the costliest."""

    name: str
    law: str
    x: dict[str, np.ndarray]
    y: np.ndarray
    costs: np.ndarray
    target: np.ndarray


def pool(name: str, law: str, x: dict[str, np.ndarray], y: np.ndarray, costs: np.ndarray) -> Pool:
    order = np.argsort(np.argsort(costs, kind="stable"), kind="stable")
    return Pool(name, law, x, y, costs, order >= 0.9 * len(costs))


def published() -> Iterator[Pool]:
    points = pd.read_csv(PUBLISHED / "chinchilla/svg_extracted_data.csv")
    points = points.sort_values("loss").iloc[:-5]
    n, c = points["Model Size"].to_numpy(), points["Training FLOP"].to_numpy()
    yield pool("chinchilla", "chinchilla", {"N": n, "D": c / (6 * n)}, points["loss"].to_numpy(), c)
    for part in ("hot", "cool_end"):
        points = pd.read_csv(PUBLISHED / f"gemstones/{part}.csv")
        n, d = points["params_active_precise"].to_numpy(float), points["tokens"].to_numpy(float)
        yield pool(
            f"gemstones {part}",
            "chinchilla",
            {"N": n, "D": d},
            points["final_loss"].to_numpy(),
            6 * n * d,
        )
    points = pd.read_csv(PUBLISHED / "porian/isoflop_points.csv")
    names = ["file", "hparams", "warmup", "decay", "param_count", "val"]
    groups = sorted(points.groupby(names), key=lambda one: -len(one[1]))
    for i, (_, some) in enumerate(groups[:2]):
        n, d = some["n"].to_numpy(float), some["tokens"].to_numpy(float)
        yield pool(
            f"porian {i + 1}",
            "chinchilla",
            {"N": n, "D": d},
            some["loss"].to_numpy(),
            some["flops"].to_numpy(),
        )
    train, test = (
        pd.read_csv(PUBLISHED / f"scalebench/parallel_{part}.csv") for part in ("train", "test")
    )
    for group in ("stack", "pile"):
        some = pd.concat([one[one["group"] == group] for one in (train, test)])
        n, p = some["num_params"].to_numpy(float), some["parallel_size"].to_numpy(float)
        target = np.arange(len(some)) >= (train["group"] == group).sum()
        yield Pool(
            f"parallel {group}", "chinchilla", {"N": n, "D": p}, some["loss"].to_numpy(), n, target
        )


def simulated(count: int, seed: int = 0) -> Iterator[Pool]:
    """Pools with a known truth: Chinchilla surfaces, every second one bent or of another law."""
    for i in range(count):
        rng = np.random.default_rng([seed, i])
        sizes = 10 ** np.linspace(6, 6 + rng.uniform(2, 3.5), rng.integers(6, 10))
        tokens = 10 ** np.linspace(7.5, 7.5 + rng.uniform(2, 3.5), rng.integers(6, 10))
        n, d = (v.ravel() for v in np.meshgrid(sizes, tokens))
        alpha, beta = rng.uniform(0.2, 0.55, 2)
        floor = rng.uniform(0.5, 2.0)
        size_term = rng.uniform(0.3, 2) * (n / n.min()) ** -alpha
        data_term = rng.uniform(0.3, 2) * (d / d.min()) ** -beta
        if i % 4 == 1:  # the exponent drifts
            data_term *= (d / d.min()) ** (0.03 * np.log10(d / d.min()))
        elif i % 4 == 3:  # Kaplan's form
            size_term, data_term = (size_term ** (1 / 0.5) + data_term ** (1 / 0.5)) ** 0.5, 0 * d
        noise = rng.choice([0.002, 0.01, 0.02])
        scatter = rng.standard_t(3, len(n)) / 1.7 if i % 5 == 4 else rng.standard_normal(len(n))
        y = (floor + size_term + data_term) * np.exp(noise * scatter)
        yield pool(f"simulated {i}", "chinchilla", {"N": n, "D": d}, y, 6 * n * d)


Method = Callable[[Pool, np.ndarray, float, int], list[int]]


def in_order(order: np.ndarray, costs: np.ndarray, budget: float) -> list[int]:
    """Points in that order, as far as each fits what is left of the budget."""
    taken, left = [], budget
    for i in order:
        if costs[i] <= left:
            taken.append(int(i))
            left -= costs[i]
    return taken


def random(pool: Pool, free: np.ndarray, budget: float, seed: int) -> list[int]:
    order = np.random.default_rng(seed).permutation(np.flatnonzero(free))
    return in_order(order, pool.costs, budget)


def cheapest(pool: Pool, free: np.ndarray, budget: float, seed: int) -> list[int]:
    rows = np.flatnonzero(free)
    return in_order(rows[np.argsort(pool.costs[rows], kind="stable")], pool.costs, budget)


def inverse_cost(pool: Pool, free: np.ndarray, budget: float, seed: int) -> list[int]:
    rows, rng = np.flatnonzero(free), np.random.default_rng(seed)
    keys = rng.exponential(size=len(rows)) * pool.costs[rows]
    return in_order(rows[np.argsort(keys)], pool.costs, budget)


def ours(pool: Pool, free: np.ndarray, budget: float, seed: int) -> list[int]:
    def pick(belief: Belief, costs: np.ndarray, left: float, open_: np.ndarray) -> list[int]:
        field = Field.of(belief, np.flatnonzero(pool.target))
        least = max(ENOUGH * belief.problem.free - len(belief.seen), 0)
        return choose(field, costs, left, open_, least=least)

    return adaptive(pool, free, budget, seed, pick)


def v_optimal(pool: Pool, free: np.ndarray, budget: float, seed: int) -> list[int]:
    def gains(slopes: np.ndarray, spread: np.ndarray, noise: float) -> np.ndarray:
        own = np.einsum("pi,ij,pj->p", slopes, spread, slopes) + noise**2
        return np.sum((slopes @ spread @ slopes[pool.target].T) ** 2, axis=1) / own

    return adaptive(pool, free, budget, seed, partial(by_gain, gains, WEAK), 1)


def d_optimal(pool: Pool, free: np.ndarray, budget: float, seed: int) -> list[int]:
    def gains(slopes: np.ndarray, spread: np.ndarray, noise: float) -> np.ndarray:
        return np.log1p(np.einsum("pi,ij,pj->p", slopes, spread, slopes) / noise**2)

    return adaptive(pool, free, budget, seed, partial(by_gain, gains, 1.0), 1)


def by_gain(
    gains: Callable,
    width: float,
    belief: Belief,
    costs: np.ndarray,
    left: float,
    open_: np.ndarray,
) -> list[int]:
    """Greedy by gain per cost, the law taken as exact; `width` times the prior's covariance."""
    slopes = np.nan_to_num(residuals.jacobian(belief.problem, belief.theta[0]))
    spread = width * belief.covariance
    for row in belief.seen:
        spread = updated(spread, slopes[row], belief.noise)
    taken, open_ = [], open_.copy()
    while (within := open_ & (costs <= left)).any():
        worth = gains(slopes, spread, belief.noise) / costs
        best = int(np.argmax(np.where(within, worth, -np.inf)))
        taken.append(best)
        left -= costs[best]
        open_[best] = False
        spread = updated(spread, slopes[best], belief.noise)
    return taken


def updated(spread: np.ndarray, slope: np.ndarray, noise: float) -> np.ndarray:
    across = spread @ slope
    return spread - np.outer(across, across) / (slope @ across + noise**2)


def adaptive(
    pool: Pool, free: np.ndarray, budget: float, seed: int, pick: Callable, draws: int = DRAWS
) -> list[int]:
    """Buys in LOOKS: what `pick` proposes for the whole rest of the budget, in its order."""
    level = np.ones(len(pool.y))  # no loss is known yet
    prior = Belief.prior(Problem(laws.get(pool.law), pool.x, level), seed=seed, draws=draws)
    rows: list[int] = []
    for share in LOOKS:
        belief = prior.after(np.array(rows, dtype=int), pool.y[rows], seed=seed)
        open_ = free.copy()
        open_[rows] = False
        left = budget - pool.costs[rows].sum()
        proposed = pick(belief, pool.costs, left, open_)
        spent = pool.costs[rows].sum()
        for i in proposed:
            if share < 1 and spent + pool.costs[i] > share * budget and len(rows) > len(prior.mean):
                break
            rows.append(i)
            spent += pool.costs[i]
    return rows


METHODS: dict[str, Method] = {
    "random": random,
    "cheapest": cheapest,
    "inverse cost": inverse_cost,
    "D-optimal": d_optimal,
    "V-optimal": v_optimal,
    "ours": ours,
}


def error(pool: Pool, rows: list[int]) -> float:
    """Root mean square log error at the target of the law fitted to these rows.

    Rows too few for a fit are predicted from by the law's likeliest parameters, given the guess
    that `Belief` starts from; it is the same for all methods.
    """
    y, at = np.log(pool.y), np.flatnonzero(pool.target)
    frame = pd.DataFrame({k: v[rows] for k, v in pool.x.items()} | {"L": pool.y[rows]})
    try:
        table = analysis.checked(frame, {k: k for k in frame})
        fit = analysis.fit(pool.law, table, bootstrap=0)
        predicted = np.log(fit.predict({k: v[at] for k, v in pool.x.items()}).center)
    except LabError:
        prior = Belief.prior(Problem(laws.get(pool.law), pool.x, np.ones(len(y))))
        belief = prior.after(np.array(rows, dtype=int), pool.y[rows])
        part = belief.problem.part(at)
        predicted = residuals.residuals(part, belief.best) + np.log(part.y)
    if not rows:  # nothing could be bought, whatever the method
        predicted = y.mean()
    return float(np.sqrt(np.mean((predicted - y[at]) ** 2)))


def main() -> None:
    parser = argparse.ArgumentParser(description="Error at a costly target, by how runs are chosen")
    parser.add_argument("--repeats", type=int, default=10)
    parser.add_argument("--simulated", type=int, default=20, help="simulated pools")
    parser.add_argument("--seed", type=int, default=0, help="of the simulated pools")
    parser.add_argument("--pools", nargs="*", default=(), help="pools whose names begin so")
    parser.add_argument("--methods", nargs="*", default=list(METHODS))
    parser.add_argument("--to", type=Path, help="CSV of all errors, written after each repeat")
    asked = parser.parse_args()
    every = [*(published() if PUBLISHED.is_dir() else ()), *simulated(asked.simulated, asked.seed)]
    pools = [one for one in every if one.name.startswith(tuple(asked.pools or [""]))]
    steps = [(repeat, one) for repeat in range(asked.repeats) for one in pools]
    found = []
    for repeat, one in track(steps, console=Console(stderr=True)):
        free = (np.random.default_rng(repeat).random(len(one.y)) < 0.8) & ~one.target
        for share in SHARES:
            budget = share * one.costs[free].sum()
            for name in asked.methods:
                rows = METHODS[name](one, free, budget, repeat)
                found.append((one.name, share, name, repeat, len(rows), error(one, rows)))
        if asked.to and one is pools[-1]:
            frame_of(found).to_csv(asked.to, index=False)
    show(frame_of(found), asked.methods)


def frame_of(found: list[tuple]) -> pd.DataFrame:
    """A row for each pool, budget, method and repeat."""
    return pd.DataFrame(found, columns=["pool", "share", "method", "repeat", "runs", "error"])


def show(frame: pd.DataFrame, methods: list[str]) -> None:
    """Print mean errors in percent as rows of a table: by kind of pool, then over all pools."""
    kind = frame["pool"].where(~frame["pool"].str.startswith("simulated"), "simulated")
    print(f"| pool | budget | {' | '.join(methods)} |")
    print("|---" * (len(methods) + 2) + "|")
    for name, part in [*frame.groupby(kind), ("all pools", frame)]:
        for share, some in part.groupby("share"):
            # Each pool counts once.
            means = some.groupby(["method", "pool"])["error"].mean().groupby("method").mean()
            shown = " | ".join(f"{100 * means[method]:.2f}" for method in methods)
            print(f"| {name} | {share:.0%} | {shown} |")


if __name__ == "__main__":
    main()
