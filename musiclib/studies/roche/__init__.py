"""Experiments of the chapter that repeats a comparison of autoencoders of spectral frames."""
