"""``revise``: answers criticized and revised by principles, and preferences by them (Constitutional AI)."""

from .method import Revise

__all__ = ["Revise"]
