"""The benchmark for a GPU, at toy size on this device: parts, limits, and going on."""

import contextlib
import importlib
import json
import signal
import subprocess
import sys
import time
from pathlib import Path

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
@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGKILL])
def test_a_killed_call_leaves_no_part_behind_and_the_next_goes_on(root, tmp_path, ending):
    script = str(root / "benchmarks" / "gpu_hour.py")
    command = [sys.executable, script, "--toy", "--out", str(tmp_path)]
    command += ["--only", "attention", "tokens_10M"]
    killed = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert killed.stdout is not None
    lines = iter(killed.stdout.readline, "")
    assert any(line.startswith("tokens_10M, at most") for line in lines)
    while not (parts := children(killed.pid)):
        time.sleep(0.01)
    (part,) = parts
    killed.send_signal(ending)
    killed.communicate()
    entries = json.loads((tmp_path / "gpu_hour.json").read_text())
    assert {name: entry["status"] for name, entry in entries.items()} == {"attention": "done"}
    until = time.monotonic() + 30
    while (left := status(part)) and time.monotonic() < until:
        time.sleep(0.1)
    assert not left

    for begun in (["tokens_10M"], []):
        done = subprocess.run(command, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        lines = [line for line in done.stdout.splitlines() if "at most" in line]
        assert [line.partition(",")[0] for line in lines] == begun
    again = json.loads((tmp_path / "gpu_hour.json").read_text())
    assert again["attention"] == entries["attention"]
    assert again["tokens_10M"]["status"] == "done", again
    written = (tmp_path / "gpu_hour.md").read_text()
    assert "| tokens_10M | done |" in written
    assert "| loop | not run |" in written


def status(pid):
    """State and parent of a process; None if it has ended."""
    with contextlib.suppress(OSError):
        state, parent, *_ = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return (state, int(parent)) if state != "Z" else None
    return None


def children(pid):
    """Processes whose parent this one is."""
    every = [int(path.name) for path in Path("/proc").glob("[0-9]*")]
    return [one for one in every if (status(one) or (None, None))[1] == pid]


def test_results_of_the_other_size_and_too_few_minutes_are_refused(
    gpu_hour, tmp_path, monkeypatch, capsys
):
    gpu_hour.save(tmp_path, {"loop": {"status": "done", "toy": True}})
    for words, said in (
        (["--out", str(tmp_path)], "holds results of the other size"),
        (["--out", str(tmp_path / "new"), "--minutes", "2"], "give --minutes 4.5 or more"),
    ):
        monkeypatch.setattr(sys, "argv", ["gpu_hour.py", *words])
        with pytest.raises(SystemExit) as ended:
            gpu_hour.main()
        assert ended.value.code == 2
        assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    ("off", "default", "loops", "said"),
    [
        ((50, 50, 50), (20, 20, 20), (10, 20, 20), "set that flag"),
        ((50, 50, 50), (50, 50, 20), (50, 50, 20), "loops of a fixed number"),
        ((50, 50, 50), (20, 20, 20), (19, 20, 20), "The steps run as command buffers"),
        ((50, 50, 50), (50, 50, 50), (50, 50, 50), "make no difference"),
        ((50, 50, 50), (50, 50, 50), None, "make no difference"),
    ],
)
def test_the_times_of_a_step_decide_about_command_buffers(parts, off, default, loops, said):
    names = ("engine", "dynamic", "fixed")
    given = {"off": off, "default": default} | ({"loops": loops} if loops else {})
    found = {name: dict(zip(names, times, strict=True)) for name, times in given.items()}
    assert said in parts.verdict(found)


PARTS = ("resume", "attention", "loop", "convolution", "widths")


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
