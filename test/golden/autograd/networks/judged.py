"""A network with a scalar loss on top, so that the exported graph ends in the number to differentiate."""

import torch
from torch import nn


class Judged(nn.Module):
    """loss [] of the network's output; `probe` is a fixed random tensor in the output's shape."""

    def __init__(self, network, example):
        super().__init__()
        self.network = network
        with torch.no_grad():
            self.register_buffer("probe", torch.randn_like(network(example)))

    def forward(self, x):
        return self.loss(self.network(x))


class Weighted(Judged):
    """A random direction of the vector-Jacobian product, and half the squared norm."""

    def loss(self, y):
        return (y * self.probe).sum() + 0.5 * y.square().sum()


class Distance(Judged):
    """Euclidean distance to a target."""

    def loss(self, y):
        return torch.linalg.vector_norm(y - self.probe)


class CrossEntropy(Judged):
    """Cross entropy against soft labels."""

    def loss(self, y):
        return -(torch.softmax(self.probe, dim=1) * torch.log(torch.softmax(y, dim=1))).sum()
