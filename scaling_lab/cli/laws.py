"""Verb for the laws that can be fitted: laws."""

from __future__ import annotations

from typing import Annotated

import typer

from . import app


@app.command()
def laws(
    name: Annotated[str, typer.Argument(help="Show this law: `chinchilla`, `m4`.")] = "",
) -> None:
    """List the laws that can be fitted, or show one with its source and its parameters.

    Examples:

        scaling-lab laws

        scaling-lab laws broken_power_law:2
    """
    from ..analysis import laws_catalogue

    typer.echo(laws_catalogue.section(name) if name else laws_catalogue.listing())
