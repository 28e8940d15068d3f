"""Items of several modalities: the samples are those that each modality gives alone, and partners are of one item."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from speechbrain_cadino.corpus.audio import AudioError
from speechbrain_cadino.corpus.pairing import Pairing
from speechbrain_cadino.encoder.precomputed import EmbeddingTable
from speechbrain_cadino.utils.errors import UserError
from speechbrain_cadino.views.crops import CropSpec
from speechbrain_cadino.views.dataset import ViewDataset
from speechbrain_cadino.views.embeddings import EmbeddingDataset
from speechbrain_cadino.views.loader import ViewLoader
from speechbrain_cadino.views.paired import PairedDataset
from speechbrain_cadino.views.sampler import ViewSampler

CROPS = CropSpec(n_global=1, global_seconds=0.1, n_local=0)


def faces(ids):
    return EmbeddingDataset(EmbeddingTable(ids, np.arange(3.0 * len(ids)).reshape(-1, 3)))


def paired(noises, ids):
    """Voices of ``noises``, and faces of these IDs."""
    voices = ViewDataset(noises, CROPS, seed=3)
    pairing = Pairing.of({"voice": noises.ids, "face": np.array(ids, dtype=noises.ids.dtype)})
    return PairedDataset(pairing, {"voice": voices, "face": faces(ids)})


def batches(dataset, size=4, workers=0, epoch=2):
    loader = ViewLoader(dataset, ViewSampler(len(dataset), size, seed=5), num_workers=workers)
    loader.set_epoch(epoch)
    return list(loader)


def test_voices_are_those_of_the_corpus_without_faces(noises):
    plain = batches(ViewDataset(noises, CROPS, seed=3))
    for ids in ([], list(noises.ids[::2]), list(noises.ids[::-1])):
        for one, other in zip(plain, batches(paired(noises, ids)), strict=True):
            part = other.parts["voice"]
            assert torch.equal(one.items, other.items) and torch.equal(one.items, part.items)
            assert torch.equal(one.waves[0], part.batch.clean)


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("seed", range(3))
def test_partners_are_of_one_item(noises, seed, workers):
    rng = np.random.default_rng(seed)
    some = [name for name in noises.ids if rng.random() < 0.5]
    ids = [str(name) for name in rng.permutation(np.array([*some, "alone", "alone too"], dtype=object))]
    dataset = paired(noises, ids)
    assert len(dataset) == len(noises) + 2
    seen = 0
    for batch in batches(dataset, size=5, workers=workers):
        items = {name: part.items.tolist() for name, part in batch.parts.items()}
        assert sorted(set(sum(items.values(), []))) == sorted(batch.items.tolist())
        for name, part in batch.parts.items():
            for item, row in zip(items[name], part.batch.items.tolist()):
                assert dataset.pairing.rows[name][item] == row
            for other in set(items) - {name}:
                wanted = [items[other].index(item) if item in items[other] else -1 for item in items[name]]
                assert part.partners[other].tolist() == wanted
                seen += sum(row >= 0 for row in wanted)
        if "face" in items:
            rows = batch.parts["face"].batch.items.numpy()
            assert np.array_equal(batch.parts["face"].batch.clean, 3.0 * rows[:, None] + np.arange(3))
    assert seen > 0


def test_a_stand_in_has_no_partner(noises):
    dataset = paired(noises, list(noises.ids))
    read, bad = dataset.datasets["voice"].store.read, 1

    def failing(row, *place):
        if row == bad:
            raise AudioError("it is no audio")
        return read(row, *place)

    dataset.datasets["voice"].store.read = failing
    items = list(range(len(noises)))
    batch = dataset.collate([dataset[1, item] for item in items])
    voices, face = batch.parts["voice"], batch.parts["face"]
    assert batch.failures == ["it is no audio"] and voices.items[bad] != bad
    assert voices.partners["face"].tolist() == [-1 if item == bad else item for item in items]
    assert face.partners["voice"].tolist() == [-1 if item == bad else item for item in items]


def test_a_face_that_cannot_be_read_is_none(noises):
    class Pictures(EmbeddingDataset):
        def __getitem__(self, index):
            return SimpleNamespace(failure="no picture") if index[1] == 2 else super().__getitem__(index)

        def lacks(self, sample):
            return isinstance(sample, SimpleNamespace)

    dataset = paired(noises, list(noises.ids))
    dataset.datasets["face"] = Pictures(dataset.datasets["face"].manifest)
    batch = dataset.collate([dataset[1, item] for item in (1, 2, 3)])
    assert batch.failures == ["no picture"] and batch.parts["face"].items.tolist() == [1, 3]
    assert batch.parts["voice"].partners["face"].tolist() == [0, -1, 1]
    alone = dataset.collate([dataset[1, 2]])
    assert list(alone.parts) == ["voice"] and alone.parts["voice"].partners == {} and alone.failures == ["no picture"]


def test_the_end_of_a_training_is_a_value_there_too(noises):
    dataset = paired(noises, list(noises.ids))
    dataset.datasets["face"] = {(1, row): UserError("no more faces") for row in range(len(noises))}
    assert str(dataset.collate([dataset[1, 0]])) == "no more faces"


def test_rows_that_are_of_no_item(noises):
    with pytest.raises(ValueError, match="rows of face must be of one item each"):
        PairedDataset(
            Pairing.of({"voice": noises.ids, "face": ["x"]}),
            {"voice": ViewDataset(noises, CROPS, seed=3), "face": faces(["x", "y"])},
        )
