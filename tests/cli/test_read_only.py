"""A results folder that can only be read: only what must write there is refused.

The commands run without root's right to write into any folder.
"""

import shutil
import subprocess
import sys

import pytest

from scaling_lab import experiment
from scaling_lab.engine import runner

# Drops the capability by which root writes into any folder (it counts for the next program), and
# becomes a process that obeys permissions.
OBEDIENT = """
import ctypes, os, sys
PR_CAPBSET_DROP, CAP_DAC_OVERRIDE = 24, 1
ctypes.CDLL(None).prctl(PR_CAPBSET_DROP, CAP_DAC_OVERRIDE, 0, 0, 0)
os.execv(sys.executable, [sys.executable, "-c", *sys.argv[1:]])
"""
COMMANDS = """
import sys
from scaling_lab import cli

folder, tiny, to = sys.argv[1:]
table = f"{folder}/tiny_experiment"
for words in (
    ["run", tiny, "--results", folder],
    ["run", tiny, "--results", folder, "-o", "seed=1", "--width", "1"],
    ["status", tiny, "--results", folder],
    ["fit", table, "--law", "power_law", "--columns", "D=D,L=best_test_loss", "--bootstrap", "0"],
    ["report", "tiny_experiment", "--results", folder],
    ["report", "tiny_experiment", "--results", folder, "--to", to],
    ["report", "tiny_experiment", "--results", folder, "--to", to],
):
    print("#", *words[:1], flush=True)
    sys.stderr = sys.stdout
    try:
        cli.main(words)
    except SystemExit as ended:
        print("exit", ended.code, flush=True)
"""


@pytest.mark.slow
def test_what_needs_no_writing_works_in_a_folder_that_can_only_be_read(root, tmp_path, own_cache):
    tiny = root / "tests" / "tiny_experiment.py"
    runner.run(experiment.load(str(tiny)), tmp_path / "results", width=1)
    folder = tmp_path / "results"
    shutil.rmtree(folder / "tiny_experiment" / ".work")
    places = [folder, *(path for path in folder.rglob("*") if path.is_dir())]
    for place in places:
        place.chmod(0o555)
    try:
        done = subprocess.run(
            [sys.executable, "-c", OBEDIENT, COMMANDS, folder, tiny, tmp_path / "page"],
            capture_output=True,
            text=True,
        )
    finally:
        for place in places:
            place.chmod(0o755)
    _, trained, more, status, fitted, refused, reported, again = done.stdout.split("# ")
    assert "nothing to train" in trained
    assert "exit 0" in trained
    assert "cannot write" in more
    assert "Permission denied; give a writable folder with --results" in more
    assert "exit 2" in more
    assert "12 done" in status
    assert "L = A D^-alpha" in fitted
    assert "or write the report elsewhere: --to FOLDER" in refused
    assert "exit 2" in refused
    for text in (reported, again):
        assert f"report: {tmp_path}/page/report.html" in text
        assert "exit 0" in text
    assert {path.name for path in (tmp_path / "page").iterdir()} == {
        "report.html",
        "verdicts.json",
        "fits",
        "figures",
    }
