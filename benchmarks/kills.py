"""Kills runs at random moments, and checks that nothing is lost and nothing is done twice.

    python benchmarks/kills.py                        # forty kills, in a quarter of an hour
    python benchmarks/kills.py local=2 bucket=1       # these kinds, this many kills
    python benchmarks/kills.py --steps 300 --seed 7   # shorter runs, other moments

    local        kill -9 of `scaling-lab run`, in training, between records and while writing one
    ray-worker   kill -9 of a Ray worker that trains an ensemble; the run goes on
    raylet       kill -9 of the Ray daemon; the run ends with a line
    bucket       kill -9 of a run whose results are on an object store; another machine goes on

After each kill, all that was recorded before must be there, unchanged. When the kills are done, the
grid is finished, and its tables must equal those of an uninterrupted run, bit for bit. Prints one
table; the exit status is 1 if any row was lost, trained twice or changed.
"""

from __future__ import annotations

import argparse
import contextlib
import logging
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
import psutil
import victims
from rich.console import Console
from rich.table import Table

NAME = "killed"
EXPERIMENT = '''"""A grid that is killed.

Question: Does anything get lost?
Prediction: No.
Cost: A minute for each kill.
Command: python benchmarks/kills.py
"""
from scaling_lab import MLP, Digits, Recipe, Run, Supervised, axis, product

base = Run(
    learner=Supervised(), data=Digits(), model=MLP(depth=1), recipe=Recipe(batch_size=32),
    steps={steps},
)
grid = product(
    axis("N", [600, 2_000]), axis("D", [60, 200, 1_000]), axis("learning_rate", [3e-3, 1e-2]),
    axis("seed", range({seeds})),
)
'''
KINDS = {"local": 20, "ray-worker": 10, "raylet": 5, "bucket": 5}
# What differs between two trainings of the same run.
CLOCK = ["wall_s", "compile_s", "energy_J", "started", "finished", "environment"]
ENDS_WITHIN = 120.0  # s in which a run whose cluster is lost must end
PATIENCE = 900.0  # s in which a run must end


class Wrong(Exception):
    """Something was lost, doubled or changed."""


@dataclass
class Laboratory:
    """A grid in a folder of its own, and the processes that train it.

    address: of the results, a folder or a URL. machine: names the cache that the next process uses.
    """

    folder: Path
    dice: random.Random
    address: str = ""
    machine: str = "first"
    options: tuple[str, ...] = ()
    log: list[str] = field(default_factory=list)

    def begin(self) -> subprocess.Popen[str]:
        """`scaling-lab run` of the grid in a process of its own."""
        words = ["run", str(self.folder / f"{NAME}.py"), "--results", self.address, "--width", "1"]
        log = open(self.folder / "log.txt", "a")  # noqa: SIM115 (the process writes into it)
        with log:
            return subprocess.Popen(
                [sys.executable, "-m", "scaling_lab", *words, *self.options],
                env=os.environ | {"SCALING_LAB_CACHE": str(self.folder / self.machine)},
                stdout=log,
                stderr=log,
                text=True,
                start_new_session=True,
            )

    def store(self) -> Any:
        """The records, as a process on a machine of its own sees them."""
        from scaling_lab.storage import mirror, pull
        from scaling_lab.storage.records import Store

        os.environ["SCALING_LAB_CACHE"] = str(self.folder / "reader")
        place = mirror.opened(self.address) / NAME
        pull.tables(place)
        return Store(place)

    def recorded(self) -> dict[str, Any]:
        """Run -> what its record says of the training that made it."""
        rows = self.store().survey("status", "started", "finished", "best_test_loss").rows
        return {run: tuple(row.items()) for run, row in rows.items()}

    def count(self) -> int:
        """The number of records, as cheaply as possible."""
        with contextlib.suppress(Exception):  # it may be in the midst of a change
            return len(self.store().survey().rows)
        return 0

    def finish(self, within: float = PATIENCE) -> None:
        """Train what is missing."""
        if status := self.begin().wait(within):
            raise Wrong(f"the run that finishes the grid ends with status {status}")

    def tables(self) -> tuple[pd.DataFrame, pd.DataFrame]:
        """The run and the curve table, without what is about time."""
        store = self.store()
        runs, curves = store.runs(config=True), store.curves()
        runs = runs.drop(columns=[name for name in CLOCK if name in runs])
        return (
            runs.sort_values("run", ignore_index=True)[sorted(runs)],
            curves.sort_values(["run", "step"], ignore_index=True)[sorted(curves)],
        )


