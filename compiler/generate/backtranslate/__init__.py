"""``backtranslate``: instructions for answers that stand in documents (Humpback, arXiv 2308.06259)."""

from .method import Backtranslate

__all__ = ["Backtranslate"]
