"""ONNX convolutions and pools in PyTorch, after the operator specification: see torch_ops.py."""

import math

import torch
import torch.nn.functional as F


def torch_pads(pads):
    """ONNX (all begins, all ends) -> torch (last axis first, begin and end together)."""
    rank = len(pads) // 2
    return [p for axis in reversed(range(rank)) for p in (pads[axis], pads[axis + rank])]


def window(attrs, rank):
    assert attrs.get("auto_pad", "NOTSET") == "NOTSET"
    ones = [1] * rank
    return attrs.get("strides", ones), attrs.get("dilations", ones), attrs.get("pads", [0] * (2 * rank))


def conv(x, weight, bias=None, **attrs):
    rank = x.ndim - 2
    strides, dilations, pads = window(attrs, rank)
    apply = (F.conv1d, F.conv2d, F.conv3d)[rank - 1]
    return apply(F.pad(x, torch_pads(pads)), weight, bias, strides, 0, dilations, attrs.get("group", 1))


def conv_transpose(x, weight, bias=None, **attrs):
    """Without pads, which then cut the result; output padding adds rows at the end before they do."""
    rank = x.ndim - 2
    strides, dilations, pads = window(attrs, rank)
    extra = attrs.get("output_padding", [0] * rank)
    apply = (F.conv_transpose1d, F.conv_transpose2d, F.conv_transpose3d)[rank - 1]
    y = apply(x, weight, None, strides, 0, 0, attrs.get("group", 1), dilations)
    y = F.pad(y, torch_pads([0] * rank + list(extra)))
    y = F.pad(y, torch_pads([-p for p in pads]))
    return y if bias is None else y + bias.reshape(-1, *[1] * rank)


def windows_of(x, attrs, fill):
    """[N, C, out..., taps]: the elements under each window, `fill` where it hangs over the edge."""
    kernel = attrs["kernel_shape"]
    rank = len(kernel)
    strides, dilations, pads = window(attrs, rank)
    reach = [d * (k - 1) + 1 for k, d in zip(kernel, dilations)]
    sizes = [x.shape[i + 2] + pads[i] + pads[i + rank] for i in range(rank)]
    round_ = math.ceil if attrs.get("ceil_mode", 0) else math.floor
    steps = [round_((size - r) / s) + 1 for size, r, s in zip(sizes, reach, strides)]
    if attrs.get("ceil_mode", 0):
        # A window that would start in the end pads is left out.
        steps = [n - 1 if (n - 1) * s >= x.shape[i + 2] + pads[i] else n for i, (n, s) in enumerate(zip(steps, strides))]
    over = [max(0, (n - 1) * s + r - size) for n, s, r, size in zip(steps, strides, reach, sizes)]
    y = F.pad(x, torch_pads(list(pads[:rank]) + [p + o for p, o in zip(pads[rank:], over)]), value=fill)
    for i in range(rank):
        y = y.unfold(2 + i, reach[i], strides[i])
    y = y[(..., *[slice(None, None, d) for d in dilations])]
    y = y[(slice(None), slice(None), *[slice(0, n) for n in steps])]
    return y.flatten(2 + rank)


def max_pool(x, **attrs):
    return windows_of(x, attrs, -math.inf).amax(-1)


def average_pool(x, **attrs):
    """Divided by the elements that count: those of the input, and those of the explicit pads where asked."""
    rank = len(attrs["kernel_shape"])
    pads = attrs.get("pads", [0] * (2 * rank))
    ones = torch.ones_like(x)
    if attrs.get("count_include_pad", 0):
        padded = F.pad(x, torch_pads(pads))
        rest = {**attrs, "pads": [0] * (2 * rank)}
        x, ones, attrs = padded, torch.ones_like(padded), rest
    return windows_of(x, attrs, 0.0).sum(-1) / windows_of(ones, attrs, 0.0).sum(-1)


WINDOW_OPS = {
    "Conv": conv,
    "ConvTranspose": conv_transpose,
    "MaxPool": max_pool,
    "AveragePool": average_pool,
    "GlobalAveragePool": lambda x: x.mean(tuple(range(2, x.ndim)), keepdim=True),
}
