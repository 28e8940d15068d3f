"""Stage II from a folder of SpeechBrain's own: its weights, its clusters alone, or a refusal."""

import shutil

import pytest
import torch

from speechbrain_cadino.encoder.load import load_encoder
from tests.end_to_end.conftest import run_script
from tests.end_to_end.test_dlg_lc import command, corpus, encoder, rows, run  # noqa: F401  fixtures


@pytest.fixture(scope="module")
def plain(encoder, tmp_path_factory):  # noqa: F811
    """An encoder folder without what we write beside SpeechBrain's files."""
    folder = tmp_path_factory.mktemp("plain") / "spkrec"
    folder.mkdir()
    for name in ("hyperparams.yaml", "embedding_model.ckpt", "mean_var_norm_emb.ckpt"):
        shutil.copy(encoder / name, folder)
    return folder


def one_iteration(corpus, output, **settings):  # noqa: F811
    return command(corpus, output, n_iterations=1, number_of_epochs=1, warmup_epochs=0, **settings)


def test_nobody_said_that_its_code_may_run(corpus, plain, tmp_path):  # noqa: F811
    outcome = run_script("train.py", *one_iteration(corpus, tmp_path / "run", init=plain))
    assert "loading it runs whatever code its hyperparams.yaml names" in outcome.error()
    assert "set trust_init to True" in outcome.error() and not (tmp_path / "run/corpus").exists()


def test_its_weights(corpus, plain, encoder, tmp_path):  # noqa: F811
    how = dict(trust_init=True, fresh_encoder=False, lr=0)
    outcome = run(*one_iteration(corpus, tmp_path / "run", init=plain, **how))
    assert "has the same encoder as the YAML: the run starts from its weights" in outcome.out + outcome.err
    wanted, found = (load_encoder(path)[0] for path in (encoder, tmp_path / "run/init_encoder"))
    waves = torch.randn(2, 8000)
    torch.testing.assert_close(found.eval()(waves), wanted.eval()(waves), rtol=1e-4, atol=1e-5)
    ours = run(*one_iteration(corpus, tmp_path / "ours", init=encoder, **(how | {"trust_init": False})))
    assert "same encoder" not in ours.out + ours.err
    tables = [(tmp_path / f"{name}/iteration_1/labels.csv").read_text().split("\n") for name in ("run", "ours")]
    assert [line.rsplit(",", 1)[0] for line in tables[0]] == [line.rsplit(",", 1)[0] for line in tables[1]]
    again = run(*one_iteration(corpus, tmp_path / "run", init=plain, **how))
    assert "nothing was done" in again.out
    changed = shutil.copytree(plain, tmp_path / "changed")
    (changed / "more.txt").write_text("x")
    other = run_script("train.py", *one_iteration(corpus, tmp_path / "run", init=changed, **how))
    assert "holds another encoder" in other.error()


def test_its_clusters_alone_where_it_is_another(corpus, plain, tmp_path):  # noqa: F811
    how = dict(init=plain, trust_init=True, embedding_dim=10, fresh_encoder=False)
    outcome = run(*one_iteration(corpus, tmp_path / "run", **how))
    told = outcome.out + outcome.err
    assert (
        "gives the first clusters alone, and no weights: its embedding_model has lin_neurons 8, the YAML's 10" in told
    )
    assert (tmp_path / "run/init_clusters/embeddings.npy").is_file() and not (tmp_path / "run/init_encoder").exists()
    assert load_encoder(tmp_path / "run/iteration_1/encoder")[1]["embedding_dim"] == 10
    assert rows(tmp_path / "run/iterations.csv")[0]["clusters"]


@pytest.mark.parametrize(
    "change, said",
    [
        (dict(hparams="modules: {}\n"), "cannot be loaded by SpeechBrain's EncoderClassifier"),
        (dict(hparams="- no mapping"), "cannot be loaded by SpeechBrain's EncoderClassifier"),
        (dict(weights=b""), "cannot be loaded by SpeechBrain's EncoderClassifier"),
    ],
)
def test_a_folder_that_is_none(corpus, plain, tmp_path, change, said):  # noqa: F811
    folder = shutil.copytree(plain, tmp_path / "damaged")
    if "hparams" in change:
        (folder / "hyperparams.yaml").write_text(change["hparams"])
    else:
        (folder / "embedding_model.ckpt").write_bytes(change["weights"])
    outcome = run_script("train.py", *one_iteration(corpus, tmp_path / "run", init=folder, trust_init=True))
    assert said in outcome.error()


def test_clusters_that_nobody_asks_for_are_told_before_anything_is_embedded(corpus, plain, tmp_path):  # noqa: F811
    (tmp_path / "labels.csv").write_text("ID,cluster,distance\n")
    how = dict(init=plain, trust_init=True, embedding_dim=10, labels=tmp_path / "labels.csv")
    outcome = run_script("train.py", *one_iteration(corpus, tmp_path / "run", **how))
    assert "and labels give the first labels already: leave one of them out" in outcome.error()
    assert not (tmp_path / "run/init_clusters").exists()
