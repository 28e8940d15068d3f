"""A YAML with the options of a command line: loaded, trained, and loaded anew where a run has several parts."""

import io

from hyperpyyaml.core import recursive_update
from ruamel.yaml import YAML

from speechbrain_cadino.training.finish import export_with_threshold
from speechbrain_cadino.training.loader import make_train_loader
from speechbrain_cadino.utils.distributed import is_main
from speechbrain_cadino.utils.files import make_folder
from speechbrain_cadino.utils.settings import Settings, load_settings
from speechbrain_cadino.verification.report import format_table

TABLE = ["epoch", "loss", "max_entropy", "entropy_of_mean", "mean_entropy", "entropy_gap", "embedding_spread"]
TABLE += [
    "gate_threshold",
    "fraction_kept",
    "fraction_corrected",
    "gate_precision",
    "gate_recall",
    "corrected_accuracy",
]
TABLE += ["EER %", "minDCF(0.01)", "minDCF(0.05)", "seconds"]


class Experiment:
    """The settings of a run, its objects built, and its output folder made.

    Arguments
    ---------
    hparams_file : str or Path
    overrides : str
        YAML of settings to replace, as `speechbrain.parse_arguments` returns it.
    run_opts : speechbrain.utils.run_opts.RunOptions

    Attributes
    ----------
    settings : dict
        The YAML's top level.
    hparams : Settings
        The same, as attributes.

    Raises
    ------
    UserError
        As `load_settings`, or if the output folder cannot be made.
    """

    def __init__(self, hparams_file, overrides, run_opts):
        self.hparams_file, self.overrides, self.run_opts = hparams_file, overrides, run_opts
        self.settings = load_settings(hparams_file, overrides)
        self.hparams = Settings(**self.settings)
        make_folder(self.hparams.output_folder)

    def changed(self, settings):
        """The same YAML, all its objects built anew and the seed set again, with more settings (a dict) replaced."""
        text, yaml = io.StringIO(), YAML()  # it keeps tags such as !ref
        overrides = yaml.load(self.overrides) or {}
        recursive_update(overrides, settings)
        yaml.dump(overrides, text)
        return Experiment(self.hparams_file, text.getvalue(), self.run_opts)

    def train(self, manifest, development=None):
        """Train to the end, from the last checkpoint on; then the main rank exports the encoder and says how it is.

        Arguments
        ---------
        manifest : Manifest
            The training utterances.
        development : DevelopmentList, optional

        Returns
        -------
        dict of float
            The metrics of the last epoch; on the main rank the error rates are those of the exported encoder.
        """
        hparams = self.hparams
        dataset = hparams.dataset(manifest)
        brain = hparams.brain_class(
            modules=hparams.modules,
            opt_class=hparams.opt_class,
            hparams=self.settings,
            run_opts=self.run_opts,
            checkpointer=hparams.checkpointer,
            evaluate_development=development,
        )
        brain.fit_loader(make_train_loader(dataset, hparams.batch_size, hparams.seed, **hparams.loader_options))
        metrics = dict(brain.history.rows[-1])
        return {**metrics, **_finish(brain, manifest, development)} if is_main() else metrics


def _finish(brain, manifest, development):
    """Print the table of the run, export the encoder averaged over the last epochs, and give its error rates."""
    columns = [name for name in TABLE if name in brain.history.columns()]
    print(format_table(brain.history.rows, columns))
    encoder, metrics = brain.encoder_to_export(), {}
    info = {"epochs": brain.hparams.epoch_counter.current, "utterances": len(manifest)}
    if development is not None:
        info["development list"] = metrics = development(encoder)
        print("\nThe encoder to keep, averaged over the last epochs, on the development list:")
        print(format_table([metrics]))
    folder = export_with_threshold(encoder, manifest, f"{brain.hparams.output_folder}/encoder", info=info)
    print(f"\nThe encoder is in {folder}: SpeakerEncoder.from_folder loads it, and SpeechBrain's from_hparams.")
    return metrics
