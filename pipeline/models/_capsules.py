"""Capsules: squashing, dynamic routing, reconstruction; their margin loss is in `pipeline/tasks/_losses.py`.

Sabour, Frosst, Hinton (2017): Dynamic routing between capsules: equation 1, squashing;
equation 2 and procedure 1, routing; section 4.1, reconstruction from the masked capsules.
Pixels have to be in [0, 1] (scaling `unit`), which is what the decoder gives back.

The score of a class is the length of its capsule: no logit, and no probability either.
"""

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from pipeline.tasks._losses import margin

DIMENSIONS = (8, 16)  # of a primary and of a class capsule
RECONSTRUCTION = 0.0005  # weight of the summed squared error, "so that it does not dominate the margin loss"


def squash(s: Tensor) -> Tensor:
    """Equation 1 over the last dimension: the same direction, length |s|^2 / (1 + |s|^2)."""
    length = torch.linalg.vector_norm(s, dim=-1, keepdim=True)
    return s * (length / (1 + length * length))


class Routing(nn.Module):
    """Votes of I input capsules for K output capsules, and their agreement (procedure 1)."""

    def __init__(self, inputs: int, outputs: int, iterations: int) -> None:
        super().__init__()
        self.iterations, self.outputs = iterations, outputs
        # With the 0.1 of the authors' code Adam's first steps at 0.001 can drive all lengths to 1 at full size, where
        # there is no gradient; the paper gives no value.
        start = torch.empty(inputs, DIMENSIONS[0], outputs * DIMENSIONS[1]).normal_(std=0.05)
        self.weight = nn.Parameter(start)

    def forward(self, u: Tensor) -> Tensor:
        """Capsules (N, I, 8) to (N, K, 16)."""
        return self.route(u)[0]

    def route(self, u: Tensor) -> tuple[Tensor, Tensor]:
        """(output capsules (N, K, 16), coupling coefficients (N, K, I), which sum to 1 over K)."""
        # Products over capsules are matrix products: what is as large as the votes is made once and kept once.
        votes = torch.bmm(u.transpose(0, 1), self.weight)  # (I, N, K * 16)
        votes = votes.unflatten(2, (self.outputs, -1)).permute(1, 2, 0, 3)  # (N, K, I, 16)
        logits = votes.new_zeros(votes.shape[:3])
        for iteration in range(self.iterations):
            coupling = logits.softmax(dim=1)
            v = squash((coupling.unsqueeze(2) @ votes).squeeze(2))
            if iteration < self.iterations - 1:
                logits = logits + (votes @ v.unsqueeze(3)).squeeze(3)
        return v, coupling


class CapsNet(nn.Module):
    """Convolution, primary capsules, class capsules and, if asked, a decoder of the input."""

    probabilistic = False

    def __init__(
        self, shape: tuple[int, ...], outputs: int, filters: int, capsules: int, iterations: int, decoder: list[int]
    ) -> None:
        super().__init__()
        channels, height, width = shape
        places = ((height - 8) - 8 + 1) // 2 * (((width - 8) - 8 + 1) // 2)
        self.convolution = nn.Conv2d(channels, filters, 9)
        self.primary = nn.Conv2d(filters, capsules * DIMENSIONS[0], 9, stride=2)
        self.routing = Routing(capsules * places, outputs, iterations)
        self.decoder: nn.Sequential | None = None
        if decoder:
            sizes = [outputs * DIMENSIONS[1], *decoder]
            layers = [part for a, b in pairwise(sizes) for part in (nn.Linear(a, b), nn.ReLU())]
            pixels = channels * height * width
            self.decoder = nn.Sequential(*layers, nn.Linear(sizes[-1], pixels), nn.Sigmoid())

    def capsules(self, x: Tensor) -> Tensor:
        """Images (N, C, H, W) to class capsules (N, K, 16)."""
        maps = self.primary(functional.relu(self.convolution(x)))
        u = maps.unflatten(1, (-1, DIMENSIONS[0])).flatten(3).transpose(2, 3).flatten(1, 2)
        return self.routing(squash(u))

    def forward(self, x: Tensor) -> Tensor:
        return torch.linalg.vector_norm(self.capsules(x), dim=2)

    def reconstruct(self, capsules: Tensor, y: Tensor) -> Tensor:
        """Pixels (N, C * H * W) of class capsules of which only that of the class `y` (N,) is left."""
        assert self.decoder is not None, "this network was built without a decoder"
        chosen = functional.one_hot(y, capsules.shape[1]).unsqueeze(2)
        return self.decoder((capsules * chosen).flatten(1))

    def training_loss(self, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        """(margin loss, plus the reconstruction's where there is a decoder, as a mean over items; scores (N, K))."""
        capsules = self.capsules(x)
        scores = torch.linalg.vector_norm(capsules, dim=2)
        loss = margin(scores, y).mean()
        if self.decoder is not None:
            error = (self.reconstruct(capsules, y) - x.flatten(1)).square().sum(1).mean()
            loss = loss + RECONSTRUCTION * error
        return loss, scores
