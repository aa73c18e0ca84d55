"""A features cell: what a network without its head makes of the items, computed once for all heads over it."""

import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from pipeline.cells.cell import read_json
from pipeline.data import dataset
from pipeline.data.arrays import Mapped
from pipeline.data.batches import in_order
from pipeline.tasks._task import find
from pipeline.training import loading
from pipeline.training.blocks import head_name, replace
from pipeline.training.network import Network, build_body, logits
from pipeline.training.randomness import seed_everything
from pipeline.training.spec import Features as Spec
from pipeline.training.start import Start
from pipeline.training.vocabulary import require_tokens

SPLITS = ("train", "validation")
ITEMS = 500  # of a batch
TEXTS = 32  # of a batch: with MiniLM a text of R8 takes 18 ms of a core then, and 26 ms among 500


def run(spec: Spec, folder: Path, inputs: dict[str, Path]) -> dict[str, Any]:
    """Write `train.npy` and `validation.npy`, float32 (N, D), in the order in which training has the items.

    Weights that do not fit are a result of status `failed`.
    """
    seed_everything(0, spec.threads)
    data = dataset.load(inputs["data"], spec.budget, spec.seed or 0, SPLITS)
    shift, factor = (torch.from_numpy(v) for v in dataset.scaling(data.meta["statistics"], spec.scaling, spec.view))
    began = time.perf_counter()
    start = Start(weights=spec.weights)
    try:
        require_tokens(start, inputs["start"], inputs["data"])
        body = build_body(spec, data.facts(find(spec.task).outputs(data.classes, data.tokens)), spec.channels_last)
        loading.take_over(body, inputs["start"], start, spec)
        items = {"train": data.x["train"], "validation": in_order(data.x["validation"], data.y["validation"])[0]}
        network = Network(body, spec.view, data.kind, shift, factor)
        found = {split: of(network, x) for split, x in items.items()}
    except ValueError as error:
        return {"status": "failed", "reason": str(error)}
    for split, x in found.items():
        np.save(folder / f"{split}.npy", x)
    spent = round(time.perf_counter() - began, 4)
    return {"status": "ok", "width": found["train"].shape[1], "costs": {"features_seconds": spent}}


def of(network: Network, x: np.ndarray | Mapped) -> np.ndarray:
    """Float32 (N, D) of raw items (N, ...): what the body gives its head, in eval mode.

    ValueError where an item has features of each token.
    """
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    name = head_name(network.body)
    head = replace(network.body, name, nn.Identity())
    below = Network(network.body, network.view, network.kind, network.shift, network.factor).eval().to(device)
    found = logits(below, x, TEXTS if network.kind.ragged else ITEMS)
    replace(network.body, name, head)
    if found.ndim != 2 or len(found) != len(x):
        what = "a model that scores every token has no features of a whole text; set train top or lora"
        raise ValueError(f"start: train is head, but {what}")
    return found


def seconds(folder: Path | None) -> dict[str, float]:
    """What the features cell in `folder` took, as it is said among the costs of a training over it."""
    return {"features_seconds": read_json(folder / "costs.json")["features_seconds"]} if folder else {}


def read(folder: Path) -> dict[str, np.ndarray]:
    """What the features cell in `folder` has found; ValueError where it has failed."""
    result = read_json(folder / "result.json")
    if result["status"] == "failed":
        raise ValueError(result["reason"])
    return {split: np.load(folder / f"{split}.npy", allow_pickle=False) for split in SPLITS}
