"""Clusters as labels: for each row the smallest index of a row in its cluster."""

from __future__ import annotations

import numpy as np

from .spool import Numbers


def merge(labels: Numbers, some: Numbers, others: Numbers) -> None:
    """Join clusters, pair by pair.

    Args:
        labels: Cluster of each row, named by its smallest index; changed.
        some: Rows.
        others: As many rows; each shall be in one cluster with the one of ``some`` at its place.
    """
    while len(some):
        low, high = np.minimum(labels[some], labels[others]), np.maximum(labels[some], labels[others])
        apart = low != high
        if not apart.any():
            return
        some, others = some[apart], others[apart]
        np.minimum.at(labels, high[apart], low[apart])
        while True:
            shorter = labels[labels]
            if np.array_equal(shorter, labels):
                break
            labels[:] = shorter
