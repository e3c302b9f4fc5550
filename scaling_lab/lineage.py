"""Grids of runs that start from the kept parameters of another experiment.

    grid = product(
        parents("e02_mnist_mlp", "D == max(D) and seed == 0", ["N"]),
        axis("D", [100, 1_000]),
    )

Parents are chosen by the other experiment's definition, never by its results, so a grid is the same
wherever it is planned. Only runs that its sweeps have added are found in its results, if these are
named. `plan` and `run` check that parents are recorded and their parameters kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from . import conditions, config, experiment, sweeps
from .config import Parent
from .counting import StepCost
from .errors import LabError, unknown
from .grid import GridPoint, Points
from .storage.records import Store

__all__ = ["parents"]


def parents(
    name: str,
    where: str = "",
    axes: Sequence[str] = (),
    *,
    step: int = 0,
    results: str | Path | None = None,
) -> Points:
    """One point for each kept run of another experiment: the axis `parent`, and others of its own.

    A run that starts from a parent has its model. name: of the experiment, beside the file that is
    being loaded or in ./experiments. where: a condition on its axes, its fields and N that selects
    among the runs that its `keep` selects; "" for all of them. axes: those of its axes whose values
    the points take over. step: of the snapshots to start from; 0 for the end. results: the folder
    whose records say which runs the other experiment's sweeps have added; None leaves these out.
    Raises LabError if no run is selected, and for an experiment that starts from itself.
    """
    found = experiment.load(name)
    if results is not None:
        rows = Store(Path(results) / found.name, found.name).survey(sweeps.metric_of(found)).rows
        found = sweeps.extended(found, rows)
    kept = found.kept(found.cells)
    cells = [cell for cell in found.cells if cell.run in kept]
    if not cells:
        raise LabError(
            f"{found.file} keeps the parameters of no run; select those to start from in its 'keep'"
        )
    chosen = _selected(cells, where, found.name) if where else cells
    if not chosen:
        raise LabError(
            f"parents('{name}', '{where}') selects none of the {len(cells)} runs of {found.name} "
            "that are kept; correct the condition, or the 'keep' there"
        )
    snapshots = found.snapshots_of(found.cells)
    points = []
    for cell in chosen:
        if step and step not in (have := snapshots.get(cell.run, ())):
            raise LabError(
                f"{cell.name} of {found.name} has no snapshot after {step} steps; give one of "
                f"those it has ({', '.join(map(str, have)) or 'none'})"
            )
        if absent := [axis for axis in axes if axis not in cell.axes]:
            raise unknown(f"axis of {found.name}", absent[0], cell.axes)
        parent = Parent(
            experiment=found.name,
            run=cell.name,
            fingerprint=config.fingerprint(cell.run),
            step=step,
            defined=cell.run,
        )
        points.append({**{axis: cell.axes[axis] for axis in axes}, "parent": parent})
    return tuple(points)


def _selected(cells: Sequence[GridPoint], where: str, name: str) -> list[GridPoint]:
    """The cells for which a condition on their axes, their fields and N holds."""
    costs: dict[str, StepCost] = {}
    rows = []
    for cell in cells:
        key = config.program_key(cell.run)
        if key not in costs:
            costs[key] = cell.run.learner.cost(cell.run)
        fields = {path.removeprefix("recipe."): v for path, v in config.flat(cell.run).items()}
        targets = {f"{axis}_target": v for axis, v in cell.axes.items() if axis in ("N", "D", "C")}
        rows.append({**fields, "N": costs[key].parameters, **targets})
    names = {name for row in rows for name in row}
    columns = {name: [row.get(name) for row in rows] for name in names}
    try:
        mask = conditions.parse(where).mask(columns)
    except LabError as error:
        raise LabError(f"the condition of parents('{name}', ...): {error}") from error
    return [cell for cell, true in zip(cells, mask, strict=True) if true]
