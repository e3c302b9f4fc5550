"""Claims: an experiment's predictions, each evaluated on its tables to a verdict."""
