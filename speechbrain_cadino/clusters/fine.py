"""How many clusters k-means makes before they are merged."""

from __future__ import annotations

MERGED_ALL = 5000  # items that are merged one by one; of more, k-means makes a tenth as many clusters first
MOST_MERGED = 50_000  # T; 20 GB


def fine_clusters(n_items: int) -> int:
    """The number for so many items.

    Example
    -------
    >>> [fine_clusters(n_items) for n_items in (10, 5000, 20_000, 60_000, 1_000_000)]
    [10, 5000, 5000, 6000, 50000]
    """
    return min(n_items, max(MERGED_ALL, min(n_items // 10, MOST_MERGED)))
