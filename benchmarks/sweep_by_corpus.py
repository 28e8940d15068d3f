"""How the cells of a sweep compare over corpora: a corpus is one unit, whatever the number of its trainings."""

import numpy as np
from scipy import stats

from speechbrain_cadino.verification.report import format_table

UNREFITTED = "EER % without refit"
PERCENT = {"change %": ".1f", "95 % from": ".1f", "95 % to": ".1f", "ratio": ".3f"}


def corpora_table(sweep, found, names):
    """The table of a sweep over corpora.

    Arguments
    ---------
    sweep : Sweep
    found : dict
        Finished `Run` to its figures, name to float.
    names : list of str
        The figures, each a table by corpus and cell; cells are compared by the first, and by `UNREFITTED` if it is one.

    Returns
    -------
    str
        The tables, then the comparisons of all cells with the baseline, and of the pairs of ``compare``: by the first
        figure, by `UNREFITTED`, and by the first against the other cell's `UNREFITTED`.
    """
    parts, corpora = [], [corpus.name for corpus in sweep.corpora]
    for name in names:
        values = by_corpus(found, name)
        cells = [cell.name for cell in sweep.cells if cell.name in values]
        rows = [{"corpus": corpus, **_row(values, cells, corpus)} for corpus in corpora]
        rows = [row for row in rows if len(row) > 1]
        if rows:
            whole = [row for row in rows if len(row) == 1 + len(cells)]
            means = {cell: float(np.mean([row[cell] for row in whole])) for cell in cells} if whole else {}
            rows += [{"corpus": f"mean of {len(whole)}", **means}] if len(whole) > 1 else []
            table = format_table(rows, formats=dict.fromkeys(cells, ".4g"))
            parts.append(f"{name}, by corpus\n\n{table}")
    compared = [(names[0], names[0])]
    compared += [(UNREFITTED, UNREFITTED), (names[0], UNREFITTED)] if UNREFITTED in names else []
    parts += [_comparisons(sweep, found, *pair) for pair in compared]
    return "\n\n".join(filter(None, parts)) or "No run of a cell is finished."


def _comparisons(sweep, found, name, reference):
    """The table of one figure of cells against another, or the same, of those that they are compared with."""
    values, references = by_corpus(found, name), by_corpus(found, reference)
    pairs = [(cell.name, sweep.baseline) for cell in sweep.cells if sweep.baseline not in (None, cell.name)]
    rows = [
        {"cell": cell, "against": other, **relative_change(values.get(cell, {}), references.get(other, {}))}
        for cell, other in dict.fromkeys([*pairs, *sweep.compare])
    ]
    rows = [row for row in rows if row["corpora"]]
    of = name if name == reference else f"{name} against {reference}"
    title = f"{of}, relative change, means and 95 % t intervals over corpora; below 0: the cell's is lower"
    return f"{title}\n\n{format_table(rows, formats=PERCENT)}" if rows else ""


def by_corpus(found, name):
    """Cell -> corpus -> seed -> a figure, of the finished runs that have it."""
    values = {}
    for run, of_run in found.items():
        if name in of_run:
            seeds = values.setdefault(run.cell.name, {}).setdefault(run.corpus.corpus.name, {})
            seeds[run.seed] = of_run[name]
    return values


def _row(values, cells, corpus):
    """Cell to the mean over the seeds."""
    of_cells = {cell: values[cell][corpus] for cell in cells if corpus in values[cell]}
    return {cell: float(np.mean(list(seeds.values()))) for cell, seeds in of_cells.items()}


def relative_change(values, reference):
    """How much lower or higher a figure is than another, relative, over the corpora that have both.

    Arguments
    ---------
    values, reference : dict
        Corpus to a dict of seed to figure. In a corpus the means over the seeds that both have are compared; one where
        the reference's is 0 has no ratio and does not count.

    Returns
    -------
    dict
        "corpora"; "lower in", how many of them; "change %", the mean of the relative changes; "95 % from" and
        "95 % to", Student's t interval of that mean; "ratio", the mean of the ratios. What so few corpora do not give
        is left out.

    Example
    -------
    >>> row = relative_change({"a": {1: 9.0}, "b": {1: 7.0, 2: 1.0}}, {"a": {1: 10.0}, "b": {1: 10.0}})
    >>> row["corpora"], row["lower in"], round(row["change %"], 6), round(row["ratio"], 6)
    (2, 2, -20.0, 0.8)
    """
    ratios = []
    for corpus in values.keys() & reference.keys():
        seeds = values[corpus].keys() & reference[corpus].keys()
        below = np.sum([reference[corpus][seed] for seed in seeds])
        if below > 0:
            ratios.append(np.sum([values[corpus][seed] for seed in seeds]) / below)
    row = {"corpora": len(ratios)}
    if not ratios:
        return row
    changes = 100 * (np.array(sorted(ratios)) - 1)  # sorted: the same sum whatever the order of a set
    row |= {"lower in": int((changes < 0).sum()), "change %": float(changes.mean())}
    if len(changes) > 1:
        half = float(stats.t.ppf(0.975, len(changes) - 1) * stats.sem(changes))
        row |= {"95 % from": row["change %"] - half, "95 % to": row["change %"] + half}
    return row | {"ratio": 1 + row["change %"] / 100}
