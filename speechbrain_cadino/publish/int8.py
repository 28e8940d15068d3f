"""Dynamic quantisation of an ONNX file: the weights of matrix products in 8 bits."""

from __future__ import annotations

import logging
from pathlib import Path

from speechbrain_cadino.utils.errors import UserError
from speechbrain_cadino.utils.extras import need

OPERATORS = ("MatMul", "Gemm")  # of convolutions ONNX Runtime has no fast kernels in 8 bits


def quantise(path: str | Path) -> None:
    """Replace an ONNX file by one with 8-bit weights, a scale for each output; features stay in float32.

    Arguments
    ---------
    path : str or Path
        Changed in place.

    Raises
    ------
    UserError
        If nothing in the file can be quantised.
    """
    path = Path(path)
    onnx = need("onnx", "onnx", "Export to ONNX needs")
    quantization = need("onnxruntime.quantization", "onnx", "Export to ONNX needs")
    _fold_constants(path)
    model = onnx.load(str(path))
    graph = model.graph
    for number, node in enumerate(graph.node):
        node.name = node.name or f"node_{number}"
    onnx.save(model, str(path))
    spectrum = _features(graph)
    quantised = [node.name for node in graph.node if node.op_type in OPERATORS and node.name not in spectrum]
    if not quantised:
        raise UserError("This encoder has no matrix products with weights, to which int8 applies: export it without.")
    root = logging.getLogger()
    before = root.level
    root.setLevel(logging.ERROR)  # it advises on the root logger
    try:
        quantization.quantize_dynamic(
            str(path),
            str(path),
            op_types_to_quantize=list(OPERATORS),
            nodes_to_exclude=sorted(spectrum),
            weight_type=quantization.QuantType.QInt8,
            per_channel=True,
        )
    finally:
        root.setLevel(before)


def _fold_constants(path):
    """Let ONNX Runtime compute what depends on weights alone: only weights that are written down are quantised."""
    runtime = need("onnxruntime", "onnx", "Export to ONNX needs")
    options = runtime.SessionOptions()
    options.graph_optimization_level = runtime.GraphOptimizationLevel.ORT_ENABLE_BASIC  # standard operators alone
    options.optimized_model_filepath = str(path)
    runtime.InferenceSession(path.read_bytes(), options, providers=["CPUExecutionProvider"])


def _features(graph):
    """Names of the nodes that lead to the logarithm of the filterbank: its small numbers would be lost in 8 bits."""
    makers = {output: node for node in graph.node for output in node.output}
    waiting, found = [node for node in graph.node if node.op_type == "Log"], set()
    while waiting:
        node = waiting.pop()
        if node.name not in found:
            found.add(node.name)
            waiting += [makers[name] for name in node.input if name in makers]
    return found