def kill_driver(lab: Laboratory, most: int) -> int:
    """Kill a run at a random moment: anywhere, or soon after it has recorded something."""
    driver, already = lab.begin(), lab.count()
    if lab.dice.random() < 0.5:
        with contextlib.suppress(subprocess.TimeoutExpired):
            driver.wait(lab.dice.uniform(0, 12))
    else:
        more = lab.dice.randint(1, 2)
        while driver.poll() is None and lab.count() < already + more:
            time.sleep(0.02)
        time.sleep(lab.dice.uniform(0, 0.3))
    alive = driver.poll() is None
    driver.kill()
    driver.wait()
    return int(alive)


def kill_driver_elsewhere(lab: Laboratory, most: int) -> int:
    """Kill a run; the next one is on another machine."""
    kills = kill_driver(lab, most)
    lab.machine = {"first": "second"}.get(lab.machine, "first")
    return kills


def kill_workers(lab: Laboratory, most: int) -> int:
    """Kill Ray workers that train, at most three in one run: it must go on, and end well."""
    driver, kills = lab.begin(), 0
    while driver.poll() is None:
        time.sleep(lab.dice.uniform(0.5, 4))
        if kills < min(most, 3):
            kills += kill_one(driver, those(driver, workers), lab.dice)
    if driver.returncode:
        raise Wrong(f"the run ends with status {driver.returncode} though it should go on")
    return kills


def kill_raylet(lab: Laboratory, most: int) -> int:
    """Kill the Ray daemon while it trains: the run must end, and say so."""
    driver = lab.begin()
    while driver.poll() is None and not those(driver, workers):
        time.sleep(0.1)
    time.sleep(lab.dice.uniform(0, 5))
    kills = kill_one(driver, those(driver, victims.raylets), lab.dice)
    try:
        driver.wait(ENDS_WITHIN if kills else PATIENCE)
    except subprocess.TimeoutExpired:
        driver.kill()
        raise Wrong(f"the run goes on for {ENDS_WITHIN:.0f} s after its cluster is lost") from None
    return kills


def workers(driver: int) -> list[int]:
    """The Ray workers that have an ensemble now."""
    return victims.workers(driver, "ray")


def those(driver: subprocess.Popen[str], find: Callable[[int], list[int]]) -> list[int]:
    """The processes that are found for a driver; none if it has ended."""
    with contextlib.suppress(psutil.NoSuchProcess):
        return find(driver.pid)
    return []


def kill_one(driver: subprocess.Popen[str], there: list[int], dice: random.Random) -> int:
    """Kill one of these processes, if the driver still runs."""
    with contextlib.suppress(ProcessLookupError):
        if there and driver.poll() is None:
            os.kill(dice.choice(there), signal.SIGKILL)
            return 1
    return 0


RAY = ("--backend", "ray")
# Kind -> what kills at most so many times in one run and counts it, and the run's options.
KILLS: Mapping[str, tuple[Callable[[Laboratory, int], int], tuple[str, ...]]] = {
    "local": (kill_driver, ()),
    "ray-worker": (kill_workers, RAY),
    "raylet": (kill_raylet, RAY),
    "bucket": (kill_driver_elsewhere, ()),
}


@dataclass
class Tally:
    """What a series of kills did. grids: how many were trained, since one ends at some time."""

    kind: str
    kills: int = 0
    grids: int = 0
    rows: int = 0
    problems: list[str] = field(default_factory=list)
    seconds: float = 0.0


