"""Small data for the sources that read the user's own files."""

import numpy as np
import pytest
from PIL import Image

WORDS = ("ship", "sails", "over", "old", "grey", "waves", "and", "nobody", "on", "board", "knows")


@pytest.fixture(scope="module")
def given_source(own_cache, tmp_path_factory):
    """Name -> a source of that kind with small data; None for sources that need no files."""

    def made(name):
        from scaling_lab import registry

        fields = GIVEN[name](tmp_path_factory.mktemp(name)) if name in GIVEN else None
        return fields and registry.get("data", name)(**fields)

    return made


def sentences(count):
    """Distinct sentences, the same on every call."""
    rng = np.random.default_rng(0)
    return [f"{i}: {' '.join(rng.choice(WORDS, 9))}." for i in range(count)]


def text(folder):
    for i, sentence in enumerate(sentences(60)):
        (folder / f"{i}.txt").write_text(sentence)
    return {"path": str(folder)}


def hub(folder):
    from datasets import Dataset, DatasetDict

    DatasetDict({"train": Dataset.from_dict({"text": sentences(600)})}).save_to_disk(folder / "ds")
    return {"corpus": str(folder / "ds"), "vocabulary": 300}


def wmt(folder):
    from datasets import Dataset, DatasetDict

    both = [{"de": sentence, "en": sentence.upper()} for sentence in sentences(300)]
    parts = {"train": both[:100], "validation": both[100:200], "test": both[200:]}
    made = {name: Dataset.from_dict({"translation": rows}) for name, rows in parts.items()}
    DatasetDict(made).save_to_disk(folder / "ds")
    return {"corpus": str(folder / "ds"), "vocabulary": 300, "longest": 64}


def image_folder(folder):
    rng = np.random.default_rng(0)
    for name in ("dark", "light"):
        (folder / name).mkdir()
        for i in range(40):
            shape = (int(rng.integers(8, 20)), int(rng.integers(8, 20)), 3)
            pixels = rng.integers(0, 128, shape) + 127 * (name == "light")
            Image.fromarray(pixels.astype(np.uint8)).save(folder / name / f"{i}.png")
    return {"path": str(folder), "size": 8}


GIVEN = {"text": text, "hub": hub, "wmt": wmt, "image_folder": image_folder}
