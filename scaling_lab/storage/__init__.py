"""Files: tables of records, kept parameters, locks, atomic writes and the cache."""
