"""Studies: analyses of an experiment's tables as a whole, beside its claims."""
