"""`python -m scaling_lab` is `scaling-lab`."""

from .cli import main

main()
