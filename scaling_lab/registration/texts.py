"""What is registered: an experiment's question, prediction and claims, in one canonical form.

A field of a claim that has its default is left out, so that a digest stays as it is when claims get
new fields.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..claim import Claim

if TYPE_CHECKING:
    from ..experiment import Experiment

# Fields of a claim that do not decide its verdict.
SHOWN = ("name", "published", "source", "reason")

DEFAULTS = {
    field.name: field.default
    if field.default_factory is dataclasses.MISSING
    else field.default_factory()
    for field in dataclasses.fields(Claim)
}


@dataclass(frozen=True)
class Texts:
    """Question, prediction, claims and looks.

    claims: in canonical form; None if they are unknown. looks: those of a sequential experiment.
    """

    question: str
    prediction: str
    claims: tuple[Mapping[str, Any], ...] | None
    looks: Mapping[str, Any] | None = None

    @property
    def digest(self) -> str:
        """The SHA-256 of all: of the first three, as ever, where there are no looks."""
        parts: list[Any] = [self.question, self.prediction, self.claims]
        return _digest(parts + ([self.looks] if self.looks else []))

    @property
    def keys(self) -> frozenset[str]:
        """The `key` of each claim; none if the claims are unknown."""
        return frozenset(map(key, self.claims or ()))


def of(definition: Mapping[str, Any]) -> Texts:
    """The texts of a definition, as experiment.json holds it."""
    claims = definition.get("claims", ())
    return Texts(
        str(definition.get("question") or ""),
        str(definition.get("prediction") or ""),
        None if claims is None else canonical(claims),
        json.loads(json.dumps(definition["looks"])) if definition.get("looks") else None,
    )


def of_experiment(experiment: Experiment) -> Texts:
    """The texts of an experiment's file."""
    claims = [*map(dataclasses.asdict, experiment.claims)]
    looks = experiment.looks and dataclasses.asdict(experiment.looks)
    return of({**experiment.text, "claims": claims, "looks": looks})


def canonical(claims: Sequence[Mapping[str, Any]]) -> tuple[dict[str, Any], ...]:
    """Claims as JSON gives them back, without fields at their defaults."""
    plain = [json.loads(json.dumps(dict(claim), default=str)) for claim in claims]
    return tuple(
        {name: _number(value) for name, value in sorted(claim.items()) if not _default(name, value)}
        for claim in plain
    )


def key(claim: Mapping[str, Any]) -> str:
    """The digest of all fields of a claim that decide its verdict: two names, one claim."""
    (plain,) = canonical([claim])
    return _digest({name: value for name, value in plain.items() if name not in SHOWN})


def _default(name: str, value: object) -> bool:
    """Whether a field says nothing. JSON turns an empty tuple into an empty list."""
    default = DEFAULTS.get(name, dataclasses.MISSING)
    return value == default or (not value and default in ((), {}, [])) or value is None


def _number(value: object) -> object:
    """A value with whole floats as integers: 2.0 in a file and 2 are one number."""
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return int(value)
    if isinstance(value, dict):
        return {name: _number(one) for name, one in value.items()}
    return [_number(one) for one in value] if isinstance(value, list) else value


def _digest(value: object) -> str:
    text = json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
