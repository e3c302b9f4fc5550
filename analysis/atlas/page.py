"""The page of the atlas: what was pooled, the forest plots, and every exponent in a table."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from scaling_lab.errors import LabError
from scaling_lab.storage.atomic import write_whole

from .. import report, style
from ..numbers import symbol
from ..report.page import picture
from ..report.typography import interval, number
from . import forest, published
from .pooling import Pooled, pooled
from .rows import SLICE, Exponent, frame, of_folders, pools

TITLES = {"N": "Parameters", "D": "Data", "C": "Compute"}
CAPTION = (
    "Exponents with their 95% intervals, on a logarithmic axis; an arrow is an end that the data "
    "do not determine. The colour is the verdict on the claim that asked for the exponent; a "
    "hollow mark is not pooled, because no claim asked for it before its runs or its interval is "
    "open. Blue diamonds are published values, with an interval where one was printed. The black "
    "diamond is the pooled mean with its interval, the dotted line where the next is expected."
)


class Drawing(NamedTuple):
    """What the page says of a figure."""

    TITLE: str
    CAPTION: str
    PLACE: int = 0


@dataclass
class Atlas:
    """The exponents of some results folders and of published tables, and what they pool to.

    rows     every exponent
    pools    (variable, what falls, floor) -> the pooled mean of the registered ones
    unpooled lines that say why a group has no mean
    missing  lines about results folders without an exponent
    """

    rows: list[Exponent]
    pools: dict[tuple[str, str, bool], Pooled] = field(default_factory=dict)
    unpooled: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)


def atlas(folders: Sequence[Path], tables: Sequence[Path] = ()) -> Atlas:
    """The atlas of these results folders, our table of published exponents and `tables`.

    Raises LabError for a table that cannot be used, and if there is no exponent of ours.
    """
    rows, missing = of_folders(folders)
    if not rows:
        raise LabError("; ".join(missing) or "there are no results; run an experiment first")
    for path in (published.TABLE, *tables):
        rows += published.read(path)
    found = Atlas(rows, missing=missing)
    for key, group in pools(rows).items():
        try:
            found.pools[key] = pooled([row.value for row in group], [row.error for row in group])
        except LabError as error:
            found.unpooled.append(f"{_title(*key)}: {error}")
    return found


def write(found: Atlas, to: Path) -> Path:
    """Write atlas.html, atlas.csv and the figures into a folder; returns the page's path."""
    write_whole(to / "atlas.csv", frame(found.rows).to_csv(index=False).encode())
    pictures = []
    for variable, optimum in forest.subjects(found.rows):
        made = forest.figure(found.rows, found.pools, variable, optimum)
        name = f"exponents_of_{'optimal_n' if optimum else variable.lower()}"
        paths = style.save(made, to / "figures", name)
        title = "Compute-optimal N" if optimum else TITLES.get(variable, variable)
        about = Drawing(title, "As above." if pictures else CAPTION)
        pictures.append(picture(name, about, paths) | {"shape": "wide tall"})
    templates = [Path(__file__).parent / "templates", Path(report.__file__).parent / "templates"]
    environment = Environment(
        loader=FileSystemLoader(templates),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    text = environment.get_template("atlas.html.j2").render(
        pools=[_pool(key, one) for key, one in sorted(found.pools.items())],
        notes=[*found.unpooled, *found.missing],
        pictures=pictures,
        rows=[_shown(row) for row in sorted(found.rows, key=_place)],
        experiments=len({row.experiment for row in found.rows if row.experiment}),
        count=sum(bool(row.experiment) for row in found.rows),
    )
    write_whole(to / "atlas.html", text.encode())
    return to / "atlas.html"


def _place(row: Exponent) -> tuple[Any, ...]:
    return (
        *forest.rank(row.variable),
        row.of,
        row.floor,
        not row.experiment,
        row.kind == SLICE,
        row.name,
    )


def _title(variable: str, of: str, floor: bool) -> str:
    return f"{of} against {variable}, {'with' if floor else 'without'} a floor"


def _pool(key: tuple[str, str, bool], one: Pooled) -> dict[str, str]:
    return {
        "title": _title(*key),
        "count": str(one.count),
        "value": number(one.value),
        "interval": interval(*one.interval),
        "next": interval(*one.next_),
        "i2": f"{one.i2:.0%}",
        "tau": f"{one.tau:.2f}",
        "p": f"{one.p:.2g}",
    }


def _shown(row: Exponent) -> Mapping[str, Any]:
    """A row of the table, as text."""
    ends = "" if math.isnan(row.low) else interval(row.low, row.high)
    if math.isinf(row.high) and row.low <= 0:
        ends = "not determined"
    return {
        "experiment": row.experiment or row.source,
        "name": row.name,
        "kind": row.kind,
        "domain": row.domain,
        "architecture": row.architecture,
        "optimizer": row.optimizer,
        "variable": symbol(row.variable),
        "of": row.of,
        "floor": "floor" if row.floor else "none",
        "counting": row.counting,
        "decades": "" if math.isnan(row.decades) else f"{row.decades:.1f}",
        "clusters": str(row.clusters or ""),
        "value": number(row.value),
        "interval": ends,
        "verdict": row.verdict,
        "registration": row.registration,
        "doubt": row.doubt,
    }
