"""PyTorch's side of `bench:step`: the same step by autograd, as test/golden/torch_reference.py writes it.

    python torch_child.py REFERENCE_DIR WEIGHTS_DIR LATENT TARGET THREADS RATE eager|compile

LATENT is W+ [1,16,512], TARGET an image [1,3,256,256] in -1..1, both raw float32. A line on stdin is a number of Adam
steps to take from there; the answer is a line of JSON with their losses, each before its step, and the seconds for all
of them.
"""

import json
import sys
import time

import numpy as np
import torch


def answer(**values):
    print(json.dumps(values), flush=True)


def main(reference, weights, latent, target, threads, rate, mode):
    sys.path.insert(0, reference)
    from torch_reference import Generator, Vgg, projection_loss

    torch.set_num_threads(int(threads))
    generator = Generator(f"{weights}/SynthesisNetwork.xml", f"{weights}/SynthesisNetwork.bin")
    vgg = Vgg(f"{weights}/vgg16.ckpt")
    image = torch.from_numpy(np.fromfile(target, "<f4")).reshape(1, 3, 256, 256)
    start = torch.from_numpy(np.fromfile(latent, "<f4")).reshape(1, 16, 512)
    with torch.no_grad():
        features = vgg(image)

    def loss_of(w):
        return projection_loss(generator, vgg, w, image, features)[0]

    if mode == "compile":
        loss_of = torch.compile(loss_of)

    def step(w, adam):
        adam.zero_grad()
        loss = loss_of(w)
        loss.backward()
        adam.step()
        return loss.item()

    answer(ready=f"PyTorch {torch.__version__}")
    for line in sys.stdin:
        w = start.clone().requires_grad_()
        adam = torch.optim.Adam([w], lr=float(rate), betas=(0.9, 0.999), eps=1e-8)
        begun = time.perf_counter()
        losses = [step(w, adam) for _ in range(int(line))]
        answer(losses=losses, seconds=time.perf_counter() - begun)


try:
    main(*sys.argv[1:])
except Exception as error:  # The other side prints what went wrong.
    answer(error=f"{type(error).__name__}: {str(error).strip()[:500]}")
    sys.exit(1)
