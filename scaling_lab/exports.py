"""The names a package offers at its top, each imported from its module when it is first used.

They are read from the source: what `__all__` lists in a core module, and the registered classes of
a room. `make dictionary` writes them into `__init__.pyi`, so that type checkers and editors see
them with their types.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

from . import sources

PACKAGES = ("scaling_lab", "scaling_lab.analysis")
HEAD = "# Written by `make dictionary` from the modules; do not edit.\n\n"


class Exports:
    """The names of one package.

    core: modules, by their dotted names in the package, that offer what their `__all__` lists.
    rooms: folders whose modules offer their registered classes.
    """

    def __init__(self, package: str, file: str, core: tuple[str, ...], rooms: tuple[str, ...] = ()):
        self.package, self.folder = package, Path(file).parent
        self.core, self.rooms = core, rooms

    @cached_property
    def homes(self) -> dict[str, str]:
        """Name -> the module of the package that holds it."""
        return dict(sorted(self._found()))

    def get(self, name: str) -> Any:
        """The module's `__getattr__`: imports the name."""
        if name == "__all__":
            return [*self.homes]
        if name.startswith("_") or name not in self.homes:
            raise AttributeError(f"module '{self.package}' has no attribute '{name}'")
        return getattr(importlib.import_module(f"{self.package}.{self.homes[name]}"), name)

    def names(self) -> list[str]:
        """The module's `__dir__`: the public names."""
        return [*self.homes]

    def stub(self) -> str:
        """The text of `__init__.pyi`."""
        lines = sorted(  # as ruff sorts imports: constants first, functions last
            (home, not name.isupper(), name[0].islower(), name) for name, home in self.homes.items()
        )
        return HEAD + "".join(f"from .{home} import {name} as {name}\n" for home, *_, name in lines)

    def _found(self) -> Iterator[tuple[str, str]]:
        for home in self.core:
            file = self.folder.joinpath(*home.split(".")).with_suffix(".py")
            yield from ((name, home) for name in sources.declared(file).exports)
        for room in self.rooms:
            for file in sorted(self.folder.joinpath(room).glob("*.py")):
                found = sources.declared(file).registered
                yield from ((one.cls, f"{room}.{file.stem}") for one in found)


def write() -> None:
    """Write the stubs of our packages."""
    for package in PACKAGES:
        exports: Exports = importlib.import_module(package).EXPORTS
        (exports.folder / "__init__.pyi").write_text(exports.stub())
