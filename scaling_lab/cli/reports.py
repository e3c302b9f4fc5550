"""Verbs for results: report, export."""

from __future__ import annotations

import gc
import math
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..errors import LabError, unknown
from . import RESULTS, Folder, app, fit_on_cpu

if TYPE_CHECKING:
    from ..analysis.claims.verdict import Verdict

Names = Annotated[list[str], typer.Argument(metavar="EXPERIMENT...", help="Names or paths.")]


@app.command()
def report(
    experiment: Names,
    results: Folder = RESULTS,
    to: Annotated[
        Path | None,
        typer.Option(help="Folder to write into; by default the results folder."),
    ] = None,
) -> None:
    """Fit the claims, draw the figures and write one self-contained page.

    A report whose tables, definition and code are unchanged is left as it is. The exit status is 1
    if most runs of an experiment failed or none is done; the page is written all the same.

    Examples:

        scaling-lab report e01_digits_mlp

        scaling-lab report e01_digits_mlp e02_mnist_mlp

        scaling-lab report e01_digits_mlp --results /mnt/archive --to reports/e01
    """
    fit_on_cpu()
    folders = [results_of(name, results) for name in experiment]
    # Imports, fits and figures make many objects that stay: looking for garbage every 700 objects
    # would take a tenth of the time.
    gc.set_threshold(200_000)
    from ..analysis.report import cache
    from ..storage.objects import mirror
    from .console import working

    with working("report") as say:
        made = cache.report(folders, progress=say, to=to)
    _show_verdicts(made.verdicts)
    typer.echo(f"report: {made.page}")
    if mirror.object_of(made.page):
        typer.echo(f"published as {mirror.address(made.page)}")
    for line in (*made.headlines, *made.closings):
        typer.echo(line)
    if made.failed:
        raise typer.Exit(1)


@app.command()
def export(
    experiment: Names,
    results: Folder = RESULTS,
    to: Annotated[Path, typer.Option(help="Folder to write into.")] = Path(),
    format: Annotated[str, typer.Option(help="csv or parquet.")] = "csv",
) -> None:
    """Write the run and curve tables as CSV or Parquet.

    In CSV, text that a spreadsheet would run as a formula is preceded by an apostrophe.

    Examples:

        scaling-lab export e01_digits_mlp

        scaling-lab export e01_digits_mlp --format parquet --to /tmp
    """
    from ..storage import spreadsheet
    from ..storage.atomic import write_whole
    from ..storage.records import Store

    if format not in ("csv", "parquet"):
        raise unknown("format", format, ("csv", "parquet"))
    for name in experiment:
        folder = results_of(name, results)
        store = Store(folder)
        for kind, frame in (("runs", store.runs(config=True)), ("curves", store.curves())):
            path = to / f"{folder.name}_{kind}.{format}"
            data = spreadsheet.csv(frame) if format == "csv" else frame.to_parquet()
            write_whole(path, data)
            typer.echo(f"{path}: {len(frame)} rows")


def _show_verdicts(found: Iterable[Verdict]) -> None:
    """Print the verdicts: each value with its interval, beside the prediction; why none decides."""
    from rich.markup import escape
    from rich.table import Table

    from ..analysis.claims.verdict import INSUFFICIENT
    from .console import out

    table = Table("claim", "value", "95% interval", "predicted", box=None)
    table.add_column("verdict", no_wrap=True)
    short = []
    for verdict in found:
        claim, (low, high), (first, last) = verdict.claim, verdict.predicted, verdict.interval
        table.add_row(
            escape(claim["name"]),
            escape(f"{verdict.quantity or claim.get('parameter', '')} = {verdict.value:.3g}"),
            "not determined" if math.isinf(last - first) else f"{first:.3g} to {last:.3g}",
            escape(verdict.prediction or f"{low:g} to {high:g}"),
            verdict.word + (" (exploratory)" if verdict.is_exploratory else ""),
        )
        if verdict.word == INSUFFICIENT:
            short.append(f"{claim['name']}: {verdict.why}")
    out.print(table)
    for line in short:
        typer.echo(line)


def results_of(name: str, results: Path) -> Path:
    """The results folder of an experiment, given by its name, its file or the folder itself.

    The experiment's file need not exist.
    """
    from ..experiment import abbreviated, find
    from ..storage.objects import mirror, pull
    from .console import pulled

    if mirror.is_url(name):
        return pulled(mirror.opened(name))
    if (Path(name) / "runs").is_dir():
        return Path(name)
    known = set(pull.experiments(results))
    stem = Path(name).name.removesuffix(".py")
    if "/" in name and not name.endswith(".py"):
        raise LabError(f"{name} holds no results; name an experiment, or the folder of its tables")
    if stem not in known:
        try:
            stem = find(name).stem
        except LabError:
            if not known:
                raise
            if (short := abbreviated(name, known)) is None:
                raise unknown("results of experiment", name, known) from None
            stem = short
    if stem not in known:
        where = mirror.address(results / stem)
        raise LabError(f"{where} holds no results; run 'scaling-lab run {name}' first")
    return pulled(results / stem)
