"""Runs that start from the kept parameters of others.

An array of the parent is taken where the run has one of the same path and shape. The others keep
their initialisation: the head for another number of classes, for example.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import jax

from .. import config, identity, registry
from ..config import Parent, Run
from ..errors import LabError
from ..grid import GridPoint
from ..learners import Params
from ..plan import state_of
from ..storage import parameters
from ..storage.objects import pull
from ..storage.records import Store
from .training.program import Carry, Program

Shapes = Mapping[str, Sequence[int]]  # path of an array -> its shape


class Inherited(NamedTuple):
    """What a run takes from its parent: the share of its N, and the arrays that stay its own."""

    share: float
    new: tuple[str, ...]


def require_parents(cells: Iterable[GridPoint], results: Path) -> None:
    """Raise LabError, in one line, for the first run whose parent is stale or missing."""

    @cache
    def recorded(experiment: str) -> Mapping[str, Mapping[str, Any]]:
        pull.tables(results / experiment)
        return Store(results / experiment, experiment).survey(*identity.COLUMNS).rows

    first: dict[Parent, str] = {}
    for cell in cells:
        if cell.run.parent is not None:
            first.setdefault(cell.run.parent, cell.name)
    for parent, name in first.items():
        if wrong := _wrong(parent, recorded(parent.experiment).get(parent.run), results):
            raise LabError(f"{name} starts from {parent}, {wrong}")


def described(
    cells: Iterable[GridPoint], shapes: Mapping[str, Shapes], results: Path
) -> Iterator[str]:
    """What runs take from their parents, a line for each parent experiment.

    shapes: program -> shapes of its parameters, of the programs where they are known. A parent that
    is missing is left out. Raises LabError if a run can take nothing from its parent.
    """
    found: dict[str, dict[tuple[str, Parent], list[GridPoint]]] = {}
    for cell in cells:
        if (parent := cell.run.parent) is not None:
            alike = found.setdefault(parent.experiment, {})
            alike.setdefault((config.program_key(cell.run), parent), []).append(cell)
    for name, alike in found.items():
        runs, starts = sum(map(len, alike.values())), {parent for _, parent in alike}
        line = f"{runs} runs start from {len(starts)} kept runs of {name}"
        taken = [
            inherited(cells[0].run, shapes[program], results)
            for (program, parent), cells in alike.items()
            if program in shapes and there(parent, results)
        ]
        if taken:
            new = dict.fromkeys(path for one in taken for path in one.new)
            least, most = (f"{f(one.share for one in taken):.3g}" for f in (min, max))
            span = least if least == most else f"{least} to {most}"
            line += f"; share of N taken: {span}; new: {', '.join(new) or 'nothing'}"
        yield f"{line}."


def _wrong(parent: Parent, recorded: Mapping[str, Any] | None, results: Path) -> str:
    """What is wrong with a parent and what to do about it; "" if nothing is."""
    folder, name = results / parent.experiment, parent.experiment
    if recorded is None:
        return f"which is not recorded in {folder}; first: scaling-lab run {name}"
    stale = recorded["fingerprint"] != parent.fingerprint
    if parent.defined is not None:  # its defaults and its data count as well
        stale = state_of(recorded, identity.of(parent.defined), results) == "stale"
    if stale:
        return (
            f"which was recorded in {folder} under another definition; see 'scaling-lab status "
            f"{name}', then: scaling-lab run {name} --retrain"
        )
    if recorded["status"] != "done":
        return f"which ended as {recorded['status']} ({recorded['reason']}); choose another parent"
    if not there(parent, results):
        place = parameters.path(folder, parent.fingerprint, parent.step)
        return (
            f"and {place} does not exist; select it in the 'keep' of {name}, and train it into "
            "another --results, or put the file back"
        )
    return ""


def inherited(run: Run, shapes: Shapes, results: Path) -> Inherited:
    """What a run with a parent takes from it; nothing but the headers of its arrays is read.

    shapes: of the run's own parameters. Raises LabError if it can take nothing.
    """
    parent = run.parent
    assert parent is not None
    if run.learner.bind(run).with_params is None:
        raise LabError(
            f"learner {registry.name_of(run.learner)} cannot start from {parent}: its BoundLearner "
            "has no with_params; give it one, or leave parent out"
        )
    theirs = parameters.shapes(results / parent.experiment, parent.fingerprint, parent.step)
    new = tuple(path for path, shape in shapes.items() if theirs.get(path) != tuple(shape))
    size = {path: math.prod(shape) for path, shape in shapes.items()}
    share = 1 - sum(size[path] for path in new) / sum(size.values())
    if len(new) == len(shapes):
        raise LabError(
            f"a {registry.name_of(run.model)} can take nothing from {parent}: no array has the "
            "same path and shape in both; give both runs the same model"
        )
    return Inherited(share, new)


def shares(program: Program, runs: Sequence[Run], results: Path) -> dict[Run, float]:
    """Run -> share of its N that it takes from its parent, for those that have one."""
    return {run: inherited(run, program.shapes, results).share for run in runs if run.parent}


def there(parent: Parent, results: Path) -> bool:
    """Whether the parameters of a parent are kept; fetches them if they are in an object store."""
    file = parameters.path(results / parent.experiment, parent.fingerprint, parent.step)
    pull.file(file)
    return file.exists()


def content(parent: Parent, results: Path) -> str | None:
    """Digest of the parameters that a parent kept; None if they are gone."""
    return parameters.content(results / parent.experiment, parent.fingerprint, parent.step)


def load(parent: Parent, results: Path) -> Params:
    """The parameters that a parent kept."""
    return parameters.load(results / parent.experiment, parent.fingerprint, parent.step)


def replaced(program: Program, carry: Carry, given: Sequence[Params | None]) -> Carry:
    """The ensemble with the arrays that its runs take from these parameters, if any, by place."""
    learner = program.learner
    assert learner.with_params is not None
    with jax.transfer_guard("allow"):
        own = jax.device_get(jax.vmap(learner.params)(carry.state))
        # Each of shape (width, ...), and writable.
        stacked = {path: leaf.copy() for path, leaf in parameters.leaves(own).items()}
        for at, params in enumerate(given):
            for path, leaf in parameters.leaves(params or {}).items():
                if path in stacked and stacked[path].shape[1:] == leaf.shape:
                    stacked[path][at] = leaf
        state = jax.vmap(learner.with_params)(carry.state, parameters.tree(stacked))
        # No two arrays of the carry, which the next chunk is given for good, may share a buffer.
        state = jax.tree.map(
            lambda leaf, like: jax.device_put(leaf, like.sharding, may_alias=False),
            state,
            program.empty.state,
        )
    return carry._replace(state=state)
