"""Verbs for datasets: data, and data pack."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

from ..errors import LabError
from . import app

if TYPE_CHECKING:
    from ..protocols import Data


class Datasets(TyperGroup):
    """`data NAME` fetches a dataset, whatever its name; `data pack` is a verb of its own."""

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        own = super().get_command(ctx, cmd_name)
        return own or TyperCommand(cmd_name, callback=lambda: _fetch(cmd_name))


data = typer.Typer(cls=Datasets)
app.add_typer(data, name="data")


@data.callback(invoke_without_command=True)
def every(context: typer.Context) -> None:
    """List the datasets, where each comes from and whether it is here; or download one.

    Examples:

        scaling-lab data

        scaling-lab data mnist
    """
    if context.invoked_subcommand is None:
        from .. import registry

        for name in registry.names("data"):
            _show(name, registry.get("data", name)())


@data.command()
def pack(
    folder: Annotated[Path, typer.Argument(help="Images, one folder a class.")],
    to: Annotated[Path | None, typer.Option(help="The pack; by default FOLDER.pack.")] = None,
    side: Annotated[int, typer.Option(help="Side of the packed images in pixels.")] = 256,
    quality: Annotated[int, typer.Option(help="Quality of the packed JPEGs, 1 to 100.")] = 90,
) -> None:
    """Pack a folder of images for the dataset packed_images, which streams them.

    Images are scaled and cropped to a square. Broken ones are named and left out. After an
    interruption the same command goes on.

    Example:

        scaling-lab data pack photos/ --to photos.pack --side 128
    """
    from ..images import packing
    from .console import out
    from .packing_progress import PackingProgress

    to = to or folder.with_name(f"{folder.name}.pack")
    with PackingProgress() as progress:
        packed = packing.write(folder.expanduser(), to.expanduser(), side, quality, progress)
    left_out = f", {len(packed.broken):,} left out" if packed.broken else ""
    out.print(
        f"{to}: {packed.records:,} images of {side} pixels{left_out}; "
        f"use PackedImages(path='{to}')",
        soft_wrap=True,
        markup=False,
    )


def _fetch(name: str) -> None:
    from .. import registry

    source = registry.get("data", name)()
    source.fetch()
    typer.echo(f"{name}: {source.location()}")


def _show(name: str, source: Data) -> None:
    from rich.markup import escape

    from ..populations import endless
    from .console import out

    place = source.location()
    try:
        spec = source.spec
        shape = f" of {'x'.join(map(str, spec.shape))}" if spec.shape else ""
        size = f"{'endless' if endless(source) else f'{spec.examples:,}'} {spec.unit}{shape}"
    except LabError:  # the user's own files, and no path is given here
        size = "as many as you give"
    out.print(f"[bold]{name}[/]: {size}; licence: {source.licence}")
    out.print(f"  origin: {escape(source.origin)}", soft_wrap=True)
    here = f"here: {place}" if place else f"not here: scaling-lab data {name}"
    out.print(f"  {escape(here)}", soft_wrap=True)
