"""Design: which runs decide a claim, before they are trained.

`belief` holds what is thought of a law before the next run, `field` what a run would tell about the
losses elsewhere, and `choice` picks runs for a budget.
"""
