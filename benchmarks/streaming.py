"""Images that stream: decoded a second, trained a second, and the time that the device waits.

    python benchmarks/streaming.py [--images 20000] [--side 256] [--size 64] [--folder FOLDER]

CIFAR-10's images, scaled up to `side` and saved as JPEGs, are packed by `data pack` and stream
while a CNN trains on them for one epoch, decoded at `size` pixels. The same steps are trained on
one chunk that stays in memory; the two take turns. The share of waiting is the time for which the
host waited for a chunk, divided by that of the whole training: the device waits no longer than the
host does. On a CPU, decoding also takes time from the cores that train: CPU seconds show how much.

The break-even is the FLOP of training on an image that take as long as decoding it. The images are
kept in FOLDER, by default in the user's cache.
"""

from __future__ import annotations

import argparse
import dataclasses
import shutil
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import jax
import numpy as np
from PIL import Image

from scaling_lab import CNN, Cifar10, PackedImages, Recipe, Run, Supervised
from scaling_lab.data import order
from scaling_lab.engine import feed, program, provenance, trainer
from scaling_lab.images import decode, packing
from scaling_lab.reading import threads
from scaling_lab.storage.cache import cache_path
from scaling_lab.stream import MappedRecords

GPU = 4e14  # FLOP/s that a network reaches on a large GPU
GPU_CORES = 16  # of the host that decodes for it


feeds: list[feed.Feed] = []  # all that were made


class Watched(feed.Feed):
    """A feed that can be asked afterwards how long it made its training wait."""

    def __init__(self, *given) -> None:
        super().__init__(*given)
        feeds.append(self)


class Fixed(Watched):
    """A feed that reads its first chunk only."""

    def at(self, step: int):
        return super().at(0)


def make_images(home: Path, count: int, side: int) -> None:
    """Folders of JPEGs, one a class, from CIFAR-10's training images."""
    train = Cifar10().load().train
    chosen = np.sort(order(len(train.x))[:count])

    def save(i: int) -> None:
        folder = home / f"{train.y[i]}"
        folder.mkdir(parents=True, exist_ok=True)
        image = Image.fromarray(train.x[i]).resize((side, side), Image.Resampling.BICUBIC)
        image.save(folder / f"{i}.jpg", quality=90)

    with ThreadPoolExecutor(threads()) as pool:
        list(pool.map(save, chosen))


def once(path: Path, make: Callable[[Path], None]) -> Path:
    """A folder that is made on first use."""
    if not path.exists():
        temporary = path.with_suffix(".unfinished")
        shutil.rmtree(temporary, ignore_errors=True)
        make(temporary)
        temporary.rename(path)
    return path


