"""Parametrisations: how initial scales, outputs and learning rates change with width.

Under the standard one the best learning rate falls as a network gets wider. Under the maximal
update parametrisation, muP, every layer learns at a rate that does not depend on the width, so one
learning rate suits all widths. With r the width over a base width, by the role of a parameter,

                                     initial deviation    output    Adam    SGD
    vector   inputs do not grow      1                    1         1       r
    hidden   inputs and outputs do   1                    1         1 / r   1
    readout  inputs alone do         sqrt r               1 / r     1       r

as factors on the standard parametrisation, whose deviation is 1 / sqrt(inputs). This is table 8 of
Yang, Hu et al. 2022, "Tensor Programs V: tuning large neural networks by zero-shot hyperparameter
transfer" (arXiv 2203.03466), which allows a head to be tied to an embedding. Vectors are the first
matrix, embeddings, biases and gains. Different from there:

- its powers of the width are powers of r, so that at the base width both parametrisations are the
  same run to the last bit;
- an attention score is q k sqrt(K_0) / K, with K the size of a head and K_0 that at the base width,
  as in definition 4.1 there: 1 / K in place of 1 / sqrt(K);
- nothing starts at 0: that queries and the head may (appendix D.2 there) is left out;
- weight decay is not multiplied: a step shrinks each parameter by learning rate x weight decay at
  every width, be it decoupled (AdamW, Lion) or added to the gradient (momentum), as their appendix
  B.3 asks for;
- Lion, whose updates are signs, takes the factors of Adam, and momentum those of SGD;
- Adam's epsilon stays 1e-8. Gradients shrink as 1 / r; the rule holds while they are far above it.

A model declares `multipliers`, path of a parameter -> Multipliers; `optim` scales each update by
that of its path.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

import jax

from .errors import LabError, unknown

STANDARD, MUP = "standard", "mup"
PARAMETRIZATIONS = (STANDARD, MUP)


@dataclass(frozen=True, kw_only=True)
class Multipliers:
    """Factors on the standard parametrisation, for the parameters of one role.

    initial: on the deviation of the initial values. output: on what the parameter gives. adam, sgd:
    on the learning rate of optimisers that normalise gradients, and of those that do not.
    """

    initial: float = 1.0
    output: float = 1.0
    adam: float = 1.0
    sgd: float = 1.0


FIXED = Multipliers()  # of a parameter that has no axis that grows


def vector(ratio: float) -> Multipliers:
    """Of a parameter whose outputs alone grow with the width: a first matrix, a bias, a gain."""
    return Multipliers(sgd=ratio)


def hidden(ratio: float) -> Multipliers:
    """Of a matrix between two widths; ratio: of its inputs to those at the base width."""
    return Multipliers(adam=1 / ratio)


def readout(ratio: float) -> Multipliers:
    """Of a matrix whose inputs alone grow with the width: the head."""
    return Multipliers(initial=ratio**0.5, output=1 / ratio, sgd=ratio)


@jax.tree_util.register_static
@dataclass(frozen=True)
class Table:
    """Pattern of a path -> multipliers, of one model; the first pattern that fits a path holds."""

    model: str
    rows: tuple[tuple[str, Multipliers], ...]

    def at(self, path: str) -> Multipliers:
        """The multipliers of a parameter. Raises LabError if no pattern fits its path."""
        for pattern, found in self.rows:
            if fnmatchcase(path, pattern):
                return found
        raise LabError(
            f"{self.model} declares no multipliers for its parameter {path}; add a pattern to its "
            "`multipliers`, with FIXED if none of its axes grows"
        )

    def scaled(self, updates: Any, kind: str) -> Any:
        """A tree of updates, each times the multiplier of its path. kind: "adam" or "sgd"."""

        def one(keys: tuple[Any, ...], leaf: jax.Array) -> jax.Array:
            factor = getattr(self.at("/".join(str(key.key) for key in keys)), kind)
            return leaf if factor == 1 else leaf * factor

        return jax.tree_util.tree_map_with_path(one, updates)


def of(model: Any) -> Table | None:
    """What a model declares; None if that is nothing, or under the standard parametrisation.

    Raises LabError for a model that has another parametrisation and no multipliers.
    """
    name, asked = type(model).__name__, getattr(model, "parametrization", STANDARD)
    declared: Mapping[str, Multipliers] | None = getattr(model, "multipliers", None)
    if declared is None and asked != STANDARD:
        raise LabError(
            f"{name} has parametrization {asked!r} and declares no `multipliers`; give it them "
            "(docs/add-a-model.md), or take standard"
        )
    return Table(name, tuple(declared.items())) if declared else None


def given(model: Any) -> dict[str, Table]:
    """What `optim` reads from the traced numbers: {"multipliers": table}, or nothing."""
    table = of(model)
    return {} if table is None else {"multipliers": table}


def check(model: Any) -> None:
    """Raise LabError for an unknown parametrisation, or a base width no model can have."""
    if model.parametrization not in PARAMETRIZATIONS:
        raise unknown("parametrization", model.parametrization, PARAMETRIZATIONS)
    if model.parametrization != STANDARD and model.width != model.base_width:
        based(model)


def based(model: Any) -> Any:
    """The member of the model's family at its base width. Raises LabError if there is none."""
    try:
        return dataclasses.replace(model, width=model.base_width)
    except LabError as error:
        raise LabError(f"base_width is {model.base_width}, which is no width: {error}") from error
