"""StyleGAN (Karras et al. 2019, arXiv:1812.04948) at a small size: mapping network, adaptive instance normalisation,
noise, blur after upsampling."""

import math

import torch
import torch.nn.functional as F
from torch import nn


class Mapping(nn.Module):
    """z [N,Z] -> w [N,W]: pixel norm, then fully connected layers; pulled towards the mean by truncation."""

    def __init__(self, z_dim, w_dim, depth, psi=0.7):
        super().__init__()
        sizes = [z_dim] + [w_dim] * depth
        self.layers = nn.ModuleList(nn.Linear(a, b) for a, b in zip(sizes, sizes[1:]))
        for layer in self.layers:
            nn.init.normal_(layer.weight, std=math.sqrt(2 / layer.in_features))
        self.register_buffer("mean", 0.1 * torch.randn(w_dim))
        self.psi = psi

    def forward(self, z):
        w = z * torch.rsqrt(z.square().mean(dim=1, keepdim=True) + 1e-8)
        for layer in self.layers:
            w = F.leaky_relu(layer(w), 0.2)
        return torch.lerp(self.mean.expand_as(w), w, self.psi)


class AdaIn(nn.Module):
    """Noise, bias and activation, then y = style_scale * instance_norm(x) + style_shift (equation 1)."""

    def __init__(self, channels, side, w_dim):
        super().__init__()
        self.style = nn.Linear(w_dim, 2 * channels)
        nn.init.normal_(self.style.weight, std=1 / math.sqrt(w_dim))
        self.register_buffer("noise", torch.randn(1, 1, side, side))
        self.strength = nn.Parameter(0.2 * torch.rand(1, channels, 1, 1))
        self.bias = nn.Parameter(0.1 * torch.randn(1, channels, 1, 1))
        self.norm = nn.InstanceNorm2d(channels, eps=1e-5)

    def forward(self, x, w):
        x = self.norm(F.leaky_relu(x + self.noise * self.strength + self.bias, 0.2))
        scale, shift = self.style(w)[:, :, None, None].chunk(2, dim=1)
        return x * (scale + 1) + shift


class Block(nn.Module):
    """Twice the resolution: nearest neighbour or a transposed convolution, blur, and two AdaIN layers."""

    def __init__(self, inputs, outputs, side, w_dim, fused):
        super().__init__()
        self.fused = fused
        up = torch.randn(outputs, inputs, 3, 3) * math.sqrt(2 / (9 * inputs))
        self.register_buffer("up", self.doubled(up) if fused else up)
        self.conv = nn.Conv2d(outputs, outputs, 3, padding=1)
        nn.init.normal_(self.conv.weight, std=math.sqrt(2 / (9 * outputs)))
        self.register_buffer("kernel", (torch.outer(*[torch.tensor([1.0, 2.0, 1.0])] * 2) / 16)[None, None])
        self.first, self.second = AdaIn(outputs, side, w_dim), AdaIn(outputs, side, w_dim)

    @staticmethod
    def doubled(kernel):
        """Nearest neighbour and a 3x3 kernel are one transposed convolution with the four shifts of the kernel summed."""
        k = F.pad(kernel.transpose(0, 1), (1, 1, 1, 1))
        k = k[:, :, 1:, 1:] + k[:, :, :-1, 1:] + k[:, :, 1:, :-1] + k[:, :, :-1, :-1]
        return k.flip(2, 3)

    def upscaled(self, x):
        if self.fused:
            return F.conv_transpose2d(x, self.up, stride=2, padding=1)
        return F.conv2d(F.interpolate(x, scale_factor=2.0, mode="nearest"), self.up, padding=1)

    def forward(self, x, w):
        x = self.upscaled(x)
        channels = int(x.shape[1])
        x = F.conv2d(x, self.kernel.repeat(channels, 1, 1, 1), padding=1, groups=channels)
        return self.second(self.conv(self.first(x, w)), w)


class Generator(nn.Module):
    """z [N, z_dim] -> image [N, 3, 16, 16]."""

    def __init__(self, channels=(12, 10, 8), z_dim=16, w_dim=20):
        super().__init__()
        self.mapping = Mapping(z_dim, w_dim, depth=3)
        self.constant = nn.Parameter(torch.randn(1, channels[0], 4, 4))
        self.first = AdaIn(channels[0], 4, w_dim)
        self.conv = nn.Conv2d(channels[0], channels[0], 3, padding=1)
        self.second = AdaIn(channels[0], 4, w_dim)
        self.blocks = nn.ModuleList(
            Block(before, here, 8 * 2**i, w_dim, fused=i > 0)
            for i, (before, here) in enumerate(zip(channels, channels[1:]))
        )
        self.image = nn.Conv2d(channels[-1], 3, 1)

    def forward(self, z):
        w = self.mapping(z)
        x = self.first(self.constant.repeat(z.shape[0], 1, 1, 1), w)
        x = self.second(self.conv(x), w)
        for block in self.blocks:
            x = block(x, w)
        return self.image(x)
