"""Next runs: which runs to do next, given those recorded.

    next_runs(claim, rows, recorded, done, count=3)       of an experiment's grid, for a claim
    runs_for("chinchilla", table, target="C > 1e21", budget=1e20)     of any table, for its losses

Runs are chosen one after the other by how much they lower the expected error of what is wanted (a
claim's parameter or value, or the losses of a region) for their cost: see `field` and `choice`. For
a budget alone, no run is chosen that would raise it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd

from scaling_lab import conditions
from scaling_lab.claim import Claim
from scaling_lab.errors import LabError

from .. import claims, laws
from ..fitting.fit import fit
from ..fitting.problem import Problem
from ..tables import Table, as_table
from . import chances, information, pilot
from .belief import Belief
from .choice import ENOUGH, POWERS
from .choice import choose as choose_runs
from .field import Field
from .planned_cells import SEEDS, of_rows
from .tables_ahead import response

__all__ = ["NextRuns", "next_runs", "runs_for"]

LEVELS = 8  # of a variable that has too many values in a table to be its levels
MANY = 12
EACH = (0.5,)  # power of the cost that a gain is divided by where a number of runs is asked for
BEYOND = 4  # steps of the spacing by which candidates and targets reach beyond a table
TARGETS = 60
SIMULATIONS = 20


@dataclass(frozen=True)
class NextRuns:
    """Chosen runs, in the order of choice.

    runs         a row each: the law's variables, cost, and the run's name where it has one
    wanted       what they are to tell
    before, after    expected error of that, without and with them: a standard deviation, of the
                 logarithm for a loss; it allows for a law that is off (see `field`)
    rehearsed    root mean square error of simulated tables fitted with them; NaN if none were
    names        the names of the planned runs of each row
    """

    runs: pd.DataFrame
    wanted: str
    before: float
    after: float
    rehearsed: float = math.nan
    simulations: int = 0
    names: tuple[tuple[str, ...], ...] = ()

    @property
    def text(self) -> str:
        """The runs as a table, and what they are worth."""
        lines = [self.runs.to_string(index=False, float_format=lambda v: f"{v:.3g}")]
        lines.append(
            f"expected error of {self.wanted}: {self.before:.2g} now, {self.after:.2g} after them"
        )
        if self.simulations:
            lines.append(
                f"{self.simulations} simulated tables with them, fitted: {self.rehearsed:.2g}"
            )
        return "\n".join(lines)

    def card(self) -> dict[str, Any]:
        """The same as JSON; numbers that are not known are null."""
        numbers = {"before": self.before, "after": self.after, "rehearsed": self.rehearsed}
        known = {k: v if math.isfinite(v) else None for k, v in numbers.items()}
        runs = self.runs.to_dict(orient="records")
        return {"runs": runs, "wanted": self.wanted, "simulations": self.simulations} | known


def next_runs(
    claim: Claim | Mapping[str, Any],
    rows: Any,
    recorded: Any,
    done: Iterable[str],
    count: int | None = 1,
    *,
    budget: float = math.inf,
    choose: Sequence[str] = (),
    seed: int = 0,
    whole: bool = False,
) -> NextRuns:
    """The runs of the grid to do next for a claim about a law's parameter or value.

    rows       the planned runs (pandas), a row each, with `run`, C and so on
    recorded   the chosen rows of the recorded runs, one a seed
    done       names of the runs that need not be done
    count      how many cells of one seed; of a sweep each is all its runs. None: all in the budget
    budget     in FLOP
    whole      cells are those of all seeds together

    Raises LabError if the claim is of another kind, or nothing is left to do within the budget.
    """
    given = asdict(claim) if isinstance(claim, Claim) else claim
    held = claims.completed(given)
    if held["kind"] not in ("parameter", "value") or held["law"] not in laws.names():
        raise LabError(
            f"claim '{held['name']}' is not about a law; runs are chosen for claims about a "
            "parameter, or a value that a law predicts"
        )
    law, mine = laws.get(held["law"]), chances.selected(held, rows, "where")
    columns = of_rows(held, mine, choose).columns
    left = mine[~mine["run"].isin(set(done))]
    repeated = () if whole else SEEDS
    seeds = [name for name in repeated if name in left and mine[name].nunique() > 1]
    keys = [*columns.values(), *seeds]
    found = left.groupby(keys, dropna=False, sort=True)
    cost = found["C"].sum().to_numpy("float64")
    names = [tuple(some) for some in found["run"].agg(list)]
    index = found.size().index.to_frame(index=False)
    if not len(index) or not (cost <= budget).any():
        raise LabError(f"no run of claim '{held['name']}' is left to do within the budget")
    x = {name: index[column].to_numpy("float64") for name, column in columns.items()}
    known = chances.pilot_of(held, recorded, "where")
    belief, points = pilot.belief_of(law, x, known, seed)
    side = pilot.side_of(belief, points)
    gradient, *_ = information.aim(held, side, belief.best)
    field = Field.of(belief, None, gradient[None])
    free = np.zeros(len(belief.problem), dtype=bool)
    free[:points] = True
    costs = np.concatenate([cost, np.full(len(belief.problem) - points, np.inf)])
    total = min(budget, float(cost.sum()))
    taken = choose_runs(field, costs, total, free, EACH, most=count, least=_wanting(belief))
    runs = index.iloc[taken].assign(cost=cost[taken], runs=[", ".join(names[i]) for i in taken])
    after = field
    for row in taken:
        after = after.after(row)
    wanted = held["parameter"] or "the value"
    errors = (math.sqrt(field.uncertainty), math.sqrt(after.uncertainty))
    return NextRuns(runs, wanted, *errors, names=tuple(names[i] for i in taken))


def runs_for(
    law: str,
    table: Table | pd.DataFrame,
    *,
    target: str,
    budget: float = math.inf,
    count: int | None = None,
    simulations: int = SIMULATIONS,
    seed: int = 0,
    progress: Callable[[Iterable[int]], Iterable[int]] = iter,
) -> NextRuns:
    """The runs to do next so that a law fitted to the table and to them predicts a region.

    target     a condition on N, D, C and other roles that holds in the region, such as "C > 1e21";
               no run is proposed there
    budget     in FLOP, 6 N D a run; for a law of one variable in its unit
    count      the most runs

    Candidates are the table's levels, those between them, and some beyond. Raises LabError if the
    region is empty, no candidate is within the budget, or none would help.
    """
    form, points = laws.get(law), as_table(table)
    roles = [role for role in points.columns if role in form.variables or form.variables == ("x",)]
    names = [r for r in roles if r not in ("L", "weight", "noise")]
    if form.variables == ("x",) and len(names) > 1:
        raise LabError(f"{law} takes one variable, and the table has {', '.join(names)}; give one")
    frame = points.frame
    grid = np.meshgrid(*[_levels(frame[name].to_numpy()) for name in names], indexing="ij")
    places = pd.DataFrame(dict(zip(names, map(np.ravel, grid), strict=True)))
    cost = places.prod(axis=1).to_numpy() * (6 if {"N", "D"} <= set(names) else 1)
    asked = places.assign(**({} if "C" in places else {"C": cost}))
    wanted = conditions.parse(target).mask(asked)
    if not wanted.any() or wanted.all():
        which = "none" if not wanted.any() else "all"
        raise LabError(f'"{target}" holds at {which} of the candidates; choose another region')
    x = {name: places[role].to_numpy() for name, role in zip(form.variables, names, strict=True)}
    known = pilot.Pilot.of_columns(
        {name: frame[role].to_numpy() for name, role in zip(form.variables, names, strict=True)},
        frame["L"].to_numpy(),
    )
    belief, there = pilot.belief_of(form, x, known, seed)
    rows = np.flatnonzero(wanted)
    random = np.random.default_rng(seed)
    targets = np.sort(random.permutation(rows)[:TARGETS])
    field = Field.of(belief, targets)
    free = np.concatenate([~wanted, np.zeros(len(belief.problem) - there, dtype=bool)])
    costs = np.concatenate([cost, np.full(len(free) - there, np.inf)])
    if not (costs[free] <= budget).any():
        raise LabError(f"no run costs {budget:.2g} or less; the cheapest costs {cost.min():.2g}")
    if math.isinf(budget) and count is None:
        raise LabError("give a budget, or how many runs")
    total, powers = min(budget, costs[free].sum()), POWERS if count is None else EACH
    taken = choose_runs(field, costs, total, free, powers, most=count, least=_wanting(belief))
    if not taken:
        raise LabError(
            f"no run of {budget:.2g} or less would predict the losses where {target} better than "
            "the table does; give a larger budget, or say how many runs are wanted"
        )
    after = field
    for row in taken:
        after = after.after(row)
    error = math.nan
    if simulations:
        error = _rehearsed(belief, known, taken, targets, simulations, seed, progress)
    return NextRuns(
        places.iloc[taken].assign(cost=cost[taken]),
        f"the losses where {target}",
        math.sqrt(field.uncertainty),
        math.sqrt(after.uncertainty),
        error,
        simulations,
    )


def _wanting(belief: Belief) -> int:
    """How many runs a fit still lacks."""
    return max(ENOUGH * belief.problem.free - len(belief.seen), 0)


def _levels(values: np.ndarray) -> np.ndarray:
    """A table's levels with those between them, and some beyond."""
    have = np.unique(values)
    if len(have) < 2:
        raise LabError("a variable of the table has one level; give it two or more")
    if len(have) > MANY:
        have = np.geomspace(have[0], have[-1], LEVELS)
    step = (have[-1] / have[0]) ** (1 / (len(have) - 1))
    between = np.sqrt(have[1:] * have[:-1])
    above = have[-1] * step ** np.arange(1, BEYOND + 1)
    return np.sort(np.concatenate([have, between, above, [have[0] / step]]))


def _rehearsed(
    belief: Belief,
    known: pilot.Pilot,
    taken: Sequence[int],
    targets: np.ndarray,
    count: int,
    seed: int,
    progress: Callable[[Iterable[int]], Iterable[int]],
) -> float:
    """Root mean square log error at the targets, of the law fitted to simulated tables."""
    random, errors, problem = np.random.default_rng(seed), [], belief.problem
    x = {n: np.concatenate([known.x[n], problem.x[n][list(taken)]]) for n in known.x}
    whole = Problem(problem.law, x, np.ones(len(known.losses) + len(taken)))
    aim = problem.part(targets)
    for _ in progress(range(count)):
        theta = belief.theta[int(random.integers(len(belief.theta)))]
        mean = response(whole, theta) + belief.noise * random.standard_normal(len(whole))
        columns = {"D" if name == "x" else name: x[name] for name in x}
        found = fit(problem.law, pd.DataFrame(columns | {"L": np.exp(mean)}), bootstrap=0)
        at = {"D" if name == "x" else name: values for name, values in aim.x.items()}
        apart = np.log(found.predict(at).center) - response(aim, theta)
        errors.append(np.mean(apart**2))
    return float(np.sqrt(np.mean(errors)))
