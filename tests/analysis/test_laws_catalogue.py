"""The catalogue says of every law what it is and where it comes from."""

import re
from pathlib import Path

import pytest

from scaling_lab.analysis import laws, laws_catalogue
from scaling_lab.errors import LabError

ROOT = Path(__file__).resolve().parents[2]


def test_the_page_is_what_the_files_say():
    assert (ROOT / "docs" / "laws.md").read_text() == laws_catalogue.page(), (
        "docs/laws.md is not what analysis/laws says; make it anew with: make dictionary"
    )


@pytest.mark.parametrize("name", laws.names())
def test_a_law_names_its_source(name):
    assert re.search(r"\b(19|20)\d\d, \"", laws.get(name).about), f"{name} cites no paper"


def test_a_law_is_shown_with_its_parameters():
    shown = laws_catalogue.section("broken_power_law:2")
    assert shown.startswith(laws.get("broken_power_law:2").equation)
    assert "| r_2 | positive |" in shown
    assert "| E | positive; the law is linear in it |" in shown
    with pytest.raises(LabError, match="did you mean 'm4'"):
        laws_catalogue.section("m44")


def test_the_listing_has_a_line_for_every_law():
    lines = laws_catalogue.listing().splitlines()
    assert [line.split()[0] for line in lines] == laws.names()
    assert all("  L = " in line for line in lines)
