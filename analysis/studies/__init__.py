"""Studies: analyses of an experiment's tables as a whole, besides its claims. One study per file.

A study's file defines

    SLUG     its identity, by which findings, figures and claims name it: "best_n"
    TITLE    its heading in the report; a claim may also name the study by it
    analyse(tables: Tables) -> result

The result has `card()`, its JSON. Claims can be made about a result with `params`, a mapping from
names to values with an interval (as a fit has). `analyse` raises LabError, with the reason, if the
tables lack something, and NotApplicable if runs of this kind have no such study.

A study is made once (`attempt`) and kept as its result or as a Refusal. Files without a SLUG
analyse something other than an experiment's tables: an embedding, a choice among laws.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, cast

from scaling_lab import plugins
from scaling_lab.errors import LabError, NotApplicable, unknown

if TYPE_CHECKING:  # `plan` checks claims without pandas
    from ..experiment_tables import Tables


class Result(Protocol):
    """The result of a study."""

    def card(self) -> dict[str, Any]: ...


class Study(Protocol):
    """The module of a study."""

    SLUG: str
    TITLE: str

    def analyse(self, tables: Tables) -> Result: ...


@dataclass(frozen=True)
class Refusal:
    """Why a study has no result; not `applicable` if runs of this kind have no such study."""

    reason: str
    applicable: bool = True

    def error(self) -> LabError | NotApplicable:
        """The exception to raise for it."""
        return LabError(self.reason) if self.applicable else NotApplicable(self.reason)


def found() -> dict[str, Study]:
    """All studies by slug: the files of this folder, then those of plugins.

    Raises LabError for a file that cannot be imported and for two studies with the same slug.
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
    """The slug of the study with that slug or title; None if there is none."""
    named = {study.TITLE: slug for slug, study in found().items()}
    return name if name in found() else named.get(name)


def get(name: str) -> Study:
    """The study with that slug or title. Raises LabError if there is none."""
    slug = slug_of(name)
    if slug is None:
        raise unknown("study", name, found())
    return found()[slug]


def attempt(study: Study, tables: Tables) -> Result | Refusal:
    """Make the study: its result, or a refusal with the reason why there is none."""
    try:
        return study.analyse(tables)
    except LabError as error:
        return Refusal(str(error))
    except NotApplicable as error:
        return Refusal(str(error), applicable=False)


def attempt_all(tables: Tables) -> dict[str, Result | Refusal]:
    """Every study of the tables, by slug."""
    return {slug: attempt(study, tables) for slug, study in found().items()}


def require(made: Mapping[str, Result | Refusal], slug: str) -> Any:
    """The result of a study. Raises LabError if it was not made, its own error if refused."""
    if slug not in made:
        raise LabError(f"the study {slug} was not made; make it with studies.attempt")
    result = made[slug]
    if isinstance(result, Refusal):
        raise result.error()
    return result
