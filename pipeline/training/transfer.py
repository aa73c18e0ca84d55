"""A network that starts from the weights of another: which it takes over, and what of it is trained."""

import copy
import importlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from pipeline.cells.cell import parsed, read_json
from pipeline.data.batches import Batches
from pipeline.data.kinds import KINDS
from pipeline.training.blocks import head_name, replace
from pipeline.training.network import WEIGHTS, Network
from pipeline.training.spec import Architecture, Model, Spec
from pipeline.training.start import Start, misfits
from pipeline.training.system import System

TRAINED = "trained.json"  # of a registered version: the specification that its weights were trained by


def begin(system: System, spec: Spec, source: Path) -> System:
    """Fill the system's network from the cell at `source`; returns the system to train, which shares its head.

    That is the given one, or one over the features of a frozen body. ValueError where the weights do not fit.
    """
    start = spec.start
    if start is None:
        raise ValueError("this specification names no weights to start from")
    if start.is_version:
        trained = read_json(source / TRAINED)
        theirs, ours = _facts(parsed(Architecture, trained)), _facts(spec)
        if trained["data"] != spec.data:
            del theirs["view"]
        for what in misfits(theirs, ours, start.head):
            raise ValueError(f"{start.weights} {what}")
    load(system.network.body, _weights(source, spec, start), start.head, start.weights)
    if start.train == "head":
        return over_features(system)
    system.start = start
    return system


def _facts(spec: Architecture) -> dict[str, Any]:
    """What has to be equal for weights to fit."""
    return {"model": spec.model, "args": spec.args, "view": spec.view, "scaling": spec.recipe.scaling}


def _weights(source: Path, spec: Model, start: Start) -> dict[str, Tensor]:
    """Tensors of a body by name, from the cell of a run, of a registered version, or of a card."""
    result = read_json(source / "result.json")
    if result["status"] == "failed":
        raise ValueError(f"{start.weights}, which it starts from, failed: {result['reason']}")
    if (source / WEIGHTS).is_file():
        return {n.removeprefix("body."): t for n, t in load_file(source / WEIGHTS).items() if n.startswith("body.")}
    (name,) = read_json(source / "card.json")["files"]
    module = importlib.import_module(spec.module)
    shipped: dict[str, Tensor] = module.shipped(str(source / name), **spec.args)
    return shipped


def load(body: nn.Module, weights: Mapping[str, Tensor], head: str, source: str) -> None:
    """Take over all tensors, those of the head only if it is `kept`; ValueError names the first that does not fit."""
    own, top = body.state_dict(), f"{head_name(body)}."
    here, there = ({place: name for name, place in places(tensors).items()} for tensors in (own, weights))
    first, name = next((place, name) for place, name in here.items() if name.startswith(top))
    skipped = first.removesuffix(name.removeprefix(top)) if head == "new" else "none"
    given: dict[str, Tensor] = {}
    for place in [place for place in {**here, **there} if not place.startswith(skipped)]:
        name, other = here.get(place, ""), there.get(place, "")
        ours, theirs = (tuple(t[n].shape) if n in t else "not there" for n, t in ((name, own), (other, weights)))
        if ours != theirs:
            raise ValueError(
                f"{source} does not fit: {name or other} is {theirs} in it and {ours} in this network; "
                "start from the same model with the same args, on input of the same shape"
            )
        given[name] = weights[other]
    body.load_state_dict(given, strict=False)


def places(names: Iterable[str]) -> dict[str, str]:
    """Of each tensor's name one in which the numbers of layers count those with tensors alone.

    So a layer of dropout more or less, which has none, changes no place.
    """
    paths = {name: name.split(".") for name in names}
    numbers: dict[tuple[str, ...], set[int]] = {}
    for path in paths.values():
        for level, part in enumerate(path):
            if part.isdigit():
                numbers.setdefault(tuple(path[:level]), set()).add(int(part))
    ranks = {above: sorted(found) for above, found in numbers.items()}

    def place(path: list[str]) -> str:
        levels = enumerate(path)
        return ".".join(str(ranks[tuple(path[:n])].index(int(p))) if p.isdigit() else p for n, p in levels)

    return {name: place(path) for name, path in paths.items()}


def over_features(system: System) -> System:
    """A system that trains the head alone, on what the body makes of the items: computed once, kept in memory."""
    network = system.network
    name = head_name(network.body)
    head = replace(network.body, name, nn.Identity())
    train, validation = (with_features(network, batches) for batches in system.batches.values())
    replace(network.body, name, head)
    (width,) = train.shape
    top = Network(head, "none", train.kind, torch.zeros(width), torch.ones(width), network.target)
    return type(system)(
        top, system.task, system.recipe, train, validation, system.epochs, system.objective.weight, system.ranks
    )


def with_features(network: Network, batches: Batches, size: int = 500) -> Batches:
    """The same items, (N, D) as `network` without its head sees them, in eval mode."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    network = network.eval().to(device)
    with torch.no_grad():
        parts = [network.body(network.prepare(x.to(device))).cpu() for x in batches.parts(size)]
    made = copy.copy(batches)
    made.x, made.kind = torch.cat(parts), KINDS["tabular"]
    return made
