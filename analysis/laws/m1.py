"""L = A x^-alpha

M1, the power law, of Alabdulmohsin et al. 2022, "Revisiting neural scaling laws in language and
vision": what M2, M3 and M4 each extend.
"""

from .power_law import PARAMETERS, VARIABLES, loss

__all__ = ["PARAMETERS", "VARIABLES", "loss"]
