"""``evolve``: harder and rarer inputs out of those that there are, epoch by epoch (Evol-Instruct)."""

from .method import Evolve

__all__ = ["Evolve"]
