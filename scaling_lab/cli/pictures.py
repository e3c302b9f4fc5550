"""Verb for generative models: pictures."""

from __future__ import annotations

from typing import Annotated

import typer

from . import RESULTS, Folder, app
from .grids import Name


@app.command()
def pictures(
    experiment: Name,
    results: Folder = RESULTS,
    count: Annotated[int, typer.Option(help="Pictures in each row.")] = 10,
    seed: Annotated[int, typer.Option(help="Seed of the noise.")] = 0,
) -> None:
    """Make pictures for the report, with the best run of each generative model and N.

    Example:

        scaling-lab pictures e20_mnist_worlds
    """
    from .. import experiment as experiments
    from ..artifacts import gallery
    from ..storage.objects import mirror
    from .console import pulled

    found = experiments.load(experiment)
    pulled(results / found.name)
    made = mirror.address(gallery.make(found, results, count, seed, typer.echo))
    typer.echo(f"pictures: {made}; next: scaling-lab report {experiment}")
