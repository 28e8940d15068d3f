"""The metrics of every epoch: rows that differ, the file, the plot, the checkpoint."""

import math

import matplotlib.image
import pytest

from speechbrain_cadino.training.history import History
from speechbrain_cadino.utils.errors import UserError

ROWS = [
    {"epoch": 1, "loss": 6.9},
    {"epoch": 2, "loss": math.nan, "EER %": 31.0},
    {"epoch": 3, "loss": 5.0, "EER %": 30.0},
]


@pytest.fixture
def history():
    history = History()
    for row in ROWS:
        history.add(row)
    return history


def test_rows_are_kept_as_they_were_added(history):
    row = {"epoch": 4}
    history.add(row)
    row["epoch"] = 5
    assert history.rows[3] == {"epoch": 4}
    assert history.columns() == ["epoch", "loss", "EER %"]


def test_csv_has_all_columns_and_leaves_empty_what_is_missing(history, tmp_path):
    history.write_csv(tmp_path / "deep" / "epochs.csv")
    assert (tmp_path / "deep" / "epochs.csv").read_text() == "epoch,loss,EER %\n1,6.9,\n2,nan,31.0\n3,5.0,30.0\n"
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["epochs.csv"]


def test_the_picture_has_a_panel_for_each_title_that_has_something_to_draw(history, tmp_path):
    widths = []
    for panels in ({"a": ["loss"]}, {"a": ["loss"], "none": ["unknown"], "b": ["EER %"]}, {"none": ["unknown"]}):
        history.plot(tmp_path / "epochs.png", panels)
        image = matplotlib.image.imread(tmp_path / "epochs.png")
        widths.append(image.shape[1])
        assert image.shape[0] > 300 and image[..., :3].min() < 0.5
    assert widths == [480, 2 * 480, 480]


def drawn(history, panels, monkeypatch):
    """The figure that `plot` writes."""
    figures = []
    monkeypatch.setattr("speechbrain_cadino.training.history.write_figure", lambda figure, path: figures.append(figure))
    history.plot("epochs.png", panels)
    return figures[0]


def test_curves_that_lie_on_each_other_are_each_seen(monkeypatch):
    history = History()
    for epoch in (1, 2):
        history.add({"epoch": epoch, "fraction_kept": 1.0, "face_fraction_kept": 1.0})
    names = ["fraction_kept", "fraction_corrected", "face_fraction_kept"]
    lines = drawn(history, {"fractions": names}, monkeypatch).axes[0].lines
    assert [line.get_label() for line in lines] == ["fraction_kept", "face_fraction_kept"]
    assert [line.get_linestyle() for line in lines] == ["-", "--"]


def test_the_ticks_of_one_epoch_are_whole_numbers(monkeypatch):
    history = History()
    history.add({"epoch": 0, "EER %": 30.0})
    axes = drawn(history, {"EER": ["EER %"]}, monkeypatch).axes[0]
    assert axes.get_xticks().tolist() == [-1, 0, 1]


def test_many_panels_come_in_rows(history, tmp_path):
    history.plot(tmp_path / "epochs.png", {str(number): ["loss"] for number in range(6)})
    height, width, _ = matplotlib.image.imread(tmp_path / "epochs.png").shape
    assert (width, height) == (4 * 480, 2 * 384)


def test_a_checkpoint_gives_the_rows_back(history, tmp_path):
    history.save(tmp_path / "history.ckpt")
    found = History()
    found.add({"epoch": 9})
    found.load(tmp_path / "history.ckpt")
    assert repr(found.rows) == repr(ROWS)


def test_a_folder_that_cannot_be_made_is_a_sentence(history, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="cannot be made"):
        history.write_csv(tmp_path / "file" / "epochs.csv")
