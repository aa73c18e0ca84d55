"""Which rows a command is about, and which of their cells each step of the build makes."""

from pipeline.cells.cell import Cell
from pipeline.config import loading
from pipeline.config.messages import unknown
from pipeline.config.sections import Params
from pipeline.report import study
from pipeline.results.collect import owner
from pipeline.run.estimate import Estimates, over_time_limit
from pipeline.run.fill import needed
from pipeline.run.plan import Plan

# The steps that make cells, in their order -> the kinds of cells that each makes.
STEPS = {
    "fetch": ("fetch",),
    "prepare": ("prepare",),
    "train": ("features", "train"),
    "compress": ("compress",),
    "evaluate": ("predict", "evaluate"),
}
ALL = "all"  # instead of a part: all of them, and what is in none
EARLY = 0.1  # of the work, for which the longest cells wait: they still start early enough to end with the rest


def check_part(params: Params, task: str | None) -> None:
    """ParamsError where no data set is in the part of that name."""
    parts = [*sorted({entry.part for entry in params.data.values() if entry.part}), ALL]
    if task and task not in parts:
        raise loading.ParamsError(unknown("part of the build", task, parts))


class Selection:
    """Rows of the active profile, and of those the ones that this machine takes on.

    experiment, data, task: of that name only, task being a part of the build or `all`. ParamsError where there is none.
    Where none is given, rows that are made on request are left out unless they are there already. skipped: rows with a
    missing cell above the profile's time limit, each with the seconds that it would take; never one that is asked for
    by its own name.
    """

    def __init__(
        self, plan: Plan, experiment: str | None = None, data: str | None = None, task: str | None = None
    ) -> None:
        self.plan, self.part = plan, bool(experiment or data or task)
        known = plan.params.experiments
        if experiment and experiment not in known and experiment not in plan.params.variants:
            raise loading.ParamsError(loading.no_row(plan.params, experiment))
        if data and data not in plan.params.data:
            raise loading.ParamsError(unknown("data set", data, plan.params.data))
        check_part(plan.params, task)
        parent = plan.params.variants[experiment].of if experiment in plan.params.variants else experiment
        asked = [
            key
            for key, entry in known.items()
            if parent in (None, key)
            and data in (None, entry.data)
            and task in (None, ALL, plan.params.data[entry.data].part)
            and (self.part or not entry.on_request or self._is_made(key))
        ]
        self.data = [d for d in plan.params.data if any(known[k].data == d for k in asked)]
        self.estimates = Estimates(plan.params)
        self.experiments: list[str] = asked
        self.skipped: dict[str, float] = {}
        self.named = bool(experiment)  # who names one experiment has been told what it takes
        self.skip()

    def _is_made(self, key: str) -> bool:
        return all(cell.complete for cell in self.row(key))

    def skip(self) -> None:
        """Leave out what is over the limit; again once the data are there, which tell what a row takes."""
        for key in [] if self.named else self.experiments:
            seconds = over_time_limit(self.plan, key, self.estimates)
            if seconds is not None:
                self.skipped[key] = seconds
        self.experiments = [key for key in self.experiments if key not in self.skipped]

    @property
    def variants(self) -> list[str]:
        return [key for key, v in self.plan.params.variants.items() if v.of in self.experiments]

    @property
    def rows(self) -> list[str]:
        """Names of the experiments and of their variants."""
        return [*self.experiments, *self.variants]

    def by_data(self) -> dict[str, list[str]]:
        """Rows by their data set."""
        params, found = self.plan.params, dict[str, list[str]]()
        for key in self.rows:
            found.setdefault(params.experiments[owner(params, key)].data, []).append(key)
        return found

    def early(self) -> set[str]:
        """Requests of the data sets with the least work, up to a tenth of it all: their tables can be there soon."""
        missing = {
            data: [cell for cell in needed(c for key in rows for c in self.row(key)) if not cell.complete]
            for data, rows in self.by_data().items()
        }
        work = {data: sum(self.estimates.seconds(cell) or 0.0 for cell in cells) for data, cells in missing.items()}
        found, left = set[str](), EARLY * sum(work.values())
        for data in sorted(work, key=work.__getitem__):
            left -= work[data]
            if left >= 0:
                found |= {cell.request for cell in missing[data]}
        return found

    def prepared(self) -> list[Cell]:
        """The data of the rows, and data sets all of whose rows are left out."""
        used = {self.plan.params.experiments[key].data for key in self.experiments}
        cells = [self.plan.prepare(name) for name in self.data if name not in used]
        return list({id(cell): cell for cell in [*cells, *map(self.plan.data, self.experiments)]}.values())

    def row(self, key: str) -> list[Cell]:
        """The cells of an experiment or of a variant."""
        make = self.plan.experiment if key in self.plan.params.experiments else self.plan.variant
        return list(make(key))

    def cells(self, prepared: bool = False) -> list[Cell]:
        """prepared: only those of data sets that are ready."""
        data = [cell for cell in self.prepared() if cell.complete or not prepared]
        ready = [key for key in self.rows if self.plan.data(owner(self.plan.params, key)) in data]
        return [*data, *(cell for key in ready for cell in self.row(key))]

    def steps(self) -> dict[str, list[Cell]]:
        """All that the rows need, by the step that makes it."""
        every = needed(self.cells())
        return {step: [cell for cell in every if cell.kind in kinds] for step, kinds in STEPS.items()}


def studies_asked(params: Params, name: str | None = None, task: str | None = None) -> list[str]:
    """Of that name, or of the rows of a part; where neither is given, all but those of rows on request not made yet."""

    def included(key: str) -> bool:
        row = params.varied_rows.get(params.studies[key].of)
        if name or task:
            return name in (None, key) and task in (None, ALL, row and params.data[row.data].part)
        return not (row and row.on_request) or all(cell.complete for cell in study.cells(params, key))

    return [key for key in params.studies if included(key)]
