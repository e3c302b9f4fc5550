"""Verbs for text: ngram, baseline, sample, embedding."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ..errors import LabError
from . import RESULTS, Folder, app
from .grids import Name


@app.command()
def ngram(
    text: Annotated[str, typer.Argument(help="A text dataset, or a file or folder of text.")],
    tokens: Annotated[str, typer.Option(help="byte, character or bpe.")] = "character",
    vocabulary: Annotated[int, typer.Option(help="Size of the vocabulary of a bpe tokenizer.")] = 0,
    order: Annotated[int, typer.Option(help="n of the n-gram.")] = 5,
    limit: Annotated[
        int | None, typer.Option(help="Train on at most this many tokens.", min=1)
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
            raise LabError(f"{text} is not a source of running text; give one, such as stdlib")
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


@app.command()
def baseline(
    experiment: Name,
    results: Folder = RESULTS,
    order: Annotated[int, typer.Option(help="n of the n-gram.", min=1)] = 5,
) -> None:
    """Score n-grams on the text of an experiment, at each D, for its report.

    Example:

        scaling-lab baseline e10_language
    """
    from .. import experiment as experiments
    from ..artifacts import ngram_baseline as baselines
    from ..storage.atomic import write_whole

    found = experiments.load(experiment)
    scored = []
    for D, loss in baselines.score_experiment(found, order):
        scored.append((D, loss))
        typer.echo(f"{order}-gram, D = {D:,}: {loss:.4f} nats a token")
    text = baselines.table(scored, order).to_csv(index=False)
    write_whole(results / found.name / "baselines.csv", text.encode())


@app.command()
def sample(
    experiment: Name,
    prompt: Annotated[str, typer.Option(help="The text to continue.")] = "The ",
    results: Folder = RESULTS,
    run: Annotated[str, typer.Option(help="Part of a run's name, or its fingerprint.")] = "",
    length: Annotated[int, typer.Option(help="Tokens per sample.")] = 200,
    count: Annotated[int, typer.Option(help="Samples per run.")] = 1,
    temperature: Annotated[float, typer.Option(help="0 always takes the most likely token.")] = 1.0,
    top_p: Annotated[
        float, typer.Option(help="Nucleus sampling: probability mass to draw from.")
    ] = 1.0,
    seed: Annotated[int, typer.Option(help="Seed of the sampling.")] = 0,
    save: Annotated[bool, typer.Option("--save", help="Save the samples for the report.")] = False,
) -> None:
    """Continue a prompt with each finished language model whose parameters were kept.

    Examples:

        scaling-lab sample e10_language --prompt "It was " --temperature 0.8 --top-p 0.95

        scaling-lab sample e10_language --run lstm --length 400
    """
    import pandas as pd

    from .. import experiment as experiments
    from ..artifacts import text_samples
    from ..storage.atomic import write_whole
    from .console import pulled

    found = experiments.load(experiment)
    pulled(results / found.name)
    how = {"temperature": temperature, "top_p": top_p, "seed": seed}
    rows = []
    for row in text_samples.generate(found, results, run, prompt, length, count, **how):
        typer.echo(f"--- {row['model']}, N = {row['N']:,}, D = {row['D']:,}")
        typer.echo(prompt + row["text"])
        rows.append({**row, "prompt": prompt, **how})
    if save:
        text = pd.DataFrame(rows).to_csv(index=False)
        write_whole(results / found.name / "samples.csv", text.encode())


@app.command()
def embedding(
    experiment: Name,
    words: Annotated[list[str] | None, typer.Argument(help="Words to look up.")] = None,
    analogy: Annotated[
        str, typer.Option(help="Three words: Paris,France,Germany asks Paris - France + Germany.")
    ] = "",
    results: Folder = RESULTS,
    run: Annotated[str, typer.Option(help="Part of a run's name, or its fingerprint.")] = "",
    count: Annotated[int, typer.Option(help="Neighbours per word.", min=1)] = 8,
    figure: Annotated[
        Path | None, typer.Option(help="Draw the words in their principal plane; PNG, SVG or PDF.")
    ] = None,
) -> None:
    """Explore the token embedding of the largest kept model of an experiment.

    Examples:

        scaling-lab embedding e12_translation man dog red two

        scaling-lab embedding e12_translation --analogy men,man,woman

        scaling-lab embedding e12_translation red blue green dog man --figure words.png
    """
    from .. import experiment as experiments
    from ..analysis import style
    from ..analysis.figures import _embedding
    from ..analysis.studies import embedding as spaces
    from ..artifacts import kept_runs
    from ..storage import parameters
    from .console import pulled

    asked = words or []
    if not asked and not analogy:
        raise LabError("there is nothing to look up; give words, or --analogy")
    parts = [part.strip() for part in analogy.split(",")] if analogy else []
    if analogy and len(parts) != 3:
        raise LabError(f"--analogy is '{analogy}'; give three words, as Paris,France,Germany")
    if figure is not None:
        style.drawable(figure)
        _embedding.drawable(asked)
    found = experiments.load(experiment)
    if not hasattr(found.base.data, "tokenizer"):
        raise LabError(
            f"{found.name} does not learn from text; name an experiment that does and that keeps "
            "the parameters of runs"
        )
    pulled(results / found.name)
    planned = kept_runs.runs(found, results, run)[-1]
    params = parameters.load(results / found.name, planned.fingerprint)
    space = spaces.of(params, planned.cell.run.data.tokenizer().pieces)
    typer.echo(f"{planned.name}: {len(space.pieces):,} tokens, width {space.vectors.shape[1]}")
    for word in asked:
        typer.echo(f"{word}: {_listed(space.nearest(word, count))}")
    if analogy:
        word, less, more = parts
        near = _listed(space.analogy(word, less, more, count))
        typer.echo(f"{word} - {less} + {more}: {near}")
    if figure is not None:
        style.save_as(_embedding.picture(space, {"words": asked}), figure)
        typer.echo(f"figure: {figure}")


def _listed(near: list[tuple[str, float]]) -> str:
    return ", ".join(f"{piece.strip()} {cosine:.2f}" for piece, cosine in near)
