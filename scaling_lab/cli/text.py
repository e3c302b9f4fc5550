"""Verbs of text: ngram."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ..errors import LabError
from . import app


@app.command()
def ngram(
    text: Annotated[str, typer.Argument(help="A text dataset, or a file or folder of text.")],
    tokens: Annotated[str, typer.Option(help="byte, character or bpe.")] = "character",
    vocabulary: Annotated[int, typer.Option(help="Ids of a bpe tokenizer.")] = 0,
    order: Annotated[int, typer.Option(help="Tokens of an n-gram.")] = 5,
    limit: Annotated[
        int | None, typer.Option(help="Learn from the first so many tokens.", min=1)
    ] = None,
) -> None:
    """Score a Kneser-Ney n-gram model: the classical baseline of a text.

    Examples:

        scaling-lab ngram stdlib

        scaling-lab ngram notes/ --tokens bpe --vocabulary 2000 --order 3
    """
    from .. import registry
    from ..data.text import Text
    from ..text import ngram as baseline

    fields = {"tokens": tokens, "vocabulary": vocabulary}
    if text not in registry.names("data") and Path(text).expanduser().exists():
        source = Text(path=text, **fields)
    else:
        kind = registry.get("data", text)
        if not {*fields} <= {*kind.__dataclass_fields__}:
            raise LabError(f"{text} is no text to read in one stream; give one, such as stdlib")
        source = kind(**fields)
    train, *judged = source.load()
    ids = train.ids[:limit]
    model = baseline.fit(ids, source.tokenizer().size, order)
    typer.echo(
        f"{text}: {order}-gram over {len(ids):,} tokens ({tokens}, vocabulary {model.vocabulary:,})"
    )
    for name, split in zip(("valid", "test"), judged, strict=True):
        found = baseline.score(model, split)
        typer.echo(
            f"  {name}: {found.nats:.4f} nats a token, {found.bits_per_byte:.4f} bits a byte "
            f"({found.tokens:,} tokens)"
        )
