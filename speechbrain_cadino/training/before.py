"""What is known to fail before the corpus is read, and right after: nobody should wait for it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from speechbrain.utils.run_opts import RunOptions

from speechbrain_cadino.encoder.speechbrain_folder import check_trust
from speechbrain_cadino.training.loader import check_batch_size
from speechbrain_cadino.utils.devices import check_device
from speechbrain_cadino.utils.distributed import world_size
from speechbrain_cadino.utils.errors import UserError
from speechbrain_cadino.utils.settings.known import PARTS
from speechbrain_cadino.views.sampler import ViewSampler

# Before the names of settings: of the whole run, and of its parts.
PREFIXES = ("", *(f"{part}." for part in PARTS))


def check_before_corpus(get: Callable[[str], Any], run_opts: RunOptions) -> None:
    """Refuse what settings and machine alone show to be impossible.

    Arguments
    ---------
    get : callable
        Name of a setting, ``large_margin.batch_size`` for one of a part, -> its value, None if there is none.
    run_opts : speechbrain.utils.run_opts.RunOptions

    Raises
    ------
    UserError
    """
    check_device(run_opts.device)
    check_trust(get("init"), bool(get("trust_init")))
    for part in PREFIXES:
        batch_size = get(f"{part}batch_size")
        if isinstance(batch_size, (int, float)):  # not auto
            check_batch_size(int(batch_size), f"{part}batch_size")


def check_with_corpus(get: Callable[[str], Any], n_utterances: int) -> None:
    """Refuse what does not go with the number of utterances.

    Arguments
    ---------
    get : callable
        As of `check_before_corpus`, with numbers for what is ``auto``.
    n_utterances : int

    Raises
    ------
    UserError
    """
    for part in PREFIXES:
        batch_size, factor = (
            get(name) if get(f"{part}{name}") is None else get(f"{part}{name}")
            for name in ("batch_size", "grad_accumulation_factor")
        )
        if batch_size is None:
            continue
        check_batch_size(int(batch_size), f"{part}batch_size")
        sampler = ViewSampler(n_utterances, int(batch_size) // world_size(), seed=0, world_size=world_size())
        check_accumulation(1 if factor is None else factor, sampler.batches_per_epoch)


def check_accumulation(factor: float, batches: int) -> None:
    """Refuse to gather the gradients of more batches than an epoch has.

    Arguments
    ---------
    factor : int
        ``grad_accumulation_factor``.
    batches : int
        Of an epoch, on each rank.

    Raises
    ------
    UserError
    """
    if not 1 <= factor <= batches or factor != int(factor):
        raise UserError(
            f"grad_accumulation_factor is {factor:g} and an epoch has {batches} batches: set a whole number from 1 "
            f"to {batches}, or a smaller batch_size."
        )
