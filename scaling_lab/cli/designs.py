"""The verb that designs experiments: design."""

from __future__ import annotations

import math
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import LabError, unknown
from . import RESULTS, Folder, app, fit_on_cpu

if TYPE_CHECKING:
    from ..claim import Claim
    from ..experiment import Experiment

UNITS = {"s": 1.0, "min": 60.0, "h": 3600.0}
TABLES = (".csv", ".tsv", ".parquet")


@app.command()
def design(
    source: Annotated[
        str, typer.Argument(metavar="EXPERIMENT", help="An experiment, or a table of runs.")
    ],
    budget: Annotated[
        str, typer.Option(help="FLOP, or a time on this device: `1e15`, `90s`, `10min`, `2h`.")
    ] = "",
    claim: Annotated[str, typer.Option(help="Name of the claim; by default all.")] = "",
    next_: Annotated[
        int | None, typer.Option("--next", help="Choose this many runs to do next.", min=1)
    ] = None,
    law: Annotated[str, typer.Option(help="Of a table: name of the law.")] = "",
    columns: Annotated[str, typer.Option(help="Of a table: the column of each role.")] = "",
    where: Annotated[str, typer.Option(help="Of a table: keep the rows for which it holds.")] = "",
    target: Annotated[
        str, typer.Option(help="Of a table: where the losses are wanted: `C > 1e21`.")
    ] = "",
    simulations: Annotated[
        int, typer.Option(help="Experiments that are simulated to check it.", min=0)
    ] = 20,
    results: Folder = RESULTS,
    json_: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Propose the grid that is likeliest to decide a claim, or the runs to do next.

    What is thought of the law comes from the recorded runs, or is a guess before any. The proposal
    is checked by simulated experiments that are fitted as results are.

    Examples:

        scaling-lab design e01_digits_mlp --budget 10min

        scaling-lab design e01_digits_mlp --claim "L(D) at the largest model" --next 4

        scaling-lab design runs.csv --law chinchilla --columns "N=params,D=tokens,L=loss"
        --target "C > 1e21" --budget 1e20
    """
    import json

    fit_on_cpu()
    if Path(source).suffix in TABLES:
        found = [_of_table(source, budget, law, columns, where, target, next_, simulations)]
    elif law or columns or where or target:
        raise LabError("--law, --columns, --where and --target are for tables; give one")
    else:
        found = _of_experiment(source, budget, claim, next_, simulations, results)
    if json_:
        cards = [one if isinstance(one, str) else one.card() for one in found]
        typer.echo(json.dumps(cards, indent=1))
        return
    typer.echo("\n\n".join(one if isinstance(one, str) else one.text for one in found))


def _of_table(
    source: str,
    budget: str,
    law: str,
    columns: str,
    where: str,
    target: str,
    count: int | None,
    simulations: int,
) -> Any:
    """The runs to do next for a table and a law."""
    if not law or not target:
        raise LabError('a table needs --law and --target, such as --target "C > 1e21"')
    if not budget and count is None:
        raise LabError("say how much to do: --budget FLOP, or --next K runs")
    from ..analysis import laws
    from ..analysis.design.next_runs import runs_for
    from .fits import points_of

    found = laws.get(law)
    _, table = points_of(source, columns, [found], [], (where, ""), "", None)
    most = math.inf if not budget else _flop(budget, None)
    return runs_for(
        law,
        table,
        target=target,
        budget=most,
        count=count,
        simulations=simulations,
        progress=shown,
    )


def _of_experiment(
    name: str, budget: str, claim: str, count: int | None, simulations: int, results: Path
) -> list[Any]:
    """A proposal for each claim, or the runs to do next; a line where there is none."""
    import pandas as pd

    from ..analysis.design.next_runs import next_runs
    from ..analysis.design.proposal import propose
    from ..engine import rows
    from ..plan import make
    from ..storage.records import Store
    from . import chances
    from .grids import cells_of

    found, _ = cells_of(name, None, None)
    chosen = _chosen(found, claim)
    folder = results / found.name
    made = make(found.name, found.cells, Store(folder, found.name))
    planned = pd.DataFrame(rows.planned(found.cells))
    recorded = chances.pilot(found, made, folder)
    flop = _flop(budget, made) if budget else None
    done = [run.name for run in made.runs if run.state in ("done", "diverged")]
    made_of: list[Any] = []
    for one in chosen:
        try:
            if count is not None:
                most = math.inf if flop is None else flop
                runs = next_runs(
                    one, planned, recorded, done, count, budget=most, choose=found.choose
                )
                made_of.append(runs)
                continue
            ends = _ends(found)
            proposal = propose(
                one,
                planned,
                flop,
                recorded=recorded,
                ends=ends,
                simulations=simulations,
                progress=shown,
                choose=found.choose,
            )
            made_of.append(proposal)
        except LabError as error:
            if claim or len(chosen) == 1:
                raise
            made_of.append(f"claim '{one.name}': no proposal: {error}")
    return made_of


def _chosen(found: Experiment, name: str) -> list[Claim]:
    """The claim of that name, or all of them."""
    every = {claim.name: claim for claim in found.claims}
    if not every:
        raise LabError(f"{found.name} has no claims; a design is for a claim")
    if name and name not in every:
        raise unknown("claim", name, every)
    return [every[name]] if name else list(every.values())


def _ends(found: Experiment) -> dict[str, tuple[float, float]]:
    """The most data that there is."""
    sources = [cell.run.data for cell in found.cells if cell.run.data is not None]
    most = min((source.spec.examples for source in sources), default=0)
    return {"D": (1.0, float(most))} if most else {}


def _flop(text: str, made: Any) -> float:
    """A budget in FLOP; a time is turned into it by what the plan costs on this device."""
    number, unit = text.strip(), ""
    for name in sorted(UNITS, key=len, reverse=True):
        if number.endswith(name):
            number, unit = number.removesuffix(name).strip(), name
            break
    try:
        value = float(number)
    except ValueError as error:
        raise LabError(f"--budget {text} is no number of FLOP and no time, as in 10min") from error
    if not 0 < value < math.inf:
        raise LabError(f"--budget {text} is not above 0; give FLOP or a time, as in 10min")
    if not unit:
        return value
    if made is None:
        raise LabError(f"--budget {text}: for a table give FLOP; its device is not known")
    from ..engine import cost_model
    from ..engine.backends import local

    work = cost_model.work(list(made.runs))
    seconds = cost_model.seconds(work) / local.cores()
    total = sum(run.flops for run in made.runs)
    return value * UNITS[unit] * total / max(seconds, 1e-9)


def shown(steps: Iterable[int]) -> Iterable[int]:
    """The steps, with a bar on a terminal."""
    from rich.console import Console
    from rich.progress import track

    console = Console(stderr=True)
    return track(list(steps), "simulating", console=console, disable=not console.is_terminal)
