"""The default generator, VGG-16, the paper's loss and one projection in plain PyTorch, from the source files.

Independent of the TypeScript code: it reads the source packages itself and lets autograd differentiate.
Needs torch==2.13.0 and numpy from PyPI.
"""

import math
import pickle
import xml.etree.ElementTree as ElementTree

import numpy as np
import torch
import torch.nn.functional as F

LAYERS = (0, 1, 5, 8)  # conv1_1, conv1_2, conv3_2, conv4_2
LPIPS_LAYERS = (1, 3, 6, 9, 12)  # conv1_2, conv2_2, conv3_3, conv4_3, conv5_3
POOL_BEFORE = (2, 4, 7, 10)
MEAN = (0.485, 0.456, 0.406)
STD = (0.229, 0.224, 0.225)


class IR:
    """Constants of an OpenVINO IR by name, and the ones without a speaking name by the layers they feed."""

    def __init__(self, xml, bin_):
        root = ElementTree.parse(xml).getroot()
        blob = open(bin_, "rb").read()
        self.layers = list(root.find("layers"))
        self.values, self.kinds, self.sources = {}, {}, {}
        for layer in self.layers:
            self.kinds[layer.get("id")] = (layer.get("type"), layer.get("name"))
            data = layer.find("data")
            if layer.get("type") == "Const" and data.get("element_type") == "f32":
                shape = [int(d) for d in data.get("shape").split(",") if d.strip()]
                array = np.frombuffer(blob, "<f4", int(data.get("size")) // 4, int(data.get("offset")))
                self.values[layer.get("id")] = torch.from_numpy(array.copy()).reshape(shape)
        for edge in root.find("edges"):
            self.sources.setdefault(edge.get("to-layer"), {})[int(edge.get("to-port"))] = edge.get("from-layer")

    def named(self, name):
        for id_, (_, known) in self.kinds.items():
            if known == name:
                return self.values[id_]
        raise KeyError(name)

    def order(self, kind):
        return [id_ for id_, (type_, _) in self.kinds.items() if type_ == kind]


def inverse_haar(x):
    """[N,4C,H,W] -> [N,C,2H,2W]: channels 0..C-1 are LL, C+3c+k is (LH, HL, HH)[k] of output channel c; db1."""
    n, c4, h, w = x.shape
    c = c4 // 4
    ll, high = x[:, :c], x[:, c:].reshape(n, c, 3, h, w)
    lh, hl, hh = high[:, :, 0], high[:, :, 1], high[:, :, 2]

    def synthesis(low, high, dim):
        even, odd = (low + high) / math.sqrt(2), (low - high) / math.sqrt(2)
        return torch.stack((even, odd), dim + 1).flatten(dim, dim + 1)

    return synthesis(synthesis(ll, lh, 2), synthesis(hl, hh, 2), 3)


class Generator:
    """W+ [1,16,512] -> image [1,3,1024,1024]."""

    def __init__(self, xml, bin_):
        ir = IR(xml, bin_)
        dense = [ir.values[ir.sources[i][1]] for i in ir.order("Convolution")]
        noises = [v for v in ir.values.values() if v.dim() == 4 and v.shape[:2] == (1, 1) and v.shape[2] > 1]
        scales = {}
        for id_ in ir.order("Multiply"):
            sides = [ir.sources[id_][port] for port in (0, 1)]
            constants = [s for s in sides if s in ir.values and ir.values[s].shape == (1, 1, 1, 1)]
            if constants:
                other = next(s for s in sides if s not in constants)
                scales[self._modulation(ir, other)] = ir.values[constants[0]]
        self.constant = ir.named("m.input.input")
        pointwise = iter([w for w in dense])
        noise = iter(noises)

        def modulation(prefix):
            name = f"{prefix}.modulation.weight"
            return ir.named(name), ir.named(f"{prefix}.modulation.bias").flatten(), scales.get(name, torch.ones(1))

        def conv(prefix, depthwise=True):
            kernel = ir.named(f"{prefix}.conv.weight_dw").squeeze(1) if depthwise else None
            return modulation(f"{prefix}.conv"), kernel, next(pointwise), next(noise), ir.named(f"{prefix}.bias")

        self.first = conv("m.conv1", depthwise=False)
        self.blocks = [
            (modulation(f"m.layers.{i}.up"), conv(f"m.layers.{i}.conv1"), conv(f"m.layers.{i}.conv2"))
            for i in range(7)
        ]
        self.image = (modulation("m.layers.6.to_img.conv"), ir.named("m.layers.6.to_img.conv.weight"), ir.named("m.layers.6.to_img.bias"))

    @staticmethod
    def _modulation(ir, id_):
        """Name of the modulation weight behind a reshaped style."""
        while True:
            type_, _ = ir.kinds[id_]
            ports = ir.sources[id_]
            if type_ == "MatMul":
                return ir.kinds[ports[1]][1]
            id_ = ports[0]

    @staticmethod
    def _style(w, modulation):
        weight, bias, scale = modulation
        return (F.linear(w, weight, bias) * scale.flatten())[:, :, None, None]

    def _conv(self, x, w, part):
        modulation, depthwise, weight, noise, bias = part
        x = x * self._style(w, modulation)
        if depthwise is None:
            x = F.conv2d(x, weight, padding=1)
        else:
            x = F.conv2d(F.conv2d(x, depthwise, padding=1, groups=x.shape[1]), weight)
        return F.leaky_relu(x + noise + bias, 0.2)

    def __call__(self, w):
        x = self._conv(self.constant, w[:, 0], self.first)
        for i, (up, one, two) in enumerate(self.blocks):
            a, b = w[:, 1 + 2 * i], w[:, 2 + 2 * i]
            x = inverse_haar(x * self._style(a, up))
            x = self._conv(self._conv(x, a, one), b, two)
        modulation, weight, bias = self.image
        return inverse_haar(F.conv2d(x * self._style(w[:, 15], modulation), weight) + bias)


class _Arrays(pickle.Unpickler):
    def find_class(self, module, name):
        if module.split(".")[0] == "numpy" and name in ("_reconstruct", "ndarray", "dtype"):
            return super().find_class(module, name)
        raise pickle.UnpicklingError(f"{module}.{name}")


class Vgg:
    """Image [N,3,H,W] in -1..1 -> the four activations of the paper, after ReLU."""

    def __init__(self, path):
        self.weights = _Arrays(open(path, "rb")).load()
        while "VGG16_0" not in self.weights:
            self.weights = next(v for v in self.weights.values() if isinstance(v, dict))
        layers = self.weights["VGG16_0"]
        self.convs = [
            (torch.from_numpy(np.array(layers[f"Conv_{i}"]["kernel"])).permute(3, 2, 0, 1).contiguous(), torch.from_numpy(np.array(layers[f"Conv_{i}"]["bias"])))
            for i in range(13)
        ]
        self.heads = [
            torch.from_numpy(np.array(layers_of["Conv_0"]["kernel"])).view(1, -1, 1, 1)
            for layers_of in (self.weights[f"NetLinLayer_{i}"] for i in range(5))
        ]

    def __call__(self, image):
        return self._activations(image, LAYERS)

    def lpips(self, a, b):
        """LPIPS v0.1 of images [1,3,H,W] in -1..1, the lengths over channels by a norm whose gradient at zero is zero."""
        stages = zip(self._activations(a, LPIPS_LAYERS), self._activations(b, LPIPS_LAYERS), self.heads)
        return sum((head * (F.normalize(x, dim=1) - F.normalize(y, dim=1)) ** 2).sum(1).mean() for x, y, head in stages)

    def _activations(self, image, layers):
        x = (image * 0.5 + 0.5 - torch.tensor(MEAN).view(3, 1, 1)) / torch.tensor(STD).view(3, 1, 1)
        out = []
        for i, (weight, bias) in enumerate(self.convs[: max(layers) + 1]):
            if i in POOL_BEFORE:
                x = F.max_pool2d(x, 2)
            x = F.relu(F.conv2d(x, weight, bias, padding=1))
            if i in layers:
                out.append(x)
        return out


def exact_norm(x):
    """||x||_2 summed in double precision: in float32 a sum of millions of squares is off by 1e-4."""
    return torch.linalg.vector_norm(x, dtype=torch.float64).float()


def projection_loss(generator, vgg, w, target, target_features, pixel_weight=0.0, size=256, norm=torch.linalg.vector_norm):
    """The paper's loss and the reduced image. `w` is W+ [1,16,512]."""
    image = F.avg_pool2d(generator(w), 1024 // size)
    loss = sum(norm(a - b) for a, b in zip(vgg(image), target_features))
    return loss + pixel_weight * norm(image - target), image
