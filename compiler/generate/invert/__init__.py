"""``invert``: outputs first, by quota; then an input for each, checked for leaks and by a round trip."""

from .compiling import backward
from .invert import Invert

__all__ = ["Invert", "backward"]
