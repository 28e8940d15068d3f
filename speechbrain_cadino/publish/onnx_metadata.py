"""What an ONNX file says beside its operations: what a user needs to know, and nothing of where it was made."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from speechbrain_cadino.utils.extras import need

# Of an encoder's JSON and of the file; what the JSON says for people may name files.
KEPT = ("speechbrain_cadino", "sample_rate", "size", "embedding_dim", "mean_subtracted", "threshold", "threshold_from")
KEPT += ("calibration", "input", "score", "weights", "int8", "min_seconds")


def drop_traces(path: str | Path) -> None:
    """Take out where in whose code each operation was made: it is as large as a small encoder, and names folders.

    Arguments
    ---------
    path : str or Path
        An ONNX file, changed in place.
    """
    onnx = need("onnx", "onnx", "Export to ONNX needs")
    model = onnx.load(str(path))
    for part in (model.graph, *model.functions):
        part.doc_string = ""
        del part.metadata_props[:], part.value_info[:]
        for node in part.node:
            node.doc_string = ""
            del node.metadata_props[:]
    for value in (*model.graph.input, *model.graph.output, *model.graph.initializer):
        del value.metadata_props[:]
    onnx.save(model, str(path))


def add_metadata(path: str | Path, facts: dict[str, Any], dynamic: dict[int, str]) -> None:
    """Write what is known of an encoder into its ONNX file, as texts, and name the dimensions that may be any.

    Arguments
    ---------
    path : str or Path
        The file, changed in place.
    facts : dict
        Of which those in `KEPT` are written, if they are known; what is no text as JSON.
    dynamic : dict of int to str
        The input's dimensions that may be any, and their names; the output's first is the batch.
    """
    onnx = need("onnx", "onnx", "Export to ONNX needs")
    model = onnx.load(str(path))
    for value, names in ((model.graph.input[0], dynamic), (model.graph.output[0], {0: "batch"})):
        for place, name in names.items():
            value.type.tensor_type.shape.dim[place].dim_param = name
    del model.metadata_props[:]
    for name in KEPT:
        value = facts.get(name)
        if value is not None:
            model.metadata_props.add(key=name, value=value if isinstance(value, str) else json.dumps(value))
    onnx.save(model, str(path))
