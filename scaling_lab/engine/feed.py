"""A stream's chunks on the device: the next is read while the program uses the last.

A chunk holds the minibatches of K steps; K is fixed, so one program takes them all. Chunk c holds
steps c K to c K + K - 1 whatever came before it, so a resumed run, or a branch, only begins with a
later chunk. Memory holds a few chunks, however large the source is.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext

import jax
import numpy as np

from ..config import Run
from ..errors import LabError
from ..protocols import BoundLearner, Stream, Tree
from ..registry import name_of
from ..shuffle import Chunk
from ..stream import streams
from .ensemble import data_order

Put = Callable[[Tree], Tree]

CHUNK_BYTES = 16 << 20  # below 32 MiB, malloc reuses memory instead of asking for new pages
MOST_BATCHES = 256
IN_MEMORY = 3  # chunks: in use, waiting on the device, and being read


def require_stream(run: Run, learner: BoundLearner) -> None:
    """Raise LabError if the run's source streams and its learner needs data in memory."""
    if streams(run.data) and learner.stream is None:
        raise LabError(
            f"learner {name_of(run.learner)} needs its data in memory and {name_of(run.data)} "
            "streams them; take the learner supervised or language, or another source"
        )


def batches(stream: Stream) -> int:
    """K, the minibatches in a chunk: as many as fit in CHUNK_BYTES, at least one."""
    size = sum(leaf.size * leaf.dtype.itemsize for leaf in jax.tree.leaves(stream.batch))
    return int(max(1, min(MOST_BATCHES, CHUNK_BYTES // max(1, size))))


def chunk_shapes(stream: Stream) -> Chunk:
    """Shapes and dtypes of a chunk."""
    count = batches(stream)
    return Chunk(
        jax.tree.map(
            lambda leaf: jax.ShapeDtypeStruct((count * leaf.shape[0], *leaf.shape[1:]), leaf.dtype),
            stream.batch,
        )
    )


def with_first_chunk(run: Run, learner: BoundLearner, put: Put, data: Tree) -> Tree:
    """The data of one step, for a trial: `data` and, if the run streams, its first chunk."""
    if learner.stream is None:
        return data
    with Feed(learner.stream(run), put, 1) as feed:
        return {**data, "train": feed.at(0)}


def opened(
    runs: Sequence[Run], learner: BoundLearner, put: Put
) -> AbstractContextManager[Feed | None]:
    """The feed of runs that train together; None if their data are in memory.

    Raises LabError if they do not share the order of their minibatches (see `ensemble.cut`).
    """
    if learner.stream is None:
        return nullcontext()
    if len({data_order(run) for run in runs}) > 1:
        raise LabError(
            "runs that train together on a stream must share its order; train those of another "
            "seed, D or data_seed one by one"
        )
    return Feed(learner.stream(runs[0]), put, max(run.steps for run in runs))


class Feed:
    """The chunks of one training, in order, read ahead by a thread of its own.

    A context: leaving it stops the thread. put: host arrays -> the device. steps: of the whole
    training; nothing is read beyond. waited: seconds that `at` has waited for reading so far.
    """

    def __init__(self, stream: Stream, put: Put, steps: int) -> None:
        self.stream, self.put, self.steps = stream, put, steps
        self.batches = batches(stream)
        self.waited = 0.0
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="feed")
        self._chunks: dict[int, Future[Chunk]] = {}

    def at(self, step: int) -> Chunk:
        """The chunk that holds a step's minibatch. Raises LabError if it cannot be read."""
        number = step // self.batches
        ahead = [number] if (number + 1) * self.batches >= self.steps else [number, number + 1]
        for old in self._chunks.keys() - {*ahead}:
            self._chunks.pop(old).cancel()
        for new in ahead:
            if new not in self._chunks:
                self._chunks[new] = self._thread.submit(self._read, new)
        began = time.perf_counter()
        chunk = self._chunks[number].result()
        self.waited += time.perf_counter() - began
        return chunk

    def end(self, step: int) -> int:
        """The step at which the chunk that holds `step` is used up."""
        return (step // self.batches + 1) * self.batches

    def __enter__(self) -> Feed:
        return self

    def __exit__(self, *error: object) -> None:
        self._thread.shutdown(wait=True, cancel_futures=True)
        self._chunks.clear()

    def _read(self, number: int) -> Chunk:
        start = number * self.batches
        count = min(self.batches, self.steps - start)
        examples = self.stream.batches(start, count)
        if count < self.batches:  # the last chunk; places beyond the last step are never used
            examples = jax.tree.map(lambda leaf: _padded(leaf, self.batches / count), examples)
        return jax.block_until_ready(self.put(Chunk(examples)))


def _padded(leaf: np.ndarray, times: float) -> np.ndarray:
    padded = np.zeros((round(len(leaf) * times), *leaf.shape[1:]), leaf.dtype)
    padded[: len(leaf)] = leaf
    return padded
