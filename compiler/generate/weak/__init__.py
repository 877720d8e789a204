"""``weak``: soft labels by a weak LM, for a stronger student (Weak-to-Strong)."""

from .method import Weak

__all__ = ["Weak"]
