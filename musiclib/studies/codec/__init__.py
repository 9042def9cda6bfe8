"""Experiments of the chapter on Melic: against other codecs, and against itself."""
