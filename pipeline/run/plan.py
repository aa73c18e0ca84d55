"""From parameters to cells: what a data set, an experiment or a variant consists of.

The one place that says which parameters, sources and inputs decide which cell.
"""

from collections.abc import Callable, Iterator
from functools import cached_property, wraps
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar

from pipeline import introspection, paths
from pipeline.cells import fingerprint
from pipeline.cells.cell import Cell, Execution
from pipeline.classical._spec import Spec as Fitted
from pipeline.compress.spec import Spec as Compress
from pipeline.config.loading import ParamsError
from pipeline.config.sections import Experiment, Params
from pipeline.data.spec import Fetch, Prepare
from pipeline.evaluate.spec import Evaluate, Predict
from pipeline.introspection import Strict
from pipeline.pretraining.spec import Spec as Pretrain
from pipeline.run.devices import default_jobs
from pipeline.run.specs import below_head, named, opened, seed_decides
from pipeline.tracking.spec import Spec as Checkout
from pipeline.training.spec import Features
from pipeline.training.spec import Spec as Train
from pipeline.training.start import Start

P = ParamSpec("P")
T = TypeVar("T")
TRAIN, FIT, SAME = "pipeline.training.train", "pipeline.classical._fit", "pipeline.cells.same"


def _once(make: Callable[Concatenate["Plan", P], T]) -> Callable[Concatenate["Plan", P], T]:
    """Of a method of a plan: what it gave before for the same arguments; a row is asked for by many."""

    @wraps(make)
    def asked(plan: "Plan", *arguments: P.args, **named: P.kwargs) -> T:
        key = (make.__name__, *arguments, *named.items())
        if key not in plan.asked:
            plan.asked[key] = make(plan, *arguments, **named)
        return plan.asked[key]

    return asked


