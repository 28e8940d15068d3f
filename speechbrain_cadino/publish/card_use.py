"""How to use an encoder folder: the code of its card, which tests run."""

from __future__ import annotations

from speechbrain_cadino.publish.facts import Facts

OURS = """\
With speechbrain-cadino; FOLDER is this folder, or where `huggingface_hub.snapshot_download` has put it:

```python
from speechbrain_cadino.inference import {encoder}

encoder = {encoder}.from_folder("FOLDER")
embeddings = encoder.encode_files(["{first}", "{second}"])
{decision}
```
"""
DECISION = 'score, same = encoder.verify_files("{first}", "{second}")'
SCORE = 'score, same = encoder.verify_files("{first}", "{second}", threshold=0.3)  # one of your own'
PLAIN = """\
With plain SpeechBrain:

```python
from speechbrain.inference.speaker import SpeakerRecognition

verifier = SpeakerRecognition.from_hparams(source="FOLDER")
score, _ = verifier.verify_files("a.wav", "b.wav")
{decision}
```
"""
ONNX = """\
With ONNX Runtime alone, on files of one channel at 16 kHz{how}:

```python
import numpy as np
import onnxruntime
import soundfile

session = onnxruntime.InferenceSession("FOLDER/{file}", providers=["CPUExecutionProvider"])
waves = [soundfile.read(path, dtype="float32")[0] for path in ("a.wav", "b.wav")]
x, y = (session.run(None, {{"waves": wave[None]}})[0][0] for wave in waves)
score = x @ y / np.linalg.norm(x) / np.linalg.norm(y)
{decision}
```
"""
ONNX_FACES = """\
With ONNX Runtime alone, on aligned crops of faces of {size} x {size} pixels{how}:

```python
import numpy as np
import onnxruntime
from PIL import Image

session = onnxruntime.InferenceSession("FOLDER/{file}", providers=["CPUExecutionProvider"])
images = np.stack([np.asarray(Image.open(path).convert("RGB")) for path in ("a.png", "b.png")])
x, y = session.run(None, {{"images": images.transpose(0, 3, 1, 2)}})[0]
score = x @ y / np.linalg.norm(x) / np.linalg.norm(y)
```
"""
FROM_METADATA = 'same = score >= float(session.get_modelmeta().custom_metadata_map["threshold"])'


def use(facts: Facts) -> str:
    """Code for this package, for plain SpeechBrain and for ONNX Runtime."""
    threshold, of_faces = facts.metadata.get("threshold"), facts.kind == "face"
    names = {"first": "a.png", "second": "b.png"} if of_faces else {"first": "a.wav", "second": "b.wav"}
    decision = (SCORE if threshold is None else DECISION).format(**names)
    parts = [OURS.format(encoder="FaceEncoder" if of_faces else "SpeakerEncoder", decision=decision, **names)]
    how = "" if facts.onnx else " (`python -m speechbrain_cadino export FOLDER --onnx` writes the file)"
    file = facts.onnx[0] if facts.onnx else "model.onnx"
    if of_faces:
        parts.append(ONNX_FACES.format(size=facts.metadata["size"], how=how, file=file))
    else:
        same = "" if threshold is None else f"same = score >= {threshold:.4f}  # SpeechBrain's own default is not ours"
        parts.append(PLAIN.format(decision=same))
        parts.append(ONNX.format(how=how, file=file, decision="" if threshold is None else FROM_METADATA))
    return "\n".join(parts).replace("\n\n```\n", "\n```\n")


def safety(facts: Facts) -> str:
    """What running a stranger's folder means."""
    ours = f"`{'FaceEncoder' if facts.kind == 'face' else 'SpeakerEncoder'}.from_folder`"
    plain = [] if facts.kind == "face" else ["SpeechBrain's `from_hparams`"]
    readers = [*([] if facts.is_safe else [ours]), *plain]
    safe = f"{ours} reads JSON and safetensors, with checksums, and runs nothing that the folder holds. "
    unsafe = (
        f"{' and '.join(readers)} can run any code: `hyperparams.yaml` says which. Load a folder so only "
        "if you trust whoever made it, or read that file first: every `!new:`, `!name:` and `!apply:` in it is a call. "
    )
    onnx = "An ONNX file holds numbers and operations, and runs no code of its author."
    return (safe if facts.is_safe else "") + (unsafe if readers else "") + onnx + "\n"
