"""Verbs for fitting laws to tables: fit, compare."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any

import typer

from ..errors import LabError
from . import app, fit_on_cpu

Table = Annotated[str, typer.Argument(help="CSV, TSV or Parquet file, or a results folder.")]
Roles = Annotated[
    str,
    typer.Option(
        "--columns",
        help="The column of each role, or an expression for it: "
        "`N=params,D=C/(6*N),C=flops,L=loss`. By default, columns of the same names.",
    ),
]


def _stated(context: typer.Context, parameter: typer.CallbackParam, value: str) -> str:
    """The condition, which may be left out but not be empty."""
    source = context.get_parameter_source(parameter.name or "")
    if source is not None and source.name == "COMMANDLINE" and not value.strip():
        raise typer.BadParameter("the condition is empty; leave the option out to use all rows")
    return value


Where = Annotated[
    str,
    typer.Option(
        callback=_stated,
        help="Keep the rows for which this is true: `N > 1e6`. See docs/conditions.md.",
    ),
]
Cluster = Annotated[
    str,
    typer.Option(
        help="Rows that share an error: a column that names each row's run, `none`, or `auto`, "
        "which finds runs, and cells of equal N and D."
    ),
]
Worst = Annotated[int, typer.Option(help="Drop this many rows of highest loss.", min=0)]
Space = Annotated[
    str | None, typer.Option("--loss-space", help="Take residuals in `log` or `raw` losses.")
]
Delta = Annotated[
    float | None, typer.Option(help="Huber's delta, in residuals; 1e-3 if not given.")
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON, in full precision.")]
Figure = Annotated[Path | None, typer.Option(help="Draw a figure into this file.")]


@app.command()
def fit(
    table: Table,
    law: Annotated[str, typer.Option(help="Name of the law.")],
    columns: Roles = "",
    where: Where = "",
    cluster: Cluster = "auto",
    drop_worst: Worst = 0,
    loss_space: Space = None,
    delta: Delta = None,
    tie: Annotated[str, typer.Option(help="Make parameters equal: `alpha=beta`.")] = "",
    bootstrap: Annotated[int, typer.Option(help="Bootstrap replicates.", min=0)] = 400,
    holdout: Annotated[
        str,
        typer.Option(
            callback=_stated, help="Evaluate on the rows for which this is true; fit the others."
        ),
    ] = "",
    frontier: Annotated[
        bool,
        typer.Option("--frontier", help="Also the optimal N and D for each C, by every approach."),
    ] = False,
    conventions: Annotated[
        bool,
        typer.Option("--conventions", help="Also fit under each convention of counting N and C."),
    ] = False,
    json_: Json = False,
    figure: Figure = None,
) -> None:
    """Fit a law to any table.

    Examples:

        scaling-lab fit points.csv --law power_law_floor --columns D=tokens,L=loss

        scaling-lab fit chinchilla.csv --law chinchilla --drop-worst 5 --frontier
        --columns "N=Model Size,C=Training FLOP,D=C/(6*N),L=loss"

        scaling-lab fit results/e01_digits_mlp --law power_law_floor
        --columns N=N,L=best_test_loss --where "D == D.max()" --json
    """
    import json

    fit_on_cpu()
    from ..analysis import laws

    found = laws.get(law)
    from ..analysis import style
    from ..analysis.figures._fit import plotted
    from ..analysis.fitting.fit import fit as fit_law

    style.drawable(figure)
    more = [*(("N",) if frontier else ()), *(("C",) if conventions else ())]
    named, points = points_of(table, columns, [found], more, (where, holdout), cluster, loss_space)
    if not columns and found.variables == ("x",):
        _refuse_to_choose(found, named)
    how = _set(delta=delta, space=loss_space, drop_worst=drop_worst or None, tie=_ties(tie))
    how |= _set(holdout=holdout) | {"bootstrap": bootstrap}
    result = fit_law(found, points, **how)
    held = points.split(holdout)[1].frame if holdout else None
    card, text, picture = result.card(), [result.summary()], lambda: plotted(result, held)
    if frontier:
        from ..analysis.figures import optimal_size
        from ..analysis.frontier.frontier import optimal

        both = result if set(result.variables) == {"N", "D"} else None
        rows = points if result.points is None else result.points
        best = optimal(rows, both, bootstrap=bootstrap)
        card["frontier"], picture = best.card(), lambda: optimal_size.drawn(best)
        text.append(best.summary())
    if conventions:
        from ..analysis.figures import counting
        from ..analysis.studies.conventions import compare

        how |= {"law": law, "where": where, "cluster": cluster}
        ways = compare(named.frame, named.roles["L"], **how)
        card["conventions"], picture = ways.card(), lambda: counting.drawn(ways)
        text.append(ways.summary())
    typer.echo(json.dumps(card, indent=1) if json_ else "\n\n".join(text))
    if figure is not None:
        style.save_as(picture(), figure)


@app.command()
def compare(
    table: Table,
    laws_: Annotated[str, typer.Option("--laws", help="Names of laws: `chinchilla,power_law`.")],
    holdout: Annotated[
        str, typer.Option(help="Evaluate where this is true, fit where it is false: `C > 1e21`.")
    ],
    columns: Roles = "",
    where: Where = "",
    cluster: Cluster = "auto",
    drop_worst: Worst = 0,
    loss_space: Space = None,
    delta: Delta = None,
    json_: Json = False,
    figure: Figure = None,
) -> None:
    """Rank laws by their error on held-out rows.

    Examples:

        scaling-lab compare points.csv --laws chinchilla,kaplan_nd --holdout "C > 1e21"

        scaling-lab compare curve.csv --laws power_law,power_law_floor --holdout "D > 1e9"
        --columns D=tokens,L=loss --figure ladder.png
    """
    import json

    fit_on_cpu()
    from ..analysis import laws

    names = [name.strip() for name in laws_.split(",") if name.strip()]
    if not names:
        raise LabError("--laws names no law; write e.g. --laws chinchilla,power_law")
    found = [laws.get(name) for name in names]
    from ..analysis import style
    from ..analysis.studies import forecast

    style.drawable(figure)
    _, points = points_of(table, columns, found, [], (where, holdout), cluster, loss_space)
    if figure is not None and not forecast.cut_of(holdout, points):
        raise LabError(
            f'--figure draws a ladder of cuts, and --holdout "{holdout}" is not a cut; '
            "write a cut such as C > 1e21, or leave out --figure"
        )
    how = _set(delta=delta, space=loss_space, drop_worst=drop_worst or None)
    ranking = forecast.compare(found, points, holdout, **how)
    typer.echo(json.dumps(ranking.card(), indent=1) if json_ else ranking.summary())
    if figure is not None:
        from ..analysis.figures import forecasts

        style.save_as(forecasts.drawn(ranking), figure)


def points_of(
    table: str,
    columns: str,
    laws: list[Any],
    more: list[str],
    conditions: tuple[str, str],
    cluster: str,
    space: str | None,
) -> Any:
    """The chosen columns and the rows to fit; choices made by default are reported on stderr.

    conditions: which rows to keep and which to hold out. They name roles or any column.
    """
    from ..analysis import columns as naming
    from ..analysis import tables
    from ..storage.objects import pull
    from .console import told

    frame = tables.load(pull.located(table, told))
    needed = [role for law in laws for role in law.variables if role != "x"]
    where, holdout = conditions
    given = {*frame.columns, *naming.parse(columns)} if columns else {*frame.columns}
    needed += [*more, *_spoken(where, given), *_spoken(holdout, given), "L"]
    named = naming.choose(frame, columns, dict.fromkeys(needed))
    for note in filter(None, [frame.attrs["note"], *named.notes]):
        typer.echo(f"scaling-lab: {note}", err=True)
    space = space or ("raw" if any(law.space == "raw" for law in laws) else "log")
    # Keep N, D, C, L and the laws' own roles; other names only served in expressions.
    roles = {
        role: column if role in tables.ROLES else role
        for role, column in named.roles.items()
        if role in tables.ROLES or role in needed
    }
    return named, tables.checked(named.frame, roles, where=where, cluster=cluster, space=space)


def _refuse_to_choose(law: Any, named: Any) -> None:
    """Raise LabError if the table has several variables for a law that takes one."""
    from ..analysis.tables import OUTCOMES

    given = {role: column for role, column in named.roles.items() if role not in OUTCOMES}
    if len(given) > 1:
        first, column = next(iter(given.items()))
        raise LabError(
            f"{law} takes one variable and the table has {', '.join(given)}; "
            f"say which: --columns {first}={column},L={named.roles['L']}"
        )


def _spoken(condition: str, columns: Iterable[str] = ()) -> list[str]:
    """The roles named in a condition, except those that are columns of the table."""
    from ..analysis.columns import mentioned

    return [role for role in mentioned(condition) if role not in set(columns)]


def _set(**options: Any) -> dict[str, Any]:
    """The options that were given; the fit has defaults for the others."""
    return {
        name: value
        for name, value in options.items()
        if value is not None and (value or name == "delta")
    }


def _ties(text: str) -> dict[str, str]:
    """{"beta": "alpha"} from alpha=beta: beta is set equal to alpha."""
    ties = {}
    for pair in filter(None, text.split(",")):
        kept, sign, tied = (part.strip() for part in pair.partition("="))
        if not sign or not kept or not tied or kept == tied:
            raise LabError(f"--tie {text} is not NAME=NAME; write e.g. --tie alpha=beta")
        ties[tied] = kept
    return ties
