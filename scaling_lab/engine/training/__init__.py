"""One ensemble in training: the compiled program, the loop around it, its checkpoints."""
