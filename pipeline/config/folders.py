"""A folder of weights as Hugging Face lays it out: whether it is whole, and of the network that it is to start.

A model's file says by its constants OPTIONS and FIXED what config.json has to say.
"""

import json
from collections.abc import Mapping
from typing import Any

from pipeline import introspection
from pipeline.paths import ROOT

NEEDED = ("config.json", "model.safetensors")


def folder_problem(model: str, args: Mapping[str, Any], folder: str) -> str | None:
    """Why weights in `folder` can't start `model`, built with `args`; None where they can."""
    options, path = introspection.constant(model, "OPTIONS", None), ROOT / folder
    if options is None:
        return f"{model} takes no folder of weights; {having('OPTIONS')} does"
    if not path.is_dir():
        return f"no such folder {folder} (a registered version would be <name>/<number>)"
    if not (path / "model.safetensors").is_file() and (path / "pytorch_model.bin").is_file():
        convert = f"AutoModel.from_pretrained('{folder}').save_pretrained('{folder}')"
        return (
            f"{folder} has pytorch_model.bin, a pickle, which is never loaded here; if you trust it, convert it: "
            f'python -c "from transformers import AutoModel; {convert}"'
        )
    if missing := [name for name in NEEDED if not (path / name).is_file()]:
        return f"{folder} has no {' and no '.join(missing)}; weights are a folder that has both"
    try:
        config = dict.fromkeys(["model_type", *options]) | json.loads((path / "config.json").read_text("utf-8"))
    except (ValueError, TypeError) as error:
        return f"{folder}/config.json is no JSON object: {error}"
    for name, needed in introspection.constant(model, "FIXED").items():
        if (given := config.get(name, needed)) != needed:
            return f"{folder}/config.json says {name} {given!r}, but {model} is of {needed!r} alone"
    if silent := [name for name in options if config[name] is None]:
        return f"{folder}/config.json does not say {', '.join(silent)}; take the file that its authors publish"
    return _other_size(model, args, {own: config[theirs] for theirs, own in options.items()}, folder)


def _other_size(model: str, args: Mapping[str, Any], theirs: dict[str, int], folder: str) -> str | None:
    """Which of `args` are not `theirs`, defaults included, and what to write instead."""
    built = {name: field.default for name, field in introspection.options(model, "build").model_fields.items()}
    ours = {**built, **args}
    differ = [f"{name} {value}, not {ours[name]}" for name, value in theirs.items() if ours[name] != value]
    write = [f"{name}: {value}" for name, value in theirs.items() if name in args or built[name] != value]
    return f"{folder} has weights of {', '.join(differ)}; write args: {{{', '.join(write)}}}" if differ else None


def having(constant: str) -> str:
    """Models whose file has that constant, for people."""
    known = (f"models/{name}" for name in introspection.names("models"))
    return ", ".join(name for name in known if introspection.constant(name, constant, None))
