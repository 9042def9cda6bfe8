"""Experiments of the chapter on the neural codec: against other codecs, and against itself."""
