"""Every backend trains the same numbers, and passes on progress, exceptions and interruptions.

Those whose workers are other processes survive the loss of one. Ray and Slurm, by its local
executor, are slow: they start in seconds.
"""

import socket
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from scaling_lab import LabError, Store, experiment
from scaling_lab.engine import runner, workers
from scaling_lab.engine.backends import named
from scaling_lab.engine.training.trainer import Interrupted

NEEDS = {"ray": "ray", "slurm": "submitit"}
OPTIONS = {
    "local": {"threads": 2},
    "process": {"processes": 2, "retries": 1},
    "ray": {"retries": 1},
    "slurm": {"cluster": "local", "jobs": 2, "retries": 1},
}
ALL = [
    "local",
    pytest.param("process", marks=pytest.mark.slow),
    *[pytest.param(name, marks=pytest.mark.slow) for name in NEEDS],
]
# What differs between two trainings of the same run.
CLOCK = ["wall_s", "compile_s", "energy_J", "started", "finished", "environment"]


@pytest.fixture(scope="module")
def jobs(root):
    """The module of functions, where workers find it too."""
    here = str(root / "tests" / "contract")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", f"{here}:{root}")
        patch.syspath_prepend(here)
        import backend_jobs

        yield backend_jobs
    sys.modules.pop("backend_jobs", None)


@pytest.fixture(scope="module")
def backend(request, jobs):
    """A backend of that name, with its workers for the whole module."""
    name = request.param
    if name in NEEDS:
        pytest.importorskip(NEEDS[name], reason=f"pip install 'scaling-lab[{name}]'")
    made = named(name, **OPTIONS[name])
    yield made
    made.close()


everywhere = pytest.mark.parametrize("backend", ALL, indirect=True)
elsewhere = pytest.mark.parametrize("backend", ALL[1:], indirect=True)


class Link:
    """A driver's link that remembers what it was told."""

    def __init__(self, wanted=0):
        self.names, self.flops, self.lines, self.wanted = [], 0.0, [], wanted

    def stopping(self):
        """Once as many tasks have begun as are wanted, if any are."""
        return bool(self.wanted) and len(self.names) >= self.wanted

    def began(self, names):
        self.names += names

    def advance(self, flops):
        self.flops += flops

    def say(self, line):
        self.lines.append(line)


@everywhere
def test_results_exceptions_and_progress_come_back(backend, jobs, tmp_path):
    link, tasks = Link(), ["one", "fails", "two", "refuses"]
    found = dict(backend.run(jobs.work, tasks, str(tmp_path), link))
    assert (found["one"], found["two"]) == ("ONE", "TWO")
    assert isinstance(found["fails"], ValueError)
    assert str(found["fails"]) == "no such luck"
    assert isinstance(found["refuses"], LabError)
    assert str(found["refuses"]).startswith("the data are not here; fetch them")
    assert sorted(link.names) == sorted(tasks)
    assert link.flops == 4.0
    assert sorted(link.lines) == ["one is done", "two is done"]


@everywhere
def test_an_interruption_stops_what_runs_and_drops_the_rest(backend, jobs, tmp_path):
    link, tasks = Link(wanted=2), list("abcde")
    found = dict(backend.run(jobs.wait, tasks, str(tmp_path), link))
    assert set(found) == set(tasks)
    assert {type(result) for result in found.values()} == {Interrupted}
    begun = [name for name in tasks if (tmp_path / name).exists()]
    assert all((tmp_path / f"{name} has stopped").exists() for name in begun)


@elsewhere
def test_a_closed_iterator_waits_for_its_workers(backend, jobs, tmp_path):
    """As when a record cannot be written: nothing goes on training behind the driver's back."""
    link = Link()
    found = backend.run(jobs.work, ["one"], str(tmp_path), link)
    assert next(iter(found)) == ("one", "ONE")
    found.close()
    waiting = iter(backend.run(jobs.wait, ["a"], str(tmp_path), Link(wanted=1)))
    assert isinstance(next(waiting)[1], Interrupted)
    assert (tmp_path / "a has stopped").exists()


@elsewhere
def test_a_killed_worker_is_replaced_and_its_loss_told_in_a_line(backend, jobs, tmp_path):
    link = Link()
    found = dict(backend.run(jobs.die, ["once", "always"], str(tmp_path), link))
    assert found["once"] == "ONCE"
    assert isinstance(found["always"], workers.WorkerLost)
    assert "the worker of always was lost 2 times" in str(found["always"])
    assert Counter(link.names) == {"once": 2, "always": 2}
    assert link.flops == 2.0, "what a lost worker had done does not count"
    lines = Counter(line.partition(" (")[0] for line in link.lines)
    assert lines == {"the worker of once was lost": 1, "the worker of always was lost": 1}
    assert all(line.endswith("retry 1 of 1") and "\n" not in line for line in link.lines)


