"""``improve``: a program rolls out, an environment rewards, what was kept makes it better, as long as that is proven.

STaR (Zelikman et al. 2022, arXiv 2203.14465) and ReST (Gulcehre et al. 2023, arXiv 2308.08998), with the credit of
Q-Transformer (Chebotar et al. 2023, arXiv 2309.10150) for steps: see ``credit``.
"""

from .credit import Attempt, Credit, Tree
from .method import Improve

__all__ = ["Attempt", "Credit", "Improve", "Tree"]
