"""Registration: what an experiment predicted, and when, relative to its runs.

`texts` says what is registered and digests it, `log` keeps it in `results/NAME/registered.jsonl`,
and `history` finds it in git for results that are older than this file.
"""
