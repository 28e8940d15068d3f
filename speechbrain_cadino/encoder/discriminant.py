"""Linear discriminant analysis of the statistics under an encoder's last layer, in one pass over them.

The covariance of the statistics within the views of an item tells in which directions augmentation moves an utterance,
and how far; divided by its square root, each direction counts by how repeatable it is. That is within-class covariance
normalisation (Hatch et al., 2006) after linear discriminant analysis, with the item as class. Where items have labels,
half of it is the covariance within their classes, which knows what differs between a speaker's recordings, too; only
half, since labels that were found may be wrong.
"""

from __future__ import annotations

import torch

from speechbrain_cadino.utils.distributed import all_reduce


class Scatter:
    """Sums over views of items from which `discriminant_layer` makes a layer: 24 dim^2 bytes, 0.23 GB for 3,072.

    Each class takes 8 dim bytes more: 0.18 GB for 7,500.

    Arguments
    ---------
    dim : int
        Statistics of a view.
    device : torch.device or str
        Where the sums are kept, in float64.
    n_classes : int
        Of items that have labels; 0: each item is a class.

    Example
    -------
    >>> scatter = Scatter(5)
    >>> scatter.add(torch.randn(60, 5), torch.arange(60) % 20)
    >>> scatter.n_items, scatter.n_views
    (20, 60)
    """

    def __init__(self, dim: int, device: torch.device | str = "cpu", n_classes: int = 0) -> None:
        # Within items; between items, all alike; all views: an item's mean as often as it has views.
        self.within, self.between, self.means = torch.zeros(3, dim, dim, dtype=torch.float64, device=device)
        self.sums = torch.zeros(2, dim, dtype=torch.float64, device=device)  # of items' means, and of views
        self.counts = torch.zeros(2, dtype=torch.float64, device=device)
        self.class_sums = torch.zeros(n_classes, dim, dtype=torch.float64, device=device)
        self.class_counts = torch.zeros(n_classes, dtype=torch.float64, device=device)

    n_items = property(lambda self: int(self.counts[0]), doc="Items met so far.")
    n_views = property(lambda self: int(self.counts[1]), doc="Views met so far.")

    def add(self, statistics: torch.Tensor, items: torch.Tensor, classes: torch.Tensor | None = None) -> None:
        """Take in views.

        Arguments
        ---------
        statistics : torch.Tensor
            (n, dim)
        items : torch.Tensor
            (n,) int64, the item that each view shows. All views of an item come in one call.
        classes : torch.Tensor, optional
            (n,) int64, from 0: its item's class, where there are classes.
        """
        x, items = statistics.double(), items.unique(return_inverse=True)[1]
        if classes is not None:
            _add_rows(self.class_sums, classes, x)
            self.class_counts += classes.bincount(minlength=len(self.class_counts))
        counts = items.bincount().double()
        means = _add_rows(x.new_zeros(len(counts), x.shape[1]), items, x) / counts[:, None]
        apart = x - means[items]
        self.within += apart.T @ apart
        self.between += means.T @ means
        self.means += means.T @ (means * counts[:, None])
        self.sums += torch.stack([means.sum(0), x.sum(0)])
        self.counts += torch.stack([counts.new_tensor(float(len(counts))), counts.sum()])

    def all_reduce(self) -> None:
        """Add up what the ranks have. Every rank must call it."""
        of_items = self.within, self.between, self.means, self.sums, self.counts
        for tensor in (*of_items, self.class_sums, self.class_counts):
            all_reduce(tensor)

    def covariance(self) -> torch.Tensor:
        """(dim, dim): within items; where there are classes, the mean of that and of the one within classes."""
        of_items = self.within / (self.n_views - self.n_items)
        if not len(self.class_counts):
            return of_items
        met = self.class_counts > 0
        means = self.class_sums[met] / self.class_counts[met, None].sqrt()  # times the root of their views
        of_classes = (self.within + self.means - means.T @ means) / (self.n_views - met.sum())
        return (of_items + of_classes) / 2


def _add_rows(sums: torch.Tensor, at: torch.Tensor, rows: torch.Tensor) -> torch.Tensor:
    """``sums.index_add_(0, at, rows)`` in the order of the rows; that one's order varies on a GPU, and so its result.

    A row is added in the round that is the number of the rows before it that go to the same place.
    """
    order = at.argsort(stable=True)
    counts = at.bincount()
    rounds = torch.arange(len(at), device=at.device) - (counts.cumsum(0) - counts)[at[order]]
    for number in range(int(counts.max()) if len(at) else 0):
        chosen = order[rounds == number]
        sums[at[chosen]] += rows[chosen]
    return sums


def discriminant_layer(scatter: Scatter, out_dim: int, shrinkage: float = 0.3) -> tuple[torch.Tensor, torch.Tensor]:
    """The linear layer that best tells items apart, given what differs between views of one item or one class.

    Statistics, scaled to variance 1 each, are whitened by `Scatter.covariance`. Of the directions then, the ``out_dim``
    with the largest variance between the items' means are kept, and rotated, always alike, so that no output has much
    more variance than another. A rotation changes no cosine.

    Arguments
    ---------
    scatter : Scatter
        Of two views or more of some item.
    out_dim : int
        Outputs, at most ``dim``.
    shrinkage : float
        Fraction of their mean that is added to the variances within, since a small corpus underrates some.

    Returns
    -------
    weight : torch.Tensor
        (out_dim, dim) float32.
    bias : torch.Tensor
        (out_dim,) float32. Over the views each output has mean 0, and all together the mean square 1.

    Raises
    ------
    ValueError
        If ``out_dim`` is larger than ``dim``, or no item has two views.

    Example
    -------
    >>> scatter, statistics = Scatter(5), torch.randn(60, 5)
    >>> scatter.add(statistics, torch.arange(60) % 20)
    >>> weight, bias = discriminant_layer(scatter, out_dim=3)
    >>> weight.shape, bool(((statistics @ weight.T + bias).mean(0).abs() < 1e-5).all())
    (torch.Size([3, 5]), True)
    """
    dim, (n_items, n_views) = len(scatter.within), scatter.counts
    if out_dim > dim or n_views == n_items:
        raise ValueError(f"{out_dim} outputs of {dim} statistics, {scatter.n_views} views of {scatter.n_items} items.")
    center = scatter.sums[1] / n_views
    total = scatter.within + scatter.means - n_views * torch.outer(center, center)
    scale = (total.diagonal() / (n_views - 1)).clamp_min(1e-12).maximum(1e-12 * center**2).sqrt()
    mean = scatter.sums[0] / n_items
    between = (scatter.between - n_items * torch.outer(mean, mean)) / (n_items - 1)
    scales = torch.outer(scale, scale)
    variances, axes = torch.linalg.eigh(scatter.covariance() / scales)
    whiten = axes / (variances.clamp_min(0) + shrinkage * variances.mean()).sqrt()
    largest = torch.linalg.eigh(whiten.T @ (between / scales) @ whiten)[1][:, -out_dim:]
    noise = torch.randn(out_dim, out_dim, generator=torch.Generator().manual_seed(0), dtype=total.dtype)
    layer = whiten @ largest @ torch.linalg.qr(noise)[0].to(total.device) / scale[:, None]
    layer = layer / ((layer * (total @ layer)).sum() / (n_views * out_dim)).sqrt()
    return layer.T.float(), -(center @ layer).float()
