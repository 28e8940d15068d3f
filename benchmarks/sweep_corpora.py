"""What a sweep file says about the demo corpora that it makes, read and checked before the first one is made."""

import re

from sweep_plan import Corpus, find_cell

from speechbrain_cadino.demo.corpus import check_settings
from speechbrain_cadino.utils.errors import UserError


def read_corpora(content, path):
    """The corpora of a sweep file.

    Arguments
    ---------
    content : dict
        The file. ``corpora`` are generator seeds (a list), or names to settings of `make_demo_corpus` (a dict);
        ``corpus`` has settings for all.
    path : Path
        Its name.

    Returns
    -------
    list of Corpus
    """
    named = content.get("corpora", {})
    if "corpora" not in content and {"corpus", "compare"} & set(content):
        raise UserError(f"{path} has corpus or compare and no corpora: name them, or leave it out.")
    if isinstance(named, list):
        if len(set(map(str, named))) < len(named) or not all(type(seed) is int and seed >= 0 for seed in named):
            raise UserError(f"{path} has corpora {named}: give generator seeds, whole numbers, each once.")
        named = {str(seed): {"seed": seed} for seed in named}
    if "corpora" in content and not named:
        raise UserError(f"{path} has corpora and none in it: name one at least.")
    return [_corpus(str(name), own, content.get("corpus", {}), path) for name, own in named.items()]


def _corpus(name, own, shared, path):
    where = f"The corpus {name} of {path}"
    if not re.fullmatch(r"\w[\w.+-]*", name):
        raise UserError(f"{where} needs a name that can name a folder: rename it.")
    if not isinstance(own, dict) or "seed" not in shared | own:
        raise UserError(f"{where} must be a mapping with seed, the generator's: see benchmarks/README.md.")
    settings = shared | own
    try:
        check_settings(settings)
    except UserError as error:
        raise UserError(f"{where}: {error}") from error
    return Corpus(name, settings)


def read_compare(content, cells, path):
    """The pairs of cells to compare beside those with the baseline, a list of tuples of names, the reference second."""
    pairs = content.get("compare", [])
    for pair in pairs:
        if not isinstance(pair, list) or len(pair) != 2:
            raise UserError(f"{path} has {pair!r} in compare: give pairs of cells, such as [new, old].")
        for name in pair:
            find_cell(name, cells, f"compare of {path}")
    return [tuple(pair) for pair in pairs]
