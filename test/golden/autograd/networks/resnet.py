"""ResNet-18 (He et al. 2016, arXiv:1512.03385) with few channels, batch normalisation in inference mode."""

import torch
import torch.nn.functional as F
from torch import nn


def norm(channels):
    """Batch normalisation with statistics as training would leave them."""
    bn = nn.BatchNorm2d(channels)
    nn.init.uniform_(bn.weight, 0.5, 1.5)
    nn.init.normal_(bn.bias, std=0.2)
    bn.running_mean.normal_(std=0.2)
    bn.running_var.uniform_(0.5, 1.5)
    return bn


class BasicBlock(nn.Module):
    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.bn1 = norm(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.bn2 = norm(outputs)
        self.shortcut = nn.Identity()
        if stride != 1 or inputs != outputs:
            self.shortcut = nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), norm(outputs))

    def forward(self, x):
        y = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        return F.relu(y + self.shortcut(x))


class ResNet18(nn.Module):
    """image [N,3,S,S] -> logits [N, classes]."""

    def __init__(self, widths=(8, 12, 16, 24), classes=10):
        super().__init__()
        self.stem = nn.Conv2d(3, widths[0], 7, 2, 3, bias=False)
        self.bn = norm(widths[0])
        stages, inputs = [], widths[0]
        for i, width in enumerate(widths):
            stages += [BasicBlock(inputs, width, 1 if i == 0 else 2), BasicBlock(width, width, 1)]
            inputs = width
        self.stages = nn.Sequential(*stages)
        self.head = nn.Linear(widths[-1], classes)

    def forward(self, image):
        x = F.max_pool2d(F.relu(self.bn(self.stem(image))), 3, 2, 1)
        x = F.adaptive_avg_pool2d(self.stages(x), 1)
        return self.head(torch.flatten(x, 1))
