"""Fitting a law to a table: the optimum, its intervals, and the evidence for both."""
