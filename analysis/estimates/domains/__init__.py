"""Domains of estimates, one a file: see `analysis/estimates/__init__.py`."""
