"""Where the ensembles run. A backend maps a function over ensembles and yields results as they end.

run(train, ensembles, workers) -> iterator of (ensemble, result or exception)
"""
