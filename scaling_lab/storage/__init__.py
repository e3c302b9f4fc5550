"""What is kept on disk: run and curve tables, parameters, locks and the user's cache."""
