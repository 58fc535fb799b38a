"""ONNX ops in PyTorch, after the operator specification (opset 18), for static shapes.

A row takes the node's inputs as tensors, None where one is left out, and its attributes by name; it returns the output
or a tuple of them. All floating point is float64. Nothing here knows of the TypeScript code.
"""

import math
from types import SimpleNamespace

import onnx
import torch
import torch.nn.functional as F
from onnx import numpy_helper
from torch_image_ops import IMAGE_OPS
from torch_window_ops import WINDOW_OPS, torch_pads

# Defaults of Selu in the specification.
SELU_ALPHA, SELU_GAMMA = 1.67326319217681884765625, 1.05070102214813232421875
CAST = {1: torch.float64, 10: torch.float64, 11: torch.float64, 6: torch.int32, 7: torch.int64, 9: torch.bool}


def ints(tensor):
    return [int(x) for x in tensor.reshape(-1)]


def reduction(over):
    def apply(x, axes=None, keepdims=1, noop_with_empty_axes=0):
        chosen = ints(axes) if axes is not None else []
        if not chosen and noop_with_empty_axes:
            return x
        return over(x, chosen or list(range(x.ndim)), bool(keepdims))

    return apply


def product(x, axes, keep):
    for axis in sorted((a % x.ndim for a in axes), reverse=True):
        x = x.prod(axis, keep)
    return x


def reshape(x, shape, allowzero=0):
    assert not allowzero
    return x.reshape([x.shape[i] if d == 0 else d for i, d in enumerate(ints(shape))])


def flatten(x, axis=1):
    cut = axis + x.ndim if axis < 0 else axis
    return x.reshape(math.prod(x.shape[:cut]), -1)


def squeeze(x, axes=None):
    dropped = [a % x.ndim for a in ints(axes)] if axes is not None else [i for i, d in enumerate(x.shape) if d == 1]
    return x.reshape([d for i, d in enumerate(x.shape) if i not in dropped])


def unsqueeze(x, axes):
    added = [a % (x.ndim + axes.numel()) for a in ints(axes)]
    for axis in sorted(added):
        x = x.unsqueeze(axis)
    return x


def expand(x, shape):
    return x.expand(torch.broadcast_shapes(x.shape, tuple(ints(shape))))


def split(x, sizes=None, axis=0, num_outputs=None):
    if sizes is None:
        return torch.split(x, math.ceil(x.shape[axis] / num_outputs), axis)
    return torch.split(x, ints(sizes), axis)


