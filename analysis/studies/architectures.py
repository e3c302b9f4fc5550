"""Architectures: does the exponent depend on the architecture? One law for each family of models.

L(N) is taken at the largest D at which a family has several sizes, L(D) at the largest N that was
trained on several amounts of data. Each is fitted twice: as a power law, whose exponent is the mean
slope over the range of the table, and as a power law with a floor, whose exponent depends on the
fitted floor. Families are fitted independently; the interval of a difference of exponents comes
from the differences of their bootstrap draws.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from scaling_lab.errors import LabError, NotApplicable

from ..checks import Finding
from ..experiment_tables import Tables, needs
from ..numbers import aligned

if TYPE_CHECKING:
    from ..fitting.parameter import Parameter
    from ..fitting.result import Fit

SLUG = "architectures"
TITLE = "Architectures"
LAWS = ("power_law", "power_law_floor")
SCALES = {"power_law": 3, "power_law_floor": 4}  # distinct values of the variable that a law needs
BOOTSTRAP = 200


@dataclass(frozen=True)
class Architectures:
    """fits: (law, variable, family) -> Fit. first: the family the others are compared with."""

    fits: dict[tuple[str, str, str], Fit]
    first: str
    level: float

    equation = "alpha by family"

    @property
    def n(self) -> int:
        """The number of points of all power laws."""
        return sum(fit.n for (law, _, _), fit in self.fits.items() if law == LAWS[0])

    @property
    def families(self) -> list[str]:
        """The families, the first one first."""
        return list(dict.fromkeys(family for _, _, family in self.fits))

    @property
    def params(self) -> dict[str, Parameter]:
        """Exponents, `power_law.N.lstm`, and differences, `power_law.N.lstm-transformer`."""
        found = {".".join(key): fit.params["alpha"] for key, fit in self.fits.items()}
        for law, x, family in self.fits:
            if family != self.first and (law, x, self.first) in self.fits:
                found[f"{law}.{x}.{family}-{self.first}"] = self._difference(law, x, family)
        return found

    @property
    def findings(self) -> list[Finding]:
        """What the checks found in all fits; each says in which."""
        return [
            replace(one, what=f"{' '.join(key)}: {one.what}")
            for key, fit in self.fits.items()
            for one in fit.findings
        ]

    @property
    def warnings(self) -> list[str]:
        """The warnings of all fits."""
        return [f"{' '.join(key)}: {w}" for key, fit in self.fits.items() for w in fit.warnings]

    def summary(self) -> str:
        """Warnings, then exponents and differences, one per line."""
        rows = [("", "value", "interval")]
        for name, found in self.params.items():
            rows.append((name, f"{found.value:.3g}", f"{found.low:.3g} to {found.high:.3g}"))
        return "\n".join([f"! {warning}" for warning in self.warnings] + aligned(rows))

    def card(self) -> dict[str, Any]:
        """The comparison as JSON, in full precision. NaN becomes null."""
        return {
            "study": "architectures",
            "first": self.first,
            "level": self.level,
            "params": {
                name: {k: v if np.isfinite(v) else None for k, v in found._asdict().items()}
                for name, found in self.params.items()
            },
            "warnings": self.warnings,
            "fits": {".".join(key): fit.card() for key, fit in self.fits.items()},
        }

    def _difference(self, law: str, x: str, family: str) -> Parameter:
        from ..fitting.parameter import Parameter

        ours, theirs = self.fits[law, x, family], self.fits[law, x, self.first]
        value = ours.params["alpha"].value - theirs.params["alpha"].value
        if not (ours.params["alpha"].determined and theirs.params["alpha"].determined):
            open_ = np.inf if ours.certificate["replicates"] else np.nan
            return Parameter(value, -open_, open_, np.nan)
        # Both were drawn with the same seed; shuffling one makes them independent.
        other = np.random.default_rng(0).permutation(theirs.draws["alpha"])
        draws = ours.draws["alpha"] - other
        resampled = all(one.certificate.get("method") == "bootstrap" for one in (ours, theirs))
        return Parameter.from_draws(value, draws, self.level, value if resampled else None)


def analyse(tables: Tables) -> Architectures:
    """Compare the families of an experiment with the one that its figures show.

    Raises NotApplicable if there is only one family, or they learn from different data; LabError if
    only one has finished runs or the families have too few values of N and of D for a law.
    """
    rows = tables.families
    if rows is not None and "family" in rows and rows["family"].nunique() < 2:
        models = tables.runs["model"].nunique() if "model" in tables.runs else 1
        if models > 1 and not rows.empty:
            raise LabError(
                "a comparison of architectures needs two families with finished runs; there is one"
            )
        raise NotApplicable("a comparison of architectures needs two families; there is one")
    if _sources(rows) > 1:
        raise NotApplicable("families that learn from different data are not compared")
    needs(rows, ("family", "N", tables.loss), "a comparison of architectures")
    first = str(tables.chosen["family"].iloc[0])
    return compare(rows, tables.loss, first, bootstrap=BOOTSTRAP)


def compare(
    chosen: pd.DataFrame, loss: str, first: str, bootstrap: int = BOOTSTRAP
) -> Architectures:
    """Fit every family's L(N) and L(D). Raises LabError if there is only one family, or no law."""
    from ..fitting.fit import fit
    from ..tables import checked

    families = [first, *sorted(set(chosen["family"]) - {first})]
    if len(families) < 2:
        raise LabError("a comparison of architectures needs two families; there is one")
    fits: dict[tuple[str, str, str], Fit] = {}
    for x, at in (("N", "D"), ("D", "N")):
        for family in families:
            rows = _slice(chosen[chosen["family"] == family], x, at)
            for law in LAWS:
                if x in rows and rows[x].nunique() >= SCALES[law]:
                    table = checked(rows.reset_index(drop=True), {x: x, "L": loss})
                    fits[law, x, family] = fit(law, table, bootstrap=bootstrap)
    if len({family for _, _, family in fits}) < 2:
        raise LabError("a comparison of architectures needs three N, or three D, of each family")
    order = sorted(fits, key=lambda key: (key[1] != "N", LAWS.index(key[0])))
    return Architectures({key: fits[key] for key in order}, first, 0.95)


def _sources(rows: pd.DataFrame) -> int:
    """How many data sources there are, told apart by their fields as well."""
    columns = [name for name in rows if name == "data" or str(name).startswith("data.")]
    return len(rows[columns].drop_duplicates()) if columns else 1


def _slice(rows: pd.DataFrame, x: str, at: str) -> pd.DataFrame:
    """The rows at the greatest value of `at` that has enough values of x for a law, if any has."""
    if x not in rows or at not in rows or not rows[at].notna().any():
        return rows
    scales = rows.groupby(at)[x].nunique()
    enough = scales[scales >= SCALES["power_law"]]
    return rows[rows[at] == (enough if len(enough) else scales).index.max()]
