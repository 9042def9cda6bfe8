"""Experiments of the chapter on metrics."""
