"""Cells run in this process, on real data in a temporary folder: for tests of what is inside a cell."""

from pathlib import Path
from typing import Any

from pipeline.cells import store
from pipeline.cells.cell import Cell, parsed, read_json, record
from pipeline.classical._spec import Spec as Fitted
from pipeline.compress.spec import Spec as Compress
from pipeline.config import loading
from pipeline.data.spec import Budget, Setting
from pipeline.evaluate.spec import Evaluate, Predict
from pipeline.introspection import Strict
from pipeline.run.plan import Plan
from pipeline.run.specs import below_head
from pipeline.training.spec import Spec as Train
from pipeline.training.start import Start

Order = tuple[str, Train | Fitted, dict[str, Path]]  # entry, specification, inputs


class Laboratory:
    """Data sets are fetched and prepared once, in a folder that lanes share; all else goes into new folders."""

    def __init__(self, root: Path, shared: Path) -> None:
        self.root, self.shared, self.plan, self.count = root, shared, Plan(loading.load()), 0

    def raw(self, name: str) -> Path:
        """Folder of a fetched data set."""
        return self._made(self.plan.fetch(name), self.shared / "raw" / name, {})

    def data(self, name: str) -> Path:
        """Folder of a prepared data set: the project's own where it is there, since a machine may fetch nothing."""
        if (there := self.plan.prepare(name)).complete:
            return there.folder
        return self._made(self.plan.prepare(name), self.shared / "prepared" / name, {"raw": str(self.raw(name))})

    def _made(self, cell: Cell, folder: Path, inputs: dict[str, str]) -> Path:
        store.execute("0" * 32, folder, cell.entry, cell.asked, inputs)
        return folder

    def train(
        self,
        key: str,
        seed: int = 0,
        folder: Path | None = None,
        execution: dict[str, Any] | None = None,
        **changes: Any,
    ) -> Path:
        """A train cell's folder. `budget` replaces the profile's, `args` adds to the model's, the rest to a recipe."""
        entry, spec, inputs = self.asked(key, seed, **changes)
        return self._order("train", entry, spec, inputs, folder, execution)

    def asked(self, key: str, seed: int = 0, **changes: Any) -> Order:
        """What `train` orders, to be trained elsewhere: entry, specification and inputs of the cell. Features of a
        frozen body are made.

        precision: the profile's; recipe_precision: the recipe's. start: of params.yaml, but its weights are the folder
        of a cell.
        """
        budget = changes.pop("budget", {"samples": 300, "validation": 100, "epochs": 2})
        args, precision = changes.pop("args", {}), changes.pop("precision", "32-true")
        start = changes.pop("start", None)
        if "recipe_precision" in changes:
            changes["precision"] = changes.pop("recipe_precision")
        cell = self.plan.trial(key, self.plan.params.seeds_of(key)[0], {"set": changes, "args": args})
        spec = cell.spec
        assert isinstance(spec, Train | Fitted)
        values: dict[str, Any] = {"seed": seed, "budget": Budget(**budget)}
        inputs = {"data": self.data(spec.data)}
        if isinstance(spec, Train):
            values["precision"] = precision
        if start:
            values["start"] = Start(**{**start, "weights": start["weights"].name})
            inputs["start"] = start["weights"]
        spec = spec.model_copy(update=values)
        if features := below_head(spec, False):
            inputs["features"] = self._order("features", "pipeline.training.features", features, dict(inputs))
        return cell.entry, spec, inputs

    def predict(self, model: Path, baseline: Path | None = None) -> Path:
        """A predict cell's folder. baseline: what the model is compared with."""
        made = parsed(Setting, read_json(model / "spec.json"))
        inputs = {"model": model, "data": self.data(made.data)} | ({"baseline": baseline} if baseline else {})
        spec = Predict(**dict(made), baseline="onnx_float32_" if baseline else "")
        return self._order("predict", "pipeline.evaluate.predict", spec, inputs)

    def evaluate(self, model: Path, baseline: Path | None = None) -> dict[str, Any]:
        """What all evaluators find together, each in a cell of its own."""
        made, predictions = parsed(Setting, read_json(model / "spec.json")), self.predict(model, baseline)
        inputs = {"model": model, "data": self.data(made.data), "predictions": predictions}
        inputs |= {"baseline": baseline} if baseline else {}
        found: dict[str, Any] = {"values": []}
        for name, options in self.plan.params.evaluators.items():
            spec = Evaluate(**dict(made), evaluator=name, options=options)
            result = record(self._order("evaluate", "pipeline.evaluate.evaluate", spec, inputs), "result.json")
            found |= result | {"values": found["values"] + result["values"]}
        return found | {"costs": record(predictions, "costs.json")}

    def compress(self, model: Path, *steps: dict[str, Any]) -> list[Path]:
        """A compress cell's folder for each step."""
        made, folders = read_json(model / "spec.json"), []
        for step in steps:
            options = {name: value for name, value in step.items() if name != "method"}
            setting = dict(parsed(Setting, made))
            spec = Compress(**setting, seed=made["seed"], method=step["method"], options=options)
            inputs = {"model": folders[-1] if folders else model, "data": self.data(setting["data"])}
            folders.append(self._order("compress", "pipeline.compress.compress", spec, inputs))
        return folders

    def _order(
        self,
        kind: str,
        entry: str,
        spec: Strict,
        inputs: dict[str, Path],
        folder: Path | None = None,
        execution: dict[str, Any] | None = None,
    ) -> Path:
        self.count += 1
        folder = folder or self.root / f"cell{self.count}"
        resolved = {"kind": kind, "entry": entry, **spec.model_dump(mode="json")}
        store.execute("0" * 32, folder, entry, resolved, {name: str(path) for name, path in inputs.items()}, execution)
        return folder
