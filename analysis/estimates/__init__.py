"""Orders of magnitude by domain: each domain is a file in `domains/`, found by its name.

A domain's file has a docstring, whose first line is the domain's heading, and

    PLACE        a number; domains are listed in increasing order of it
    Estimates    any number of them, addressed by domain and name: brain.flops_per_second
    LANDMARKS    systems with their parameters N, data D and compute C, for figures and comparisons
    TALK         Quotes: numbers in the talk, compared with its own factors and with later figures

Facts are Factors, each with its source. An estimate may use estimates of other domains.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from types import ModuleType

from scaling_lab import plugins
from scaling_lab.errors import LabError, unknown

from . import units
from .quantity import Estimate, Factor

KINDS = {
    "machine": "machine learning",
    "brain": "brains and lives",
    "anchor": "anchors and projections",
}


@dataclass(frozen=True, kw_only=True)
class Landmark:
    """A system on the axes of the laws: parameters N, examples D, compute C in FLOP, if known.

    `kind` is one of KINDS. Laws are evaluated at the compute of landmarks that are `compared`.
    Raises LabError for another kind.
    """

    name: str
    kind: str = "machine"
    N: Estimate | None = None
    D: Estimate | None = None
    C: Estimate | None = None
    compared: bool = False

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise unknown("kind of landmark", self.kind, KINDS)


@dataclass(frozen=True, kw_only=True)
class Quote:
    """A number in the talk: `value` in `units`, on its `slide`; `bound` is "at least" or "at most".

    within     the talk's own range: a factor up and down
    follows    the estimate from the talk's own factors, if there is one
    measured   what was measured or published since, if anything was
    note       what went wrong, or what to keep in mind

    Raises LabError if these are not in compatible units.
    """

    what: str
    value: float
    units: str
    slide: str
    within: float = 1.0
    bound: str = ""
    follows: Estimate | None = None
    measured: Factor | Estimate | None = None
    note: str = ""

    def __post_init__(self) -> None:
        for other in (self.follows, self.measured):
            if other and not units.compatible(other.unit, units.unit(self.units)):
                raise LabError(
                    f"'{self.what}' is quoted in {self.units} and compared with {other.units}; "
                    "give both in compatible units"
                )


def names() -> list[str]:
    """The names of all domains: the files of `domains/`, then those of plugins. Imports none."""
    return list(plugins.modules("estimates"))


def get(domain: str) -> ModuleType:
    """The module of one domain. Raises LabError for an unknown name or an incomplete file."""
    module = plugins.load("estimates", domain, "domain of estimates")
    for part in ("__doc__", "PLACE"):
        if getattr(module, part, None) is None:
            raise LabError(f"the domain '{domain}' has no {part}; see analysis/estimates")
    return module


def by_place() -> list[str]:
    """The names of the domains in increasing order of PLACE."""
    return sorted(names(), key=lambda name: (get(name).PLACE, name))


def of(domain: str) -> dict[str, Estimate]:
    """The estimates of a domain by full name (brain.flops_per_second)."""
    return {
        f"{domain}.{name}": value
        for name, value in vars(get(domain)).items()
        if isinstance(value, Estimate) and not name.startswith("_")
    }


def find(name: str) -> dict[str, Estimate]:
    """One estimate by its full name, or all of a domain. Raises LabError for an unknown name."""
    domain, dot, _ = name.partition(".")
    found = of(domain)
    if not dot:
        return found
    if name not in found:
        raise unknown("estimate", name, found)
    return {name: found[name]}


def landmarks() -> list[Landmark]:
    """The landmarks of all domains in order of compute; those without compute last."""
    found = [
        landmark for domain in by_place() for landmark in getattr(get(domain), "LANDMARKS", ())
    ]
    return sorted(found, key=lambda mark: (mark.C.centre() if mark.C else float("inf"), mark.name))


def quotes() -> Iterator[tuple[str, Quote]]:
    """The numbers in the talk, each with its domain."""
    for domain in by_place():
        for quote in getattr(get(domain), "TALK", ()):
            yield domain, quote
