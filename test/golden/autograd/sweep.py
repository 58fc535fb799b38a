"""Loss and gradients of the sweep's random graphs, by PyTorch autograd in float64 on an ONNX interpreter of its own.

    npx tsc -p test/golden/autograd && node out/golden/test/unit/graph/autograd/write-corpus.js out/sweep
    venv/bin/python test/golden/autograd/sweep.py out/sweep

with the environment of make.py. The first command writes the graphs, which test/unit/graph/autograd draws from a seed,
and their inputs; the second reads them, interprets each node by torch_ops.py, and writes sweep.json beside this script:
one line for each graph, under the SHA-256 of its file and inputs.
"""

import base64
import json
import math
import pathlib
import sys

import numpy as np
import onnx
import torch

sys.dont_write_bytecode = True
from torch_ops import run  # noqa: E402


def golden(path):
    model = onnx.load(path)
    data = np.fromfile(path.with_suffix(".bin"), "<f4")
    inputs = {}
    for info in model.graph.input:
        shape = [d.dim_value for d in info.type.tensor_type.shape.dim]
        size = math.prod(shape)
        inputs[info.name] = torch.from_numpy(data[:size].copy()).double().reshape(shape).requires_grad_()
        data = data[size:]
    assert len(data) == 0, path
    loss = run(model, inputs).loss
    loss.backward()
    gradients = {name: x.grad for name, x in inputs.items()}
    assert loss.isfinite() and all(g.isfinite().all() for g in gradients.values()), path
    return {"loss": loss.item(), **{name: base64.b64encode(g.numpy().astype("<f4").tobytes()).decode() for name, g in gradients.items()}}


def main(folder):
    lines = []
    for path in sorted(pathlib.Path(folder).glob("*.onnx")):
        try:
            lines.append(f"{json.dumps(path.stem)}: {json.dumps(golden(path))}")
        except Exception as error:
            raise RuntimeError(f"{path}: {[node.op_type for node in onnx.load(path).graph.node]}") from error
    path = pathlib.Path(__file__).with_name("sweep.json")
    path.write_text('{"torch": %s, "graphs": {\n%s\n}}\n' % (json.dumps(torch.__version__), ",\n".join(lines)))
    print(f"{len(lines)} graphs -> {path.name}, {path.stat().st_size} bytes")


main(*sys.argv[1:])
