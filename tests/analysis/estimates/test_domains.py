"""Domains of estimates: each keeps its contract; each figure comes out of its factors."""

import math
from datetime import date

import pytest

from scaling_lab.analysis import estimates
from scaling_lab.analysis.estimates import Landmark, Quote, domains, figures, source_talk, units
from scaling_lab.analysis.estimates.domains import history, language, layer
from scaling_lab.analysis.estimates.quantity import Estimate, Factor, from_dict
from scaling_lab.errors import LabError

DAY, YEAR = 86_400.0, 365.25 * 86_400
NAMES = [name for domain in estimates.names() for name in estimates.of(domain)]

# Worked out here from the talk's and the sources' numbers, with nothing but arithmetic.
MNIST_LAYER = 28 * 28 * 28 * 28 + 28 * 28
MNIST_N = 2 * MNIST_LAYER + 28 * 28 * 10 + 10
CONV = ((11, 3, 96, 55), (5, 48, 256, 27), (3, 256, 384, 13), (3, 192, 384, 13), (3, 192, 256, 13))
DENSE = ((9216, 4096), (4096, 4096), (4096, 1000))
ALEXNET_N = sum(k * k * i * o + o for k, i, o, _ in CONV) + sum(i * o + o for i, o in DENSE)
ALEXNET_MADDS = sum(k * k * i * o * s * s for k, i, o, s in CONV) + sum(i * o for i, o in DENSE)
BIG_LSTM = 2 * (4 * 8192 * (1024 + 1024) + 8192 * 1024)
LIFE = 1e11 * 1e4 * 1 * 1 * 30 * YEAR
YEARS_TO_2022 = (date(2022, 1, 1) - date(2017, 10, 19)).days / 365.25

WORKED_OUT = {
    "layer.forward": 3 * 3 * 2,
    "layer.first": 4 * 3 + 5 * -2 + 6 * 1 + 12,
    "layer.second": 3 * 3 + 2 * -2 + 1 * 1 + 3,
    "layer.third": -9 * 3 + -8 * -2 + -7 * 1 + 4,
    "mnist.pixels": 784,
    "mnist.layer_parameters": MNIST_LAYER,
    "mnist.parameters": MNIST_N,
    "mnist.parameters_per_image": MNIST_N / 50_000,
    "mnist.training": 6 * MNIST_N * 50_000 * 20,
    "imagenet.pixels": 256 * 256,
    "imagenet.numbers": 3 * 256 * 256,
    "imagenet.alexnet_parameters": ALEXNET_N,
    "imagenet.alexnet": ALEXNET_MADDS * 2 * 3 * 1.2e6 * 90,
    "imagenet.alexnet_by_hardware": 2 * 5.5 * DAY * 1.58e12 * 0.333,
    "imagenet.resnet_152": 11.3e9 * 2 * 3 * 1.2e6 * 128,
    "language.reading_time": 1e9 / 200 * 60 / YEAR,
    "language.lstm_2048_512": 793_471 * 512 * 2 + 4 * 2048 * 1024 + 2048 * 512,
    "language.big_lstm": 793_471 * 1024 * 2 + BIG_LSTM,
    "language.training": 6 * BIG_LSTM * 0.83e9 * math.sqrt(10 * 100),
    "language.gnmt": 96 * 9 * DAY * 8.73e12 * 0.333 * math.sqrt(10 * 100),
    "language.gpt_3": 6 * 175e9 * 300e9,
    "atari.dqn_parameters": 1_693_362,
    "atari.play": 1e7 / 60,
    "atari.training": (400 * 3072 + 81 * 8192 + 2592 * 256) * 6 * 5e6 * 32,
    "dota.play_a_day": 180 * YEAR,
    "dota.moves_a_game": 30 * 60 * 30 / 4,
    "dota.moves_of_a_long_game": 45 * 60 * 30 / 4,
    "dota.batch": 1e6 * 2e4,
    "dota.lstm_1024": 4 * 1024 * 2048,
    "dota.flop_a_day": 256 * DAY * 10.6e12 * 0.333,
    "brain.flops_per_second": 1e15,
    "brain.flops_per_second_carlsmith": 1e15,
    "brain.flops_per_second_kurzweil": 2e16,
    "brain.year": 1e15 * YEAR,
    "life.seconds": 9.467e8,
    "life.flops": LIFE,
    "life.petaflop_days": 11_574.07,
    "life.petaflops": LIFE / DAY / 1e15,
    "life.dollars_a_day_in_2024": LIFE / (989e12 * 0.4 * 3600 / 2.5),
    "life.dollars_a_day_in_2030": LIFE / (989e12 * 0.4 * 3600 / 2.5) / 2 ** (6 / 2.07),
    "evolution.flops": 1e21 * 1e4 * 1e9 * YEAR,
    "hardware.petaflop_day": 8.64e19,
    "hardware.petaflop_hour": 3.6e18,
    "history.alphago_zero": 1862 * 8.64e19,
    "history.projected_2022": 1862 * 8.64e19 * 2 ** (YEARS_TO_2022 * 12 / 3.393255),
}

