"""The installed package: the names it offers, and what it brings wherever it is used."""

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy
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


def built(source, target, folder):
    """Build the distribution of a source tree; the file it is."""
    command = [sys.executable, "-m", "hatchling", "build", "-t", target, "-d", folder]
    done = subprocess.run(command, cwd=source, capture_output=True, text=True)
    assert done.returncode == 0, f"{done.stderr}\nhatchling and editables: the extra 'test'"
    (made,) = (path for path in folder.iterdir() if path.is_file())
    return made


@pytest.fixture(scope="module")
def wheels(root, tmp_path_factory):
    """Way of building -> wheel."""
    import tarfile

    folder = tmp_path_factory.mktemp("built")
    with tarfile.open(built(root, "sdist", folder / "archive")) as archive:
        archive.extractall(folder / "source", filter="data")
    (source,) = (folder / "source").iterdir()
    return {
        "wheel": built(root, "wheel", folder / "wheel"),
        "sdist": built(source, "wheel", folder / "sdist"),
        "editable": built(root, "wheel:editable", folder / "editable"),
    }


@pytest.mark.slow
def test_a_wheel_holds_one_package_with_all_it_needs(wheels, root):
    names = {way: {*zipfile.ZipFile(wheel).namelist()} for way, wheel in wheels.items()}
    assert names["wheel"] == names["sdist"]
    tops = {name.split("/")[0] for name in names["wheel"]}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"scaling_lab"}
    git = subprocess.run(
        ["git", "ls-files", "scaling_lab", "analysis"], cwd=root, capture_output=True, text=True
    )
    tracked = {name for name in git.stdout.split() if name != "scaling_lab/analysis"}
    wanted = {name if name.startswith("scaling_lab") else f"scaling_lab/{name}" for name in tracked}
    assert {"scaling_lab/py.typed", "scaling_lab/__init__.pyi"} <= wanted
    assert {"scaling_lab/analysis/report/templates/report.css"} <= wanted
    assert wanted <= names["wheel"]


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory, root):
    """A folder of someone's own, whose packages go by the names of ours."""
    folder = tmp_path_factory.mktemp("elsewhere")
    for name in ("analysis", "tests", "results"):
        (folder / name).mkdir()
    for name in ("analysis", "tests"):
        (folder / name / "__init__.py").write_text("raise RuntimeError('not ours')\n")
    (folder / "experiments").mkdir()
    text = (root / "tests" / "tiny_experiment.py").read_text()
    (folder / "experiments" / "e01_mine.py").write_text(text)
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("way", ["wheel", "sdist", "editable"])
def test_the_installed_package_works_in_a_folder_with_an_analysis_of_its_own(
    way, wheels, elsewhere, root, tmp_path
):
    site = tmp_path / "site"
    zipfile.ZipFile(wheels[way]).extractall(site)
    # No site-packages but these: the checkout that the tests run from must not be found.
    start = (
        "import runpy, site, sys\n"
        f"site.addsitedir({str(site)!r})\n"
        f"sys.path.append({str(Path(numpy.__file__).parents[1])!r})\n"
    )
    how = {"cwd": elsewhere, "env": os.environ | {"PYTHONPATH": "", "JAX_PLATFORMS": "cpu"}}

    def lines(program):
        command = [sys.executable, "-S", "-c", start + program]
        done = subprocess.run(command, capture_output=True, text=True, **how)
        assert done.returncode == 0, done.stderr
        return done.stdout.splitlines()

    where = root if way == "editable" else site
    found = lines("import scaling_lab.analysis as a; print(a.__file__); print(a.fit.__module__)")
    assert found == [
        str(where / "scaling_lab" / "analysis" / "__init__.py"),
        "scaling_lab.analysis.fitting.fit",
    ]
    listed = lines(
        "sys.argv = ['scaling-lab', 'laws']; runpy.run_module('scaling_lab', run_name='__main__')"
    )
    assert any(line.startswith("chinchilla ") for line in listed)
    told = lines("from scaling_lab.cli import main; main(['status'])")
    assert any(line.startswith("e01_mine: 0 done, 12 missing") for line in told)


@pytest.mark.slow
def test_a_type_checker_sees_the_names_of_an_installed_package(wheels, tmp_path):
    zipfile.ZipFile(wheels["wheel"]).extractall(tmp_path / "site")
    (tmp_path / "program.py").write_text(
        "from scaling_lab import MLP, Recipe, axis\n"
        "from scaling_lab.analysis import fit\n"
        "reveal_type(MLP(width=64))\n"
        "reveal_type(Recipe().learning_rate)\n"
        "axis(1, [2])\n"
        "reveal_type(fit)\n"
        "from scaling_lab import MPL\n"
    )
    config = {"include": ["program.py"], "extraPaths": ["site"], "pythonVersion": "3.11"}
    (tmp_path / "pyrightconfig.json").write_text(json.dumps(config))
    command = [sys.executable, "-m", "pyright", "--outputjson", "--pythonpath", sys.executable]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    told = {
        one["range"]["start"]["line"] + 1: one["message"]
        for one in json.loads(done.stdout)["generalDiagnostics"]
    }
    assert told[3] == 'Type of "MLP(width=64)" is "MLP"'
    assert told[4] == 'Type of "Recipe().learning_rate" is "float"'
    assert '"Literal[1]" is not assignable to "str"' in told[5]
    assert "-> Fit" in told[6]
    assert '"MPL" is unknown import symbol' in told[7]
    assert {*told} == {3, 4, 5, 6, 7}
