"""Do ensembles of different widths give the same law?

    python benchmarks/widths.py [EXPERIMENT] [--widths 1,4,16]

Trains an experiment (by default e01_digits_mlp) at each width into a temporary folder and prints
each claim's fitted parameter in full precision, with the wall time.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from pathlib import Path

from rich.console import Console
from rich.table import Table

from scaling_lab import experiment
from scaling_lab.analysis.report import write as report
from scaling_lab.engine import runner


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("experiment", nargs="?", default="e01_digits_mlp")
    parser.add_argument("--widths", default="1,4,16")
    asked = parser.parse_args()
    found = experiment.load(asked.experiment)
    table = Table("width", "wall s", *(claim.name for claim in found.claims))
    os.environ.setdefault("JAX_PLATFORMS", "cpu")
    for width in map(int, asked.widths.split(",")):
        with tempfile.TemporaryDirectory() as folder:
            began = time.perf_counter()
            runner.run(found, Path(folder), width=width)
            took = time.perf_counter() - began
            fits = report.fits(Path(folder) / found.name)
        values = [
            f"{claim.parameter} = {fits[claim.name].params[claim.parameter].value:.6f}"
            for claim in found.claims
        ]
        table.add_row(str(width), f"{took:.1f}", *values)
    Console(width=120).print(table)


if __name__ == "__main__":
    main()
