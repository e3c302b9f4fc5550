"""What the parts of a run must offer: Model, Family, Data, Stream, Learner and Environment.

A class satisfies a protocol by having its members; it inherits nothing. The contract suites check
every registered class against these protocols, and so can a user's own tests:

    assert isinstance(MyModel(), protocols.Model)

The check compares only names; the contract suites test the behaviour. Nothing here imports jax at
run time.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import (
    TYPE_CHECKING,
    Any,
    ClassVar,
    NamedTuple,
    Protocol,
    TypeVar,
    runtime_checkable,
)

if TYPE_CHECKING:
    import numpy as np
    from jax import Array

    from .counting import Cost, StepCost
    from .data import Spec, Splits
    from .environments import EnvironmentSpec

Tree = Any  # a pytree of arrays whose structure belongs to the learner or model
Params = Mapping[str, "Params | Array"]  # a network's parameters, by module
Traced = Mapping[str, Any]  # path -> traced number, and "data" -> the learner's arrays
R = TypeVar("R", contravariant=True)  # the run: `config.Run`, which has these parts as its fields


@runtime_checkable
class Model(Protocol):
    """A frozen dataclass whose fields are the shape of a network: the minimum that a run needs.

    A model may have `cost` as well, as a `Family` has; without it `counting` counts by tracing.
    """

    __dataclass_fields__: ClassVar[dict[str, Any]]

    @property
    def network(self) -> Callable[..., Any]:
        """network(outputs), or network(outputs, shape) for pictures -> a flax.linen module."""
        ...


@runtime_checkable
class Family(Model, Protocol):
    """A model that declares its cost and has members of every size, for grids over N."""

    def cost(self, spec: Spec) -> Cost:
        """Parameters by group, and FLOP of one forward pass on one example by part."""
        ...

    def sized(self, n: float, spec: Spec) -> Family:
        """The member of the family nearest to n parameters."""
        ...


@runtime_checkable
class Data(Protocol):
    """A data source in memory: a frozen dataclass that says where its examples come from."""

    __dataclass_fields__: ClassVar[dict[str, Any]]
    origin: ClassVar[str]
    licence: ClassVar[str]

    @property
    def spec(self) -> Spec:
        """What an example is; known without loading any."""
        ...

    def location(self) -> object:
        """Where it is read from, or None if it is not on this machine."""
        ...

    def fetch(self) -> object:
        """Download it. Raises LabError with every way to get it."""
        ...

    def load(self) -> Splits[Any]:
        """Training, validation and test split, training examples in the fixed shuffled order."""
        ...


@runtime_checkable
class Records(Protocol):
    """The training examples of a source that streams (`stream`), by place in the fixed order."""

    def __len__(self) -> int:
        """How many examples there are."""
        ...

    def read(self, places: np.ndarray) -> Tree:
        """The examples at these places, a tree of host arrays of leading axis len(places).

        A function of the places alone. Raises LabError, naming the file, if one cannot be read.
        """
        ...


@runtime_checkable
class Stream(Protocol):
    """The minibatches of one run, read while it trains; `stream.ShuffledStream` makes them."""

    @property
    def batch(self) -> Tree:
        """Shapes and dtypes of one minibatch, arrays of leading axis batch_size."""
        ...

    def batches(self, start: int, count: int) -> Tree:
        """The minibatches of `count` steps from `start` on, of leading axis count * batch_size.

        A function of the steps alone. Raises LabError, naming the file, if one cannot be read.
        """
        ...


@runtime_checkable
class Learner(Protocol[R]):
    """A way of learning: a frozen dataclass whose fields are its choices.

    objective: the validation metric by which steps and recipes are chosen.
    direction: "min" if the smallest is best, "max" if the largest is.
    """

    __dataclass_fields__: ClassVar[dict[str, Any]]
    objective: ClassVar[str]
    direction: ClassVar[str]

    @staticmethod
    def example() -> object:
        """A run that trains in seconds on one core, for the contract suite and for readers."""
        ...

    def spec(self, run: R) -> Spec:
        """What the model reads and how many outputs it has. Raises LabError if it cannot."""
        ...

    def cost(self, run: R) -> StepCost:
        """Parameters by group, and FLOP and examples of one step; loads nothing."""
        ...

    def bind(self, run: R) -> BoundLearner:
        """The pure functions for this run's static choices."""
        ...


class BoundLearner(NamedTuple):
    """A learner's pure functions for one static choice.

    init(key, traced) -> state
    step(state, key, traced) -> (state, metrics): one training step; scalars, "loss" among them
    evaluate(state, traced) -> metrics: scalars, `objective` among them
    params(state) -> the trained parameters
    data() -> tree of host arrays
    objective, direction: those of the learner
    final_metrics(params) -> numbers for the record: called once, on the host, for a run that ended
        well. For metrics that are too expensive to evaluate often, or cannot be traced.
    step_data() -> the part of data() that `init` and `step` read, for learners whose other data
        take long to prepare; the check of a plan's cost needs only this part
    with_params(state, params) -> the state with these parameters, of the structure that `params`
        returns: params(with_params(state, p)) is p. A run that starts from another needs it.
    stream(run) -> the minibatches of one run, if its source streams. data() is then a dictionary
        without "train", and traced["data"]["train"] is a `shuffle.Chunk` of the stream
    """

    init: Callable[[Array, Traced], Tree]
    step: Callable[[Tree, Array, Traced], tuple[Tree, dict[str, Array]]]
    evaluate: Callable[[Tree, Traced], dict[str, Array]]
    params: Callable[[Tree], Params]
    data: Callable[[], Tree]
    objective: str = "valid_loss"
    direction: str = "min"
    final_metrics: Callable[[Params], dict[str, float]] | None = None
    step_data: Callable[[], Tree] | None = None
    with_params: Callable[[Tree, Params], Tree] | None = None
    stream: Callable[[Any], Stream] | None = None


@runtime_checkable
class Environment(Protocol):
    """One episode of a task that is learned by acting; `environments` states the contract."""

    __dataclass_fields__: ClassVar[dict[str, Any]]

    @property
    def spec(self) -> EnvironmentSpec:
        """Shape of an observation, number of actions, and the most steps of an episode."""
        ...

    def reset(self, key: Array) -> tuple[Tree, Array]:
        """(state, observation) at the beginning of an episode."""
        ...

    def step(
        self, key: Array, state: Tree, action: Array
    ) -> tuple[Tree, Array, Array, Array, Array]:
        """(state, observation, reward, terminated, truncated) after one action."""
        ...
