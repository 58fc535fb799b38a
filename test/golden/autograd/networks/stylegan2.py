"""Synthesis network of StyleGAN2 (Karras et al. 2020, arXiv:1912.04958), skip architecture, at a small size.

The convolution of section 2.2 is written in both of its equal forms: `weights` modulates and demodulates the kernel
of every sample, which makes it a grouped convolution whose kernel is an activation; `activations` scales the input by
the style and the output by the demodulation coefficient around one frozen kernel.
"""

import math

import torch
import torch.nn.functional as F
from torch import nn

FIR = torch.tensor([1.0, 3.0, 3.0, 1.0])


def fir2d(gain):
    """Separable low-pass filter [4,4] whose sum is `gain`."""
    kernel = torch.outer(FIR, FIR)
    return kernel * (gain / kernel.sum())


def blur(x, kernel, pads):
    """Each channel filtered alone; pads are (left, right, top, bottom)."""
    channels = int(x.shape[1])
    return F.conv2d(F.pad(x, pads), kernel.expand(channels, 1, 4, 4), groups=channels)


def upsample(x, kernel):
    """[N,C,H,W] -> [N,C,2H,2W]: zeros between the pixels, then the low-pass filter."""
    n, c, h, w = map(int, x.shape)
    spaced = F.pad(x.reshape(n, c, h, 1, w, 1), (0, 1, 0, 0, 0, 1)).reshape(n, c, 2 * h, 2 * w)
    return blur(spaced, kernel, (2, 1, 2, 1))


class Linear(nn.Module):
    """Fully connected layer with an equalised learning rate: the weight is scaled when used."""

    def __init__(self, inputs, outputs, bias=0.0):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outputs, inputs))
        self.bias = nn.Parameter(torch.full((outputs,), bias))
        self.gain = 1 / math.sqrt(inputs)

    def forward(self, x):
        return F.linear(x, self.weight * self.gain, self.bias)


class ModulatedConv(nn.Module):
    def __init__(self, inputs, outputs, size, w_dim, form, demodulate=True, up=False):
        super().__init__()
        self.affine = Linear(w_dim, inputs, bias=1.0)
        self.weight = nn.Parameter(torch.randn(outputs, inputs, size, size) / math.sqrt(inputs * size * size))
        self.form, self.demodulate, self.up, self.padding = form, demodulate, up, size // 2
        self.register_buffer("fir", fir2d(4.0))

    def convolve(self, x, weight, groups=1):
        """`weight` [groups*O, I, k, k]; twice the resolution where the layer goes up."""
        if not self.up:
            return F.conv2d(x, weight, padding=self.padding, groups=groups)
        outputs, inputs, k, _ = map(int, weight.shape)
        back = weight.reshape(groups, outputs // groups, inputs, k, k).transpose(1, 2)
        back = back.reshape(groups * inputs, outputs // groups, k, k)
        return blur(F.conv_transpose2d(x, back, stride=2, groups=groups), self.fir, (1, 1, 1, 1))

    def forward(self, x, w):
        style = self.affine(w)
        return self.by_weights(x, style) if self.form == "weights" else self.by_activations(x, style)

    def by_weights(self, x, style):
        # Plain numbers: the TorchScript exporter wants kernels whose shape it knows.
        n, c, h, wide = map(int, x.shape)
        outputs, inputs, k, _ = self.weight.shape
        weight = self.weight[None] * style.reshape(n, 1, inputs, 1, 1)
        if self.demodulate:
            norm = torch.rsqrt(weight.square().sum(dim=(2, 3, 4)) + 1e-8)
            weight = weight * norm.reshape(n, outputs, 1, 1, 1)
        y = self.convolve(x.reshape(1, n * c, h, wide), weight.reshape(n * outputs, inputs, k, k), groups=n)
        return y.reshape(n, outputs, *map(int, y.shape[2:]))

    def by_activations(self, x, style):
        y = self.convolve(x * style[:, :, None, None], self.weight)
        if self.demodulate:
            energy = self.weight.square().sum(dim=(2, 3))
            y = y * torch.rsqrt(style.square() @ energy.t() + 1e-8)[:, :, None, None]
        return y


class Layer(nn.Module):
    """Modulated convolution, noise, bias, leaky ReLU with gain sqrt 2, clamp."""

    def __init__(self, inputs, outputs, side, w_dim, form, up=False):
        super().__init__()
        self.conv = ModulatedConv(inputs, outputs, 3, w_dim, form, up=up)
        self.register_buffer("noise", torch.randn(side, side))
        self.strength = nn.Parameter(torch.tensor(0.1))
        self.bias = nn.Parameter(0.1 * torch.randn(outputs))

    def forward(self, x, w):
        x = self.conv(x, w) + self.noise * self.strength + self.bias[:, None, None]
        return (F.leaky_relu(x, 0.2) * math.sqrt(2)).clamp(-256, 256)


class ToRgb(nn.Module):
    def __init__(self, inputs, w_dim, form):
        super().__init__()
        self.conv = ModulatedConv(inputs, 3, 1, w_dim, form, demodulate=False)
        self.bias = nn.Parameter(torch.zeros(3))

    def forward(self, x, w):
        return self.conv(x, w) + self.bias[:, None, None]


class Synthesis(nn.Module):
    """W+ [N, 2*levels, w_dim] -> image [N, 3, 4*2^(levels-1), ...]."""

    def __init__(self, form, channels=(16, 12, 8), w_dim=24):
        super().__init__()
        self.constant = nn.Parameter(torch.randn(channels[0], 4, 4))
        self.first = Layer(channels[0], channels[0], 4, w_dim, form)
        self.ups, self.convs = nn.ModuleList(), nn.ModuleList()
        for level, (before, here) in enumerate(zip(channels, channels[1:]), 1):
            self.ups.append(Layer(before, here, 4 * 2**level, w_dim, form, up=True))
            self.convs.append(Layer(here, here, 4 * 2**level, w_dim, form))
        self.images = nn.ModuleList(ToRgb(c, w_dim, form) for c in channels)
        self.register_buffer("fir", fir2d(4.0))

    def forward(self, ws):
        x = self.first(self.constant[None].expand(ws.shape[0], -1, -1, -1), ws[:, 0])
        image = self.images[0](x, ws[:, 1])
        for i, (up, conv) in enumerate(zip(self.ups, self.convs)):
            x = conv(up(x, ws[:, 2 * i + 1]), ws[:, 2 * i + 2])
            image = upsample(image, self.fir) + self.images[i + 1](x, ws[:, 2 * i + 3])
        return image
