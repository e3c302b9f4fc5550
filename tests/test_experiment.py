"""Loading an experiment's file, and the modules beside it."""

import dataclasses
import sys

import pytest

from scaling_lab import LabError, definition, experiment, override
from scaling_lab.selection import matching

DOCSTRING = '''"""Does it load?

Question: Does it?
Prediction: Yes.
Cost: None.
Command: scaling-lab run sizes
"""
'''
BODY = """
from scaling_lab import MLP, Digits, Run, Supervised, axis
from sizes import SIZES
from shapes.deep import DEPTH

base = Run(learner=Supervised(), data=Digits(), model=MLP(depth=DEPTH), D=100, steps=10)
grid = axis("width", SIZES)
"""


@pytest.fixture
def folders(tmp_path):
    """Two folders with an experiment each, and beside it a module and a package of equal names."""
    for number, name in enumerate(("one", "two"), 1):
        (tmp_path / name / "shapes").mkdir(parents=True)
        (tmp_path / name / f"{name}_experiment.py").write_text(DOCSTRING + BODY)
        (tmp_path / name / "sizes.py").write_text(f"SIZES = [{number}, {number + 10}]\n")
        (tmp_path / name / "shapes" / "deep.py").write_text(f"DEPTH = {number}\n")
    return tmp_path


def test_a_module_beside_the_file_can_be_imported(folders, monkeypatch):
    elsewhere = folders / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "sizes.py").write_text("SIZES = [99]\n")
    monkeypatch.syspath_prepend(str(elsewhere))
    monkeypatch.chdir(elsewhere)
    path, modules = list(sys.path), {"sizes", "shapes", "shapes.deep"}
    found = {}
    for name in ("one", "two", "one"):
        loaded = experiment.load(f"../{name}/{name}_experiment.py")
        found[name] = [(cell.run.model.width, cell.run.model.depth) for cell in loaded.cells]
        assert sys.path == path
        assert not modules & sys.modules.keys()
    assert found == {"one": [(1, 1), (11, 1)], "two": [(2, 2), (12, 2)]}


def test_a_module_that_fails_is_one_line_and_leaves_nothing(folders):
    file = folders / "one" / "one_experiment.py"
    (folders / "one" / "sizes.py").write_text("SIZES = 1 / 0\n")
    path = list(sys.path)
    with pytest.raises(LabError, match="raises ZeroDivisionError when loaded"):
        experiment.load(str(file))
    assert sys.path == path
    assert "sizes" not in sys.modules


def test_other_modules_that_are_first_imported_by_the_file_stay(folders):
    file = folders / "one" / "one_experiment.py"
    library = folders / "one" / "library" / "kept_by_test.py"
    library.parent.mkdir()
    library.write_text("")
    (folders / "one" / "sizes.py").write_text(
        f"import sys\nsys.path.append({str(library.parent)!r})\n"
        "import kept_by_test\nsys.path.pop()\nSIZES = [3]\n"
    )
    experiment.load(str(file))
    assert sys.modules.pop("kept_by_test")


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("claims = 3", "'claims' in .* is 3; give a list of Claim"),
        ("claims = [3]", "'claims' in .* holds 3; give a list of Claim"),
        ("choose = 'learning_rate'", "'choose' in .* is 'learning_rate'; give a list of names"),
        ("choose = (1,)", "'choose' in .* holds 1; give a list of names"),
    ],
)
def test_claims_and_choose_are_lists_of_their_kind(folders, line, said):
    file = folders / "one" / "one_experiment.py"
    file.write_text(f"{DOCSTRING}{BODY}{line}\n")
    with pytest.raises(LabError, match=said):
        experiment.load(str(file))


def test_an_override_is_told_and_what_is_recorded_stays_described(root):
    tiny = experiment.load(str(root / "tests" / "tiny_experiment.py"))
    assert definition.described(tiny)["runs"] == 12
    changed = tiny.overridden(override(tiny.grid, D=[90, 1_000]), ["D=90,1000"])
    described = definition.described(changed)
    assert described["overrides"] == ["D=90,1000"]
    assert (described["runs"], described["axes"]["D"]) == (8, [1_000, 90])
    recorded = [cell.name for cell in tiny.cells if cell.axes["D"] == 60]
    described = definition.described(changed, recorded=[*recorded, "D=7"])
    assert (described["runs"], described["axes"]["D"]) == (12, [60, 1_000, 90])
    assert (
        definition.described(changed.overridden(tiny.grid, []))["axes"]
        == definition.described(tiny)["axes"]
    )


def test_a_condition_on_the_axes_selects_cells(root):
    tiny = experiment.load(str(root / "tests" / "tiny_experiment.py"))
    found = matching(tiny.cells, "N == 600 and D == max(D)")
    assert [cell.name for cell in found] == [
        "N=600/D=1000/learning_rate=0.003",
        "N=600/D=1000/learning_rate=0.01",
    ]
    with pytest.raises(LabError, match="unknown axis 'width'; there are: D, N, learning_rate"):
        matching(tiny.cells, "width > 3")


@pytest.mark.parametrize("name", ["...py", "..py", " .py", "-rf.py", "a\nb.py", "a\\b.py"])
def test_a_file_whose_name_is_no_name_for_a_folder_is_refused(folders, name):
    file = folders / "one" / name
    file.write_text(DOCSTRING + BODY)
    with pytest.raises(LabError, match="an experiment cannot be named"):
        experiment.load(str(file))
    with pytest.raises(LabError, match="an experiment cannot be named"):
        dataclasses.replace(
            experiment.load(str(folders / "one" / "one_experiment.py")), name=file.stem
        )
