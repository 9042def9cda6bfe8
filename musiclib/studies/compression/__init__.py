"""Experiments of the chapter on compression: autoencoders against codecs, and against a limit."""
