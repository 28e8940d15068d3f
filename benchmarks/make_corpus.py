#!/usr/bin/env python3
"""Make a demo corpus, unless it is there already; settings of `make_demo_corpus` as JSON.

> python benchmarks/make_corpus.py B/corpus '{"seed": 1, "tail": 0.8}'
"""

import argparse
import json

from speechbrain_cadino.demo.corpus import check_settings, make_demo_corpus
from speechbrain_cadino.utils.errors import UserError, one_sentence_errors


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", help="where it goes")
    parser.add_argument("settings", type=json.loads, nargs="?", default={}, help="by name, as JSON")
    options = parser.parse_args(arguments)
    if not isinstance(options.settings, dict):
        raise UserError(f"The settings are {options.settings!r}: give a JSON mapping, such as '{{\"seed\": 1}}'.")
    check_settings(options.settings)
    print(f"The corpus is in {make_demo_corpus(options.folder, **options.settings)}.")


if __name__ == "__main__":
    with one_sentence_errors():
        main()
