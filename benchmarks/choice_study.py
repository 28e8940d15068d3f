#!/usr/bin/env python3
"""Do figures without labels choose well? A sweep over corpora of several shapes, and what came of its choices.

> python benchmarks/choice_study.py benchmarks/choice_study.yaml --output OUTPUT

The baseline is the cell of stage II with `n_clusters: auto`; the other cells of stage II have other numbers, and a
cell of `measure_checkpoints.py` has the epochs. For each corpus: Spearman's rank correlation of each figure with the
EER (a figure that tells has it near -1), by epoch and by number of clusters; and the regret, by how much the EER of
what was chosen is above the best one tried. OUTPUT gets ``choice.md``, ``epochs.csv`` and ``counts.csv``. All else is
as in `sweep.py`.
"""

from speechbrain_cadino.utils.imports import stoppable_imports

with stoppable_imports():  # they take seconds
    import numpy as np
    from measure_checkpoints import FIGURES, silhouette_of
    from scipy.stats import spearmanr
    from sweep import parse, run_sweep
    from sweep_runs import is_finished
    from sweep_table import EER

    from speechbrain_cadino.clusters.table import read_label_table
    from speechbrain_cadino.training.history import History
    from speechbrain_cadino.utils.errors import one_sentence_errors
    from speechbrain_cadino.utils.files import atomic_path
    from speechbrain_cadino.verification.report import format_table

BY_EPOCH = ["half_retrieval", "half_rank", "silhouette", "epoch"]  # the last: to keep the last epoch
WITHIN = 5.0  # per cent
FORMATS = {"rank correlation": ".2f", "lowest": ".2f", "highest": ".2f", "EER %": ".2f", "best EER %": ".2f"}
FORMATS |= {"regret %": ".1f", "highest regret %": ".1f"}


def main(arguments=None):
    sweep = run_sweep(parse(arguments, __doc__))
    text = report(sweep)
    print(f"\n{text}")
    with atomic_path(sweep.output / "choice.md") as temporary:
        temporary.write_text(f"{text}\n", encoding="utf-8")


def report(sweep):
    """The tables of a sweep as text: by corpus, then over the corpora; what they are made of goes into its folder."""
    epochs, counts = History(), History()
    for run in sweep.trainings():
        place = {"corpus": run.corpus.corpus.name if run.corpus else "-", "seed": run.seed}
        if is_finished(run) and (run.folder / FIGURES).is_file():
            epochs.rows += [place | row for row in History.read_csv(run.folder / FIGURES).rows]
        if is_finished(run) and (run.folder / "iterations.csv").is_file():
            counts.add(place | {"cell": run.cell.name, **of_clusters(run.folder)})
    judged = []
    for name, history in (("epochs", epochs), ("counts", counts)):
        if history.rows:
            history.write_csv(sweep.output / f"{name}.csv")
    for place, rows in grouped(epochs.rows):
        for figure in BY_EPOCH:
            judged.append({"choice": "epoch", "by": figure, **place, **judge(rows, figure, "epoch")})
    for place, rows in grouped(counts.rows):
        chosen = [row for row in rows if row["cell"] == sweep.baseline]
        judged.append({"choice": "clusters", "by": "auto", **place, **judge(rows, "silhouette", "clusters", chosen)})
    if not judged:
        return "Nothing to choose from is finished."
    return f"{format_table(judged, formats=FORMATS)}\n\n{format_table(over_corpora(judged), formats=FORMATS)}"


def of_clusters(folder):
    """What a run of stage II has come to, and the silhouette of the clusters that it was trained on."""
    row, first = History.read_csv(folder / "iterations.csv").rows[0], folder / "iteration_1"
    ids = (first / "embeddings/ids.txt").read_text(encoding="utf-8").splitlines()
    embeddings, labels = np.load(first / "embeddings/embeddings.npy"), read_label_table(first / "labels.csv")
    wanted = {name: row[name] for name in ("clusters", "ami_speakers", EER) if name in row}
    return wanted | {"silhouette": silhouette_of(embeddings, labels.for_manifest(ids)[0])}


def grouped(rows):
    """Corpus and seed, a dict, and the rows of them."""
    for place in dict.fromkeys((row["corpus"], row["seed"]) for row in rows):
        yield dict(zip(("corpus", "seed"), place)), [row for row in rows if (row["corpus"], row["seed"]) == place]


def judge(rows, figure, what, chosen=None):
    """How a figure goes with the EER over what was tried, and how good the choice is.

    Arguments
    ---------
    rows : list of dict
        What was tried.
    figure : str
        High is good.
    what : str
        The column that tells them apart.
    chosen : list of dict, optional
        The rows that were chosen, one or none. Default: that with the highest figure.

    Returns
    -------
    dict
        What so few rows do not give is left out.

    Example
    -------
    >>> rows = [{"epoch": 1, "x": 0.1, "EER %": 30.0}, {"epoch": 2, "x": 0.3, "EER %": 22.0}]
    >>> judge([*rows, {"epoch": 3, "x": 0.2, "EER %": 20.0}], "x", "epoch")
    {'tried': 3, 'rank correlation': -0.5, 'chosen': 2, 'EER %': 22.0, 'best': 3, 'best EER %': 20.0, 'regret %': 10.0}
    """
    found = {"tried": len(rows)}
    values, eers = [row[figure] for row in rows], [row[EER] for row in rows]
    if len(set(values)) > 1 and len(set(eers)) > 1 and len(rows) > 2:
        found["rank correlation"] = round(float(spearmanr(values, eers).statistic), 6)
    best = min(rows, key=lambda row: row[EER])
    for row in [max(rows, key=lambda row: row[figure])] if chosen is None else chosen:
        found |= {"chosen": row[what], EER: row[EER], "best": best[what], "best EER %": best[EER]}
        if best[EER] > 0:
            found["regret %"] = round(100 * (row[EER] / best[EER] - 1), 6)
    return found


def over_corpora(judged):
    """A row for each way to choose: the mean and extreme correlation and regret, and how often it is within 5 %."""
    rows = []
    for choice, by in dict.fromkeys((row["choice"], row["by"]) for row in judged):
        mine = [row for row in judged if (row["choice"], row["by"]) == (choice, by)]
        row = {"choice": choice, "by": by, "corpora": len(mine)}
        correlations = [one["rank correlation"] for one in mine if "rank correlation" in one]
        regrets = [one["regret %"] for one in mine if "regret %" in one]
        if correlations:
            row |= {"rank correlation": float(np.mean(correlations))}
            row |= {"lowest": min(correlations), "highest": max(correlations)}
        if regrets:
            row |= {"regret %": float(np.mean(regrets)), "highest regret %": max(regrets)}
            row[f"within {WITHIN:g} %"] = f"{sum(regret <= WITHIN for regret in regrets)} of {len(regrets)}"
        rows.append(row)
    return rows


if __name__ == "__main__":
    with one_sentence_errors():
        main()
