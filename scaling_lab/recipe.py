"""The optimisation choices of a run, and how a dataclass declares its fields."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from functools import cache
from typing import Any

from .errors import LabError, unknown

__all__ = ["Recipe"]

OPTIMIZERS = ("sgd", "momentum", "adam", "adamw", "lion")  # implemented in `optim`
SCHEDULES = ("constant", "cosine", "linear", "wsd")
WITHOUT_DECAY = ("sgd", "adam")
PRECISIONS = ("float32", "bfloat16")


def traced(default: float) -> Any:
    """Declare a dataclass field whose value is passed to the program and not compiled into it."""
    return dataclasses.field(default=default, metadata={"traced": True})


def optional(default: float | tuple[float, ...]) -> Any:
    """Declare a traced field that turns something off where it is 0 or (), its default.

    Whether it is 0 is static: such a run is compiled without the thing, and `traced` has no number
    for it. All other values share a program. Of a tuple, whose numbers `traced` has as one array,
    the length is static.
    """
    return dataclasses.field(default=default, metadata={"traced": True, "optional": True})


def added(default: Any) -> Any:
    """Declare a static field that is newer than recorded results.

    Names of runs hold all fields of a part that is an axis (`axis("model", [MLP()])`). At its
    default, which keeps the old behaviour, such a field is left out of them, as it is out of
    fingerprints, so that older records keep their runs.
    """
    return dataclasses.field(default=default, metadata={"added": True})


def place(default: str = "") -> Any:
    """Declare a dataclass field that is a location: it stays out of fingerprints."""
    return dataclasses.field(default=default, metadata={"place": True})


def renamed(formerly: str, default: Any = dataclasses.MISSING) -> Any:
    """Declare a dataclass field that was called `formerly` when results were recorded.

        eval_examples: int = renamed("judged", 1_000)

    Code and experiments use the new name. Fingerprints, stored configs and columns keep the old
    one, so that recorded results stay valid; either is accepted when a run is made from plain
    values, and as an axis. A traced field reaches learners under its new name. default: a value, or
    what `traced`, `optional` or `place` returns.
    """
    if not isinstance(default, dataclasses.Field):
        return dataclasses.field(default=default, metadata={"formerly": formerly})
    metadata = {**default.metadata, "formerly": formerly}
    return dataclasses.field(default=default.default, metadata=metadata)


@cache
def recorded_fields(cls: type) -> Mapping[str, dataclasses.Field]:
    """The fields of a dataclass by the names they are recorded under (see `renamed`)."""
    fields = dataclasses.fields(cls)
    found = {field.metadata.get("formerly", field.name): field for field in fields}
    if len(found) < len(fields) or any(
        field.name in found and found[field.name] is not field for field in fields
    ):
        raise LabError(f"{cls.__name__}: a renamed field has the old name of another; rename one")
    return found


def recorded_values(part: object) -> dict[str, Any]:
    """The values of a dataclass's fields by the names they are recorded under."""
    return {name: getattr(part, field.name) for name, field in recorded_fields(type(part)).items()}


def named_values(part: object) -> dict[str, Any]:
    """The values of a dataclass's fields that names of runs show: without `added` ones at rest."""
    fields, values = recorded_fields(type(part)), recorded_values(part)
    return {
        name: value
        for name, value in values.items()
        if not (fields[name].metadata.get("added") and value == fields[name].default)
    }


@cache
def _floats(cls: type) -> tuple[str, ...]:
    return tuple(
        field.name for field in dataclasses.fields(cls) if isinstance(field.default, float)
    )


def as_declared(part: object) -> None:
    """Turn ints into floats where the dataclass declares a float: 1 and 1.0 are the same run."""
    for name in _floats(type(part)):
        if type(value := getattr(part, name)) is int:
            object.__setattr__(part, name, float(value))


