"""The first hour on a GPU: what to measure and check there, in parts that survive interruptions.

    python benchmarks/gpu_hour.py [--out FOLDER] [--minutes 9] [--only PART ...] [--toy]

Each part is a process of its own with a time limit; the limits add up to less than 25 minutes. A
part that fails or is killed does not stop the others. A call starts parts while they fit into
`--minutes`; the next call goes on, skipping what is done (`--again` also repeats what failed or was
killed). A part that was running when the call itself was killed starts again. OUT/gpu_hour.json and
OUT/gpu_hour.md hold all results so far, OUT/PART.log the output. Nothing is downloaded: images and
tokens are random unless MNIST is there. `--toy` runs every part at a size for a CPU, a few minutes
in all, in a folder of its own. What the parts are for is in docs/gpu.md.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
LEARNERS = (
    *("bigram_counts", "flow", "gan", "kernel_regression", "language", "memoriser", "pixels"),
    *("policy_gradient", "regression", "supervised", "translation", "vae"),
)
SIZES = ("10M", "30M", "125M", "350M")
# Part -> most seconds.
PARTS = {
    "tests": 120,
    **{f"smoke_{name}": 30 for name in LEARNERS},
    "resume": 60,
    "attention": 60,
    "loop": 90,
    "convolution": 90,
    "widths": 270,
    **{f"tokens_{size}": 110 for size in SIZES},
}
TOY = 240  # most seconds of any part at toy size


def run(part: str, out: Path, toy: bool, limit: float) -> dict:
    """Run a part as a process, killed with its children at the limit; returns its entry."""
    log, found = out / f"{part}.log", out / f"{part}.result.json"
    found.unlink(missing_ok=True)
    words = [sys.executable, str(HERE / "gpu_parts.py"), part, str(found)]
    words += ["--parent", str(os.getpid())]
    began = time.perf_counter()
    with log.open("w") as stream:
        process = subprocess.Popen(
            words + ["--toy"] * toy, stdout=stream, stderr=stream, cwd=HERE, start_new_session=True
        )
        try:
            code = process.wait(limit)
        except subprocess.TimeoutExpired:
            code = None
        finally:  # also on an interrupt, and children that outlived the part
            _kill(process.pid)
            process.wait()
    entry: dict = {"seconds": round(time.perf_counter() - began, 1)}
    if code == 0 and found.exists():
        return {"status": "done", **entry, "result": json.loads(found.read_text())}
    last = [line for line in log.read_text(errors="replace").splitlines() if line.strip()]
    status = "timeout" if code is None else "failed"
    return {"status": status, **entry, "error": last[-1][:300] if last else f"exit status {code}"}


def _kill(group: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(group, signal.SIGKILL)


def table(entries: dict[str, dict]) -> str:
    """The results as a Markdown table, a line for each part."""
    lines = ["| part | status | seconds | result |", "|---|---|---|---|"]
    for part in PARTS:
        entry = entries.get(part, {"status": "not run"})
        result = entry.get("result", {}).get("shown", entry.get("error", ""))
        text = str(result).replace("|", "/").replace("\n", "<br>")
        lines.append(f"| {part} | {entry['status']} | {entry.get('seconds', '')} | {text} |")
    return "\n".join(lines) + "\n"


def save(out: Path, entries: dict[str, dict]) -> None:
    """Write both files, each whole or not at all."""
    for name, text in (
        ("gpu_hour.json", json.dumps(entries, indent=1)),
        ("gpu_hour.md", table(entries)),
    ):
        (out / f"{name}.new").write_text(text)
        (out / f"{name}.new").rename(out / name)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--out", type=Path, help="by default build/gpu_hour, or gpu_hour_toy")
    parser.add_argument(
        "--minutes", type=float, default=9.0, help="start no part that might end later"
    )
    parser.add_argument("--only", nargs="+", choices=list(PARTS), default=list(PARTS))
    parser.add_argument("--again", action="store_true", help="repeat parts that did not succeed")
    parser.add_argument("--toy", action="store_true", help="sizes for a CPU")
    asked = parser.parse_args()
    # So that the part that is running is killed as well.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    out = asked.out or HERE.parent / "build" / ("gpu_hour_toy" if asked.toy else "gpu_hour")
    out.mkdir(parents=True, exist_ok=True)
    known = out / "gpu_hour.json"
    entries = json.loads(known.read_text()) if known.exists() else {}
    if any(entry["toy"] != asked.toy for entry in entries.values()):
        parser.error(f"{known} holds results of the other size; give another --out")
    over = {"done"} if asked.again else {"done", "failed", "timeout"}
    limits = {part: TOY if asked.toy else limit for part, limit in PARTS.items()}
    if (longest := max(limits[part] for part in asked.only)) > 60 * asked.minutes:
        parser.error(f"a part takes up to {longest} s; give --minutes {longest / 60:g} or more")
    end = time.perf_counter() + 60 * asked.minutes
    for part in asked.only:
        if entries.get(part, {}).get("status") in over:
            continue
        if time.perf_counter() + limits[part] > end:
            print(f"{part} needs up to {limits[part]} s: call again to go on")
            break
        print(f"{part}, at most {limits[part]} s ...", flush=True)
        entries[part] = {**run(part, out, asked.toy, limits[part]), "toy": asked.toy}
        save(out, entries)
        print(f"  {entries[part]['status']} in {entries[part]['seconds']} s", flush=True)
    print(table(entries), end="")


if __name__ == "__main__":
    main()
