"""The sections of params.yaml, strictly typed; those of data, recipes, starts and searches are beside their consumers.

Importing this must stay cheap: every stage and every command with nothing to do pays for it.
"""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, PrivateAttr

from pipeline.config.grid import Grid
from pipeline.data.section import Budget, Data, Seeds
from pipeline.data.spec import Tokens
from pipeline.introspection import Strict
from pipeline.search.space import Space
from pipeline.training.recipe import Fit, Gradient, Recipe, resolve
from pipeline.training.start import Start

STUDIES = "studies"  # what `only` may name beside profiles


class Profile(Strict):
    """One scale of work. cell_minutes: on a machine without a GPU, a cell estimated longer is not run but reported.

    seeds: of every row whose data set has no seeds of its own.
    devices: that train one network together, GPUs or, where there are none, processes with `threads` each.
    A checkpoint of it in training is kept every so many seconds and epochs, null for never. A pretraining has one
    device and the usual checkpoints.
    executor: what makes cells, children of a warm interpreter on this machine or the machines of a Ray cluster.
    ray_address: of its head, `host:port`; null: what RAY_ADDRESS says. ray_checkpoint_minutes: how often a node sends
    the checkpoint of what it trains. None of these decides what a cell is.
    """

    seeds: Seeds
    threads: Annotated[int, Field(ge=1)]
    precision: str = Field(pattern="^(32-true|bf16-mixed|16-mixed)$")
    cell_minutes: Annotated[float, Field(gt=0)]
    devices: Annotated[int, Field(ge=1)] = 1
    checkpoint_seconds: Annotated[float, Field(ge=0)] | None = 20.0
    checkpoint_epochs: Annotated[int, Field(ge=1)] | None = None
    executor: Literal["local", "ray"] = "local"
    ray_address: str | None = None
    ray_checkpoint_minutes: Annotated[float, Field(gt=0)] = 5.0


class Experiment(Strict):
    """One row of the table.

    view: what is done to items before the model sees them. args: the model's keyword arguments. set: recipe fields that
    this row changes. only: profiles that the row is in, all if it is left out; a network of a paper's full size is no
    row of a profile for minutes on two cores. A row of `studies` is in no table, but studies may vary it. start: the
    weights that it is initialised from instead of random ones. tokens: the entry of `tokenizers` that cuts its text,
    instead of the data set's own. on_request: the row is made only where it, its data or its part is asked for.
    seeds: by profile, instead of its data's or the profile's own; fewer of them where a seed takes many minutes.
    """

    data: str
    model: str
    recipe: str
    view: str = "none"
    args: dict[str, Any] = {}
    set: dict[str, Any] = {}
    only: Annotated[list[str], Field(min_length=1)] | None = None
    start: Start | None = None
    tokens: str | None = None
    on_request: bool = False
    seeds: dict[str, Seeds] = {}

    @property
    def short(self) -> str:
        """The model's name without its folder."""
        return self.model.rpartition("/")[2]

    @property
    def module(self) -> str:
        """`pipeline.models.lenet5`, to be imported."""
        return f"pipeline.{self.model.replace('/', '.')}"


class Variant(Strict):
    """A compressed form of every seed of an experiment.

    steps: each `method`, a file of pipeline/compress/methods, and that method's keyword arguments; a step starts from
    what the one before has left.
    """

    of: str
    steps: Annotated[list[dict[str, Any]], Field(min_length=1)]


def _whole_epochs(budget: dict[str, int | None]) -> dict[str, int | None]:
    if budget.get("epochs", 1) is None:
        raise ValueError("epochs null: give a number, or leave it out for the data set's own")
    return budget


OwnBudget = Annotated[
    dict[Literal["samples", "validation", "epochs"], Annotated[int, Field(ge=1)] | None],
    AfterValidator(_whole_epochs),
]


class Variation(Strict):
    """What a point of a study changes of its row: values of `args`, of `set` and of the data's `budget`.

    label: what the point is called; without one, what it changes. model, start: instead of the row's; with
    `start: null` weights are random.
    """

    label: str = ""
    model: str = ""
    args: dict[str, Any] = {}
    set: dict[str, Any] = {}
    budget: OwnBudget = {}
    start: Start | None = None

    @property
    def told(self) -> str:
        """The label, or `hidden 16 16, lr 0.01`; empty where it changes nothing."""
        if self.label:
            return self.label
        values: dict[str, Any] = {"model": self.model} if self.model else {}
        values |= {**self.args, **self.set}
        values |= {str(name): value for name, value in self.budget.items()}
        if "start" in self.model_fields_set:
            values |= (
                {"from": self.start.weights, "train": self.start.train} if self.start else {"from": "random weights"}
            )
        shown = {name: " ".join(map(str, v)) if isinstance(v, list) else str(v) for name, v in values.items()}
        return ", ".join(f"{name} {value}" for name, value in shown.items())


class Study(Strict):
    """Variations of one row, in figures of their own. args, set, budget: what all points change of it.

    kind: a file of pipeline/report/studies, which says what is collected of each point and how it is drawn.
    """

    of: str
    kind: str = "scale"
    args: dict[str, Any] = {}
    set: dict[str, Any] = {}
    budget: OwnBudget = {}
    vary: Annotated[list[Variation], Field(min_length=2)]

    @property
    def names(self) -> list[str]:
        """Of the points. One that changes nothing is the row's own, where the study itself changes nothing either."""
        plain = "nothing more" if self.args or self.set or self.budget else "as in the table"
        return [change.told or plain for change in self.vary]


