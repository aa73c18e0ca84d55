"""What specifications say beside their fields: modules looked up by name, what a seed decides, which features."""

from collections.abc import Iterable

from pipeline import introspection
from pipeline.cells.cell import Cell
from pipeline.classical._spec import Spec as Fitted
from pipeline.compress.spec import Spec as Compress
from pipeline.formats import files
from pipeline.pretraining.spec import Spec as Pretrain
from pipeline.training.recipe import Fit
from pipeline.training.spec import Features
from pipeline.training.spec import Spec as Train
from pipeline.training.start import HARMLESS


def seed_decides(spec: Train | Fitted) -> bool:
    """Whether the seed of a train cell decides anything: its draw of items, or the model's own."""
    drawn = spec.budget.samples is not None or spec.recipe.sampling == "balanced"
    return drawn or bool(introspection.constant(spec.model, "CHANCE", True))


def named(spec: Train | Fitted | Pretrain) -> tuple[str, ...]:
    """Modules that a training looks up by name: its architecture, and its augmentations."""
    steps = [] if isinstance(spec.recipe, Fit) else spec.recipe.augment
    return (spec.module, *(f"pipeline.data.augmentations.{step['name']}" for step in steps))


def opened(models: Iterable[Cell], architecture: str) -> tuple[str, ...]:
    """Modules that are looked up by name where `models` are opened: of the format, and of the architecture."""
    found: list[str] = []
    for model in models:
        spec = model.spec
        kept = spec.makes if isinstance(spec, Compress) else "skops" if isinstance(spec, Fitted) else "safetensors"
        found += [f"pipeline.formats.{kept}"]
        found += [] if files.is_whole(kept) else [architecture]
    return tuple(dict.fromkeys(found))


def below_head(spec: Train | Fitted, seeded: bool) -> Features | None:
    """The features that the training of a head alone needs, None of another; neither the head nor its recipe decides.

    seeded: whether the weights that it starts from are of its seed.
    """
    if isinstance(spec, Fitted) or spec.start is None or spec.start.train != "head":
        return None
    return Features(
        data=spec.data,
        task=spec.task,
        budget=spec.budget.model_copy(update={"epochs": 1}),
        threads=spec.threads,
        model=spec.model,
        view=spec.view,
        args={name: value for name, value in spec.args.items() if name not in HARMLESS},
        scaling=spec.scaling,
        channels_last=spec.recipe.channels_last,
        weights=spec.start.weights,
        seed=spec.seed if seeded or spec.budget.samples is not None else None,
    )
