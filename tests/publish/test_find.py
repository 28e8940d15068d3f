import pytest

from speechbrain_cadino.publish.find import find_encoder


def encoder(folder, name="encoder"):
    (folder / name).mkdir(parents=True)
    (folder / name / f"{name}.json").touch()
    return folder / name


def test_itself_and_the_last_of_a_run(tmp_path):
    one = encoder(tmp_path)
    assert find_encoder(one) == one and find_encoder(tmp_path) == one
    second, _ = encoder(tmp_path / "iteration_2"), (tmp_path / "iteration_11").mkdir()
    assert find_encoder(tmp_path) == second
    tenth = encoder(tmp_path / "iteration_10")  # 10 comes after 2; 11 has none yet
    (tmp_path / "iteration_x").mkdir()
    assert find_encoder(tmp_path) == tenth
    face = encoder(tmp_path / "iteration_2", "face_encoder")
    assert find_encoder(tmp_path) == tenth and find_encoder(tmp_path, face=True) == face == find_encoder(face)
    assert find_encoder(tmp_path / "iteration_2") == second
    last = encoder(tmp_path / "large_margin")
    assert find_encoder(tmp_path) == last


@pytest.mark.parametrize("face", [False, True])
def test_nothing_found_is_left_to_the_loader(tmp_path, face):
    assert find_encoder(tmp_path, face) == tmp_path
