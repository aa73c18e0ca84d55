"""A network that starts from the weights of another: which it takes over, and what of it is trained."""

import copy
import importlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from pipeline import introspection
from pipeline.cells.cell import parsed, read_json
from pipeline.data.batches import Batches
from pipeline.data.kinds import KINDS
from pipeline.data.ragged import TOGETHER, Ragged, buckets
from pipeline.training.blocks import blocks, head_name, replace
from pipeline.training.network import WEIGHTS, Network
from pipeline.training.spec import Architecture, Model, Spec
from pipeline.training.start import Start, misfits
from pipeline.training.system import System

TRAINED = "trained.json"  # of a registered version: the specification that its weights were trained by


def begin(system: System, spec: Spec, source: Path) -> System:
    """Fill the system's network from the cell at `source`; returns the system to train, which shares its head.

    That is the given one, one over the features of a frozen body, or one that trains matrices beside its layers.
    ValueError where the weights do not fit.
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
    if start.train == "lora":
        system = beside_layers(system, spec, start)
    elif start.layers and start.layers > (most := len(blocks(system.network.body)) - 2):
        raise ValueError(f"start: layers is {start.layers}, but below the last {most} is only the first; set train all")
    system.start = start
    return system


def _facts(spec: Architecture) -> dict[str, Any]:
    """What has to be equal for weights to fit."""
    return {"model": spec.model, "args": spec.args, "view": spec.view, "scaling": spec.recipe.scaling}


def _weights(source: Path, spec: Model, start: Start) -> dict[str, Tensor]:
    """Tensors of a body by name, from the cell of a run, of a registered version, of a card or of a folder."""
    result = read_json(source / "result.json")
    if result["status"] == "failed":
        raise ValueError(f"{start.weights}, which it starts from, failed: {result['reason']}")
    if (source / WEIGHTS).is_file():
        return {n.removeprefix("body."): t for n, t in load_file(source / WEIGHTS).items() if n.startswith("body.")}
    card = read_json(source / "card.json")
    folder = Path(card["path"]) if "path" in card else source
    shipped: dict[str, Tensor] = importlib.import_module(spec.module).shipped(folder, **spec.args)
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
    return anew(system, top, train, validation)


def beside_layers(system: System, spec: Model, start: Start) -> System:
    """A system that trains the head and what `lora` sets beside layers of the same network."""
    from pipeline.training import lora  # seconds, which only those who ask for it pay

    assert start.rank and start.alpha
    lora.add(system.network.body, introspection.constant(spec.model, "LORA"), start.rank, start.alpha)
    return anew(system, system.network, *system.batches.values())


def anew(system: System, network: Network, train: Batches, validation: Batches) -> System:
    """The same run, of another network or on other items."""
    rest = system.epochs, system.objective.weight, system.ranks
    return type(system)(network, system.task, system.recipe, train, validation, *rest)


def with_features(network: Network, batches: Batches, size: int = 500) -> Batches:
    """The same items, (N, D) as `network` without its head sees them, in eval mode; texts of a length go together.

    ValueError where an item has features of each token.
    """
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    network, x, parts = network.eval().to(device), batches.x, []
    if isinstance(x, Ragged):
        places = [torch.from_numpy(chosen) for chosen in buckets(x.lengths, size, TOGETHER)]
    else:
        places = [*torch.arange(len(x)).split(size)]
    with torch.no_grad():
        for chosen in places:
            features = network.body(network.prepare(batches.gather(chosen).to(device))).cpu()
            if features.ndim != 2:
                what = "a model that scores every token has no features of a whole text; set train top or lora"
                raise ValueError(f"start: train is head, but {what}")
            parts.append(features)
    made, found = copy.copy(batches), torch.cat(parts)
    made.x, made.kind = torch.empty_like(found), KINDS["tabular"]
    made.x[torch.cat(places)] = found
    return made
