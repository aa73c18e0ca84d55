"""Every architecture with every kind of input and target that it takes: what the contract suites go through."""

import importlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from types import ModuleType
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from pipeline import introspection
from pipeline.data.spec import Vocabulary
from pipeline.training.recipe import Gradient

OUTPUTS, IGNORED = 4, -100
VOCABULARY = Vocabulary(size=30, padding=3)
LARGE = 3_000_000  # weights of a network whose tests are slow
SHAPES: dict[str, list[tuple[int, ...]]] = {
    "image": [(1, 28, 28), (3, 32, 32), (3, 64, 64)],
    "series": [(9, 5), (24, 1)],
    "tabular": [(3,), (40,)],
    "tokens": [(11,)],
}


def module(name: str) -> ModuleType:
    return importlib.import_module(f"pipeline.models.{name}")


def refused(name: str, args: dict[str, Any], target: str, **recipe: Any) -> str | None:
    """Why an architecture's REQUIRES keep it from a target and a recipe."""
    usual = Gradient(kind="gradient", scaling="unit").model_dump()
    return introspection.refused(f"models/{name}", args, usual | recipe, target, False)


@dataclass(frozen=True)
class Case:
    """An architecture for inputs of a kind and shape and for a target, class or tags; args: what that target needs."""

    name: str
    kind: str
    shape: tuple[int, ...]
    target: str
    args: dict[str, Any] = field(hash=False, default_factory=dict)

    def __str__(self) -> str:
        return "-".join([self.name, self.kind, "x".join(map(str, self.shape)), *["tags"] * (self.target == "tags")])

    def build(self) -> nn.Module:
        torch.manual_seed(0)
        known = [VOCABULARY] if self.kind == "tokens" else []
        network: nn.Module = module(self.name).build(self.shape, OUTPUTS, *known, **self.args)
        return network

    def items(self, count: int, seed: int = 0) -> Tensor:
        """Inputs (count, ...); series are of different lengths, and so are texts."""
        generator = torch.Generator().manual_seed(seed)
        if self.kind == "tokens":
            x = torch.randint(VOCABULARY.padding + 1, VOCABULARY.size, (count, *self.shape), generator=generator)
        else:
            x = torch.randn(count, *self.shape, generator=generator)
        for n in range(count if self.kind in ("series", "tokens") else 0):
            x[n, self.shape[0] - n % (self.shape[0] - 1) :] = torch.nan if self.kind == "series" else VOCABULARY.padding
        return x.sigmoid() if self.kind == "image" else x

    def targets(self, x: Tensor) -> Tensor:
        """Classes (N,), or tags (N, T) by token and by the token before it."""
        if self.target == "class":
            return torch.arange(len(x)) % OUTPUTS
        return torch.where(x == VOCABULARY.padding, IGNORED, (x + x.roll(1, 1)) % OUTPUTS)

    def there(self, x: Tensor) -> Tensor:
        """Which answers count: those of all items, or of all tokens."""
        return torch.ones(len(x), dtype=torch.bool) if self.target == "class" else x != VOCABULARY.padding


def loss_of(network: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    if hasattr(network, "training_loss"):
        return network.training_loss(x, y)[0]  # type: ignore[operator, no-any-return]
    return functional.cross_entropy(network(x).flatten(0, -2), y.flatten(), ignore_index=IGNORED)


def uses(name: str, kind: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """(target, arguments) that the architecture's REQUIRES allow, of classes and, for tokens, of tags."""
    pools = "pool" in introspection.options(f"models/{name}", "build").model_fields
    for target in ("class", "tags") if kind == "tokens" else ("class",):
        for args in ({}, {"pool": "none"}) if pools else ({},):
            if not refused(name, args, target):
                yield target, args


@cache
def fitting(name: str) -> list[tuple[Case, int]]:
    """Cases that it can be built for, with their numbers of weights; others it has to refuse by a ValueError."""
    found: list[tuple[Case, int]] = []
    if not any(list(uses(name, kind)) for kind in module(name).INPUTS):
        return found  # it writes sentences
    for kind in module(name).INPUTS:
        for case in (Case(name, kind, shape, *use) for shape in SHAPES[kind] for use in uses(name, kind)):
            try:
                network = case.build()
            except ValueError as error:
                assert name in str(error), "an error names the thing"
            else:
                found.append((case, sum(p.numel() for p in network.parameters())))
    assert {case.kind for case, _ in found} == set(module(name).INPUTS), f"{name}: give SHAPES a size that it takes"
    return found


def cases(first: bool = False, kinds: tuple[str, ...] = tuple(SHAPES)) -> Iterator[Any]:
    """Every architecture with every kind of input and target; all sizes, or the first one only."""
    for name in introspection.names("models"):
        seen: set[tuple[str, str]] = set()
        for case, size in fitting(name):
            if case.kind in kinds and not (first and (case.kind, case.target) in seen):
                yield pytest.param(case, marks=[pytest.mark.slow] if size > LARGE else [], id=str(case))
            seen.add((case.kind, case.target))


every_size = pytest.mark.parametrize("case", list(cases()))
each = pytest.mark.parametrize("case", list(cases(first=True)))
of_tokens = pytest.mark.parametrize("case", list(cases(kinds=("tokens",))))
