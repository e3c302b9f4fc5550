"""What is missing is trained, once; whatever happens in between."""

import dataclasses
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
import types

import numpy as np
import pandas as pd
import pytest

from scaling_lab import LabError, Store, config, experiment, grid, override
from scaling_lab.engine import ahead, compilation_cache, runner, workspace
from scaling_lab.engine.backends import local, named
from scaling_lab.engine.training import program, trainer
from scaling_lab.engine.work import Task
from scaling_lab.plan import make
from scaling_lab.storage.locks import lock

CLOCK = ["wall_s", "compile_s", "energy_J", "started", "finished"]


@pytest.fixture(scope="module")
def tiny(root):
    return experiment.load(str(root / "tests" / "tiny_experiment.py"))


@pytest.fixture(scope="module")
def results(tiny, tmp_path_factory):
    """The tiny grid, trained without interruption at width 1."""
    folder = tmp_path_factory.mktemp("results")
    summary = runner.run(tiny, folder, width=1)
    assert summary.recorded == {"done": 12}
    return folder


def tables(folder):
    store = Store(folder / "tiny_experiment")
    runs = store.runs().drop(columns=CLOCK).sort_values("run", ignore_index=True)
    return runs, store.curves().sort_values(["run", "step"], ignore_index=True)


def assert_same(folder, other):
    for a, b in zip(tables(folder), tables(other), strict=True):
        pd.testing.assert_frame_equal(a, b[list(a.columns)], check_exact=True)


def test_a_record_holds_what_the_run_was(tiny, results):
    runs, curves = tables(results)
    assert len(runs) == 12
    assert runs["program"].nunique() == 2
    assert (runs["C"] == runs[["C_matmul", "C_attention", "C_head"]].sum(axis=1)).all()
    groups = ["N_embedding", "N_matmul", "N_head", "N_other"]
    assert (runs["N"] == runs[groups].sum(axis=1)).all()
    assert (runs["best_valid_loss"] <= runs["valid_loss"]).all()
    assert (runs["epochs"] == 300 * 32 / runs["D"]).all()
    assert runs["N_target"].tolist() != runs["N"].tolist()
    assert set(curves["run"]) == set(runs["run"])
    last = curves.groupby("run")["C"].max()
    np.testing.assert_allclose(runs.set_index("run")["C"].sort_index(), last.sort_index())
    config_of = Store(results / "tiny_experiment").runs(config=True).set_index("run")["config"]
    for cell in tiny.cells:
        assert config.from_dict(json.loads(config_of[cell.name])) == cell.run


def test_nothing_is_trained_twice(tiny, results):
    assert runner.run(tiny, results, width=1).recorded == {}


def test_compiles_are_as_many_as_static_choices(tiny, tmp_path, monkeypatch):
    """By XLA's own count, with no help from the cache on the disk."""
    import jax

    jax.clear_caches()
    monkeypatch.setattr(compilation_cache, "keep", lambda: None)
    before = jax.config.values["jax_compilation_cache_dir"]
    jax.config.update("jax_compilation_cache_dir", None)
    compiles = []

    def heard(event, *_, **__):
        if event == "/jax/core/compile/backend_compile_duration":
            compiles.append(event)

    jax.monitoring.register_event_duration_secs_listener(heard)
    try:
        runner.run(tiny, tmp_path, width=2)
    finally:
        jax.monitoring.clear_event_listeners()
        jax.config.update("jax_compilation_cache_dir", before)
    assert len(compiles) == len(make("x", tiny.cells, Store(tmp_path / "x")).programs) == 2


