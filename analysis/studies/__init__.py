"""Studies: analyses of an experiment's tables as a whole, besides its claims. One study a file.

A study's file holds

    SLUG     its identity, by which findings, figures and claims name it: "best_n"
    TITLE    its heading in the report; a claim may name the study by it, too
    analyse(tables: Tables) -> result

The result has `card()`, its JSON; one whose `params` map names to values with an interval (as a
fit's do) can be claimed about. `analyse` raises LabError where the tables lack something, with the
reason, and NotApplicable where runs of this kind have no such study.

A study is made once (`attempt`) and kept as its result or as a Refusal. Files without a SLUG are
analyses of other things than an experiment's tables: an embedding, a choice among laws.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol, cast

from scaling_lab import plugins
from scaling_lab.errors import LabError, NotApplicable, unknown

from ..experiment_tables import Tables


class Result(Protocol):
    """What a study gives."""

    def card(self) -> dict[str, Any]: ...


class Study(Protocol):
    """What a study's module holds."""

    SLUG: str
    TITLE: str

    def analyse(self, tables: Tables) -> Result: ...


@dataclass(frozen=True)
class Refusal:
    """Why a study has no result; not `applicable` where runs of this kind have no such study."""

    reason: str
    applicable: bool = True

    def error(self) -> LabError | NotApplicable:
        """The exception that says so."""
        return LabError(self.reason) if self.applicable else NotApplicable(self.reason)


def found() -> dict[str, Study]:
    """The studies there are, by slug: the files of this folder, then those of plugins.

    Raises LabError for a file that cannot be imported and for two studies of one slug.
    """
    studies: dict[str, Study] = {}
    for name in plugins.modules("studies"):
        module = plugins.load("studies", name, "study")
        if not hasattr(module, "SLUG"):
            continue
        if module.SLUG in studies:
            raise LabError(
                f"two studies have the slug '{module.SLUG}'; change it in {module.__file__}"
            )
        studies[module.SLUG] = cast(Study, module)
    return studies


def slug_of(name: str) -> str | None:
    """The slug of the study of that slug or title; None if there is none."""
    named = {study.TITLE: slug for slug, study in found().items()}
    return name if name in found() else named.get(name)


def get(name: str) -> Study:
    """The study of that slug or title. Raises LabError for an unknown one."""
    slug = slug_of(name)
    if slug is None:
        raise unknown("study", name, found())
    return found()[slug]


def attempt(study: Study, tables: Tables) -> Result | Refusal:
    """Make the study: its result, or the refusal that says why there is none."""
    try:
        return study.analyse(tables)
    except LabError as error:
        return Refusal(str(error))
    except NotApplicable as error:
        return Refusal(str(error), applicable=False)


def attempt_all(tables: Tables) -> dict[str, Result | Refusal]:
    """Every study of the tables, by slug."""
    return {slug: attempt(study, tables) for slug, study in found().items()}


def require(made: Mapping[str, Any], slug: str) -> Any:
    """The result of a study that was made. Raises the reason (see Refusal) where it was refused."""
    if slug not in made:
        raise LabError(f"the study {slug} was not made; make it with studies.attempt")
    if isinstance(made[slug], Refusal):
        raise made[slug].error()
    return made[slug]
