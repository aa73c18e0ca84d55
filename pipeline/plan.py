"""From parameters to cells: what a data set, an experiment or a variant consists of.

The one place that says which parameters, sources and inputs decide which cell.
"""

from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

from pipeline import fingerprint, paths, signature
from pipeline.cells import Cell
from pipeline.params import Experiment, Params, ParamsError
from pipeline.training.start import Start

SAME = "pipeline.same"
EXECUTION = {"devices", "checkpoint_seconds", "checkpoint_epochs"}  # of a profile: how a network is trained, not what


def _chance(spec: Mapping[str, Any]) -> bool:
    """Whether the seed of a train cell decides anything: its draw of items, or the model's own."""
    drawn = spec["budget"]["samples"] is not None or spec["recipe"]["sampling"] == "balanced"
    return drawn or bool(signature.constant(spec["model"], "CHANCE", True))


def _named(spec: Mapping[str, Any]) -> tuple[str, ...]:
    """Modules that a training looks up by name: its architecture, and its augmentations."""
    steps = spec["recipe"].get("augment", [])
    model = f"pipeline.{spec['model'].replace('/', '.')}"
    return (model, *(f"pipeline.data.augmentations.{step['name']}" for step in steps))


class Plan:
    """Cells of a profile, made once and shared: an experiment's data is the same cell as its neighbour's."""

    def __init__(self, params: Params) -> None:
        self.params, self.profile = params, params.active
        self._made: dict[tuple[Any, ...], Cell] = {}

    def fetch(self, name: str) -> Cell:
        data = self.params.data[name]
        try:
            return self._fetched(data.source, data.is_card, name)
        except FileNotFoundError as error:
            raise ParamsError(f"params.yaml: data.{name}.source: {error}") from error

    def _fetched(self, source: str, card: bool, name: str) -> Cell:
        spec = {"source": source, "digest": fingerprint.of_path(paths.ROOT / source), "card": card}
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
        spec = self._trained(params, key, seed, experiment)
        spec["args"] = {**experiment.args, **changes.get("args", {})}
        network = folder == "models"
        entry = "pipeline.training.train" if network else "pipeline.classical._fit"
        modules = (*_named(spec), f"pipeline.tasks.{spec['task']}")
        inputs = {"data": self.prepare(experiment.data)}
        if experiment.start:
            spec["start"], inputs["start"] = experiment.start.model_dump(), self.start(experiment.start, seed)
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
            self.profile.model_dump(include=EXECUTION) if network else {},
        )

    def start(self, start: Start, seed: int) -> Cell:
        """The cell that has the weights."""
        if start.is_card:
            return self._fetched(start.weights, True, Path(start.weights).stem)
        if start.is_version:
            return self._registered(start.weights)
        if start.weights in self.params.pretraining:
            return self.pretrain(start.weights, seed)
        return self._rows.train(start.weights, seed)

    @cached_property
    def _rows(self) -> "Plan":
        return Plan(self.params.rows)

    def _registered(self, version: str) -> Cell:
        from pipeline.tracking.ledger import Ledger

        name, _, number = version.partition("/")
        line = Ledger(paths.LEDGER).versions[name][int(number) - 1]
        assert line is not None
        spec = {"name": name, "version": int(number), "artifact_hash": line["artifact_hash"]}
        return self._cell("fetch", "pipeline.tracking.checkout", spec, paths.raw(f"{name}_v{number}"), version)

    def pretrain(self, name: str, seed: int) -> Cell:
        entry = self.params.pretraining[name]
        spec = self._trained(self.params, name, seed, entry) | {"method": entry.method, "options": entry.options}
        return self._cell(
            "pretrain",
            "pipeline.pretraining.pretrain",
            spec,
            paths.artifacts(self.params.profile, name) / f"seed{seed}",
            f"{name} seed {seed}",
            (*_named(spec), f"pipeline.pretraining.methods.{entry.method}"),
            {"data": self.prepare(entry.data)},
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
        known, budget = {**self.params.pretraining, **self.params.experiments}, self.params.budget_of(experiment)
        data = known[experiment].data
        task, threads = self.params.data[data].task, self.profile.threads
        return {"data": data, "task": task, "budget": budget.model_dump(), "threads": threads}

    def _trained(self, params: Params, key: str, seed: int, entry: Experiment) -> dict[str, Any]:
        """What decides the training of a row or of a pretraining, with the recipe that `params` give it."""
        return {
            **self._shared(key),
            "seed": seed,
            "precision": self.profile.precision,
            "model": entry.model,
            "view": entry.view,
            "args": entry.args,
            "recipe": params.recipe_of(key).model_dump(),
        }

    def _cell(
        self,
        kind: str,
        entry: str,
        spec: dict[str, Any],
        output: Path,
        label: str,
        modules: tuple[str, ...] = (),
        inputs: dict[str, Cell] | None = None,
        execution: dict[str, Any] | None = None,
    ) -> Cell:
        cell = Cell(kind, entry, spec, output, label, modules, inputs or {}, execution or {})
        name = (kind, label, fingerprint.of_json(spec))
        return self._made.setdefault(name, cell)
