"""U-Nets (Ronneberger et al. 2015, arXiv:1505.04597): skip connections joined by concatenation.

`resize` halves by max pooling and doubles by bilinear interpolation, on sides that halving does not divide, so that
the skips need padding; `transposed` halves by strided convolutions and doubles by transposed ones, with the group
normalisation and SiLU of diffusion models.
"""

import torch
import torch.nn.functional as F
from torch import nn

from .resnet import norm


class Activated(nn.Module):
    """Normalisation before the activation and the convolution: it cannot be folded into the convolution before it."""

    def __init__(self, inputs, outputs, kind):
        super().__init__()
        self.norm = norm(inputs) if kind == "resize" else nn.GroupNorm(2, inputs)
        self.act = nn.ReLU() if kind == "resize" else nn.SiLU()
        self.conv = nn.Conv2d(inputs, outputs, 3, padding=1)

    def forward(self, x):
        return self.conv(self.act(self.norm(x)))


class ResizeUNet(nn.Module):
    """image [N,3,H,W] -> maps [N,2,H,W] for any H and W from 8 up."""

    def __init__(self, widths=(6, 8, 12)):
        super().__init__()
        a, b, c = widths
        self.enter = nn.Conv2d(3, a, 3, padding=1)
        self.down1, self.down2 = Activated(a, b, "resize"), Activated(b, c, "resize")
        self.deep = Activated(c, c, "resize")
        self.up2, self.up1 = Activated(c + b, b, "resize"), Activated(b + a, a, "resize")
        self.leave = nn.Conv2d(a, 2, 1)

    @staticmethod
    def join(x, skip, aligned):
        x = F.interpolate(x, scale_factor=2.0, mode="bilinear", align_corners=aligned)
        dy, dx = skip.shape[2] - x.shape[2], skip.shape[3] - x.shape[3]
        return torch.cat((skip, F.pad(x, (dx // 2, dx - dx // 2, dy // 2, dy - dy // 2))), dim=1)

    def forward(self, image):
        s1 = self.enter(image)
        s2 = self.down1(F.max_pool2d(s1, 2))
        x = self.deep(self.down2(F.max_pool2d(s2, 2)))
        x = self.up2(self.join(x, s2, aligned=True))
        x = self.up1(self.join(x, s1, aligned=False))
        return torch.sigmoid(self.leave(x))


class TransposedUNet(nn.Module):
    """image [N,3,H,W] -> image of the same size; H and W divide by 4."""

    def __init__(self, widths=(6, 8, 12)):
        super().__init__()
        a, b, c = widths
        self.enter = nn.Conv2d(3, a, 3, padding=1)
        self.shrink1 = nn.Conv2d(a, b, 3, stride=2, padding=1)
        self.shrink2 = nn.Conv2d(b, c, 4, stride=2, padding=1)
        self.deep = Activated(c, c, "transposed")
        self.grow2 = nn.ConvTranspose2d(c, b, 2, stride=2)
        self.grow1 = nn.ConvTranspose2d(b, a, 3, stride=2, padding=1, output_padding=1)
        self.up2, self.up1 = Activated(2 * b, b, "transposed"), Activated(2 * a, a, "transposed")
        self.leave = nn.Conv2d(a, 3, 3, padding=1, padding_mode="reflect")

    def forward(self, image):
        s1 = self.enter(image)
        s2 = F.silu(self.shrink1(s1))
        x = self.deep(F.silu(self.shrink2(s2)))
        x = self.up2(torch.cat((self.grow2(x), s2), dim=1))
        x = self.up1(torch.cat((self.grow1(x), s1), dim=1))
        return torch.tanh(self.leave(x)) + F.avg_pool2d(image, 3, 1, 1, count_include_pad=False)
