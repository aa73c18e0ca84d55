"""Why a recipe, with what a row changes of it, can't train on the row's data."""

from collections.abc import Iterator
from typing import Any

from pipeline import introspection
from pipeline.config.messages import Location, Problem, option_problems, unknown
from pipeline.data.section import Data
from pipeline.training.recipe import Fit, Gradient


def recipe_problems(where: Location, recipe: Gradient | Fit, target: str, name: str, data: Data) -> Iterator[Problem]:
    """Of a resolved recipe on data set `name`, whose task predicts a `target`: class, number or tags."""
    yield from _target_problems(where, recipe, target, name)
    if isinstance(recipe, Gradient):
        if recipe.last_layer == "bayesian":
            yield from _bayesian_problems(where, recipe)
        yield from _kind_problems(where, recipe, name, data)
        yield from _refit_problems(where, recipe, name, data)


TARGETS = {"tags": "tags", "sentence": "sentences"}


def _target_problems(where: Location, recipe: Gradient | Fit, target: str, data: str) -> Iterator[Problem]:
    numbers = f"but {data} has {TARGETS.get(target, 'numbers')}"
    if target != "class" and recipe.sampling != "none":
        yield where, f"sampling {recipe.sampling!r} is for classes, {numbers}; set it to none"
    if isinstance(recipe, Fit):
        return
    tasks = [f"tasks/{task}" for task in introspection.names("tasks")]
    alike = [task for task in tasks if introspection.constant(task, "TARGET") == target]
    fitting = list(dict.fromkeys(loss for task in alike for loss in introspection.constant(task, "LOSSES")))
    if recipe.loss not in ("default", *fitting):
        others = f"classes, {numbers}" if target != "class" else f"numbers, but {data} has classes"
        yield where, f"loss {recipe.loss!r} is for {others}; valid: default, {', '.join(fitting)}"
    if target == "number" and recipe.label_smoothing:
        yield where, f"label_smoothing {recipe.label_smoothing} is for classes, {numbers}; set it to 0.0"
    for name in ("mixup", "cutmix"):
        if target == "number" and getattr(recipe, name):
            yield where, f"{name} {getattr(recipe, name)} mixes labels of classes, {numbers}; set it to 0.0"


def _bayesian_problems(where: Location, recipe: Gradient) -> Iterator[Problem]:
    for name, off in {"weight_decay": "0.0", "l1": "0.0", "l2": "0.0", "max_norm": "null"}.items():
        if value := getattr(recipe, name):
            yield where, f"last_layer bayesian has a prior instead of {name} {value}; set that to {off}"
    if recipe.label_smoothing:
        smoothing = recipe.label_smoothing
        yield where, f"last_layer bayesian needs its task's likelihood, not label_smoothing {smoothing}; set it to 0.0"
    if recipe.loss != "default":
        yield where, f"last_layer bayesian needs its task's likelihood, not loss {recipe.loss!r}; set that to default"


def _refit_problems(where: Location, recipe: Gradient, name: str, data: Data) -> Iterator[Problem]:
    """What goes by validation items, where they were trained on."""
    if not data.split.refit:
        return
    choices = {
        f"patience {recipe.patience}": (recipe.patience, "null"),
        "best_weights true": (recipe.best_weights, "false"),
        "schedule plateau": (recipe.schedule == "plateau", "another"),
    }
    for what, (asked, off) in choices.items():
        if asked:
            yield (
                where,
                f"{what} goes by validation items, but {name} keeps them in train (refit): nothing can be chosen on "
                f"them; set it to {off}",
            )


def augment_problems(where: Location, steps: list[dict[str, Any]]) -> Iterator[Problem]:
    for index, step in enumerate(steps):
        name, options = step.get("name"), {k: v for k, v in step.items() if k != "name"}
        if name not in (known := introspection.names("data/augmentations")):
            yield (*where, index, "name"), unknown("augmentation", str(name), known)
        else:
            yield from option_problems(f"data/augmentations/{name}", "build", (*where, index), options)


def _kind_problems(where: Location, recipe: Gradient, name: str, data: Data) -> Iterator[Problem]:
    """What the items of data set `name`, before any view, can't be augmented or mixed with."""
    if not (recipe.augment or recipe.cutmix or recipe.mixup) or data.reader not in introspection.names("data/readers"):
        return  # an unknown reader is told of where the data is
    known = introspection.names("data/augmentations")
    takes = {name: introspection.constant(f"data/augmentations/{name}", "KINDS") for name in known}
    fits = [name for name in known if data.kind in takes[name]]
    for step in recipe.augment:
        augmentation = str(step.get("name"))
        if augmentation in known and augmentation not in fits:
            kinds, advice = " and ".join(takes[augmentation]), ", ".join(fits) or "none"
            yield (
                where,
                f"augmentation {augmentation!r} is for {kinds} data, but {name} is {data.kind}; valid: {advice}",
            )
    for field in ("mixup", "cutmix") if data.kind == "tokens" else ():
        if value := getattr(recipe, field):
            yield where, f"{field} {value} is for numbers, but {name} is text; set it to 0.0"
    if recipe.cutmix and data.kind not in ("image", "tokens"):
        yield where, f"cutmix {recipe.cutmix} is for image data, but {name} is {data.kind}; use mixup, or set it to 0.0"
