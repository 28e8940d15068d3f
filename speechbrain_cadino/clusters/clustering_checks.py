"""Which settings of a `Clustering` make no sense."""

from __future__ import annotations

from typing import Any

from speechbrain_cadino.clusters.agglomerative import check_linkage
from speechbrain_cadino.clusters.choice import AUTO
from speechbrain_cadino.utils.errors import UserError
from speechbrain_cadino.utils.settings.kinds import is_whole

LEAST_FINE = 4  # of which auto has two numbers to choose from


def check_settings(settings: Any) -> None:
    """Raise a `UserError` if those of k-means aside, which `KMeans` checks, one of a `Clustering` makes no sense."""
    for name, auto in (("n_clusters", True), ("n_fine", False)):
        value = getattr(settings, name)
        if not (value is None or auto and value == AUTO or is_whole(value)):
            raise UserError(f"{name} is {value}: set a whole number{', or auto' if auto else ', or null'}.")
    check_fine(settings.n_clusters or 1, settings.n_fine, settings.linkage)
    check_linkage(settings.linkage)
    power, linkage, n_fine = settings.size_power, settings.linkage, settings.n_fine
    if power != AUTO and not (isinstance(power, (int, float)) and 0 <= power <= 1):
        raise UserError(f"size_power is {power}: set 1 for Ward's method, less for uneven clusters.")
    if power != 1 and (linkage != "ward" or n_fine is None):
        raise UserError(
            f"size_power is {power}, and linkage {linkage} with n_fine {n_fine} knows none: "
            "set ward and an n_fine, or size_power to 1 (--clustering '{size_power: 1}')."
        )
    if not is_whole(settings.plda_rounds, 0):
        raise UserError(f"plda_rounds is {settings.plda_rounds}: set 0 for none, or 1.")


def check_fine(n_clusters: int | str, n_fine: int | None, linkage: str) -> None:
    """Raise a `UserError` if so many clusters cannot be merged of ``n_fine``."""
    if n_clusters == AUTO:
        if n_fine is None or linkage != "ward":
            raise UserError(
                f"n_clusters is auto, n_fine {n_fine} and linkage {linkage}: auto chooses among merges, "
                "so set n_fine, some times the clusters you expect, and ward."
            )
        if n_fine < LEAST_FINE:
            raise UserError(
                f"n_clusters is auto and n_fine {n_fine}, which leaves no choice: set n_fine higher, some "
                "times the clusters you expect."
            )
    elif n_fine is not None and n_fine <= n_clusters:
        raise UserError(f"n_fine is {n_fine} for {n_clusters} clusters: set it higher, or null for none.")