# What others measured or published, and how near a Fermi estimate should come.
PUBLISHED = {
    "mnist.training": (7.4e12, 1.01),
    "imagenet.alexnet": (4.7e17, 1.01),
    "imagenet.alexnet_by_hardware": (5.0e17, 1.01),
    "imagenet.resnet_152": (1.04e19, 1.01),
    "language.gnmt": (79.42774259317446 * 8.64e19, 1.001),
    "atari.training": (2.3e15, 1.1),
    "dota.one_against_one": (6.0e20, 1.01),
    "dota.five": (6.7e22, 1.01),
    "life.flops": (1e24, 1.1),
    "history.alphago_zero": (1.6e23, 1.01),
    "history.projected_2022": (5e27, 1.1),
}


@pytest.mark.parametrize("name", sorted(WORKED_OUT))
def test_it_comes_out_of_its_factors(name):
    assert estimates.find(name)[name].centre() == pytest.approx(WORKED_OUT[name], rel=1e-4)


@pytest.mark.parametrize("name", sorted(PUBLISHED))
def test_it_comes_out_as_published(name):
    published, within = PUBLISHED[name]
    ratio = estimates.find(name)[name].centre() / published
    assert 1 / within < ratio < within


def leaves(tree):
    """The factors of a tree as `to_dict` writes it, wherever they are."""
    if isinstance(tree, list):
        return [leaf for branch in tree for leaf in leaves(branch)]
    if not isinstance(tree, dict):
        return []
    return [tree] if "factor" in tree else leaves(list(tree.values()))


def value(tree):
    """What a tree comes to, multiplied out here: every factor in base units of its own."""
    if "factor" in tree:
        return tree["value"] * base(tree["unit"])
    if "estimate" in tree:
        return value(tree["of"])
    if "product" in tree:
        return math.prod(value(part) ** exponent for part, exponent in tree["product"])
    if "sum" in tree:
        return sum(value(part) for part in tree["sum"])
    return 2 ** value(tree["two_to"])


SECONDS = {
    "s": 1,
    **{plural: n for one, n in (("minute", 60), ("hour", 3600), ("day", DAY), ("week", 7 * DAY))
       for plural in (one, f"{one}s")},
    "month": YEAR / 12, "months": YEAR / 12, "year": YEAR, "years": YEAR,
    "petaFLOP": 1e15, "bytes": 8,
}  # fmt: skip


def base(unit):
    """The size of a unit in s, FLOP, bits and things, from its words alone."""
    size, sign = 1.0, 1
    for word in unit.replace("(", " ( ").replace(")", " ) ").replace("/", " / ").split():
        if word == "/":
            sign = -1
        elif word == "*":
            sign = 1
        else:
            size *= SECONDS.get(word, 1) ** sign
    return size


@pytest.mark.parametrize("name", NAMES)
def test_an_estimate_is_its_factors_multiplied_out(name):
    found = estimates.find(name)[name]
    tree = found.to_dict()
    assert found.centre() == pytest.approx(value(tree) / base(found.units), rel=1e-9)
    assert from_dict(tree) == found
    low, centre, high = found.range
    assert low <= centre <= high
    assert leaves(tree)
    sheet = found.sheet()
    for leaf in leaves(tree):
        assert leaf["source"]
        assert leaf["factor"] in sheet
        assert leaf["source"] in sheet


@pytest.mark.parametrize("domain", estimates.names())
def test_a_domain_keeps_its_contract(domain):
    module = estimates.get(domain)
    assert module.__doc__.strip()
    assert estimates.of(domain)
    assert all(isinstance(mark, Landmark) for mark in getattr(module, "LANDMARKS", ()))
    assert all(isinstance(quote, Quote) for quote in getattr(module, "TALK", ()))


def test_every_estimate_has_one_name():
    held = [id(found) for domain in estimates.names() for found in estimates.of(domain).values()]
    assert len(held) == len(set(held))


def test_what_is_not_there_is_answered_with_the_nearest():
    with pytest.raises(LabError, match="unknown domain of estimates 'brian'; did you mean 'brain'"):
        estimates.find("brian.year")
    with pytest.raises(LabError, match=r"did you mean 'life\.flops'"):
        estimates.find("life.flosp")
    with pytest.raises(LabError, match="kind of landmark"):
        Landmark(name="x", kind="brian")
    wrong = estimates.find("life.seconds")["life.seconds"]
    with pytest.raises(LabError, match="is quoted in FLOP and compared with s"):
        Quote(what="x", value=1.0, units="FLOP", slide="a slide", follows=wrong)


def test_the_layer_of_the_talk():
    assert (layer.W @ layer.x + layer.b).tolist() == [20, 9, -14]
    assert layer.outputs().tolist() == [20, 9, 0]


