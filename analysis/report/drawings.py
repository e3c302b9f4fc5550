"""Figures of a report, drawn or taken from what was kept."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .. import style
from ..kept import digest, kept

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class Fits(Mapping[str, Any]):
    """Fits by name, and a digest of each that was read: a figure follows from these alone."""

    def __init__(self, fits: Mapping[str, Any]) -> None:
        self.fits = fits
        self.read: dict[str, str] = {}
        self.names: list[str] | None = None  # if the figure went through them

    def __getitem__(self, name: str) -> Any:
        fit = self.fits.get(name)
        self.read[name] = "" if fit is None else digest(fit.card())
        return self.fits[name]

    def __iter__(self) -> Iterator[str]:
        self.names = list(self.fits)
        return iter(self.fits)

    def __len__(self) -> int:
        self.names = list(self.fits)
        return len(self.fits)

    def same(self, read: Mapping[str, str], names: list[str] | None) -> bool:
        """Whether a figure that read these would find them unchanged."""
        for name in read:
            self.get(name)
        return self.read == read and names in (None, list(self.fits))


def drawn(
    draw: Callable[[Fits], Figure], key: Any, fits: Mapping[str, Any], folder: Path, name: str
) -> tuple[Path, Path]:
    """Write NAME.png and NAME.svg and return both paths.

    The figure follows from its key and from the fits that it reads.
    """

    def make() -> dict[str, Any]:
        reading = Fits(fits)
        png, svg = style.encoded(draw(reading))
        return {
            "png": base64.b64encode(png).decode(),
            "svg": svg.decode(),
            "read": reading.read,
            "names": reading.names,
        }

    def valid(result: Any) -> bool:
        return Fits(fits).same(result["read"], result["names"])

    result = kept(lambda: ["figure", name, key], make, valid)
    return style.write(base64.b64decode(result["png"]), result["svg"].encode(), folder, name)
