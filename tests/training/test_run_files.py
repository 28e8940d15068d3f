"""Which encoders a run has: what is made of one later, as its ONNX file is, makes no other run of it."""

from speechbrain_cadino.training.run_files import kept_encoders


def test_what_is_made_of_an_encoder_does_not_count(tmp_path):
    folder = tmp_path / "iteration_1" / "face_encoder"
    folder.mkdir(parents=True)
    for name in ("face_encoder.json", "face_encoder.ckpt"):
        (folder / name).touch()
    before = kept_encoders(tmp_path)
    assert before == ["iteration_1/face_encoder/face_encoder.ckpt", "iteration_1/face_encoder/face_encoder.json"]
    for name in ("README.md", "model.onnx", "model_int8.onnx"):
        (folder / name).touch()
    assert kept_encoders(tmp_path) == before
