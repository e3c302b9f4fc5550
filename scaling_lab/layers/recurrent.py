"""Long short-term memory (Hochreiter & Schmidhuber 1997), with a projection (Sak 2014).

    i, f, g, o = x_t W + h_{t-1} U + b
    c_t = sigmoid(f) c_{t-1} + sigmoid(i) tanh(g);      h_t = sigmoid(o) tanh(c_t) P

The products with the inputs are one for all times; only those with the state are sequential. The
gradients of U and P are computed in one product over all times after the backward scan, not carried
through it.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax import lax

from .linear import product, scaled_normal

UNROLL = 1  # times in one iteration of the scan


class State(NamedTuple):
    """State of a layer: hidden_BP, cell_BD."""

    hidden: jax.Array
    cell: jax.Array


def empty(batch: int, units: int, projection: int = 0, dtype: jnp.dtype = jnp.float32) -> State:
    """The initial state: zeros."""
    return State(jnp.zeros((batch, projection or units), dtype), jnp.zeros((batch, units), dtype))


class LSTM(nn.Module):
    """x_BTF -> hidden_BTP of one layer, and its state after the last known position.

    projection: width P of the output; 0 for none. truncation: gradients stop at multiples of this
    many positions; 0 for full back-propagation. known_BT: True where there is a token; at
    other positions the state is kept.
    """

    units: int
    projection: int = 0
    truncation: int = 0

    @nn.compact
    def __call__(
        self, x_BTF: jax.Array, state: State | None = None, known_BT: jax.Array | None = None
    ) -> tuple[jax.Array, State]:
        units, width = self.units, self.projection or self.units
        joined = self.param("input", scaled_normal(1.0), (x_BTF.shape[-1], 4 * units))
        back = self.param("recurrent", scaled_normal(1.0), (width, 4 * units))
        bias = self.param("bias", _forget_bias, (4 * units,))
        out = None
        if self.projection:
            out = self.param("projection", scaled_normal(1.0), (units, width))
        batch, time, _ = x_BTF.shape
        if state is None:
            state = empty(batch, units, self.projection, x_BTF.dtype)
        gates_BTG = product(x_BTF, joined) + bias[None, None]
        gates_TBG = gates_BTG.swapaxes(0, 1)
        known_TB1 = None if known_BT is None else known_BT.T[:, :, None]
        hidden, cells = [], state
        span = self.truncation or time
        for begin in range(0, time, span):
            end = min(begin + span, time)
            known = None if known_TB1 is None else known_TB1[begin:end]
            found, cells = _scanned(gates_TBG[begin:end], back, out, known, cells)
            hidden.append(found)
            if end < time:
                cells = lax.stop_gradient(cells)
        return jnp.concatenate(hidden).swapaxes(0, 1), cells


def _forget_bias(key: jax.Array, shape: tuple[int], dtype: jnp.dtype = jnp.float32) -> jax.Array:
    """Biases: 1 for the forget gate (Jozefowicz 2015), 0 for the others."""
    del key
    units = shape[0] // 4
    return jnp.zeros(shape, dtype).at[units : 2 * units].set(1.0)


def _cell(gates: jax.Array, cell: jax.Array) -> tuple[jax.Array, jax.Array]:
    """gates_BG, cell_BD -> the next cell, and its output before a projection."""
    i, f, g, o = jnp.split(gates, 4, axis=-1)
    cell = jax.nn.sigmoid(f) * cell + jax.nn.sigmoid(i) * jnp.tanh(g)
    return cell, jax.nn.sigmoid(o) * jnp.tanh(cell)


def _kept(known: jax.Array | None, new: jax.Array, old: jax.Array) -> jax.Array:
    return new if known is None else jnp.where(known, new, old)


@jax.custom_vjp
def _scanned(
    gates_TBG: jax.Array,
    back_PG: jax.Array,
    out_DP: jax.Array | None,
    known_TB1: jax.Array | None,
    state: State,
) -> tuple[jax.Array, State]:
    """Hidden_TBP at each time, and the last state."""
    (hidden, _, _), last = _forward(gates_TBG, back_PG, out_DP, known_TB1, state)
    return hidden, last


def _forward(gates, back, out, known, state):
    def body(state, now):
        gates, known = now
        gates = gates + state.hidden @ back
        cell, shown = _cell(gates, state.cell)
        hidden = shown if out is None else shown @ out
        new = State(_kept(known, hidden, state.hidden), _kept(known, cell, state.cell))
        return new, (new.hidden, new.cell, gates)

    last, rows = lax.scan(body, state, (gates, known), unroll=UNROLL)
    return rows, last


def _saving(gates, back, out, known, state):
    (hidden, cells, gates), last = _forward(gates, back, out, known, state)
    return (hidden, last), (hidden, cells, gates, back, out, known, state)


def _backward(saved, slopes):
    hidden, cells, gates, back, out, known, state = saved
    slope, last = slopes
    before = State(
        jnp.concatenate([state.hidden[None], hidden[:-1]]),
        jnp.concatenate([state.cell[None], cells[:-1]]),
    )

    def body(after, now):
        slope, gates, cell, known = now
        hidden = after.hidden + slope
        on = hidden if known is None else jnp.where(known, hidden, 0)
        ahead = after.cell if known is None else jnp.where(known, after.cell, 0)
        _, pull = jax.vjp(_cell, gates, cell)
        by_gates, by_cell = pull((ahead, on if out is None else on @ out.T))
        by_hidden = by_gates @ back.T
        if known is not None:
            by_hidden = by_hidden + jnp.where(known, 0, hidden)
            by_cell = by_cell + jnp.where(known, 0, after.cell)
        return State(by_hidden, by_cell), (by_gates, on)

    first, (by_gates, on) = lax.scan(
        body, last, (slope, gates, before.cell, known), reverse=True, unroll=UNROLL
    )
    by_back = _summed(before.hidden, by_gates)
    by_out = None
    if out is not None:
        _, shown = _cell(gates, before.cell)
        by_out = _summed(shown, on)
    return by_gates, by_back, by_out, None, first


def _summed(a_TBI: jax.Array, b_TBJ: jax.Array) -> jax.Array:
    """Sum over time and batch of a_i b_j."""
    return a_TBI.reshape(-1, a_TBI.shape[-1]).T @ b_TBJ.reshape(-1, b_TBJ.shape[-1])


_scanned.defvjp(_saving, _backward)
