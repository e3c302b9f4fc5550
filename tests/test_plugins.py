"""Another package's laws, models, data and figures, found through its entry point.

The package is the one of docs/write-a-plugin.md, built and unpacked into a folder of its own.
"""

import os
import re
import subprocess
import sys
import zipfile

import pytest


def install(source, site):
    """Build a package and unpack its wheel into a folder of packages."""
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", source / "dist"]
    done = subprocess.run(command, cwd=source, capture_output=True, text=True)
    assert done.returncode == 0, f"{done.stderr}\nhatchling: the extra 'test'"
    (wheel,) = (source / "dist").glob("*.whl")
    zipfile.ZipFile(wheel).extractall(site)


def call(folder, *words, python=False):
    """Call the command line (or a program) where the folder's packages are installed."""
    paths = [str(folder / "site"), *filter(None, [os.environ.get("PYTHONPATH")])]
    env = os.environ | {"PYTHONPATH": os.pathsep.join(paths), "JAX_PLATFORMS": "cpu"}
    env |= {"SCALING_LAB_CACHE": str(folder / "cache")}
    command = [sys.executable, *(["-c"] if python else ["-m", "scaling_lab"]), *words]
    return subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True)


def out(folder, *words, **how):
    done = call(folder, *words, **how)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def folder(root, tmp_path_factory):
    """Where the plugin of the documentation is installed, with its experiment beside it."""
    folder = tmp_path_factory.mktemp("plugin")
    page = (root / "docs" / "write-a-plugin.md").read_text()
    blocks = re.findall(r"^```\w+\n# file: (\S+)\n(.*?)^```", page, re.DOTALL | re.MULTILINE)
    for name, text in blocks:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    install(folder, folder / "site")
    (folder / "mylab").rename(folder / "source of mylab")
    return folder


def minimal(folder, name, **files):
    """Install a package with these modules: `models__mine="..."` is models/mine.py."""
    source = folder / f"source of {name}"
    for path, text in files.items():
        file = source / name / f"{path.replace('__', '/')}.py"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    (source / name / "__init__.py").write_text("")
    (source / "pyproject.toml").write_text(
        '[build-system]\nrequires = ["hatchling"]\nbuild-backend = "hatchling.build"\n'
        f'[project]\nname = "{name}"\nversion = "1"\n'
        f'[project.entry-points."scaling_lab.plugins"]\n{name} = "{name}"\n'
    )
    install(source, folder / "site")
    return folder


LAW = '"""L = A x"""\nfrom scaling_lab.analysis.laws import Scale\nVARIABLES = ("x",)\n'
LAW += 'PARAMETERS = {"A": Scale()}\ndef loss(p, x):\n    return p["A"] * x["x"]\n'


def test_the_command_line_lists_what_a_plugin_brings_and_imports_none_of_it(folder):
    assert "forgetting" in out(folder, "laws")
    assert "of the same factor" not in out(folder, "laws", "forgetting")
    assert "a value of x" in out(folder, "laws", "forgetting")
    assert "moons: 800 points of 2" in out(folder, "data").replace("[bold]", "")
    program = (
        "import sys; from scaling_lab import registry\n"
        "from scaling_lab.analysis import figures, laws\n"
        "assert 'linear' in registry.names('model') and 'moons' in registry.names('data')\n"
        "assert 'forgetting' in laws.names() and 'spread' in figures.names()\n"
        "assert laws.equation('forgetting') == 'L = E + A exp(-x / x_c)'\n"
        "print([m for m in sys.modules if m.startswith('mylab')])"
    )
    assert out(folder, program, python=True) == "[]\n"


@pytest.mark.slow
def test_a_plugin_is_trained_fitted_and_drawn(folder):
    assert "linear ()" in out(folder, "plan", "e50_moons")
    assert "12 done" in out(folder, "run", "e50_moons", "--width", "2")
    assert "12 done" in out(folder, "status")
    fitted = out(
        folder,
        "fit",
        "results/e50_moons",
        "--law",
        "forgetting",
        "--bootstrap",
        "20",
        "--columns",
        "D=D,L=best_test_loss",
    )
    assert "x_c" in fitted
    assert "scale of D" in out(folder, "report", "e50_moons")
    page = (folder / "results" / "e50_moons" / "report.html").read_text()
    assert "Spread over seeds" in page
    assert "plugin mylab: mylab" in out(folder, "doctor")


@pytest.mark.slow
def test_a_plugin_that_fails_stops_only_what_uses_it(tmp_path):
    minimal(tmp_path, "broken", laws__bad="import nothing_of_this_name\n", models__half="def (\n")
    assert "chinchilla" in out(tmp_path, "laws")
    assert "mnist" in out(tmp_path, "data")
    done = call(tmp_path, "laws", "bad")
    assert done.returncode == 2
    assert done.stderr.startswith(
        "scaling-lab: plugin 'broken': broken.laws.bad cannot be imported"
    )
    done = call(tmp_path, "doctor")
    assert done.returncode == 1
    told = " ".join(done.stdout.split())
    assert "plugin 'broken': broken.laws.bad cannot be imported: ModuleNotFoundError" in told
    assert "plugin 'broken': broken.models.half cannot be imported: SyntaxError" in told


@pytest.mark.slow
def test_a_plugin_without_its_package_is_told_by_doctor(tmp_path):
    metadata = tmp_path / "site" / "gone-1.dist-info"
    metadata.mkdir(parents=True)
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: gone\nVersion: 1\n")
    (metadata / "entry_points.txt").write_text("[scaling_lab.plugins]\ngone = gone.away\n")
    assert "chinchilla" in out(tmp_path, "laws")
    done = call(tmp_path, "doctor")
    assert done.returncode == 1
    assert "plugin 'gone': there is no package 'gone.away'" in " ".join(done.stdout.split())


def test_one_name_in_two_packages_is_one_line_that_names_both(tmp_path):
    model = "from scaling_lab import register\n@register('model', 'mlp')\nclass Mine: ...\n"
    minimal(tmp_path, "rival", laws__chinchilla=LAW, models__mine=model)
    done = call(tmp_path, "laws", "chinchilla")
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert "scaling_lab.analysis.laws.chinchilla and in rival.laws.chinchilla" in line
    assert "chinchilla" in out(tmp_path, "laws")
    done = call(tmp_path, "from scaling_lab import MLP", python=True)
    assert done.stderr.splitlines()[-1] == (
        "scaling_lab.errors.LabError: model 'mlp' is registered twice: by rival.models.mine.Mine "
        "and by scaling_lab.models.mlp.MLP; rename one"
    )