def depth_to_space(x, blocksize, mode="DCR"):
    n, c, h, w = x.shape
    s = blocksize
    if mode == "DCR":
        y = x.reshape(n, s, s, c // s**2, h, w).permute(0, 3, 4, 1, 5, 2)
    else:
        y = x.reshape(n, c // s**2, s, s, h, w).permute(0, 1, 4, 2, 5, 3)
    return y.reshape(n, c // s**2, h * s, w * s)


def space_to_depth(x, blocksize):
    n, c, h, w = x.shape
    s = blocksize
    return x.reshape(n, c, h // s, s, w // s, s).permute(0, 3, 5, 1, 2, 4).reshape(n, c * s**2, h // s, w // s)


def slice_(x, starts, ends, axes=None, steps=None):
    """By index lists of Python's own slices, which clamp as ONNX does, also backwards."""
    chosen = ints(axes) if axes is not None else range(starts.numel())
    paces = ints(steps) if steps is not None else [1] * starts.numel()
    for start, end, axis, step in zip(ints(starts), ints(ends), chosen, paces):
        size = x.shape[axis]
        end = None if step < 0 and end < -size else end
        x = x.index_select(axis, torch.arange(size)[list(range(size))[start:end:step]] if size else torch.arange(0))
    return x


def padded_index(size, before, after, mode):
    """Source index of every element of a padded axis."""
    out = []
    for i in range(-before, size + after):
        if mode == "edge":
            i = min(max(i, 0), size - 1)
        elif mode == "reflect":
            period = max(2 * (size - 1), 1)
            i = min(i % period, period - i % period) if size > 1 else 0
        else:
            i %= size
        out.append(i)
    return torch.tensor(out)


def pad(x, pads, value=None, axes=None, mode="constant"):
    chosen = [a % x.ndim for a in ints(axes)] if axes is not None else list(range(x.ndim))
    both = ints(pads)
    for i, axis in enumerate(chosen):
        before, after = both[i], both[i + len(chosen)]
        if mode == "constant":
            row = [0] * (2 * x.ndim)
            row[axis], row[axis + x.ndim] = before, after
            x = F.pad(x, torch_pads(row), value=0.0 if value is None else float(value))
        else:
            x = x.index_select(axis, padded_index(x.shape[axis], before, after, mode))
    return x


def gather(x, indices, axis=0):
    axis %= x.ndim
    picked = x.index_select(axis, indices.reshape(-1) % x.shape[axis])
    return picked.reshape([*x.shape[:axis], *indices.shape, *x.shape[axis + 1 :]])


def gemm(a, b, c=None, alpha=1.0, beta=1.0, transA=0, transB=0):
    y = alpha * ((a.t() if transA else a) @ (b.t() if transB else b))
    return y if c is None else y + beta * c


def clip(x, low=None, high=None):
    if low is not None:
        x = torch.where(x < low, low, x)
    return x if high is None else torch.where(x > high, high, x)


def extremum(of):
    def apply(first, *others):
        for other in others:
            first = of(first, other)
        return first

    return apply


def cumulative(x, axis, exclusive=0, reverse=0):
    axis = int(axis)
    y = x.flip(axis) if reverse else x
    total = y.cumsum(axis) - (y if exclusive else 0)
    return total.flip(axis) if reverse else total


def gelu(x, approximate="none"):
    if approximate == "tanh":
        return 0.5 * x * (1 + torch.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))
    return 0.5 * x * (1 + torch.erf(x / math.sqrt(2)))


def scatter_elements(x, indices, updates, axis=0, reduction="none"):
    places = torch.where(indices < 0, indices + x.shape[axis], indices)
    return x.scatter(axis, places, updates) if reduction == "none" else x.scatter_add(axis, places, updates)


def gather_nd(x, indices, batch_dims=0):
    assert not batch_dims
    return x[tuple(indices.unbind(-1))]


def scatter_nd(x, indices, updates, reduction="none"):
    return x.index_put(tuple(indices.unbind(-1)), updates, accumulate=reduction == "add")


OPS = {
    **IMAGE_OPS,
    **WINDOW_OPS,
    "Identity": lambda x: x,
    "Add": torch.add,
    "Sub": torch.sub,
    "Mul": torch.mul,
    "Div": torch.div,
    "Pow": torch.pow,
    "Mod": lambda x, y, fmod=0: torch.fmod(x, y) if fmod else torch.remainder(x, y),
    "Neg": torch.neg,
    "Sin": torch.sin,
    "Cos": torch.cos,
    "Tan": torch.tan,
    "Asin": torch.asin,
    "Acos": torch.acos,
    "Atan": torch.atan,
    "Sinh": torch.sinh,
    "Cosh": torch.cosh,
    "Asinh": torch.asinh,
    "Acosh": torch.acosh,
    "Atanh": torch.atanh,
    "Abs": torch.abs,
    "Exp": torch.exp,
    "Log": torch.log,
    "Sqrt": torch.sqrt,
    "Reciprocal": torch.reciprocal,
    "Sign": torch.sign,
    "Floor": torch.floor,
    "Ceil": torch.ceil,
    "Round": torch.round,
    "And": torch.logical_and,
    "Or": torch.logical_or,
    "Xor": torch.logical_xor,
    "Equal": torch.eq,
    "Greater": torch.gt,
    "GreaterOrEqual": torch.ge,
    "Less": torch.lt,
    "LessOrEqual": torch.le,
    "Not": torch.logical_not,
    "Where": torch.where,
    "Cast": lambda x, to, **_: x.to(CAST[to]),
    "Relu": torch.relu,
    "LeakyRelu": lambda x, alpha=0.01: torch.where(x > 0, x, alpha * x),
    "PRelu": lambda x, slope: torch.where(x > 0, x, slope * x),
    "Sigmoid": torch.sigmoid,
    "Tanh": torch.tanh,
    "Softplus": lambda x: torch.log1p(torch.exp(x)),
    "Erf": torch.erf,
    "Elu": lambda x, alpha=1.0: torch.where(x > 0, x, alpha * (torch.exp(x) - 1)),
    "Selu": lambda x, alpha=SELU_ALPHA, gamma=SELU_GAMMA: gamma * torch.where(x > 0, x, alpha * (torch.exp(x) - 1)),
    "Celu": lambda x, alpha=1.0: torch.where(x > 0, x, alpha * (torch.exp(x / alpha) - 1)),
    "ThresholdedRelu": lambda x, alpha=1.0: torch.where(x > alpha, x, torch.zeros_like(x)),
    "Softsign": lambda x: x / (1 + x.abs()),
    "HardSigmoid": lambda x, alpha=0.2, beta=0.5: (alpha * x + beta).clamp(0, 1),
    "HardSwish": lambda x: x * (x / 6 + 0.5).clamp(0, 1),
    "Mish": lambda x: x * torch.tanh(torch.log1p(torch.exp(x))),
    "Clip": clip,
    "Softmax": lambda x, axis=-1: torch.softmax(x, axis),
    "LogSoftmax": lambda x, axis=-1: torch.log_softmax(x, axis),
    "Max": extremum(torch.maximum),
    "Min": extremum(torch.minimum),
    "MatMul": torch.matmul,
    "Gemm": gemm,
    "ReduceSum": reduction(lambda x, axes, keep: x.sum(axes, keep)),
    "ReduceMean": reduction(lambda x, axes, keep: x.mean(axes, keep)),
    "ReduceSumSquare": reduction(lambda x, axes, keep: (x * x).sum(axes, keep)),
    "ReduceL2": reduction(lambda x, axes, keep: (x * x).sum(axes, keep).sqrt()),
    "ReduceL1": reduction(lambda x, axes, keep: x.abs().sum(axes, keep)),
    "ReduceLogSum": reduction(lambda x, axes, keep: x.sum(axes, keep).log()),
    "ReduceLogSumExp": reduction(lambda x, axes, keep: x.logsumexp(axes, keep)),
    "ReduceMax": reduction(lambda x, axes, keep: x.amax(axes, keep)),
    "ReduceMin": reduction(lambda x, axes, keep: x.amin(axes, keep)),
    "ReduceProd": reduction(product),
    "Reshape": reshape,
    "Flatten": flatten,
    "Squeeze": squeeze,
    "Unsqueeze": unsqueeze,
    "Transpose": lambda x, perm=None: x.permute(perm or list(reversed(range(x.ndim)))),
    "Expand": expand,
    "Concat": lambda *xs, axis: torch.cat(xs, axis),
    "Split": split,
    "DepthToSpace": depth_to_space,
    "SpaceToDepth": space_to_depth,
    "Slice": slice_,
    "Pad": pad,
    "Gather": gather,
    "GatherElements": lambda x, indices, axis=0: x.gather(axis, torch.where(indices < 0, indices + x.shape[axis], indices)),
    "ScatterElements": scatter_elements,
    "GatherND": gather_nd,
    "ScatterND": scatter_nd,
    "ArgMax": lambda x, axis=0, keepdims=1, **_: x.argmax(axis, bool(keepdims)),
    "TopK": lambda x, k, axis=-1, largest=1, sorted=1: tuple(torch.topk(x, int(k), axis, bool(largest), bool(sorted))),
    "Tile": lambda x, repeats: x.repeat(ints(repeats)),
    "Trilu": lambda x, k=None, upper=1: (torch.triu if upper else torch.tril)(x, 0 if k is None else int(k)),
    "CumSum": cumulative,
    "Einsum": lambda *xs, equation: torch.einsum(equation, *xs),
    "Gelu": gelu,
}


def constant(proto):
    tensor = torch.from_numpy(numpy_helper.to_array(proto).copy())
    return tensor.double() if tensor.is_floating_point() else tensor


def attribute(proto):
    value = onnx.helper.get_attribute_value(proto)
    return value.decode() if isinstance(value, bytes) else value


def run(model, inputs):
    """The outputs of an ONNX model by name, for inputs by name."""
    values = {"": None, **{t.name: constant(t) for t in model.graph.initializer}, **inputs}
    for node in model.graph.node:
        attrs = {a.name: attribute(a) for a in node.attribute}
        results = OPS[node.op_type](*[values[name] for name in node.input], **attrs)
        values.update(zip(node.output, results if isinstance(results, tuple) else (results,), strict=True))
    return SimpleNamespace(**{o.name: values[o.name] for o in model.graph.output})
