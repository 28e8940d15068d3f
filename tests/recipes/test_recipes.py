"""The table of recipes, in SpeechBrain's format: it is whole, and each row's debug flags run on a generated corpus."""

import csv
import re
import shlex
from pathlib import Path

import numpy as np
import pytest

from tests.end_to_end.conftest import RECIPE, make_corpus, one_thread, run_script  # noqa: F401 (a fixture)
from tests.faces.conftest import picture, save

ROOT = RECIPE.parents[2]
TABLE = ROOT / "tests/recipes/VoxCeleb.csv"
CORPUS = "tests/tmp/corpus"  # as the flags name it
# SpeechBrain's own tests read these by name.
COLUMNS = "Task Dataset Script_file Hparam_file Data_prep_file Readme_file Result_url HF_repo test_debug_flags"
COLUMNS = [*COLUMNS.split(), "test_debug_checks", "performance"]


def read_table():
    with open(TABLE, newline="") as file:
        return list(csv.DictReader(file))


ROWS = {row["Hparam_file"].partition("/hparams/")[2]: row for row in read_table()}


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    """The folder of a corpus with faces and the lists that the flags name: four talkers for training, two for them."""
    pairs = [(1, 16, 18), (1, 20, 22), (0, 16, 20), (0, 17, 22), (0, 19, 21)]
    corpus = make_corpus(tmp_path_factory.mktemp("corpus"), 6, 2, 16000, training=16, pairs=pairs)
    (corpus.folder / "trials_dev.txt").write_text((corpus.folder / "trials.txt").read_text())
    (corpus.folder / "labels.txt").write_text("".join(f"{name} {name.split('/')[0]}\n" for name in corpus.names))
    vectors = np.random.default_rng(0).standard_normal((len(corpus.names), 8))
    np.savez(corpus.folder / "embeddings.npz", embeddings=vectors, ids=np.array(corpus.names))
    for number, session in enumerate(sorted({name.rpartition("/")[0] for name in corpus.names})):
        save(corpus.folder / "faces" / session / "0.png", picture(number))
    return corpus.folder


def test_every_yaml_has_one_row():
    """But for what the others share."""
    files = {path.relative_to(ROOT).as_posix() for path in (RECIPE / "hparams").rglob("*.yaml")}
    files -= {path for path in files if path.endswith("/base.yaml") or "/parts/" in path}
    assert sorted(row["Hparam_file"] for row in read_table()) == sorted(files)


def test_the_columns_are_speechbrains():
    assert all(list(row) == COLUMNS for row in read_table())


@pytest.mark.parametrize("name", ROWS)
def test_the_files_of_a_row_exist(name):
    files = [ROWS[name][column] for column in COLUMNS if column.endswith("_file")]
    assert [file for file in files if not (ROOT / file).is_file()] == []


@pytest.mark.parametrize("name", ROWS)
def test_the_flags_of_a_row_run(corpus, tmp_path, name):
    row = ROWS[name]
    flags = shlex.split(row["test_debug_flags"].replace(CORPUS, str(corpus)))
    script = Path(row["Script_file"]).name
    outcome = run_script(
        script, ROOT / row["Hparam_file"], *flags, f"--output_folder={tmp_path / 'run'}", "--device=cpu"
    )
    assert outcome.status == 0, outcome
    expected = re.search(r"file_exists=\[(.+?)\]", row["test_debug_checks"])[1].split(",")
    assert [file for file in expected if not (tmp_path / "run" / file).is_file()] == []
