"""``clean``: rows that people wrote, in better words, and proof that they still say the same (level 2)."""

from .method import Clean

__all__ = ["Clean"]
