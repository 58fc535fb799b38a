"""ONNX ops for pictures and normalisations in PyTorch, after the operator specification: see torch_ops.py."""

import math

import torch
import torch.nn.functional as F


def positions(mode, size, out, scale):
    """Where in the source each place of the result lies, by the coordinate transformation."""
    x = torch.arange(out, dtype=torch.float64)
    if mode == "asymmetric":
        return x / scale
    if mode == "align_corners":
        return x * (size - 1) / (out - 1) if out > 1 else torch.zeros(1, dtype=torch.float64)
    if mode == "pytorch_half_pixel" and out == 1:
        return torch.zeros(1, dtype=torch.float64)
    if mode == "half_pixel_symmetric":
        return size / 2 * (1 - out / (scale * size)) + (x + 0.5) / scale - 0.5
    assert mode in ("half_pixel", "pytorch_half_pixel"), mode
    return (x + 0.5) / scale - 0.5


NEAREST = {
    "round_prefer_floor": lambda x: torch.ceil(x - 0.5),
    "round_prefer_ceil": lambda x: torch.floor(x + 0.5),
    "floor": torch.floor,
    "ceil": torch.ceil,
}


def cubic(t, a):
    """The cubic convolution kernel at the distance t."""
    t = abs(t)
    if t <= 1:
        return (a + 2) * t**3 - (a + 3) * t**2 + 1
    return a * t**3 - 5 * a * t**2 + 8 * a * t - 4 * a if t < 2 else 0.0


def resize_matrix(size, out, scale, mode, transform, nearest_mode, a):
    """[out, size]: what each place of the result takes from the source."""
    at = positions(transform, size, out, scale)
    matrix = torch.zeros(out, size, dtype=torch.float64)
    if mode == "nearest":
        matrix[torch.arange(out), NEAREST[nearest_mode](at).long().clamp(0, size - 1)] = 1
        return matrix
    for i, x in enumerate(at.tolist()):
        base = math.floor(x)
        taps = {0: 1 - (x - base), 1: x - base} if mode == "linear" else {k: cubic(x - base - k, a) for k in (-1, 0, 1, 2)}
        for k, weight in taps.items():
            matrix[i, min(max(base + k, 0), size - 1)] += weight
    return matrix


def resize(x, roi=None, scales=None, sizes=None, mode="nearest", coordinate_transformation_mode="half_pixel",
           nearest_mode="round_prefer_floor", cubic_coeff_a=-0.75, antialias=0, exclude_outside=0, axes=None,
           keep_aspect_ratio_policy="stretch", **_):
    assert bool(exclude_outside) == bool(antialias) and keep_aspect_ratio_policy == "stretch"
    if antialias:
        assert x.ndim == 4 and axes is None and coordinate_transformation_mode == "half_pixel"
        assert mode == "linear" or (mode == "cubic" and abs(cubic_coeff_a + 0.5) < 1e-6)
        kind = {"linear": "bilinear", "cubic": "bicubic"}[mode]
        return F.interpolate(x, size=[int(d) for d in sizes[2:]], mode=kind, antialias=True)
    axes = list(axes) if axes is not None else list(range(x.ndim))
    given = [float(s) for s in scales.reshape(-1)] if scales is not None and scales.numel() else None
    for i, axis in enumerate(axes):
        size = x.shape[axis]
        out = math.floor(size * given[i]) if given else int(sizes.reshape(-1)[i])
        scale = given[i] if given else out / size
        if out == size and scale == 1:
            continue
        matrix = resize_matrix(size, out, scale, mode, coordinate_transformation_mode, nearest_mode, cubic_coeff_a)
        x = torch.tensordot(x, matrix, dims=([axis], [1])).movedim(-1, axis)
    return x


def normalised(x, axes, epsilon):
    mean = x.mean(axes, keepdim=True)
    variance = ((x - mean) ** 2).mean(axes, keepdim=True)
    return (x - mean) / torch.sqrt(variance + epsilon)


def by_channel(row, x):
    return row.reshape(-1, *[1] * (x.ndim - 2))


def instance_norm(x, scale, shift, epsilon=1e-5):
    return normalised(x, list(range(2, x.ndim)), epsilon) * by_channel(scale, x) + by_channel(shift, x)


def layer_norm(x, scale, shift=None, axis=-1, epsilon=1e-5, **_):
    y = normalised(x, list(range(axis % x.ndim, x.ndim)), epsilon) * scale
    return y if shift is None else y + shift


def group_norm(x, scale, shift, num_groups, epsilon=1e-5, **_):
    n, c = x.shape[:2]
    y = normalised(x.reshape(n, num_groups, -1), [2], epsilon).reshape(x.shape)
    return y * by_channel(scale, x) + by_channel(shift, x)


def batch_norm(x, scale, shift, mean, variance, epsilon=1e-5, training_mode=0, **_):
    assert not training_mode
    y = (x - by_channel(mean, x)) / torch.sqrt(by_channel(variance, x) + epsilon)
    return y * by_channel(scale, x) + by_channel(shift, x)


IMAGE_OPS = {
    "Resize": resize,
    "InstanceNormalization": instance_norm,
    "LayerNormalization": layer_norm,
    "GroupNormalization": group_norm,
    "BatchNormalization": batch_norm,
}
