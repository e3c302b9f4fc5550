"""Whether the chosen learning rate lies inside the sweep."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..numbers import human
from ..recipes import typical
from .finding import Finding, Severity
from .subject import Experiment
from .thresholds import Thresholds


class SweepEnd:
    """The chosen value of each swept column at each family, N and D, beside the values tried there.

    At an end a value beyond it may be better, by more the larger the model: the exponent then holds
    the error of the sweep. A value beyond that diverged is no end; a failed run tried nothing. Of a
    point at which one value was tried, nothing is known: a rule that is wrong bends the law.
    """

    name, of = "sweep_end", "tables"

    def examine(
        self, tables: Experiment, definition: Mapping[str, Any], thresholds: Thresholds
    ) -> list[Finding]:
        """A finding for each swept column."""
        every = [
            self._of(column, tables, definition, thresholds)
            for column in definition.get("choose", ())
        ]
        return [one for some in every for one in some]

    def _of(
        self,
        column: str,
        tables: Experiment,
        definition: Mapping[str, Any],
        limits: Thresholds,
    ) -> list[Finding]:
        best, runs = tables.families, tables.runs
        by = [n for n in (*(definition.get("families") or {}), "N", "D") if n in runs and n in best]
        if column not in best or column not in runs or best.empty or not by:
            return []
        if runs[column].dtype.kind not in "iuf":
            return []
        tried = runs[runs["status"] != "failed"].groupby(by, dropna=False)[column]
        low, high = tried.transform("min"), tried.transform("max")
        ends = runs[by].assign(low=low, high=high).drop_duplicates(by)
        cells = typical(best, by, column).merge(ends, on=by, how="left")
        swept = cells[cells["low"] < cells["high"]]
        findings = []
        if len(swept) < len(cells):
            share = 1 - len(swept) / len(cells)
            findings.append(
                Finding(
                    self.name,
                    Severity.DOUBT if share > limits.sweep_ends else Severity.NOTE,
                    f"{column} was not swept at {len(cells) - len(swept)} of {len(cells)} points, "
                    "so nothing shows that it is the best there",
                    what_to_do=f"sweep {column} at each point, or say in the claim's reason which "
                    "rule it follows and where that was tested",
                    measured=share,
                    threshold=limits.sweep_ends,
                )
            )
        at_low, at_high = (
            np.isclose(swept[column], swept[end], rtol=1e-9) for end in ("low", "high")
        )
        count = int((at_low | at_high).sum())
        if count:
            ends_text = [
                f"{int(there.sum())} at the {end}"
                for there, end in ((at_low, "lowest"), (at_high, "highest"))
                if there.any()
            ]
            severe = count > limits.sweep_ends * len(cells)
            ways = [way for way, there in (("down", at_low), ("up", at_high)) if there.any()]
            example = swept[at_low | at_high].iloc[0]
            place = ", ".join(f"{k} = {human(float(example[k]))}" for k in by if k in "ND")
            findings.append(
                Finding(
                    self.name,
                    Severity.DOUBT if severe else Severity.NOTE,
                    f"the best {column} lies at an end of the sweep at {count} of {len(cells)} "
                    "points, so a better one may lie beyond",
                    f"{' and '.join(ends_text)}; e.g. {example[column]:g} at {place}",
                    f"sweep {column} further {' and '.join(ways)}",
                    count / len(cells),
                    limits.sweep_ends,
                )
            )
        return findings
