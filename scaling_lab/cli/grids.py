"""Verbs for grids: plan, run, status."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Annotated

import typer

from ..errors import LabError
from . import RESULTS, Folder, app, backends, output
from .console import seldom_collecting

Name = Annotated[
    str, typer.Argument(metavar="EXPERIMENT", help="A path, or a name in ./experiments.")
]
Overrides = Annotated[
    list[str] | None,
    typer.Option("--override", "-o", help="Set an axis: `D=100,1000`. Repeatable."),
]
Only = Annotated[
    str | None,
    typer.Option(help="A condition on the axes that selects runs: `N == 600 and D == max(D)`."),
]


@app.command()
@seldom_collecting()
def plan(
    experiment: Name,
    results: Folder = RESULTS,
    override: Overrides = None,
    only: Only = None,
) -> None:
    """Show what a grid will run: N, D and C of its runs, programs, cost, and what is done.

    Examples:

        scaling-lab plan e01_digits_mlp

        scaling-lab plan experiments/e02_mnist_mlp.py --override D=100,1000 -o seed=0

        scaling-lab plan e01_digits_mlp --only "D == max(D) and seed == 0"
    """
    from . import definitions

    began = definitions.now()
    found, cells = cells_of(experiment, override, only, results)
    from .. import identity
    from ..plan import make
    from ..storage.records import Store
    from . import chances, kept_parameters, plans
    from .console import pulled

    report = check(found, cells)
    now = identity.identities(cells)
    if override is None and only is None:
        definitions.remember(found, now, began)  # for `status`
    folder = pulled(results / found.name)
    made = make(found.name, cells, Store(folder, found.name), now)
    asked = {cell.name for cell in (*found.cells, *cells)}
    beyond = [name for name in made.recorded if name not in asked]
    plans.plan(found, made, beyond, folder)
    chances.show(found, made, folder)
    kept_parameters.show(found, made, report.shapes, results)


@app.command()
def run(
    experiment: Name,
    results: Folder = RESULTS,
    override: Overrides = None,
    only: Only = None,
    limit: Annotated[int | None, typer.Option(help="Train at most this many runs.", min=1)] = None,
    width: Annotated[
        int | None, typer.Option(help="Runs per ensemble; by default measured.", min=1)
    ] = None,
    workers: Annotated[
        int | None, typer.Option(help="Ensembles trained in parallel.", min=1)
    ] = None,
    retrain: Annotated[
        bool,
        typer.Option("--retrain", help="Retrain runs that are recorded under another definition."),
    ] = False,
    until_decided: Annotated[
        bool,
        typer.Option(
            "--until-decided", help="Stop at the registered look at which every claim is decided."
        ),
    ] = False,
    budget: Annotated[
        str | None, typer.Option(help="For --until-decided: `1e14` (FLOP) or `600s`.")
    ] = None,
    backend: Annotated[
        str, typer.Option(help="Where to train: local, process, ray or slurm.")
    ] = "local",
    address: Annotated[
        str, typer.Option(help="Address of a running cluster, for the backend `ray`.")
    ] = "",
    option: Annotated[
        list[str] | None,
        typer.Option(
            "--backend-option", help="Set an option of the backend: `gpus=1`. Repeatable."
        ),
    ] = None,
) -> None:
    """Train the runs that are missing. After an interruption, `run` continues where it stopped.

    If its output cannot be written any more (a closed terminal, a full disk), training goes on.

    Examples:

        scaling-lab run e01_digits_mlp

        scaling-lab run e02_mnist_mlp --results /data/results --override seed=0 --limit 10

        scaling-lab run e01_digits_mlp --only "N == min(N) and D == 1000"

        scaling-lab run e01_digits_mlp --until-decided --budget 1e12

        scaling-lab run e02_mnist_mlp --backend ray --address auto

        scaling-lab run e02_mnist_mlp --backend slurm --backend-option partition=gpu
    """
    output.outlast()
    from . import definitions

    began = definitions.now()
    found, cells = cells_of(experiment, override, only)
    if budget is not None and not until_decided:
        raise LabError("--budget needs --until-decided; give both")
    if until_decided and (override or only or limit):
        raise LabError("--until-decided chooses the runs; leave --override, --only and --limit out")
    place = backends.chosen(backend, address, option, workers)
    report = check(found, cells)
    from .. import identity
    from ..engine import inheritance, runner
    from . import plans, progress

    if override is None and only is None:
        definitions.remember(found, identity.identities(cells), began)  # for `status`
    for line in inheritance.described(cells, report.shapes, results):
        typer.echo(line)
    with progress.Progress() as listener:
        common = {"width": width, "backend": place, "retrain": retrain, "listener": listener}
        if until_decided:
            from ..storage.objects import mirror
            from . import until_decided as sequential

            home = mirror.opened(results)
            summary = sequential.run(
                sequential.registered(found, home / found.name, budget),
                home,
                lambda one, names: runner.run(one, results, names=names, **common),
                listener.say,
            )
        else:
            summary = runner.run(found, results, only=only, limit=limit, **common)
    plans.summary(found.name, results, summary)
    if summary.interrupted:
        raise typer.Exit(130)
    if summary.recorded.get("failed"):
        raise typer.Exit(1)


@app.command()
@seldom_collecting()
def status(
    experiment: Annotated[list[str] | None, typer.Argument(metavar="[EXPERIMENT...]")] = None,
    results: Folder = RESULTS,
    override: Overrides = None,
    only: Only = None,
) -> None:
    """Show which runs are done, running, failed, diverged or stale (their definition changed).

    Examples:

        scaling-lab status

        scaling-lab status e01_digits_mlp
    """
    from ..experiment import FOLDER

    names = experiment or sorted(file.stem for file in FOLDER.glob("e*.py"))
    if not names:
        raise LabError(f"there is no experiment in ./{FOLDER}; name one by its path")
    for name in names:
        _show_status(name, results, override, only)


def _show_status(name: str, results: Path, override: list[str] | None, only: str | None) -> None:
    """The status of one experiment, whose file is read only if it changed or runs are stale."""
    from .. import identity
    from ..experiment import find
    from ..plan import make, states
    from ..storage.records import Store
    from . import definitions, plans
    from .console import pulled

    file = find(name)
    store = Store(pulled(results / file.stem), file.stem)
    part = override is not None or only is not None
    runs = None if part else definitions.recall(file)
    if runs is None:
        began = definitions.now()
        loaded, cells = cells_of(name, override, only, results)
        runs = identity.identities(cells)
        if not part:
            definitions.remember(loaded, runs, began)
    found = store.survey(*identity.COLUMNS)
    counts = Counter(states(found.rows, runs, store.folder.parent).values())
    changes = []
    if counts["stale"]:
        changes = make(file.stem, cells_of(name, override, only, results)[1], store).changes()
    rows = [(found.rows[run], now) for run, now in runs.items() if run in found.rows]
    # A part of the grid, or another grid: what lies beyond it says nothing.
    beyond = [] if part else [run for run in found.rows if run not in runs]
    plans.status(store, found, counts, changes, identity.doubts(rows), beyond)


def check(found, cells):
    """Check declared costs and claims before any training, and print what could not be checked.

    Returns the report on the costs. Raises LabError for a declared cost that is wrong, and for a
    claim that names what does not exist or cannot fail.
    """
    from ..engine import cost_check
    from . import predictions

    report = cost_check.check(cell.run for cell in cells)
    for note in report.notes:
        typer.echo(note)
    for line in predictions.check(found, cells, report):
        typer.echo(line)
    return report


def cells_of(name, override=None, only=None, results=None):
    """An experiment and its runs, as the overrides and the condition of the command line have it.

    results: the folder of all results, for the runs that sweeps have added; None leaves these out.
    Raises LabError for an unknown axis or value, and if no run meets the condition.
    """
    from .. import sweeps
    from ..experiment import load
    from ..selection import matching
    from ..storage.records import Store
    from .console import pulled

    found = load(name)
    if override:
        found = found.overridden(_overridden(found, override), override)
    if results is not None and sweeps.has_sweeps(found.grid):
        store = Store(pulled(results / found.name), found.name)
        found = sweeps.extended(found, store.survey(sweeps.metric_of(found)).rows)
    cells = found.cells if only is None else matching(found.cells, only)
    if not cells:
        raise LabError(f'no run of {found.name} meets --only "{only}"; see scaling-lab plan')
    return found, cells


def _overridden(found, override):
    """The experiment's grid with axes set; an axis keeps the spelling that the grid uses."""
    from .. import grid, selection

    chosen = {}
    for text in override:
        axis, sign, values = text.partition("=")
        if not sign or not values:
            raise LabError(f"--override {text} is not AXIS=VALUE,VALUE; write e.g. D=100,1000")
        if axis not in grid.SPECIAL:
            place = grid.path(found.base, axis)
            names = {name for point in found.grid for name in point} - set(grid.SPECIAL)
            axis = next((n for n in names if grid.path(found.base, n) == place), axis)
        chosen[axis] = [_value(v) for v in values.split(",")]
    return selection.override(found.grid, **chosen)


def _value(text: str) -> int | float | str:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text
