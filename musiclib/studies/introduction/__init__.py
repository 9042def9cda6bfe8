"""Measurements and sounds of the introduction.

`pcm` has samples, rounding and lossless coding; `trade_off` the STFT's window and hop; `transforms`
the MDCT; `hearing` demonstrations of masking; `codecs` real codecs on real clips.
"""
