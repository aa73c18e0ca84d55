"""A small set of parameters and result files in the format of `evaluate` and `compress`, below a temporary folder."""

import json
import random
import shutil
from pathlib import Path

import pytest

from pipeline.config.sections import Params
from pipeline.report.build import build
from pipeline.results import files

EPOCHS = 4
ACCURACY = {"mlp": 0.856, "lenet5": 0.855, "cnn": 0.878, "resnet20": 0.882, "svm": 0.869}
SECONDS = {"mlp": 4, "lenet5": 17, "cnn": 15, "resnet20": 181, "svm": 84}


@pytest.fixture
def params() -> Params:
    return parameters()


def parameters() -> Params:
    def experiment(data: str, model: str) -> dict:
        classical = model.startswith("classical/")
        return {"data": data, "model": model, "recipe": "solver" if classical else "one_cycle",
                "view": "none", "args": {}, "set": {}}  # fmt: skip

    models = ["models/mlp", "models/lenet5", "models/cnn", "models/resnet20", "classical/svm"]
    fashion = {f"fmnist_{m.rpartition('/')[2]}": experiment("fashion_mnist", m) for m in models}
    digits = {f"digits_{m.rpartition('/')[2]}": experiment("digits", m) for m in ("models/mlp", "classical/svm")}
    budget = {"laptop": {"samples": 10_000, "epochs": EPOCHS}, "paper": {"epochs": 30}}
    data = {
        "source": "card.yaml",
        "reader": "idx",
        "budget": budget,
        "options": {},
        "task": "classification",
        "split": {},
    }
    profile = {"seeds": [0, 1, 2], "threads": 1, "precision": "32-true", "cell_minutes": 10.0}
    return Params.model_validate({
        "profile": "laptop",
        "profiles": {"laptop": profile, "paper": profile},
        "data": {"fashion_mnist": data, "digits": data},
        "recipes": {"one_cycle": {"kind": "gradient"}, "solver": {"kind": "fit"}},
        "experiments": fashion | digits,
        "variants": {"fmnist_lenet5_int8": {"of": "fmnist_lenet5", "steps": [{"method": "int8"}]}},
        "evaluators": {"accuracy": {}},
    })  # fmt: skip


class Laboratory:
    """Writes synthetic results; `failed` maps seeds to the reason."""

    def __init__(self, root: Path, params: Params) -> None:
        self.root, self.params = root, params

    def write(self, key: str, failed: dict[int, str] | None = None, values: list[float] | None = None) -> None:
        variant = self.params.variants.get(key)
        owner = variant.of if variant else key
        experiment = self.params.experiments[owner]
        model = experiment.short
        noise = random.Random(key)
        results, costs, history = [], [], []
        for seed in self.params.seeds_of(key):
            row = {"seed": seed, "split": "", "status": "ok"}
            times = {"seed": seed, "hardware": "a CPU, 1 thread"}
            if failed and seed in failed:
                results.append(row | {"metric": "accuracy", "value": "", "status": f"failed: {failed[seed]}"})
                continue
            accuracy = values[seed] if values else ACCURACY[model] + noise.gauss(0, 0.003)
            for split in ("test", "validation"):
                results += [row | {"split": split, "metric": m, "value": v} for m, v in
                            {"accuracy": accuracy, "macro_f1": accuracy - 0.002}.items()]  # fmt: skip
            extra = {"parameters": 61706, "flops": 846_080, "bytes": 61_000 if variant else 247_000}
            results += [row | {"metric": m, "value": v} for m, v in extra.items()]
            seconds = {"train_seconds": SECONDS[model] * noise.uniform(0.8, 1.2), "latency_ms": 0.14}
            if variant:
                before = {"metric": "onnx_float32_accuracy", "value": accuracy + 0.001 * seed}
                results += [row | {"split": "test"} | before,
                            row | {"metric": "onnx_float32_bytes", "value": 247_000}]  # fmt: skip
                seconds = {"latency_ms": 0.05, "onnx_float32_latency_ms": 0.12}
            costs += [times | {"metric": m, "value": v} for m, v in seconds.items()]
            if not variant and experiment.model.startswith("models/"):
                for epoch in range(EPOCHS):
                    reach = accuracy - 0.25 * 0.35**epoch
                    history.append({"seed": seed, "epoch": epoch, "train_accuracy": reach + 0.01 * epoch,
                                    "validation_accuracy": reach + noise.gauss(0, 0.004)})  # fmt: skip
        folder = self.root / "results" / "laptop" / key
        folder.mkdir(parents=True, exist_ok=True)
        keys = {str(seed): "0" * 32 for seed in self.params.seeds_of(key)}
        known = {"profile": "laptop", "asked": self.params.asked(key, "laptop"), "keys": keys}
        (folder / "keys.json").write_text(json.dumps(known))
        files.write(folder / "scores.csv", files.SCORES, results)
        files.write(folder / "costs.csv", files.COSTS, costs)
        if history:
            files.write(folder / "history.csv", list(history[0]), history)

    def write_all(self) -> None:
        for key in [*self.params.experiments, *self.params.variants]:
            self.write(key, values=[0.869] * 3 if key == "fmnist_svm" else None)

    def meta(self, data: str) -> None:
        folder = self.root / "data" / "prepared" / data
        folder.mkdir(parents=True)
        counts = {"train": [5400] * 10, "validation": [600] * 10, "test": [1000] * 10}
        raw = self.root / "data" / "raw" / data
        card = {"title": "Fashion-MNIST", "licence": "MIT", "citation": "Xiao <2017>", "files": {"a": "b"}}
        meta = {"counts": counts, "classes": list("abcdefghij"), "duplicates": {"train-test": 7}}
        meta["remarks"] = ["7 of 10000 items of test are also in train", f"left out: {raw.resolve()}/spam.zip/one"]
        (folder / "meta.json").write_text(json.dumps(meta))
        raw.mkdir(parents=True)
        (raw / "card.json").write_text(json.dumps(card))


@pytest.fixture
def laboratory(tmp_path: Path, params: Params) -> Laboratory:
    return Laboratory(tmp_path, params)


@pytest.fixture(scope="session")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Results of every row and their report, so that a copy draws what it changes and no more. Only to be copied."""
    root = tmp_path_factory.mktemp("report")
    Laboratory(root, parameters()).write_all()
    build(parameters(), root=root)
    return root


@pytest.fixture
def written(drawn: Path, tmp_path: Path, params: Params) -> Laboratory:
    """A laboratory with results of every row."""
    shutil.copytree(drawn, tmp_path, dirs_exist_ok=True)
    return Laboratory(tmp_path, params)
