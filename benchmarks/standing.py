"""CPU seconds (user and system) of commands that train nothing, in the best of some calls.

    python benchmarks/standing.py [--calls 5] [--tree /another/checkout]

`status` is called once before, since it reads an experiment's file only if anything has changed.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
COMMANDS = (
    "--help",
    "wrong",
    "status",
    "plan e99_wrong",
    "laws",
    "laws chinchila",
    "data",
    "data mnits",
    "estimate --help",
    "fit none.csv --law chinchila",
    "report e99_wrong",
)


def seconds(words: list[str], tree: Path) -> float:
    """CPU seconds of one call of the command line of a checkout."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    env = os.environ | {"PYTHONPATH": str(tree)}
    command = [sys.executable, "-m", "scaling_lab", *words]
    subprocess.run(command, cwd=tree, env=env, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--calls", type=int, default=5)
    parser.add_argument("--tree", type=Path, default=ROOT)
    given = parser.parse_args()
    print("| command | CPU s |\n|---|---|")
    for command in COMMANDS:
        words = command.split()
        seconds(words, given.tree)  # compiles Python's files, and lets `status` read experiments
        found = min(seconds(words, given.tree) for _ in range(given.calls))
        print(f"| `{command}` | {found:.2f} |")


if __name__ == "__main__":
    main()
