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


def packed_images(folder):
    from scaling_lab.images import packing

    (folder / "images").mkdir()
    image_folder(folder / "images")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(packing, "SHARD", 16)
        packing.write(folder / "images", folder / "pack", 16, 95, packing.Progress())
    return {"path": str(folder / "pack")}


def token_file(folder):
    ids = np.random.default_rng(0).integers(0, 300, 4_000, np.uint16)
    for name, part in (("train", ids[:3_001]), ("val", ids[3_001:])):
        part.astype("<u2").tofile(folder / f"{name}.bin")
    return {"path": str(folder), "vocabulary": 300}


GIVEN = {
    "text": text,
    "hub": hub,
    "wmt": wmt,
    "image_folder": image_folder,
    "packed_images": packed_images,
    "token_file": token_file,
}


@pytest.fixture(scope="session")
def standard_tables():
    """One experiment of two families with all that a figure may ask for, as Tables.

    Seven sizes at each of six budgets, of powers of two, so that budgets share sizes and data
    sizes; losses of a known law with noise; learning curves, losses by position, BLEU, and
    auxiliary baselines, samples and pictures.
    """
    import pandas as pd

    from scaling_lab.analysis import experiment_tables

    random = np.random.default_rng(0)
    runs, curves = [], []
    for model, alpha in (("transformer", 0.35), ("lstm", 0.30)):
        for budget in range(6):
            for k in range(-3, 4):
                N, D = 2.0 ** (20 + budget + k), 2.0 ** (27 + budget - k)
                name, C, head = f"{model} N={N:g} D={D:g}", 6 * N * D, 200 * N ** (1 / 3)
                loss = 1.7 + 60 * N**-alpha + 400 * D**-0.35
                loss *= np.exp(0.002 * random.standard_normal())
                runs.append(
                    {"run": name, "status": "done", "seed": 0, "learning_rate": 1e-3}
                    | {"model": model, "N": N, "N_embedding": 1.5 * head, "N_head": head}
                    | {"D": D, "examples": D, "C": C, "C_head": 6 * head * D}
                    | {"best_valid_loss": loss, "best_test_loss": loss, "best_step": 256}
                    | {"test_loss": loss, "test_bleu": 60 / loss}
                    | {f"test_loss_at_{2**i}": loss * (1 + 2.0**-i) for i in range(3)}
                    | {"learner": "language", "targets": "2.5", "batch_size": 8 * 4**budget}
                    | {f"{s}_steps_to_2.5": 99 + 9_900 / 4**budget for s in ("valid", "test")}
                )
                for step in 2 ** np.arange(3, 9):
                    here = loss * (256 / step) ** 0.1 * np.exp(0.002 * random.standard_normal())
                    curves.append(
                        {"run": name, "step": step, "C": C * step / 256, "test_loss": here}
                        | {"valid_loss": here, "train_loss": 0.98 * here}
                        | {"sharpness_over_threshold": step / 256, "noise_scale": 10.0 * step}
                    )
    frame = pd.DataFrame(runs)
    samples = frame[["run", "model", "N", "D"]].assign(prompt="Once", text=" upon a time\n")
    pixels = random.integers(0, 256, (2, 8, 8, 8), np.uint8)
    pictures = {f"{kind}|vae|900": pixels for kind in ("samples", "interpolations")}
    pictures |= {"map|vae|900": random.normal(size=(60, 2)), "classes|vae|900": np.arange(60) % 3}
    auxiliary = {
        "baselines": pd.DataFrame({"name": "5-gram", "D": frame["D"].head(7), "L": 9.0}),
        "samples": samples.groupby("model").head(3),
        "pictures": pictures,
    }
    return experiment_tables.tables(
        frame, pd.DataFrame(curves), families={"model": "transformer"}, auxiliary=auxiliary
    )


@pytest.fixture(scope="session")
def standard_studies(standard_tables):
    """The studies of `standard_tables` by slug, with few bootstrap replicates."""
    from scaling_lab.analysis import studies

    with pytest.MonkeyPatch.context() as patch:
        for study in studies.found().values():
            if hasattr(study, "BOOTSTRAP"):
                patch.setattr(study, "BOOTSTRAP", 20)
        made = studies.attempt_all(standard_tables)
    others = {"mup_optimum": swept_widths(), "calibration": exact_runs()}
    return made | {slug: studies.get(slug).analyse(tables) for slug, tables in others.items()}


def swept_widths():
    """Sweeps of the learning rate at three widths, under two parametrisations, as Tables."""
    import itertools

    import pandas as pd

    from scaling_lab.analysis import experiment_tables

    every = itertools.product(("standard", "mup"), (32, 64, 128), range(-4, 5), range(2))
    names = ("model.parametrization", "model.width", "learning_rate", "seed")
    frame = pd.DataFrame(list(every), columns=names)
    frame["learning_rate"] = 2.0 ** frame["learning_rate"]
    best = (frame["model.width"] / 64) ** np.where(frame[names[0]] == "mup", 0.0, -0.5)
    loss = 1 + np.log(frame["learning_rate"] / best) ** 2 + 0.01 * frame["seed"]
    frame = frame.assign(model="mlp", N=frame["model.width"], D=1, status="done")
    frame = frame.assign(best_valid_loss=loss, best_test_loss=loss, run=frame.index.map(str))
    return experiment_tables.tables(frame, pd.DataFrame(), families={names[0]: "mup"})


def exact_runs():
    """Runs of two tasks that theory solves, scattered by 1% about their exact losses, as Tables."""
    import itertools

    import pandas as pd

    from scaling_lab.analysis import experiment_tables, theory

    settings = {"a": 1.0, "b": 1.0, "coordinates": 64, "tail": True}
    points = list(itertools.product((4, 8, 16, 32), (500, 1_000, 2_000)))
    sgd = pd.DataFrame(points, columns=["N", "budget"])
    sgd = sgd.assign(steps=sgd.pop("budget") // sgd["N"], batch_size=4, learning_rate=0.15)
    sgd = sgd.assign(epochs=1.0, learner="regression", model="top_features")
    sgd = sgd.assign(D=4 * sgd["steps"], **{f"data.{k}": v for k, v in settings.items()})
    sgd = sgd.assign(**{"data.noise": 0.0})
    at = {name: sgd[name].to_numpy(float) for name in theory.get("top_features").VARIABLES}
    sgd = sgd.assign(exact=theory.values("top_features", settings, at))
    circle = pd.DataFrame({"D": [32, 64, 128, 256], "epochs": 1.0, "N": 512})
    at = {name: circle[name].to_numpy(float) for name in ("D", "epochs")}
    exact = theory.values("laplace_circle", {}, at)
    circle = circle.assign(learner="kernel_regression", model="circle_spline", exact=exact)
    rows = pd.concat([sgd, circle], ignore_index=True)
    rows = rows.loc[rows.index.repeat(6)].reset_index(drop=True)
    scatter = np.random.default_rng(0).standard_normal(len(rows))
    rows = rows.assign(test_loss=rows.pop("exact") * (1 + 0.01 * scatter), status="done")
    rows = rows.assign(best_valid_loss=rows["test_loss"], best_test_loss=rows["test_loss"])
    rows = rows.assign(seed=rows.index, run=rows.index.map(str))
    families = {"learner": "regression", "model": "top_features"}
    return experiment_tables.tables(rows, pd.DataFrame(), (), families)
