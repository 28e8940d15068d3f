#!/usr/bin/env python3
"""What the encoder to keep of a DINO run would be worth after each epoch: its EER, and what is known without labels.

> python benchmarks/measure_checkpoints.py hparams/demo/ca_dino.yaml --run RUN --every 2 --output_folder OUT ...

The YAML, with options of train.py, gives the encoder, the corpus, the compensation and the clustering. The encoder is
the mean over ``average_checkpoints`` epochs up to that one, with ``last_layer_refit``, as train.py would keep it if
that epoch were the last. OUT gets ``figures.csv``, a row for each epoch: "EER %" on the development list;
``half_retrieval`` and ``half_rank`` (`HalfRetrieval`); ``silhouette``, the best one over numbers of clusters, at
``clusters``; and ``ami_speakers`` of those, where speakers are known. A second call goes on where the first stopped:
``figures.json`` says of which run and with which settings they are, and others are refused.
"""

from speechbrain_cadino.utils.imports import stoppable_imports

with stoppable_imports():  # they take seconds
    import json

    import numpy as np
    from of_run import parser_of_run, read_run
    from tqdm import tqdm

    import speechbrain_cadino
    from speechbrain_cadino.clusters.choice import AUTO, directions_of, silhouette
    from speechbrain_cadino.clusters.quality import cluster_metrics
    from speechbrain_cadino.encoder.extract import extract_embeddings
    from speechbrain_cadino.training.allowed import is_free
    from speechbrain_cadino.training.averaging import load_average
    from speechbrain_cadino.training.checkpoints import SafeCheckpointer
    from speechbrain_cadino.training.development import DevelopmentList
    from speechbrain_cadino.training.half_retrieval import HalfRetrieval
    from speechbrain_cadino.training.history import History
    from speechbrain_cadino.training.retrieval import retrieval
    from speechbrain_cadino.training.run_files import read_record
    from speechbrain_cadino.training.settings_record import SettingsRecord, tell
    from speechbrain_cadino.training.sources import trials_digest
    from speechbrain_cadino.training.teacher import EMATeacher
    from speechbrain_cadino.utils.errors import UserError, one_sentence_errors
    from speechbrain_cadino.utils.files import atomic_path
    from speechbrain_cadino.utils.settings.faults import fault_line

FIGURES = "figures.csv"


def main(arguments=None):
    options, rest = parse(arguments)
    hparams, settings, device, manifest = read_run(options, rest)
    check(hparams, options.hparams)
    path = options.output_folder / FIGURES
    made_from = {
        "version": speechbrain_cadino.__version__,
        "run": (read_record(options.run) or {}).get("id"),
        "development list": trials_digest(hparams.development_trials),
        "settings": settings._asdict(),
    }
    history = figures_so_far(path, made_from)
    done = {row["epoch"] for row in history.rows}
    checkpointer = SafeCheckpointer(options.run / "save")
    checkpoints = wanted(checkpointer, options.every)
    if not checkpoints:
        raise UserError(f"{options.run / 'save'} holds no checkpoint of a whole epoch: give the folder of another run.")
    measure = Measure(hparams, manifest)
    teacher = EMATeacher(hparams.modules["student"], hparams.teacher_batch_norm).to(device)
    checkpointer.add_recoverable("teacher", teacher)
    for checkpoint in tqdm(checkpoints, "checkpoints", dynamic_ncols=True):
        if checkpoint.meta["epoch"] not in done:
            epoch = checkpoint.meta["epoch"]
            try:
                load_average(teacher, checkpointer, "teacher", hparams.average_checkpoints, up_to=epoch)
            except (KeyError, OSError, RuntimeError) as error:
                raise UserError(
                    f"The checkpoints in {options.run / 'save'} hold no teacher as {options.hparams} builds it "
                    f"({fault_line(error)[:200]}): give that run's own YAML and options."
                ) from error
            history.add({"epoch": epoch, **measure(teacher.model.encoder.eval())})
            if not path.exists():
                with atomic_path(path.with_suffix(".json")) as temporary:
                    temporary.write_text(json.dumps(made_from, indent=1), encoding="utf-8")
            history.write_csv(path)


