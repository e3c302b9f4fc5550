"""Rooms: folders that hold one thing per file, ours and those of installed plugins.

A plugin is a package named by an entry point of the group `scaling_lab.plugins`. It can have any of
these folders, named as ours are:

    mylab/models/  data/  learners/  environments/  backends/
    mylab/laws/  checks/  figures/  claims/  theory/  studies/  estimates/

and their modules are found as if they were ours; see docs/write-a-plugin.md. Finding them does not
import the plugin.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import pkgutil
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

from .errors import LabError, unknown

GROUP = "scaling_lab.plugins"
# Folder of a plugin -> our folder, relative to this package.
ROOMS = {
    "models": "models",
    "data": "data",
    "learners": "learners",
    "environments": "environments",
    "backends": "engine.backends",
    "laws": "analysis.laws",
    "checks": "analysis.checks",
    "figures": "analysis.figures",
    "claims": "analysis.claims",
    "theory": "analysis.theory",
    "studies": "analysis.studies",
    "estimates": "analysis.estimates.domains",
}


# Rooms whose modules register classes, which have names of their own: two files may have one name.
REGISTERED = ("models", "data", "learners", "environments", "backends")


class Module(NamedTuple):
    """A module in a room. name: its dotted name. plugin: the plugin it belongs to, "" for ours."""

    name: str
    file: Path
    plugin: str = ""

    def load(self) -> ModuleType:
        """Import it. Raises LabError, which names the plugin, if a plugin's module fails."""
        if not self.plugin:
            return importlib.import_module(self.name)
        try:
            return importlib.import_module(self.name)
        except LabError:
            raise
        except Exception as error:
            raise LabError(
                f"plugin '{self.plugin}': {self.name} cannot be imported: "
                f"{type(error).__name__}: {error}; correct {self.file} or uninstall the plugin"
            ) from error


def modules(room: str) -> dict[str, Module]:
    """Name -> module of everything in a room: ours first, each sorted by name.

    Files whose names begin with an underscore are left out. If two packages have a module of the
    same name, the first is listed; `load` raises an error for it, and `clashes` reports it.
    `every` lists all.
    """
    found: dict[str, Module] = {}
    for name, module in every(room):
        found.setdefault(name, module)
    return found


def load(room: str, name: str, noun: str) -> ModuleType:
    """Import one module of a room; `noun` is what an error calls it: "law".

    Raises LabError for a name that is unknown or in two packages, and if a plugin's module fails.
    """
    found = modules(room)
    if name not in found:
        raise unknown(noun, name, found)
    if lines := clashes(room, name):
        raise LabError(lines[0])
    return found[name].load()


def clashes(room: str, name: str = "") -> list[str]:
    """A line for each name that two packages have in a room, or for this name alone."""
    first = modules(room)
    return [
        f"'{one}' is in {first[one].name} and in {module.name}; rename one file, or uninstall "
        f"plugin '{module.plugin}'"
        for one, module in every(room)
        if module != first[one] and one == (name or one)
    ]


def problems() -> list[str]:
    """A line for each problem with the plugins; imports all of their modules."""
    lines = [
        f"plugin '{plugin}': there is no package '{package}'; reinstall or uninstall it"
        for plugin, package in plugins().items()
        if not folders(package)
    ]
    for room in ROOMS:
        lines += [] if room in REGISTERED else clashes(room)
        for module in (module for _, module in every(room) if module.plugin):
            try:
                module.load()
            except LabError as error:
                lines.append(str(error))
    return lines


@cache
def plugins() -> dict[str, str]:
    """Name -> package of the installed plugins, as their entry points give them."""
    from importlib.metadata import entry_points

    found: dict[str, str] = {}
    for point in sorted(entry_points(group=GROUP), key=lambda point: point.name):
        if point.module not in found.values():
            found[point.name] = point.module
    return found


def folders(package: str) -> list[str]:
    """The folders of a package, found without importing it or those around it."""
    if package in sys.modules:
        return [*getattr(sys.modules[package], "__path__", [])]
    parent, _, name = package.rpartition(".")
    if parent:
        inside = [Path(folder, name) for folder in folders(parent)]
        return [str(folder) for folder in inside if folder.is_dir()]
    spec = importlib.util.find_spec(package)
    return [*((spec and spec.submodule_search_locations) or [])]


def every(room: str) -> Iterator[tuple[str, Module]]:
    """Name and module of everything in a room, also those that share a name; ours first."""
    if room not in ROOMS:
        raise unknown("room", room, ROOMS)
    homes = [("", f"{__package__}.{ROOMS[room]}")]
    homes += [(plugin, f"{package}.{room}") for plugin, package in plugins().items()]
    for plugin, home in homes:
        listed = [
            (name, Module(f"{home}.{name}", file, plugin))
            for folder in folders(home)
            for name, file in _files(folder, _changed(folder))
        ]
        yield from sorted(listed)


@cache
def _files(folder: str, changed: int) -> list[tuple[str, Path]]:
    """Names and files of the modules in a folder, listed again when it has `changed`."""
    return [
        (
            found.name,
            Path(folder, found.name, "__init__.py")
            if found.ispkg
            else Path(folder, f"{found.name}.py"),
        )
        for found in pkgutil.iter_modules([folder])
        if not found.name.startswith("_")
    ]


def _changed(folder: str) -> int:
    """The time at which files were last added to a folder or removed, in ns; 0 if it is gone."""
    try:
        return os.stat(folder).st_mtime_ns
    except OSError:
        return 0
