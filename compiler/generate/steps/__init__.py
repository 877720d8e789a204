"""``steps``: labels of steps for process reward models, best of N, and what people should label next.

After Let's Verify Step by Step (Lightman et al. 2023, arXiv 2305.20050). Attempts at the task's examples, those that
the store has or new ones, are labelled step by step (by rules, an LM, rollouts, people or a PRM) and land as traces
from which ``limbeck export --kind stepwise`` makes rows for training a PRM. With a scorer the best attempt at each
example is chosen. Deviations from the paper: labels come from anybody and not from people alone; who labels by rules
calls neutral what cannot be checked; and see ``select`` for active selection.
"""

from .generator import Stepwise

__all__ = ["Stepwise"]