class Point(Experiment):
    """A row's variation. Rows are compared under one budget; a point may have its own."""

    budget: dict[str, Any] = {}


class Pretraining(Experiment):
    """A network trained without labels, on the training items of its budget: weights that a `start` can name.

    method: a file of pipeline/pretraining/methods. options: its keyword arguments. budget: what it changes of its
    data's, for all profiles.
    """

    method: str
    options: dict[str, Any] = {}
    budget: OwnBudget = {}


class Params(Strict):
    """The whole of params.yaml. experiments: the rows that grids make, then the others.

    evaluators: by name, each with its options.
    """

    profile: str
    profiles: dict[str, Profile]
    data: dict[str, Data]
    tokenizers: dict[str, Tokens] = {}
    recipes: dict[str, Recipe]
    grids: dict[str, Grid] = {}
    experiments: dict[str, Experiment] = {}
    variants: dict[str, Variant] = {}
    evaluators: Annotated[dict[str, dict[str, Any]], Field(min_length=1)]
    search: dict[str, Space] = {}
    pretraining: dict[str, Pretraining] = {}
    studies: dict[str, Study] = {}
    _elsewhere: dict[str, str] = PrivateAttr(default_factory=dict)
    _varied: dict[str, Experiment] = PrivateAttr(default_factory=dict)
    _rows: "Params | None" = PrivateAttr(default=None)

    @property
    def elsewhere(self) -> dict[str, str]:
        """Rows and variants of other profiles only, each with the experiment that it belongs to."""
        return self._elsewhere

    @property
    def varied_rows(self) -> dict[str, Experiment]:
        """What studies may be of: the rows, and those that are in no table."""
        return {**self.experiments, **self._varied}

    @property
    def rows(self) -> "Params":
        """Of a study's points, the parameters with the rows instead, from which they may start."""
        return self._rows or self

    @property
    def active(self) -> Profile:
        return self.profiles[self.profile]

    def varied(self, study: str) -> "Params":
        """With the points of a study, `<study>_1` and so on, as the only rows; with none, if its row is none here."""
        asked = self.studies[study]
        base = self.varied_rows.get(asked.of)
        points: dict[str, Experiment] = {}
        if base:
            for number, change in enumerate(asked.vary, 1):
                start = change.start if "start" in change.model_fields_set else base.start
                changed: dict[str, Any] = {"model": change.model or base.model, "start": start}
                for part in ("args", "set"):
                    changed[part] = {**getattr(base, part), **getattr(asked, part), **getattr(change, part)}
                changed["budget"] = {str(name): value for name, value in {**asked.budget, **change.budget}.items()}
                points[f"{study}_{number}"] = Point(**base.model_dump() | changed)
        found = self.model_copy(update={"experiments": points, "variants": {}, "search": {}, "studies": {}})
        found._rows = self
        return found

    def recipe_of(self, key: str) -> Gradient | Fit:
        """The recipe of an experiment or of a pretraining with its overrides."""
        experiment = self.experiments.get(key) or self.pretraining[key]
        return resolve(self.recipes[experiment.recipe], experiment.set)

    def budget_of(self, key: str) -> Budget:
        """What an experiment or a pretraining may use in the active profile."""
        experiment = self.experiments.get(key) or self.pretraining[key]
        budget = self.data[experiment.data].budget[self.profile]
        own = experiment.budget if isinstance(experiment, Point | Pretraining) else {}
        return budget.model_copy(update={str(name): value for name, value in own.items()})

    def tokens_of(self, key: str) -> str | None:
        """The entry of `tokenizers` that an experiment or a pretraining has its text cut by."""
        experiment = self.experiments.get(key) or self.pretraining[key]
        return experiment.tokens or self.data[experiment.data].tokens

    def seeds_of(self, key: str, profile: str = "") -> list[int]:
        """What an experiment or a variant is run with, in the active profile where none is named."""
        experiment = self.experiments[self.variants[key].of if key in self.variants else key]
        profile = profile or self.profile
        return experiment.seeds.get(profile) or self.data[experiment.data].seeds or self.profiles[profile].seeds

    def asked(self, key: str, profile: str) -> dict[str, Any]:
        """What an experiment or a variant is, resolved, in JSON values: results of anything else are not its results.

        Seeds are left out, since they are rows of their own.
        """
        variant = self.variants.get(key)
        owner = variant.of if variant else key
        experiment = self.experiments[owner]
        data = self.data[experiment.data]
        tokens = self.tokens_of(owner)
        later = {"start", "tokens"}  # a field that came later and is not given: results of before it are of the same
        return {
            **experiment.model_dump(
                exclude={"set", "only", "on_request", "seeds"} | {n for n in later if getattr(experiment, n) is None}
            ),
            "recipe_resolved": self.recipe_of(owner).model_dump(),
            "budget": data.budget[profile].model_dump(),
            "source": data.model_dump(
                exclude={"budget", "seeds", "tokens", "part"} | ({"missing"} if data.missing == "refuse" else set())
            ),
            **({"tokenizer": self.tokenizers[tokens].model_dump()} if tokens else {}),
            "threads": self.profiles[profile].threads,
            "precision": self.profiles[profile].precision,
            "steps": variant.steps if variant else None,
        }
