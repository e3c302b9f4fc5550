"""The command line: `scaling-lab VERB ...`. The composition root: it alone imports all packages.

Each verb imports what it needs when it runs, so that `--help` needs no jax.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from .errors import LabError, unknown

RESULTS = Path("results")

app = typer.Typer(
    name="scaling-lab",
    help="A laboratory for scaling laws: plan and run grids over N, D and C, fit laws, report.",
    add_completion=False,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
)

Name = Annotated[
    str, typer.Argument(metavar="EXPERIMENT", help="A path, or a name in ./experiments.")
]
Names = Annotated[list[str], typer.Argument(metavar="EXPERIMENT...", help="Names or paths.")]
Folder = Annotated[Path, typer.Option("--results", help="Folder of all results.")]
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
    from . import console
    from .plan import make
    from .records import Store

    found, cells = _cells(experiment, override)
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
    from . import console, runner

    found, cells = _cells(experiment, override)
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
    from . import console
    from .experiment import FOLDER
    from .plan import make
    from .records import Store

    names = experiment or sorted(file.stem for file in FOLDER.glob("e*.py"))
    if not names:
        raise LabError(f"there is no experiment in ./{FOLDER}; name one by its path")
    for name in names:
        found, cells = _cells(name, override)
        store = Store(results / found.name)
        console.status(make(found.name, cells, store), store)


@app.command()
def fit(
    table: Annotated[str, typer.Argument(help="CSV, TSV or Parquet file, or a results folder.")],
    law: Annotated[str, typer.Option(help="Name of the law.")],
    columns: Annotated[
        str, typer.Option(help="Which column plays which part: `N=params,L=loss`.")
    ] = "",
    where: Annotated[str, typer.Option(help="Keep the rows for which this is true.")] = "",
    cluster: Annotated[str, typer.Option(help="Column that names the run of a row.")] = "",
    delta: Annotated[float, typer.Option(help="Huber's delta, in log loss.")] = 1e-3,
    bootstrap: Annotated[int, typer.Option(help="Bootstrap replicates.", min=2)] = 400,
    json_: Annotated[bool, typer.Option("--json", help="Print the fit card.")] = False,
    figure: Annotated[Path | None, typer.Option(help="Draw the fit into this file.")] = None,
) -> None:
    """Fit a law to any table: ours or anybody's.

    Examples:

        scaling-lab fit points.csv --law power_law_floor --columns D=tokens,L=loss

        scaling-lab fit results/e01_digits_mlp --law power_law_floor
        --columns N=N,L=best_test_loss --where "D == D.max()" --json
    """
    import json

    from analysis import fitting, tables

    if not delta > 0 or delta == float("inf"):
        raise LabError(f"--delta is {delta}; give a positive number, such as 1e-3")
    _analysis_alone()
    frame = tables.load(table)
    checked = tables.checked(frame, _roles(columns), where=where, cluster=cluster)
    result = fitting.fit(law, checked, delta=delta, bootstrap=bootstrap)
    typer.echo(json.dumps(result.card(), indent=1) if json_ else result.summary())
    if figure is not None:
        from analysis import style

        style.save_as(style.plotted(result), figure)


@app.command()
def report(experiment: Names, results: Folder = RESULTS) -> None:
    """Fit the claims, draw the figures and write one self-contained page.

    Examples:

        scaling-lab report e01_digits_mlp

        scaling-lab report e01_digits_mlp e02_mnist_mlp
    """
    from analysis import report as pages

    from . import console

    _analysis_alone()
    folders = [_results_of(name, results) for name in experiment]
    with console.working("report") as say:
        found = pages.study(folders, progress=say)
        page = pages.put(found)
    console.verdicts(verdict for one in found for verdict in one.verdicts)
    typer.echo(f"report: {page}")


@app.command()
def export(
    experiment: Names,
    results: Folder = RESULTS,
    to: Annotated[Path, typer.Option(help="Folder to write into.")] = Path(),
    format: Annotated[str, typer.Option(help="csv or parquet.")] = "csv",
) -> None:
    """Write the run and curve tables as CSV or Parquet.

    Examples:

        scaling-lab export e01_digits_mlp

        scaling-lab export e01_digits_mlp --format parquet --to /tmp
    """
    from .records import Store, write_whole

    if format not in ("csv", "parquet"):
        raise unknown("format", format, ("csv", "parquet"))
    for name in experiment:
        folder = _results_of(name, results)
        store = Store(folder)
        for kind, frame in (("runs", store.runs(config=True)), ("curves", store.curves())):
            path = to / f"{folder.name}_{kind}.{format}"
            data = frame.to_csv(index=False).encode() if format == "csv" else frame.to_parquet()
            write_whole(path, data)
            typer.echo(f"{path}: {len(frame)} rows")


@app.command()
def data(name: Annotated[str, typer.Argument(help="Fetch this dataset.")] = "") -> None:
    """List the datasets, where each comes from and whether it is here; or fetch one.

    Examples:

        scaling-lab data

        scaling-lab data mnist
    """
    from . import console, registry

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


def main(arguments: list[str] | None = None) -> None:
    """Run the command line; exit status 2 on bad input, 1 on a failed run."""
    arguments = sys.argv[1:] if arguments is None else arguments
    try:
        code = app(arguments or ["--help"], standalone_mode=False)
    except typer.TyperException as error:
        code = _wrong(error.format_message())
    except LabError as error:
        code = _wrong(str(error))
    except typer.Exit as ended:
        code = ended.exit_code
    except (KeyboardInterrupt, typer.Abort):
        code = 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 141
    sys.exit(code or 0)


def _wrong(message: str) -> int:
    print(f"scaling-lab: {' '.join(message.split())}", file=sys.stderr)
    return 2


def _cells(name, override):
    """The experiment and its runs, with the overrides of the command line."""
    from . import grid
    from .experiment import load

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
    from . import grid

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


def _roles(text: str) -> dict[str, str]:
    roles = {}
    for pair in filter(None, text.split(",")):
        role, sign, column = pair.partition("=")
        if not sign or not column:
            raise LabError(f"--columns {text} is not ROLE=column,...; write e.g. N=params,L=loss")
        if role.strip() in roles:
            raise LabError(f"--columns {text} gives {role.strip()} twice; give it once")
        roles[role.strip()] = column.strip()
    if "L" not in roles:
        raise LabError("--columns names no L (the loss); write e.g. --columns N=params,L=loss")
    return roles


def _results_of(name: str, results: Path) -> Path:
    """The results folder of an experiment given by name, file or folder."""
    short = Path(name).name.removesuffix(".py")
    folder = Path(name) if Path(name).is_dir() else results / short
    if not (folder / "runs").is_dir():
        known = {path.parent.name for path in results.glob("*/runs")}
        if short in known or not known:
            raise LabError(f"{folder} holds no results; run 'scaling-lab run {name}' first")
        raise unknown("results of experiment", name, known)
    return folder


def _analysis_alone() -> None:
    """A process that only fits needs no accelerator: leave its memory alone."""
    os.environ.setdefault("JAX_PLATFORMS", "cpu")
