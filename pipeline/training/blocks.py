"""A network as blocks from input to output: what is frozen, thawed or given a learning rate of its own together."""

from torch import nn
from torch.optim import Optimizer

from pipeline.training.bayesian import BayesianLinear


def blocks(body: nn.Module) -> list[list[nn.Module]]:
    """Children in order, sequences opened one level; what has no weights (norms, activations) goes with what precedes.

    So a ResNet falls into its residual blocks, an encoder into its layers; the last block holds the head.
    """
    opened = (list(c) if isinstance(c, nn.Sequential | nn.ModuleList) else [c] for c in body.children())
    found: list[list[nn.Module]] = []
    for child in (module for part in opened for module in part):
        if not found or any(p.ndim > 1 for p in child.parameters()):
            found.append([])
        found[-1].append(child)
    return found


def head_name(body: nn.Module) -> str:
    """Name of the last dense layer; ValueError where a network does not end with one, or is nothing else."""
    *_, (name, last) = body.named_modules()
    if not name or not isinstance(last, nn.Linear | BayesianLinear):
        raise ValueError(
            f"only a network of several layers that ends with a dense one has a body to keep and a head to renew; "
            f"this one is or ends with {type(last).__name__}; leave out `start`"
        )
    return name


def replace(body: nn.Module, name: str, module: nn.Module) -> nn.Module:
    """Put `module` where `name` is; returns what was there."""
    parent, _, child = name.rpartition(".")
    before = body.get_submodule(name)
    setattr(body.get_submodule(parent), child, module)
    return before


def thaw(body: nn.Module, count: int) -> None:
    """Train the last `count` blocks; those below keep their weights and their running statistics."""
    found = blocks(body)
    for place, block in enumerate(reversed(found)):
        for module in block:
            module.requires_grad_(place < count).train(place < count)
    for parameter in body.parameters(recurse=False):
        parameter.requires_grad_(count >= len(found))


def layer_wise(optimizer: Optimizer, body: nn.Module, decay: float) -> None:
    """Split an optimizer's groups by block: the head's rate stays, each block's is `decay` times that of the one above.

    Before the first step and before a schedule, which then scales each group's own rate.
    """
    found = blocks(body)
    depths = {p: d for d, block in enumerate(reversed(found)) for module in block for p in module.parameters()}
    split = []
    for group in optimizer.param_groups:
        places = [depths.get(p, len(found) - 1) for p in group["params"]]
        for depth in sorted(set(places)):
            chosen = [p for p, place in zip(group["params"], places, strict=True) if place == depth]
            split.append({**group, "params": chosen, "lr": group["lr"] * decay**depth})
    optimizer.param_groups[:] = split
