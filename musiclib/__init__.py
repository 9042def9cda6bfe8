"""Music compression with deep autoencoders: the package behind the executable book.

The rooms of the house, from the ground up, are described in ``docs/architecture.md``.
"""

from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("musiclib")
except PackageNotFoundError:  # a source tree that was never installed
    __version__ = "0+unknown"

__all__ = ["__version__"]