def test_the_table_of_perplexities_is_whole():
    assert len(language.PERPLEXITY) == 14
    assert min(language.PERPLEXITY, key=lambda m: m.perplexity).name == "Big LSTM + CNN inputs"
    assert language.PERPLEXITY[0][1:] == (68.3, 4.1)
    shapes = {"LSTM-512-512": "lstm_512_512", "LSTM-1024-512": "lstm_1024_512"}
    for model in language.PERPLEXITY:
        if model.name in shapes:
            counted = estimates.find(f"language.{shapes[model.name]}")
            assert next(iter(counted.values())).centre() == pytest.approx(
                model.billions * 1e9, rel=0.01
            )


@pytest.mark.parametrize(
    ("what", "ratio", "words"),
    [
        ("pixels of an image, 256 × 256", 9.16, "9.2 times too high"),
        ("the same as a petaflop-hour", 2.78, "2.8 times too high"),
        ("layers of models for such data", 1e8 / 152, "660,000 times too high"),
        ("human lives of compute in one run of 2022", 374.6, "370 times too high as measured"),
        ("parameters of a hidden layer", 1, "right"),
        ("FLOP of a human life", 1.056, "holds"),
        ("moves of a game of 30 minutes", 0.988, "1.5 times too high by its factors"),
    ],
)
def test_the_talk_is_compared_with_the_truth(what, ratio, words):
    (quote,) = [quote for _, quote in estimates.quotes() if quote.what == what]
    found = source_talk.ratio(quote, quote.measured or quote.follows)
    assert found == pytest.approx(ratio, rel=0.01)
    (row,) = [row for row in source_talk.rows() if row.what == what]
    assert words in row.verdict


def test_every_domain_of_the_talk_is_compared_with_the_truth():
    rows = source_talk.rows()
    counted = "layer", "mnist", "imagenet", "language", "atari", "dota", "brain", "life", "history"
    assert list(dict.fromkeys(row.domain for row in rows)) == list(counted)
    assert all(row.follows or row.measured for row in rows)
    assert all(row.source for row in rows if row.measured)


def test_the_six_landmarks_of_a_comparison_are_there():
    compared = [mark for mark in estimates.landmarks() if mark.compared]
    assert [mark.name for mark in compared] == [
        "MNIST perceptron",
        "AlexNet on ImageNet",
        "Dota, one against one",
        "a year of a brain",
        "AlphaGo Zero",
        "a human life",
    ]
    for mark in estimates.landmarks():
        if mark.C is not None:
            assert units.compatible(mark.C.unit, units.unit("FLOP"))


def test_the_points_of_history_are_those_of_ai_and_compute():
    points = history.points()
    assert len(points) == 20
    assert points["date"].is_monotonic_increasing
    published = dict(zip(points["system"], points["flop"] / 8.64e19, strict=True))
    assert published["AlphaGo Zero"] == pytest.approx(1862)
    assert published["Dropout"] == pytest.approx(4 * 1.6 * 0.333 / 1000)
    assert published["Xception"] == pytest.approx(60 * 30 * 8.7 * 0.333 / 1000)
    assert published["Architecture search"] == pytest.approx(800 * 28 * 4.29 * 0.333 / 1000)


@pytest.mark.parametrize("name", figures.names())
def test_every_figure_draws_or_says_why_not(name):
    drawing = figures.get(name)
    if name == "loss_against_compute":
        with pytest.raises(LabError, match="no law was fitted along compute"):
            drawing.draw([])
        return
    made = drawing.draw([figures.Grid("e00", 1e15, 1e13)])
    (axes,) = made.axes
    assert len(axes.lines) > 5
    assert axes.get_xlabel() or name == "compute_history"
    assert len(drawing.CAPTION) > 100


def test_the_ladder_climbs_from_a_layer_to_evolution():
    made = figures.get("compute_ladder").draw([figures.Grid("e00", 1e15, 1e13)])
    rungs = [label.get_text() for label in made.axes[0].get_yticklabels()]
    assert rungs[0] == "one 3 × 3 layer, forward"
    assert rungs[-1] == "evolution"
    assert rungs.index("MNIST perceptron") < rungs.index("e00, all runs")
    assert rungs.index("e00, all runs") < rungs.index("AlexNet on ImageNet")


def test_a_figure_that_is_not_there():
    with pytest.raises(LabError, match="unknown figure of estimates 'ladder'"):
        figures.get("ladder")


def test_a_domain_must_say_what_it_is_about(tmp_path, monkeypatch):
    (tmp_path / "nameless.py").write_text("PLACE = 3\n")
    monkeypatch.setattr(domains, "__path__", [*domains.__path__, str(tmp_path)])
    with pytest.raises(LabError, match="'nameless' has no __doc__"):
        estimates.get("nameless")


def test_factors_and_estimates_can_be_told_apart():
    fact = Factor("x", 1.0, "s", "y")
    assert not isinstance(fact, Estimate)
    assert Estimate("x", fact, "minutes").centre() == pytest.approx(1 / 60)
