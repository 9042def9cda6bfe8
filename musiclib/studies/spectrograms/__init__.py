"""Experiments of the chapter on spectrograms."""
