"""What MLflow runs to answer with a registered model; `models.py` copies this file into every version.

The version stands alone: weights, specification and the sources that rebuild it lie beside each other, so a server
needs no checkout and a later edit of the project changes no answer. Nothing is unpickled: weights are safetensors,
skops with an explicit list of trusted types, or ONNX, and their sha256 is compared before anything is read from them.
"""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from mlflow.exceptions import MlflowException

from pipeline.cells.cell import parsed, read_json
from pipeline.data.items import raw_items, texts
from pipeline.data.ragged import Ragged, by_length
from pipeline.data.spec import Facts

CARD = "registry.json"
Loaded = tuple[Any, Callable[[Any], Any]]  # the model itself, and scores (N, K) or texts (N,) of raw items (N, ...)


class Model:
    """Scores, float32 (N, K), of raw items: the largest is the class, whose name is in `facts.classes`.

    Logits for networks, decision values for classical models: what the project's own evaluation saw. raw: the torch
    module, the scikit-learn estimator or the ONNX session.
    """

    def __init__(self, raw: Any, scores: Callable[[Any], Any], facts: Facts, folder: Path) -> None:
        self.raw, self.scores, self.facts, self.folder = raw, scores, facts, folder

    def predict(self, data: Any, params: dict[str, Any] | None = None) -> Any:
        """MLflow's name for it. data: what `pipeline.data.items.raw_items` takes. A tagger gives a tag for each word,
        a translator a text.

        MlflowException says what is wrong with the data; a server answers with it and with HTTP status 400.
        """
        try:
            if self.facts.aligned:
                from pipeline.data.text import Request  # a model of numbers is served without a tokenizer

                request = Request(texts(data), self.folder, self.facts)
                items = np.repeat(np.arange(len(request.items)), [len(item.ids) for item in request.items])
                return request.tags(_finite(self.scores(request.tokens()), items))
            found = self.scores(raw_items(data, self.facts, self.folder))
            return found if self.facts.writes else _finite(found)
        except (TypeError, ValueError) as error:
            raise MlflowException.invalid_parameter_value(str(error)) from error

    def get_raw_model(self) -> Any:
        """MLflow's name for it."""
        return self.raw


def check(folder: Path) -> dict[str, Any]:
    """The card of a version whose weights are what was registered; ValueError where they are not."""
    card: dict[str, Any] = json.loads((folder / CARD).read_text(encoding="utf-8"))
    found = hashlib.sha256((folder / card["file"]).read_bytes()).hexdigest()
    if found != card["file_sha256"]:
        raise ValueError(
            f"{folder / card['file']}: sha256 {found[:12]}..., registered was {card['file_sha256'][:12]}...; "
            "the file was changed and is not loaded. Delete mlflow/ and `make repro` makes it again from files"
        )
    return card


def _finite(scores: np.ndarray, items: np.ndarray | None = None) -> np.ndarray:
    """Scores (N, K), as they are. items: of which item each row is, (N,), if not its own."""
    wrong = ~np.isfinite(scores).all(axis=1)
    if wrong.any():
        item = int(wrong.argmax() if items is None else items[wrong.argmax()])
        raise ValueError(f"item {item}: its values are so large that the scores are no finite numbers")
    return scores


def load(folder: Path) -> Model:
    """The model of a version's folder. Imports only what this kind of model needs: its requirements list no more."""
    card = check(folder)
    raw, scores = KINDS[card["file"]](folder, card["threads"])
    return Model(raw, scores, parsed(Facts, read_json(folder / "result.json")), folder)


def _load_pyfunc(path: str) -> Model:
    """MLflow's entry point."""
    return load(Path(path))


def _network(folder: Path, threads: int) -> Loaded:
    import torch

    from pipeline.training.network import Answering, load_network

    torch.set_num_threads(threads)
    torch.set_flush_denormal(True)
    network = load_network(folder)
    model = Answering(network, folder)
    return network, model.texts if network.writes else model.scores


def _classical(folder: Path, threads: int) -> Loaded:
    from pipeline.classical._fit import scorer

    estimator, _, scores = scorer(folder, threads)
    return estimator, scores


def _onnx(folder: Path, threads: int) -> Loaded:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    session = onnxruntime.InferenceSession(folder / "model.onnx", options, providers=["CPUExecutionProvider"])

    def scores(x: Any) -> np.ndarray:
        if isinstance(x, Ragged):
            return by_length(lambda part: scores(part.astype(np.int64)), x, 500)
        found: np.ndarray = session.run(["logits"], {"input": x})[0]
        return found

    return session, scores


KINDS = {"weights.safetensors": _network, "model.skops": _classical, "model.onnx": _onnx}
