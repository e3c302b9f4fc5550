"""scaling_lab: train grids of Flax models over parameters N, data D and compute C.

The names an experiment needs are here; each is imported, and jax with it, when it is first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .claim import Claim
    from .config import Run
    from .data.cifar10 import Cifar10
    from .data.digits import Digits
    from .data.hub import Hub
    from .data.image_folder import ImageFolder
    from .data.mnist import Mnist
    from .data.multi30k import Multi30k
    from .data.novels import Novels
    from .data.numerals import Numerals
    from .data.shakespeare import Shakespeare
    from .data.stdlib import Stdlib
    from .data.text import Text
    from .data.wikitext2 import Wikitext2
    from .data.wmt import Wmt
    from .engine.runner import run
    from .errors import LabError
    from .experiment import Experiment
    from .grid import axis, cells, chain, derive, override, product, where, zip_
    from .learners.flow import Flow
    from .learners.gan import Gan
    from .learners.language import Language
    from .learners.pixels import Pixels
    from .learners.supervised import Supervised
    from .learners.translation import Translation
    from .learners.vae import Vae
    from .models.adversaries import ConvAdversaries, MLPAdversaries
    from .models.cnn import CNN
    from .models.encoder_decoder import EncoderDecoder
    from .models.glow import Glow
    from .models.lstm import LSTM
    from .models.mlp import MLP
    from .models.seq2seq import Seq2Seq
    from .models.transformer import Transformer
    from .models.vae import MLPVAE, ConvVAE
    from .recipe import Recipe
    from .registry import register
    from .storage.records import Store

_HOMES = {
    "config": ("Run",),
    "recipe": ("Recipe",),
    "claim": ("Claim",),
    "data.cifar10": ("Cifar10",),
    "data.digits": ("Digits",),
    "data.hub": ("Hub",),
    "data.image_folder": ("ImageFolder",),
    "data.mnist": ("Mnist",),
    "data.multi30k": ("Multi30k",),
    "data.novels": ("Novels",),
    "data.numerals": ("Numerals",),
    "data.shakespeare": ("Shakespeare",),
    "data.stdlib": ("Stdlib",),
    "data.text": ("Text",),
    "data.wikitext2": ("Wikitext2",),
    "data.wmt": ("Wmt",),
    "errors": ("LabError",),
    "experiment": ("Experiment",),
    "grid": ("axis", "cells", "chain", "derive", "override", "product", "where", "zip_"),
    "learners.flow": ("Flow",),
    "learners.gan": ("Gan",),
    "learners.language": ("Language",),
    "learners.pixels": ("Pixels",),
    "learners.supervised": ("Supervised",),
    "learners.translation": ("Translation",),
    "models.cnn": ("CNN",),
    "models.encoder_decoder": ("EncoderDecoder",),
    "learners.vae": ("Vae",),
    "models.adversaries": ("ConvAdversaries", "MLPAdversaries"),
    "models.glow": ("Glow",),
    "models.lstm": ("LSTM",),
    "models.mlp": ("MLP",),
    "models.seq2seq": ("Seq2Seq",),
    "models.transformer": ("Transformer",),
    "models.vae": ("MLPVAE", "ConvVAE"),
    "storage.records": ("Store",),
    "registry": ("register",),
    "engine.runner": ("run",),
}
_WHERE = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [
    "CNN",
    "LSTM",
    "MLP",
    "MLPVAE",
    "Cifar10",
    "Claim",
    "ConvAdversaries",
    "ConvVAE",
    "Digits",
    "EncoderDecoder",
    "Experiment",
    "Flow",
    "Gan",
    "Glow",
    "Hub",
    "ImageFolder",
    "LabError",
    "Language",
    "MLPAdversaries",
    "Mnist",
    "Multi30k",
    "Novels",
    "Numerals",
    "Pixels",
    "Recipe",
    "Run",
    "Seq2Seq",
    "Shakespeare",
    "Stdlib",
    "Store",
    "Supervised",
    "Text",
    "Transformer",
    "Translation",
    "Vae",
    "Wikitext2",
    "Wmt",
    "axis",
    "cells",
    "chain",
    "derive",
    "override",
    "product",
    "register",
    "run",
    "where",
    "zip_",
]


def __getattr__(name: str) -> Any:
    if name not in _WHERE:
        raise AttributeError(f"module 'scaling_lab' has no attribute '{name}'")
    return getattr(import_module(f".{_WHERE[name]}", __name__), name)
