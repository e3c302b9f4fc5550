"""Verb that checks the installation: doctor."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import typer

from . import app


@app.command()
def doctor() -> None:
    """Show devices, versions, caches and plugins, and what is wrong with them.

    Examples:

        scaling-lab doctor
    """
    import jax

    from .. import plugins
    from ..engine import compilation_cache, provenance
    from ..engine.widths import memory
    from ..storage.cache import cache_path
    from .console import out, size

    compilation_cache.keep()
    for package, version in provenance.versions().items():
        out.print(f"  {package} {version}")
    for device in jax.devices():
        out.print(f"  device {device.id}: {device.platform}, {provenance.device_name()}")
    out.print(f"  memory of a device: {size(memory())}")
    out.print(f"  energy is measured: {'yes' if provenance.energy() is not None else 'no'}")
    for what, place in (
        ("data", cache_path("data")),
        ("compiled programs", compilation_cache.folder()),
    ):
        files = [path for path in place.rglob("*") if path.is_file()] if place.exists() else []
        amount = size(sum(path.stat().st_size for path in files))
        out.print(f"  cache of {what}: {place}, {len(files)} files, {amount}", soft_wrap=True)
    counts = compilation_cache.counts()
    out.print(f"  compiled programs: {counts['hits']} hits, {counts['misses']} misses")
    for name, package in plugins.plugins().items():
        out.print(f"  plugin {name}: {package}")
    problems = [*_problems(cache_path()), *plugins.problems()]
    for problem in problems:
        out.print(f"  [red]wrong[/]: {problem}", soft_wrap=True)
    count = f"{len(problems)} problem{'s' if len(problems) > 1 else ''}"
    out.print(f"  {count}" if problems else "  all is well")
    if problems:
        raise typer.Exit(1)


def _problems(cached: Path) -> list[str]:
    import jax
    import numpy as np

    found = []
    try:
        if float(jax.jit(lambda x: (x @ x).sum())(np.eye(8, dtype=np.float32))) != 8.0:
            found.append("a matrix product on the device is wrong")
    except Exception as error:
        found.append(f"the device does not compute: {error}")
    near = cached
    while not near.exists():
        near = near.parent
    if not os.access(near, os.W_OK):
        found.append(f"the cache {cached} cannot be written; set SCALING_LAB_CACHE")
    elif shutil.disk_usage(near).free < 1 << 30:
        found.append(f"less than 1 GB is free at {near}")
    folder = os.environ.get("SCALING_LAB_DATA")
    if folder and not Path(folder).is_dir():
        found.append(f"SCALING_LAB_DATA is {folder}, which is not a folder")
    return found
