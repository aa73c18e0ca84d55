"""Cells run in this process, on real data in a temporary folder: for tests of what is inside a cell."""

from pathlib import Path
from typing import Any

from pipeline import cells, params
from pipeline.plan import Plan
from pipeline.training.start import Start


class Laboratory:
    """Data sets are fetched and prepared once; `train` and what follows it go into new folders."""

    def __init__(self, root: Path) -> None:
        self.root, self.plan, self.count = root, Plan(params.load()), 0

    def data(self, name: str) -> Path:
        """Folder of a prepared data set."""
        raw, prepared = self.root / "raw" / name, self.root / "prepared" / name
        for cell, folder, inputs in (
            (self.plan.fetch(name), raw, {}),
            (self.plan.prepare(name), prepared, {"raw": str(raw)}),
        ):
            cells.order("0" * 32, folder, cell.entry, {**cell.spec, "kind": cell.kind}, inputs)
        return prepared

    def train(
        self,
        key: str,
        seed: int = 0,
        folder: Path | None = None,
        execution: dict[str, Any] | None = None,
        **changes: Any,
    ) -> Path:
        """A train cell's folder. `budget` replaces the profile's, `args` adds to the model's, the rest to a recipe."""
        return self._order(*self.asked(key, seed, **changes), folder, execution)

    def asked(self, key: str, seed: int = 0, **changes: Any) -> tuple[str, dict[str, Any], dict[str, Path]]:
        """What `train` orders, to be trained elsewhere: entry, specification and inputs of the cell.

        precision: the profile's; recipe_precision: the recipe's. start: of params.yaml, but its weights are the folder
        of a cell.
        """
        budget = changes.pop("budget", {"samples": 300, "validation": 100, "epochs": 2})
        args, precision = changes.pop("args", {}), changes.pop("precision", "32-true")
        start = changes.pop("start", None)
        if "recipe_precision" in changes:
            changes["precision"] = changes.pop("recipe_precision")
        cell = self.plan.train(key, self.plan.profile.seeds[0], {"set": changes, "args": args})
        spec = {**cell.spec, "kind": "train", "seed": seed, "budget": budget, "precision": precision}
        inputs = {"data": self.data(cell.spec["data"])}
        if start:
            spec["start"] = Start(**{**start, "weights": start["weights"].name}).model_dump()
            inputs["start"] = start["weights"]
        return cell.entry, spec, inputs

    def evaluate(self, model: Path) -> Path:
        """An evaluate cell's folder."""
        made = cells.read_json(model / "spec.json")
        spec = {k: made[k] for k in ("data", "task", "budget", "threads")} | {"evaluators": self.plan.params.evaluators}
        inputs = {"model": model, "data": self.data(made["data"])}
        return self._order("pipeline.evaluate.evaluate", {**spec, "kind": "evaluate"}, inputs)

    def compress(self, model: Path, *steps: dict[str, Any]) -> Path:
        """A compress cell's folder."""
        made = cells.read_json(model / "spec.json")
        spec = {k: made[k] for k in ("data", "task", "budget", "threads", "seed")} | {"steps": list(steps)}
        inputs = {"model": model, "data": self.data(made["data"])}
        return self._order("pipeline.compress.compress", {**spec, "kind": "compress"}, inputs)

    def _order(
        self,
        entry: str,
        spec: dict[str, Any],
        inputs: dict[str, Path],
        folder: Path | None = None,
        execution: dict[str, Any] | None = None,
    ) -> Path:
        self.count += 1
        folder = folder or self.root / f"cell{self.count}"
        cells.order("0" * 32, folder, entry, spec, {name: str(path) for name, path in inputs.items()}, execution)
        return folder
