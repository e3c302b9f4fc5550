"""L = E + A x^-alpha

M2, the power law above a floor, of Alabdulmohsin et al. 2022, "Revisiting neural scaling laws in
language and vision": M1 with a floor E at large x.
"""

from .power_law_floor import PARAMETERS, VARIABLES, loss

__all__ = ["PARAMETERS", "VARIABLES", "loss"]