def test_a_programs_further_ensembles_trace_nothing(tiny, tmp_path):
    """What JAX keeps of a trace, it keeps for the life of the process."""
    import jax

    cells = [cell for cell in tiny.cells if cell.axes["N"] == tiny.cells[0].axes["N"]]
    traces, so_far = [], []

    class Listener(runner.Listener):
        def ended(self, run, status, reason):
            so_far.append(len(traces))

    def heard(event, *_, **__):
        if event == "/jax/core/compile/jaxpr_trace_duration":
            traces.append(event)

    jax.monitoring.register_event_duration_secs_listener(heard)
    try:
        runner.run(tiny, tmp_path, cells=cells, width=1, workers=1, listener=Listener())
    finally:
        jax.monitoring.clear_event_listeners()
    assert len(so_far) == len(cells)
    assert 0 < so_far[0] == so_far[-1]


def test_tasks_are_begun_only_as_results_are_taken():
    """Otherwise results pile up while the driver merges tables."""
    given = iter(range(1_000))
    taken = []

    def tasks():
        for task in given:
            taken.append(task)
            yield task

    results = local.in_threads(lambda task: task, tasks(), 2)
    assert next(results)[1] in taken
    assert len(taken) < 100
    assert sum(1 for _ in results) == 999
    assert taken == [*range(1_000)]


def test_limit_and_rest_are_the_whole(tiny, results, tmp_path):
    assert runner.run(tiny, tmp_path, width=1, limit=5).recorded == {"done": 5}
    assert runner.run(tiny, tmp_path, width=1).recorded == {"done": 7}
    assert_same(results, tmp_path)


def test_ensembles_of_two_give_the_same_to_rounding(tiny, results, tmp_path):
    runner.run(tiny, tmp_path, width=2)
    a, b = tables(results)[0], tables(tmp_path)[0]
    np.testing.assert_allclose(a["best_test_loss"], b["best_test_loss"], rtol=5e-3)
    assert (b["width"] == 2).all()


def test_programs_compiled_ahead_train_the_same_numbers(tiny, results, tmp_path, monkeypatch):
    """With one thread, as on an accelerator: the second program compiles during the first."""
    compiling, second = [], threading.Event()
    build, train = program.build, trainer.train

    def noted(*given):
        compiling.append(threading.current_thread().name)
        built = build(*given)
        if len(compiling) == 2:
            second.set()
        return built

    def waiting(*given, **others):
        assert second.wait(60)
        return train(*given, **others)

    monkeypatch.setattr(program, "build", noted)
    monkeypatch.setattr(trainer, "train", waiting)
    monkeypatch.setattr(ahead, "worthwhile", lambda backend: True)
    assert runner.run(tiny, tmp_path, width=1, workers=1).recorded == {"done": 12}
    assert len(compiling) == 2
    assert compiling[1] == "compile ahead"
    assert_same(results, tmp_path)


def test_what_fails_to_compile_ahead_fails_where_it_is_trained(tiny, tmp_path, monkeypatch):
    build = program.build
    larger = max(cell.run.model.width for cell in tiny.cells)

    def broken(run, *given):
        if run.model.width == larger:
            raise RuntimeError("no such kernel")
        return build(run, *given)

    monkeypatch.setattr(program, "build", broken)
    monkeypatch.setattr(ahead, "worthwhile", lambda backend: True)
    summary = runner.run(tiny, tmp_path, width=1, workers=1)
    assert summary.recorded == {"done": 6, "failed": 6}
    runs = Store(tmp_path / "tiny_experiment").runs()
    assert set(runs["reason"].dropna()) == {"RuntimeError: no such kernel"}
    assert set(runs[runs["status"] == "failed"]["model.width"]) == {larger}


def test_an_interrupted_session_compiles_no_more_ahead(tiny, tmp_path, monkeypatch):
    stop, compiling, build = threading.Event(), [], program.build

    def noted(*given):
        compiling.append(threading.current_thread().name)
        stop.set()
        return build(*given)

    monkeypatch.setattr(program, "build", noted)
    tasks = [
        Task(experiment="tiny", runs=tuple(runs), width=1)
        for runs in make("tiny", tiny.cells, Store(tmp_path / "tiny")).programs.values()
    ]
    with ahead.compiled(tasks, stop.is_set):
        assert stop.wait(60)
    assert compiling == ["compile ahead"]
    assert "compile ahead" not in {thread.name for thread in threading.enumerate()}
    workspace.clear()


