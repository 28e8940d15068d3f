"""What scripts over a finished DINO run share: their options, its settings as a YAML gives them, its corpus."""

import argparse
from pathlib import Path

from speechbrain_cadino.corpus.manifest import read_manifest
from speechbrain_cadino.utils.settings.command_line import parse_arguments
from speechbrain_cadino.utils.settings.load import Settings, load_settings


def parser_of_run(doc, needs):
    """An `ArgumentParser` with the YAML, ``--run`` and ``--output_folder``; what else is given is train.py's."""
    parser = argparse.ArgumentParser(
        description=doc, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    parser.add_argument("hparams", help=f"a YAML with {needs}")
    parser.add_argument("--run", type=Path, required=True, help="output folder of a finished DINO run")
    parser.add_argument("--output_folder", type=Path, required=True)
    return parser


def read_run(options, rest):
    """The settings of the YAML with the other options, the device, and the training utterances of the run."""
    file, run_opts, given = parse_arguments([options.hparams, *rest, "--output_folder", str(options.output_folder)])
    hparams = Settings(**load_settings(file, given))
    return hparams, run_opts.device or "cpu", read_manifest(options.run / "corpus/train.csv", hparams.data_folder)
