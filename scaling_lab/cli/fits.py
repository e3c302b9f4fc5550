"""Verbs of the analysis: fit, report, export."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from ..errors import LabError, unknown
from . import RESULTS, Folder, app

Names = Annotated[list[str], typer.Argument(metavar="EXPERIMENT...", help="Names or paths.")]


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
    from analysis import magnitudes
    from analysis import report as pages

    from .. import console

    _analysis_alone()
    folders = [_results_of(name, results) for name in experiment]
    with console.working("report") as say:
        found = pages.study(folders, progress=say)
        page = pages.put(found)
    console.verdicts(verdict for one in found for verdict in one.verdicts)
    typer.echo(f"report: {page}")
    for one in found:
        typer.echo(magnitudes.closing(magnitudes.grid(one)))


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
    from ..records import Store, write_whole

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
