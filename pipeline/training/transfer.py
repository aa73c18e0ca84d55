"""A network that starts from the weights of another, and what of it is trained."""

from pathlib import Path

import torch

from pipeline import introspection
from pipeline.data.batches import Batches
from pipeline.training import features, loading
from pipeline.training.blocks import blocks, head_name
from pipeline.training.network import Network
from pipeline.training.spec import Model, Spec
from pipeline.training.start import Start
from pipeline.training.system import System


def begin(system: System, spec: Spec, source: Path, made: Path | None = None) -> System:
    """Fill the system's network from the cell at `source`; returns the system to train, which shares its head.

    That is the given one, one over the features of a frozen body, or one that trains matrices beside its layers.
    made: the features cell of these items, which `train: head` has. ValueError where the weights do not fit.
    """
    start = spec.start
    if start is None:
        raise ValueError("this specification names no weights to start from")
    loading.take_over(system.network.body, source, start, spec)
    if start.train == "head":
        assert made
        return over_features(system, made)
    if start.train == "lora":
        system = beside_layers(system, spec, start)
    elif start.layers and start.layers > (most := len(blocks(system.network.body)) - 2):
        raise ValueError(f"start: layers is {start.layers}, but below the last {most} is only the first; set train all")
    system.start = start
    return system


def over_features(system: System, made: Path) -> System:
    """A system that trains the head alone, on what the body makes of the items: the features cell at `made`."""
    network, found = system.network, features.read(made)
    train, validation = (system.batches[split].over(found[split]) for split in features.SPLITS)
    (width,) = train.shape
    head = network.body.get_submodule(head_name(network.body))
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