def test_nothing_is_compiled_ahead_on_a_cpu_or_by_a_driver(monkeypatch):
    import jax

    assert not ahead.worthwhile(named("local"))
    device = types.SimpleNamespace(platform="gpu")
    monkeypatch.setattr(jax, "local_devices", lambda: [device])
    assert ahead.worthwhile(named("local"))
    assert not ahead.worthwhile(named("process"))


def test_a_changed_definition_is_stale_and_told_field_by_field(tiny, results, tmp_path):
    folder = tmp_path / "tiny_experiment"
    folder.symlink_to(results / "tiny_experiment")
    base = dataclasses.replace(tiny.base, steps=301)
    cells = grid.cells(base, tiny.grid)
    plan = make("tiny_experiment", cells, Store(folder))
    assert plan.counts == {"stale": 12}
    assert plan.changes() == [("steps", 300, 301, 12)]
    with pytest.raises(LabError, match=r"steps: 300 -> 301 .*--retrain"):
        runner.run(tiny, tmp_path, cells=cells)


def test_what_cannot_be_trained_does_not_redefine_what_is_recorded(
    tiny, results, tmp_path, monkeypatch
):
    def refused(*_, **__):
        raise LabError("the data are gone")

    folder = tmp_path / "tiny_experiment"
    shutil.copytree(results / "tiny_experiment", folder)
    before = (folder / "experiment.json").read_text()
    changed = dataclasses.replace(tiny, grid=override(tiny.grid, seed=[0, 1]))
    monkeypatch.setattr(trainer, "train", refused)
    with pytest.raises(LabError, match="the data are gone"):
        runner.run(changed, tmp_path, width=1)
    assert (folder / "experiment.json").read_text() == before
    changed = dataclasses.replace(tiny, claims=())
    assert runner.run(changed, tmp_path).recorded == {}
    assert json.loads((folder / "experiment.json").read_text())["claims"] == []


def test_a_run_that_fails_or_diverges_is_a_row_and_the_rest_goes_on(tiny, tmp_path, monkeypatch):
    cells = grid.cells(tiny.base, override(tiny.grid, learning_rate=[1e-2, 1e30]))
    real = trainer.train

    def broken(program, data, runs, **more):
        if runs[0].D == 60 and runs[0].recipe.learning_rate < 1:
            raise RuntimeError("the device caught fire")
        return real(program, data, runs, **more)

    monkeypatch.setattr(trainer, "train", broken)
    summary = runner.run(tiny, tmp_path, cells=cells, width=1)
    assert summary.recorded == {"done": 4, "failed": 2, "diverged": 6}
    runs = tables(tmp_path)[0]
    assert set(runs.query("status == 'failed'")["reason"]) == {
        "RuntimeError: the device caught fire"
    }
    assert runs.query("status == 'diverged'")["reason"].str.contains("step").all()
    assert runs.query("status == 'diverged'")["test_loss"].isna().all()
    monkeypatch.setattr(trainer, "train", real)
    assert runner.run(tiny, tmp_path, cells=cells, width=1).recorded == {"done": 2}


def test_a_record_that_cannot_be_written_ends_the_others_at_once(tiny, tmp_path, monkeypatch):
    def full(*_):
        raise LabError("cannot write: the disk is full")

    monkeypatch.setattr(Store, "append", full)
    with pytest.raises(LabError, match="disk is full"):
        runner.run(tiny, tmp_path, width=1)


def test_an_error_without_words_is_a_row_too(tiny, tmp_path, monkeypatch):
    def wordless(*_, **__):
        raise MemoryError

    monkeypatch.setattr(trainer, "train", wordless)
    assert runner.run(tiny, tmp_path, width=1, limit=1).recorded == {"failed": 1}
    assert tables(tmp_path)[0]["reason"].item() == "MemoryError: no message"


