"""Registered classes are named without an import and imported one module at a time."""

import subprocess
import sys

import pytest

from scaling_lab import LabError, config, experiment, plugins, registry, sources


def test_a_room_is_named_without_importing_it():
    program = (
        "import sys; from scaling_lab import registry\n"
        "assert 'mlp' in registry.names('model') and 'mnist' in registry.names('data')\n"
        "try:\n    registry.get('model', 'transfromer')\nexcept Exception as error:\n"
        "    print(error)\n"
        "print([m for m in ('jax', 'numpy', 'scaling_lab.data.mnist') if m in sys.modules])\n"
        "registry.get('data', 'mnist')\n"
        "print([m for m in ('jax', 'scaling_lab.data.digits') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout.splitlines() == [
        "unknown model 'transfromer'; did you mean 'transformer'?",
        "[]",
        "[]",
    ]


@pytest.mark.parametrize("kind", registry.ROOMS)
def test_every_name_of_a_room_gives_a_class_of_that_name(kind):
    for name in registry.names(kind):
        cls = registry.get(kind, name)
        assert registry.name_of(object.__new__(cls)) == name


def test_a_name_is_taken_by_a_file_that_was_not_imported_yet():
    with registry.scratch(), pytest.raises(LabError, match=r"'glow' is registered twice: .*glow\."):

        @registry.register("model", "glow")
        class Mine: ...


def test_an_unknown_kind_has_its_nearest():
    with pytest.raises(LabError, match="did you mean 'model'"):
        registry.register("modle", "mine")


def test_what_is_registered_in_a_scratch_is_forgotten_at_its_end():
    with registry.scratch():

        @registry.register("data", "mine")
        class Mine: ...

        assert registry.get("data", "mine") is Mine
        assert registry.name_of(Mine()) == "mine"
    with pytest.raises(LabError, match="unknown data 'mine'"):
        registry.get("data", "mine")
    with pytest.raises(LabError, match="Mine is not registered"):
        registry.name_of(Mine())


def test_a_file_without_source_declares_nothing(tmp_path):
    assert sources.declared(tmp_path / "fast.py") == sources.Declared()


MODEL = """
from dataclasses import dataclass
from scaling_lab import MLP, register

@register("model", "mine")
@dataclass(frozen=True, kw_only=True)
class Mine(MLP):
    extra: int = {extra}
"""
EXPERIMENT = """
from shapes import Mine
base = dataclasses.replace(base, model=Mine(depth=1))
grid = axis("D", [60])
"""


@pytest.fixture
def folders(root, tmp_path):
    """Two folders with an experiment of one name, which imports a model of one name."""
    text = (root / "tests" / "tiny_experiment.py").read_text()
    for extra, name in enumerate("ab"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "shapes.py").write_text(MODEL.format(extra=extra))
        (tmp_path / name / "e70_mine.py").write_text(f"{text}\nimport dataclasses\n{EXPERIMENT}")
    return tmp_path


def test_classes_of_one_name_in_two_folders_do_not_replace_one_another(folders):
    with registry.scratch():
        first = experiment.load(str(folders / "a" / "e70_mine.py"))
        with pytest.raises(LabError, match="registered twice") as caught:
            experiment.load(str(folders / "b" / "e70_mine.py"))
        for name in "ab":
            assert f"shapes.Mine in {folders.resolve() / name / 'shapes.py'}" in str(caught.value)
        assert registry.name_of(first.base.model) == "mine"


def test_an_experiment_that_is_loaded_twice_keeps_the_runs_of_the_first_time(folders):
    with registry.scratch():
        first, second = (experiment.load(str(folders / "a" / "e70_mine.py")) for _ in range(2))
        assert type(first.base.model) is not type(second.base.model)
        marks = {config.fingerprint(found.cells[0].run) for found in (first, second)}
        assert len(marks) == 1


def test_modules_of_one_name_in_two_packages_are_both_found(tmp_path, monkeypatch):
    rooms = {}
    for name in ("one", "other"):
        folder = tmp_path / name / "models"
        folder.mkdir(parents=True)
        (folder / "mine.py").write_text(f"@register('model', 'of_{name}')\nclass Mine: ...\n")
        rooms[name] = name
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(plugins, "plugins", lambda: rooms)
    assert {"of_one", "of_other"} <= {*registry.names("model")}
    assert not [line for line in plugins.problems() if "rename one file" in line]
