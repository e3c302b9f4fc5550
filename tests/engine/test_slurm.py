"""What is asked of Slurm, by commands that stand in for its own."""

import os
import shutil
import stat

import pytest

from scaling_lab import LabError
from scaling_lab.engine.backends import named, slurm

pytest.importorskip("submitit", reason="pip install 'scaling-lab[slurm]'")


class Link:
    def __init__(self):
        self.lines, self.names = [], []

    def stopping(self):
        return False

    def began(self, names):
        self.names += names

    def advance(self, flops): ...

    def say(self, line):
        self.lines.append(line)


def command(folder, name, text):
    path = folder / name
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(path.stat().st_mode | stat.S_IEXEC)


def test_a_machine_without_slurm_says_so(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(LabError, match=r"cannot use Slurm from this machine: .*srun"):
        list(named("slurm").run(print, [1], str(tmp_path), Link()))


def test_options_are_those_of_sbatch(tmp_path, monkeypatch):
    """A job that is refused ends the run with Slurm's own words."""
    asked = tmp_path / "asked"
    command(tmp_path, "srun", "exit 0")
    command(tmp_path, "sbatch", f'cat "$1" > {asked}; echo "Invalid account" >&2; exit 1')
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    options = {"partition": "gpu", "account": "physics", "qos": "long", "constraint": "h100"}
    options |= {"gpus": 2, "cpus": 8, "memory_gb": 60, "minutes": 240}
    with pytest.raises(LabError, match=r"Slurm takes no job: .*Invalid account"):
        list(named("slurm", **options).run(print, [1], str(tmp_path), Link()))
    lines = asked.read_text()
    for name in ("partition", "account", "qos", "constraint"):
        assert f"#SBATCH --{name}={options[name]}\n" in lines
    assert "#SBATCH --gpus-per-node=2\n" in lines
    assert "#SBATCH --cpus-per-task=8\n" in lines
    assert "#SBATCH --mem=60GB\n" in lines
    assert "#SBATCH --time=240\n" in lines


def test_results_in_a_bucket_need_a_shared_folder(tmp_path):
    with pytest.raises(LabError, match="--backend-option folder=/shared/place"):
        list(named("slurm", cluster="local").run(print, [1], "s3://bucket/results", Link()))


def test_experiments_that_share_a_folder_have_places_of_their_own(tmp_path, monkeypatch):
    places = []

    def pool(backend, home):
        places.append(home)
        raise LabError("seen")

    monkeypatch.setattr(slurm, "_Pool", pool)
    for folder in ("s3://bucket/a", "s3://bucket/b"):
        with pytest.raises(LabError, match="seen"):
            list(named("slurm", folder=str(tmp_path)).run(print, [1], folder, Link()))
    assert len({*places}) == 2


def test_a_session_that_is_removed_ends_with_a_line(tmp_path):
    one = slurm._Pool(named("slurm", cluster="local"), tmp_path / "slurm")
    shutil.rmtree(tmp_path / "slurm")
    one.touched = 0.0
    with pytest.raises(LabError, match="run the experiment again to go on"):
        one._touch()
    one.stop()