def test_short_memory_halves_the_ensemble(tiny, results, tmp_path, monkeypatch):
    import jax

    real = trainer.train

    def narrow(program, data, runs, **more):
        if program.width > 1:
            raise jax.errors.JaxRuntimeError("RESOURCE_EXHAUSTED: Out of memory")
        return real(program, data, runs, **more)

    monkeypatch.setattr(trainer, "train", narrow)
    assert runner.run(tiny, tmp_path, width=4).recorded == {"done": 12}
    assert_same(results, tmp_path)


def test_a_second_run_is_refused_and_told_of_the_first(tiny, results):
    with lock.held(results / "tiny_experiment"):
        holder = lock.holder(results / "tiny_experiment")
        assert holder is not None
        assert holder.pid == os.getpid()
        with pytest.raises(LabError, match=f"in use by process {os.getpid()}"):
            runner.run(tiny, results)
    assert lock.holder(results / "tiny_experiment") is None


def begin(root, results, cache):
    """`scaling-lab run` of the tiny experiment in a process of its own."""
    words = [sys.executable, "-m", "scaling_lab", "run", str(root / "tests" / "tiny_experiment.py")]
    words += ["--results", str(results), "--width", "1"]
    environment = {**os.environ, "SCALING_LAB_CACHE": str(cache), "PYTHONPATH": str(root)}
    with open(results.parent / f"{results.name}.log", "a") as log:
        return subprocess.Popen(words, env=environment, stdout=log, stderr=log)


def test_a_second_process_compiles_nothing(root, tmp_path):
    cache, counts = tmp_path / "cache", []
    for name in ("first", "second"):
        assert begin(root, tmp_path / name, cache).wait() == 0
        counts.append(json.loads((cache / "programs.json").read_text()))
    assert counts[0]["misses"] >= 2
    assert counts[1]["misses"] == counts[0]["misses"]
    assert counts[1]["hits"] >= counts[0].get("hits", 0) + 2
    assert_same(tmp_path / "first", tmp_path / "second")


def test_kill_9_at_ten_moments_changes_nothing(root, results, tmp_path):
    """Before the first record, between records and in the midst of writing one."""
    dice, killed, folder = random.Random(20), 0, tmp_path / "killed"
    parts = folder / "tiny_experiment" / "runs"
    for _ in range(10):
        process = begin(root, folder, tmp_path / "cache")
        already, more = len(list(parts.glob("*"))), dice.randrange(2)
        while process.poll() is None and len(list(parts.glob("*"))) < already + more:
            time.sleep(0.001)
        time.sleep(dice.uniform(0, 0.05) if more else dice.uniform(0, 3))
        killed += process.poll() is None
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert killed >= 8
    assert begin(root, folder, tmp_path / "cache").wait() == 0
    assert_same(results, folder)


def test_a_signal_ends_cleanly_and_the_next_run_goes_on(root, results, tmp_path):
    folder = tmp_path / "stopped"
    process = begin(root, folder, tmp_path / "cache")
    while process.poll() is None and not list(folder.glob("*/runs/*.parquet")):
        time.sleep(0.005)
    process.send_signal(signal.SIGINT)
    assert process.wait(60) == 130
    assert "continues from here" in (tmp_path / "stopped.log").read_text()
    assert begin(root, folder, tmp_path / "cache").wait() == 0
    assert_same(results, folder)


def test_checkpoints_of_runs_that_were_not_asked_for_stay(tiny, tmp_path):
    other = tmp_path / tiny.name / ".work" / "checkpoints" / "other"
    other.mkdir(parents=True)
    assert runner.run(tiny, tmp_path, width=1, only="N == 600 and D == 60").recorded == {"done": 2}
    assert other.is_dir()
    assert runner.run(tiny, tmp_path, width=1).recorded == {"done": 10}
    assert not other.exists()
