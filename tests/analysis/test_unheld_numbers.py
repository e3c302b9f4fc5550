"""Numbers of a prediction that no claim holds, with few false alarms."""

import json

import pytest

from scaling_lab.analysis.unheld_numbers import unheld
from scaling_lab.registration import log

CLAIMS = [{"name": "c", "low": 0.2, "high": 0.7, "where": "N > 200_000"}, {"low": -0.05}]
AXES = {"N": [3_000, 50_000], "learning_rate": [0.012], "model": ["transformer"]}


@pytest.mark.parametrize(
    ("prediction", "found"),
    [
        ("The exponent is 0.2 to 0.7.", []),
        ("The exponent is .2 to .7", []),
        ("The exponent is 0.2 to 0.8.", ["The exponent is 0.2 to 0.8"]),
        ("They differ by less than 0.05.", []),
        ("They differ by less than 5%.", []),
        ("They differ by less than 6%.", ["by less than 6%"]),
        ("It is near 1.5 to 1.6 nats a character.", ["It is near 1.5 to 1.6 nats a character"]),
        (
            "It is 10 times faster, far below a 5-gram's 1.75.",
            ["It is 10 times faster", "below a 5-gram's 1.75"],
        ),
        ("The distance is at least twice that of 50,000.", ["is at least twice that of 50,000"]),
        ("It falls as N^-0.54.", ["It falls as N^-0.54"]),
        ("It falls as N^-0.2.", []),
        ("It falls as N to 1/4.", ["as N to 1/4"]),
        ("Alpha is 0.9, near the .28 that Bansal 2022 found.", ["Alpha is 0.9"]),
        ("Steeper than the 0.095 of Kaplan 2020 and the 0.07 to 0.13 of Hestness 2017.", []),
        ("An exponent of 0.2 to 0.7, Kaplan's being 0.076.", []),
        ("As Rosenfeld 2019 found for small image sets (0.5 to 0.6).", []),
        ("As Pearce & Song (2024) found, arXiv 2406.12907, with 10^8 times the compute.", []),
        ("Faster than language (0.1).", []),
        ("As in section 4.2, figure 7 and e10, of 1999, at 8x8 with 2-layer nets.", []),
        ("At 800,000 parameters, after 4,000 steps on 29,000 pairs and 3 seeds.", []),
        ("The rate follows a rule, 0.03 (N / 1e5)^(-1/4), tested against 2.5 times less.", []),
        ("A first, shorter grid had exponents of 0.04 to 0.55; this one is longer.", []),
        ("", []),
    ],
)
def test_the_numbers_that_are_predicted(prediction, found):
    assert unheld(prediction, CLAIMS, AXES) == found


def test_what_is_to_be_so_in_every_case_needs_a_claim_about_cases():
    said = (
        "N >> D does no harm: at fixed D more parameters never hurt. As Kaplan 2020 always found."
    )
    assert unheld(said, CLAIMS, AXES) == ["at fixed D more parameters never hurt"]
    assert unheld(said, [*CLAIMS, {"kind": "ordering", "name": "o"}], AXES) == []
    assert unheld("The LSTM is behind at every N and D.", [], {}) == [
        "The LSTM is behind at every N and D"
    ]
    assert unheld("Every seed has images of its own.", [], {}) == []


def test_the_ends_of_a_range_must_be_of_one_claim():
    assert unheld("It is 0.05 to 0.7.", CLAIMS, AXES) == ["It is 0.05 to 0.7"]


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("e02_mnist_mlp", 1),
        ("e10_language", 0),
        ("e11_isoflop", 0),
        ("e12_translation", 2),
        ("e13_architecture", 2),
        ("e20_mnist_worlds", 1),
        ("e21_mnist_adversaries", 1),
        ("e22_mnist_pixels", 0),
    ],
)
def test_on_the_predictions_of_the_first_experiments(root, name, found):
    """As they were registered: the log keeps them, whatever becomes of the experiments."""
    folder = root / "results" / name
    said = [entry for entry in log.read(folder).entries if entry.source == log.GIT][-1].texts
    axes = json.loads((folder / "experiment.json").read_text())["axes"]
    assert len(unheld(said.prediction, said.claims, axes)) == found
