"""The compute-optimal frontier: the N and D of least loss at each compute C."""
