"""The code of the docs runs: each python block of a page in order, in one namespace.

A block that begins with `# file: PATH` is written there, in a folder of the test's own, and found
like a file of the package.
"""

import importlib
import re
from pathlib import Path

import pandas as pd
import pytest

from scaling_lab import registry
from scaling_lab.analysis import experiment_tables

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
PAGES = [*sorted(DOCS.glob("add-*.md")), *sorted(DOCS.glob("tutorial-*.md"))]
PAGES += [DOCS / "calibration.md", DOCS / "conditions.md", ROOT / "README.md"]


@pytest.fixture
def _registrations():
    """A page's classes are registered for that page alone."""
    with registry.scratch():
        yield


@pytest.fixture
def example():
    """Tables of two sizes of model, three of data, three seeds, as a results folder has them."""

    rows = [
        {"run": f"{n}/{d}/{seed}", "status": "done", "N": n, "D": d, "seed": seed}
        | {
            "learning_rate": 1e-3,
            "best_valid_loss": 1 / d,
            "best_test_loss": (1 + 1e-5 * (seed - 1)) / d,
            "best_test_error": 1 / d,
            "best_step": 1,
        }
        for n in (100, 1000)
        for d in (10, 100, 1000)
        for seed in range(3)
    ]
    curves = [{"run": r["run"], "step": 1, "C": 1.0, "test_loss": 1.0} for r in rows]
    return experiment_tables.tables(pd.DataFrame(rows), pd.DataFrame(curves))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
@pytest.mark.usefixtures("_registrations")
def test_the_code_of_a_page_runs(page, tmp_path, monkeypatch, example):
    monkeypatch.setenv("SCALING_LAB_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(ROOT if page.parent == ROOT else tmp_path)
    names = {"example": example, "__name__": "page"}
    blocks = re.findall(r"^```python\n(.*?)^```", page.read_text(), re.DOTALL | re.MULTILINE)
    assert blocks
    for block in blocks:
        if found := re.match(r"# file: (\S+)\n", block):
            path = tmp_path / found[1]
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(block[found.end() :])
            if found[1].startswith("analysis/"):
                home = ".".join(("scaling_lab", *Path(found[1]).parent.parts))
                package = importlib.import_module(home)
                monkeypatch.setattr(package, "__path__", [*package.__path__, str(path.parent)])
        else:
            exec(compile(block, str(page), "exec"), names)
