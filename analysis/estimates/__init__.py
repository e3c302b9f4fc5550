"""Orders of magnitude: one domain a file, found by its file's name; no list is edited.

A domain's file holds a docstring whose first line says what it is about, and

    any number of Estimates, each under a name of its own: brain.flops_per_second
    LANDMARKS    systems with their parameters N, data D and compute C, for figures and comparisons
    TALK         what the talk said, to be held against its own factors and what came since

Facts are Factors, and each names its source. An estimate may use those of other domains.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator
from dataclasses import dataclass
from types import ModuleType

from scaling_lab.errors import LabError, unknown

from ..estimate import Estimate, Factor

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
    """What the talk said, as a number (`value`), and what follows from its factors.

    follows    the estimate that multiplies the talk's own factors out; None if there is none
    measured   what was measured or published since; None if nothing was
    slip       what went wrong, or what to mind, in words
    """

    what: str
    value: Factor
    follows: Estimate | None = None
    measured: Factor | Estimate | None = None
    slip: str = ""


def names() -> list[str]:
    """The domains there are: the files of this folder (none is imported)."""
    found = pkgutil.iter_modules(__path__)
    return sorted(m.name for m in found if not (m.ispkg or m.name.startswith("_")))


def get(domain: str) -> ModuleType:
    """The module of one domain. Raises LabError for an unknown name or a file without docstring."""
    if domain not in names():
        raise unknown("domain of estimates", domain, names())
    module = importlib.import_module(f".{domain}", __name__)
    if not module.__doc__:
        raise LabError(f"the domain '{domain}' has no docstring; say in a line what it is about")
    return module


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
    found = [landmark for domain in names() for landmark in getattr(get(domain), "LANDMARKS", ())]
    return sorted(found, key=lambda mark: (mark.C.centre() if mark.C else float("inf"), mark.name))


def said() -> Iterator[tuple[str, Said]]:
    """Everything the talk said, with its domain."""
    for domain in names():
        for one in getattr(get(domain), "TALK", ()):
            yield domain, one
