"""Text samples follow the model's distribution and continue beyond its context."""

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest

from scaling_lab import LSTM, LabError, Language, Recipe, Run, Stdlib, Transformer, cli
from scaling_lab.artifacts import ngram_baseline, text_samples
from scaling_lab.engine import runner
from scaling_lab.experiment import Experiment
from scaling_lab.text import ngram, sampling

MODELS = {
    "transformer": Transformer(width=16, depth=1, head_size=8),
    "lstm": LSTM(units=16),
}


def test_samples_follow_the_distribution():
    logits = jnp.log(jnp.array([[0.5, 0.3, 0.15, 0.05]]))
    many = jnp.repeat(logits, 20_000, 0)

    def shares(*how):
        return (
            np.bincount(sampling.sample_token(jax.random.key(0), many, *how), minlength=4) / 20_000
        )

    np.testing.assert_allclose(shares(1.0), [0.5, 0.3, 0.15, 0.05], atol=0.015)
    np.testing.assert_allclose(shares(1.0, 0.75), [0.625, 0.375, 0, 0], atol=0.015)
    np.testing.assert_allclose(shares(1.0, 0.45), [1, 0, 0, 0])
    np.testing.assert_allclose(shares(0.0), [1, 0, 0, 0])
    sharp = np.array([0.5, 0.3, 0.15, 0.05]) ** 2
    np.testing.assert_allclose(shares(0.5), sharp / sharp.sum(), atol=0.015)


@pytest.mark.parametrize("name", MODELS)
def test_the_most_likely_text_matches_decoding_without_a_cache(name):
    network = MODELS[name].network(30)
    prompt = np.array([3, 1, 4])
    params = network.init(jax.random.key(0), prompt[None])["params"]
    found = sampling.sample(network, params, prompt, 9, 12, temperature=0.0)
    seen = list(prompt)
    read = jax.jit(network.apply)
    for _ in range(9):
        ids = np.array([[*seen, *[0] * (12 - len(seen))]])  # what comes later is not seen
        logits = read({"params": params}, ids)
        seen.append(int(logits[0, len(seen) - 1].argmax()))
    assert found.tolist() == [seen[3:]]
    longer = sampling.sample(network, params, prompt, 40, 12, count=3)
    assert longer.shape == (3, 40)
    assert len({tuple(row) for row in longer.tolist()}) == 3


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A tiny experiment with kept parameters."""
    base = Run(
        learner=Language(context=32, evaluation_tokens=1_024),
        data=Stdlib(),
        model=MODELS["lstm"],
        recipe=Recipe(batch_size=8, learning_rate=1e-2),
        D=4_000,
    )
    grid = tuple({"model": model, "steps": 20} for model in MODELS.values())
    folder = tmp_path_factory.mktemp("results")
    made = Experiment(
        name="tiny_text",
        file=folder / "tiny_text.py",
        text={"title": "t", "question": "q", "prediction": "p", "cost": "c", "command": "x"},
        base=base,
        grid=grid,
        keep=lambda point: True,
    )
    runner.run(made, folder, width=1)
    return made, folder


def test_every_kept_run_continues_a_prompt(trained):
    made, folder = trained
    rows = list(
        text_samples.generate(made, folder, "", "import ", 50, 2, temperature=0.8, top_p=0.9)
    )
    assert [row["model"] for row in rows] == ["lstm", "lstm", "transformer", "transformer"]
    assert all(0 < len(row["text"]) <= 50 for row in rows)  # 50 bytes
    again = list(
        text_samples.generate(made, folder, "lstm(", "import ", 50, 2, temperature=0.8, top_p=0.9)
    )
    assert again == rows[:2]


@pytest.mark.parametrize(
    ("given", "line"),
    [
        ({"named": "gru"}, "no run of tiny_text with kept parameters is named 'gru'"),
        ({"prompt": ""}, "the prompt is empty"),
        ({"length": 0}, "give 1 or more"),
        ({"temperature": -1.0}, "temperature is -1.0"),
        ({"top_p": 0.0}, "top-p is 0.0"),
    ],
)
def test_bad_input_is_a_one_line_error(trained, given, line):
    made, folder = trained
    how = {"named": "", "prompt": "a", "length": 5, "count": 1} | given
    with pytest.raises(LabError, match=line):
        list(text_samples.generate(made, folder, **how))
    with pytest.raises(LabError, match="no finished run"):
        list(text_samples.generate(made, folder / "none", "", "a", 5, 1))


def test_the_baseline_trains_and_scores_on_the_runs_own_tokens(trained):
    made, _ = trained
    run = made.base
    ((D, loss),) = ngram_baseline.score_run(run, [4_000], order=3)
    splits = run.data.load()
    assert D == 4_000
    learnt, judged = run.learner.learnt(splits.train, D), run.learner.evaluated(splits.test)
    assert len(learnt) == 4_000 // 32 * 32
    assert len(judged) == 1_024
    traced = run.learner.bind(run).data()
    blocks = traced["test"]["blocks"][:, :, 1:].reshape(-1)
    assert splits.test.ids[judged].tolist() == blocks.tolist()
    train = traced["train"][: 4_000 // 32, :32]
    assert sorted(learnt.tolist()) == sorted(train.reshape(-1).tolist())
    model = ngram.fit(learnt, run.data.tokenizer().size, 3)
    expected = -np.log(model.probabilities(splits.test.ids)[judged]).mean()
    assert loss == pytest.approx(expected)


def test_the_commands_write_tables_for_the_report(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "experiments").mkdir()
    (tmp_path / "experiments" / "e1_text.py").write_text(EXPERIMENT)
    for line in (
        "run e1 --width 1",
        "baseline e1 --order 3",
        "sample e1 --prompt def --length 20 --save",
        "embedding e1 d e f --analogy a,b,c --count 3 --figure words.png",
    ):
        with pytest.raises(SystemExit) as ended:
            cli.main(line.split())
        assert ended.value.code == 0, capsys.readouterr().err
    said = capsys.readouterr().out
    assert "d: " in said
    assert "a - b + c: " in said
    assert (tmp_path / "words.png").stat().st_size > 1_000
    for line, why in (
        ("embedding e1", "nothing to look up"),
        ("embedding e1 word", "'word' is not one token here"),
        ("embedding e1 --analogy a,b", "give three words"),
        ("sample e1 --run none", "is named 'none'"),
        ("sample e1 --top-p 2", "top-p is 2.0"),
    ):
        with pytest.raises(SystemExit) as ended:
            cli.main(line.split())
        assert ended.value.code == 2
        assert why in capsys.readouterr().err
    folder = tmp_path / "results" / "e1_text"
    scored = pd.read_csv(folder / "baselines.csv")
    assert scored["name"].tolist() == ["3-gram"]
    assert scored["D"].tolist() == [3_200]  # what 50 steps of 2 blocks of 32 tokens see
    assert 1 < scored["L"][0] < 5
    assert pd.read_csv(folder / "samples.csv")["prompt"].tolist() == ["def"]


EXPERIMENT = '''"""Does it?

Question: q
Prediction: p
Cost: c
Command: scaling-lab run e1_text
"""
from scaling_lab import LSTM, Language, Recipe, Run, Stdlib, axis

base = Run(
    learner=Language(context=32, evaluation_tokens=1_024),
    data=Stdlib(),
    model=LSTM(units=16),
    recipe=Recipe(batch_size=2),
    D=4_000,
)
grid = axis("steps", [50])


def keep(point):
    return True
'''
