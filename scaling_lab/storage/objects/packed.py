"""Folders that an object store holds as one object each: the checkpoints of a mirror.

    FOLDER/STEP/...     here
    FOLDER/STEP.tar     in the store, so that another machine can go on

For an ordinary folder there is nothing to publish or to fetch.
"""

from __future__ import annotations

import mmap
import shutil
import tarfile
from contextlib import suppress
from pathlib import Path

from ...errors import LabError, cannot_write
from ..atomic import temporary_path
from . import mirror

END = ".tar"
UNPUBLISHED = "unpublished"  # in a folder that the store could not take


def publish(folder: Path) -> None:
    """Publish a folder as one object, then delete its older neighbours in the store.

    Raises LabError if it cannot be published.
    """
    target = mirror.object_of(folder)
    if target is None:
        return
    archive = temporary_path(folder)
    try:
        with tarfile.open(archive, "w") as file:
            file.add(folder, folder.name)
        # The bytes are complete before they are sent, and may be larger than memory.
        with archive.open("rb") as file:
            data = mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ)
        target.bucket.put(target.key + END, memoryview(data))
    except OSError as error:
        raise cannot_write(archive, error) from error
    finally:
        with suppress(OSError):
            archive.unlink(missing_ok=True)
    above = target.key.rpartition("/")[0]
    for name in target.bucket.listing(above):
        if name.endswith(END) and name != folder.name + END:
            target.bucket.delete(f"{above}/{name}")


def fetch(folder: Path) -> None:
    """Unpack into `folder` the folders that the store has for it, unless they are here.

    Folders that are only here are removed, unless they could not be published (`UNPUBLISHED`).
    Raises LabError if the store cannot be read; an archive that cannot be unpacked is left out.
    """
    source = mirror.object_of(folder)
    if source is None:
        return
    names = source.bucket.listing(source.key)
    for old in folder.glob("*"):
        if old.is_dir() and old.name + END not in names and not (old / UNPUBLISHED).exists():
            shutil.rmtree(old, ignore_errors=True)
    for name in names:
        place = folder / name.removesuffix(END)
        if not name.endswith(END) or place.exists():
            continue
        archive = temporary_path(place)
        try:
            data = source.bucket.read(f"{source.key}/{name}")
            folder.mkdir(parents=True, exist_ok=True)
            archive.write_bytes(data)
            with tarfile.open(archive) as file:
                file.extractall(folder, filter="data")
        except (FileNotFoundError, tarfile.TarError):
            shutil.rmtree(place, ignore_errors=True)
        except OSError as error:
            raise cannot_write(place, error) from error
        finally:
            with suppress(OSError):
                archive.unlink(missing_ok=True)


def drop(folder: Path) -> None:
    """Delete a folder, here and in the store."""
    shutil.rmtree(folder, ignore_errors=True)
    if source := mirror.object_of(folder):
        for name in source.bucket.listing(source.key):
            with suppress(LabError):  # it is not needed any more; the next drop tries again
                source.bucket.delete(f"{source.key}/{name}")
