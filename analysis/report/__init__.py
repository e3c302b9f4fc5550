"""The report: an experiment's findings on one self-contained page."""
