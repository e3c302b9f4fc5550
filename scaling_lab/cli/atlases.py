"""The verb for all results at once: atlas."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from . import RESULTS, Folder, app, fit_on_cpu

if TYPE_CHECKING:
    from ..analysis.atlas.page import Atlas


@app.command()
def atlas(
    experiment: Annotated[
        list[str] | None,
        typer.Argument(metavar="[EXPERIMENT]...", help="Names or paths; by default all results."),
    ] = None,
    results: Folder = RESULTS,
    published: Annotated[
        list[Path] | None,
        typer.Option(help="A CSV table of other exponents; may be repeated."),
    ] = None,
    to: Annotated[
        Path | None,
        typer.Option(help="Folder to write into; by default atlas in the results folder."),
    ] = None,
) -> None:
    """Show the exponents of all experiments side by side, and what the registered ones pool to.

    Reads the cards and verdicts that `report` wrote; trains and fits nothing.

    Examples:

        scaling-lab atlas

        scaling-lab atlas e10_language e12_translation --to /tmp/atlas

        scaling-lab atlas --published theirs.csv
    """
    fit_on_cpu()
    from ..analysis.atlas import page
    from ..storage.objects import pull
    from .reports import results_of

    names = experiment or sorted(pull.experiments(results))
    found = page.atlas([results_of(name, results) for name in names], published or ())
    _show(found)
    written = page.write(found, to or results / "atlas")
    typer.echo(f"atlas: {written}")


def _show(found: Atlas) -> None:
    """Print what was pooled, and why the rest was not."""
    from rich.table import Table

    from .console import out

    table = Table(box=None)
    for heading in ("pooled", "count", "mean", "95% interval", "next expected", "I²"):
        table.add_column(heading, no_wrap=True)
    for (variable, of, floor), one in sorted(found.pools.items()):
        (low, high), (first, last) = one.interval, one.next_
        table.add_row(
            f"{of} against {variable}, {'with' if floor else 'without'} a floor",
            str(one.count),
            f"{one.value:.3g}",
            f"{low:.3g} to {high:.3g}",
            f"{first:.3g} to {last:.3g}",
            f"{one.i2:.0%}",
        )
    if found.pools:
        out.print(table)
    for line in (*found.unpooled, *found.missing):
        typer.echo(line)
