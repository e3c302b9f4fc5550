"""Verbs for orders of magnitude: estimate, and its subcommands compare, history and talk."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from typer.core import TyperGroup

from . import app, fit_on_cpu

Figure = Annotated[Path | None, typer.Option(help="Draw a figure into this file.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


class _NameOrVerb(TyperGroup):
    """`estimate brain` is `estimate show brain`: any word but a subcommand names estimates."""

    def resolve_command(self, ctx, args):
        known = args and args[0] in self.list_commands(ctx)
        return super().resolve_command(ctx, args if known else ["show", *args])


estimate = typer.Typer(cls=_NameOrVerb)
app.add_typer(estimate, name="estimate")


@estimate.callback(invoke_without_command=True, subcommand_metavar="[NAME] | VERB [OPTIONS]")
def everything(context: typer.Context) -> None:
    """Orders of magnitude: quantities as products of factors, and laws evaluated at them.

    Without a name, lists the estimates; with one, prints its Fermi sheet.

    Examples:

        scaling-lab estimate

        scaling-lab estimate brain

        scaling-lab estimate life.flops

        scaling-lab estimate compare --fit results/e02_mnist_mlp/fits/l_c_on_the_frontier.json
    """
    if context.invoked_subcommand is not None:
        return
    from ..analysis import estimates
    from ..analysis.numbers import shown

    for domain in estimates.by_place():
        typer.secho(str(estimates.get(domain).__doc__).strip().splitlines()[0], bold=True)
        for name, found in estimates.of(domain).items():
            typer.echo(f"  {name:<38} {shown(found.range)} {found.units}".rstrip())


@estimate.command(hidden=True)
def show(
    name: Annotated[str, typer.Argument(help="A domain, or one estimate of it.")],
    json_: Json = False,
) -> None:
    """Print the Fermi sheets of a domain or of one estimate: every factor with its source.

    Examples:

        scaling-lab estimate imagenet

        scaling-lab estimate brain.flops_per_second --json
    """
    import json

    from ..analysis import estimates

    found = estimates.find(name)
    if json_:
        trees = {name: estimate.to_dict() for name, estimate in found.items()}
        typer.echo(json.dumps(trees, indent=1, ensure_ascii=False))
        return
    typer.echo("\n\n".join(f"{name}\n{found.sheet()}" for name, found in found.items()))


@estimate.command()
def talk() -> None:
    """Compare the talk's figures with their own factors and with later measurements.

    Examples:

        scaling-lab estimate talk
    """
    from rich.table import Table

    from ..analysis.estimates import source_talk
    from .console import out

    table = Table(*source_talk.HEADINGS, box=None, padding=(0, 1), row_styles=("", "dim"))
    for row in source_talk.rows():
        measured = f"{row.measured} ({row.source})" if row.measured else ""
        table.add_row(
            f"{row.domain}: {row.what}", row.says, row.follows, measured, row.verdict, row.note
        )
    out.print(table)


@estimate.command()
def history(
    csv: Annotated[
        Path | None, typer.Option(help="Epoch's notable_ai_models.csv, or a table like it.")
    ] = None,
    figure: Figure = None,
) -> None:
    """Show the doubling time of training compute before and after 2018, and projections of it.

    Examples:

        scaling-lab estimate history

        scaling-lab estimate history --csv notable_ai_models.csv --figure history.png
    """
    from ..analysis import estimates
    from ..analysis.estimates import doubling

    domain = estimates.get("history")
    systems = doubling.read(csv) if csv else None
    records = doubling.record_setters(domain.points())
    typer.echo(f"record-setters of 2012 to 2017 (OpenAI): {doubling.fit(records)}")
    if systems is not None:
        for first, last in domain.ERAS:
            era = doubling.fit(doubling.between(systems, first, last))
            typer.echo(f"{csv}, {first} to {last}: {era}")
    for name, found in estimates.of("history").items():
        typer.echo(f"\n{name}\n{found.sheet()}")
    if figure is not None:
        from ..analysis import style
        from ..analysis.estimates.figures import compute_history

        style.save_as(compute_history.draw((), systems), figure)


@estimate.command()
def compare(
    fit: Annotated[list[Path], typer.Option(help="A fit card. Repeatable.")],
    json_: Json = False,
    figure: Figure = None,
) -> None:
    """Evaluate a fitted law at MNIST, AlexNet, Dota, AlphaGo Zero, a year of a brain, a human life.

    Shows the loss, the optimal N and D where the law has them, the decades beyond its data, and
    whether that is interpolation, mild or wild extrapolation.

    Examples:

        scaling-lab estimate compare --fit results/e02_mnist_mlp/fits/l_c_on_the_frontier.json

        scaling-lab fit points.csv --law chinchilla --columns N=params,D=tokens,L=loss --json
        > card.json && scaling-lab estimate compare --fit card.json
    """
    import json

    fit_on_cpu()
    from ..analysis.estimates import extrapolation

    found = {path: extrapolation.load(path) for path in fit}
    if json_:
        told = [extrapolation.to_dict(one) for one in found.values()]
        typer.echo(json.dumps(told, indent=1))
    else:
        typer.echo("\n\n".join(extrapolation.summary(one) for one in found.values()))
    if figure is not None:
        from ..analysis import style
        from ..analysis.estimates.figures import Grid, loss_against_compute

        along = {path: one for path, one in found.items() if extrapolation.reach(one).axis == "C"}
        grids = [Grid(path.stem, 0.0, 0.0, {path.stem: one}) for path, one in along.items()]
        style.save_as(loss_against_compute.draw(grids), figure)
