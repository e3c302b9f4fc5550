"""Checks the declared costs of runs, once for every static choice.

The commands `plan` and `run` do so before anything trains; `scaling_lab.run` itself does not.

N is compared group by group with the shapes of the parameters that are trained, and must agree
exactly. The FLOP of one training step, as declared and without the gradient with respect to the
data, which no program computes, is compared with the matrix products in the step's trace (see
`products` for what counts), and must agree within 5 percent. The same rule holds for all models and
learners, those of plugins included.

Nothing is compiled; a trace takes tenths of a second. Counts are kept in the user's cache under a
digest of the static choice, its source files and the package versions, so the next plan of the same
grid only compares numbers.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cache
from pathlib import Path

import jax
import numpy as np

from .. import config, counting, observables, parametrization, products, source_digest
from ..config import Run
from ..counting import StepCost
from ..errors import LabError
from ..learners import BoundLearner, Traced, Tree
from ..storage import parameters
from ..storage.atomic import write_whole
from ..storage.cache import cache_path
from . import provenance
from .training import feed

TOLERANCE = 0.05  # of the FLOP of a step
VERSION = 1  # raise it when the same step would be counted differently

PACKAGE = Path(__file__).resolve().parent.parent
# The code of a step in this package.
ROOMS = ("models", "layers", "learners", "observables", "environments", "images", "text")
FILES = (
    "products.py",
    "counting.py",
    "optim.py",
    "parametrization.py",
    "shuffle.py",
    "stream.py",
    "examples.py",
)


@dataclass(frozen=True)
class Counted:
    """The counts of one step.

    N: parameters by group. flop: of the step's matrix products. hidden: names of operations whose
    products cannot be counted. metrics: names of the learner's metrics, or None if they are unknown
    until its evaluation data are prepared. open: whether more metrics come at the end of a run.
    shapes: of the parameters, by path.
    """

    N: Mapping[str, int]
    flop: float
    hidden: list[str]
    metrics: list[str] | None
    open: bool
    shapes: Mapping[str, Sequence[int]]


@dataclass
class Report:
    """What the check found: notes on what could not be checked, and names of metrics.

    metrics: names of all learners' metrics. complete: whether no others are possible. shapes:
    program -> path -> shape of its parameters.
    """

    notes: list[str] = field(default_factory=list)
    metrics: set[str] = field(default_factory=set)
    complete: bool = True
    shapes: dict[str, Mapping[str, Sequence[int]]] = field(default_factory=dict)


class Unchecked(Exception):
    """A step that cannot be traced now; the message says why."""


def check(runs: Iterable[Run]) -> Report:
    """Compare declared with counted costs, once for each static choice.

    Raises LabError for the first wrong cost, with the group, both numbers and what to do.
    """
    report, shapes = Report(), {}
    sources = cache(_sources)  # of a class, once for all programs
    programs: dict[str, dict[Sequence[float], Run]] = {}
    for run in runs:
        programs.setdefault(config.program_key(run), {})[run.recipe.targets] = run
    for key, alike in programs.items():
        run = next(iter(alike.values()))
        observables.bound(run)  # or it says why the run cannot be measured
        try:
            counted = _counted(observables.without(run), shapes, sources)
        except Unchecked as reason:
            report.complete = False
            note = f"the declared cost is not checked: {reason}"
            if note not in report.notes:
                report.notes.append(note)
            continue
        report.shapes[key] = counted.shapes
        report.metrics |= set(counted.metrics or ())
        for one in alike.values():
            report.metrics |= set(observables.names(one, counted.metrics or ()))
        report.complete &= counted.metrics is not None and not counted.open
        declared = run.learner.cost(run)
        _compare_parameters(run, declared, counted)
        if counted.hidden:
            report.notes.append(
                f"the FLOP of {_shown(run)} are not checked: {', '.join(counted.hidden)} in its "
                "step cannot be counted; N is right"
            )
        else:
            _compare_flop(run, declared, counted)
    return report


def _compare_parameters(run: Run, declared: StepCost, counted: Counted) -> None:
    for group in counting.GROUPS:
        said, found = declared.N.get(group, 0), counted.N.get(group, 0)
        if said != found:
            raise LabError(
                f"the cost of {_shown(run)} is wrong: N of group '{group}' is declared as {said:,} "
                f"and the parameters count {found:,}; {_remedy(run)}"
            )


def _compare_flop(run: Run, declared: StepCost, counted: Counted) -> None:
    said = declared.total - declared.input_gradient
    if abs(said - counted.flop) <= TOLERANCE * counted.flop:
        return
    raise LabError(
        f"the cost of {_shown(run)} is wrong: a step is declared as {said:.4g} FLOP without the "
        f"gradient of its inputs and {counted.flop:.4g} are counted{_part(run)}; {_remedy(run)}"
    )


def _part(run: Run) -> str:
    """Where the wrong FLOP are: in a part of the model's own cost, or in the learner's."""
    spec = run.learner.spec(run)
    try:
        said, found = counting.cost_of(run.model, spec), counting.counted(run.model, spec)
    except LabError:
        return ""
    apart = {
        part: abs(said.forward.get(part, 0.0) - found.forward[part]) for part in counting.PARTS
    }
    part = max(apart, key=lambda part: apart[part])
    if apart[part] > TOLERANCE * sum(found.forward.values()):
        return (
            f" (group '{part}' of the forward pass on one example: declared "
            f"{said.forward.get(part, 0.0):.4g}, counted {found.forward[part]:.4g})"
        )
    if abs(said.input_gradient - found.input_gradient) > TOLERANCE * sum(found.forward.values()):
        return (
            f" (input_gradient of one example: declared {said.input_gradient:.4g}, counted "
            f"{found.input_gradient:.4g})"
        )
    return " (the model's own cost is right; the learner's is wrong)"


def _remedy(run: Run) -> str:
    if not hasattr(run.model, "cost"):
        return f"correct {type(run.learner).__name__}.cost"
    return (
        f"correct {type(run.model).__name__}.cost or {type(run.learner).__name__}.cost, or remove "
        "the model's to have it counted"
    )


def _shown(run: Run) -> str:
    return f"{run.model} with {type(run.learner).__name__}"


def _counted(run: Run, shapes: dict[str, Tree], sources: Callable[..., str | None]) -> Counted:
    """The counts of a run's step, cached or new.

    shapes: those of the data loaded so far. sources: `_sources`.
    """
    place = None
    if (key := _digest(run, sources)) is not None:
        with contextlib.suppress(LabError):  # without a home folder there is no cache
            place = cache_path("costs", f"{key}.json")
    if place is not None:
        with contextlib.suppress(OSError, ValueError, TypeError):
            return Counted(**json.loads(place.read_text()))
    found = _count(run, shapes)
    if place is not None:
        with contextlib.suppress(LabError):  # or it is not writable
            write_whole(place, json.dumps(asdict(found)).encode())
    return found


def _count(run: Run, shapes: dict[str, Tree]) -> Counted:
    learner = run.learner.bind(run)
    data = _data_shapes(run, learner, shapes)
    traced = {
        path: jax.ShapeDtypeStruct((), dtype) for path, dtype in config.traced_dtypes(run).items()
    }
    static = parametrization.given(run.model)
    key = jax.eval_shape(lambda: jax.random.key(0))

    def init(key: jax.Array, traced: Traced, data: Tree) -> Tree:
        return learner.init(key, {**traced, **static, "data": data})

    def step(state: Tree, key: jax.Array, traced: Traced, data: Tree) -> Tree:
        return learner.step(state, key, {**traced, **static, "data": data})

    def evaluate(state: Tree, traced: Traced, data: Tree) -> Tree:
        return learner.evaluate(state, {**traced, **static, "data": data})

    try:
        state = jax.eval_shape(init, key, traced, data)
        params = jax.eval_shape(learner.params, state)
        found = products.count(step, state, key, traced, data)
        metrics = None
        if learner.step_data is None:
            metrics = sorted(jax.eval_shape(evaluate, state, traced, data))
    except LabError:
        raise
    except Exception as error:
        said = (str(error).strip().splitlines() or ["no message"])[0][:300]
        raise LabError(
            f"a step of {_shown(run)} cannot be traced: {type(error).__name__}: {said}; "
            "correct the model or the learner"
        ) from error
    return Counted(
        N=counting.by_group(params),
        flop=found.flop,
        hidden=sorted(found.hidden),
        metrics=metrics,
        open=learner.final_metrics is not None,
        shapes={path: [*leaf.shape] for path, leaf in parameters.leaves(params).items()},
    )


def _data_shapes(run: Run, learner: BoundLearner, shapes: dict[str, Tree]) -> Tree:
    """Shapes and dtypes of what `step` reads. Raises Unchecked if the data are not here."""
    parts = config.to_dict(run)
    name = json.dumps([parts["data"], parts["learner"], run.recipe.batch_size])
    if name not in shapes:
        locate = getattr(run.data, "location", None)
        if locate is not None and locate() is None:
            raise Unchecked(f"the data {parts['data']['name']} are not here")
        feed.require_stream(run, learner)
        try:
            arrays = (learner.step_data or learner.data)()
            streamed = feed.chunk_shapes(learner.stream(run)) if learner.stream else None
        except LabError as error:
            raise Unchecked(str(error)) from error
        shapes[name] = jax.tree.map(
            lambda leaf: jax.ShapeDtypeStruct(np.shape(leaf), np.asarray(leaf).dtype), arrays
        )
        if streamed:
            shapes[name] |= {"train": streamed}
    return shapes[name]


def _digest(run: Run, sources: Callable[..., str | None]) -> str | None:
    """Digest of everything that decides the counts; None if a class has no file (notebooks)."""
    classes = [type(part) for part in (run.learner, run.model, run.data)]
    code = sources(*(cls for cls in classes if cls is not type(None)))
    if code is None:
        return None
    return config.digest(
        {
            "version": VERSION,
            "static": dict(config.static(run)),
            "classes": [str(cls) for cls in classes],
            "spec": repr(run.learner.spec(run)),
            "sources": code,
            "versions": provenance.versions(),
        }
    )


def _sources(*classes: type) -> str | None:
    """Digest of the source files behind a step: ours, and all of the packages of the run's parts.

    Of an experiment's own parts, the files that they import. None if a class has no file.
    """
    files = [PACKAGE / name for name in FILES]
    for room in ROOMS:
        files += sorted((PACKAGE / room).glob("*.py"))
    for cls in classes:
        own = source_digest.files([cls])
        if own is None:
            return None
        files += sorted(file for file in own if PACKAGE not in file.parents)
        top = sys.modules.get(cls.__module__.partition(".")[0])
        if top is not None and top.__name__ != PACKAGE.name:
            for home in getattr(top, "__path__", ()):
                files += sorted(Path(home).rglob("*.py"))
    found = hashlib.sha256()
    for file in files:
        with contextlib.suppress(OSError):
            found.update(file.read_bytes())
    return found.hexdigest()
