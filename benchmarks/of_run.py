"""What scripts over a finished DINO run share: their options, its settings as a YAML gives them, its corpus."""

import argparse
from pathlib import Path

from speechbrain_cadino.corpus.manifest import read_manifest
from speechbrain_cadino.training.settings_record import record_settings
from speechbrain_cadino.utils.settings.command_line import parse_arguments
from speechbrain_cadino.utils.settings.load import Settings, build_settings, read_settings, resolved_settings
from speechbrain_cadino.utils.settings.tree import write_tree


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
    """The settings of the YAML with the other options, their record, the device, and the run's training utterances."""
    file, run_opts, given = parse_arguments([options.hparams, *rest, "--output_folder", str(options.output_folder)])
    tree, name = read_settings(file, given), f"The settings {file}"
    tree.items.pop("checkpointer", None)  # which would make its folder
    resolved_settings(tree, name)
    hparams = Settings(**build_settings(tree, name))
    manifest = read_manifest(options.run / "corpus/train.csv", hparams.data_folder)
    return hparams, record_settings(write_tree(tree), name=name), run_opts.device or "cpu", manifest
