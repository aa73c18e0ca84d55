"""Why weights can't be started from: not there, of another network, or used as the recipe does not allow."""

import json
from collections.abc import Iterator

from pydantic import ValidationError

from pipeline import introspection
from pipeline.config.messages import Location, Problem, unknown
from pipeline.config.sections import Experiment, Params
from pipeline.paths import LEDGER, ROOT
from pipeline.training.recipe import Fit, Gradient, resolve
from pipeline.training.start import Start, misfits


def start_problems(
    params: Params, where: Location, experiment: Experiment, start: Start, recipe: Gradient | Fit
) -> Iterator[Problem]:
    """Why an experiment with this resolved recipe can't start as its `start` says."""
    if isinstance(recipe, Fit):
        yield where, f"{experiment.model} is no network: there are no weights to start from; leave it out"
        return
    yield from _use_problems(where, experiment.model, start, recipe)
    if start.is_version:
        yield from _version_problems((*where, "weights"), start.weights)
    elif start.is_folder:
        yield from _folder_problems((*where, "weights"), experiment, start.weights)
        yield from _head_problems(where, start)
    else:
        yield from _source_problems(params, where, experiment, start, recipe)


def _use_problems(where: Location, model: str, start: Start, recipe: Gradient) -> Iterator[Problem]:
    """What the recipe can't do with weights that are there."""
    if recipe.initialisation != "default":
        yield where, f"weights are loaded over initialisation {recipe.initialisation!r}; set that to default"
    if start.train == "head":
        for name in ("augment", "mixup", "cutmix"):
            if value := getattr(recipe, name):
                yield where, f"with train head an item's features are computed once: {name} {value} changes them"
        if start.layer_decay != 1.0:
            yield (*where, "layer_decay"), "with train head nothing below it is trained; set it to 1.0"
    if start.layer_decay != 1.0 and recipe.optimizer == "muon":
        yield (*where, "layer_decay"), "muon has one rate for all its matrices; set it to 1.0 or take another optimizer"
    if start.layer_decay != 1.0 and recipe.l1 and recipe.l1_form == "proximal":
        what = "a proximal l1 has one rate for all weights; set it to 1.0 or take l1_form penalty"
        yield (*where, "layer_decay"), what
    if start.train == "gradual" and recipe.compile:
        yield (*where, "train"), "every block that thaws is another graph to compile; set compile to false"
    if start.train in ("top", "gradual", "lora") and (recipe.max_norm or (recipe.l1 and recipe.l1_form == "proximal")):
        yield (*where, "train"), "max_norm and a proximal l1 would move weights that are still frozen; leave them out"
    if start.train == "lora" and not introspection.constant(model, "LORA", ()):
        yield (*where, "train"), f"{model} names no layers for lora; {_with('LORA')} does; take top, gradual or all"


def _with(constant: str) -> str:
    """Models whose file has that constant, for people."""
    known = (f"models/{name}" for name in introspection.names("models"))
    return ", ".join(name for name in known if introspection.constant(name, constant, None))


def _head_problems(where: Location, start: Start) -> Iterator[Problem]:
    if start.head == "kept":
        yield (*where, "head"), f"{start.weights} has no head for this task; set it to new"


def _folder_problems(where: Location, experiment: Experiment, folder: str) -> Iterator[Problem]:
    """Of a folder as Hugging Face lays it out: whether it is whole, and is of this network by its config.json."""
    names, path = introspection.constant(experiment.model, "OPTIONS", None), ROOT / folder
    if names is None:
        yield where, f"{experiment.model} takes no folder of weights, {_with('OPTIONS')} does"
        return
    if not path.is_dir():
        yield where, f"no such folder {folder} (a registered version would be <name>/<number>)"
        return
    if not (path / "model.safetensors").is_file() and (path / "pytorch_model.bin").is_file():
        convert = f"AutoModel.from_pretrained('{folder}').save_pretrained('{folder}')"
        yield (
            where,
            (
                f"{folder} has pytorch_model.bin, a pickle, which is never loaded here; if you trust it, convert it: "
                f'python -c "from transformers import AutoModel; {convert}"'
            ),
        )
        return
    if missing := [name for name in ("config.json", "model.safetensors") if not (path / name).is_file()]:
        yield (
            where,
            f"{folder} has no {' and no '.join(missing)}; weights are a folder that has both",
        )
        return
    try:
        config = {"model_type": None} | json.loads((path / "config.json").read_text(encoding="utf-8"))
    except (ValueError, TypeError) as error:
        yield where, f"{folder}/config.json is no JSON object: {error}"
        return
    for name, needed in introspection.constant(experiment.model, "FIXED").items():
        if (given := config.get(name, needed)) != needed:
            yield where, f"{folder}/config.json says {name} {given!r}, but {experiment.model} is of {needed!r} alone"
            return
    yield from _size_problems(where, experiment, {own: config.get(theirs) for theirs, own in names.items()}, folder)


