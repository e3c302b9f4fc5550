"""The code behind a run: what it imports counts, words do not."""

import ast
import importlib
import sys

import pytest

from scaling_lab import MLP, Digits, Supervised, experiment, registry, source_digest, sources

FILES = {
    "mylab/__init__.py": "",
    "mylab/models/__init__.py": "",
    "mylab/models/mine.py": (
        "from ..tools import helper\nimport json\n\n\nclass Mine:\n    scale = helper.SCALE\n"
    ),
    "mylab/tools/__init__.py": "",
    "mylab/tools/helper.py": (
        '"""Words."""\nfrom scaling_lab.layers import linear\nSCALE = 2\nTEXT = """a\n# b\n"""\n'
    ),
    "mylab/tools/unused.py": "SCALE = 3\n",
}


@pytest.fixture
def mine(tmp_path, monkeypatch):
    """Write a package and import its class anew: name of a file, new text -> the class."""
    monkeypatch.syspath_prepend(tmp_path)

    def load(name="", text=""):
        for path, body in FILES.items():
            (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / path).write_text(text if path == name else body)
        for module in [name for name in sys.modules if name.split(".")[0] == "mylab"]:
            del sys.modules[module]
        importlib.invalidate_caches()
        return importlib.import_module("mylab.models.mine").Mine

    yield load
    for module in [name for name in sys.modules if name.split(".")[0] == "mylab"]:
        del sys.modules[module]


def test_ours_are_the_files_that_compute():
    found = source_digest.files([Supervised, MLP, Digits])
    assert found is not None
    names = {str(file.relative_to(source_digest.PACKAGE)) for file in found}
    assert {"learners/supervised.py", "models/mlp.py", "data/digits.py", "optim.py"} <= names
    assert not {"registry.py", "config.py", "experiment.py", "models/cnn.py"} & names
    assert not any(name.startswith(("engine", "storage", "cli")) for name in names)


def test_a_package_of_ones_own_is_followed_to_its_helpers(mine, tmp_path):
    found = source_digest.files([mine()])
    assert found is not None
    top = tmp_path.resolve()
    assert {str(file.relative_to(top)) for file in found if top in file.parents} == {
        "mylab/models/mine.py",
        "mylab/tools/__init__.py",
        "mylab/tools/helper.py",
    }
    assert source_digest.PACKAGE / "layers" / "linear.py" in found


HELPER = FILES["mylab/tools/helper.py"]


@pytest.mark.parametrize(
    ("text", "same"),
    [
        (HELPER.replace("Words.", "Other\nwords."), True),
        (HELPER.replace("SCALE", "\n# a comment\nSCALE", 1), True),
        (HELPER.replace("SCALE = 2", "SCALE = 4"), False),
        (HELPER.replace("# b", "# c"), False),  # within a text
    ],
)
def test_code_counts_and_words_do_not(mine, text, same):
    before = source_digest.digest(mine())
    assert (source_digest.digest(mine("mylab/tools/helper.py", text)) == before) is same


def test_a_class_without_a_file_has_no_digest():
    assert source_digest.digest(type("Typed", (), {"__module__": "__main__x"})) is None


def test_what_lies_beside_an_experiment_counts_where_it_is_imported(root, tmp_path):
    text = (root / "tests" / "tiny_experiment.py").read_text()
    (tmp_path / "e70_mine.py").write_text(text + "\nfrom shapes import Mine\nMINE = Mine\n")
    (tmp_path / "shapes.py").write_text(
        "import ways\nfrom scaling_lab import MLP, register\n\n"
        "@register('model', 'mine')\nclass Mine(MLP): ...\n"
    )
    (tmp_path / "ways.py").write_text("SCALE = 1\n")
    (tmp_path / "other.py").write_text("")
    with registry.scratch():
        experiment.load(str(tmp_path / "e70_mine.py"))
        assert "shapes" not in sys.modules
        found = source_digest.files([sys.modules["experiment_e70_mine"].MINE])
    assert found is not None
    names = {file.name for file in found}
    assert {"shapes.py", "ways.py", "mlp.py"} <= names
    assert "other.py" not in names


def test_a_second_process_parses_no_source(tmp_path, monkeypatch):
    """What the first read is kept by the files' bytes."""
    monkeypatch.setenv("SCALING_LAB_CACHE", str(tmp_path / "cache"))
    caches = (source_digest.digest, source_digest._source, sources._declared)

    def read():
        for kept in caches:
            kept.cache_clear()
        return source_digest.digest(MLP, Digits, Supervised), registry.names("model")

    first = read()
    with monkeypatch.context() as patch:
        patch.setattr(ast, "parse", lambda text: pytest.fail("a source is parsed again"))
        assert read() == first
