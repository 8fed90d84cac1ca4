"""Reading checkpoints: the embedded model, folders, and (by family) published layouts."""
