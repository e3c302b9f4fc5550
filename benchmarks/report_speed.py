"""How many CPU-seconds does a report take: cold, with its programs compiled, and unchanged?

    python benchmarks/report_speed.py [EXPERIMENT]

Each is one process of the command line on a copy of the results, so that imports count too.
"""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

RESULTS = Path(__file__).parents[1] / "results"


def main() -> None:
    name = sys.argv[1] if len(sys.argv) > 1 else "e02_mnist_mlp"
    with tempfile.TemporaryDirectory() as folder:
        results, cache = Path(folder, "results"), Path(folder, "cache")
        shutil.copytree(RESULTS / name, results / name)
        print(f"cold            {cpu_seconds(name, results, cache):6.2f} CPU s")
        (results / name / "report.html").unlink()
        print(f"programs cached {cpu_seconds(name, results, cache):6.2f} CPU s")
        print(f"unchanged       {cpu_seconds(name, results, cache):6.2f} CPU s")


def cpu_seconds(name: str, results: Path, cache: Path) -> float:
    """User and system time of one report, with all caches in `cache`."""
    command = [sys.executable, "-m", "scaling_lab", "report", name, "--results", str(results)]
    places = {name: value for name, value in os.environ.items() if name != "SCALING_LAB_CACHE"}
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(
        command, env=places | {"XDG_CACHE_HOME": str(cache)}, check=True, capture_output=True
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


if __name__ == "__main__":
    main()
