"""Whether the models along N are one family, so that N alone changes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from ..numbers import human
from .finding import Finding, Severity
from .subject import Experiment
from .thresholds import Thresholds

CONFIG = re.compile(r"(model|learner|data)\.")
WIDTH = re.compile(r"model\.(width|units|hidden|channels)$")
NARROW = re.compile(r"model\.(latent|latents|code|bottleneck)$")


class FamilyChanges:
    """What else changes along N: another part, a depth that jumps, a width below the latent size.

    A number may grow with N as a power does (r^2 of logarithms). One that stays and then jumps, or
    goes up and down, makes another family of the sizes on each side.
    """

    name, of = "family_changes", "tables"

    def examine(
        self, tables: Experiment, definition: Mapping[str, Any], thresholds: Thresholds
    ) -> list[Finding]:
        """Findings about each family."""
        rows = tables.families
        if "N" not in rows or rows.empty:
            return []
        families = rows.groupby("family") if "family" in rows else [("", rows)]
        findings = []
        for name, family in families:
            about = f" in {name}" if rows.get("family", pd.Series("")).nunique() > 1 else ""
            sizes = family.sort_values("N").drop_duplicates("N")
            if len(sizes) < 3:
                continue
            columns = [c for c in sizes if CONFIG.match(str(c)) and sizes[c].nunique() > 1]
            for column in columns:
                if family.groupby("N")[column].agg(frozenset).nunique() == 1:
                    continue  # every size has all of its values
                if text := _jump(sizes, column, thresholds):
                    findings.append(self._found(f"{text}{about}"))
            findings += [self._found(f"{t}{about}") for t in _narrow(sizes)]
            if text := _embedding(sizes, thresholds):
                remedy = "count N without the embedding and claim that exponent, or give both"
                findings.append(self._found(f"{text}{about}", remedy))
        return findings

    def _found(
        self,
        what: str,
        what_to_do: str = "leave those sizes out of laws of N, or change it by one rule",
    ) -> Finding:
        return Finding(self.name, Severity.DOUBT, what, what_to_do=what_to_do)


def _jump(sizes: pd.DataFrame, column: str, limits: Thresholds) -> str:
    """What is wrong with a column along N; "" if it grows as a power of N."""
    values, N = sizes[column], sizes["N"].to_numpy(float)
    shown = ", ".join(str(v) if isinstance(v, str) else f"{v:g}" for v in values.dropna())
    if values.dtype.kind not in "iuf" or values.isna().any() or (values <= 0).any():
        return f"{column} changes along N: {shown}"
    numbers = values.to_numpy(float)
    up, down = np.diff(numbers) > 0, np.diff(numbers) < 0
    if up.any() and down.any():
        return f"{column} goes up and down along N: {shown}"
    r = float(np.corrcoef(np.log(N), np.log(numbers))[0, 1])
    if r**2 < limits.grows:
        at = int(np.argmax(np.abs(np.diff(np.log(numbers))))) + 1
        return f"{column} jumps along N: {shown}, at N = {human(N[at])}"
    return ""


def _narrow(sizes: pd.DataFrame) -> list[str]:
    """Widths that are bottlenecks: below the latent size, or of one unit."""
    found = []
    widths = [c for c in sizes if WIDTH.search(str(c)) and sizes[c].notna().all()]
    latents = [c for c in sizes if NARROW.search(str(c)) and sizes[c].notna().all()]
    for width in widths:
        for latent in latents:
            below = sizes[sizes[width] < sizes[latent]]
            if 0 < len(below) < len(sizes):
                at = ", ".join(human(n) for n in below["N"])
                found.append(f"{width} is below {latent} at N = {at}")
        single = sizes[sizes[width] <= 1]
        if 0 < len(single) < len(sizes):
            found.append(f"{width} is one unit at N = {human(single['N'].iloc[0])}, a bottleneck")
    return found


def _embedding(sizes: pd.DataFrame, limits: Thresholds) -> str:
    """Whether N is mostly embedding at one end and not at the other."""
    if "N_embedding" not in sizes or sizes["N_embedding"].isna().any():
        return ""
    share = (sizes["N_embedding"] / sizes["N"]).to_numpy(float)
    if share.max() < limits.embedding or np.ptp(share) < limits.embedding_varies:
        return ""
    return (
        f"the embedding is {share[0]:.0%} of N at the smallest size and {share[-1]:.0%} at the "
        "largest, so an exponent of N depends on how N is counted"
    )
