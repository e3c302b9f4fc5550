"""The verb registrations: what was predicted, and when, relative to the runs."""

from __future__ import annotations

from typing import Annotated

import typer

from ..errors import LabError
from . import RESULTS, Folder, app
from .grids import Name


@app.command()
def registrations(
    experiment: Name,
    results: Folder = RESULTS,
    from_git: Annotated[
        bool,
        typer.Option(
            "--from-git",
            help="First add what the history of git has, for results that are older than the log.",
        ),
    ] = False,
) -> None:
    """Show when question, prediction and claims were registered, and after how many runs.

    `run` registers them by itself, each time they have changed.

    Examples:

        scaling-lab registrations e01_digits_mlp

        scaling-lab registrations e20_mnist_worlds --from-git
    """
    from rich.markup import escape
    from rich.table import Column, Table

    from ..experiment import find
    from ..registration import history, log, summary
    from ..storage.locks import lock
    from ..storage.records import Store
    from .console import out, pulled

    file = find(experiment)
    folder = pulled(results / file.stem)
    if not folder.is_dir():
        raise LabError(f"{folder} holds no results; run 'scaling-lab run {experiment}' first")
    if from_git:
        with lock.held(folder, say=typer.echo):
            _, count = history.add(file, folder)
        typer.echo(f"{count} registrations added from git")
    found = log.read(folder)
    cells = Store(folder, file.stem).cells()
    names = ("time (UTC)", "from", "commit", "claims", "registered", "digest")
    table = Table(*(Column(name, no_wrap=name != "registered") for name in names), box=None)
    for entry in found.entries:
        claims = "unknown" if entry.texts.claims is None else str(len(entry.texts.claims))
        commit = (entry.commit or "none")[:9] + (" with changes" if entry.dirty else "")
        after = summary.after(entry, len(cells or ()))
        table.add_row(entry.time, entry.source, commit, claims, after, entry.digest[:12])
    if found.entries:
        out.print(table)
    out.print(escape(summary.sentence(found, len(cells or ()))), soft_wrap=True)
    for line in found.broken:
        out.print(f"[red]warning[/]: {escape(line)}", soft_wrap=True)
