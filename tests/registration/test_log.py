"""The log has a line for each change, in a chain that shows what was altered."""

import json

import pytest

from scaling_lab.registration import log, summary, texts


def said(prediction):
    return texts.of({"question": "Does it?", "prediction": prediction, "claims": []})


@pytest.fixture
def folder(tmp_path):
    """A log of three lines."""
    for recorded, prediction in enumerate(("yes", "yes", "no", "perhaps")):
        log.register(tmp_path, said(prediction), recorded=recorded, commit="c0ffee", dirty=True)
    return tmp_path


def lines(folder):
    return (folder / log.REGISTERED).read_bytes().splitlines(keepends=True)


def test_a_line_is_added_only_when_the_texts_have_changed(folder):
    found = log.read(folder)
    assert [entry.texts.prediction for entry in found.entries] == ["yes", "no", "perhaps"]
    assert [entry.recorded for entry in found.entries] == [0, 2, 3]
    assert found.broken == ()
    assert found.last.commit == "c0ffee"
    assert found.last.dirty
    assert [json.loads(line)["sequence"] for line in lines(folder)] == [1, 2, 3]
    assert {json.loads(line)["from"] for line in lines(folder)} == {"run"}


def test_texts_that_come_back_are_registered_again(folder):
    assert len(log.register(folder, said("yes"), recorded=9).entries) == 4


def test_a_folder_without_a_log_has_none(tmp_path):
    assert log.read(tmp_path) == log.Log()


@pytest.mark.parametrize(
    ("change", "number"),
    [
        (lambda all: [all[0].replace(b"yes", b"YES"), *all[1:]], 1),
        (lambda all: [all[0].replace(b'"recorded": 0', b'"recorded": 7'), *all[1:]], 2),
        (lambda all: [all[0], all[2]], 2),
        (lambda all: all[1:], 1),
        (lambda all: [all[1], all[0], all[2]], 1),
        (lambda all: [*all[:2], all[2][:40]], 3),
        (lambda all: [*all[:2], all[2].replace(b"perhaps", b"yes, sure")], 3),
        (lambda all: [all[0], b"[1]\n", *all[1:]], 2),
        (lambda all: [all[0], b"\xff\xfe\n", *all[1:]], 2),
    ],
    ids=["edited", "count", "removed", "cut", "swapped", "torn", "last", "put in", "not text"],
)
def test_an_altered_line_breaks_the_chain_there_and_stops_nothing(folder, change, number):
    (folder / log.REGISTERED).write_bytes(b"".join(change(lines(folder))))
    broken = log.read(folder).broken
    assert f"is broken at line {number}: " in broken[0]
    assert all("\n" not in line for line in broken)
    found = log.register(folder, said("after all"), recorded=8)
    assert found.last.texts.prediction == "after all"
    assert found.broken == broken  # the new line follows from what is there
    assert log.read(folder) == found


def test_other_line_ends_break_nothing(folder):
    whole = (folder / log.REGISTERED).read_bytes()
    (folder / log.REGISTERED).write_bytes(whole.replace(b"\n", b"\r\n"))
    assert log.read(folder).broken == ()


def test_lines_from_git_are_put_in_order_of_time(folder):
    old = log.Entry(digest=said("old").digest, time="2020-01-01T00:00:00Z", texts=said("old"))
    found = log.append(folder, [old])
    assert found.entries[0].texts.prediction == "old"
    assert found.broken == ()


def entry(**values):
    return log.Entry(digest="", time="2026-11-29T14:05:06Z", texts=said("yes"), **values)


@pytest.mark.parametrize(
    ("entries", "short", "sentence"),
    [
        ([], "when it was made is not recorded", "No registration is recorded"),
        (
            [entry()],
            "registered before any run",
            "Registered 2026-11-29 14:05, before any run.",
        ),
        (
            [entry(recorded=30)],
            "registered after 30 of 68 runs",
            "Registered 2026-11-29 14:05, after 30 of 68 runs.",
        ),
        (
            [entry(), entry(recorded=36, earlier=1)],
            "amended after 36 of 68 runs and 1 run no longer in the tables",
            "before any run; amended 2026-11-29 14:05, after 36 of 68 runs and 1 run no longer",
        ),
        (
            [entry(), entry(source="git", began="2026-11-29T14:05:07Z")],
            "registered before any run",
            "amended 2026-11-29 14:05, before any run (the next run began 1 s later). From the",
        ),
        ([entry(), entry(), entry(recorded=70)], "amended after 70 runs", "amended 2 times, last"),
    ],
)
def test_a_log_is_told_in_a_sentence(entries, short, sentence):
    found = log.Log(tuple(entries))
    assert summary.short(found, 68) == short
    assert sentence in summary.sentence(found, 68)
