"""Summary: a fit as text, what is wrong with it first."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from .parameter import Parameter
    from .result import Fit

DIGITS = 10  # of a value at most, however exact the points are
SMALL = 20.0  # a value this much less than its error would be rounded away
UNSEEN = 1e-9  # of the upper end: a value below that is as good as 0


def summary(fit: Fit) -> str:
    """Warnings, parameters with intervals, how well it fits, and the evidence for the optimum."""
    found = fit.certificate
    axes = ", ".join(
        f"{fit.columns[role]} {s['low']:.3g} to {s['high']:.3g} ({_scales(s['distinct'])})"
        for role, s in found["scales"].items()
    )
    lines = [f"{fit.law}   {fit.equation}", f"{fit.n} points: {axes}"]
    lines += [f"! {warning}" for warning in fit.warnings]
    lines += ["", *_table(fit), "", *_quality(fit)]
    return "\n".join(lines)


def objective_in_words(fit: Fit) -> str:
    """Such as "Huber of log residuals, delta 0.001"."""
    settings = fit.settings
    name = {"huber": "Huber", "squares": "squares"}.get(settings["penalty"], settings["penalty"])
    delta = "" if settings["penalty"] == "squares" else f", delta {settings['delta']:g}"
    over = " over the noise" if "noise" in fit.columns else ""
    weighted = ", weighted" if "weight" in fit.columns else ""
    return f"{name} of {settings['space']} residuals{over}{delta}{weighted}"


def _scales(count: int) -> str:
    return f"{count} scale{'' if count == 1 else 's'}"


def _exponent(value: float) -> int:
    return int(np.floor(np.log10(abs(value)))) if value else 0


def _table(fit: Fit) -> list[str]:
    rows: list[tuple[str, ...]] = [("", "value", f"{fit.level:.0%} interval", "se")]
    ties = fit.settings["tie"]
    for name, parameter in fit.params.items():
        shown = _shown(parameter)
        bound = fit.settings["bounds"].get(ties.get(name, name))
        if name in ties:
            shown = (shown[0], f"= {ties[name]}", "")
        elif bound is not None and bound[0] == bound[1]:
            shown = (shown[0], "fixed", "")
        rows.append((name, *shown))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)).rstrip() for row in rows
    ]


def _quality(fit: Fit) -> list[str]:
    found = fit.certificate
    error = found["median_error"]
    typical = f"{error:.2%}" if fit.settings["space"] == "log" else f"{error:.3g}"
    if "noise" in fit.columns:
        typical = f"{error:.2g} standard deviations"
    lines = [
        f"typical error {typical}; objective {fit.objective:.6g} ({objective_in_words(fit)})",
        f"{found['share_of_starts']:.0%} of {found['starts']} starts reached this optimum; "
        f"{found['replicates']} resampled tables",
    ]
    # A card of an earlier version says nothing of steps: it had none.
    solved = found.get("solved", found["replicates"])
    if solved < found["replicates"]:
        lines.append(
            f"of these {solved} are solved in full and {found['replicates'] - solved} are one "
            f"Newton step each, which is off by {found['step_off']:.2g} standard errors"
        )
    if fit.holdout:
        held = fit.holdout
        error = f"{held['rmsle']:.2%}" if "rmsle" in held else f"{held['rmse']:.3g}"
        lines.append(f"held out, {held['condition']}: {held['n']} points, error {error} (rms)")
    return lines


def _shown(parameter: Parameter) -> tuple[str, str, str]:
    """Value, interval and standard error, to two digits of the narrower of the last two."""
    value, low, high, error = parameter
    if not error > 0:
        return f"{value:.6g}", "-", "-"
    # A few wild draws widen a standard error more than an interval.
    narrow = min(error, (high - low) / 4) or error
    if not np.isfinite(narrow) or (narrow > SMALL * value > 0 and value > UNSEEN * high):
        # The ends are decades apart: no one place suits them all.
        return f"{value:.3g}", f"{low:.3g} to {high:.3g}", f"{error:.3g}"
    place = min(1 - int(np.floor(np.log10(narrow))), DIGITS - 1 - _exponent(value))
    shown = [_rounded(number, place) for number in parameter]
    return shown[0], f"{shown[1]} to {shown[2]}", shown[3]


def _rounded(number: float, place: int) -> str:
    """Rounded to that many decimals (tens and hundreds if negative)."""
    if abs(number) < 0.5 * 10.0**-place:
        return "0"
    if 1e-4 < abs(number) < 1e7:
        return f"{round(number, place):.{max(place, 0)}f}"
    return f"{number:.3g}"
