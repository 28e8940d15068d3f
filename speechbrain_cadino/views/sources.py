"""From which utterances the views of an item come."""

import numpy as np


class SameUtterance:
    """Plain DINO: every view of an item comes from the item's own utterance.

    A source is any object called as ``source(rng, item, n_views)``. It must draw from ``rng`` alone and stay the same
    during an epoch; worker processes hold a copy, so what changes between epochs must be in a shared tensor.

    Example
    -------
    >>> SameUtterance()(np.random.default_rng(0), item=7, n_views=3).tolist()
    [7, 7, 7]
    """

    def __call__(self, rng, item, n_views):
        """Utterance index of each view.

        Arguments
        ---------
        rng : np.random.Generator
            The item's own.
        item : int
            The item's index in the manifest.
        n_views : int

        Returns
        -------
        np.ndarray, (n_views,) int64
        """
        return np.full(n_views, item, dtype=np.int64)
