"""Views of several lengths in few calls."""

import pytest
import torch
from torch import nn

from speechbrain_cadino.dino.multicrop import MultiCropNet, map_by_length
from tests.dino.conftest import make_student

LENGTHS = [[5], [5, 5], [5, 3], [5, 5, 3, 3, 3], [5, 3, 5], [3, 3, 5, 5, 3]]


def make_views(lengths, batch=4):
    torch.manual_seed(1)
    return [torch.randn(batch, length, 20) for length in lengths]


@pytest.mark.parametrize("lengths", LENGTHS)
def test_each_view_gets_its_own_result_and_neighbours_share_a_call(lengths):
    views, calls = make_views(lengths), []

    def total(batch):
        calls.append(tuple(batch.shape))
        return batch.sum(1)

    for view, result in zip(views, map_by_length(total, views), strict=True):
        torch.testing.assert_close(result, view.sum(1))
    changes = sum(one != other for one, other in zip(lengths, lengths[1:]))
    assert len(calls) == 1 + changes
    assert sum(shape[0] for shape in calls) == 4 * len(lengths)


def test_no_views():
    assert map_by_length(None, []) == []


@pytest.mark.parametrize("lengths", LENGTHS)
def test_each_view_as_if_alone(lengths):
    student, views = make_student().eval(), make_views(lengths)
    embeddings, logits = student(views)
    assert isinstance(embeddings, list) and isinstance(logits, list)
    for view, embedding, row in zip(views, embeddings, logits, strict=True):
        torch.testing.assert_close(embedding, student.encoder.embed(view))
        torch.testing.assert_close(row, student.head(student.encoder.embed(view)))


def test_batch_norm_sees_the_views_of_one_length_in_the_encoder_and_all_in_the_head():
    class Record(nn.Module):
        def __init__(self, layer=None):
            super().__init__()
            self.rows = []

        def embed(self, features):
            self.rows.append(len(features))
            return features.mean(1)

        def forward(self, embeddings):
            self.rows.append(len(embeddings))
            return embeddings

    net = MultiCropNet(Record(), Record())
    net(make_views([5, 5, 3, 3, 3]))
    assert net.encoder.rows == [8, 12] and net.head.rows == [20]
