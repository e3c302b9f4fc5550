"""Registered classes are named without an import and imported one module at a time."""

import subprocess
import sys

import pytest

from scaling_lab import LabError, registry, sources


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
