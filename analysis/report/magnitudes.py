"""Orders of magnitude on the page of a report: our grids and laws next to brains and large systems.

`analyse` draws the figures of `estimates.figures` with what was found in the experiments, reads
their laws at the landmarks and compares the talk's figures with their factors and with
measurements; `closing` gives an experiment's last line.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scaling_lab.errors import LabError

from ..estimates import extrapolation, figures, source_talk
from ..estimates.domains import life
from ..estimates.figures import Grid
from ..fitting.result import Fit
from ..kept import digest
from ..numbers import power, shown
from .drawings import drawn

if TYPE_CHECKING:
    from .findings import Findings


@dataclass(frozen=True)
class Magnitudes:
    """The section's content: closing lines, laws at the landmarks, the talk, figures by name."""

    closings: list[str]
    laws: list[dict[str, Any]]
    talk: list[source_talk.Row]
    pictures: dict[str, tuple[Path, Path]]
    undrawn: dict[str, str]


def grid(found: Findings) -> Grid:
    """What one experiment adds: its compute, its laws along compute, its frontier."""
    spent, fits = found.outcome.spent, {}
    for name, fit in found.results.items():
        try:
            if isinstance(fit, Fit) and extrapolation.reach(fit).axis == "C":
                fits[name] = fit
        except LabError:
            continue  # a law that cannot be evaluated at landmarks
    try:
        frontier = found.tables.frontier()
        frontier = frontier[frontier["inner"]]
    except (LabError, KeyError):
        frontier = None
    return Grid(found.definition["name"], float(spent.sum()), float(spent.max()), fits, frontier)


def closing(one: Grid) -> str:
    """What the grid cost, compared with a human life, and how far its law is from there."""
    if not one.C:
        return (
            f"{one.name}: its tables hold no run that spent compute, to compare with a human life."
        )
    a_life = life.flops.centre()
    reached = [extrapolation.reach(fit) for fit in one.fits.values()]
    data = max(reached, key=lambda reach: reach.high) if reached else None
    far = (data or extrapolation.Reach("C", one.largest, one.largest)).beyond(a_life)
    law = "your law" if data else "a law of it (none was fitted along compute)"
    return (
        f"{one.name}: this grid cost {power(one.C)} FLOP, a human life is {power(a_life)}; "
        f"{law} would have to be extrapolated by {far:.1f} decades."
    )


def analyse(found: Sequence[Findings], folder: Path) -> Magnitudes:
    """Draw the figures into `folder`, read the laws at the landmarks, check the talk."""
    grids = [grid(one) for one in found]
    inputs = [
        [one.digest, [(name, digest(fit.card())) for name, fit in each.fits.items()]]
        for one, each in zip(found, grids, strict=True)
    ]
    pictures, undrawn = {}, {}
    for name in figures.names():
        figure = figures.get(name)
        try:
            pictures[name] = drawn(
                lambda fits, figure=figure: figure.draw(grids), inputs, {}, folder, name
            )
        except LabError as error:
            undrawn[name] = str(error)
    return Magnitudes(
        closings=[closing(one) for one in grids],
        laws=[_law(one.name, name, fit) for one in grids for name, fit in one.fits.items()],
        talk=source_talk.rows(),
        pictures=pictures,
        undrawn=undrawn,
    )


def _law(experiment: str, name: str, fit: Any) -> dict[str, Any]:
    data = extrapolation.reach(fit)
    rows = [
        {
            "landmark": one.landmark.name,
            "at": power(one.at[1]),
            "loss": extrapolation.loss(one.L),
            "best": [shown(best) for best in (one.N, one.D) if best is not None],
            "beyond": one.decades,
            "verdict": one.verdict,
        }
        for one in extrapolation.readings(fit)
    ]
    return {
        "name": f"{experiment}: {name}",
        "data": f"{power(data.low)} to {power(data.high)}",
        "frontier": all(row["best"] for row in rows),
        "rows": rows,
    }