class Plan:
    """Cells of a profile, made once and shared: an experiment's data is the same cell as its neighbour's."""

    def __init__(self, params: Params) -> None:
        self.params, self.profile = params, params.active
        self.asked: dict[tuple[Any, ...], Any] = {}  # by method and arguments
        self._made: dict[tuple[Any, ...], Cell] = {}  # by content

    def jobs(self, asked: int | None) -> int:
        """Cells side by side: what is asked for, or as many as the machine carries of the profile's networks."""
        return default_jobs(self.profile.threads, self.profile.devices) if asked is None else asked

    @_once
    def fetch(self, name: str) -> Cell:
        data = self.params.data[name]
        try:
            return self._fetched(data.source, data.is_card, name)
        except FileNotFoundError as error:
            raise ParamsError(f"params.yaml: data.{name}.source: {error}") from error

    def _fetched(self, source: str, card: bool, name: str) -> Cell:
        spec = Fetch(source=source, digest=fingerprint.of_path(paths.ROOT / source), card=card)
        return self._cell("fetch", "pipeline.data.fetch", spec, paths.raw(name), name)

    def data(self, key: str) -> Cell:
        """The prepared data of an experiment or of a pretraining."""
        entry = self.params.experiments.get(key) or self.params.pretraining[key]
        return self.prepare(entry.data, self.params.tokens_of(key))

    @_once
    def prepare(self, name: str, tokens: str | None = None) -> Cell:
        """Of a data set. tokens: the entry of `tokenizers` that cuts its text, the data set's own where None."""
        data = self.params.data[name]
        chosen = tokens or data.tokens
        tokenizer = self.params.tokenizers[chosen] if chosen else None
        asked = {field: getattr(data, field) for field in ("reader", "options", "task", "split", "missing")}
        spec = Prepare(data=name, tokens=tokenizer, **asked)
        modules: tuple[str, ...] = (f"pipeline.data.readers.{data.reader}", f"pipeline.tasks.{data.task}")
        output, inputs = paths.prepared(name), {"raw": self.fetch(name)}
        if tokenizer:
            modules = *modules, f"pipeline.data.tokenizers.{tokenizer.by}"
            output = paths.prepared(name if chosen == data.tokens else f"{name}-{chosen}")
            if source := tokenizer.source:
                inputs["tokenizer"] = self._fetched(source, source.endswith((".yaml", ".yml")), Path(source).stem)
        return self._cell("prepare", "pipeline.data.prepare", spec, output, name, None, modules, inputs)

    @_once
    def train(self, key: str, seed: int) -> Cell:
        return self.trial(key, seed, {})

    def trial(self, key: str, seed: int, changes: dict[str, dict[str, Any]]) -> Cell:
        """The training of a search trial. changes: further values for `set` and `args`."""
        spec, inputs = self._training(key, seed, changes), {"data": self.data(key)}
        entry, execution = (TRAIN, self._execution) if isinstance(spec, Train) else (FIT, None)
        if isinstance(spec, Train) and spec.start:
            inputs["start"] = self.start(spec.start, seed)
            if asked := below_head(spec, inputs["start"].seed is not None):
                inputs["features"] = self._features(key, seed, asked, dict(inputs))
        if seed != (first := self.params.seeds_of(key)[0]) and not seed_decides(spec):
            entry, inputs["same"] = SAME, self.trial(key, first, changes)
        output, modules = self._model("train", key, seed), (*named(spec), f"pipeline.tasks.{spec.task}")
        return self._cell("train", entry, spec, output, key, seed, modules, inputs, execution)

    def _training(self, key: str, seed: int, changes: dict[str, dict[str, Any]]) -> Train | Fitted:
        """What is asked of a trial."""
        experiment, params = self.params.experiments[key], self.params
        if changes.get("set"):
            merged = experiment.model_copy(update={"set": {**experiment.set, **changes["set"]}})
            params = params.model_copy(update={"experiments": {**params.experiments, key: merged}})
        values = self._trained(params, key, seed, experiment)
        values["args"] = {**experiment.args, **changes.get("args", {})}
        if not experiment.model.startswith("models/"):
            return Fitted(**values)
        return Train(**values, precision=self.profile.precision, start=experiment.start)

    def _features(self, key: str, seed: int, asked: Features, inputs: dict[str, Cell]) -> Cell:
        """What a head is trained over. Rows that have the same show it with the first of them."""
        seeded, rows = inputs["start"].seed is not None, self.params.experiments
        near = (k for k, row in rows.items() if row.data == asked.data and self.data(k) is inputs["data"])
        alike = (k for k in near if below_head(self._training(k, seed, {}), seeded) == asked)
        owner = next(alike, key)
        name = "features" if asked.seed is None else f"features_{asked.seed}"
        output = self._model("train", owner, seed).with_name(name)
        modules = asked.module, f"pipeline.tasks.{asked.task}"
        return self._cell("features", "pipeline.training.features", asked, output, owner, asked.seed, modules, inputs)

    @cached_property
    def _execution(self) -> Execution:
        profile = self.profile
        return Execution(
            devices=profile.devices,
            checkpoint_seconds=profile.checkpoint_seconds,
            checkpoint_epochs=profile.checkpoint_epochs,
        )

    def start(self, start: Start, seed: int) -> Cell:
        """The cell that has the weights."""
        if start.is_card or start.is_folder:
            return self._fetched(start.weights, start.is_card, Path(start.weights).stem)
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
        spec = Checkout(name=name, version=int(number), artifact_hash=line["artifact_hash"])
        return self._cell("fetch", "pipeline.tracking.checkout", spec, paths.raw(f"{name}_v{number}"), version)

    @_once
    def pretrain(self, name: str, seed: int) -> Cell:
        entry = self.params.pretraining[name]
        values = self._trained(self.params, name, seed, entry)
        spec = Pretrain(**values, precision=self.profile.precision, method=entry.method, options=entry.options)
        method = f"pipeline.pretraining.methods.{entry.method}"
        output, modules = self._model("pretrain", name, seed), (*named(spec), f"pipeline.tasks.{spec.task}", method)
        inputs = {"data": self.data(name)}
        return self._cell("pretrain", "pipeline.pretraining.pretrain", spec, output, name, seed, modules, inputs)

    def compress(self, key: str, seed: int) -> Cell:
        """The last step of a variant."""
        return self.steps(key, seed)[-1]

    @_once
    def steps(self, key: str, seed: int) -> list[Cell]:
        """Every step of a variant, each with the model that the one before has left.

        Variants of one experiment that begin alike share the cells of their beginning; the first that has a step shows
        it among its outputs, unless the step is the end of another.
        """
        variant, cells = self.params.variants[key], []
        alike = {k: v.steps for k, v in self.params.variants.items() if v.of == variant.of}
        model = self.train(variant.of, seed)
        for number, step in enumerate(variant.steps, 1):
            begun = variant.steps[:number]
            ends = [k for k, steps in alike.items() if steps == begun]
            owner = ends[0] if ends else next(k for k, steps in alike.items() if steps[:number] == begun)
            output = self._model("compress", owner, seed) / f"{number}_{step['method']}"
            options = {name: value for name, value in step.items() if name != "method"}
            spec = Compress(**self._shared(variant.of), seed=seed, method=step["method"], options=options)
            inputs = {"model": model, "data": self.data(variant.of)}
            made = f"pipeline.compress.methods.{spec.method}", f"pipeline.formats.{spec.makes}"
            modules = *made, *self._opens(key, model)
            model = self._cell("compress", "pipeline.compress.compress", spec, output, owner, seed, modules, inputs)
            cells.append(model)
        return cells

    @_once
    def predict(self, key: str, seed: int) -> Cell:
        """Of an experiment, or of a variant and, if a step of it is one, its baseline."""
        steps = self.steps(key, seed) if key in self.params.variants else []
        model = steps[-1] if steps else self.train(key, seed)
        baselines = {step.spec.baseline: step for step in steps[:-1] if step.spec.baseline}  # type: ignore[attr-defined]
        prefix, baseline = next(iter(baselines.items()), ("", None))
        spec = Predict(**self._shared(self._owner(key)), baseline=prefix)
        inputs = {"model": model, "data": self.data(self._owner(key))} | ({"baseline": baseline} if baseline else {})
        entry = "pipeline.evaluate.predict"
        if "same" in model.inputs:
            entry, inputs["same"] = SAME, self.predict(key, self.params.seeds_of(key)[0])
        output = paths.evaluations(self.params.profile) / key / f"seed{seed}" / "predict"
        opened = (inputs[name] for name in ("model", "baseline") if name in inputs)
        modules = *self._opens(key, *opened), f"pipeline.tasks.{spec.task}"
        return self._cell("predict", entry, spec, output, key, seed, modules, inputs)

    @_once
    def evaluate(self, key: str, seed: int) -> dict[str, Cell]:
        """By evaluator, of an experiment or of a variant."""
        predictions = self.predict(key, seed)
        inputs = {**predictions.inputs, "predictions": predictions}
        inputs.pop("same", None)
        models = [inputs[name] for name in ("model", "baseline") if name in inputs]
        made = {}
        for name, options in self.params.evaluators.items():
            spec = Evaluate(**self._shared(self._owner(key)), evaluator=name, options=options)
            modules: tuple[str, ...] = (f"pipeline.evaluate.evaluators.{name}", f"pipeline.tasks.{spec.task}")
            if introspection.constant(f"evaluate/evaluators/{name}", "NEEDS_MODEL"):
                modules = *modules, *self._opens(key, *models)
            output = paths.evaluations(self.params.profile) / key / f"seed{seed}" / name
            made[name] = self._cell(
                "evaluate", "pipeline.evaluate.evaluate", spec, output, key, seed, modules, dict(inputs)
            )
        return made

    def _opens(self, key: str, *models: Cell) -> tuple[str, ...]:
        return opened(models, self.params.experiments[self._owner(key)].module)

    def _owner(self, key: str) -> str:
        """The experiment that a row is of."""
        return self.params.variants[key].of if key in self.params.variants else key

    def experiment(self, key: str) -> Iterator[Cell]:
        for seed in self.params.seeds_of(key):
            yield self.train(key, seed)
            yield from self.judged(key, seed)

    def variant(self, key: str) -> Iterator[Cell]:
        for seed in self.params.seeds_of(key):
            yield from self.steps(key, seed)
            yield from self.judged(key, seed)

    def judged(self, key: str, seed: int) -> Iterator[Cell]:
        """What a model says, and what every evaluator says of that."""
        yield self.predict(key, seed)
        yield from self.evaluate(key, seed).values()

    def _model(self, kind: str, key: str, seed: int) -> Path:
        return paths.artifacts(self.params.profile, kind) / key / f"seed{seed}"

    def _shared(self, experiment: str) -> dict[str, Any]:
        known, budget = {**self.params.pretraining, **self.params.experiments}, self.params.budget_of(experiment)
        data = known[experiment].data
        task, threads = self.params.data[data].task, self.profile.threads
        return {"data": data, "task": task, "budget": budget, "threads": threads}

    def _trained(self, params: Params, key: str, seed: int, entry: Experiment) -> dict[str, Any]:
        """What decides the training of a row or of a pretraining, with the recipe that `params` give it."""
        return {
            **self._shared(key),
            "seed": seed,
            "model": entry.model,
            "view": entry.view,
            "args": entry.args,
            "recipe": params.recipe_of(key),
        }

    def _cell(
        self,
        kind: str,
        entry: str,
        spec: Strict,
        output: Path,
        experiment: str,
        seed: int | None = None,
        modules: tuple[str, ...] = (),
        inputs: dict[str, Cell] | None = None,
        execution: Execution | None = None,
    ) -> Cell:
        cell = Cell(kind, entry, spec, output, experiment, seed, modules, inputs or {}, execution)
        made_from = frozenset((name, id(parent)) for name, parent in cell.inputs.items())
        return self._made.setdefault((experiment, seed, fingerprint.of_json(cell.asked), made_from), cell)
