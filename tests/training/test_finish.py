"""What follows training: the development list, and the encoder with its mean and threshold."""

import json
import pickle
from itertools import combinations

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from speechbrain_cadino.corpus.audio import read_audio
from speechbrain_cadino.corpus.manifest import Manifest, some_utterances
from speechbrain_cadino.inference import SpeakerEncoder
from speechbrain_cadino.training.development import DevelopmentList, development_list
from speechbrain_cadino.training.finish import export_with_threshold
from speechbrain_cadino.utils.errors import UserError
from speechbrain_cadino.verification import eer
from tests.encoder.conftest import tiny_encoder


@pytest.fixture(scope="module")
def net():
    torch.manual_seed(0)
    return tiny_encoder()


@pytest.fixture(scope="module")
def embeddings(net, noises):
    """(8, dim), one file after the other."""
    with torch.no_grad():
        return torch.cat([net(torch.from_numpy(read_audio(wav))[None]) for wav in noises.wavs])


@pytest.fixture
def trials(noises, tmp_path):
    """All pairs of the eight files, half of them called targets."""
    lines = [f"{(i + j) % 2} {noises.ids[i]}.wav {noises.ids[j]}.wav\n" for i, j in combinations(range(8), 2)]
    path = tmp_path / "trials.txt"
    path.write_text("".join(lines))
    return path


def folder_of(noises):
    return noises.wavs[0].rpartition("/")[0]


def test_the_development_list_is_scored_less_the_training_mean(net, noises, embeddings, trials):
    found = DevelopmentList(trials, folder_of(noises), noises.subset(range(3)))(net)
    centered = F.normalize(embeddings - embeddings[:3].mean(0), dim=1)
    scores = {(i + j) % 2: [] for i, j in combinations(range(3), 2)}
    for i, j in combinations(range(8), 2):
        scores[(i + j) % 2].append(float(centered[i] @ centered[j]))
    rate = eer(np.array(scores[1]), np.array(scores[0]))[0]
    assert found["EER %"] == pytest.approx(100 * rate, abs=1e-6)
    assert set(found) == {"EER %", "minDCF(0.01)", "minDCF(0.05)"}


def test_the_encoder_stays_in_its_mode_and_draws_no_random_number(net, noises, trials):
    development = DevelopmentList(trials, folder_of(noises), noises)
    net.train()
    weights, random = {name: value.clone() for name, value in net.state_dict().items()}, torch.get_rng_state()
    development(net)
    assert net.training
    torch.testing.assert_close(dict(net.state_dict()), weights, rtol=0, atol=0)
    assert torch.equal(torch.get_rng_state(), random)
    net.eval()


def test_a_mean_of_some_utterances_is_enough(noises, trials):
    assert some_utterances(noises, 8) is noises
    some = [some_utterances(noises, 3, seed).ids.tolist() for seed in range(20)]
    assert all(len(set(ids)) == 3 and ids == sorted(ids) for ids in some)
    assert len(set(map(tuple, some))) > 5
    assert some[0] == some_utterances(noises, 3).ids.tolist()
    assert len(DevelopmentList(trials, folder_of(noises), noises, max_utterances=3).manifest) == 3


def test_a_missing_list_is_told_before_training(noises, tmp_path):
    with pytest.raises(UserError, match="trials.txt"):
        DevelopmentList(tmp_path / "trials.txt", folder_of(noises), noises)


@pytest.mark.parametrize(
    "lines, message",
    [("1 0.wav 1.wav\n0 0.wav absent.wav\n", "absent.wav, which the trials name"), ("1 0.wav 1.wav\n", "trial list")],
)
def test_a_list_that_cannot_be_scored_is_told_before_training(noises, tmp_path, lines, message):
    (tmp_path / "trials.txt").write_text(lines)
    with pytest.raises(UserError, match=message):
        DevelopmentList(tmp_path / "trials.txt", folder_of(noises), noises)


@pytest.mark.parametrize("fraction", [0.2, 0.5])
def test_the_exported_encoder_has_the_mean_and_the_threshold(net, noises, embeddings, tmp_path, fraction):
    folder = export_with_threshold(net, noises, tmp_path / "encoder", false_acceptance=fraction, info={"epochs": 3})
    encoder = SpeakerEncoder.from_folder(folder)
    centered = embeddings - embeddings.mean(0)
    torch.testing.assert_close(encoder.encode_files(noises.wavs.tolist()), centered, rtol=1e-4, atol=1e-4)
    # Files 2 i and 2 i + 1 are of one session, and so are no impostors.
    pairs = [(i, j) for i, j in combinations(range(8), 2) if i // 2 != j // 2]
    scores = [float(F.cosine_similarity(centered[i], centered[j], 0)) for i, j in pairs]
    assert np.mean(np.array(scores) > encoder.threshold) == pytest.approx(fraction, abs=0.1)
    metadata = json.loads((folder / "encoder.json").read_text())
    card = (folder / "README.md").read_text(encoding="utf-8")
    assert f"A cosine of **{encoder.threshold:.4f}** or more" in card and "| epochs | 3 |" in card
    assert metadata["info"] == {"epochs": 3} and f"{fraction:.2%} of random pairs" in metadata["threshold_from"]


def test_an_utterance_that_cannot_be_read_any_more_is_left_out(net, noises, embeddings, tmp_path):
    rows = [0, 1, 2, 3]
    wavs = [*noises.wavs[:3], str(tmp_path / "gone.wav")]
    manifest = Manifest(noises.ids[rows], wavs, noises.starts[rows], noises.stops[rows], None, noises.sessions[rows])
    encoder = SpeakerEncoder.from_folder(export_with_threshold(net, manifest, tmp_path / "encoder"))
    wanted = embeddings[:1] - embeddings[:3].mean(0)
    torch.testing.assert_close(encoder.encode_files(str(noises.wavs[0])), wanted, rtol=1e-4, atol=1e-4)


def test_an_encoder_without_impostor_pairs_is_exported_without_a_threshold(net, noises, tmp_path, caplog):
    folder = export_with_threshold(net, noises.subset([0, 1]), tmp_path / "encoder")
    assert SpeakerEncoder.from_folder(folder).threshold is None
    assert "no default threshold" in caplog.text


def test_one_rank_alone_reads_a_development_list(noises, trials, monkeypatch):
    made = development_list(trials, folder_of(noises), noises)
    assert isinstance(made, DevelopmentList) and len(made.trials.labels) == 28
    monkeypatch.setattr("speechbrain_cadino.utils.on_main.world_size", lambda: 2)
    monkeypatch.setattr("speechbrain_cadino.utils.on_main.is_main", lambda: False)

    class Store:
        def check(self, keys):
            return True

        def get(self, key):
            return pickle.dumps(("done", None))

    monkeypatch.setattr("torch.distributed.distributed_c10d._get_default_store", Store)
    assert development_list("absent.txt", "nowhere", noises) is None
