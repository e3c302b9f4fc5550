"""One writer for each experiment, on one machine or many."""
