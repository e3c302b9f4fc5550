"""How an ensemble is placed on the local devices.

one     on a single device
runs    sharded over its runs: each device trains its share, without any communication
batch   one large run, sharded over the minibatch: gradients are summed over the devices
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import jax
import numpy as np
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec

if TYPE_CHECKING:
    from ...config import Run
    from ...protocols import Tree


@dataclass(frozen=True)
class Placement:
    """A kind (see above) and the mesh of its devices, whose one axis has the kind's name."""

    kind: str
    mesh: Mesh

    @property
    def devices(self) -> int:
        """How many devices take part."""
        return self.mesh.size

    @property
    def runs(self) -> NamedSharding:
        """Sharding of arrays whose leading axis counts runs."""
        return NamedSharding(self.mesh, PartitionSpec("runs" if self.kind == "runs" else None))

    @property
    def whole(self) -> NamedSharding:
        """Sharding of arrays that are replicated on every device."""
        return NamedSharding(self.mesh, PartitionSpec())

    def put(self, tree: Tree, sharding: NamedSharding | None = None) -> Tree:
        """Host arrays on the devices, replicated unless a sharding is given."""
        return jax.device_put(tree, sharding or self.whole)


def place(run: Run, width: int) -> Placement:
    """The placement of an ensemble of that width on all local devices, if they divide it."""
    devices = jax.local_devices()
    kind = "one"
    if len(devices) > 1 and width % len(devices) == 0:
        kind = "runs"
    elif len(devices) > 1 and width == 1 and run.recipe.batch_size % len(devices) == 0:
        kind = "batch"
    return alone() if kind == "one" else _on(devices, kind)


def alone() -> Placement:
    """On the first device."""
    return _on(jax.local_devices()[:1], "one")


def _on(devices: Sequence[object], kind: str) -> Placement:
    return Placement(kind, Mesh(np.asarray(devices), (kind,), axis_types=(AxisType.Auto,)))
