"""The matrix products of a function, counted from its trace: nothing is compiled and nothing runs.

    2 x (numbers in the result) x (numbers summed over)        FLOP of a product or a convolution

By this lab's convention, compute is matrix products and convolutions; elementwise operations,
biases, softmax, look-ups and the optimiser are not counted. XLA's own analysis gives one total that
includes them, and counts the body of a loop once (see docs/decisions/0032). Here

- a loop of known length counts its body as often as it runs (`lax.scan`, `lax.map`, and
  `fori_loop` with fixed bounds);
- a product that is computed again from the same inputs counts once: rematerialisation spends
  compute to save memory, which is not a cost of the model;
- of the branches of a `cond`, only the one with the most FLOP counts;
- a convolution counts taps on the padding, and not the zeros of a dilated input.

Causal attention is counted as the whole square of scores, however much of it an implementation
skips: `layers.attention` asks `counting()` and computes it all.

Loops of unknown length and external kernels (Pallas, FFI) hide their products; `Products.hidden`
names them.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from math import prod
from typing import Any

import jax
from jax.extend.core import ClosedJaxpr, Jaxpr, JaxprEqn, Literal, Var

_counting = ContextVar("counting", default=False)

KERNELS = ("pallas_call", "ffi_call", "pure_callback", "io_callback")
UNCOUNTED = ("ragged_dot", "ragged_dot_general")  # products whose size depends on the data


@dataclass
class Products:
    """flop: of all products. by_operands: the same, by what the two operands depend on.

    A key of by_operands is a pair of sets, one for each operand of the product: the labels of the
    arguments that the operand was computed from. hidden: names of operations that could not be
    counted.
    """

    flop: float = 0.0
    by_operands: dict[tuple[frozenset[str], frozenset[str]], float] = field(default_factory=dict)
    hidden: set[str] = field(default_factory=set)

    def add(self, flop: float, operands: tuple[frozenset[str], frozenset[str]]) -> None:
        """Count a product."""
        self.flop += flop
        self.by_operands[operands] = self.by_operands.get(operands, 0.0) + flop

    def include(self, other: Products) -> None:
        """Add another's products."""
        for operands, flop in other.by_operands.items():
            self.add(flop, operands)
        self.hidden |= other.hidden


def counting() -> bool:
    """Whether a function is being traced by `count` rather than run."""
    return _counting.get()


def count(
    function: Callable[..., object], *given: object, labels: Sequence[str] | None = None
) -> Products:
    """The products of `function(*given)`.

    given: trees of arrays or of jax.ShapeDtypeStruct. labels: one for each leaf of `given`, in the
    order of jax.tree.leaves; they appear in `Products.by_operands`.
    """
    token = _counting.set(True)
    try:
        closed = jax.make_jaxpr(function)(*given)
    finally:
        _counting.reset(token)
    labels = labels or [""] * len(closed.jaxpr.invars)
    tally = _Tally()
    values = [tally.value(("argument", at), {label}) for at, label in enumerate(labels)]
    found = Products()
    tally.run(closed, values, 1, [True] * len(closed.jaxpr.outvars), found)
    return found


