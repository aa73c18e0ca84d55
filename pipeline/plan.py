"""From parameters to cells: what a data set, an experiment or a variant consists of.

The one place that says which parameters, sources and inputs decide which cell.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pipeline import fingerprint, paths, signature
from pipeline.cells import Cell
from pipeline.params import Params, ParamsError

SAME = "pipeline.same"


def _chance(spec: Mapping[str, Any]) -> bool:
    """Whether the seed of a train cell decides anything: its draw of items, or the model's own."""
    drawn = spec["budget"]["samples"] is not None or spec["recipe"]["sampling"] == "balanced"
    return drawn or bool(signature.constant(spec["model"], "CHANCE", True))


class Plan:
    """Cells of a profile, made once and shared: an experiment's data is the same cell as its neighbour's."""

    def __init__(self, params: Params) -> None:
        self.params, self.profile = params, params.active
        self._made: dict[tuple[Any, ...], Cell] = {}

    def fetch(self, name: str) -> Cell:
        data = self.params.data[name]
        try:
            digest = fingerprint.of_path(paths.ROOT / data.source)
        except FileNotFoundError as error:
            raise ParamsError(f"params.yaml: data.{name}.source: {error}") from error
        spec = {"source": data.source, "digest": digest, "card": data.is_card}
        return self._cell("fetch", "pipeline.data.fetch", spec, paths.raw(name), name)

    def prepare(self, name: str) -> Cell:
        data = self.params.data[name]
        spec = {
            "data": name,
            "reader": data.reader,
            "options": data.options,
            "target": signature.constant(f"tasks/{data.task}", "TARGET"),
            "split": data.split.model_dump(),
        }
        return self._cell(
            "prepare",
            "pipeline.data.prepare",
            spec,
            paths.prepared(name),
            name,
            (f"pipeline.data.readers.{data.reader}",),
            {"raw": self.fetch(name)},
        )

    def train(self, key: str, seed: int, changes: dict[str, dict[str, Any]] | None = None) -> Cell:
        """changes: of a search trial, further values for `set` and `args`."""
        changes = changes or {}
        experiment, params = self.params.experiments[key], self.params
        if changes.get("set"):
            merged = experiment.model_copy(update={"set": {**experiment.set, **changes["set"]}})
            params = params.model_copy(update={"experiments": {**params.experiments, key: merged}})
        folder, _, _ = experiment.model.rpartition("/")
        spec = {
            **self._shared(key),
            "seed": seed,
            "precision": self.profile.precision,
            "model": experiment.model,
            "view": experiment.view,
            "args": {**experiment.args, **changes.get("args", {})},
            "recipe": params.recipe_of(key).model_dump(),
        }
        entry = "pipeline.training.train" if folder == "models" else "pipeline.classical._fit"
        modules = (f"pipeline.{experiment.model.replace('/', '.')}", f"pipeline.tasks.{spec['task']}")
        inputs = {"data": self.prepare(experiment.data)}
        if seed != (first := self.profile.seeds[0]) and not _chance(spec):
            entry, inputs["same"] = SAME, self.train(key, first, changes)
        return self._cell(
            "train",
            entry,
            spec,
            paths.artifacts(self.params.profile, key) / f"seed{seed}",
            f"{key} seed {seed}",
            modules,
            inputs,
        )

    def compress(self, key: str, seed: int) -> Cell:
        variant = self.params.variants[key]
        data = self.params.experiments[variant.of].data
        parent = self.train(variant.of, seed)
        spec = {**self._shared(variant.of), "seed": seed, "steps": variant.steps}
        modules = tuple(f"pipeline.compress.methods.{step['method']}" for step in variant.steps)
        return self._cell(
            "compress",
            "pipeline.compress.compress",
            spec,
            paths.artifacts(self.params.profile, key) / f"seed{seed}",
            f"{key} seed {seed}",
            (*modules, parent.modules[0]),
            {"model": parent, "data": self.prepare(data)},
        )

    def evaluate(self, key: str, seed: int) -> Cell:
        """Of an experiment, or of a variant."""
        variant = self.params.variants.get(key)
        owner = variant.of if variant else key
        data = self.params.experiments[owner].data
        subject = self.compress(key, seed) if variant else self.train(key, seed)
        spec = {**self._shared(owner), "evaluators": self.params.evaluators}
        modules = [f"pipeline.evaluate.evaluators.{e}" for e in self.params.evaluators]
        modules += [f"pipeline.tasks.{spec['task']}"]
        modules += [] if variant else subject.modules  # what it is built from again
        entry, inputs = "pipeline.evaluate.evaluate", {"model": subject, "data": self.prepare(data)}
        if "same" in subject.inputs:
            entry, inputs["same"] = SAME, self.evaluate(key, self.profile.seeds[0])
        return self._cell(
            "evaluate",
            entry,
            spec,
            paths.results(self.params.profile, key),
            f"{key} seed {seed}",
            tuple(dict.fromkeys(modules)),
            inputs,
        )

    def experiment(self, key: str) -> Iterator[Cell]:
        for seed in self.profile.seeds:
            yield self.train(key, seed)
            yield self.evaluate(key, seed)

    def variant(self, key: str) -> Iterator[Cell]:
        for seed in self.profile.seeds:
            yield self.compress(key, seed)
            yield self.evaluate(key, seed)

    def _shared(self, experiment: str) -> dict[str, Any]:
        data, budget = self.params.experiments[experiment].data, self.params.budget_of(experiment).model_dump()
        return {"data": data, "task": self.params.data[data].task, "budget": budget, "threads": self.profile.threads}

    def _cell(
        self,
        kind: str,
        entry: str,
        spec: dict[str, Any],
        output: Path,
        label: str,
        modules: tuple[str, ...] = (),
        inputs: dict[str, Cell] | None = None,
    ) -> Cell:
        cell = Cell(kind, entry, spec, output, label, modules, inputs or {})
        name = (kind, label, fingerprint.of_json(spec))
        return self._made.setdefault(name, cell)
