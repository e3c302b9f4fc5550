"""Training data larger than memory: minibatches that are read while a run trains.

A source streams if it declares `streams: ClassVar[bool] = True` and its load().train is `Records`:
examples read by their place in the source's fixed shuffled order. Which places a minibatch holds is
a function of the run's seed, its D and the step (`shuffle.minibatch_on_host`), the same one as for
arrays in memory. So subsets of size D nest, nothing has to be checkpointed, and neither the number
of threads nor the length of a chunk changes any result.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Protocol

import jax
import numpy as np

from .errors import LabError
from .protocols import Records, Tree
from .reading import threads
from .shuffle import minibatch_on_host, subset_on_host


class RandomAccess(Protocol):
    """A sequence of examples, such as a list or a grain.MapDataset."""

    def __len__(self) -> int: ...
    def __getitem__(self, place: int, /) -> Any: ...


def streams(source: object) -> bool:
    """Whether a data source streams its training examples."""
    return bool(getattr(source, "streams", False))


@dataclass(frozen=True)
class ShuffledStream:
    """The minibatches of a run: `size` of the records, in a new order every epoch.

    seed: of the order. data_seed: which records; 0 for the first. Raises LabError if there are
    fewer records.
    """

    records: Records
    batch_size: int
    seed: int
    size: int
    data_seed: int = 0

    def __post_init__(self) -> None:
        if not 1 <= self.size <= len(self.records):
            raise LabError(
                f"a run asks for {self.size:,} training examples of a stream of "
                f"{len(self.records):,}; give a D within it"
            )

    @cached_property
    def batch(self) -> Tree:
        """Shapes and dtypes of one minibatch, as those of the first record."""
        return jax.tree.map(
            lambda leaf: jax.ShapeDtypeStruct((self.batch_size, *leaf.shape[1:]), leaf.dtype),
            self.records.read(np.zeros(1, np.int64)),
        )

    def batches(self, start: int, count: int) -> Tree:
        """The minibatches of `count` steps from `start` on, of leading axis count * batch_size."""
        index = minibatch_on_host(start, count, self.batch_size, self.seed, self.size)
        return self.records.read(subset_on_host(index, self.data_seed, len(self.records)))


@dataclass(frozen=True)
class MappedRecords:
    """Records of a random access source whose items are trees of arrays of one shape.

    Items are read in `workers` threads, which helps where reading releases the interpreter's lock,
    as decoding images does.
    """

    source: RandomAccess
    workers: int = field(default_factory=threads)

    def __len__(self) -> int:
        return len(self.source)

    def read(self, places: np.ndarray) -> Tree:
        first = self.source[int(places[0])]
        leaves, structure = jax.tree.flatten(jax.tree.map(np.asarray, first))
        out = [np.empty((len(places), *leaf.shape), leaf.dtype) for leaf in leaves]

        def fill(part: range) -> None:
            for at in part:
                item = first if at == 0 else self.source[int(places[at])]
                for whole, leaf in zip(out, jax.tree.leaves(item), strict=True):
                    whole[at] = leaf

        # Strided parts, and more than threads: no thread gets all the costly items.
        parts = min(len(places), 4 * self.workers)
        for _ in self._pool.map(fill, [range(k, len(places), parts) for k in range(parts)]):
            pass  # raises what a thread raised
        return jax.tree.unflatten(structure, out)

    @cached_property
    def _pool(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(self.workers, thread_name_prefix="records")
