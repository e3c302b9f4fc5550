"""The Transformer of scaling_lab/models/transformer.py in idiomatic PyTorch.

RMSNorm, rotary positions, SwiGLU, one product for queries, keys and values,
`scaled_dot_product_attention`; same shapes, same initial distributions. `load` copies all of our
parameters into it, so that the losses of both can be compared.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from scaling_lab import Transformer
from scaling_lab.layers.attention import BASE

EPSILON = 1e-6  # of RMSNorm, as in Flax


class Attention(nn.Module):
    def __init__(self, model: Transformer):
        super().__init__()
        self.heads = model.heads
        self.query_key_value = linear(model.width, 3 * model.width)
        self.out = linear(model.width, model.width, model.gain)

    def forward(self, hidden, turn):
        batch, time, width = hidden.shape
        joined = self.query_key_value(hidden).view(batch, time, 3, self.heads, -1)
        query, key, value = joined.permute(2, 0, 3, 1, 4)  # each (B, H, T, K)
        found = F.scaled_dot_product_attention(
            rotated(query, turn), rotated(key, turn), value, is_causal=True
        )
        return self.out(found.transpose(1, 2).reshape(batch, time, width))


class FeedForward(nn.Module):
    def __init__(self, model: Transformer):
        super().__init__()
        self.gate_up = linear(model.width, 2 * model.inner)
        self.down = linear(model.inner, model.width, model.gain)

    def forward(self, hidden):
        gate, up = self.gate_up(hidden).chunk(2, dim=-1)
        return self.down(F.silu(gate) * up)


class Block(nn.Module):
    def __init__(self, model: Transformer):
        super().__init__()
        self.attention_norm = nn.RMSNorm(model.width, eps=EPSILON)
        self.attention = Attention(model)
        self.feed_forward_norm = nn.RMSNorm(model.width, eps=EPSILON)
        self.feed_forward = FeedForward(model)

    def forward(self, hidden, turn):
        hidden = hidden + self.attention(self.attention_norm(hidden), turn)
        return hidden + self.feed_forward(self.feed_forward_norm(hidden))


class Network(nn.Module):
    """ids_BT -> logits_BTV, with SwiGLU and an untied head. context: the longest T."""

    def __init__(self, model: Transformer, outputs: int, context: int):
        super().__init__()
        if model.activation != "swiglu" or model.tied or model.qk_norm:
            raise ValueError(f"{model} has options that this network does not support")
        self.embedding = nn.Embedding(outputs, model.width)
        nn.init.normal_(self.embedding.weight, std=model.width**-0.5)
        self.blocks = nn.ModuleList(Block(model) for _ in range(model.depth))
        self.norm = nn.RMSNorm(model.width, eps=EPSILON)
        self.head = linear(model.width, outputs)
        self.scale = model.width**0.5
        size = model.width // model.heads
        angle = torch.outer(torch.arange(context), BASE ** (-torch.arange(0, size, 2) / size))
        self.register_buffer("turn", torch.stack([angle.cos(), angle.sin()]), persistent=False)

    def forward(self, ids):
        hidden = self.embedding(ids) * self.scale
        turn = self.turn[:, : ids.shape[1]]
        for block in self.blocks:
            hidden = block(hidden, turn)
        return self.head(self.norm(hidden))


def linear(inputs: int, outputs: int, gain: float = 1.0) -> nn.Linear:
    made = nn.Linear(inputs, outputs, bias=False)
    nn.init.normal_(made.weight, std=gain * inputs**-0.5)
    return made


def rotated(x, turn):
    cos, sin = turn
    a, b = x.chunk(2, dim=-1)
    return torch.cat([a * cos - b * sin, a * sin + b * cos], dim=-1)


def load(network: Network, params: Mapping[str, Any]) -> None:
    """Copy our parameters. Raises RuntimeError unless all names and shapes match."""
    found = {}

    def walk(tree: Mapping[str, Any], path: str) -> None:
        for name, value in tree.items():
            here = name.replace("blocks_", "blocks.")
            if isinstance(value, Mapping):
                walk(value, f"{path}{here}.")
            else:
                array = np.array(value)
                found[f"{path}weight"] = torch.tensor(array.T if name == "kernel" else array)

    walk(params, "")
    network.load_state_dict(found, strict=True)
