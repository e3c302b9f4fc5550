"""Loss against N, and against D, of each family of models, with its law and exponent."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from matplotlib.figure import Figure

from .. import style
from ..experiment_tables import Tables
from ..studies import require
from ._slices import draw_law

PLACE = 2.5
TITLE = "Architectures"
CAPTION = (
    "Loss of each family of models: against N on the largest data size, and against D at the "
    "largest model size trained on several data sizes. Dots are runs; solid: a power law with a "
    "floor; dotted: a pure power law, whose exponent α is in the key with its 95% interval. A "
    "dashed curve comes from a fit that a check doubts. Where families have different objectives "
    "(other learners, other image sizes), compare slopes, not losses."
)
LINES = {"power_law": (0, (1, 1.3)), "power_law_floor": "-"}


def draw(tables: Tables, fits: Mapping[str, Any], studies: Mapping[str, Any]) -> Figure:
    found = require(studies, "architectures")
    variables = list(dict.fromkeys(x for _, x, _ in found.fits))
    families = dict(zip(found.families, style.FAMILIES, strict=False))
    with style.theme():
        made = style.figure(style.DOUBLE if len(variables) > 1 else style.COLUMN, 2.7)
        panels = made.subplots(1, len(variables), sharey=True, squeeze=False)[0]
        for axes, x in zip(panels, variables, strict=True):
            marks, names = [], []
            for family, colour in families.items():
                if ("power_law", x, family) not in found.fits:
                    continue
                fit = found.fits["power_law", x, family]
                axes.plot(fit.points[x], fit.points["L"], "o", color=colour, ms=3.6, mew=0)
                low, high = fit.points[x].min(), fit.points[x].max()
                curved = found.fits.get(("power_law_floor", x, family))
                if curved is not None:
                    draw_law(axes, curved, x, low, high, colour)
                at = [low / 1.1, high * 1.1]
                straight = fit.predict({x: at}).center
                axes.plot(at, straight, color=colour, ls=LINES["power_law"], lw=0.9)
                alpha = fit.params["alpha"]
                marks.append(style.mark(colour, marker="o", linestyle="", ms=4))
                names.append(f"{family}  α {alpha.value:.3f} ({alpha.low:.3f} to {alpha.high:.3f})")
            style.log_axes(axes, x)
            axes.legend(marks, names, loc="best", fontsize="small", frameon=False)
        for axes in panels[1:]:
            axes.set_ylabel("")
    return made