def decoded_a_core(source: PackedImages, images: int) -> float:
    """Images a CPU second, in one thread, as they are for a chunk."""
    records = MappedRecords(source.load().train.source, 1)
    batches = np.random.default_rng(0).integers(0, len(records), (images // 64, 64))
    for places in batches[:3]:
        records.read(places)
    began = time.process_time()
    for places in batches:
        records.read(places)
    return batches.size / (time.process_time() - began)


def trained(run: Run, turns: int) -> dict[type[feed.Feed], np.ndarray]:
    """Feed -> wall and CPU seconds of training, and seconds of waiting, summed over all turns."""
    data = program.load(run)
    built = program.build(run, 1, data)
    some = dataclasses.replace(run, steps=max(1, run.steps // turns))
    total = {kind: np.zeros(3) for kind in (Watched, Fixed)}
    for turn in range(-1, turns):  # the first is not counted: it warms up
        for kind in total:
            feed.Feed = kind
            wall, cpu = time.perf_counter(), time.process_time()
            trainer.train(built, data, [some if turn >= 0 else dataclasses.replace(run, steps=2)])
            wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
            if turn >= 0:
                total[kind] += (wall, cpu, feeds[-1].waited)
    return total


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=20_000)
    parser.add_argument("--side", type=int, default=256)
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--channels", type=int, default=16)
    parser.add_argument("--steps", type=int, default=0, help="instead of one epoch")
    parser.add_argument("--turns", type=int, default=4)
    parser.add_argument("--folder", type=Path, default=None)
    given = parser.parse_args()
    home = given.folder or cache_path("benchmarks", "streaming")
    name = f"{given.images}-{given.side}"
    images = once(home / f"images-{name}", lambda to: make_images(to, given.images, given.side))

    pack = home / f"pack-{name}"
    shutil.rmtree(pack, ignore_errors=True)
    began, cpu = time.perf_counter(), time.process_time()
    packed = packing.write(images, pack, given.side, 90, packing.Progress())
    wall, cpu = time.perf_counter() - began, time.process_time() - cpu
    size = sum(path.stat().st_size for path in pack.glob("*.array_record"))
    print(
        f"{provenance.source()['device']}, {threads()} cores; {packed.records:,} JPEGs of ", end=""
    )
    print(f"{given.side} px, {size / packed.records / 1e3:.1f} kB each")
    print(f"packing: {packed.new / wall:,.0f} images/s, {packed.new / cpu:,.0f} a core\n")

    print("| decoded at | simplejpeg, images/s a core | Pillow |\n|---|---|---|")
    ours, rates = decode.simplejpeg, {}
    for side in (given.side, given.side // 2, given.side // 4, given.side // 8):
        source = PackedImages(path=str(pack), size=side, evaluation_images=500)
        found = []
        for decoder in (ours, None):
            decode.simplejpeg = decoder
            found.append(decoded_a_core(source, 2_000))
        decode.simplejpeg = ours
        rates[side] = found[0]
        print(f"| {side} px | {found[0]:,.0f} | {found[1]:,.0f} |")

    source = PackedImages(path=str(pack), size=given.size, evaluation_images=500)
    run = Run(
        learner=Supervised(),
        data=source,
        model=CNN(channels=given.channels, stages=4),
        recipe=Recipe(batch_size=64),
        D=source.spec.examples,
        steps=given.steps or source.spec.examples // 64,
    )
    cost = run.learner.cost(run)
    flop = cost.total / cost.examples
    totals = trained(run, given.turns)
    (streamed, streamed_cpu, waited), (resident, resident_cpu, _) = totals[Watched], totals[Fixed]
    seen = max(1, run.steps // given.turns) * given.turns * run.recipe.batch_size
    rate = flop * seen / resident_cpu  # FLOP/s of a core
    print(
        f"\n{run.model}: {cost.parameters:,} parameters, {flop / 1e6:.0f} MFLOP an image trained;"
    )
    print(f"{seen:,} images at {given.size} px, chunks of {feeds[-1].batches} batches of 64\n")
    print("| | images/s | images/CPU-s | |\n|---|---|---|---|")
    print(f"| decoded | | {rates[given.size]:,.0f} | |")
    print(
        f"| trained, streamed | {seen / streamed:,.0f} | {seen / streamed_cpu:,.0f} | "
        f"waits {waited / streamed:.2%} of {streamed:.0f} s |"
    )
    print(
        f"| trained, one chunk in memory | {seen / resident:,.0f} | {seen / resident_cpu:,.0f} | "
        f"streaming takes {streamed / resident - 1:+.1%} wall, "
        f"{streamed_cpu / resident_cpu - 1:+.1%} CPU |"
    )
    print(
        f"\nbreak-even: {rate / rates[given.size] / 1e6:.1f} MFLOP an image take a core as long "
        f"as decoding ({rate / 1e9:.0f} GFLOP/s a core); a GPU of {GPU / 1e12:.0f} TFLOP/s fed by "
        f"{GPU_CORES} such cores needs {GPU / rates[given.size] / GPU_CORES / 1e9:.1f} GFLOP an "
        "image"
    )


if __name__ == "__main__":
    jax.config.update("jax_transfer_guard", "allow")
    main()
