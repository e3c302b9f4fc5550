"""The glossary (docs/words.md) has the words of the code and no others."""

import re
from functools import cache

import pytest

from scaling_lab import plugins
from scaling_lab.analysis.claims import verdict
from scaling_lab.counting import GROUPS


def glossary(root):
    """The words of the glossary's tables, in order."""
    rows = re.findall(r"^\| ([^|]+) \| [^|]+ \|$", (root / "docs" / "words.md").read_text(), re.M)
    return [word for word in rows if word != "word"]


@cache
def code(root):
    """The text of all modules with identifiers split into words: TrunkGroup, trunk_group."""
    files = [*(root / "scaling_lab").rglob("*.py"), *(root / "analysis").rglob("*.py")]
    text = "\n".join(path.read_text() for path in files)
    text = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", text).lower()
    return re.sub(r"[_\s]+", " ", text)


def used(word, text):
    return re.search(rf"\b{re.escape(word.lower().replace('_', ' '))}(s|es)?\b", text) is not None


def test_the_code_uses_every_word(root):
    words = glossary(root)
    assert len(words) > 50
    assert [word for word in words if not used(word, code(root))] == []


def test_no_word_is_listed_twice(root):
    words = glossary(root)
    assert sorted(words) == sorted(set(words))


def test_every_room_of_plugins_is_listed(root):
    words = glossary(root)
    irregular = {"data": "data source", "studies": "study", "theory": "theory"}
    rooms = [irregular.get(room, room[:-1]) for room in plugins.ROOMS]
    assert [room for room in rooms if room not in words] == []


@pytest.mark.parametrize(("word", "values"), [("group", GROUPS), ("verdict", verdict.WORDS)])
def test_a_meaning_lists_the_values_of_the_code(root, word, values):
    (meaning,) = re.findall(
        rf"^\| {word} \| (.+) \|$", (root / "docs" / "words.md").read_text(), re.M
    )
    assert [value for value in values if value not in meaning] == []
