"""Orders of magnitude: one domain a file, found by its file's name; no list is edited.

A domain's file holds a docstring whose first line says what it is about, and

    PLACE        a number: small ones come first
    any number of Estimates, each under a name of its own: brain.flops_per_second
    LANDMARKS    systems with their parameters N, data D and compute C, for figures and comparisons
    TALK         what the talk said, to be held against its own factors and what came since

Facts are Factors, and each names its source. An estimate may use those of other domains.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

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
    """A system on the axes of the laws: parameters N, examples D, compute C in FLOP, what is known.

    `compared` landmarks are those at whose compute laws are read; `kind` is one of KINDS.
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
class Said:
    """A number of the talk: `value` in `units`, on its `slide`; `bound` is "at least" or "at most".

    follows    the estimate that multiplies the talk's own factors out; None if there is none
    measured   what was measured or published since; None if nothing was
    slip       what went wrong, or what to mind, in words
    """

    what: str
    value: float
    units: str
    slide: str
    within: float = 1.0
    bound: str = ""
    follows: Estimate | None = None
    measured: Factor | Estimate | None = None
    slip: str = ""

    def __post_init__(self) -> None:
        for other in (self.follows, self.measured):
            if other and not units.compatible(other.unit, units.unit(self.units)):
                raise LabError(f"'{self.what}' is said in {self.units}, not in {other.units}")


def names() -> list[str]:
    """The domains there are: the files of `domains/`, then those of plugins (none is imported)."""
    return list(plugins.modules("estimates"))


def get(domain: str) -> Any:
    """The module of one domain. Raises LabError for an unknown name or an incomplete file."""
    module = plugins.load("estimates", domain, "domain of estimates")
    for part in ("__doc__", "PLACE"):
        if getattr(module, part, None) is None:
            raise LabError(f"the domain '{domain}' has no {part}; see analysis/estimates")
    return module


def ordered() -> list[str]:
    """The names of the domains in the order of their places."""
    return sorted(names(), key=lambda name: (get(name).PLACE, name))


def of(domain: str) -> dict[str, Estimate]:
    """The estimates of one domain under their full names: brain.flops_per_second."""
    held = vars(get(domain)).items()
    return {
        f"{domain}.{name}": value
        for name, value in held
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
    """The landmarks of all domains, by compute; those without compute last."""
    found = [landmark for domain in ordered() for landmark in getattr(get(domain), "LANDMARKS", ())]
    return sorted(found, key=lambda mark: (mark.C.centre() if mark.C else float("inf"), mark.name))


def said() -> Iterator[tuple[str, Said]]:
    """Everything the talk said, with its domain."""
    for domain in ordered():
        for one in getattr(get(domain), "TALK", ()):
            yield domain, one
