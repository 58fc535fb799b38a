"""Real architectures at a small size with random weights, exported to ONNX by PyTorch, and their gradients by autograd.

    python3 -m venv venv
    venv/bin/pip install torch==2.13.0 numpy==2.4.6 onnx==1.23.2 onnxscript==0.7.2
    venv/bin/python test/golden/autograd/make.py

Writes models/NETWORK-EXPORTER-OPSET.onnx and golden.json beside this script; its versions stand in the latter. Weights,
probes and inputs come from seeds. Every network ends in a scalar loss (networks/judged.py) of one named input. The
golden loss and gradient are computed in float64 on the weights that were exported, which are float32; `float32` is how
far PyTorch's own float32 gradient is from them, relative to the largest entry: the yardstick of the test's tolerances.
test/unit/graph/autograd/networks.test.ts reads them.
"""

import base64
import copy
import io
import json
import pathlib
import sys
import warnings

import onnx
import onnxscript
import torch

sys.dont_write_bytecode = True
from networks.judged import CrossEntropy, Distance, Weighted  # noqa: E402
from networks.resnet import ResNet18  # noqa: E402
from networks.stylegan1 import Generator  # noqa: E402
from networks.stylegan2 import Synthesis  # noqa: E402
from networks.unet import ResizeUNet, TransposedUNet  # noqa: E402
from networks.vit import ViT  # noqa: E402

HERE = pathlib.Path(__file__).parent

# name: (network, loss, name and shape of the input, exports as (exporter, opset))
NETWORKS = {
    "stylegan2-weights": (lambda: Synthesis("weights"), Weighted, ("ws", (2, 6, 24)), [("script", 17), ("dynamo", 20)]),
    "stylegan2-activations": (lambda: Synthesis("activations"), Weighted, ("ws", (2, 6, 24)), [("script", 20), ("dynamo", 18)]),
    "stylegan1": (Generator, Weighted, ("z", (2, 16)), [("script", 18), ("dynamo", 21)]),
    "resnet18": (ResNet18, CrossEntropy, ("image", (1, 3, 48, 48)), [("script", 17), ("dynamo", 19)]),
    "unet-resize": (ResizeUNet, Distance, ("image", (1, 3, 18, 22)), [("script", 19), ("dynamo", 18)]),
    "unet-transposed": (TransposedUNet, Distance, ("image", (1, 3, 16, 20)), [("script", 17), ("dynamo", 21)]),
    "vit": (ViT, CrossEntropy, ("image", (1, 3, 24, 24)), [("script", 17), ("dynamo", 20)]),
}


def packed(tensor):
    return base64.b64encode(tensor.detach().contiguous().numpy().astype("<f4").tobytes()).decode()


def differentiated(model, x):
    x = x.clone().requires_grad_()
    loss = model(x)
    loss.backward()
    return loss, x.grad


def export(model, x, name, exporter, opset):
    """The exporter's file without the notes that name source files of the machine it ran on."""
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            model, (x,), buffer, input_names=[name], output_names=["loss"], opset_version=opset,
            dynamo=exporter == "dynamo", verbose=False,
            **({"external_data": False} if exporter == "dynamo" else {}),
        )
    proto = onnx.load_from_string(buffer.getvalue())
    assert [(o.domain, o.version) for o in proto.opset_import if o.domain == ""] == [("", opset)], proto.opset_import
    proto.doc_string = proto.graph.doc_string = ""
    del proto.metadata_props[:], proto.graph.metadata_props[:], proto.graph.value_info[:]
    for part in (*proto.graph.node, *proto.graph.input, *proto.graph.output, *proto.graph.initializer):
        part.doc_string = ""
        del part.metadata_props[:]
    onnx.checker.check_model(proto, full_check=True)
    return proto


def main():
    golden = {"torch": torch.__version__, "onnx": onnx.__version__, "onnxscript": onnxscript.__version__, "networks": {}}
    models = HERE / "models"
    models.mkdir(exist_ok=True)
    for old in models.glob("*.onnx"):
        old.unlink()
    for seed, (name, (network, judged, (input_name, shape), exports)) in enumerate(NETWORKS.items()):
        torch.manual_seed(seed)
        x = torch.randn(shape)
        model = judged(network().eval(), x).eval()
        for parameter in model.parameters():
            parameter.requires_grad_(False)
        loss, gradient = differentiated(copy.deepcopy(model).double(), x.double())
        _, rough = differentiated(model, x)
        off = ((rough - gradient).abs().max() / gradient.abs().max()).item()
        golden["networks"][name] = {
            "input": {"name": input_name, "shape": list(shape), "data": packed(x)},
            "loss": loss.item(),
            "gradient": packed(gradient),
            "float32": float(f"{off:.2g}"),
            "exports": [f"{name}-{exporter}-{opset}.onnx" for exporter, opset in exports],
        }
        for exporter, opset in exports:
            path = models / f"{name}-{exporter}-{opset}.onnx"
            proto = export(model, x, input_name, exporter, opset)
            path.write_bytes(proto.SerializeToString(deterministic=True))
            ops = sorted({node.op_type for node in proto.graph.node})
            print(f"{path.name}: loss {loss.item():.6g}, float32 off by {off:.1e}, {path.stat().st_size} bytes, {' '.join(ops)}")
    (HERE / "golden.json").write_text(json.dumps(golden, indent=1) + "\n")


main()
