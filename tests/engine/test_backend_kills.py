"""A driver, or the daemon of its cluster, dies: nothing is lost, and nobody goes on training."""

import importlib
import json
import os
import signal
import subprocess
import sys
import time

import pandas as pd
import psutil
import pytest

from scaling_lab import Store

pytestmark = pytest.mark.slow
CLOCK = ["wall_s", "compile_s", "energy_J", "started", "finished", "environment"]


@pytest.fixture(scope="module")
def victims(root):
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(root / "benchmarks"))
        yield importlib.import_module("victims")


@pytest.fixture(scope="module")
def begin(root, tmp_path_factory):
    """Starts `scaling-lab run` of six runs of a few seconds in a process group of its own."""
    cache = tmp_path_factory.mktemp("cache")

    def begin(folder, *options):
        tiny = str(root / "tests" / "tiny_experiment.py")
        words = ["run", tiny, "--results", str(folder), "--width", "1"]
        words += ["--override", "steps=20000", "--only", "N == max(N)", *options]
        log = open(folder.parent / f"{folder.name}.log", "a")  # noqa: SIM115
        with log:
            return subprocess.Popen(
                [sys.executable, "-m", "scaling_lab", *words],
                env=os.environ | {"SCALING_LAB_CACHE": str(cache), "PYTHONPATH": str(root)},
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    return begin


@pytest.fixture(scope="module")
def whole(begin, tmp_path_factory):
    """The tables of an uninterrupted run."""
    folder = tmp_path_factory.mktemp("whole") / "results"
    assert begin(folder).wait() == 0
    return tables(folder)


def tables(folder):
    store = Store(folder / "tiny_experiment", "tiny_experiment")
    runs = store.runs().drop(columns=CLOCK).sort_values("run", ignore_index=True)
    return runs, store.curves().sort_values(["run", "step"], ignore_index=True)


def assert_same(found, expected):
    for one, other in zip(found, expected, strict=True):
        pd.testing.assert_frame_equal(one[list(other.columns)], other, check_exact=True)


def wait_for_training(process, folder):
    """Until a run is recorded and others are in training."""
    place = folder / "tiny_experiment"
    while process.poll() is None:
        time.sleep(0.05)
        try:
            running = json.loads((place / ".work" / "running.json").read_text())
        except (OSError, ValueError):
            continue
        if running and list(place.glob("runs/*.parquet")):
            return
    raise AssertionError((folder.parent / f"{folder.name}.log").read_text())


def wait_for_end(pids, seconds=30):
    """Until all of the processes have ended; fails if one has not in time."""
    _, alive = psutil.wait_procs([psutil.Process(p) for p in pids if psutil.pid_exists(p)], seconds)
    assert alive == []


def test_processes_end_with_their_driver_and_the_next_run_goes_on(begin, victims, whole, tmp_path):
    folder = tmp_path / "results"
    driver = begin(folder, "--backend", "process")
    wait_for_training(driver, folder)
    workers = victims.workers(driver.pid, "process")
    driver.kill()
    driver.wait()
    assert workers
    wait_for_end(workers)
    recorded = len(Store(folder / "tiny_experiment", "tiny_experiment").runs())
    assert 1 <= recorded < 6
    assert begin(folder, "--backend", "process").wait() == 0
    assert_same(tables(folder), whole)


def test_ctrl_c_reaches_workers_through_their_driver(begin, victims, whole, tmp_path):
    folder = tmp_path / "results"
    driver = begin(folder, "--backend", "process")
    wait_for_training(driver, folder)
    workers = victims.workers(driver.pid, "process")
    os.killpg(driver.pid, signal.SIGINT)  # as a terminal does
    assert driver.wait(60) == 130
    wait_for_end(workers)
    said = (tmp_path / "results.log").read_text()
    assert "continues from here" in said
    assert "was lost" not in said
    assert begin(folder, "--backend", "process").wait() == 0
    assert_same(tables(folder), whole)


def test_a_dead_ray_daemon_ends_the_run_with_a_line_and_the_next_goes_on(
    begin, victims, whole, tmp_path
):
    pytest.importorskip("ray", reason="pip install 'scaling-lab[ray]'")
    folder = tmp_path / "results"
    driver = begin(folder, "--backend", "ray", "--backend-option", "patience=4")
    wait_for_training(driver, folder)
    for pid in [*victims.raylets(driver.pid), *victims.workers(driver.pid, "ray")]:
        os.kill(pid, signal.SIGKILL)
    assert driver.wait(60) == 2
    lines = (tmp_path / "results.log").read_text().splitlines()
    assert lines[-1].startswith("scaling-lab: Ray has not answered for")
    assert lines[-1].endswith("everything recorded is kept, run again to go on")
    assert begin(folder).wait() == 0
    assert_same(tables(folder), whole)
