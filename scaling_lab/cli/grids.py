"""Verbs of the laboratory: plan, run, status, pictures, data, doctor."""

from __future__ import annotations

from typing import Annotated

import typer

from ..errors import LabError
from . import RESULTS, Folder, app

Name = Annotated[
    str, typer.Argument(metavar="EXPERIMENT", help="A path, or a name in ./experiments.")
]
Overrides = Annotated[
    list[str] | None,
    typer.Option("--override", "-o", help="Set an axis: `D=100,1000`. May be given again."),
]


@app.command()
def plan(experiment: Name, results: Folder = RESULTS, override: Overrides = None) -> None:
    """Show a grid before anything runs: N, D, C of each run, programs, cost, what is done.

    Examples:

        scaling-lab plan e01_digits_mlp

        scaling-lab plan experiments/e02_mnist_mlp.py --override D=100,1000 -o seed=0
    """
    from ..plan import make
    from ..storage.records import Store
    from . import console

    found, cells = cells_of(experiment, override)
    console.plan(found, make(found.name, cells, Store(results / found.name)))


@app.command()
def run(
    experiment: Name,
    results: Folder = RESULTS,
    override: Overrides = None,
    limit: Annotated[int | None, typer.Option(help="Train at most so many runs.", min=1)] = None,
    width: Annotated[
        int | None, typer.Option(help="Runs in an ensemble; measured if not given.", min=1)
    ] = None,
    workers: Annotated[
        int | None, typer.Option(help="Ensembles trained side by side.", min=1)
    ] = None,
    retrain: Annotated[
        bool,
        typer.Option("--retrain", help="Train anew what is recorded under another definition."),
    ] = False,
) -> None:
    """Train what is missing. Interrupted in any way, the next `run` goes on from there.

    Examples:

        scaling-lab run e01_digits_mlp

        scaling-lab run e02_mnist_mlp --results /data/results --override seed=0 --limit 10
    """
    from ..engine import runner
    from . import console

    found, cells = cells_of(experiment, override)
    with console.Progress() as listener:
        summary = runner.run(
            found,
            results,
            cells=cells,
            limit=limit,
            width=width,
            workers=workers,
            retrain=retrain,
            listener=listener,
        )
    console.summary(found.name, results, summary)
    if summary.interrupted:
        raise typer.Exit(130)
    if summary.recorded.get("failed"):
        raise typer.Exit(1)


@app.command()
def status(
    experiment: Annotated[list[str] | None, typer.Argument(metavar="[EXPERIMENT...]")] = None,
    results: Folder = RESULTS,
    override: Overrides = None,
) -> None:
    """Show what is done, running, failed, diverged or stale (its definition changed).

    Examples:

        scaling-lab status

        scaling-lab status e01_digits_mlp
    """
    from ..experiment import FOLDER
    from ..plan import make
    from ..storage.records import Store
    from . import console

    names = experiment or sorted(file.stem for file in FOLDER.glob("e*.py"))
    if not names:
        raise LabError(f"there is no experiment in ./{FOLDER}; name one by its path")
    for name in names:
        found, cells = cells_of(name, override)
        store = Store(results / found.name)
        console.status(make(found.name, cells, store), store)


@app.command()
def pictures(
    experiment: Name,
    results: Folder = RESULTS,
    count: Annotated[int, typer.Option(help="Pictures in a row.")] = 10,
    seed: Annotated[int, typer.Option(help="Of the noise.")] = 0,
) -> None:
    """Let generative models make pictures for the report: the best run of each model and N.

    Example:

        scaling-lab pictures e20_mnist_worlds
    """
    from .. import experiment as experiments
    from ..artifacts import gallery

    made = gallery.make(experiments.load(experiment), results, count, seed, typer.echo)
    typer.echo(f"pictures: {made}; next: scaling-lab report {experiment}")


@app.command()
def data(name: Annotated[str, typer.Argument(help="Fetch this dataset.")] = "") -> None:
    """List the datasets, where each comes from and whether it is here; or fetch one.

    Examples:

        scaling-lab data

        scaling-lab data mnist
    """
    from .. import registry
    from . import console

    if name:
        source = registry.get("data", name)()
        source.fetch()
        typer.echo(f"{name}: {source.location()}")
    else:
        console.datasets({name: registry.get("data", name)() for name in registry.names("data")})


@app.command()
def doctor() -> None:
    """Tell devices, versions, caches, and what is wrong with them.

    Examples:

        scaling-lab doctor
    """
    from . import console

    if not console.doctor():
        raise typer.Exit(1)


def cells_of(name, override):
    """The experiment and its runs, with the overrides of the command line."""
    from .. import grid
    from ..experiment import load

    found = load(name)
    points = found.grid
    for text in override or []:
        axis, sign, values = text.partition("=")
        if not sign or not values:
            raise LabError(f"--override {text} is not axis=value,value; write e.g. D=100,1000")
        points = _overridden(found.base, points, axis, [_value(v) for v in values.split(",")])
    return found, found.cells if points is found.grid else grid.cells(found.base, points)


def _overridden(base, points, axis, values):
    """The grid with an axis set, under the spelling that the grid has for it."""
    from .. import grid

    if axis not in grid.SPECIAL:
        place = grid.path(base, axis)
        names = {name for point in points for name in point} - set(grid.SPECIAL)
        axis = next((name for name in names if grid.path(base, name) == place), axis)
    return grid.override(points, **{axis: values})


def _value(text: str) -> int | float | str:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text
