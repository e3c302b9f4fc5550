"""The engine: a plan's runs as compiled ensembles, trained, checkpointed and recorded."""
