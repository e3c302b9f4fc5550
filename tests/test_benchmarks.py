"""The benchmark for a GPU, at toy size on this device: parts, limits, and going on."""

import importlib
import json
import subprocess
import sys

import pytest

from scaling_lab import registry


@pytest.fixture(scope="module")
def gpu_hour(root):
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(root / "benchmarks"))
        yield importlib.import_module("gpu_hour")


@pytest.fixture(scope="module")
def parts(root):
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(root / "benchmarks"))
        yield importlib.import_module("gpu_parts")


def test_its_parts_fit_into_the_time_that_it_promises(gpu_hour):
    assert sum(gpu_hour.PARTS.values()) <= 25 * 60
    assert max(gpu_hour.PARTS.values()) <= 9 * 60
    assert {f"smoke_{name}" for name in registry.names("learner")} <= set(gpu_hour.PARTS)


def test_a_part_is_killed_at_its_limit_and_its_failure_told(gpu_hour, tmp_path):
    assert gpu_hour.run("loop", tmp_path, True, 0.2)["status"] == "timeout"
    failed = gpu_hour.run("no_such_part", tmp_path, True, 60)
    assert failed["status"] == "failed"
    assert "KeyError" in failed["error"]
    entries = {"loop": failed}
    gpu_hour.save(tmp_path, entries)
    assert json.loads((tmp_path / "gpu_hour.json").read_text()) == entries
    assert "| loop | failed |" in (tmp_path / "gpu_hour.md").read_text()


@pytest.mark.slow
def test_the_next_call_goes_on(root, tmp_path):
    script = str(root / "benchmarks" / "gpu_hour.py")
    command = [sys.executable, script, "--toy", "--minutes", "20", "--out", str(tmp_path)]
    for parts, begun in ((["loop"], ["loop"]), (["loop", "tokens_10M"], ["tokens_10M"]), ([], [])):
        only = ["--only", *parts] if parts else ["--only", "loop", "tokens_10M"]
        done = subprocess.run(command + only, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        lines = [line for line in done.stdout.splitlines() if "at most" in line]
        assert [line.partition(",")[0] for line in lines] == begun
    entries = json.loads((tmp_path / "gpu_hour.json").read_text())
    assert [entry["status"] for entry in entries.values()] == ["done", "done"], entries


PARTS = ("resume", "attention", "convolution", "widths")


@pytest.mark.slow
@pytest.mark.parametrize("part", PARTS)
def test_a_part_at_toy_size(part, parts):
    assert getattr(parts, part)(True)["shown"]


@pytest.mark.slow
@pytest.mark.parametrize("learner", registry.names("learner"))
def test_a_smoke_run_resumes_bit_for_bit(learner, parts):
    assert parts.smoke(learner, True)["resumed_is_whole"]


@pytest.mark.slow
def test_memory_does_not_grow_with_the_runs(root):
    """Past the first merging of parts, which comes after 256 runs."""
    script = str(root / "benchmarks" / "memory.py")
    done = subprocess.run([sys.executable, script, "--runs", "300"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert float(done.stdout.splitlines()[-1].partition("%")[0]) < 5
