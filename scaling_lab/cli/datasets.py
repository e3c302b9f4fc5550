"""Verb for datasets: data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from ..errors import LabError
from . import app

if TYPE_CHECKING:
    from ..protocols import Data


@app.command()
def data(
    name: Annotated[str, typer.Argument(help="Download this dataset.")] = "",
) -> None:
    """List the datasets, where each comes from and whether it is here; or download one.

    Examples:

        scaling-lab data

        scaling-lab data mnist
    """
    from .. import registry

    if name:
        source = registry.get("data", name)()
        source.fetch()
        typer.echo(f"{name}: {source.location()}")
        return
    for name in registry.names("data"):
        _show(name, registry.get("data", name)())


def _show(name: str, source: Data) -> None:
    from rich.markup import escape

    from .console import out

    place = source.location()
    try:
        spec = source.spec
        shape = f" of {'x'.join(map(str, spec.shape))}" if spec.shape else ""
        size = f"{spec.examples:,} {spec.unit}{shape}"
    except LabError:  # the user's own files, and no path is given here
        size = "as many as you give"
    out.print(f"[bold]{name}[/]: {size}; licence: {source.licence}")
    out.print(f"  origin: {escape(source.origin)}", soft_wrap=True)
    here = f"here: {place}" if place else f"not here: scaling-lab data {name}"
    out.print(f"  {escape(here)}", soft_wrap=True)
