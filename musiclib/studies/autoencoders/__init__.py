"""Studies of the chapter on autoencoders."""
