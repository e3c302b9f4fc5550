"""Output that cannot be written: training goes on without it, other verbs end with one line."""

import io
import os
import subprocess
import sys

import pytest

from scaling_lab import Store, cli
from scaling_lab.storage.locks import lock

FULL = "No space left on device"


@pytest.fixture
def tiny(root):
    return root / "tests" / "tiny_experiment.py"


def full_disk():
    return open("/dev/full", "w")


def closed_pipe():
    reader, writer = os.pipe()
    os.close(reader)
    return open(writer, "w")


def closed_terminal():
    master, terminal = os.openpty()
    os.close(master)
    return open(terminal, "w")


def call(monkeypatch, stream, *words):
    """Exit status, and what was written to standard error, with standard output to `stream`."""
    errors = io.StringIO()
    with stream, monkeypatch.context() as patch:
        patch.setattr(sys, "stdout", stream)
        patch.setattr(sys, "stderr", errors)
        with pytest.raises(SystemExit) as ended:
            cli.main([str(word) for word in words])
    return ended.value.code, errors.getvalue()


@pytest.mark.parametrize(
    ("broken", "why"),
    [
        (full_disk, FULL),
        (closed_pipe, "Broken pipe"),
        (closed_terminal, "Input/output error"),
    ],
)
def test_training_goes_on_without_its_output(monkeypatch, tiny, tmp_path, broken, why):
    words = ("run", tiny, "--results", tmp_path, "--width", "1", "--limit", "2")
    code, errors = call(monkeypatch, broken(), *words)
    assert code == 0
    assert errors == f"scaling-lab: output is lost ({why}); going on\n"
    assert len(Store(tmp_path / "tiny_experiment").runs()) == 2


@pytest.mark.parametrize(
    ("broken", "status", "said"),
    [
        (full_disk, 2, f"scaling-lab: cannot write the output: {FULL}; send it elsewhere\n"),
        (closed_pipe, 141, ""),
    ],
)
def test_another_verb_ends_with_one_line(monkeypatch, tiny, tmp_path, broken, status, said):
    words = ("status", tiny, "--results", tmp_path)
    assert call(monkeypatch, broken(), *words) == (status, said)


def test_standard_streams_are_given_back(monkeypatch, tiny):
    before = sys.stdout, sys.stderr
    with pytest.raises(SystemExit):
        cli.main(["plan", "none.py"])
    assert (sys.stdout, sys.stderr) == before


def test_what_the_encoding_lacks_is_replaced(monkeypatch):
    stream = io.TextIOWrapper(io.BytesIO(), "ascii")
    monkeypatch.setattr(sys, "stdout", stream)
    with cli.output.guarded():
        print("α = 0.5")
    stream.flush()
    assert stream.buffer.getvalue() == b"? = 0.5\n"


@pytest.mark.slow
@pytest.mark.parametrize(("nohup", "status"), [(True, 0), (False, 130)])
def test_a_terminal_that_closes_ends_training_unless_under_nohup(
    root, tiny, tmp_path, nohup, status
):
    """The terminal is the process's own, so that closing it sends SIGHUP."""
    master, terminal = os.openpty()
    words = [sys.executable, "-m", "scaling_lab", "run", str(tiny), "--results", str(tmp_path)]
    adopt = "import fcntl, os, sys, termios; fcntl.ioctl(1, termios.TIOCSCTTY, 0); "
    heard = "SIG_IGN" if nohup else "SIG_DFL"
    adopt += f"import signal; signal.signal(signal.SIGHUP, signal.{heard}); "
    process = subprocess.Popen(
        [sys.executable, "-c", adopt + "os.execv(sys.argv[1], sys.argv[1:])", *words, "--width=1"],
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
        env={**os.environ, "PYTHONPATH": str(root)},
        start_new_session=True,
    )
    os.close(terminal)
    folder = tmp_path / "tiny_experiment"
    while process.poll() is None and not (folder / "curves").is_dir():
        os.read(master, 1 << 16)
    assert lock.holder(folder) is not None
    os.close(master)
    assert process.wait(120) == status
    assert (len(Store(folder).runs()) == 12) == nohup
