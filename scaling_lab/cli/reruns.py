"""Verb that checks a record by training it again: rerun."""

from __future__ import annotations

import contextlib
import re
from pathlib import Path
from typing import Annotated, Any

import typer

from ..errors import LabError
from ..storage.mirror import opened
from . import RESULTS, Folder, app, output

SHOWN = 6  # numbers that are listed


@app.command()
def rerun(
    experiment: Annotated[
        str,
        typer.Argument(metavar="EXPERIMENT", help="Its name or file; or a fingerprint alone."),
    ],
    run: Annotated[
        str, typer.Argument(metavar="[RUN]", help="A run's name, a part of it, or its fingerprint.")
    ] = "",
    results: Folder = RESULTS,
    ensemble: Annotated[
        bool,
        typer.Option("--ensemble", help="Train all runs that it was trained together with."),
    ] = False,
    tolerance: Annotated[
        float, typer.Option(help="Largest relative difference that is accepted.", min=0)
    ] = 0.0,
    to: Annotated[
        Path | None,
        typer.Option(help="Record the new rows in this folder of results.", parser=opened),
    ] = None,
) -> None:
    """Train one recorded run again and compare every number of its record.

    Nothing is recorded, unless --to names a folder. Exit status 0 if all numbers are equal to the
    last bit, or within --tolerance; 1 if they are not.

    Examples:

        scaling-lab rerun e01_digits_mlp N=600/D=60/learning_rate=0.003/seed=0

        scaling-lab rerun 087577ad8318 --tolerance 1e-6
    """
    output.outlast()
    store, run, file = _found(experiment, run, results)
    from ..engine import interruption
    from ..engine.rerun import rerun as again
    from ..engine.trainer import Interrupted
    from .console import out
    from .progress import Rerun

    try:
        with interruption.heard() as stop, Rerun(stop) as link:
            found = again(
                store, run, file=file, ensemble=ensemble, to=to, link=link, begin=link.start
            )
    except Interrupted:
        out.print("Interrupted; nothing is kept.")
        raise typer.Exit(130) from None
    _show(found)
    if found.tolerance > tolerance:
        raise typer.Exit(1)


def _found(experiment: str, run: str, results: Path) -> Any:
    """The store, the run asked for, and the experiment's file, "" without one."""
    from ..experiment import find
    from ..storage.records import Store
    from .console import pulled

    file, stem = "", experiment
    try:
        found = find(experiment)
        file, stem = str(found.resolve()), found.stem
    except LabError:
        if not (pulled(results / experiment) / "runs").is_dir():
            if run or not re.fullmatch("[0-9a-f]{6,12}", experiment):
                raise
            stem = _holder(experiment, results)
            with contextlib.suppress(LabError):  # the experiment's file may be gone
                file = str(find(stem).resolve())
            run = experiment
    if not run:
        raise LabError(f"rerun {experiment} lacks a run; give a part of its name or a fingerprint")
    return Store(pulled(results / stem), stem), run, file


def _holder(mark: str, results: Path) -> str:
    """The name of the experiment that recorded a run of that fingerprint."""
    from ..experiment import FOLDER
    from ..storage import pull
    from ..storage.records import Store
    from .console import pulled

    names = {path.stem for path in FOLDER.glob("e*.py")}
    names |= set(pull.experiments(results))
    held = [
        name
        for name in sorted(names)
        for row in Store(pulled(results / name), name).survey().rows.values()
        if row["fingerprint"].startswith(mark)
    ]
    if len(held) == 1:
        return held[0]
    where = f"{len(held)} runs, of {', '.join(dict.fromkeys(held))}" if held else "no run"
    raise LabError(f"{where} in {results} has the fingerprint '{mark}'; give EXPERIMENT and RUN")


def _show(found: Any) -> None:
    from rich.markup import escape

    from .console import out

    def line(text: str) -> None:
        out.print(escape(text), soft_wrap=True)

    line(f"{found.run} ({found.fingerprint})")
    if not found.differences:
        line(f"  equal: {found.compared} numbers, to the last bit")
    else:
        differing = len(found.differences)
        line(
            f"  different: {differing} of {found.compared} numbers, by up to {found.tolerance:.2g}"
        )
        if found.parts_at is not None:
            since = f"are equal at step {found.equal} and differ" if found.equal else "differ"
            line(f"  the curves {since} at step {found.parts_at}")
        ordered = sorted(found.differences, key=lambda one: (one.step or 0, -one.relative))
        row = [one for one in ordered if one.step is None]
        for one in (row or ordered)[:SHOWN]:
            line(f"    {one.name}: recorded {one.recorded!r}, now {one.now!r}")
    for what, then, now in found.provenance:
        line(f"  {what}: recorded {then!r}, now {now!r}")
    if found.unknown:
        line(f"  the record does not tell: {', '.join(found.unknown)}")
