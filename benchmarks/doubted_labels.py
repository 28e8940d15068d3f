#!/usr/bin/env python3
"""Labels of which whole sessions are wrong, and what a clustering of compensated embeddings says of them.

> python benchmarks/doubted_labels.py hparams/demo/dlg_lc.yaml --run RUN --seed 1 --output_folder OUT ...

The YAML, with options of train.py, gives corpus, compensation and clustering; RUN, the output folder of a DINO run, the
encoder. Errors are those of `noisy_labels.structured_noise`. A label is doubted if most utterances of its utterance's
cluster have another one. OUT gets the label tables ``given.txt``, ``dropped.txt`` (without the doubted ones) and
``replaced.txt`` (each doubted one replaced by its cluster's), and ``epochs.csv``, a row that says of the doubts what
stage II's says of its gate: ``fraction_kept``, ``gate_precision`` and ``gate_recall``.
"""

from speechbrain_cadino.utils.imports import stoppable_imports

with stoppable_imports():  # they take seconds
    import numpy as np
    from noisy_labels import session_spectra, structured_noise
    from of_run import parser_of_run, read_run

    from speechbrain_cadino.dlg_lc.item_clusters import cluster_labels
    from speechbrain_cadino.dlg_lc.truth import Truth
    from speechbrain_cadino.training.history import History
    from speechbrain_cadino.utils.errors import UserError, one_sentence_errors
    from speechbrain_cadino.utils.files import atomic_path


def main(arguments=None):
    parser = parser_of_run(__doc__, "cluster_compensation and clustering")
    parser.add_argument("--fraction", type=float, default=0.4, help="of the sessions err (default: %(default)s)")
    options, rest = parser.parse_known_args(arguments)
    if not 0 <= options.fraction <= 1:
        raise UserError(f"--fraction is {options.fraction}: give one from 0 to 1.")
    output = options.output_folder
    hparams, _, device, manifest = read_run(options, rest)
    made_by = hparams.clustering, output / "embeddings", device, hparams.cluster_compensation
    hparams.clustering.check(hparams.clustering.n_clusters)
    if manifest.spk_ids is None or (manifest.spk_ids == "").any() or manifest.sessions is None:
        raise UserError(
            f"{options.run / 'corpus/train.csv'} does not say speaker and session of every utterance, of which the "
            "errors are made: prepare the run's corpus with speaker_pattern and session_pattern."
        )
    labels = wrong_labels(manifest, options.fraction, hparams.seed)
    table = cluster_labels(options.run / "encoder", manifest, *made_by)
    clusters = table.for_manifest(manifest.ids)[0]
    replaced = by_cluster(labels, clusters)
    kept = replaced == labels
    write_labels(output / "given.txt", manifest.ids, labels)
    write_labels(output / "dropped.txt", manifest.ids[kept], labels[kept])
    write_labels(output / "replaced.txt", manifest.ids, replaced)
    history = History()
    history.add({"epoch": 0, **as_of_a_gate(kept, Truth(labels, manifest.spk_ids).right)})
    history.write_csv(output / "epochs.csv")
    print(history.rows[0])


def wrong_labels(manifest, fraction, seed):
    """(n,) int64: the true speakers, but for a fraction of the sessions."""
    speakers, sessions = (np.unique(names, return_inverse=True)[1] for names in (manifest.spk_ids, manifest.sessions))
    rng = np.random.default_rng([seed, round(1000 * fraction)])
    labels = structured_noise(speakers, sessions, session_spectra(manifest.wavs, sessions), fraction, rng)
    return np.unique(labels, return_inverse=True)[1]


def by_cluster(labels, clusters):
    """The label that most items of an item's cluster have; of an item in none (-1) its own.

    Example
    -------
    >>> by_cluster(np.array([0, 0, 1, 1, 2]), np.array([0, 0, 0, 1, -1])).tolist()
    [0, 0, 0, 1, 2]
    """
    counts = np.zeros((clusters.max() + 1, labels.max() + 1), dtype=np.int64)
    inside = clusters >= 0
    np.add.at(counts, (clusters[inside], labels[inside]), 1)
    return np.where(inside, counts.argmax(axis=1)[clusters], labels)


def as_of_a_gate(kept, right):
    """The metrics of a gate that keeps these labels, some of them right: (n,) bool each."""
    turned_away = max(1, np.count_nonzero(~kept))
    return {
        "fraction_kept": kept.mean(),
        "gate_precision": np.count_nonzero(~kept & ~right) / turned_away,
        "gate_recall": np.count_nonzero(~kept & ~right) / max(1, np.count_nonzero(~right)),
    }


def write_labels(path, ids, labels):
    with atomic_path(path) as temporary:
        temporary.write_text("".join(f"{name} {label}\n" for name, label in zip(ids, labels)), encoding="utf-8")


if __name__ == "__main__":
    with one_sentence_errors():
        main()