@elsewhere
def test_a_worker_of_another_version_says_so(backend, jobs, tmp_path):
    ((_, error),) = backend.run(jobs.work, [jobs.Foreign()], str(tmp_path), Link())
    assert isinstance(error, LabError)
    assert "cannot read a task of scaling-lab" in str(error)
    assert "install the driver's version (on worker " in str(error)


def test_a_worker_that_sees_another_folder_says_so(jobs, tmp_path):
    proof = workers._leave_proof(str(tmp_path))
    packed = workers._pack(jobs.work, "one", str(tmp_path), proof)
    (tmp_path / workers.SESSION).write_text("another driver's")
    error = workers.pickle.loads(workers.perform(packed, Link()))
    assert isinstance(error, LabError)
    assert f"{tmp_path} is not the driver's folder of results" in str(error)
    assert "(on worker " in str(error)


def test_an_exception_that_cannot_be_pickled_is_told_in_words(jobs, tmp_path):
    packed = workers._pack(jobs.work, "untold", str(tmp_path), "")
    error = workers.pickle.loads(workers.perform(packed, Link()))
    assert isinstance(error, RuntimeError)
    assert str(error) == "Untold: neither here nor there"


@pytest.fixture(scope="module")
def tiny(root):
    return experiment.load(str(root / "tests" / "tiny_experiment.py"))


@pytest.fixture(scope="module")
def trained(tiny, tmp_path_factory):
    """The tiny grid, trained by the default backend."""
    folder = tmp_path_factory.mktemp("local")
    assert runner.run(tiny, folder, width=6).recorded == {"done": 12}
    return tables(folder)


def tables(folder):
    store = Store(Path(folder, "tiny_experiment"), "tiny_experiment")
    runs = store.runs().drop(columns=CLOCK).sort_values("run", ignore_index=True)
    return runs, store.curves().sort_values(["run", "step"], ignore_index=True)


@everywhere
def test_tables_are_equal_bit_for_bit(backend, tiny, trained, tmp_path):
    listener = Progress()
    # A backend of its own: `run` ends the workers of the backend that it is given.
    again = replace(backend)
    assert runner.run(tiny, tmp_path, width=6, backend=again, listener=listener).recorded == {
        "done": 12
    }
    assert listener.flops == pytest.approx(listener.total)
    assert len(listener.runs) == 12
    for here, there in zip(trained, tables(tmp_path), strict=True):
        pd.testing.assert_frame_equal(here, there[list(here.columns)], check_exact=True)


class Progress(runner.Listener):
    """What a display would show."""

    def __init__(self):
        self.total, self.flops, self.runs = 0.0, 0.0, []

    def begin(self, plan, runs, flops):
        self.total = flops

    def advance(self, flops):
        self.flops += flops

    def ended(self, run, status, reason):
        self.runs.append(run.name)


@pytest.mark.parametrize(
    ("name", "options", "said"),
    [
        ("rai", {}, "unknown backend 'rai'; did you mean 'ray'?"),
        ("ray", {"adress": "auto"}, "unknown option of backend ray 'adress'; did you mean"),
        ("slurm", {"cpus": "two"}, "option cpus of backend slurm is 'two'; give an integer"),
        ("slurm", {"cluster": "pbs"}, "cluster is 'pbs'; give 'slurm' or 'local'"),
        ("process", {"processes": "-1"}, "processes, threads and retries are 0 or more"),
        ("process", {"started": "1"}, "unknown option of backend process 'started'"),
    ],
)
def test_a_wrong_option_is_one_clear_line(name, options, said):
    with pytest.raises(LabError) as caught:
        named(name, **options)
    assert str(caught.value).startswith(said)


@pytest.mark.parametrize("scheme", ["", "ray://"])
@pytest.mark.parametrize("given", ["address", "RAY_ADDRESS"])
def test_a_ray_cluster_that_is_not_there_is_one_clear_line(scheme, given, monkeypatch, capfd):
    pytest.importorskip("ray", reason="pip install 'scaling-lab[ray]'")
    with socket.socket() as silent:  # bound, so nobody else listens there
        silent.bind(("127.0.0.1", 0))
        address = f"{scheme}127.0.0.1:{silent.getsockname()[1]}"
        monkeypatch.setenv("RAY_ADDRESS", address)
        backend = named("ray", **({"address": address} if given == "address" else {}))
        with pytest.raises(LabError) as caught:
            _ = backend.workers
    assert str(caught.value) == (
        f"no Ray cluster answers at {address} (Connection refused); correct the address, or start "
        "one there with 'ray start --head'"
    )
    assert capfd.readouterr() == ("", "")
