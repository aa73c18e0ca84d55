"""Weights of another network: where they are, whether they fit this one, and how they are taken over."""

import importlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from safetensors.torch import load_file
from torch import Tensor, nn

from pipeline.cells.cell import parsed, read_json
from pipeline.training.blocks import head_name
from pipeline.training.network import WEIGHTS
from pipeline.training.spec import Architecture, Features, Model, Spec
from pipeline.training.start import Start, misfits

TRAINED = "trained.json"  # of a registered version: the specification that its weights were trained by


def take_over(body: nn.Module, source: Path, start: Start, spec: Spec | Features) -> None:
    """Fill the body of this specification as `start` says, from the cell at `source`; ValueError where it can't be."""
    if start.is_version:
        trained = read_json(source / TRAINED)
        theirs, ours = _facts(parsed(Architecture, trained)), _facts(spec)
        if trained["data"] != spec.data:
            del theirs["view"]
        for what in misfits(theirs, ours, start.head):
            raise ValueError(f"{start.weights} {what}")
    load(body, weights(source, spec, start.weights), start.head, start.weights)


def _facts(spec: Architecture | Features) -> dict[str, Any]:
    """What has to be equal for weights to fit."""
    return {"model": spec.model, "args": spec.args, "view": spec.view, "scaling": spec.scaling}


def weights(source: Path, spec: Model, name: str) -> dict[str, Tensor]:
    """Tensors of a body by name, from the cell of a run, of a registered version, of a card or of a folder.

    ValueError with what they are called, `name`, where that cell has failed.
    """
    result = read_json(source / "result.json")
    if result["status"] == "failed":
        raise ValueError(f"{name}, which it starts from, failed: {result['reason']}")
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