@dataclasses.dataclass(frozen=True, kw_only=True)
class Recipe:
    """The optimisation choices that go with a run.

    optimizer, schedule: names in OPTIMIZERS, SCHEDULES.
    batch_size: examples per step.
    learning_rate: the peak. weight_decay: decoupled, times the learning rate, for AdamW and Lion;
    added to the gradient for momentum.
    momentum: of SGD; the first beta of Adam, AdamW and Lion. second: Adam's second beta.
    warmup: steps of linear warm-up. decay: fraction of the steps over which warm-up-stable-decay
    decays. final: learning rate at the end / peak.
    clip: largest global norm of a gradient; 0 for no clipping.
    precision: "float32" (JAX computes its products in TF32 on GPUs that have it), or "bfloat16" to
    compute in bfloat16 with float32 parameters.
    accumulate: number of parts of a minibatch that are computed one after another, to save memory.
    ema_decay: decay of an exponential moving average of the parameters (see
    `optim.moving_average`), which is what is evaluated and kept; 0 for none.

    What is measured while the run trains (see `observables`), without effect on it:
    noise_decay: of the averages over steps that give the gradient noise scale, from the parts of a
    minibatch (`accumulate` of 4 or more); 0 for none.
    power_iterations: in a step, to follow the sharpness of full-batch descent; 0 for none.
    targets: values of the learner's objective whose first passages are recorded.
    """

    optimizer: str = "adamw"
    schedule: str = "cosine"
    batch_size: int = 128
    learning_rate: float = traced(1e-3)
    weight_decay: float = traced(0.0)
    momentum: float = traced(0.9)
    second: float = traced(0.999)
    warmup: int = traced(0)
    decay: float = traced(0.2)
    final: float = traced(0.0)
    clip: float = 0.0
    precision: str = "float32"
    accumulate: int = 1
    ema_decay: float = optional(0.0)
    noise_decay: float = optional(0.0)
    power_iterations: int = optional(0)
    targets: tuple[float, ...] = optional(())

    def __post_init__(self):
        if self.optimizer not in OPTIMIZERS:
            raise unknown("optimizer", self.optimizer, OPTIMIZERS)
        if self.schedule not in SCHEDULES:
            raise unknown("schedule", self.schedule, SCHEDULES)
        if self.batch_size < 1:
            raise LabError(f"batch_size is {self.batch_size}; it counts examples, give 1 or more")
        if self.precision not in PRECISIONS:
            raise unknown("precision", self.precision, PRECISIONS)
        if self.accumulate < 1 or self.batch_size % self.accumulate:
            raise LabError(
                f"accumulate is {self.accumulate}; give a divisor of batch_size {self.batch_size}"
            )
        targets = tuple(float(target) for target in self.targets)
        object.__setattr__(self, "targets", targets)
        if not all(map(math.isfinite, targets)) or len(set(targets)) < len(targets):
            raise LabError(f"recipe.targets is {targets}; give finite losses, each once")
        if self.power_iterations < 0:
            raise LabError(
                f"recipe.power_iterations is {self.power_iterations}; give 1 or more, or 0 for none"
            )
        as_declared(self)
        for name in ("learning_rate", "weight_decay", "warmup", "decay", "final", "clip"):
            value = getattr(self, name)
            if not (math.isfinite(value) and value >= 0):
                raise LabError(f"recipe.{name} is {value}; give a finite number >= 0")
        for name in ("momentum", "second", "decay"):
            value = getattr(self, name)
            if not 0 <= value <= 1:
                raise LabError(f"recipe.{name} is {value}; give a number from 0 to 1")
        if not 0 <= self.ema_decay < 1:
            raise LabError(
                f"recipe.ema_decay is {self.ema_decay}; give a number from 0 to below 1, "
                "such as 0.999, or 0 for no average"
            )
        if self.weight_decay and self.optimizer in WITHOUT_DECAY:
            raise LabError(
                f"weight_decay is {self.weight_decay} and {self.optimizer} has none; "
                "take adamw, momentum or lion, or leave it 0"
            )
