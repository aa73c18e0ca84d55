"""Why weights can't be started from: not there, of another network, or used as the recipe does not allow."""

from collections.abc import Iterator
from pathlib import Path

from pydantic import ValidationError

from pipeline import introspection
from pipeline.config.folders import folder_problem, having
from pipeline.config.messages import Location, Problem, unknown
from pipeline.config.sections import Experiment, Params
from pipeline.paths import LEDGER
from pipeline.training.recipe import Fit, Gradient, resolve
from pipeline.training.start import Start, misfits


def start_problems(
    params: Params, where: Location, experiment: Experiment, start: Start, recipe: Gradient | Fit
) -> Iterator[Problem]:
    """Why an experiment with this resolved recipe can't start as its `start` says."""
    if isinstance(recipe, Fit):
        yield where, f"{experiment.model} is no network: there are no weights to start from; leave it out"
        return
    if _target(params, experiment) == "sentence":
        yield where, f"{experiment.data} is translated, and a network that writes is trained from scratch; leave it out"
        return
    yield from _use_problems(where, experiment.model, start, recipe)
    yield from _text_problems(params, where, experiment, start)
    if start.is_version:
        yield from _version_problems((*where, "weights"), start.weights)
    elif start.is_folder:
        if what := folder_problem(experiment.model, experiment.args, start.weights):
            yield (*where, "weights"), what
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
        yield (*where, "train"), f"{model} names no layers for lora; {having('LORA')} does; take top, gradual or all"


def _text_problems(params: Params, where: Location, experiment: Experiment, start: Start) -> Iterator[Problem]:
    """Of a row of text: weights that have learnt from other tokens, or that give no features of a word."""
    data = params.data.get(experiment.data)
    name = experiment.tokens or (data and data.tokens)
    if not data or name not in params.tokenizers:
        return  # numbers, or said where the tokenizer is
    if start.train == "head" and _target(params, experiment) == "tags":
        what = f"{experiment.data} has a tag for each word, and features are of whole texts; take top, lora or all"
        yield (*where, "train"), what
    tokens, other = params.tokenizers[name], {**params.experiments, **params.pretraining}.get(start.weights)
    if start.is_card or start.is_folder:
        own = [key for key, t in params.tokenizers.items() if t.source and Path(t.source) == Path(start.weights)]
        if name not in own:
            advice = " or ".join(own) or f"an entry of tokenizers {{by: pretrained, source: {start.weights}}}"
            what = f"{start.weights} has learnt from its own tokenizer's tokens, but here it is {name}; name as tokens"
            yield (*where, "weights"), f"{what} {advice}"
    elif other and other.data in params.data:
        theirs = other.tokens or params.data[other.data].tokens
        if theirs != name:
            what = f"{start.weights} has learnt from tokens of {theirs}, but here they are of {name}; name it as tokens"
            yield (*where, "weights"), what
        elif not tokens.source and other.data != experiment.data:
            what = f"is fitted on {other.data} there and on {experiment.data} here; take a pretrained one for both"
            yield (*where, "weights"), f"tokenizer {name} of {start.weights} {what}"


def _target(params: Params, experiment: Experiment) -> str | None:
    """What the experiment's task predicts; None where data or task are not there, which is said where they are."""
    data = params.data.get(experiment.data)
    if not data or data.task not in introspection.names("tasks"):
        return None
    return str(introspection.constant(f"tasks/{data.task}", "TARGET"))


def _head_problems(where: Location, start: Start) -> Iterator[Problem]:
    if start.head == "kept":
        yield (*where, "head"), f"{start.weights} has no head for this task; set it to new"


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
