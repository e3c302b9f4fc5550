"""L = A x^-alpha

M1, the power law, of Alabdulmohsin et al. 2022, "Revisiting neural scaling laws in language and
vision". M2, M3 and M4 each extend it.
"""

from .power_law import PARAMETERS, VARIABLES, loss

__all__ = ["PARAMETERS", "VARIABLES", "loss"]