def parse(arguments):
    parser = parser_of_run(__doc__, "compensation and clustering")
    parser.add_argument("--every", type=int, default=2, help="epochs from one to the next (default: %(default)s)")
    options, rest = parser.parse_known_args(arguments)
    if options.every < 1:
        raise UserError(f"--every is {options.every}: give at least 1.")
    if not (options.run / "save").is_dir():
        raise UserError(f"--run is {options.run}, where there is no folder 'save': give a run's output folder.")
    return options, rest


def check(hparams, name):
    """Refuse the YAML of another kind of run, before anything is embedded."""
    if "student" not in hparams.modules:
        raise UserError(f"{name} trains no student and teacher: give the YAML of a run of DINO.")
    for setting in ("cluster_compensation", "last_layer_refit", "dataset", "average_checkpoints"):
        getattr(hparams, setting)  # which says what is missing
    hparams.clustering.check(AUTO)
    if hparams.development_trials is None:
        raise UserError("development_trials is null: give a trial list to measure on.")


def figures_so_far(path, made_from):
    """The rows that are there, if they were made from the same, a dict; else a `UserError`."""
    if not path.exists():
        return History()
    remedy = "give another --output_folder, or remove that file"
    try:
        was = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
        before, now = SettingsRecord(**was["settings"]), SettingsRecord(**made_from["settings"])
        other = [name for name in made_from if name != "settings" and was[name] != made_from[name]]
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise UserError(
            f"{path} is there, and {path.with_suffix('.json').name}, which would say what it is of, cannot be read "
            f"({fault_line(error)}): {remedy}."
        ) from error
    if other:
        raise UserError(f"{path} is of another {other[0]} than is given now: {remedy}.")
    changed = [name for name in before.differences(now) if not is_free(name)]
    if changed:
        name = changed[0]
        raise UserError(
            f"{path} was measured with {name} {tell(before.get(name))}, and now it is {tell(now.get(name))}: {remedy}."
        )
    return History.read_csv(path)


def wanted(checkpointer, every):
    """The checkpoints of whole epochs, each ``every``-th and the last, from the first on."""
    found = checkpointer.find_checkpoints(
        min_key="epoch", ckpt_predicate=lambda checkpoint: checkpoint.meta["end-of-epoch"]
    )
    return [one for one in found if one is found[-1] or one.meta["epoch"] % every == 0]


class Measure:
    """The figures of an encoder, whose last layer is refitted first if so set.

    Arguments
    ---------
    hparams : Settings
        Of cluster-aware DINO.
    manifest : Manifest
        The training utterances.
    """

    def __init__(self, hparams, manifest):
        self.hparams, self.manifest = hparams, manifest
        self.trials = DevelopmentList(hparams.development_trials, hparams.development_folder, manifest)
        dataset = hparams.dataset(manifest)
        self.halves = HalfRetrieval.of_dataset(dataset, hparams.augmenter, hparams.retrieval_utterances or 500)

    def __call__(self, encoder):
        """Name to number."""
        if self.hparams.last_layer_refit is not None:
            self.hparams.last_layer_refit.refit(encoder, self.manifest, "last_layer_refit")
        figures = {"EER %": self.trials(encoder)["EER %"], **retrieval(*self.halves.kept(encoder))}
        if self.hparams.cluster_compensation is not None:
            encoder = self.hparams.cluster_compensation(encoder, self.manifest)
        embeddings, ids = extract_embeddings(encoder, self.manifest, progress=False)
        labels, _ = self.hparams.clustering(embeddings - embeddings.mean(axis=0), AUTO)
        rows = np.isin(self.manifest.ids, np.array(ids, dtype=self.manifest.ids.dtype))
        speakers = None if self.manifest.spk_ids is None else self.manifest.spk_ids[rows]
        found = cluster_metrics(labels, spk_ids=speakers)
        figures["silhouette"] = silhouette_of(embeddings, labels)
        return figures | {name: found[name] for name in ("clusters", "ami_speakers") if name in found}


def silhouette_of(embeddings, labels):
    """`silhouette` of clusters of embeddings (n, dim), which are centered; all items that have a label (-1: none)."""
    rows = np.asarray(embeddings, dtype=np.float64)
    directions = directions_of(rows - rows.mean(axis=0))[labels >= 0]
    return silhouette(directions, np.unique(labels[labels >= 0], return_inverse=True)[1])


if __name__ == "__main__":
    with one_sentence_errors():
        main()