class _Tally:
    """Walks a jaxpr with a number for each value: equal numbers are equal values."""

    def __init__(self) -> None:
        self.numbers: dict[Hashable, int] = {}
        self.labels: dict[int, frozenset[str]] = {}
        self.counted: set[int] = set()  # values that are results of counted products
        self.stacked: dict[int, tuple[int, int]] = {}  # scan results: length, value in an iteration
        self.fresh = itertools.count()

    def value(self, key: Hashable, labels: Iterable[str] = ()) -> int:
        """The number of the value with this key: a new one if the key is new."""
        number = self.numbers.setdefault(key, len(self.numbers))
        self.labels.setdefault(number, frozenset(labels))
        return number

    def new(self, labels: Iterable[str]) -> int:
        return self.value(("new", next(self.fresh)), labels)

    def run(
        self,
        closed: ClosedJaxpr | Jaxpr,
        given: Sequence[int],
        times: int,
        live: Sequence[bool],
        into: Products,
    ) -> list[int]:
        """Count the equations that live results need; return the numbers of the results."""
        jaxpr = closed.jaxpr if isinstance(closed, ClosedJaxpr) else closed
        consts = closed.consts if isinstance(closed, ClosedJaxpr) else ()
        known = dict(zip(jaxpr.invars, given, strict=True))
        known |= {
            var: self.value(("constant", id(const)))
            for var, const in zip(jaxpr.constvars, consts, strict=False)
        }

        def read(atom: Var | Literal) -> int:
            if isinstance(atom, Literal):
                return self.value(("literal", repr(atom.val), str(atom.aval)))
            return known[atom]

        for eqn, alive in zip(jaxpr.eqns, _needed(jaxpr, live), strict=True):
            inputs = [read(atom) for atom in eqn.invars]
            outputs = self.equation(eqn, inputs, times, alive, into)
            known.update(zip(eqn.outvars, outputs, strict=True))
        return [read(atom) for atom in jaxpr.outvars]

    def equation(
        self, eqn: JaxprEqn, given: list[int], times: int, live: list[bool], into: Products
    ) -> list[int]:
        name = eqn.primitive.name
        labels = frozenset().union(*(self.labels[one] for one in given))
        if not any(live):
            return [self.new(labels) for _ in eqn.outvars]
        if name == "scan":
            return self.scan(eqn, given, times, live, into)
        if name == "cond":
            return self.cond(eqn, given, times, live, into)
        if name == "while":
            inside = Products()
            body = eqn.params["body_jaxpr"]
            at = eqn.params["cond_nconsts"]
            self.run(body, given[at:], times, [True] * len(body.jaxpr.outvars), inside)
            if inside.flop or inside.hidden:
                into.include(inside)
                into.hidden.add("a loop of unknown length (lax.while_loop)")
            return [self.new(labels) for _ in eqn.outvars]
        if inner := _inlined(eqn):
            return self.run(inner, given, times, live, into)
        if name in KERNELS:
            into.hidden.add(f"a kernel ({name})")
        if name in UNCOUNTED:
            into.hidden.add(f"a ragged product ({name})")
        key = (name, tuple(given), _text(eqn.params))
        outputs = [self.value((*key, at), labels) for at in range(len(eqn.outvars))]
        if (flop := _flop(eqn)) and outputs[0] not in self.counted:
            self.counted.add(outputs[0])
            into.add(flop * times, (self.labels[given[0]], self.labels[given[1]]))
        return outputs

    def scan(
        self, eqn: JaxprEqn, given: list[int], times: int, live: list[bool], into: Products
    ) -> list[int]:
        body, length = eqn.params["jaxpr"], eqn.params["length"]
        consts, carried = eqn.params["num_consts"], eqn.params["num_carry"]
        labels = frozenset().union(*(self.labels[one] for one in given))
        inside = given[:consts] + [self.new(labels) for _ in range(carried)]
        for one in given[consts + carried :]:
            # Scanning over another scan's stacked results: each iteration reads one of them back.
            before = self.stacked.get(one)
            if before and before[0] == length:
                inside.append(before[1])
            else:
                inside.append(self.value(("iteration", one, length), self.labels[one]))
        # The next iteration may need any part of the carry.
        needed = [True] * carried + live[carried:]
        values = self.run(body, inside, times * length, needed, into)
        outputs = [self.new(labels) for _ in eqn.outvars]
        for number, value in zip(outputs[carried:], values[carried:], strict=True):
            self.stacked[number] = (length, value)
        return outputs

    def cond(
        self, eqn: JaxprEqn, given: list[int], times: int, live: list[bool], into: Products
    ) -> list[int]:
        branches, before = [], self.counted
        for branch in eqn.params["branches"]:
            found, self.counted = Products(), set(before)
            self.run(branch, given[1:], times, live, found)
            branches.append((found, self.counted))
        largest, self.counted = max(branches, key=lambda branch: branch[0].flop)
        into.include(largest)
        for found, _ in branches:
            into.hidden |= found.hidden
        labels = frozenset().union(*(self.labels[one] for one in given))
        return [self.new(labels) for _ in eqn.outvars]


def _needed(jaxpr: Jaxpr, live: Sequence[bool]) -> list[list[bool]]:
    """For each equation, which of its results are needed for the live results of the jaxpr."""
    wanted = {
        atom
        for atom, alive in zip(jaxpr.outvars, live, strict=True)
        if alive and not isinstance(atom, Literal)
    }
    found = []
    for eqn in reversed(jaxpr.eqns):
        alive = [var in wanted for var in eqn.outvars]
        if any(alive):
            wanted |= {atom for atom in eqn.invars if not isinstance(atom, Literal)}
        found.append(alive)
    return found[::-1]


def _inlined(eqn: JaxprEqn) -> ClosedJaxpr | Jaxpr | None:
    """The jaxpr that a call stands for (jit, remat, custom derivatives), or None."""
    for name in ("jaxpr", "call_jaxpr", "fun_jaxpr"):
        inner = eqn.params.get(name)
        if inner is not None and eqn.primitive.name not in KERNELS:
            return inner
    return None


def _text(params: Mapping[str, object]) -> str:
    return ",".join(f"{name}={value!r}" for name, value in sorted(params.items()))


def _flop(eqn: Any) -> float:
    """FLOP of an equation that is a product; 0 for others."""
    name, params = eqn.primitive.name, eqn.params
    if name == "dot_general":
        (contracted, _), _ = params["dimension_numbers"]
        shape = eqn.invars[0].aval.shape
        return 2.0 * eqn.outvars[0].aval.size * prod(shape[axis] for axis in contracted)
    if name == "conv_general_dilated":
        kernel = eqn.invars[1].aval
        outputs = kernel.shape[params["dimension_numbers"].rhs_spec[0]]
        size = 2.0 * eqn.outvars[0].aval.size * kernel.size / outputs
        return size / prod(params["lhs_dilation"])
    return 0.0
