"""The installed package: the names it offers, and what it brings wherever it is used."""

import importlib
import subprocess
import sys

import pytest

import scaling_lab
from scaling_lab import analysis

PACKAGES = [scaling_lab, analysis]


def printed(program, **how):
    """The lines that a program prints in a process of its own."""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, **how)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


@pytest.mark.parametrize("package", PACKAGES, ids=lambda p: p.__name__)
def test_every_name_that_a_package_tells_can_be_imported_from_it(package):
    names = dir(package)
    assert {"Run", "MLP", "Mnist", "axis"} <= {*dir(scaling_lab)}
    assert {"fit", "Fit", "Table"} <= {*dir(analysis)}
    for name in names:
        thing = getattr(package, name)
        assert thing.__name__ == name
        assert thing.__module__.startswith(package.__name__)
    assert names == package.__all__


@pytest.mark.parametrize("package", PACKAGES, ids=lambda p: p.__name__)
def test_the_stub_is_what_the_modules_offer(package):
    stub = (package.EXPORTS.folder / "__init__.pyi").read_text()
    assert stub == package.EXPORTS.stub(), "the names changed; run `make dictionary`"


def test_a_name_that_does_not_exist_is_an_attribute_error():
    with pytest.raises(AttributeError, match="module 'scaling_lab' has no attribute 'MPL'"):
        _ = scaling_lab.MPL
    with pytest.raises(ImportError, match="cannot import name 'fti'"):
        exec("from scaling_lab.analysis import fti")


def test_a_new_file_is_offered_without_a_list(tmp_path):
    from scaling_lab.exports import Exports

    (tmp_path / "models").mkdir()
    (tmp_path / "core.py").write_text('__all__ = ["one"]\none = two = 1\n')
    exports = Exports("any", str(tmp_path / "__init__.py"), core=("core",), rooms=("models",))
    assert exports.names() == ["one"]
    (tmp_path / "models" / "mine.py").write_text('@register("model", "mine")\nclass Mine: ...\n')
    exports = Exports("any", str(tmp_path / "__init__.py"), core=("core",), rooms=("models",))
    assert exports.names() == ["Mine", "one"]
    assert "from .models.mine import Mine as Mine\n" in exports.stub()


def test_a_name_imports_only_what_it_needs():
    lines = printed(
        "import sys\n"
        "from scaling_lab import Recipe, Run, Mnist, axis\n"
        "print([m for m in ('jax', 'scipy', 'pandas') if m in sys.modules])\n"
        "from scaling_lab import MLP\n"
        "print([m for m in sys.modules if m.startswith('scaling_lab.models.')])"
    )
    assert lines == ["[]", "['scaling_lab.models.mlp']"]