def _size_problems(
    where: Location, experiment: Experiment, theirs: dict[str, int | None], folder: str
) -> Iterator[Problem]:
    """Where arguments, which have their defaults if they are not given, are not `theirs`: those to write instead."""
    fields = introspection.options(experiment.model, "build").model_fields
    ours = {name: experiment.args.get(name, fields[name].default) for name in theirs}
    if ours != theirs:
        differ = {name: value for name, value in theirs.items() if ours[name] != value}
        needed = {n: v for n, v in theirs.items() if n in experiment.args or fields[n].default != v}
        said = ", ".join(f"{name} {value}, not {ours[name]}" for name, value in differ.items())
        written = ", ".join(f"{name}: {value}" for name, value in needed.items())
        yield where, f"{folder} has weights of {said}; write args: {{{written}}}"


def _source_problems(
    params: Params, where: Location, experiment: Experiment, start: Start, recipe: Gradient
) -> Iterator[Problem]:
    """Of a card, a row or a pretraining: whether it is there, and has weights of this network."""
    entries = {**params.experiments, **params.pretraining}
    if start.is_card:
        cards = [f"pipeline/models/cards/{name}.yaml" for name in introspection.cards("models")]
        if start.weights not in cards:
            yield (*where, "weights"), unknown("card of weights", start.weights, cards)
            return
        card = introspection.card(start.weights)
        known = {name: card[name] for name in ("model", "scaling") if name in card}  # of tokens there is no scaling
        source, head = known | {"args": {**experiment.args, **card["args"]}}, False
    elif start.weights in entries:
        entry = entries[start.weights]
        source, head = {"model": entry.model, "args": entry.args}, start.weights in params.experiments
        source["scaling"] = (recipe_of(params, entry) or recipe).scaling
        needed = params.profiles if experiment.only in (None, ["studies"]) else experiment.only
        if entry.only and not set(needed) <= set(entry.only):
            yield (*where, "weights"), f"{start.weights} is there only in {', '.join(entry.only)}; see its `only`"
        if entry.start:
            yield (*where, "weights"), f"{start.weights} starts from other weights itself; start from those"
        if entry.data == experiment.data:
            source["view"] = entry.view
    else:
        yield (*where, "weights"), unknown("weights", start.weights, [*entries, *introspection.cards("models")])
        return
    if not head:
        yield from _head_problems(where, start)
    own = {"model": experiment.model, "args": experiment.args, "view": experiment.view, "scaling": recipe.scaling}
    for what in misfits(source, own, start.head):
        yield (*where, "weights"), f"{start.weights} {what}"


def recipe_of(params: Params, entry: Experiment) -> Gradient | None:
    """None where the entry's own recipe can't be, which is said where the entry is."""
    try:
        found = resolve(params.recipes[entry.recipe], entry.set)
    except (KeyError, ValidationError):
        return None
    return found if isinstance(found, Gradient) else None


def _version_problems(where: Location, locator: str) -> Iterator[Problem]:
    from pipeline.tracking.ledger import Ledger

    ledger = Ledger(LEDGER)
    name, mark, which = locator.partition("@" if "@" in locator else "/")
    versions = ledger.versions.get(name)
    if versions is None:
        yield where, unknown("registered model", name, ledger.versions)
    elif mark == "@":
        today = ledger.aliases.get(name, {}).get(which)
        advice = f"write {name}/{today}, which it is today" if today else f"write {name}/1 to {name}/{len(versions)}"
        yield where, f"{locator} moves when models are published, and what started from it would not know; {advice}"
    elif not which.isdigit() or not 1 <= int(which) <= len(versions):
        yield where, f"no version {which!r} of {name}; valid: 1 to {len(versions)}"
    elif (line := versions[int(which) - 1]) is None or line["variant"] != "none":
        what = "only a number" if line is None else f"a compressed form, {line['variant']}"
        yield where, f"{locator} is {what}: there are no weights to start from; name another version"
