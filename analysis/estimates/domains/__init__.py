"""Estimates by domain, one a file: see ."""
