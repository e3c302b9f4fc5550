"""The forest plots of the atlas: one for each variable, a row an exponent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from .. import style
from ..claims.verdict import HELD, INSUFFICIENT, REFUTED, UNDECIDED
from .pooling import Pooled
from .rows import PUBLISHED, SLICE, Exponent

COLOURS = {HELD: "#17693f", REFUTED: "#a8261c", UNDECIDED: "#b27d00", INSUFFICIENT: "#6b7280"}
OTHERS, POOLED = "#0072b2", "#1b1f24"
ORDER, OPTIMUM = ("N", "D", "C"), "N*"
ROW = 0.165  # inches
NARROWEST, WIDEST = 0.01, 6.0  # exponents: the axis cuts open ends here


def subjects(rows: Sequence[Exponent]) -> list[tuple[str, bool]]:
    """What there are figures of: (variable, whether of the compute-optimal N) of exponents of ours.

    Slices, which no claim asked for, are in the table alone.
    """
    found = {(row.variable, row.of == OPTIMUM) for row in rows if row.experiment and _drawn(row)}
    return sorted(found, key=lambda pair: (pair[1], *rank(pair[0])))


def rank(variable: str) -> tuple[int, str]:
    """A place among variables: N, D, C, then others by name."""
    return (ORDER.index(variable) if variable in ORDER else len(ORDER), variable)


def figure(
    rows: Sequence[Exponent],
    pools: Mapping[tuple[str, str, bool], Pooled],
    variable: str,
    optimum: bool,
) -> Figure:
    """The exponents of one variable: a panel for each quantity, with and without a floor."""
    mine = [
        row
        for row in rows
        if row.variable == variable and (row.of == OPTIMUM) == optimum and _drawn(row)
    ]
    ours = {row.of for row in mine if row.experiment}
    panels = sorted({(row.of != "loss", row.of, row.floor) for row in mine if row.of in ours})
    chosen = {(of, floor): _ordered(mine, of, floor) for _, of, floor in panels}
    lines = [
        len(those) + 1.2 + (1.6 if (variable, *key) in pools else 0)
        for key, those in chosen.items()
    ]
    with style.theme():
        made = style.figure(style.DOUBLE, 0.75 + ROW * sum(lines) + 0.25 * len(chosen))
        made.get_layout_engine().set(w_pad=0.12)  # type: ignore[union-attr]
        several = made.subplots(
            len(chosen), 1, sharex=True, squeeze=False, gridspec_kw={"height_ratios": lines}
        )[:, 0]
        for axes, ((of, floor), those) in zip(several, chosen.items(), strict=True):
            _panel(axes, those, pools.get((variable, of, floor)))
            law = "" if optimum else f", law {'with' if floor else 'without'} a floor"
            axes.set_title(f"{of}{law}", loc="left", fontsize=8)
        several[-1].set_xlabel(f"exponent of {variable}")
        style.key(made, "", _entries(mine))
    return made


def _drawn(row: Exponent) -> bool:
    return row.kind != SLICE and row.value > 0


def _ordered(rows: Sequence[Exponent], of: str, floor: bool) -> list[Exponent]:
    """Ours before the published ones, each by size."""
    mine = [row for row in rows if row.of == of and row.floor == floor]
    return sorted(mine, key=lambda row: (row.kind == PUBLISHED, row.value))


def _panel(axes: Axes, rows: Sequence[Exponent], pool: Pooled | None) -> None:
    labels = [_label(row) for row in rows]
    for at, row in enumerate(rows):
        colour = _colour(row)
        low, high = max(row.low, NARROWEST), min(row.high, WIDEST)
        if low < high:  # neither is NaN
            axes.hlines(at, low, high, color=colour, lw=1.3, alpha=0.65)
            if low > row.low:
                axes.plot(low, at, "<", color=colour, ms=3.5)
            if high < row.high:
                axes.plot(high, at, ">", color=colour, ms=3.5)
        filled = row.is_poolable or row.kind == PUBLISHED
        axes.plot(
            row.value,
            at,
            "D" if row.kind == PUBLISHED else "o",
            color=colour,
            mfc=colour if filled else "white",
            ms=3.4,
            mew=0.9,
            zorder=3,
        )
    if pool is not None:
        at = len(rows) + 0.4
        (low, high), (first, last) = pool.interval, pool.next_
        axes.hlines(at, max(first, NARROWEST), min(last, WIDEST), color=POOLED, lw=0.9, ls=":")
        axes.fill([low, pool.value, high, pool.value], [at, at - 0.35, at, at + 0.35], color=POOLED)
        labels.append(f"mean of {pool.count} registered (I² {pool.i2:.0%})")
    places = [*range(len(rows)), *([len(rows) + 0.4] if pool is not None else [])]
    axes.set_yticks(places, labels, fontsize=6.3)
    axes.set_ylim(places[-1] + 0.7, -0.7)
    axes.tick_params(axis="y", length=0)
    axes.set_xscale("log")
    style.log_ticks(axes.xaxis, plain=True)
    axes.grid(axis="y", visible=False)


def _label(row: Exponent) -> str:
    if row.kind == PUBLISHED:
        year = row.source.partition(",")[0]
        return f"{row.domain}, {row.architecture} ({year})"
    return f"{row.experiment.partition('_')[0]}: {row.name}"


def _colour(row: Exponent) -> str:
    if row.kind == PUBLISHED:
        return OTHERS
    return COLOURS.get(row.verdict, "#9aa1aa")


def _entries(rows: Sequence[Exponent]) -> list:
    words = [word for word in COLOURS if any(row.verdict == word for row in rows)]
    entries = [(word, [style.mark(COLOURS[word], lw=1.3, marker="o", ms=3.4)]) for word in words]
    if any(row.kind == PUBLISHED for row in rows):
        entries.append(("published", [style.mark(OTHERS, lw=0, marker="D", ms=3.4)]))
    if any(row.kind != PUBLISHED and not row.is_poolable for row in rows):
        hollow = style.mark(style.GREY, lw=1.3, marker="o", ms=3.4)
        hollow.set_markerfacecolor("white")
        entries.append(("not pooled", [hollow]))
    return entries