def series(
    kind: str, kills: int, lab: Laboratory, home: str, whole: tuple[pd.DataFrame, pd.DataFrame]
) -> Tally:
    """Kill that many times, finish the grid, and compare it with the `whole` one."""
    tally, (kill, lab.options) = Tally(kind), KILLS[kind]
    began = time.perf_counter()
    while tally.kills < kills:
        tally.grids += 1
        lab.address, before = f"{home}/{kind}-{tally.grids}", {}
        try:
            while tally.kills < kills:
                tally.kills += kill(lab, kills - tally.kills)
                now = lab.recorded()
                if lost := [run for run in before if run not in now]:
                    raise Wrong(f"{len(lost)} records lost, {lost[0]} among them")
                if twice := [run for run in before if now[run] != before[run]]:
                    raise Wrong(f"{len(twice)} runs trained twice, {twice[0]} among them")
                before = now
                if len(now) == len(whole[0]):
                    break
            lab.finish()
            tally.rows += compare(whole, lab.tables())
        except Wrong as error:
            tally.problems.append(f"{kind}, grid {tally.grids}: {error}")
    tally.seconds = time.perf_counter() - began
    return tally


def compare(whole: tuple[pd.DataFrame, pd.DataFrame], found: tuple[Any, Any]) -> int:
    """The number of rows, if both tables are equal bit for bit. Raises Wrong if not."""
    for one, other, name in zip(whole, found, ("runs", "curves"), strict=True):
        try:
            pd.testing.assert_frame_equal(one, other, check_exact=True)
        except AssertionError as error:
            said = " ".join(str(error).split())
            raise Wrong(f"the table of {name} differs: {said[:200]}") from None
    return sum(map(len, found))


@contextlib.contextmanager
def object_store() -> Iterator[str]:
    """The URL of a bucket on an S3 server of this process, at loopback."""
    import boto3
    from moto.server import ThreadedMotoServer

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    os.environ |= {
        "AWS_ENDPOINT_URL": f"http://{host}:{port}",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    boto3.client("s3").create_bucket(Bucket="lab")
    try:
        yield "s3://lab"
    finally:
        server.stop()


def run(kinds: Mapping[str, int], *, steps: int, seeds: int, seed: int) -> list[Tally]:
    """The tallies of these kinds of kills, on a grid of 12 runs a seed."""
    dice = random.Random(seed)
    with tempfile.TemporaryDirectory() as name, contextlib.ExitStack() as stack:
        folder = Path(name)
        (folder / f"{NAME}.py").write_text(EXPERIMENT.format(steps=steps, seeds=seeds))
        lab = Laboratory(folder, dice, f"{folder}/whole")
        lab.finish()
        whole = lab.tables()
        tallies = []
        for kind, kills in kinds.items():
            bucket = kind == "bucket"
            home = stack.enter_context(object_store()) if bucket else str(folder)
            tallies.append(series(kind, kills, lab, home, whole))
            print(f"{kind}: {tallies[-1].kills} kills", file=sys.stderr)
        if problems := [line for tally in tallies for line in tally.problems]:
            print((folder / "log.txt").read_text()[-4000:], file=sys.stderr)
            print(*problems, sep="\n", file=sys.stderr)
    return tallies


def show(tallies: list[Tally]) -> None:
    """Print the table."""
    table = Table(
        "killed", "kills", "grids", "rows compared", "lost, doubled or changed", "minutes"
    )
    for tally in tallies:
        table.add_row(
            tally.kind,
            str(tally.kills),
            str(tally.grids),
            f"{tally.rows:,}",
            "; ".join(tally.problems) or "nothing",
            f"{tally.seconds / 60:.1f}",
        )
    Console().print(table)
    print(f"{sum(tally.kills for tally in tallies)} kills")


def main() -> int:
    """Kill, print, and say by the exit status whether nothing was lost."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("kinds", nargs="*", help="KIND=KILLS; by default all forty")
    parser.add_argument("--steps", type=int, default=5_000, help="of each run")
    parser.add_argument("--seeds", type=int, default=1, help="twelve runs each")
    parser.add_argument("--seed", type=int, default=0, help="of the random moments")
    asked = parser.parse_args()
    kinds = dict(text.partition("=")[::2] for text in asked.kinds) or KINDS
    if unknown := [kind for kind in kinds if kind not in KINDS]:
        parser.error(f"no kind {unknown[0]}; there are {', '.join(KINDS)}")
    counts = {kind: int(kills or KINDS[kind]) for kind, kills in kinds.items()}
    tallies = run(counts, steps=asked.steps, seeds=asked.seeds, seed=asked.seed)
    show(tallies)
    return 1 if any(tally.problems for tally in tallies) else 0


if __name__ == "__main__":
    sys.exit(main())
